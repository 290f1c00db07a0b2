"""Average precision as KITTI takes it, of any mixture of drives, from one matching.

Many mixtures are carried along side by side while the threshold falls through the scores, a few dozen at a time so that
their sums stay in the processor's nearest memory: a thousand resamples cost about as much as one matching.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from numba import njit

from scanyard.geometry import FloatArray
from scanyard.metrics.kitti_matching import Matches
from scanyard.metrics.measured import ABREAST, portions
from scanyard.metrics.pool import BoolArray, IntArray


def average_precision(
    matches: Matches, copies: IntArray, *, positions: int = 40, averaged: slice = slice(1, None)
) -> tuple[FloatArray, FloatArray]:
    """Average precision (M,) and average orientation similarity (M,) in percent for mixtures ``copies`` (M, D).

    ``positions`` is the number K of recall steps at which precision is sampled, 0, 1/K ... 1, and ``averaged`` says
    which of the K + 1 samples the mean is over.  NaN where a mixture has no label.
    """
    threshold = np.unique(matches.hit_score)[::-1]
    labels = copies @ matches.num_labels
    precision, similarity = np.zeros((2, len(copies), positions + 1))
    if len(threshold):
        hit = _by_threshold(threshold, matches.hit_score)
        step = _by_threshold(threshold, matches.step_score)
        num_hits = copies @ np.bincount(matches.hit_drive, minlength=copies.shape[1])
        nth, used = recall_samples(num_hits, labels, positions)
        counts = np.zeros((len(copies), positions + 1, 3))
        _sample(
            len(threshold), hit[0], matches.hit_drive[hit[1]], step[0], matches.step_drive[step[1]],
            matches.step_change[step[1]], portions(copies), np.where(used, nth, np.iinfo(np.int64).max), counts,
        )  # fmt: skip
        all_found = counts[..., 0] + counts[..., 1]
        for table, column in ((precision, 0), (similarity, 2)):
            np.divide(counts[..., column], all_found, out=table, where=used & (all_found > 0))
    means = []
    for table in (precision, similarity):
        highest = np.maximum.accumulate(table[:, ::-1], axis=1)[:, ::-1][:, averaged]
        means.append(np.where(labels > 0, 100.0 * (highest.sum(axis=1) / highest.shape[1]), np.nan))
    return means[0], means[1]


def _by_threshold(threshold: FloatArray, score: FloatArray) -> tuple[IntArray, IntArray]:
    """Where (T + 1,) the events of each threshold begin, and the events in that order.

    An event belongs to the highest threshold that its score reaches; those below the last are left out.
    """
    place = np.searchsorted(-threshold, -score)
    order = np.argsort(place, kind="stable")
    order = order[place[order] < len(threshold)]
    return np.searchsorted(place[order], np.arange(len(threshold) + 1)), order


def _sample_counts(  # noqa: PLR0917
    num_thresholds: int,
    hit_start: IntArray,
    hit_drive: IntArray,
    step_start: IntArray,
    step_drive: IntArray,
    step_change: FloatArray,
    weights: FloatArray,
    nth: IntArray,
    counts: FloatArray,
) -> None:
    """Hits, false alarms and similarity (M, K + 1, 3) at the thresholds of the ``nth`` hits."""
    for portion in range(len(weights)):
        weight = weights[portion]
        recalled = np.zeros(ABREAST)
        running = np.zeros((3, ABREAST))
        position = np.zeros(ABREAST, np.int64)
        awaited = np.full(ABREAST, np.inf)
        first = portion * ABREAST
        width = min(ABREAST, len(counts) - first)
        for m in range(width):
            awaited[m] = nth[first + m, 0]
        for t in range(num_thresholds):
            for i in range(hit_start[t], hit_start[t + 1]):
                recalled += weight[hit_drive[i]]
            for i in range(step_start[t], step_start[t + 1]):
                of_drive = weight[step_drive[i]]
                for kind in range(3):
                    change = step_change[i, kind]
                    if change != 0.0:
                        running[kind] += change * of_drive
            for m in range(width):
                while recalled[m] > awaited[m]:
                    for kind in range(3):
                        counts[first + m, position[m], kind] = running[kind, m]
                    position[m] += 1
                    awaited[m] = nth[first + m, position[m]] if position[m] < nth.shape[1] else np.inf


def recall_samples(num_hits: IntArray, num_labels: IntArray, positions: int) -> tuple[IntArray, BoolArray]:
    """Which hit, counted from the best, gives the threshold of each recall position 0, 1/K ... 1.

    ``num_hits`` and ``num_labels`` are (R,).  Returns indices (R, K + 1) and where they mean anything: recall that no
    hit reaches has no threshold.  From K + 1 labels on these are the development kit's ``getThresholds``.
    """
    nth = np.zeros((len(num_labels), positions + 1), dtype=np.int64)
    used = np.zeros(nth.shape, dtype=bool)
    _place(np.asarray(num_hits, dtype=np.int64), np.asarray(num_labels, dtype=np.int64), nth, used)
    return nth, used


def _place_samples(num_hits: IntArray, num_labels: IntArray, nth: IntArray, used: BoolArray) -> None:
    positions = nth.shape[1] - 1
    for m in range(len(nth)):
        n, hits = max(num_labels[m], 1), num_hits[m]
        current, recall = -1, 0.0  # recall is summed up step by step, as the kit does: its rounding decides ties
        for k in range(positions + 1):
            # With few labels a hit reaches several positions.  Whole numbers, to be exact at the last one.
            if not (current >= 0 and n <= positions and (current + 1) * positions >= k * n):
                near = max(int(np.ceil(recall * n - 1.5)) - 1, current + 1)
                near = min(near, max(hits - 1, current + 1))
                while near < hits - 1 and (near + 2) / n - recall < recall - (near + 1) / n:
                    near += 1
                current = near
            nth[m, k], used[m, k] = current, current < hits
            recall += 1.0 / positions


_compiled = njit(nogil=True, cache=True, error_model="numpy")
_sample = cast(Callable[..., None], _compiled(_sample_counts))
_place = cast(Callable[..., None], _compiled(_place_samples))
