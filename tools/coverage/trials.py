"""Trials of intervals and tests on simulated detectors: one trial is one test set, scored as the product scores it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from detectors import Found, Roads, World, detect, draw_roads

from scanyard.geometry import FloatArray
from scanyard.metrics.blocks import cut_in_blocks, draw_blocks
from scanyard.metrics.intervals import effective_number, percentile_interval, resampled_drives, widened_interval
from scanyard.metrics.kitti_matching import Matches
from scanyard.metrics.permutation import least_p, permutation_p, swaps
from scanyard.metrics.pool import IntArray
from scanyard.metrics.power import detectable_difference
from scanyard.metrics.precision import average_precision

Interval = tuple[float, float] | None
LEVEL = 0.9


@dataclass(frozen=True)
class Comparison:
    """Two detectors on one test set."""

    interval: Interval
    p: float
    detectable: float | None


def score(matches: Matches, copies: IntArray) -> FloatArray:
    return average_precision(matches, copies)[0]


def drive_interval(found: Found, roads: Roads, *, resamples: int, seed: int) -> Interval:
    """As the product has it: drives drawn, percentiles widened."""
    matches = found.matches(roads.frame_drive, roads.cars)
    values = score(matches, resampled_drives(roads.num_drives, resamples, seed))
    low, high = percentile_interval(values, LEVEL, matches.num_labels)
    return None if low is None or high is None else (low, high)


def plain_interval(found: Found, roads: Roads, *, resamples: int, seed: int) -> Interval:
    """Drives drawn, percentiles as they are: what the product did before."""
    values = score(found.matches(roads.frame_drive, roads.cars), resampled_drives(roads.num_drives, resamples, seed))
    return _percentiles(values)


def frame_interval(found: Found, roads: Roads, *, resamples: int, seed: int) -> Interval:
    """Frames drawn one by one, as if they were independent: here to be seen failing, and nowhere else."""
    frames = np.arange(len(roads.cars))
    return _percentiles(score(found.matches(frames, roads.cars), resampled_drives(len(frames), resamples, seed)))


def block_interval(found: Found, roads: Roads, *, resamples: int, seed: int) -> Interval:
    """As the product has it where drives are too few: blocks of frames drawn."""
    matches = found.matches(np.arange(len(roads.cars)), roads.cars)
    (drawn,) = draw_blocks(
        lambda copies: score(matches, copies)[None], roads.frame_drive, resamples=resamples, seed=seed
    )
    return None if drawn is None else widened_interval(drawn.values, LEVEL, drawn.number, drawn.wider)


def compare_drives(a: Found, b: Found, roads: Roads, *, resamples: int, seed: int) -> Comparison:
    copies = resampled_drives(roads.num_drives, resamples, seed)
    one, other = (found.matches(roads.frame_drive, roads.cars) for found in (a, b))
    values = score(one, copies) - score(other, copies)
    low, high = percentile_interval(values, LEVEL, one.num_labels)
    return Comparison(
        None if low is None or high is None else (low, high),
        swap_p(a, b, roads, roads.frame_drive, draws=resamples, seed=seed),
        detectable_difference(values, effective_number(one.num_labels), least_p(np.count_nonzero(one.num_labels))),
    )


def compare_blocks(a: Found, b: Found, roads: Roads, *, resamples: int, seed: int) -> Comparison | None:
    frames = np.arange(len(roads.cars))
    one, other = (found.matches(frames, roads.cars) for found in (a, b))
    (drawn,) = draw_blocks(
        lambda copies: (score(one, copies) - score(other, copies))[None],
        roads.frame_drive,
        resamples=resamples,
        seed=seed,
    )
    if drawn is None:
        return None
    unit = cut_in_blocks(roads.frame_drive, drawn.length)
    return Comparison(
        widened_interval(drawn.values, LEVEL, drawn.number, drawn.wider),
        swap_p(a, b, roads, unit, draws=resamples, seed=seed, greater=drawn.cut_off),
        detectable_difference(drawn.values, drawn.number, least_p(int(unit.max()) + 1), wider=drawn.wider),
    )


def swap_p(a: Found, b: Found, roads: Roads, unit: IntArray, *, draws: int, seed: int, greater: float = 1.0) -> float:
    """The permutation test's p, units (F,) swapped between the two detectors."""
    one, other = (found.matches(unit, roads.cars) for found in (a, b))
    both = Matches(
        num_labels=np.stack([one.num_labels, other.num_labels], axis=1).ravel(),
        hit_score=np.concatenate([one.hit_score, other.hit_score]),
        hit_drive=np.concatenate([2 * one.hit_drive, 2 * other.hit_drive + 1]),
        step_score=np.concatenate([one.step_score, other.step_score]),
        step_drive=np.concatenate([2 * one.step_drive, 2 * other.step_drive + 1]),
        step_change=np.concatenate([one.step_change, other.step_change]),
    )
    ways = swaps(len(one.num_labels), draws, seed)
    nothing = np.zeros((1, len(one.num_labels)), dtype=bool)
    swapped = np.concatenate([nothing, ways.swapped])
    mine, theirs = (
        np.stack([side, ~side], axis=2).reshape(len(side), -1).astype(np.int64) for side in (~swapped, swapped)
    )
    differences = score(both, mine) - score(both, theirs)
    return permutation_p(float(differences[0]), differences[1:], exact=ways.exact, greater=greater)


def covered(
    interval: Callable[..., Interval],
    world: World,
    truth: float,
    *,
    trials: range,
    drives: int,
    frames: int | None = None,
    resamples: int = 1000,
    on_trial: Callable[[], None] = lambda: None,
) -> list[bool | None]:
    """Whether the truth lies inside, trial by trial; ``None`` where the interval was refused.

    With ``frames`` every drive has so many.
    """
    inside: list[bool | None] = []
    for trial in trials:
        random = np.random.default_rng([2026, trial])
        roads = draw_roads(random, world, drives, frames)
        ends = interval(detect(random, world, roads), roads, resamples=resamples, seed=trial)
        inside.append(None if ends is None else ends[0] <= truth <= ends[1])
        on_trial()
    return inside


def compared(
    compare: Callable[..., Comparison | None],
    world: World,
    *,
    trials: range,
    drives: int,
    frames: int | None = None,
    resamples: int = 1000,
    better: float = 0.0,
    on_trial: Callable[[], None] = lambda: None,
) -> list[Comparison]:
    """Two detectors, the first ``better`` by so much on the logit, trial by trial; refusals are left out."""
    found = []
    for trial in trials:
        random = np.random.default_rng([2027, trial])
        roads = draw_roads(random, world, drives, frames)
        first, second = detect(random, world, roads, better=better), detect(random, world, roads)
        one = compare(first, second, roads, resamples=resamples, seed=trial)
        if one is not None:
            found.append(one)
        on_trial()
    return found


def _percentiles(values: FloatArray) -> Interval:
    low, high = np.quantile(values[~np.isnan(values)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
