"""The one precision of each category that is taken apart: by slices, by weights, by kinds of error.

A protocol has dozens of numbers, and none of the three says more for being asked of all of them.  What is taken is the
strictest overlap in 3-D at the difficulty that asks for the most, because a slice of what a difficulty leaves out would
be empty: KITTI's occluded cars are not among the easy ones.

Intervals are those of the whole: drives are drawn, and blocks of frames where no category has labels in drives enough.
A part may have its labels in few of the blocks, or by its weights nearly all in one.  So blocks count as drives do,
as many as are of equal weight by their labels, and fewer than ``MIN_DRIVES`` of them give no interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from scanyard.errors import EvaluationError
from scanyard.evaluation import Score
from scanyard.geometry import FloatArray
from scanyard.metrics.blocks import cut_in_blocks, draw_blocks
from scanyard.metrics.comparison import enough_drives
from scanyard.metrics.families import measure
from scanyard.metrics.intervals import (
    MIN_DRIVES,
    effective_number,
    mixtures_of,
    percentile_interval,
    widened_interval,
)
from scanyard.metrics.measured import Key, Measured
from scanyard.metrics.pool import IntArray, Pool, ScoredFrame, pool_frames
from scanyard.metrics.protocols import (
    Argoverse2Protocol,
    KittiProtocol,
    NuscenesProtocol,
    Protocol,
    WaymoProtocol,
    load_protocol,
)


@dataclass(frozen=True)
class Interval:
    """The ends of an interval, and what was drawn for it."""

    low: float | None
    """``None`` where there are too few drives, and too few frames to draw blocks of them."""
    high: float | None
    resampled: str = "drive"
    """As ``evaluation.Score`` has it."""


@dataclass(frozen=True)
class Subject:
    """Frames whose score is to be explained: put side by side once, and their drives resampled once."""

    pool: Pool
    settings: Protocol
    """The whole protocol."""
    protocol: Protocol
    """Narrowed to what is taken apart."""
    keys: Mapping[str, Key]
    """Of the one precision, by category."""
    mixtures: IntArray
    """(1 + R, D) copies of each drive: first the data as they are, then the resamples."""
    level: float
    """Coverage that intervals aim at."""
    seed: int
    """Of the resamples."""

    @classmethod
    def of(
        cls,
        frames: Sequence[ScoredFrame],
        protocol: str,
        *,
        difficulty: str | None = None,
        resamples: int = 1000,
        level: float = 0.9,
        seed: int = 0,
    ) -> Subject:
        """EvaluationError when the protocol or the difficulty is unknown, or a column lacks."""
        settings = load_protocol(protocol)
        pool = pool_frames(frames, settings)
        narrow, keys = _narrowed(settings, difficulty, at_one_distance=False)
        mixtures = mixtures_of(len(pool.drives), resamples, seed)
        return cls(pool, settings, narrow, keys, mixtures, level, seed)

    def at_one_distance(self) -> Subject:
        """The same; where precision is a mean over distances, that at which the protocol takes errors alone."""
        narrow, keys = _narrowed(self.settings, self.difficulty, at_one_distance=True)
        return replace(self, protocol=narrow, keys={name: keys[name] for name in self.keys})

    @property
    def undetected(self) -> tuple[str, ...]:
        """Categories with labels that no detection at all is called by, where some are: nobody looked for them."""
        detected = set(self.keys) & set(self.pool.detections.category.tolist())
        labelled = set(self.pool.labels.category.tolist())
        return tuple(name for name in self.keys if name in labelled - detected) if detected else ()

    def of_detected(self) -> Subject:
        """The same, without the ``undetected``: all that is to be said of them is that every label is missed."""
        undetected = self.undetected
        return replace(self, keys={name: key for name, key in self.keys.items() if name not in undetected})

    @property
    def difficulty(self) -> str:
        """That of the precision."""
        return next(iter(self.keys.values()))[2]

    def measure(self, pool: Pool | None = None, mixtures: IntArray | None = None) -> dict[str, Measured]:
        """The one precision of each category that has a label to find, of these or other frames of the same drives."""
        measured = measure(
            self.pool if pool is None else pool, self.protocol, self.mixtures if mixtures is None else mixtures
        )
        by_key = {one.key: one for one in measured}
        return {name: by_key[key] for name, key in self.keys.items() if key in by_key}

    def score(self, one: Measured, said_by: IntArray | None = None, *, in_blocks: Interval | None = None) -> Score:
        """With its interval over drives that have a label of it; ``said_by`` (D,) are weighted labels, if they are.

        ``in_blocks`` is its interval from blocks of frames, taken where there are too few drives.
        """
        found = self.interval(one.values, one.labels_by_drive if said_by is None else said_by, in_blocks=in_blocks)
        return one.score(float(one.values[0]), found.low, found.high, found.resampled)

    def interval(self, values: FloatArray, labels_by_drive: IntArray, *, in_blocks: Interval | None = None) -> Interval:
        """Of values (1 + R,) made from some that were measured; from blocks where there are too few drives."""
        low, high = percentile_interval(values[1:], self.level, labels_by_drive)
        return in_blocks if low is None and in_blocks is not None else Interval(low, high)

    @cached_property
    def has_drives_enough(self) -> bool:
        """Whether any category has labels in as many drives as an interval needs."""
        as_it_is = np.ones((1, len(self.pool.drives)), dtype=np.int64)
        return enough_drives(list(self.measure(mixtures=as_it_is).values()))

    def in_blocks(self, measure: Callable[[IntArray], Mapping[str, Measured]]) -> dict[str, Interval]:
        """Intervals of numbers by category from draws of blocks; none where drives are enough, or frames too few.

        ``measure`` is given copies (M, F) of frames, the first the data as they are, and answers with values (M,) and
        the labels of each frame.  Frames of a drive have to be in the order of time.
        """
        if self.has_drives_enough:
            return {}
        frame_drive = self.pool.frame_drive
        as_it_is = np.ones((1, len(frame_drive)), dtype=np.int64)
        labels = {name: one.labels_by_drive for name, one in measure(as_it_is).items()}

        def values(copies: IntArray) -> FloatArray:
            found = measure(np.concatenate([as_it_is, copies]))
            return np.array([found[name].values[1:] for name in labels])

        drawn = draw_blocks(values, frame_drive, resamples=len(self.mixtures) - 1, seed=self.seed) if labels else []
        intervals = {}
        for (name, by_frame), blocks in zip(labels.items(), drawn, strict=True):
            if blocks is None:
                continue
            by_block = np.bincount(cut_in_blocks(frame_drive, blocks.length), by_frame).astype(np.int64)
            number = min(blocks.number, effective_number(by_block))
            if number >= MIN_DRIVES:
                ends = widened_interval(blocks.values, self.level, number, blocks.wider)
                intervals[name] = Interval(*ends, blocks.words)
        return intervals


def _narrowed(
    protocol: Protocol, difficulty: str | None, *, at_one_distance: bool
) -> tuple[Protocol, Mapping[str, Key]]:
    names = _difficulties(protocol)
    chosen = names[-1] if difficulty is None else difficulty
    if chosen not in names:
        raise EvaluationError(f"protocol {protocol.name}: no difficulty {chosen!r}; it has {names}")
    if isinstance(protocol, KittiProtocol):
        metric = "3d" if "3d" in protocol.metrics else protocol.metrics[0]
        rules = tuple(replace(rule, overlaps=(max(rule.overlaps),)) for rule in protocol.rules)
        levels = tuple(level for level in protocol.difficulties if level.name == chosen)
        narrow = replace(protocol, metrics=(metric,), difficulties=levels, rules=rules)
        return narrow, {rule.name: (metric, rule.name, chosen, rule.overlaps[0], None) for rule in rules}
    if isinstance(protocol, WaymoProtocol):
        return protocol, {name: ("ap", name, chosen, iou, None) for name, iou in protocol.overlaps.items()}
    distance = protocol.error_distance_m if at_one_distance else None
    if isinstance(protocol, NuscenesProtocol) and distance is not None:
        protocol = replace(protocol, distances_m=(distance,))
    if isinstance(protocol, Argoverse2Protocol) and distance is not None:
        protocol = replace(protocol, distances_m=(distance,))
    return protocol, {name: ("ap", name, chosen, None, distance) for name in protocol.categories}


def _difficulties(protocol: Protocol) -> list[str]:
    """The one that asks for the most last."""
    if isinstance(protocol, KittiProtocol):
        return [level.name for level in protocol.difficulties]
    return ["level_1", "level_2"] if isinstance(protocol, WaymoProtocol) else ["all"]
