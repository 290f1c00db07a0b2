"""Argoverse 2's family: AP over distances of centres, three true-positive errors, and the composite score CDS.

1. *Which boxes count.*  Labels and detections whose centre, height included, is nearer than the range; of labels, only
   those with a return inside, where the returns are known; of detections, the 100 best of a category and frame.
2. *Matching* at 0.5, 1, 2 and 4 m: ``centre_matching.first_to_reach``.  Ties are settled there.
3. *Average precision.*  Precision over recall made non-increasing from the right, read off at recall 0, 0.01 ... 1 with
   0 beyond the highest recall, averaged over the recalls, then over the four distances.
4. *Errors* are means over what was found within 2 m: ``ate`` distance, ``ase`` one less the overlap of sizes, ``aoe``
   smallest angle between headings; where nothing was found they are 2 m, 1 and π.
5. *CDS* = AP × the mean of 1 − ate/2 m, 1 − ase and 1 − aoe/π, per category.  Means are over all categories of the
   protocol, those without labels with AP 0, errors 2 m, 1, π and CDS 0.

Source: av2 0.3.6, ``evaluation/detection/eval.py`` and ``utils.py`` (whose docstring gives CDS as a sum where the code
takes a mean; the code counts); B. Wilson et al., Argoverse 2, NeurIPS Datasets and Benchmarks 2021.  av2 rounds its
table to three digits, we do not.  The region of interest needs the maps and is left to whoever reads the data.  In a
resample that happens to hold no label of a category, that category is left out of the means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.geometry import FloatArray
from scanyard.metrics.box_errors import aligned_scale_error, heading_error
from scanyard.metrics.centre_matching import Sides, first_to_reach
from scanyard.metrics.measured import ABREAST, Measured, codes_of, portions
from scanyard.metrics.pool import BoolArray, IntArray, Pool
from scanyard.metrics.protocols import Argoverse2Protocol

ERRORS: Mapping[str, str] = {"ate": "m", "ase": "1", "aoe": "rad"}
"""Names of the errors, in their order in the arrays, and their units."""


def measure_argoverse2(
    pool: Pool, protocol: Argoverse2Protocol, mixtures: IntArray, categories: Sequence[str] = ()
) -> list[Measured]:
    """All numbers of the protocol, for those ``categories`` (all unless given) that have a label to find.

    The means over categories are there only when all categories are.
    """
    label_code, detection_code = counting_codes(pool, protocol)
    label_code[~pool.asked(label_code >= 0)] = -1
    order, kept, away, errors = matched(pool, protocol)
    measured: list[Measured] = []
    found: dict[str, tuple[IntArray, FloatArray]] = {}
    for code, name in enumerate(protocol.categories):
        labels_by_drive = pool.labels_by_drive(label_code == code)
        if (categories and name not in categories) or not labels_by_drive.any():
            continue
        mine = order[detection_code[order] == code]
        num_labels = mixtures @ labels_by_drive
        precision = np.empty((len(protocol.distances_m), len(mixtures)))
        for row, distance in enumerate(protocol.distances_m):
            ranking, hit = _ranking(pool, mine, kept, away, distance)
            drive = pool.detection_drive[ranking]
            precision[row] = interpolated_precision(hit, drive, num_labels, mixtures, protocol.recall_samples)
        ranking, hit = _ranking(pool, mine, kept, away, protocol.error_distance_m)
        found_by = ranking[hit]
        mean_errors = _mean_errors(errors[found_by], pool.detection_drive[found_by], mixtures, protocol)
        found[name] = (num_labels, np.vstack([precision.mean(axis=0), mean_errors, np.zeros(len(mixtures))]))
        found[name][1][-1] = found[name][1][0] * (1 - mean_errors / _worst(protocol)[:, None]).mean(axis=0)
        absent = num_labels == 0
        measured += _named(protocol, name, np.where(absent, np.nan, found[name][1]), labels_by_drive)
        measured += [
            Measured("ap", name, "all", np.where(absent, np.nan, 100 * row), labels_by_drive, distance_m=distance)
            for row, distance in zip(precision, protocol.distances_m, strict=True)
        ]
    if found and not categories:
        measured += _named(protocol, "all", _means(protocol, found), pool.labels_by_drive(label_code >= 0))
    return measured


def matched(pool: Pool, protocol: Argoverse2Protocol) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Detections (N,) that count, best first; the label (D,) each keeps, -1 for none, how far it is; errors (D, 3)."""
    key = (
        "argoverse2", protocol.categories, protocol.max_range_m, tuple(protocol.class_range_m.items()),
        protocol.max_detections, protocol.min_points,
    )  # fmt: skip
    return pool.once(key, lambda: _matched(pool, protocol))


