"""``TrainRecipe``: everything that decides what a training run learns, apart from the frames.

It travels inside the checkpoint, so a detector file says how it was made.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from scanyard.errors import InputError

PILLAR_M = 0.2
"""Side of a pillar; transfer to KITTI did not gain from finer ones."""

BLOCK_M = 8 * PILLAR_M
"""Side of the network's coarsest cell; the detection area is a whole number of them."""

SECOND_LOOK_SHARE = 0.4
"""Of the steps."""


@dataclass(frozen=True)
class TrainRecipe:
    """How to train a detector; the same recipe, frames and thread count give the same weights."""

    steps: int = 1500
    """Optimiser steps, obeyed exactly so that two runs can be compared."""
    batch_size: int = 4
    """Frames in one step of the first look; the second is shown twice as many."""
    learning_rate: float = 8e-3
    """Peak of the one-cycle schedule."""
    seed: int = 0
    """Decides weights, order and augmentation."""
    categories: tuple[str, ...] = ("car",)
    """What is detected; other labelled things are background, except look-alikes, which nobody is blamed for."""
    area_m: tuple[float, float, float, float] = (2.0, -30.4, 50.0, 30.4)
    """Detection area in the ego frame: x from, y from, x to, y to, in metres; sides are multiples of 1.6 m."""
    min_points: int = 5
    """Labels with fewer LiDAR returns inside are neither asked for nor counted as background."""
    use_intensity: bool = False
    """Whether the returns' intensity is seen as well; every sweep must have it.

    Simulated intensity is not calibrated to any sensor's, so it does not transfer to real scans by itself.
    """
    weight_decay: float = 0.01
    rotation_rad: float = 0.6
    """Largest turn of a frame about the sensor in augmentation."""
    scale: float = 0.05
    """Largest change of a frame's size in augmentation, as a fraction."""
    keep_points: float = 0.5
    """Smallest share of the points that random thinning leaves."""
    paste_boxes: int = 8
    """Most labelled objects pasted from other frames into a frame that is not synthetic; 0 turns it off."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        object.__setattr__(self, "area_m", tuple(float(value) for value in self.area_m))
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"training recipe: {name} is {getattr(self, name)}, expected at least 1")
        if not 0 < self.learning_rate < 1:
            raise InputError(
                f"training recipe: learning_rate is {self.learning_rate}, expected a value between 0 and 1"
            )
        if not self.categories or len(set(self.categories)) != len(self.categories):
            raise InputError(f"training recipe: categories {list(self.categories)} must name each class to detect once")
        if not 0 < self.keep_points <= 1:
            raise InputError(f"training recipe: keep_points is {self.keep_points}, expected a share above 0, up to 1")
        if len(self.area_m) != 4:
            raise InputError(
                f"training recipe: area_m has {len(self.area_m)} numbers, expected x from, y from, x to, y to"
            )
        for low, high in ((self.area_m[0], self.area_m[2]), (self.area_m[1], self.area_m[3])):
            blocks = (high - low) / BLOCK_M
            if blocks < 1 or abs(blocks - round(blocks)) > 1e-6:
                raise InputError(
                    f"training recipe: area_m spans {low} to {high}, expected a positive multiple of {BLOCK_M} m"
                )

    @property
    def steps_of_looks(self) -> tuple[int, int]:
        """How many of the steps the first look takes, and how many the second."""
        second = int(SECOND_LOOK_SHARE * self.steps)
        return self.steps - second, second

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrainRecipe:
        """Undo ``to_dict``; absent fields take their defaults.  InputError names an unknown or unfit one."""
        known = {field.name: field for field in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in data.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise InputError(f"training recipe: unknown setting {name!r}{hint}")
            values[name] = _checked(name, value, known[name].default)
        return cls(**values)


def _checked(name: str, value: Any, default: Any) -> Any:
    """``value`` in the type of ``default``, or InputError."""
    if isinstance(default, tuple):
        if isinstance(value, (list, tuple)) and all(_like(item, default[0]) for item in value):
            return tuple(value)
    elif _like(value, default):
        return float(value) if isinstance(default, float) else value
    expected = f"a list of {type(default[0]).__name__}" if isinstance(default, tuple) else type(default).__name__
    raise InputError(f"training recipe: {name} is {value!r}, expected {expected}")


def _like(value: Any, default: Any) -> bool:
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    return isinstance(value, (int, float) if isinstance(default, float) else type(default))
