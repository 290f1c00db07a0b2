"""What an experiment's YAML may say: datasets, splits by drive, and arms that all take the same number of steps.

A complaint names file, line and key.  What only the data can tell (whether a test split shares a drive with a training
split) is checked in ``splits``, before anything is trained.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from scanyard.errors import InputError
from scanyard.scenario.reading import Reading, did_you_mean, listed, read_model

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="letters, digits, _ . -")]
Share = Annotated[float, Field(gt=0, le=1, description="above 0, up to 1")]

_OURS = ("steps", "batch_size", "seed")  # detector settings the recipe states for every arm at once


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DriveChoice(_Strict):
    """Which drives of a dataset belong to a split: a random share of them, or what another split left."""

    share: Share | None = Field(default=None, description="share of the drives, drawn by seed")
    seed: int = Field(default=0, ge=0, description="which drives the share falls on")
    rest_of: Name | None = Field(default=None, description="all drives of the dataset that this split does not have")


class SplitChoice(_Strict):
    """A split: drives of one dataset, or so many frames of them."""

    dataset: Name
    drives: DriveChoice | list[str] | None = Field(default=None, description="all drives where nothing is said")
    frames: int | None = Field(
        default=None,
        ge=1,
        description="so many frames of these drives, drawn alike for every number: more adds to less",
    )


class Stage(_Strict):
    """A part of an arm's training: its share of the steps, and the splits its samples come from."""

    steps: Share = Field(description="share of the arm's optimiser steps")
    mix: dict[Name, Share] = Field(min_length=1, description="share of the samples, by training split")
    learning_rate: Share = Field(default=1.0, description="share of the detector's peak rate; fine-tuning wants less")


class Arm(_Strict):
    """One way to train: stages in order, each starting from the weights of the one before."""

    stages: list[Stage] = Field(min_length=1)

    def stage_steps(self, steps: int) -> list[int]:
        """Whole optimiser steps of each stage; they add up to ``steps`` exactly."""
        ends = [round(steps * share) for share in _running_sum([stage.steps for stage in self.stages])]
        ends[-1] = steps
        return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the training splits, in the order they first appear."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.mix))

    def sample_shares(self) -> dict[str, float]:
        """Share of all samples that comes from each training split."""
        shares: dict[str, float] = {}
        for stage in self.stages:
            for name, share in stage.mix.items():
                shares[name] = shares.get(name, 0.0) + stage.steps * share
        return shares


class Recipe(_Strict):
    """An experiment."""

    extends: str | None = Field(default=None, pattern=r"\.yaml$", description="a recipe whose values this one changes")
    name: Name
    description: str = ""
    datasets: dict[Name, str] = Field(min_length=1, description="folders, relative to this file")
    splits: dict[Name, SplitChoice] = Field(min_length=2)
    test: list[Name] = Field(min_length=1, description="splits every arm is scored on")
    steps: int = Field(ge=1, description="optimiser steps of every arm")
    batch_size: int = Field(default=4, ge=1, description="frames in one step")
    seeds: list[int] = Field(default=[0], min_length=1, description="each arm is trained once per seed")
    detector: dict[str, Any] = Field(default={}, description="settings of the detector's training recipe")
    arms: dict[Name, Arm] = Field(min_length=1)
    protocol: str = Field(default="kitti_r40", description="name of the frozen scoring settings")

    def dataset_folders(self, overrides: Mapping[str, str | Path] | None = None) -> dict[str, Path]:
        """Absolute folder of each dataset; ``overrides`` win.  InputError for one the recipe does not have."""
        given = dict(overrides or {})
        for name in given:
            if name not in self.datasets:
                raise InputError(
                    f"recipe {self.name}: no dataset {name!r}; it has {listed(self.datasets)}"
                    f"{did_you_mean(name, self.datasets)}"
                )
        return {name: Path(given.get(name, folder)).resolve() for name, folder in self.datasets.items()}

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of what the file says, folders and description aside."""
        content = self.model_dump(exclude={"extends", "datasets", "description"})
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def load_recipe(path: str | Path) -> Recipe:
    """Read an experiment's recipe; ScenarioError says file, line, key, what was found and expected."""
    reading = read_model(path, Recipe)
    _check_splits(reading)
    for name, arm in reading.model.arms.items():
        _check_arm(reading, name, arm)
    _check_seeds(reading)
    for name in _OURS:
        if name in reading.model.detector:
            wanted = "seeds" if name == "seed" else name
            raise reading.complaint(
                ("detector", name), f"found here; every arm must have the same, so state {wanted} at the top"
            )
    folders = {name: str(reading.folder(("datasets", name)) / to) for name, to in reading.model.datasets.items()}
    return reading.model.model_copy(update={"datasets": folders})


