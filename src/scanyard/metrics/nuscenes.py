"""nuScenes' family: mAP over distances of centres, five true-positive errors, and NDS.

1. *Which boxes count.*  Labels and detections nearer than their category's range on the ground; of labels, only those
   with a return inside, where the returns are known.
2. *Matching* at 0.5, 1, 2 and 4 m: ``centre_matching.take_nearest``.  Ties are settled there.
3. *Average precision.*  Precision over recall, interpolated in a straight line at recall 0, 0.01 ... 1 and 0 beyond the
   highest recall; the mean of max(precision − 0.1, 0) over recalls above 0.1, divided by 0.9.
4. *Errors* of what was found within 2 m: ``ate`` distance on the ground, ``ase`` one less the overlap of sizes, ``aoe``
   smallest angle between headings, ``ave`` difference of velocities, ``aae`` wrong attributes.  Each is averaged from
   the best score down, read off at the scores of recalls 0.11 ... the highest reached, and averaged; it is 1 where no
   recall above 0.1 is reached.  A pair whose velocity or attribute is not known (NaN) is left out of the running mean;
   an error that no pair has is 1.
5. *Means.*  ``ap`` over the four distances, then over all categories of the protocol, those without labels with 0;
   errors over categories, those without labels with 1, cones and barriers only where they have the error.  ``nds`` is
   (5 mAP + Σ max(1 − error, 0)) / 10.

Source: nuscenes-devkit 1.2.0, ``eval/detection/algo.py``, ``evaluate.py`` and ``eval/common/utils.py``; H. Caesar et
al., nuScenes: A multimodal dataset for autonomous driving, CVPR 2020, section 3.1.  Bicycles inside bicycle racks are
left to whoever reads the data.  In a resample that happens to hold no label of a category, that category is left out of
the means: its absence says nothing about the detector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scanyard.geometry import FloatArray
from scanyard.metrics.box_errors import (
    attribute_error,
    heading_error,
    scale_error,
    velocity_error,
)
from scanyard.metrics.centre_matching import Sides, take_nearest
from scanyard.metrics.measured import Measured, codes_of
from scanyard.metrics.nuscenes_curves import RECALL, Ranked, curve, resampled_curves
from scanyard.metrics.pool import IntArray, Pool
from scanyard.metrics.protocols import NuscenesProtocol

ERRORS: Mapping[str, str] = {"ate": "m", "ase": "1", "aoe": "rad", "ave": "m/s", "aae": "1"}
"""Names of the errors, in their order in the arrays, and their units."""


@dataclass(frozen=True)
class _Category:
    """Values of one category under all mixtures."""

    num_labels: IntArray
    """(M,)"""
    precision: FloatArray
    """(T, M) average precision, 0 to 1."""
    errors: FloatArray
    """(5, M)"""


def measure_nuscenes(
    pool: Pool, protocol: NuscenesProtocol, mixtures: IntArray, categories: Sequence[str] = ()
) -> list[Measured]:
    """All numbers of the protocol, for those ``categories`` (all unless given) that have a label to find.

    The means over categories are there only when all categories are.
    """
    wanted = [name for name in protocol.categories if not categories or name in categories]
    label_code, detection_code = counting_codes(pool, protocol)
    label_code[~pool.asked(label_code >= 0)] = -1
    order, taken, errors = matched(pool, protocol)
    measured: list[Measured] = []
    found: dict[str, _Category] = {}
    for name in wanted:
        code = protocol.categories.index(name)
        labels_by_drive = pool.labels_by_drive(label_code == code)
        if not labels_by_drive.any():
            continue
        mine = order[detection_code[order] == code]
        found[name] = _category(pool, protocol, mine, taken[:, mine], errors, labels_by_drive, mixtures)
        measured += _of_category(protocol, name, found[name], labels_by_drive)
    if found and not categories:
        measured += _means(protocol, found, pool.labels_by_drive(label_code >= 0))
    return measured


def matched(pool: Pool, protocol: NuscenesProtocol) -> tuple[IntArray, IntArray, FloatArray]:
    """Detections (N,) that count, best first; the label (T, D) that each takes, -1 for none; its errors (D, 5)."""
    key = (
        "nuscenes", protocol.distances_m, protocol.error_distance_m, protocol.half_turn,
        tuple(protocol.class_range_m.items()),
    )  # fmt: skip
    return pool.once(key, lambda: _matched(pool, protocol))


def _matched(pool: Pool, protocol: NuscenesProtocol) -> tuple[IntArray, IntArray, FloatArray]:
    label_code, detection_code = counting_codes(pool, protocol)
    order = np.argsort(pool.score, kind="stable")[::-1]
    order = order[detection_code[order] >= 0]
    sides = Sides(
        order, pool.detection_frame, detection_code, pool.detections.center[:, :2].copy(), pool.label_start,
        label_code, pool.labels.center[:, :2].copy(),
    )  # fmt: skip
    taken = take_nearest(sides, np.array(protocol.distances_m))
    return order, taken, _errors(pool, protocol, taken[protocol.distances_m.index(protocol.error_distance_m)])


def counting_codes(pool: Pool, protocol: NuscenesProtocol) -> tuple[IntArray, IntArray]:
    """Category of each label (G,) and detection (D,) that counts, -1 for the others; ``pool.ignored`` is not asked."""
    limits = np.append(np.array(list(protocol.class_range_m.values()), dtype=np.float64), -1.0)
    codes = []
    for boxes, frame in ((pool.labels, pool.label_frame), (pool.detections, pool.detection_frame)):
        code = codes_of(boxes.category, protocol.categories)
        code[pool.ranges(boxes, frame, 2) >= limits[code]] = -1
        codes.append(code)
    if pool.labels.num_points is not None:
        codes[0][pool.labels.num_points == 0] = -1
    return codes[0], codes[1]


def _errors(pool: Pool, protocol: NuscenesProtocol, taken: IntArray) -> FloatArray:
    """The five errors (D, 5) of detections that took a label."""
    at = np.flatnonzero(taken >= 0)
    labels, found = pool.labels[taken[at]], pool.detections[at]
    period = np.where(np.isin(labels.category, protocol.half_turn), np.pi, 2 * np.pi)
    attributes = [
        None if column is None else column[rows]
        for column, rows in ((pool.label_attributes, taken[at]), (pool.detection_attributes, at))
    ]
    errors = np.zeros((len(taken), len(ERRORS)))
    errors[at] = np.column_stack([
        np.linalg.norm((labels.center - found.center)[:, :2], axis=1),
        scale_error(labels.size, found.size),
        heading_error(labels.yaw_rad, found.yaw_rad, period),
        velocity_error(labels.velocity, found.velocity, len(at)),
        attribute_error(attributes[0], attributes[1], len(at)),
    ])  # fmt: skip
    return errors


def _category(  # noqa: PLR0917
    pool: Pool,
    protocol: NuscenesProtocol,
    mine: IntArray,
    taken: IntArray,
    errors: FloatArray,
    labels_by_drive: IntArray,
    mixtures: IntArray,
) -> _Category:
    num_labels = mixtures @ labels_by_drive
    precision = np.zeros((len(protocol.distances_m), len(mixtures)))
    error = np.ones((len(ERRORS), len(mixtures)))
    for t, distance in enumerate(protocol.distances_m):
        kept = pool.kept(mine, taken[t])
        ranking, hit = mine[kept], taken[t, kept] >= 0
        if not hit.any():
            continue
        with_errors = distance == protocol.error_distance_m
        ranked = Ranked(
            score=pool.score[ranking],
            drive=pool.detection_drive[ranking],
            hit=hit,
            errors=errors[ranking[hit]] if with_errors else np.zeros((int(hit.sum()), 0)),
        )
        curves = [curve(ranked, int(labels_by_drive.sum()))]
        if len(mixtures) > 1:
            curves.append(resampled_curves(ranked, num_labels[1:], mixtures[1:]))
        for c, rows in zip(curves, (slice(0, 1), slice(1, None)), strict=False):
            precision[t, rows] = _average_precision(c.precision, protocol)
            if with_errors:
                error[:, rows] = _average_errors(c.errors, c.score, protocol)
    return _Category(num_labels, precision, error)


def _first(protocol: NuscenesProtocol) -> int:
    """The first of the 101 recalls above the least one."""
    return round(100 * protocol.min_recall) + 1


def _average_precision(precision: FloatArray, protocol: NuscenesProtocol) -> FloatArray:
    """(M,) of curves (M, 101)."""
    above = np.clip(precision[:, _first(protocol) :] - protocol.min_precision, 0.0, None)
    mean: FloatArray = above.mean(axis=1) / (1.0 - protocol.min_precision)
    return mean


def _average_errors(errors: FloatArray, score: FloatArray, protocol: NuscenesProtocol) -> FloatArray:
    """(5, M) of error curves (5, M, 101); a score of 0 marks recalls that were not reached, as in the devkit."""
    first = _first(protocol)
    reached = score != 0
    last = np.where(reached.any(axis=1), len(RECALL) - 1 - reached[:, ::-1].argmax(axis=1), 0)
    used = (np.arange(len(RECALL)) >= first) & (np.arange(len(RECALL)) <= last[:, None])
    mean = np.where(used, errors, 0.0).sum(axis=2) / np.maximum(used.sum(axis=1), 1)
    return np.where(last < first, 1.0, mean)


def _of_category(protocol: NuscenesProtocol, name: str, values: _Category, labels_by_drive: IntArray) -> list[Measured]:
    def blank(column: FloatArray) -> FloatArray:
        return np.where(values.num_labels > 0, column, np.nan)

    measured = [Measured("ap", name, "all", blank(100 * values.precision.mean(axis=0)), labels_by_drive)]
    measured += [
        Measured("ap", name, "all", blank(100 * values.precision[t]), labels_by_drive, distance_m=distance)
        for t, distance in enumerate(protocol.distances_m)
    ]
    absent = protocol.without_errors.get(name, ())
    return measured + [
        Measured(
            error,
            name,
            "all",
            blank(values.errors[i]),
            labels_by_drive,
            distance_m=protocol.error_distance_m,
            unit=unit,
        )
        for i, (error, unit) in enumerate(ERRORS.items())
        if error not in absent
    ]


def _means(protocol: NuscenesProtocol, found: Mapping[str, _Category], labels_by_drive: IntArray) -> list[Measured]:
    def mean(column: Mapping[str, FloatArray], among: Sequence[str], missing: float) -> FloatArray:
        """Over categories: those never labelled count as ``missing``, those not in a resample are left out."""
        total, count = np.zeros(len(first.num_labels)), np.zeros(len(first.num_labels))
        for name in among:
            if name not in found:
                total, count = total + missing, count + 1
                continue
            there = found[name].num_labels > 0
            total, count = total + np.where(there, column[name], 0.0), count + there
        average: FloatArray = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
        return average

    first = next(iter(found.values()))
    ap = mean({name: values.precision.mean(axis=0) for name, values in found.items()}, protocol.categories, 0.0)
    errors = {}
    for i, error in enumerate(ERRORS):
        among = [name for name in protocol.categories if error not in protocol.without_errors.get(name, ())]
        errors[error] = mean({name: values.errors[i] for name, values in found.items()}, among, 1.0)
    kept = sum(np.clip(1.0 - values, 0.0, None) for values in errors.values())
    nds = (protocol.ap_weight * ap + kept) / (protocol.ap_weight + len(ERRORS))
    return [
        Measured("nds", "all", "all", 100 * nds, labels_by_drive),
        Measured("ap", "all", "all", 100 * ap, labels_by_drive),
        *(
            Measured(
                error, "all", "all", values, labels_by_drive, distance_m=protocol.error_distance_m, unit=ERRORS[error]
            )
            for error, values in errors.items()
        ),
    ]
