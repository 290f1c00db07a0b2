"""Waiting until a world has settled: vehicles have dropped to the ground and the camera's exposure has adapted.

A rendering server needs that (textures stream, exposure adapts, what was spawned falls), and how long differs from
scene to scene, so it is measured rather than guessed; and capped, as some worlds never rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

QUIET_TICKS = 5
"""So many ticks in a row must be quiet: a car at the top of its bounce stands still for one."""
VERTICAL_SPEED_MPS = 0.05
"""A vehicle slower than this has landed; one on its springs is still at some 0.2."""
LUMINANCE_SHARE = 0.01
"""A picture whose mean changes by less than this share within the quiet ticks has been exposed."""
LUMINANCE_FLOOR = 1.0
"""Of 255: a night's picture is so dark that a share of it is less than a grey level."""


@dataclass(frozen=True)
class WarmUp:
    """How a scene was warmed up."""

    ticks: int
    settled: bool
    """Whether the world had come to rest; if not, the cap was reached."""

    def to_dict(self) -> dict[str, int | bool]:
        """As JSON values."""
        return {"ticks": self.ticks, "settled": self.settled}


class Settling:
    """The last few ticks, and whether the world was quiet in all of them."""

    def __init__(self) -> None:
        self._fastest: deque[float] = deque(maxlen=QUIET_TICKS)
        self._luminance: deque[Mapping[str, float]] = deque(maxlen=QUIET_TICKS)

    def add(self, vertical_speed_mps: NDArray[np.float64], luminance: Mapping[str, float]) -> None:
        """Note one tick: the vertical speed (N,) of vehicles, and the mean of every colour picture, 0 to 255."""
        self._fastest.append(float(np.abs(vertical_speed_mps).max(initial=0.0)))
        self._luminance.append(luminance)

    @property
    def settled(self) -> bool:
        """Whether the world has come to rest."""
        if len(self._fastest) < QUIET_TICKS or max(self._fastest) > VERTICAL_SPEED_MPS:
            return False
        for camera in self._luminance[-1]:
            seen = [luminance[camera] for luminance in self._luminance]
            if max(seen) - min(seen) > max(LUMINANCE_SHARE * max(seen), LUMINANCE_FLOOR):
                return False
        return True


def luminance(pixels: memoryview | bytes) -> float:
    """The mean of a BGRA picture's colours, 0 to 255, from every 16th pixel: it is a mean over thousands as it is."""
    return float(np.frombuffer(pixels, dtype=np.uint8).reshape(-1, 4)[::16, :3].mean())
