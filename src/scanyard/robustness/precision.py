"""Average precision of one run for every draw of drives: the one place that reaches into ``metrics``.

``evaluate`` gives the ends of an interval, which is all that one score needs; a ratio of scores needs every draw of
both, so that they are drawn together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanyard.errors import EvaluationError
from scanyard.geometry import FloatArray
from scanyard.metrics import ScoredFrame, load_protocol
from scanyard.metrics.families import measure
from scanyard.metrics.intervals import resampled_drives
from scanyard.metrics.pool import IntArray, pool_frames
from scanyard.metrics.protocols import KittiProtocol


@dataclass(frozen=True)
class Target:
    """The score that is followed through the corruptions."""

    metric: str = "3d"
    iou: float = 0.7
    difficulty: str = "moderate"
    category: str = "car"
    protocol: str = "kitti_r40"

    def __post_init__(self) -> None:
        """Refuse a score that the protocol does not have, before anything is detected for it."""
        protocol = load_protocol(self.protocol)
        if not isinstance(protocol, KittiProtocol):
            raise EvaluationError(f"protocol {protocol.name}: robustness follows a score of kitti_r40 or kitti_r11")
        overlaps = protocol.category(self.category).overlaps
        difficulties = [difficulty.name for difficulty in protocol.difficulties]
        if self.metric not in protocol.metrics or self.iou not in overlaps or self.difficulty not in difficulties:
            raise EvaluationError(
                f"protocol {protocol.name} does not score {self}; it has {list(protocol.metrics)} at "
                f"{list(overlaps)}, {difficulties}"
            )

    def __str__(self) -> str:
        return f"{self.category} {self.difficulty} {self.metric}@{self.iou:g}"


@dataclass(frozen=True)
class Draws:
    """One run's average precision, as it is and drawn anew."""

    values: FloatArray
    """(1 + R,) percent; the first is the data as they are.  NaN where a draw holds no label."""
    labels_by_drive: IntArray
    """(D,) labels that count."""


def precision_draws(frames: Sequence[ScoredFrame], target: Target, *, resamples: int, seed: int) -> Draws:
    """Match the frames once and score every draw of drives."""
    protocol = load_protocol(target.protocol)
    pool = pool_frames(frames, protocol)
    as_it_is = np.ones((1, len(pool.drives)), dtype=np.int64)
    mixtures = np.concatenate([as_it_is, resampled_drives(len(pool.drives), resamples, seed)])
    wanted = (target.metric, target.category, target.difficulty, target.iou, None)
    for measured in measure(pool, protocol, mixtures, (target.category,)):
        if measured.key == wanted:
            return Draws(measured.values, measured.labels_by_drive)
    return Draws(np.full(len(mixtures), np.nan), np.zeros(len(pool.drives), dtype=np.int64))