def _matched(pool: Pool, protocol: Argoverse2Protocol) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    label_code, detection_code = counting_codes(pool, protocol)
    order = np.argsort(-pool.score, kind="stable")
    order = _best_of_each_frame(order, pool.detection_frame, detection_code, protocol)
    sides = Sides(
        order, pool.detection_frame, detection_code, pool.detections.center, pool.label_start, label_code,
        pool.labels.center,
    )  # fmt: skip
    kept, away = first_to_reach(sides)
    return order, kept, away, _errors(pool, kept, away)


def _ranking(
    pool: Pool, mine: IntArray, kept: IntArray, away: FloatArray, distance_m: float
) -> tuple[IntArray, BoolArray]:
    """Those of the detections ``mine`` that say something, in their order, and which of them are hits."""
    taken = np.where(away[mine] < distance_m, kept[mine], -1)
    says = pool.kept(mine, taken)
    return mine[says], taken[says] >= 0


def counting_codes(pool: Pool, protocol: Argoverse2Protocol) -> tuple[IntArray, IntArray]:
    """Category of each label (G,) and detection (D,) that counts, -1 for the others; ``pool.ignored`` is not asked."""
    limits = [min(protocol.class_range_m.get(name, np.inf), protocol.max_range_m) for name in protocol.categories]
    codes = []
    for boxes, frame in ((pool.labels, pool.label_frame), (pool.detections, pool.detection_frame)):
        code = codes_of(boxes.category, protocol.categories)
        code[pool.ranges(boxes, frame, 3) >= np.array([*limits, -1.0])[code]] = -1
        codes.append(code)
    if pool.labels.num_points is not None:
        codes[0][pool.labels.num_points < protocol.min_points] = -1
    return codes[0], codes[1]


def _best_of_each_frame(order: IntArray, frame: IntArray, code: IntArray, protocol: Argoverse2Protocol) -> IntArray:
    """What is left of ``order`` with at most so many detections of a category in a frame."""
    order = order[code[order] >= 0]
    group = frame[order] * len(protocol.categories) + code[order]
    by_group = np.argsort(group, kind="stable")
    begins = np.flatnonzero(np.diff(group[by_group], prepend=-1))
    place = np.empty(len(order), dtype=np.int64)
    place[by_group] = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    return order[place < protocol.max_detections]


def _errors(pool: Pool, kept: IntArray, away: FloatArray) -> FloatArray:
    """The three errors (D, 3) of detections that kept a label."""
    at = np.flatnonzero(kept >= 0)
    labels, found = pool.labels[kept[at]], pool.detections[at]
    errors = np.zeros((len(kept), len(ERRORS)))
    errors[at] = np.column_stack([
        away[at], aligned_scale_error(labels.size, found.size), heading_error(labels.yaw_rad, found.yaw_rad)
    ])  # fmt: skip
    return errors


def _mean_errors(errors: FloatArray, drive: IntArray, mixtures: IntArray, protocol: Argoverse2Protocol) -> FloatArray:
    """(3, M) from errors (H, 3) of the hits."""
    drives = mixtures.shape[1]
    count = mixtures @ np.bincount(drive, minlength=drives)
    sums = [mixtures @ np.bincount(drive, column, minlength=drives) for column in errors.T]
    worst = np.repeat(_worst(protocol)[:, None], len(mixtures), axis=1)
    mean: FloatArray = np.divide(np.array(sums), count, out=worst, where=count > 0)
    return mean


