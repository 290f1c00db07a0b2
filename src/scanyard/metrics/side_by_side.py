"""Several runs on the same frames under the same resamples of drives, so that what a drive does to all of them cancels.

Each run is pooled and measured once; every mean, difference or curve is then taken from its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from scanyard.errors import EvaluationError
from scanyard.evaluation import Score
from scanyard.geometry import FloatArray
from scanyard.metrics.blocks import BlockDraws, cut_in_blocks
from scanyard.metrics.comparison import by_chance, enough_drives, weighted_blocks
from scanyard.metrics.families import measure
from scanyard.metrics.intervals import (
    MIN_DRIVES,
    Difference,
    effective_number,
    mixtures_of,
    percentile_interval,
    widened_interval,
)
from scanyard.metrics.measured import Key, Measured, needed_for
from scanyard.metrics.pool import IntArray, Pool, ScoredFrame, pool_frames
from scanyard.metrics.power import detectable_difference
from scanyard.metrics.protocols import KittiProtocol, Protocol, load_protocol

Run = TypeVar("Run", bound=Hashable)


@dataclass(frozen=True)
class SideBySide(Generic[Run]):
    """Every number of several runs, as it is and under each resample; runs go by whatever they were given as."""

    protocol: Protocol
    frames: Mapping[Run, Sequence[ScoredFrame]]
    pools: Mapping[Run, Pool]
    measured: Mapping[Run, Mapping[Key, Measured]]
    level: float
    """Coverage that intervals aim at, such as 0.9."""
    resamples: int
    seed: int

    def has(self, runs: Sequence[Run], key: Key) -> bool:
        """Whether each of the runs has this number: there was a label to find."""
        return all(key in self.measured[run] for run in runs)

    def values(self, run: Run, key: Key) -> FloatArray:
        """(1 + R,) the number as it is, then under each resample; EvaluationError where there is nothing to find."""
        return self._one(run, key).values

    def labels_by_drive(self, run: Run, key: Key) -> IntArray:
        """(D,) labels that had to be found."""
        return self._one(run, key).labels_by_drive

    def mean(self, runs: Sequence[Run], key: Key) -> Score:
        """The mean over runs, its interval that over the choice of drives, or of blocks where drives are few."""
        few = not enough_drives([self._one(runs[0], key)])
        blocks = self._blocks(runs, _shares(runs), needed_for(key)) if few else {}
        return self._score(runs, key, blocks.get(key))

    def means(self, runs: Sequence[Run]) -> tuple[Score, ...]:
        """As ``mean``, of every number there is; blocks are drawn only where no number has drives enough."""
        keys = list(self.measured[runs[0]])
        few = not enough_drives([self.measured[runs[0]][key] for key in keys])
        blocks = self._blocks(runs, _shares(runs), ()) if few else {}
        return tuple(self._score(runs, key, blocks.get(key)) for key in keys)

    def difference(self, runs_a: Sequence[Run], runs_b: Sequence[Run], key: Key, *, company: int = 1) -> Difference:
        """The mean of runs a less that of runs b, with its p and what could have been told apart.

        Drives are resampled for all together, or blocks where drives are few; for p they are swapped, for which both
        sides need as many runs.  ``company`` is how many comparisons this p will be corrected for, of which what could
        have been told apart takes notice.
        """
        values = self._mean_values(runs_a, key) - self._mean_values(runs_b, key)
        labels = self._one(runs_a[0], key).labels_by_drive
        runs = [*runs_a, *runs_b]
        low, high = percentile_interval(values[1:], self.level, labels)
        drawn, number, resampled = values[1:], effective_number(labels), "drive"
        wider, greater = None, 1.0
        units = [self.pools[run].frame_drive for run in runs]
        if not enough_drives([self._one(runs_a[0], key)]):
            weights = [1 / len(runs_a)] * len(runs_a) + [-1 / len(runs_b)] * len(runs_b)
            if (blocks := self._blocks(runs, weights, needed_for(key)).get(key)) is not None:
                low, high = widened_interval(blocks.values, self.level, blocks.number, blocks.wider)
                drawn, number, resampled = blocks.values, blocks.number, blocks.words
                wider, greater = blocks.wider, blocks.cut_off
                units = [cut_in_blocks(of_drive, blocks.length) for of_drive in units]
        if low is None:
            count = np.count_nonzero(labels)
            untested = f"labels in {count} drives, fewer than {MIN_DRIVES}, and too few frames to draw blocks of them"
            return Difference(float(values[0]), None, None, untested=untested)
        frames_a, frames_b = ([self.frames[run] for run in side] for side in (runs_a, runs_b))
        chance = by_chance(
            frames_a, frames_b, units, self.protocol, key, greater=greater, draws=self.resamples, seed=self.seed
        )
        return Difference(
            float(values[0]),
            low,
            high,
            p_value=None if chance is None else chance.p_value,
            detectable=None
            if chance is None
            else detectable_difference(drawn, number, chance.least_p, wider=wider, company=company),
            resampled=resampled,
            least_p=None if chance is None else chance.least_p,
            untested="" if chance is not None else f"{len(runs_a)} and {len(runs_b)} trainings",
        )

    def _score(self, runs: Sequence[Run], key: Key, blocks: BlockDraws | None) -> Score:
        """The mean of one number over runs; its interval from blocks where there are some and too few drives."""
        one, values = self._one(runs[0], key), self._mean_values(runs, key)
        low, high = percentile_interval(values[1:], self.level, one.labels_by_drive)
        if low is None and blocks is not None:
            low, high = widened_interval(blocks.values, self.level, blocks.number, blocks.wider)
            return one.score(float(values[0]), low, high, blocks.words)
        return one.score(float(values[0]), low, high)

    def _blocks(
        self, runs: Sequence[Run], weights: Sequence[float], categories: Sequence[str]
    ) -> Mapping[Key, BlockDraws]:
        """Draws of blocks for the weighted sums of numbers over runs; those that have too few frames are not there."""
        pools = [self.pools[run] for run in runs]
        return weighted_blocks(pools, weights, self.protocol, categories, resamples=self.resamples, seed=self.seed)

    def _mean_values(self, runs: Sequence[Run], key: Key) -> FloatArray:
        mean: FloatArray = np.mean([self.values(run, key) for run in runs], axis=0)
        return mean

    def _one(self, run: Run, key: Key) -> Measured:
        try:
            return self.measured[run][key]
        except KeyError:
            raise _no_number(self.measured[run], key, self.protocol) from None


def side_by_side(
    runs: Mapping[Run, Sequence[ScoredFrame]],
    protocol: str = "kitti_r40",
    *,
    categories: Sequence[str] = (),
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
    on_run: Callable[[int], None] = lambda _: None,
) -> SideBySide[Run]:
    """Measure every run once under the same resamples; ``categories`` narrows what is measured, which saves time.

    ``on_run`` is told how many runs are measured.
    EvaluationError when the runs do not hold the same labels in the same drives.
    """
    settings = load_protocol(protocol)
    pools = {run: pool_frames(frames, settings) for run, frames in runs.items()}
    drives = next(iter(pools.values())).drives
    for pool in pools.values():
        if pool.drives != drives:
            raise EvaluationError(
                f"runs stand side by side on the same frames alone: drives are {list(drives)} and {list(pool.drives)}"
            )
    mixtures = mixtures_of(len(drives), resamples, seed)
    measured: dict[Run, dict[Key, Measured]] = {}
    for run, pool in pools.items():
        measured[run] = {one.key: one for one in measure(pool, settings, mixtures, categories)}
        on_run(len(measured))
    _require_same_labels(list(measured.values()))
    return SideBySide(settings, runs, pools, measured, level, resamples, seed)


def _shares(runs: Sequence[Run]) -> list[float]:
    return [1 / len(runs)] * len(runs)


def _require_same_labels(measured: Sequence[Mapping[Key, Measured]]) -> None:
    first = {key: one.labels_by_drive.tolist() for key, one in measured[0].items()}
    for other in measured[1:]:
        labels = {key: one.labels_by_drive.tolist() for key, one in other.items()}
        for key in sorted(first.keys() | labels.keys(), key=str):
            if first.get(key) != labels.get(key):
                raise EvaluationError(
                    f"runs stand side by side on the same frames alone: labels per drive are {first.get(key)} and "
                    f"{labels.get(key)}"
                )


def _no_number(have: Mapping[Key, Measured], key: Key, protocol: Protocol) -> EvaluationError:
    metric, category, difficulty, iou, distance_m = key
    if isinstance(protocol, KittiProtocol):
        rule = protocol.category(category)
        difficulties = [d.name for d in protocol.difficulties]
        if metric in protocol.metrics and iou in rule.overlaps and difficulty in difficulties:
            return EvaluationError(
                f"no {difficulty} {category} is labelled in these frames; there is nothing to compare"
            )
        return EvaluationError(
            f"protocol {protocol.name} does not score {category} {difficulty} {metric}@{iou}; it has "
            f"{list(protocol.metrics)} at {list(rule.overlaps)}, {difficulties}"
        )
    names = sorted({f"{one.metric} {one.category} {one.difficulty}" for one in have.values()})
    return EvaluationError(
        f"protocol {protocol.name} has no {metric} of {category} {difficulty} at overlap {iou}, distance {distance_m} "
        f"on these frames; it has {names}"
    )
