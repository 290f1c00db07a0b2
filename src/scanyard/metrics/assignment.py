"""Waymo's matching: of all ways to pair labels with detections in a frame, the one with the most overlap in sum.

Overlaps are rounded to millionths before they are summed, as in waymo-open-dataset.  **Ties**: of assignments with the
same sum any may be taken, here as there; hits are the same number or the sums would differ by an overlap, but which of
two equal detections is the hit, and so its heading, is left to the order of the list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.geometry import FloatArray
from scanyard.metrics.pool import IntArray

_STEPS = 1_000_000
"""Parts that overlaps are rounded to: ``kMaxIoU``."""


def best_assignments(  # noqa: PLR0917
    label: IntArray,
    detection: IntArray,
    overlap: FloatArray,
    worth: FloatArray,
    reached: IntArray,
    label_frame: IntArray,
    frame_drive: IntArray,
    shape: tuple[int, int],
) -> FloatArray:
    """Change (W, drives, cutoffs) of what is found, as the cutoff falls to each from above.

    Pairs (P,) are near enough, by frame, then label, then detection; ``worth`` (P, W) is what finding each adds, and
    ``reached`` (D,) is the highest cutoff that a detection's score reaches.
    """
    found = np.zeros((worth.shape[1], *shape))
    weight = np.round(overlap * _STEPS)
    _assign_frames(label, detection, weight, worth, reached, label_frame, frame_drive, found)
    return found


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


def _each_frame(  # noqa: PLR0917
    label: IntArray,
    detection: IntArray,
    weight: FloatArray,
    worth: FloatArray,
    reached: IntArray,
    label_frame: IntArray,
    frame_drive: IntArray,
    found: NDArray[np.float64],
) -> None:
    kinds = worth.shape[1]
    begin = 0
    while begin < len(label):
        frame = label_frame[label[begin]]
        end = begin
        while end < len(label) and label_frame[label[end]] == frame:
            end += 1
        drive = frame_drive[frame]
        rows, columns = np.unique(label[begin:end]), np.unique(detection[begin:end])
        table, pair = np.zeros((len(rows), len(columns))), np.zeros((len(rows), len(columns)), np.int64)
        for at in range(begin, end):
            i, j = np.searchsorted(rows, label[at]), np.searchsorted(columns, detection[at])
            table[i, j], pair[i, j] = weight[at], at
        levels = np.unique(reached[columns])[::-1]
        before = np.zeros(kinds)
        for cutoff in levels:
            if cutoff < 0:
                continue
            taking_part = np.flatnonzero(reached[columns] >= cutoff)
            chosen = _solve(np.ascontiguousarray(table[:, taking_part]))
            now = np.zeros(kinds)
            for i in range(len(rows)):
                if chosen[i] >= 0:
                    for kind in range(kinds):
                        now[kind] += worth[pair[i, taking_part[chosen[i]]], kind]
            for kind in range(kinds):
                found[kind, drive, cutoff] += now[kind] - before[kind]
                before[kind] = now[kind]
        begin = end


_compiled = njit(nogil=True, cache=True, error_model="numpy")
_solve: Any = _compiled(_solve_rows)
_assign_frames = cast(Callable[..., None], _compiled(_each_frame))
