"""Average precision of any mixture of drives, from one matching.

A mixture gives each drive a whole number of copies: all ones is the data set itself, other numbers are resamples.  All
mixtures (R) are worked out together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanyard.geometry import FloatArray
from scanyard.metrics.matching import BoolArray, IntArray, Matches

_NUMBERS_AT_ONCE = 4_000_000  # bounds memory: mixtures × thresholds worked on together, 32 MB


def average_precision(matches: Matches, copies: IntArray, positions: int = 40) -> FloatArray:
    """Average precision (R,) in percent for mixtures ``copies`` (R, D); NaN where a mixture has no label.

    ``positions`` is the number K of recall positions averaged over, 1/K ... 1.
    """
    counts = _counts_by_drive(matches)
    at_once = max(1, _NUMBERS_AT_ONCE // max(1, len(counts.threshold)))
    parts = [
        _mixtures(matches.num_labels, counts, copies[start : start + at_once], positions)
        for start in range(0, len(copies), at_once)
    ]
    return np.concatenate(parts)


@dataclass(frozen=True)
class _Counts:
    """What each drive has at each distinct score of a hit; as floats, which multiply fast and are exact here."""

    threshold: FloatArray
    """(T,) descending."""
    recalled: FloatArray
    """(D, T) first-pass hits that reach the threshold."""
    hits: FloatArray
    """(D, T) hits among the detections that reach it."""
    false: FloatArray
    """(D, T) false alarms likewise."""


def _counts_by_drive(matches: Matches) -> _Counts:
    threshold = np.unique(matches.hit_score)[::-1]

    def running(score: FloatArray, drive: IntArray, change: IntArray) -> FloatArray:
        table = np.zeros((len(matches.num_labels), len(threshold) + 1))
        np.add.at(table, (drive, np.searchsorted(-threshold, -score)), change)
        return np.cumsum(table, axis=1)[:, :-1]  # steps below the last threshold never come into effect

    return _Counts(
        threshold=threshold,
        recalled=running(matches.hit_score, matches.hit_drive, np.ones_like(matches.hit_drive)),
        hits=running(matches.step_score, matches.step_drive, matches.step_hits),
        false=running(matches.step_score, matches.step_drive, matches.step_false),
    )


def _mixtures(num_labels: IntArray, counts: _Counts, copies: IntArray, positions: int) -> FloatArray:
    labels = copies @ num_labels
    precision = np.zeros((len(copies), positions + 1))
    if len(counts.threshold):
        recalled, hits, false = (copies @ table for table in (counts.recalled, counts.hits, counts.false))
        nth, used = recall_samples(recalled[:, -1].astype(np.int64), labels, positions)
        at = _first_above(recalled, nth)
        hits, false = (np.take_along_axis(table, at, axis=1) for table in (hits, false))
        np.divide(hits, hits + false, out=precision, where=used & (hits + false > 0))
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    mean = highest[:, 1:].sum(axis=1) / positions
    return np.where(labels > 0, 100.0 * mean, np.nan)


def _first_above(rising: FloatArray, value: IntArray) -> IntArray:
    """Per row, the first column of ``rising`` (R, T) above each ``value`` (R, K); the last column if there is none."""
    num_rows, num_columns = rising.shape
    row = np.arange(num_rows)[:, None]
    lift = row * (rising.max() + value.max() + 1)  # lifts each row above the one before: one sorted array of them all
    place = np.searchsorted((rising + lift).ravel(), value + lift, side="right")
    column: IntArray = np.minimum(place - row * num_columns, num_columns - 1)
    return column


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
        for _ in range(2):  # the guess is one short, two where rounding decides
            left, right = (near + 1) / n, (near + 2) / n
            near += ((right - recall) < (recall - left)) & (near < num_hits - 1)
        current = np.where(stays, current, near)
        nth[:, k], used[:, k] = current, current < num_hits
        recall += 1.0 / positions
    return nth, used
