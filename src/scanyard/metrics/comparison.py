"""Two detectors on the same frames: their difference with its interval, its p, and what could have been told apart.

Where there are drives enough, drives are drawn for the interval and swapped for p; elsewhere blocks of frames are
(``blocks``).  Several trainings of one recipe stand together: the difference is that of their means, and a drive is
swapped in all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scanyard.geometry import FloatArray
from scanyard.metrics.blocks import BlockDraws, draw_blocks
from scanyard.metrics.families import measure
from scanyard.metrics.intervals import MIN_DRIVES
from scanyard.metrics.measured import Key, Measured, needed_for
from scanyard.metrics.permutation import least_p_of, permutation_p, swaps
from scanyard.metrics.pool import IntArray, Pool, ScoredFrame, pool_frames
from scanyard.metrics.protocols import Protocol


@dataclass(frozen=True)
class Chance:
    """What swapping says of a difference."""

    p_value: float
    least_p: float
    """The smallest p that these swaps could have given (``permutation.least_p_of``)."""


def enough_drives(measured: Sequence[Measured]) -> bool:
    """Whether any of these numbers has labels in as many drives as an interval needs."""
    return any(np.count_nonzero(one.labels_by_drive) >= MIN_DRIVES for one in measured)


def by_frame(pool: Pool) -> Pool:
    """The same frames, each a unit of its own."""
    count = len(pool.frame_drive)
    return replace(pool, drives=tuple(f"{index:08d}" for index in range(count)), frame_drive=np.arange(count))


def weighted_blocks(
    pools: Sequence[Pool],
    weights: Sequence[float],
    protocol: Protocol,
    categories: Sequence[str] = (),
    *,
    resamples: int,
    seed: int,
) -> dict[Key, BlockDraws]:
    """Draws of blocks for the weighted sum of each number over runs; one that has too few frames for them is not in it.

    Frames of a drive have to be in the order of time, the same in all runs.
    """
    singly = [by_frame(pool) for pool in pools]
    as_it_is = np.ones((1, len(pools[0].frame_drive)), dtype=np.int64)
    keys = [one.key for one in measure(singly[0], protocol, as_it_is, categories)]

    def total(copies: IntArray) -> FloatArray:
        mixtures = np.concatenate([as_it_is, copies])
        values = [[one.values[1:] for one in measure(pool, protocol, mixtures, categories)] for pool in singly]
        summed: FloatArray = np.tensordot(np.array(weights), np.array(values), axes=1)
        return summed

    drawn = draw_blocks(total, pools[0].frame_drive, resamples=resamples, seed=seed)
    return {key: one for key, one in zip(keys, drawn, strict=True) if one is not None}


def by_chance(
    runs_a: Sequence[Sequence[ScoredFrame]],
    runs_b: Sequence[Sequence[ScoredFrame]],
    units: Sequence[IntArray],
    protocol: Protocol,
    key: Key,
    *,
    greater: float = 1.0,
    draws: int = 1000,
    seed: int = 0,
) -> Chance | None:
    """The permutation test for the difference of two means over runs; ``None`` unless both have as many runs.

    ``units`` say of each run which unit (F,) a frame is in, for runs of a and then of b: drives, or blocks, for whose
    ends ``greater`` makes up.
    """
    if len(runs_a) != len(runs_b):
        return None  # what is swapped must be alike
    count = int(max(unit.max() for unit in units)) + 1
    ways = swaps(count, draws, seed)
    swapped = np.concatenate([np.zeros((1, count), dtype=bool), ways.swapped])
    mine, theirs = (_columns(~swapped, swapped), _columns(swapped, ~swapped))
    mixtures = np.concatenate([np.ones((1, 2 * count), dtype=np.int64), mine, theirs])
    difference = np.zeros(len(swapped))
    for one, other, unit_a, unit_b in zip(runs_a, runs_b, units[: len(runs_a)], units[len(runs_a) :], strict=True):
        both = [
            replace(frame, drive=f"{unit:08d}{side}")  # sorted, the two sides of a unit are neighbours
            for frames, of_frame, side in ((one, unit_a, "a"), (other, unit_b, "b"))
            for frame, unit in zip(frames, of_frame, strict=True)
        ]
        pool = pool_frames(both, protocol)
        (values,) = [m.values[1:] for m in measure(pool, protocol, mixtures, needed_for(key)) if m.key == key]
        difference += (values[: len(swapped)] - values[len(swapped) :]) / len(runs_a)
    return Chance(
        permutation_p(float(difference[0]), difference[1:], exact=ways.exact, greater=greater),
        least_p_of(float(difference[0]), difference[1:], exact=ways.exact, greater=greater),
    )


def _columns(of_a: np.ndarray, of_b: np.ndarray) -> IntArray:
    """Copies (M, 2U) of the two sides of each unit in turn."""
    copies: IntArray = np.stack([of_a, of_b], axis=2).reshape(len(of_a), -1).astype(np.int64)
    return copies