def _check_splits(reading: Reading[Recipe]) -> None:
    recipe = reading.model
    for name, split in recipe.splits.items():
        _require_known(reading, ("splits", name, "dataset"), split.dataset, recipe.datasets)
        if isinstance(split.drives, DriveChoice):
            _check_choice(reading, name, split.drives)
        elif split.drives is not None and len(set(split.drives)) != max(1, len(split.drives)):
            raise reading.complaint(("splits", name, "drives"), "found none, or one twice; expected different drives")
    for index, name in enumerate(recipe.test):
        _require_known(reading, ("test", index), name, recipe.splits)
    if len(set(recipe.test)) != len(recipe.test):
        raise reading.complaint(("test",), f"found {listed(recipe.test)}; expected each split once")


def _check_choice(reading: Reading[Recipe], name: str, choice: DriveChoice) -> None:
    recipe, path = reading.model, ("splits", name, "drives")
    if (choice.share is None) == (choice.rest_of is None):
        raise reading.complaint(path, "expected either share (with seed) or rest_of")
    if choice.rest_of is None:
        return
    _require_known(reading, (*path, "rest_of"), choice.rest_of, recipe.splits)
    other = recipe.splits[choice.rest_of]
    if isinstance(other.drives, DriveChoice) and other.drives.rest_of is not None:
        raise reading.complaint((*path, "rest_of"), f"{choice.rest_of} is itself the rest of another; name that one")
    if other.dataset != recipe.splits[name].dataset:
        raise reading.complaint(
            (*path, "rest_of"), f"{choice.rest_of} is of dataset {other.dataset}; expected the same dataset"
        )


def _check_arm(reading: Reading[Recipe], name: str, arm: Arm) -> None:
    recipe = reading.model
    total = math.fsum(stage.steps for stage in arm.stages)
    if abs(total - 1) > 1e-6:
        raise reading.complaint(
            ("arms", name, "stages"),
            f"the stages take {total:g} of the steps, {round(total * recipe.steps)} instead of {recipe.steps}; "
            "expected 1 in all, because arms compare only after equal optimiser steps",
        )
    for index, (stage, steps) in enumerate(zip(arm.stages, arm.stage_steps(recipe.steps), strict=True)):
        path = ("arms", name, "stages", index)
        if steps < 1:
            raise reading.complaint(
                (*path, "steps"), f"{stage.steps:g} of {recipe.steps} steps is none; expected at least one step"
            )
        if abs(math.fsum(stage.mix.values()) - 1) > 1e-6:
            raise reading.complaint(
                (*path, "mix"), f"the shares add up to {math.fsum(stage.mix.values()):g}; expected 1"
            )
        for split in stage.mix:
            _require_known(reading, (*path, "mix", split), split, recipe.splits)
            if split in recipe.test:
                raise reading.complaint(
                    (*path, "mix", split), "is a test split; a score on what was trained on measures memory, not skill"
                )


def _check_seeds(reading: Reading[Recipe]) -> None:
    seeds = reading.model.seeds
    if len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise reading.complaint(("seeds",), f"found {seeds}; expected different whole numbers from 0 up")


def _require_known(reading: Reading[Recipe], path: Sequence[str | int], name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise reading.complaint(
            path, f"found {name!r}, which is not defined; expected one of {listed(known)}{did_you_mean(name, known)}"
        )


def _running_sum(values: Sequence[float]) -> list[float]:
    return [math.fsum(values[: index + 1]) for index in range(len(values))]
