"""From a recipe's YAML to a ``Recipe``; a complaint names file, line and key.

What only the data can tell (whether a test split shares a drive with a training split) is checked in ``splits``, before
anything is trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from scanyard.errors import EvaluationError
from scanyard.experiment.families import members, num_synthetic
from scanyard.experiment.recipe import Arm, Curriculum, DriveChoice, Recipe, Sweep
from scanyard.metrics import SliceBy
from scanyard.scenario.reading import Reading, did_you_mean, listed, read_model
from scanyard.store import BucketPath, place_of

_OURS = ("steps", "batch_size", "seed")  # detector settings the recipe states for every arm at once


def load_recipe(path: str | Path) -> Recipe:
    """Read an experiment's recipe; ScenarioError says file, line, key, what was found and expected."""
    reading = read_model(path, Recipe)
    _check_sources(reading)
    _check_splits(reading)
    _check_families(reading)
    model = reading.model
    if not (model.arms or model.sweeps or model.curves or model.curricula):
        raise reading.complaint(
            ("arms",), "found no arm, sweep, curve or curriculum; expected at least one way to train"
        )
    for name, arm in reading.model.arms.items():
        _check_arm(reading, name, arm)
    _check_seeds(reading)
    _check_categories(reading)
    _check_slices(reading)
    for name in _OURS:
        if name in reading.model.detector:
            wanted = "seeds" if name == "seed" else name
            raise reading.complaint(
                ("detector", name), f"found here; every arm must have the same, so state {wanted} at the top"
            )
    folders = {
        name: to if isinstance(place_of(to), BucketPath) else str(reading.folder(("datasets", name)) / to)
        for name, to in reading.model.datasets.items()
    }
    sources = {
        name: source
        if source.scenarios is None
        else source.model_copy(
            update={"scenarios": str((reading.folder(("sources", name, "scenarios")) / source.scenarios).resolve())}
        )
        for name, source in reading.model.sources.items()
    }
    return _spelt_out(reading).model_copy(update={"datasets": folders, "sources": sources})


def _spelt_out(reading: Reading[Recipe]) -> Recipe:
    """The recipe with the arms and splits of its families among its own."""
    recipe = reading.model
    arms, splits = dict(recipe.arms), dict(recipe.splits)
    for place, (name, arm, more) in members(recipe):
        for what in [name] * (name in arms) + [split for split in more if split in splits]:
            raise reading.complaint(place, f"stands for {what!r}, which the recipe has already; rename one")
        arms[name] = arm
        splits.update(more)
    return recipe.model_copy(update={"arms": arms, "splits": splits})


def _check_sources(reading: Reading[Recipe]) -> None:
    for name, source in reading.model.sources.items():
        place = ("sources", name)
        _require_known(reading, place, name, reading.model.datasets)
        if (source.scenarios is None) == (source.kitti is None):
            raise reading.complaint(place, "expected either scenarios (with seeds) or kitti")
        if (source.scenarios is None) != (source.seeds is None):
            raise reading.complaint(place, "expected scenarios and seeds together")
        if source.seeds is not None and not 0 <= source.seeds[0] < source.seeds[1]:
            raise reading.complaint((*place, "seeds"), f"found {source.seeds}; expected a first seed and a larger end")


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
    if [choice.share, choice.folds, choice.rest_of].count(None) != 2:
        raise reading.complaint(path, "expected either share (with seed), folds (with seed) or rest_of")
    if choice.folds is not None:
        _check_folds(reading, name)
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


def _check_folds(reading: Reading[Recipe], name: str) -> None:
    """One way to deal drives into folds: two would make runs of every pair of them."""
    recipe = reading.model
    if name in recipe.test:
        raise reading.complaint(
            ("splits", name, "drives", "folds"),
            f"{name} is a test split; expected folds on the training split, and rest_of it in the test split",
        )
    split = recipe.splits[name]
    for other_name, other in recipe.splits.items():
        if other.folds is not None and (other.dataset, other.drives) != (split.dataset, split.drives):
            raise reading.complaint(
                ("splits", name, "drives", "folds"),
                f"found {split.folds} folds of {split.dataset}, and other folds in {other_name}; expected the same "
                "dataset, folds and seed wherever there are folds",
            )


