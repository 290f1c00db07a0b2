"""Sweeps, learning curves and curricula spelt out: the arms, and the splits of fewer frames, that they stand for.

An arm is called after its family and its percentage of synthetic data, or its number of frames: ``ratio_2.5``,
``labels_40``; a curriculum is one arm of its own name.  A split made for one is called after the arm and its side.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanyard.experiment.recipe import Arm, Curriculum, LearningCurve, Recipe, SplitChoice, Stage, Sweep

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
    for name, curriculum in recipe.curricula.items():
        yield ("curricula", name), (name, _in_stages(curriculum), {})


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


def _in_stages(curriculum: Curriculum) -> Arm:
    last = len(curriculum.shares) - 1
    stages = []
    for index, share in enumerate(curriculum.shares):
        mix = {curriculum.synthetic: share, curriculum.real: 1 - share}
        rate = 1 - (1 - curriculum.last_rate) * index / last
        stages.append(
            Stage(steps=1 / (last + 1), mix={name: part for name, part in mix.items() if part > 0}, learning_rate=rate)
        )
    return Arm(stages=stages)


def _arm(mix: dict[str, float]) -> Arm:
    return Arm(stages=[Stage(steps=1.0, mix={name: share for name, share in mix.items() if share > 0})])
