"""Waymo's matching: of all ways to pair labels with detections in a frame, the one with the most overlap in sum.

Overlaps are rounded to millionths before they are summed, as in waymo-open-dataset.  **Ties**: of assignments with the
same sum any may be taken, here as there; hits are the same number or the sums would differ by an overlap, but which of
two equal detections is the hit, and so its heading, is left to the order of the list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numba import njit

from scanyard.geometry import FloatArray
from scanyard.metrics.pool import IntArray

_STEPS = 1_000_000
"""Parts that overlaps are rounded to: ``kMaxIoU``."""


@dataclass(frozen=True)
class Assignments:
    """Who is with whom as the cutoff falls."""

    pair: IntArray
    """(E,) pairs that come together or fall apart."""
    sign: FloatArray
    """(E,) 1 where they come together, -1 where they fall apart."""
    cutoff: IntArray
    """(E,) the cutoff that has been reached."""

    def final(self, num_pairs: int) -> IntArray:
        """Pairs (M,) out of so many that are together at the lowest cutoff."""
        return np.flatnonzero(np.bincount(self.pair, self.sign, minlength=num_pairs) > 0.5)


def best_assignments(
    label: IntArray, detection: IntArray, overlap: FloatArray, reached: IntArray, label_frame: IntArray
) -> Assignments:
    """The best assignment of every frame anew at each cutoff, from above.

    Pairs (P,) are near enough, by frame, then label, then detection; ``reached`` (D,) is the highest cutoff that a
    detection's score reaches.
    """
    return Assignments(*_assign_frames(label, detection, np.round(overlap * _STEPS), reached, label_frame))


def best_assignment(weight: FloatArray) -> IntArray:
    """Column (N,) for each row of ``weight`` (N, M) so that the sum is greatest, -1 for rows better left alone.

    Shortest augmenting paths (R. Jonker, A. Volgenant, A shortest augmenting path algorithm for dense and sparse linear
    assignment problems, Computing 1987); each row has a column of its own of weight 0 to stay unmatched in.
    """
    chosen: IntArray = _solve(weight)
    return chosen


def _solve_rows(weight: FloatArray) -> IntArray:  # noqa: PLR0912  # one textbook algorithm
    rows, columns = weight.shape
    wide = columns + rows
    row_price, column_price = np.zeros(rows + 1), np.zeros(wide + 1)
    row_of = np.zeros(wide + 1, np.int64)  # counted from 1; 0 is free
    came_from = np.zeros(wide + 1, np.int64)
    for row in range(1, rows + 1):
        row_of[0] = row
        column = 0
        least = np.full(wide + 1, np.inf)
        used = np.zeros(wide + 1, np.bool_)
        while True:
            used[column] = True
            current, delta, following = row_of[column], np.inf, 0
            for j in range(1, wide + 1):
                if used[j]:
                    continue
                cost = -weight[current - 1, j - 1] if j <= columns else 0.0
                reduced = cost - row_price[current] - column_price[j]
                if reduced < least[j]:
                    least[j], came_from[j] = reduced, column
                if least[j] < delta:
                    delta, following = least[j], j
            for j in range(wide + 1):
                if used[j]:
                    row_price[row_of[j]] += delta
                    column_price[j] -= delta
                else:
                    least[j] -= delta
            column = following
            if row_of[column] == 0:
                break
        while column != 0:
            previous = came_from[column]
            row_of[column] = row_of[previous]
            column = previous
    chosen = np.full(rows, -1, np.int64)
    for j in range(1, columns + 1):
        if row_of[j] > 0 and weight[row_of[j] - 1, j - 1] > 0.0:
            chosen[row_of[j] - 1] = j - 1
    return chosen


def _each_frame(
    label: IntArray, detection: IntArray, weight: FloatArray, reached: IntArray, label_frame: IntArray
) -> tuple[IntArray, FloatArray, IntArray]:
    change_pair = np.empty(2 * len(label) + 16, np.int64)
    change_sign = np.empty(len(change_pair), np.float64)
    change_cutoff = np.empty(len(change_pair), np.int64)
    num = 0
    begin = 0
    while begin < len(label):
        frame = label_frame[label[begin]]
        end = begin
        while end < len(label) and label_frame[label[end]] == frame:
            end += 1
        rows, columns = np.unique(label[begin:end]), np.unique(detection[begin:end])
        table, pair = np.zeros((len(rows), len(columns))), np.zeros((len(rows), len(columns)), np.int64)
        for at in range(begin, end):
            i, j = np.searchsorted(rows, label[at]), np.searchsorted(columns, detection[at])
            table[i, j], pair[i, j] = weight[at], at
        together = np.full(len(rows), -1, np.int64)
        levels = np.unique(reached[columns])[::-1]
        for cutoff in levels:
            if cutoff < 0:
                continue
            taking_part = np.flatnonzero(reached[columns] >= cutoff)
            chosen = _solve(np.ascontiguousarray(table[:, taking_part]))
            for i in range(len(rows)):
                now = pair[i, taking_part[chosen[i]]] if chosen[i] >= 0 else -1
                if now == together[i]:
                    continue
                if num + 2 > len(change_pair):
                    change_pair = np.concatenate((change_pair, np.empty_like(change_pair)))
                    change_sign = np.concatenate((change_sign, np.empty_like(change_sign)))
                    change_cutoff = np.concatenate((change_cutoff, np.empty_like(change_cutoff)))
                if together[i] >= 0:
                    change_pair[num], change_sign[num], change_cutoff[num] = together[i], -1.0, cutoff
                    num += 1
                if now >= 0:
                    change_pair[num], change_sign[num], change_cutoff[num] = now, 1.0, cutoff
                    num += 1
                together[i] = now
        begin = end
    return change_pair[:num].copy(), change_sign[:num].copy(), change_cutoff[:num].copy()


_compiled = njit(nogil=True, cache=True, error_model="numpy")
_solve: Any = _compiled(_solve_rows)
_assign_frames = cast(Callable[..., tuple[IntArray, FloatArray, IntArray]], _compiled(_each_frame))
