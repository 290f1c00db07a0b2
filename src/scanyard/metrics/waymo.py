"""Waymo's family: average precision and heading-weighted average precision (APH) at levels 1 and 2.

1. *Which boxes count.*  Labels with more than five returns inside are of level 1, those with one to five of level 2;
   those with none do not count.
2. *Matching* anew for the detections that score at least 0, 0.01, ... 1: within a frame and category, the assignment
   with the greatest sum of volume overlaps, of pairs that overlap by no less than the minimum (``best_assignment``).
3. *Counts* at a cutoff and level: hits are all detections with a label *of either level*, false alarms those without,
   misses the labels up to the level without a detection.
4. *Curve.*  Precision is hits / (hits + false alarms), recall hits / (hits + misses).  For APH each hit weighs
   1 − |Δheading| / π in precision, and counts whole in recall.
5. *Area* under precision made non-increasing from the right, by trapezoids; where recalls are more than 0.05 apart,
   points with the lower precision are put between.

Source: waymo-open-dataset, ``metrics/detection_metrics.cc``, ``metrics_utils.cc`` (ComputeMeanAveragePrecision) and
``matcher.cc``, with the configuration of ``tools/compute_detection_metrics_main.cc``; P. Sun et al., Scalability in
Perception for Autonomous Driving, CVPR 2020, section 6.1.  The original computes in single precision; scores are held
against the cutoffs in single precision here too.  No-label zones are left to whoever reads the data, and so are labels
that annotators called level 2 in spite of their returns.

Cutoffs are fixed, so scores have to be probabilities: this is the one family in which rescaling them changes numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numba import njit

from scanyard.errors import EvaluationError
from scanyard.geometry import FloatArray
from scanyard.metrics.assignment import Assignments, best_assignments
from scanyard.metrics.box_errors import heading_error
from scanyard.metrics.measured import Measured, codes_of
from scanyard.metrics.pool import BoolArray, IntArray, Pool
from scanyard.metrics.protocols import WaymoProtocol

_LEVELS = ("level_1", "level_2")


def measure_waymo(
    pool: Pool, protocol: WaymoProtocol, mixtures: IntArray, categories: Sequence[str] = ()
) -> list[Measured]:
    """All numbers of the protocol, for those ``categories`` (all unless given) that have a label to find."""
    _require_probabilities(pool, protocol)
    level = label_levels(pool, protocol)
    label_code = codes_of(pool.labels.category, protocol.categories)
    label_code[~pool.asked(level > 0)] = -1
    measured = []
    for code, name in enumerate(protocol.categories):
        of_level = [pool.labels_by_drive((label_code == code) & (level <= limit)) for limit in (1, 2)]
        if (categories and name not in categories) or not of_level[1].any():
            continue
        tables = _tables(pool, protocol, name, label_code == code, level)
        detections, hits, alike, hits_1 = (mixtures @ table for table in tables)
        for limit, labels_by_drive, hits_of_level in zip(_LEVELS, of_level, (hits_1, hits), strict=True):
            if not labels_by_drive.any():
                continue
            labels = (mixtures @ labels_by_drive)[:, None]
            found = np.maximum(hits + labels - hits_of_level, 1.0)
            for metric, weighed in (("ap", hits), ("aph", alike)):
                precision = np.divide(weighed, detections, out=np.zeros(hits.shape), where=detections > 0)
                value = area_under(precision, hits / found, protocol.max_recall_step)
                value = np.where(labels[:, 0] > 0, 100 * value, np.nan)
                iou = protocol.overlaps[name]
                measured.append(Measured(metric, name, limit, value, labels_by_drive, iou=iou))
    return measured


def label_levels(pool: Pool, protocol: WaymoProtocol) -> IntArray:
    """1 or 2 for each label (G,), 0 for those that do not count."""
    points = np.zeros(len(pool.labels), np.int64) if pool.labels.num_points is None else pool.labels.num_points
    return np.where(points > protocol.level_1_points, 1, np.where(points > 0, 2, 0))


def area_under(precision: FloatArray, recall: FloatArray, max_step: float) -> FloatArray:
    """Area (M,) under curves given by points (M, K) in any order."""
    area = np.zeros(len(precision))
    _integrate(np.where(recall == 0, 1.0, precision), recall, max_step, area)
    return area


def _require_probabilities(pool: Pool, protocol: WaymoProtocol) -> None:
    wrong = np.flatnonzero((pool.score < 0) | (pool.score > 1))
    if len(wrong):
        raise EvaluationError(
            f"protocol {protocol.name}: {len(wrong)} of {len(pool.score)} scores are outside 0 to 1, the first is "
            f"{pool.score[wrong[0]]:g} in frame number {pool.detection_frame[wrong[0]]}; its cutoffs are fixed, so "
            "give probabilities (a logistic function of raw scores)"
        )


def reached_cutoffs(pool: Pool, protocol: WaymoProtocol) -> IntArray:
    """The highest cutoff (D,) that each score reaches; -1 below the lowest."""
    cutoffs = (np.arange(protocol.score_cutoffs + 1) * (1.0 / protocol.score_cutoffs)).astype(np.float32)
    return np.searchsorted(cutoffs, pool.score.astype(np.float32), side="right") - 1


@dataclass(frozen=True)
class Pairing:
    """Pairs of one category that overlap enough, and who is with whom as the cutoff falls."""

    label: IntArray
    """(P,)"""
    detection: IntArray
    """(P,)"""
    assignments: Assignments


def pairing(pool: Pool, protocol: WaymoProtocol, category: str) -> Pairing:
    """Labels of one category, of either level, with detections of it; who is asked for is not asked."""
    key = ("waymo", category, protocol.overlaps[category], protocol.score_cutoffs)
    return pool.once(key, lambda: _pairing(pool, protocol, category))


def _pairing(pool: Pool, protocol: WaymoProtocol, category: str) -> Pairing:
    pairs = pool.pairs
    is_label = (pool.labels.category == category) & (label_levels(pool, protocol) > 0)
    is_detection = pool.detections.category == category
    enough = pairs.volume >= protocol.overlaps[category]
    near = np.flatnonzero(enough & is_label[pairs.label] & is_detection[pairs.detection])
    label, detection = pairs.label[near], pairs.detection[near]
    reached = reached_cutoffs(pool, protocol)
    return Pairing(label, detection, best_assignments(label, detection, pairs.volume[near], reached, pool.label_frame))


def _tables(pool: Pool, protocol: WaymoProtocol, category: str, asked: BoolArray, level: IntArray) -> list[FloatArray]:
    """Per drive and cutoff (drives, K + 1): detections, hits, sum of heading accuracies, hits of level 1.

    A detection with an ignored label is not among the detections; an excused one only if it has a label.
    """
    with_labels = pairing(pool, protocol, category)
    label, detection, changes = with_labels.label, with_labels.detection, with_labels.assignments
    reached = reached_cutoffs(pool, protocol)
    excused = np.zeros(len(pool.detections), dtype=bool) if pool.excused is None else pool.excused
    apart = heading_error(pool.labels.yaw_rad[label], pool.detections.yaw_rad[detection])
    right = asked[label].astype(np.float64)
    alike, right_1 = right * (1 - apart / np.pi), right * (level[label] == 1)
    counted = right - ~excused[detection]  # as a detection, in place of what it was without a label
    shape = (len(pool.drives), protocol.score_cutoffs + 1)
    drive = pool.label_drive[label[changes.pair]]
    tables = []
    for worth in (counted, right, alike, right_1):
        table = np.zeros(shape)
        np.add.at(table, (drive, changes.cutoff), changes.sign * worth[changes.pair])
        tables.append(table)
    alone = np.flatnonzero((pool.detections.category == category) & (reached >= 0) & ~excused)
    np.add.at(tables[0], (pool.detection_drive[alone], reached[alone]), 1.0)
    return [np.cumsum(table[:, ::-1], axis=1)[:, ::-1] for table in tables]


def _integrate_curves(precision: FloatArray, recall: FloatArray, max_step: float, area: FloatArray) -> None:
    for m in range(len(area)):
        order = np.argsort(recall[m])[::-1]
        highest, total = 0.0, 0.0
        last_recall, last_precision, i = -1.0, 0.0, 0
        while i < len(order):
            now = recall[m, order[i]]
            if now <= 0.0:
                break
            while last_recall - now > max_step + 1e-6:
                total += max_step * (last_precision + highest) / 2
                last_recall, last_precision = last_recall - max_step, highest
            while i < len(order) and recall[m, order[i]] == now:
                highest = max(highest, precision[m, order[i]])
                i += 1
            if last_recall >= 0.0:
                total += (last_recall - now) * (last_precision + highest) / 2
            last_recall, last_precision = now, highest
        # down to recall 0, whose precision is that of the lowest recall there is
        area[m] = total + max(last_recall, 0.0) * last_precision


_integrate = cast(Callable[..., None], njit(nogil=True, cache=True, error_model="numpy")(_integrate_curves))
