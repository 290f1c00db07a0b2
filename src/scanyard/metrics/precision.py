"""Average precision of any mixture of drives, from one matching.

A mixture gives each drive a whole number of copies: all ones is the data set itself, other numbers are resamples.  All
mixtures (R) are worked out together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanyard.geometry import FloatArray
from scanyard.metrics.matching import BoolArray, IntArray, Matches

_MIXTURES_AT_ONCE = 64  # bounds memory: mixtures × hits of the whole data set


def average_precision(matches: Matches, copies: IntArray, positions: int = 40) -> FloatArray:
    """Average precision (R,) in percent for mixtures ``copies`` (R, D); NaN where a mixture has no label.

    ``positions`` is the number K of recall positions averaged over, 1/K ... 1.
    """
    counts = _counts_by_drive(matches)
    parts = [
        _mixtures(matches, counts, copies[start : start + _MIXTURES_AT_ONCE], positions)
        for start in range(0, len(copies), _MIXTURES_AT_ONCE)
    ]
    return np.concatenate(parts)


@dataclass(frozen=True)
class _Counts:
    threshold: FloatArray
    """(T,) distinct scores of hits, ascending."""
    hits: IntArray
    """(D, T) by drive, among the detections that reach each threshold."""
    false: IntArray
    """(D, T) false alarms likewise."""


def _mixtures(matches: Matches, counts: _Counts, copies: IntArray, positions: int) -> FloatArray:
    num_labels = copies @ matches.num_labels
    seen = np.cumsum(copies[:, matches.hit_drive], axis=1)
    num_hits = seen[:, -1] if seen.shape[1] else np.zeros(len(copies), dtype=np.int64)
    nth, used = recall_samples(num_hits, num_labels, positions)
    precision = np.zeros(nth.shape)
    if seen.shape[1]:
        # rows are sorted; lifting each above the one before makes one sorted array of them all
        lift = np.arange(len(copies)) * (int(num_hits.max()) + 1)
        place = np.searchsorted((seen + lift[:, None]).ravel(), nth + lift[:, None], side="right")
        hit = np.minimum(place - np.arange(len(copies))[:, None] * seen.shape[1], seen.shape[1] - 1)
        at = np.searchsorted(counts.threshold, matches.hit_score[hit])
        total_hits = np.einsum("rd,drk->rk", copies, counts.hits[:, at])
        total_false = np.einsum("rd,drk->rk", copies, counts.false[:, at])
        found = total_hits + total_false
        np.divide(total_hits, found, out=precision, where=used & (found > 0))
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    mean = highest[:, 1:].sum(axis=1) / positions
    return np.where(num_labels > 0, 100.0 * mean, np.nan)


def _counts_by_drive(matches: Matches) -> _Counts:
    thresholds = np.unique(matches.hit_score)
    shape = (len(matches.num_labels), len(thresholds) + 1)
    # a step at some score holds for all thresholds up to it
    last = np.searchsorted(thresholds, matches.step_score, side="right")
    tables = []
    for change in (matches.step_hits, matches.step_false):
        table = np.zeros(shape, dtype=np.int64)
        np.add.at(table, (matches.step_drive, last), change)
        tables.append(np.cumsum(table[:, ::-1], axis=1)[:, ::-1][:, 1:])
    return _Counts(thresholds, *tables)


def recall_samples(num_hits: IntArray, num_labels: IntArray, positions: int) -> tuple[IntArray, BoolArray]:
    """Which hit, counted from the best, gives the threshold of each recall position 0, 1/K ... 1.

    ``num_hits`` and ``num_labels`` are (R,).  Returns indices (R, K + 1) and where they mean anything: recall that no
    hit reaches has no threshold.  From K + 1 labels on these are the development kit's ``getThresholds``.
    """
    n = np.maximum(num_labels, 1)
    nth = np.zeros((len(n), positions + 1), dtype=np.int64)
    used = np.zeros(nth.shape, dtype=bool)
    current = np.full(len(n), -1, dtype=np.int64)
    recall = 0.0  # summed up step by step, as the kit does: its rounding decides between equally near scores
    for k in range(positions + 1):
        # With few labels a hit reaches several positions.  Whole numbers, to be exact at the last one.
        stays = (current >= 0) & (n <= positions) & ((current + 1) * positions >= k * n)
        near = np.maximum(np.ceil(recall * n - 1.5).astype(np.int64) - 1, current + 1)
        near = np.minimum(near, np.maximum(num_hits - 1, current + 1))
        for _ in range(3):  # the guess is at most two short
            left, right = (near + 1) / n, (near + 2) / n
            near += ((right - recall) < (recall - left)) & (near < num_hits - 1)
        current = np.where(stays, current, near)
        nth[:, k], used[:, k] = current, current < num_hits
        recall += 1.0 / positions
    return nth, used
