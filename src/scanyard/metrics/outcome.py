"""Who found what when every detection may, whatever the family: what kinds of error are told apart from.

Categories do not compete in any family, so one array holds the outcome of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanyard.errors import EvaluationError
from scanyard.geometry import FloatArray
from scanyard.metrics import argoverse2, nuscenes, waymo
from scanyard.metrics.kitti import Setting, excused_alarms, labels_that_count, overlaps, record_of
from scanyard.metrics.pool import BoolArray, IntArray, Pool, height_px
from scanyard.metrics.protocols import Argoverse2Protocol, KittiProtocol, NuscenesProtocol, Protocol, WaymoProtocol

NEAR_OVERLAP = 0.1
"""From here on a detection is about a label, if not yet on it: TIDE's background threshold."""
NEAR_M = 4.0
"""The same where distance decides: the widest at which either benchmark calls an object found."""


@dataclass(frozen=True)
class Outcome:
    """What became of G labels and D detections."""

    taken: IntArray
    """(D,) the label that each detection has, asked for or not; -1 for none."""
    asked: BoolArray
    """(G,) labels that have to be found."""
    takes_part: BoolArray
    """(D,) detections of a scored category that may be right; the others are ignored."""
    excused: BoolArray
    """(D,) no false alarms where they find nothing."""

    @property
    def false_alarm(self) -> BoolArray:
        """(D,)"""
        return self.takes_part & ~self.excused & (self.taken < 0)

    @property
    def found(self) -> BoolArray:
        """(G,) labels that some detection has."""
        found = np.zeros(len(self.asked), dtype=bool)
        found[self.taken[self.taken >= 0]] = True
        return found


@dataclass(frozen=True)
class Nearness:
    """P pairs of a label and a detection of any categories that are about the same place."""

    label: IntArray
    """(P,)"""
    detection: IntArray
    """(P,)"""
    nearness: FloatArray
    """(P,) overlap, or metres less than none: more is nearer."""
    enough: BoolArray
    """(P,) near enough to find the label."""


def outcome_of(pool: Pool, protocol: Protocol, difficulty: str) -> Outcome:
    """Under a protocol narrowed to one setting (``headline``), of which this is the difficulty."""
    excused = np.zeros(len(pool.detections), dtype=bool) if pool.excused is None else pool.excused
    taken = np.full(len(pool.detections), -1, dtype=np.int64)
    if isinstance(protocol, KittiProtocol):
        return _of_kitti(pool, protocol)
    if isinstance(protocol, WaymoProtocol):
        for category in protocol.categories:
            pairing = waymo.pairing(pool, protocol, category)
            together = pairing.assignments.final(len(pairing.label))
            taken[pairing.detection[together]] = pairing.label[together]
        level = waymo.label_levels(pool, protocol)
        asked = np.isin(pool.labels.category, protocol.categories) & (level > 0) & (level <= int(difficulty[-1]))
        takes_part = np.isin(pool.detections.category, protocol.categories)
        return Outcome(taken, pool.asked(asked), takes_part & (waymo.reached_cutoffs(pool, protocol) >= 0), excused)
    takes_part = np.zeros(len(pool.detections), dtype=bool)
    if isinstance(protocol, NuscenesProtocol):
        order, by_distance, _ = nuscenes.matched(pool, protocol)
        taken = by_distance[0]
        asked = pool.asked(nuscenes.counting_codes(pool, protocol)[0] >= 0)
    else:
        order, kept, away, _ = argoverse2.matched(pool, protocol)
        taken = np.where(away < protocol.distances_m[0], kept, -1)
        asked = pool.asked(argoverse2.counting_codes(pool, protocol)[0] >= 0)
    takes_part[order] = True
    return Outcome(taken, asked, takes_part, excused)


def _of_kitti(pool: Pool, protocol: KittiProtocol) -> Outcome:
    difficulty, metric = protocol.difficulties[0], protocol.metrics[0]
    if metric not in ("3d", "bev"):
        raise EvaluationError(
            f"protocol {protocol.name} scores boxes in the image, which have no translation, size and yaw; kinds of "
            "error are told apart in three dimensions: use kitti_r40, kitti_r11 or another family"
        )
    taken = np.full(len(pool.detections), -1, dtype=np.int64)
    asked = np.zeros(len(pool.labels), dtype=bool)
    for rule in protocol.rules:
        record = record_of(pool, rule, Setting(metric, rule.overlaps[0], difficulty))
        taken[record.candidates.detection[record.final]] = record.candidates.label[record.final]
        asked |= labels_that_count(pool, rule, difficulty)
    high = height_px(pool.detections) >= difficulty.min_height_px
    takes_part = np.isin(pool.detections.category, protocol.categories) & high
    return Outcome(taken, asked, takes_part, excused_alarms(pool, Setting(metric, 1.0, difficulty)))


def nearness_of(pool: Pool, protocol: Protocol, open_detections: BoolArray) -> Nearness:
    """Pairs of any label with one of the ``open_detections`` (D,)."""
    if isinstance(protocol, KittiProtocol | WaymoProtocol):
        label, detection, overlap = overlaps(pool, "3d" if isinstance(protocol, WaymoProtocol) else protocol.metrics[0])
        near = np.flatnonzero((overlap >= NEAR_OVERLAP) & open_detections[detection])
        label, detection, overlap = label[near], detection[near], overlap[near]
        return Nearness(label, detection, overlap, hits(protocol, pool.labels.category[label], overlap))
    axes = 3 if isinstance(protocol, Argoverse2Protocol) else 2
    parts = [
        _near_in_frame(pool, open_detections, frame, axes)
        for frame in np.flatnonzero(np.diff(pool.label_start) * np.diff(pool.detection_start)).tolist()
    ]
    label, detection = (np.concatenate([part[i] for part in parts] or [np.zeros(0, np.int64)]) for i in (0, 1))
    away = np.linalg.norm((pool.labels.center[label] - pool.detections.center[detection])[:, :axes], axis=1)
    return Nearness(label, detection, -away, away < protocol.distances_m[0])


def hits(protocol: KittiProtocol | WaymoProtocol, category: np.ndarray, overlap: FloatArray) -> BoolArray:
    """Whether overlaps (P,) with labels of these categories (P,) are enough; KITTI wants more than the minimum."""
    least = (
        {rule.name: rule.overlaps[0] for rule in protocol.rules}
        if isinstance(protocol, KittiProtocol)
        else protocol.overlaps
    )
    needed = np.full(len(category), np.inf)
    for name, overlap_needed in least.items():
        needed[category == name] = overlap_needed
    return np.asarray(overlap > needed if isinstance(protocol, KittiProtocol) else overlap >= needed)


def _near_in_frame(pool: Pool, open_detections: BoolArray, frame: int, axes: int) -> tuple[IntArray, IntArray]:
    labels = slice(pool.label_start[frame], pool.label_start[frame + 1])
    first = int(pool.detection_start[frame])
    open_here = first + np.flatnonzero(open_detections[first : pool.detection_start[frame + 1]])
    apart = pool.labels.center[labels, None, :axes] - pool.detections.center[None, open_here, :axes]
    i, j = np.nonzero(np.linalg.norm(apart, axis=2) < NEAR_M)
    return int(pool.label_start[frame]) + i, open_here[j]
