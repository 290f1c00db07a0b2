"""What labels and detections, laid over each other, say about how the detections were written.

A detector that is merely poor must never be refused, so no share of missed labels is evidence of anything.  What is: a
correction that makes pairs which belong together agree *much* better, in most of at least ten pairs, until they agree
*well*.  A noisy detector is as noisy after a wrong correction; only a wrong convention becomes right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.geometry import FloatArray
from scanyard.metrics.pool import IntArray, ScoredFrame

MIN_PAIRS = 10
"""Below this coincidence cannot be told from convention."""
NEAR_M = 1.5
"""Centres this near on the ground belong together: cars stand farther apart, and detectors err less."""
_MUCH_BETTER = 0.4
"""The median disagreement that is left after a correction, as a share of what it was."""
_MOST = 0.8
"""The share of pairs that has to agree better."""

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Overlay:
    """G labels and D detections of F frames that count in the evaluation, and their frames' places."""

    labels: Boxes
    detections: Boxes
    label_start: IntArray
    """(F + 1,)"""
    detection_start: IntArray
    """(F + 1,)"""
    label_offset: FloatArray
    """(G, 2) metres on the ground from the frame's origin."""
    detection_offset: FloatArray
    """(D, 2) likewise."""

    @classmethod
    def of(cls, frames: Sequence[ScoredFrame], categories: Sequence[str]) -> Overlay:
        """Boxes of these categories; of detections the best-scored, twice as many as there are labels."""
        labels = [frame.labels[np.isin(frame.labels.category, categories)] for frame in frames]
        found = [frame.detections[np.isin(frame.detections.category, categories)] for frame in frames]
        scores = np.concatenate([np.zeros(0) if one.score is None else one.score for one in found])
        most = 2 * sum(map(len, labels))
        if len(scores) > most > 0:
            least = np.partition(scores, len(scores) - most)[len(scores) - most]
            found = [one if one.score is None else one[one.score >= least] for one in found]
        origins = np.array([frame.origin[:2] for frame in frames])
        offsets = [
            np.concatenate([boxes.center[:, :2] - origin for boxes, origin in zip(side, origins, strict=True)])
            for side in (labels, found)
        ]
        starts = [np.concatenate([[0], np.cumsum([len(boxes) for boxes in side])]) for side in (labels, found)]
        return cls(
            Boxes.concatenate(labels), Boxes.concatenate(found), starts[0], starts[1], offsets[0], offsets[1]
        )  # fmt: skip

    def partners(self, detection_offset: FloatArray | None = None, *, any_category: bool = False) -> IntArray:
        """For each label (G,) the detection that is nearest to it and to which it is nearest, -1 for none."""
        moved = self.detection_offset if detection_offset is None else detection_offset
        names, codes = np.unique(np.concatenate([self.labels.category, self.detections.category]), return_inverse=True)
        codes = np.zeros(len(codes), np.int64) if any_category or not len(names) else codes.astype(np.int64)
        partner = np.full(len(self.labels), -1, dtype=np.int64)
        _find_partners(
            np.ascontiguousarray(self.label_offset), np.ascontiguousarray(moved), self.label_start,
            self.detection_start, codes[: len(self.labels)], codes[len(self.labels) :], NEAR_M, partner,
        )  # fmt: skip
        return partner

    def pairs(self) -> tuple[Boxes, Boxes]:
        """Labels (P,) and detections (P,) that belong together."""
        partner = self.partners()
        return self.labels[partner >= 0], self.detections[partner[partner >= 0]]


def agrees_much_better(before: FloatArray, after: FloatArray, *, well: float) -> bool:
    """Whether a correction takes disagreement (P,) away: ``after`` is far below ``before``, and at most ``well``."""
    if len(before) < MIN_PAIRS:
        return False
    rest = float(np.median(after))
    much = rest < _MUCH_BETTER * float(np.median(before))
    return rest <= well and much and float(np.mean(after < before)) >= _MOST


def would_be_chance(found: int, of: int, missed: int) -> float:
    """How likely it is to find none of ``missed`` labels if half as many are found as of those nearby."""
    return float((1 - 0.5 * found / of) ** missed) if of else 1.0


def _partners_of_frames(  # noqa: PLR0917
    label_xy: FloatArray,
    detection_xy: FloatArray,
    label_start: IntArray,
    detection_start: IntArray,
    label_code: IntArray,
    detection_code: IntArray,
    limit: float,
    partner: IntArray,
) -> None:
    best = np.full(len(label_xy), np.inf)
    for frame in range(len(label_start) - 1):
        for j in range(detection_start[frame], detection_start[frame + 1]):
            nearest, chosen = limit, -1
            for i in range(label_start[frame], label_start[frame + 1]):
                if label_code[i] != detection_code[j]:
                    continue
                apart = np.hypot(label_xy[i, 0] - detection_xy[j, 0], label_xy[i, 1] - detection_xy[j, 1])
                if apart < nearest:
                    nearest, chosen = apart, i
            if chosen >= 0 and nearest < best[chosen]:
                best[chosen], partner[chosen] = nearest, j


_find_partners = cast(Callable[..., None], njit(nogil=True, cache=True, error_model="numpy")(_partners_of_frames))
