"""Sweeps and learning curves spelt out: each becomes the arms, and the splits of fewer frames, that it stands for.

An arm is called after its family and its percentage of synthetic data, or its number of frames: ``ratio_2.5``,
``labels_40``.  A split made for one is called after the arm and its side.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanyard.experiment.recipe import Arm, LearningCurve, Recipe, SplitChoice, Stage, Sweep

Member = tuple[str, Arm, dict[str, SplitChoice]]
"""Name of an arm, the arm, and the splits it needs that the recipe does not have."""


def members(recipe: Recipe) -> Iterator[tuple[tuple[str, str], Member]]:
    """Every arm that a family of the recipe stands for, with the family's place in the file."""
    for name, sweep in recipe.sweeps.items():
        for share in sweep.shares:
            yield ("sweeps", name), _mixed(recipe, f"{name}_{100 * share:g}", sweep, share)
    for name, curve in recipe.curves.items():
        for frames in curve.frames:
            yield ("curves", name), _of_size(recipe, f"{name}_{frames}", curve, frames)


def num_synthetic(sweep: Sweep, share: float) -> int:
    """Synthetic frames of an arm of a sweep at a fixed total."""
    return round((sweep.frames or 0) * share)


def _mixed(recipe: Recipe, arm: str, sweep: Sweep, share: float) -> Member:
    if sweep.fixed == "real":
        return arm, _arm({sweep.synthetic: share, sweep.real: 1 - share}), {}
    assert sweep.frames is not None  # load refuses a fixed total without a number
    frames = {sweep.synthetic: num_synthetic(sweep, share)}
    frames[sweep.real] = sweep.frames - frames[sweep.synthetic]
    splits = {
        f"{arm}_{side}": recipe.splits[split].model_copy(update={"frames": frames[split]})
        for side, split in (("synthetic", sweep.synthetic), ("real", sweep.real))
        if frames[split]
    }
    return arm, _arm({name: (choice.frames or 0) / sweep.frames for name, choice in splits.items()}), splits


def _of_size(recipe: Recipe, arm: str, curve: LearningCurve, frames: int) -> Member:
    split = f"{arm}_frames"
    return arm, _arm({split: 1.0}), {split: recipe.splits[curve.split].model_copy(update={"frames": frames})}


def _arm(mix: dict[str, float]) -> Arm:
    return Arm(stages=[Stage(steps=1.0, mix={name: share for name, share in mix.items() if share > 0})])