def _worst(protocol: Argoverse2Protocol) -> FloatArray:
    """What each error is divided by, and is where nothing was found."""
    return np.array([protocol.error_distance_m, 1.0, np.pi])


def _named(
    protocol: Argoverse2Protocol, category: str, values: FloatArray, labels_by_drive: IntArray
) -> list[Measured]:
    """From rows (5, M): AP, the errors, CDS."""
    return [
        Measured("cds", category, "all", 100 * values[-1], labels_by_drive),
        Measured("ap", category, "all", 100 * values[0], labels_by_drive),
        *(
            Measured(
                error, category, "all", values[1 + i], labels_by_drive, distance_m=protocol.error_distance_m, unit=unit
            )
            for i, (error, unit) in enumerate(ERRORS.items())
        ),
    ]


def _means(protocol: Argoverse2Protocol, found: Mapping[str, tuple[IntArray, FloatArray]]) -> FloatArray:
    """(5, M) over categories: those never labelled count as nothing found, those not in a resample are left out."""
    nothing = np.concatenate([[0.0], _worst(protocol), [0.0]])[:, None]
    never = len(protocol.categories) - len(found)
    total: FloatArray = never * nothing + sum(np.where(num > 0, rows, 0.0) for num, rows in found.values())
    count = never + sum((num > 0).astype(np.float64) for num, _ in found.values())
    mean: FloatArray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def interpolated_precision(
    hit: NDArray[np.bool_], drive: IntArray, num_labels: IntArray, mixtures: IntArray, samples: int
) -> FloatArray:
    """Average precision (M,), 0 to 1, of ranked detections: ``hit`` (N,) and ``drive`` (N,), best first.

    Made non-increasing, precision is a stair that steps down just after each hit, so a recall's precision is that of
    the hit that reaches it: no straight lines are needed.
    """
    weights = portions(mixtures)
    labels = np.ones(len(weights) * ABREAST)
    labels[: len(mixtures)] = np.maximum(num_labels, 1)
    area = np.zeros(len(weights) * ABREAST)
    _climb(np.linspace(0, 1, samples), hit, drive, labels, weights, area)
    return area[: len(mixtures)] / samples


def _climb_up(  # noqa: PLR0917  # compiled functions take plain arrays
    recall: FloatArray,
    hit: NDArray[np.bool_],
    drive: IntArray,
    labels: FloatArray,
    weights: FloatArray,
    area: FloatArray,
) -> None:
    """From the lowest score up, so that the highest precision yet is that of all higher recalls."""
    for portion in range(len(weights)):
        first = portion * ABREAST
        hits, false, highest = np.zeros(ABREAST), np.zeros(ABREAST), np.zeros(ABREAST)
        for i in range(len(hit)):
            if hit[i]:
                hits += weights[portion, drive[i]]
            else:
                false += weights[portion, drive[i]]
        position = np.full(ABREAST, len(recall) - 1)
        for m in range(ABREAST):
            reached = hits[m] / labels[first + m]
            while position[m] >= 0 and recall[position[m]] > reached:
                position[m] -= 1
            # at the very last hit's recall the false alarms below it count too
            if hits[m] > 0.0 and position[m] >= 0 and recall[position[m]] == reached:
                highest[m] = hits[m] / (hits[m] + false[m])
                area[first + m] += highest[m]
                position[m] -= 1
        for i in range(len(hit) - 1, -1, -1):
            weight = weights[portion, drive[i]]
            if not hit[i]:
                false -= weight
                continue
            for m in range(ABREAST):
                if weight[m] == 0.0:
                    continue
                highest[m] = max(highest[m], hits[m] / (hits[m] + false[m]))
                hits[m] -= weight[m]
                below = hits[m] / labels[first + m]
                while position[m] >= 0 and recall[position[m]] >= below:
                    area[first + m] += highest[m]
                    position[m] -= 1


_climb = cast(Callable[..., None], njit(nogil=True, cache=True, error_model="numpy")(_climb_up))
