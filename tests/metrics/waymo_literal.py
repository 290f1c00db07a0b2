"""Waymo's scoring a second time: slow, one cutoff and one frame at a time, from the original's rules alone.

It shares no code with ``scanyard.metrics``, and takes the best assignment from scipy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from scanyard.boxes import overlap_3d
from scanyard.metrics import ScoredFrame


def average_precision(
    frames: Sequence[ScoredFrame], category: str, minimum: float, level: int, *, weighted: bool
) -> tuple[float, int]:
    """AP or APH in percent, and the number of labels that had to be found."""
    points = []
    overlaps = [overlap_3d(frame.labels, frame.detections) for frame in frames]
    for k in range(101):
        hits = false = missed = 0
        accuracy = 0.0
        for frame, overlap in zip(frames, overlaps, strict=True):
            counts = one_frame(frame, overlap, category, minimum, level, np.float32(k * 0.01))
            hits, false, missed = hits + counts[0], false + counts[1], missed + counts[2]
            accuracy += counts[3]
        precision = (accuracy if weighted else hits) / (hits + false) if hits + false else 0.0
        recall = hits / (hits + missed) if hits + missed else 0.0
        points.append((recall, 1.0 if recall == 0 else precision))
    num_labels = sum(
        int(((f.labels.category == category) & (f.labels.num_points > (5 if level == 1 else 0))).sum())
        for f in frames
        if len(f.labels)
    )
    return 100 * area(points), num_labels


def one_frame(  # noqa: PLR0917
    frame: ScoredFrame, all_overlaps: np.ndarray, category: str, minimum: float, level: int, cutoff: np.float32
) -> tuple[int, int, int, float]:
    """Hits, false alarms, misses and sum of heading accuracies."""
    labels, found = frame.labels, frame.detections
    rows = [i for i in range(len(labels)) if labels.category[i] == category and labels.num_points[i] > 0]
    columns = [j for j in range(len(found)) if found.category[j] == category and np.float32(found.score[j]) >= cutoff]
    overlap = all_overlaps[np.ix_(rows, columns)]
    weight = np.where(overlap >= minimum, np.round(overlap * 1e6), 0.0)
    matched = [(rows[i], columns[j]) for i, j in zip(*linear_sum_assignment(-weight), strict=True) if weight[i, j] > 0]
    accuracy = 0.0
    for i, j in matched:
        apart = abs((labels.yaw_rad[i] - found.yaw_rad[j] + math.pi) % (2 * math.pi) - math.pi)
        accuracy += 1 - apart / math.pi
    taken = {i for i, _ in matched}
    missed = [i for i in rows if i not in taken and (1 if labels.num_points[i] > 5 else 2) <= level]
    return len(matched), len(columns) - len(matched), len(missed), accuracy


def area(points: Sequence[tuple[float, float]]) -> float:
    best = {0.0: 1.0}
    for recall, precision in points:
        best[recall] = max(best.get(recall, 0.0), precision)
    curve: list[tuple[float, float]] = []
    last, highest = 0.0, 0.0
    for recall in sorted(best, reverse=True):
        while last - recall > 0.05 + 1e-6:
            last -= 0.05
            curve.append((highest, last))
        highest = max(highest, best[recall])
        curve.append((highest, recall))
        last = recall
    if len(curve) >= 2:
        curve[-1] = (curve[-2][0], curve[-1][1])
    return sum(0.5 * (a[1] - b[1]) * (a[0] + b[0]) for a, b in pairwise(curve))
