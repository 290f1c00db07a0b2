"""KITTI's family: average precision over recall positions, in 3-D, from above and in the image, and AOS.

For a category, a metric (``3d``: overlap of volumes, ``bev``: of footprints, ``2d``: of image boxes), an overlap and a
difficulty, over all frames together:

1. *Which labels count.*  A label of the category counts when its image box is at least the difficulty's height and
   neither occlusion nor truncation exceeds its limits.  Labels of the category that do not count, and all labels of its
   neighbour category (van for car, person_sitting for pedestrian), are ignored: to find one is neither right nor wrong.
   Detections lower in the image than the difficulty's height are ignored likewise.  DontCare regions excuse false
   alarms in 2-D overlap only, those of whose image box they cover more than the overlap asked for.
2. *Thresholds.*  Labels in their order each take the best-scored detection still free that overlaps by more than the
   minimum.  Scores of detections that took labels that count, in descending order, give the thresholds: for recall 0,
   1/40, ... 1 the score whose recall is nearest, each score used once.
3. *Precision.*  At each threshold matching starts anew among the detections that reach it: each label takes the free
   detection that overlaps it *most*; an ignored detection is taken only if there is no other.  Precision is hits /
   (hits + detections neither taken nor ignored), then made non-increasing from the right.
4. *Average.*  R40: the mean over recall 1/40 ... 1; recall 0 is dropped (A. Simonelli et al., Disentangling Monocular
   3D Object Detection, ICCV 2019).  R11: the mean over 0, 0.1, ... 1, which are every fourth of the same 41 samples.
5. *Orientation* (``aos``).  As precision of ``2d``, but each hit weighs (1 + cos Δ) / 2, where Δ is the difference of
   the two observation angles: heading less the bearing from the viewpoint (KITTI's alpha).

Steps 1 to 3 and 5 are those of ``evaluate_object.cpp`` in the benchmark's development kit (A. Geiger, P. Lenz,
R. Urtasun, Are we ready for Autonomous Driving?, CVPR 2012), to the letter when 41 labels or more count.  With fewer,
the kit has fewer thresholds than recall positions and gives even perfect detections (n − 1)/40; here a score stands for
every recall position that it reaches, so that perfect detections have 100 whatever their number.  Resampling makes sets
of all sizes, and a cap that moves with the size would be mistaken for uncertainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from scanyard.boxes import Boxes
from scanyard.geometry import FloatArray
from scanyard.metrics.kitti_matching import Candidates, Matches, Record, match, tally
from scanyard.metrics.measured import Measured
from scanyard.metrics.overlap import image_overlap
from scanyard.metrics.pool import BoolArray, IntArray, Pool, height_px, image_boxes, pairs_within_frames
from scanyard.metrics.precision import average_precision
from scanyard.metrics.protocols import CategoryRule, Difficulty, KittiProtocol


@dataclass(frozen=True)
class Setting:
    """One way to match a category; ``2d`` serves AOS as well."""

    metric: str
    overlap: float
    difficulty: Difficulty


def measure_kitti(
    pool: Pool, protocol: KittiProtocol, mixtures: IntArray, categories: Sequence[str] = ()
) -> list[Measured]:
    """All numbers of the protocol, for those ``categories`` (all unless given) that have a label to find."""
    wanted = [rule for rule in protocol.rules if not categories or rule.name in categories]
    return [one for rule in wanted for one in _measure_rule(pool, protocol, rule, mixtures)]


def _measure_rule(pool: Pool, protocol: KittiProtocol, rule: CategoryRule, mixtures: IntArray) -> list[Measured]:
    if not np.isin(pool.labels.category, rule.name).any():
        return []
    measured = []
    in_image = [metric for metric in ("2d", "aos") if metric in protocol.metrics]
    matched = [metric for metric in protocol.metrics if metric not in in_image] + in_image[:1]
    for metric, overlap, difficulty in product(matched, rule.overlaps, protocol.difficulties):
        image = metric in in_image
        matches = match_setting(pool, rule, Setting("2d" if image else metric, overlap, difficulty))
        if not matches.num_labels.any():
            continue
        precision, similarity = average_precision(
            matches, mixtures, positions=protocol.recall_positions, averaged=protocol.averaged
        )
        values = {"2d": precision, "aos": similarity} if image else {metric: precision}
        measured += [
            Measured(name, rule.name, difficulty.name, values[name], matches.num_labels, iou=overlap)
            for name in (in_image if image else [metric])
        ]
    return measured


def match_setting(pool: Pool, rule: CategoryRule, setting: Setting) -> Matches:
    """Match all frames under one setting; settings that differ in what counts alone share one matching."""
    counts = labels_that_count(pool, rule, setting.difficulty)
    matches = tally(
        record_of(pool, rule, setting), counts, excused_alarms(pool, setting), pool.score, pool.detection_drive
    )
    return replace(matches, num_labels=pool.labels_by_drive(counts))


def record_of(pool: Pool, rule: CategoryRule, setting: Setting) -> Record:
    """Who is with whom under one setting."""
    key = ("kitti", rule.name, rule.neighbours, setting.metric, setting.overlap, setting.difficulty.min_height_px)
    return pool.once(key, lambda: match(_candidates(pool, rule, setting), pool.score, pool.detection_frame))


def _candidates(pool: Pool, rule: CategoryRule, setting: Setting) -> Candidates:
    low = height_px(pool.detections) < setting.difficulty.min_height_px
    counts = (pool.detections.category == rule.name) & ~low
    of_rule = np.isin(pool.labels.category, (rule.name, *rule.neighbours))
    label, detection, overlap = overlaps(pool, setting.metric)
    # as in the development kit, a low detection is ignored, and may be taken, whatever its category
    close = np.flatnonzero((overlap > setting.overlap) & of_rule[label] & (counts | low)[detection])
    label, detection, overlap = label[close], detection[close], overlap[close]
    return Candidates(
        label=label,
        detection=detection,
        overlap=overlap,
        similarity=_similarity(pool, label, detection) if setting.metric == "2d" else np.zeros(len(label)),
        detection_counts=counts,
    )


def overlaps(pool: Pool, metric: str) -> tuple[IntArray, IntArray, FloatArray]:
    """Label (P,), detection (P,) and overlap (P,) of whatever overlaps by one metric, by frame, label, detection."""
    if metric == "2d":
        return pool.image_pairs
    pairs = pool.pairs
    return pairs.label, pairs.detection, pairs.bev if metric == "bev" else pairs.volume


def labels_that_count(pool: Pool, rule: CategoryRule, difficulty: Difficulty) -> BoolArray:
    """(G,); the others of the category and its neighbours are ignored."""
    return pool.asked(_within_limits(pool.labels, rule, difficulty))


def excused_alarms(pool: Pool, setting: Setting) -> BoolArray:
    """Detections (D,) that are no false alarm when they find nothing."""
    excused = np.zeros(len(pool.detections), dtype=bool) if pool.excused is None else pool.excused
    return excused | _covered(pool, setting.overlap) if setting.metric == "2d" else excused


def _within_limits(labels: Boxes, rule: CategoryRule, difficulty: Difficulty) -> BoolArray:
    counts: BoolArray = labels.category == rule.name
    if labels.occlusion is not None:
        counts = counts & (labels.occlusion <= difficulty.max_occlusion)
    if labels.truncation is not None:
        counts = counts & (labels.truncation <= difficulty.max_truncation)
    return counts & (height_px(labels) >= difficulty.min_height_px)


def _covered(pool: Pool, overlap: float) -> BoolArray:
    """Detections (D,) whose image box a DontCare region covers by more than ``overlap``."""
    detection, region = pairs_within_frames(pool.detection_start, pool.dont_care_start)
    share = image_overlap(image_boxes(pool.detections)[detection], pool.dont_care[region], of_a_alone=True)
    covered = np.zeros(len(pool.detections), dtype=bool)
    covered[detection[share > overlap]] = True
    return covered


def _similarity(pool: Pool, label: IntArray, detection: IntArray) -> FloatArray:
    difference = (
        _observation_angle(pool, pool.labels, pool.label_frame)[label]
        - _observation_angle(pool, pool.detections, pool.detection_frame)[detection]
    )
    alike: FloatArray = (1 + np.cos(difference)) / 2
    return alike


def _observation_angle(pool: Pool, boxes: Boxes, frame: IntArray) -> FloatArray:
    """Heading (N,) as seen from the viewpoint: KITTI's alpha up to its zero, which differences do not notice."""
    away = boxes.center - pool.viewpoint[frame]
    angle: FloatArray = boxes.yaw_rad - np.arctan2(away[:, 1], away[:, 0])
    return angle
