"""What an experiment's YAML may say: datasets, splits by drive, and arms that all take the same number of steps.

``load`` reads it and says what is wrong with it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from scanyard.errors import InputError
from scanyard.scenario.reading import did_you_mean, listed
from scanyard.store import BucketPath, place_of

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="letters, digits, _ . -")]
Share = Annotated[float, Field(gt=0, le=1, description="above 0, up to 1")]
SyntheticShare = Annotated[float, Field(ge=0, le=1, description="0 to 1")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Source(_Strict):
    """How a dataset comes about where there is none yet: simulated from scenarios, or imported from a KITTI folder."""

    scenarios: str | None = Field(default=None, description="folder of scenarios to simulate, relative to this file")
    seeds: list[int] | None = Field(default=None, min_length=2, max_length=2, description="first seed, and end")
    rate_hz: float | None = Field(default=None, gt=0, description="instead of each scenario's own")
    cameras: bool = Field(default=True, description="whether cameras are rendered, which detectors here do without")
    kitti: list[str] | None = Field(default=None, min_length=1, description="folders to read below the one given")


class DriveChoice(_Strict):
    """Which drives of a dataset belong to a split: a random share of them, or what another split left.

    With ``folds`` it is cross-validation: the drives are dealt into so many folds, an arm that trains on the split is
    trained once without each fold, and the split that is the ``rest_of`` it, all folds together, is one test.
    """

    share: Share | None = Field(default=None, description="share of the drives, drawn by seed")
    folds: int | None = Field(default=None, ge=2, description="all drives but those of each of so many folds in turn")
    seed: int = Field(default=0, ge=0, description="which drives the share or the folds fall on")
    rest_of: Name | None = Field(default=None, description="all drives of the dataset that this split does not have")


class SplitChoice(_Strict):
    """A split: drives of one dataset, or so many frames of them."""

    dataset: Name
    drives: DriveChoice | list[str] | None = Field(default=None, description="all drives where nothing is said")
    frames: int | None = Field(
        default=None,
        ge=1,
        description="so many frames of these drives; more adds to less, and each seed of a training draws anew",
    )

    @property
    def folds(self) -> int | None:
        """Folds that the drives are dealt into, one left out at a time."""
        return self.drives.folds if isinstance(self.drives, DriveChoice) else None


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


class Sweep(_Strict):
    """An arm for each share of synthetic data, all else equal.

    Two questions that are easily taken for one.  Fixed ``real``: all real frames are there anyway; what do synthetic
    ones add?  The share is that of every batch.  Fixed ``total``: so many frames can be had in all; how many may be
    synthetic?  Synthetic frames then replace real ones.
    """

    real: Name = Field(description="training split of real frames")
    synthetic: Name = Field(description="training split of synthetic frames")
    shares: list[SyntheticShare] = Field(min_length=2, description="shares of synthetic data, from 0 to 1")
    fixed: Literal["real", "total"] = Field(description="what stays the same while the share changes")
    frames: int | None = Field(default=None, ge=2, description="frames in all; where the total is fixed")


class LearningCurve(_Strict):
    """An arm for each number of frames of one split: what more labels are worth."""

    split: Name = Field(description="training split")
    frames: list[int] = Field(min_length=2, description="numbers of frames")


class Curriculum(_Strict):
    """One arm that goes from one mixture to the next within its training, by stages of equal length.

    The learning rate falls from stage to stage in equal steps, so that what comes last refines what came first.
    """

    real: Name = Field(description="training split of real frames")
    synthetic: Name = Field(description="training split of synthetic frames")
    shares: list[SyntheticShare] = Field(min_length=2, description="share of synthetic data in each stage, in order")
    last_rate: Share = Field(default=0.25, description="share of the detector's peak rate in the last stage")


class Recipe(_Strict):
    """An experiment."""

    extends: str | None = Field(default=None, pattern=r"\.yaml$", description="a recipe whose values this one changes")
    name: Name
    description: str = ""
    datasets: dict[Name, str] = Field(min_length=1, description="folders, relative to this file")
    sources: dict[Name, Source] = Field(default={}, description="how datasets come about that are not there yet")
    splits: dict[Name, SplitChoice] = Field(min_length=2)
    test: list[Name] = Field(min_length=1, description="splits every arm is scored on")
    steps: int = Field(ge=1, description="optimiser steps of every arm")
    batch_size: int = Field(default=4, ge=1, description="frames in one step")
    seeds: list[int] = Field(default=[0], min_length=1, description="each arm is trained once per seed")
    detector: dict[str, Any] = Field(default={}, description="settings of the detector's training recipe")
    arms: dict[Name, Arm] = Field(default={}, description="ways to train, spelt out")
    sweeps: dict[Name, Sweep] = Field(default={}, description="families of arms that differ in the share of synthetic")
    curves: dict[Name, LearningCurve] = Field(default={}, description="families of arms that differ in their frames")
    curricula: dict[Name, Curriculum] = Field(default={}, description="arms whose mixture changes while they train")
    notes: list[str] = Field(default=[], description="what a reader of the report must know about the data")
    protocol: str = Field(default="kitti_r40", description="name of the frozen scoring settings")
    compare_by: list[Name] = Field(
        default=["car"],
        min_length=1,
        description="categories that arms are compared by, each by itself; the entries have the scores of all",
    )
    slices: list[str] = Field(
        default=[],
        description="parts of the objects that the report scores too, such as range:0,20,40,80 or weather; range, "
        "scenario and weather where nothing is said",
    )

    def dataset_folders(self, overrides: Mapping[str, str | Path] | None = None) -> dict[str, Path]:
        """Absolute folder of each dataset; ``overrides`` win.

        InputError for one that the recipe does not have, or that lies in a bucket.
        """
        given = dict(overrides or {})
        for name in given:
            if name not in self.datasets:
                raise InputError(
                    f"recipe {self.name}: no dataset {name!r}; it has {listed(self.datasets)}"
                    f"{did_you_mean(name, self.datasets)}"
                )
        return {name: _folder(name, given.get(name, folder)) for name, folder in self.datasets.items()}

    @property
    def folds(self) -> int | None:
        """How many folds the cross-validation has; ``None`` where there is none."""
        return next((split.folds for split in self.splits.values() if split.folds is not None), None)

    def is_cross_validated(self, split: str) -> bool:
        """Whether a split is another one in each fold: it leaves the fold out, or is what was left out."""
        choice = self.splits[split].drives
        if not isinstance(choice, DriveChoice):
            return False
        return self.splits[choice.rest_of].folds is not None if choice.rest_of is not None else choice.folds is not None

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of what the file says, folders, description and what else is shown aside."""
        content = self.model_dump(exclude={"extends", "datasets", "sources", "description", "notes", "slices"})
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _folder(name: str, place: str | Path) -> Path:
    if isinstance(place_of(place), BucketPath):
        raise InputError(
            f"dataset {name}: {place} is in a bucket, expected a folder: trainings read frames many times. Run "
            "scanyard fetch first, and give the folder it writes"
        )
    return Path(place).resolve()


def _running_sum(values: Sequence[float]) -> list[float]:
    return [math.fsum(values[: index + 1]) for index in range(len(values))]