def _check_families(reading: Reading[Recipe]) -> None:
    recipe = reading.model
    for name, sweep in recipe.sweeps.items():
        place = ("sweeps", name)
        _check_sides(reading, place, sweep)
        _require_different(reading, (*place, "shares"), sweep.shares)
        if sweep.fixed == "real":
            if sweep.frames is not None:
                raise reading.complaint((*place, "frames"), "found with the real frames fixed; expected fixed: total")
            continue
        if sweep.frames is None:
            raise reading.complaint((*place, "fixed"), "found total, without saying how many; expected frames")
        for side in ("real", "synthetic"):
            _require_unlimited(reading, (*place, side), getattr(sweep, side))
        counts = [num_synthetic(sweep, share) for share in sweep.shares]
        if len(set(counts)) < len(counts):
            raise reading.complaint(
                (*place, "shares"),
                f"of {sweep.frames} frames these make {counts} synthetic; expected different numbers. Use more frames "
                "or fewer shares",
            )
    for name, curriculum in recipe.curricula.items():
        _check_sides(reading, ("curricula", name), curriculum)
        if recipe.steps < len(curriculum.shares):
            raise reading.complaint(
                ("curricula", name, "shares"),
                f"found {len(curriculum.shares)} stages of {recipe.steps} steps; expected at least one step for each",
            )
    for name, curve in recipe.curves.items():
        place = ("curves", name)
        _check_trained_on(reading, (*place, "split"), curve.split)
        _require_unlimited(reading, (*place, "split"), curve.split)
        _require_different(reading, (*place, "frames"), curve.frames)
        if min(curve.frames) < 1:
            raise reading.complaint((*place, "frames"), f"found {min(curve.frames)}; expected numbers from 1 up")


def _check_sides(reading: Reading[Recipe], place: tuple[str, str], family: Sweep | Curriculum) -> None:
    for side in ("real", "synthetic"):
        _check_trained_on(reading, (*place, side), getattr(family, side))
    if family.real == family.synthetic:
        raise reading.complaint((*place, "synthetic"), f"found {family.real!r} on both sides; expected two splits")


def _check_trained_on(reading: Reading[Recipe], path: Sequence[str | int], name: str) -> None:
    _require_known(reading, path, name, reading.model.splits)
    if name in reading.model.test:
        raise reading.complaint(path, f"found {name!r}, a test split; a score on what was trained on measures memory")


def _require_unlimited(reading: Reading[Recipe], path: Sequence[str | int], name: str) -> None:
    if reading.model.splits[name].frames is not None:
        raise reading.complaint(path, f"found {name!r}, which has a number of frames already; expected one without")


def _require_different(reading: Reading[Recipe], path: Sequence[str | int], values: Sequence[float]) -> None:
    if len(set(values)) < len(values):
        raise reading.complaint(path, f"found {list(values)}; expected each once")


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


def _check_categories(reading: Reading[Recipe]) -> None:
    """Whether they are detected and scored is known once the detector's settings are read (``plan``)."""
    names = reading.model.compare_by
    if len(set(names)) != len(names):
        raise reading.complaint(("compare_by",), f"found {listed(names)}; expected each category once")


def _check_slices(reading: Reading[Recipe]) -> None:
    for index, text in enumerate(reading.model.slices):
        try:
            SliceBy.parse(text)
        except EvaluationError as error:
            raise reading.complaint(("slices", index), str(error)) from None


def _require_known(reading: Reading[Recipe], path: Sequence[str | int], name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise reading.complaint(
            path, f"found {name!r}, which is not defined; expected one of {listed(known)}{did_you_mean(name, known)}"
        )
