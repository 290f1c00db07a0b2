"""What the arms of an experiment say together: the matrix, the mixing curves, and what synthetic frames are worth.

Everything is taken from the runs as ``scored`` measured them, so that all of it stands on the same resamples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from scanyard.evaluation import Score
from scanyard.experiment.arm import Job
from scanyard.experiment.families import members
from scanyard.experiment.learning_curve import MIN_SIZES, Worth, worth
from scanyard.experiment.recipe import Recipe
from scanyard.experiment.rows import MIN_SEEDS, synthetic_share
from scanyard.experiment.scored import Runs, Yardstick, of_arm, yardsticks
from scanyard.geometry import FloatArray
from scanyard.split import Split
from scanyard.view import Cell, Contrast, Equivalent, Findings, MixingCurve, MixPoint, SizePoint, headlines, named


def findings(
    recipe: Recipe,
    jobs: Sequence[Job],
    runs_on: Mapping[str, Runs],
    splits: Mapping[str, Split],
    contrasts: Sequence[Contrast],
) -> Findings:
    """All that the recipe's arms allow one to say; notes say what they do not."""
    frames = {arm: frames_of(arm, jobs, splits) for arm in recipe.arms}
    sizes = _sizes(recipe, frames)
    judged = [arm for arm in recipe.arms if synthetic_share(recipe, arm, splits) > 0]
    equivalents, notes = [], list(recipe.notes)
    if judged and len(sizes) >= MIN_SIZES:
        equivalents = [
            equivalent
            for test, runs in runs_on.items()
            for arm in judged
            for by in _read(recipe)
            if (
                equivalent := _equivalent(
                    recipe, arm, sizes=sizes, frames=frames, runs=runs, test=test, splits=splits, by=by
                )
            )
            is not None
        ]
        read = {(one.evaluated_on, one.category, one.metric) for one in equivalents}
        notes += [
            f"What synthetic frames are worth by {by.category} {by.metric.upper()} at overlap {by.iou:g} on "
            f"{named(test, splits[test].domain)} cannot be said: nothing is labelled that counts, or no arm of real "
            "frames alone scores above 0."
            for test, by in product(runs_on, _read(recipe))
            if (test, by.category, by.metric) not in read
        ]
    elif judged:
        notes.append(
            f"What synthetic frames are worth in labels needs {MIN_SIZES} arms of different numbers of real frames; "
            f"the recipe has {len(sizes)}. Add a curve."
        )
    if len(recipe.seeds) < MIN_SEEDS:
        notes.append(f"Single run: fewer than {MIN_SEEDS} seeds, so intervals are over the choice of drives alone.")
    return Findings(
        matrix=tuple(cell for test, runs in runs_on.items() for cell in _cells(recipe, runs, test, splits)),
        mixing=tuple(curve for test, runs in runs_on.items() for curve in _mixing(recipe, runs, test, splits)),
        equivalents=tuple(equivalents),
        sentences=tuple(_sentences(recipe, [contrast for contrast in contrasts if contrast.arm in judged])),
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class TrainedOn:
    """How many frames of either kind an arm trains on; the mean over its runs."""

    real: float
    """Real ones, or those that play their part."""
    synthetic: float


def frames_of(arm: str, jobs: Sequence[Job], splits: Mapping[str, Split]) -> TrainedOn:
    """Frames of an arm's training splits, as its runs hold them."""
    mine = [job for job in jobs if job.arm == arm]

    def mean(synthetic: bool) -> float:
        counts = [
            sum(
                part.num_frames for name, part in job.train.items() if (splits[name].domain == "synthetic") == synthetic
            )
            for job in mine
        ]
        return sum(counts) / len(counts)

    return TrainedOn(mean(synthetic=False), mean(synthetic=True))


def _sizes(recipe: Recipe, frames: Mapping[str, TrainedOn]) -> dict[float, str]:
    """The arms that train on real frames alone, in one stage, by their number; of equal numbers the first."""
    sizes: dict[float, str] = {}
    for name, arm in recipe.arms.items():
        if frames[name].synthetic == 0 and len(arm.stages) == 1:
            sizes.setdefault(frames[name].real, name)
    return dict(sorted(sizes.items()))


def _cells(recipe: Recipe, runs: Runs, test: str, splits: Mapping[str, Split]) -> list[Cell]:
    cells = []
    for arm in recipe.arms:
        for by in yardsticks(recipe):
            score = _mean(recipe, runs, arm, by)
            if score is not None:
                cells.append(
                    Cell(
                        arm=arm,
                        evaluated_on=test,
                        domain=splits[test].domain,
                        category=by.category,
                        metric=by.metric,
                        iou=by.iou,
                        value=score.value,
                        low=score.low,
                        high=score.high,
                    )
                )
    return cells


def _read(recipe: Recipe) -> list[Yardstick]:
    """What equivalents and mixing curves are taken from; a loose overlap is near its ceiling for every arm."""
    return [by for by in yardsticks(recipe) if by.strict]


def _mixing(recipe: Recipe, runs: Runs, test: str, splits: Mapping[str, Split]) -> list[MixingCurve]:
    curves = []
    for name, sweep in recipe.sweeps.items():
        arms = [arm for place, (arm, _, _) in members(recipe) if place == ("sweeps", name)]
        for by in _read(recipe):
            points = [
                MixPoint(share, arm, score.value, score.low, score.high)
                for share, arm in sorted(zip(sweep.shares, arms, strict=True))
                if (score := _mean(recipe, runs, arm, by)) is not None
            ]
            if points:
                curves.append(
                    MixingCurve(
                        sweep=name,
                        fixed=sweep.fixed,
                        evaluated_on=test,
                        domain=splits[test].domain,
                        category=by.category,
                        metric=by.metric,
                        iou=by.iou,
                        points=tuple(points),
                    )
                )
    return curves


def _mean(recipe: Recipe, runs: Runs, arm: str, by: Yardstick) -> Score | None:
    """The mean over an arm's seeds; ``None`` where nothing is labelled that could be found."""
    mine = of_arm(runs, arm, recipe.seeds)
    return runs.mean(mine, by.key) if runs.has(mine, by.key) else None


def _equivalent(
    recipe: Recipe,
    arm: str,
    *,
    sizes: Mapping[float, str],
    frames: Mapping[str, TrainedOn],
    runs: Runs,
    test: str,
    splits: Mapping[str, Split],
    by: Yardstick,
) -> Equivalent | None:
    score = _mean(recipe, runs, arm, by)
    means = {size: _mean(recipe, runs, real, by) for size, real in sizes.items()}
    if score is None or not any(mean is not None and mean.value > 0 for mean in means.values()):
        return None  # a curve along 0 would call the fewest labels tried what it takes to find nothing
    found: Worth = worth(
        {size: _by_seed(recipe, runs, real, by) for size, real in sizes.items()},
        _by_seed(recipe, runs, arm, by),
        labels_by_drive=runs.labels_by_drive(of_arm(runs, arm, recipe.seeds)[0], by.key),
        level=runs.level,
        key=(recipe.name, test, by.metric),
    )
    return Equivalent(
        arm=arm,
        synthetic_frames=round(frames[arm].synthetic),
        real_frames=frames[arm].real,
        seeds=len(recipe.seeds),
        evaluated_on=test,
        domain=splits[test].domain,
        category=by.category,
        metric=by.metric,
        iou=by.iou,
        score=score.value,
        frames=found.frames,
        low=-math.inf if found.low is None else found.low,  # without an interval nothing is ruled out
        high=math.inf if found.high is None else found.high,
        least=found.least,
        most=found.most,
        sizes=tuple(
            SizePoint(size, sizes[size], mean.value, mean.low, mean.high)
            for size, mean in means.items()
            if mean is not None
        ),
        curve=tuple(
            (float(n), float(v), float(low), float(high))
            for n, v, low, high in zip(found.place, found.curve, found.curve_low, found.curve_high, strict=True)
        ),
    )


def _by_seed(recipe: Recipe, runs: Runs, arm: str, by: Yardstick) -> FloatArray:
    """Scores (S, 1 + R) of an arm, a row for each seed: the mean of its folds where they were scored one by one."""
    return np.stack(
        [np.mean([runs.values(run, by.key) for run in of_arm(runs, arm, (seed,))], axis=0) for seed in recipe.seeds]
    )


def _sentences(recipe: Recipe, contrasts: Sequence[Contrast]) -> list[str]:
    """What the headlines' differences of the arms with synthetic data, over all seeds, allow one to say."""
    return [contrast.sentence for contrast in headlines(contrasts) if contrast.seeds == tuple(recipe.seeds)]
