"""KITTI's scoring a second time: slow, one number at a time, written from the development kit's rules alone.

It shares no code with ``scanyard.metrics`` but the overlaps, so the two agree only if both follow the rules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scanyard.boxes import Boxes, overlap_3d, overlap_bev
from scanyard.metrics import ScoredFrame

MIN_HEIGHT = {"easy": 40, "moderate": 25, "hard": 25}
MAX_OCCLUSION = {"easy": 0, "moderate": 1, "hard": 2}
MAX_TRUNCATION = {"easy": 0.15, "moderate": 0.3, "hard": 0.5}
NEIGHBOUR = {"car": "van", "pedestrian": "person_sitting"}

COUNTS, IGNORED, FOREIGN = 0, 1, -1


@dataclass
class Outcome:
    hits: int
    false: int
    scores: list[float]
    similarity: float = 0.0


def image_overlap(a: Sequence[float], b: Sequence[float], *, of_a_alone: bool = False) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    area_a, area_b = ((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return wide * high / (area_a if of_a_alone else area_a + area_b - wide * high)


def alpha(boxes: Boxes, i: int, viewpoint: Sequence[float]) -> float:
    x, y = boxes.center[i, 0] - viewpoint[0], boxes.center[i, 1] - viewpoint[1]
    return boxes.yaw_rad[i] - math.atan2(y, x)


def label_role(labels: Boxes, i: int, category: str, difficulty: str) -> int:
    box = labels.image_box[i]
    beyond = (
        labels.occlusion[i] > MAX_OCCLUSION[difficulty]
        or labels.truncation[i] > MAX_TRUNCATION[difficulty]
        or box[3] - box[1] < MIN_HEIGHT[difficulty]
    )
    if labels.category[i] == category:
        return IGNORED if beyond else COUNTS
    return IGNORED if labels.category[i] == NEIGHBOUR.get(category) else FOREIGN


def detection_role(detections: Boxes, j: int, category: str, difficulty: str) -> int:
    box = detections.image_box[j]
    if int(abs(box[1] - box[3])) < MIN_HEIGHT[difficulty]:
        return IGNORED
    return COUNTS if detections.category[j] == category else FOREIGN


def play(  # noqa: PLR0917  # one row of a table of these
    overlap: Sequence[Sequence[float]],
    minimum: float,
    label_roles: Sequence[int],
    detection_roles: Sequence[int],
    scores: Sequence[float],
    covered: Sequence[bool],
    alike: Sequence[Sequence[float]],
    threshold: float | None,
) -> Outcome:
    """One frame; without a threshold the first pass, with one the second."""
    outcome = Outcome(0, 0, [])
    taken = [False] * len(scores)
    passes = [threshold is None or score >= threshold for score in scores]
    for i, role in enumerate(label_roles):
        if role == FOREIGN:
            continue
        chosen, best_score, best_overlap, chosen_is_ignored = None, float("-inf"), 0.0, False
        for j, detection_role_j in enumerate(detection_roles):
            if detection_role_j == FOREIGN or taken[j] or not passes[j] or not overlap[i][j] > minimum:
                continue
            if threshold is None:
                if scores[j] > best_score:
                    chosen, best_score = j, scores[j]
            elif detection_role_j == COUNTS and (overlap[i][j] > best_overlap or chosen_is_ignored):
                chosen, best_overlap, chosen_is_ignored = j, overlap[i][j], False
            elif detection_role_j == IGNORED and chosen is None:
                chosen, chosen_is_ignored = j, True
        if chosen is None:
            continue
        taken[chosen] = True
        if role == COUNTS and detection_roles[chosen] == COUNTS:
            outcome.hits += 1
            outcome.scores.append(scores[chosen])
            outcome.similarity += alike[i][chosen]
    for j, role in enumerate(detection_roles):
        if role == COUNTS and passes[j] and not taken[j] and not covered[j]:
            outcome.false += 1
    return outcome


def thresholds_of(scores: list[float], num_labels: int) -> list[float]:
    scores = sorted(scores, reverse=True)
    if num_labels <= 40:  # not the kit's rule but the text-book's: the score at which recall k/40 is reached
        ranks = [max(-(-k * num_labels // 40), 1) for k in range(41)]
        return [scores[rank - 1] for rank in ranks if rank <= len(scores)]
    chosen, recall = [], 0.0
    for i, score in enumerate(scores):
        last = i == len(scores) - 1
        left = (i + 1) / num_labels
        right = left if last else (i + 2) / num_labels
        if right - recall < recall - left and not last:
            continue
        chosen.append(score)
        recall += 1.0 / 40
    return chosen


def overlaps(frame: ScoredFrame, metric: str) -> list[list[float]]:
    if metric in ("2d", "aos"):
        boxes = [[] if side.image_box is None else side.image_box.tolist() for side in (frame.labels, frame.detections)]
        return [[image_overlap(a, b) for b in boxes[1]] for a in boxes[0]]
    return {"3d": overlap_3d, "bev": overlap_bev}[metric](frame.labels, frame.detections).tolist()


def covered_by_dont_care(frame: ScoredFrame, metric: str, minimum: float) -> list[bool]:
    if metric not in ("2d", "aos") or frame.dont_care is None:
        return [False] * len(frame.detections)
    return [
        any(image_overlap(frame.detections.image_box[j].tolist(), region, of_a_alone=True) > minimum
            for region in frame.dont_care.tolist())
        for j in range(len(frame.detections))
    ]  # fmt: skip


def average_precision(
    frames: Sequence[ScoredFrame], category: str, metric: str, minimum: float, difficulty: str, *, positions: int = 40
) -> tuple[float, int]:
    """R40 or R11 in percent, and the number of labels that count; for ``aos`` the average orientation similarity."""
    tables = []
    for frame in frames:
        labels, found = frame.labels, frame.detections
        similar = [
            [(1 + math.cos(alpha(labels, i, frame.viewpoint) - alpha(found, j, frame.viewpoint))) / 2
             for j in range(len(found))]
            for i in range(len(labels))
        ]  # fmt: skip
        tables.append(
            (
                overlaps(frame, metric),
                minimum,
                [label_role(labels, i, category, difficulty) for i in range(len(labels))],
                [detection_role(found, j, category, difficulty) for j in range(len(found))],
                [] if found.score is None else found.score.tolist(),
                covered_by_dont_care(frame, metric, minimum),
                similar,
            )
        )
    num_labels = sum(role == COUNTS for table in tables for role in table[2])
    first = [score for table in tables for score in play(*table, None).scores]
    precision = [0.0] * 41
    for k, threshold in enumerate(thresholds_of(first, num_labels)):
        outcomes = [play(*table, threshold) for table in tables]
        hits, false = sum(o.hits for o in outcomes), sum(o.false for o in outcomes)
        weighed = sum(o.similarity for o in outcomes) if metric == "aos" else hits
        precision[k] = weighed / (hits + false) if hits + false else 0.0
    sampled = range(1, 41) if positions == 40 else range(0, 41, 4)
    return 100 * sum(max(precision[k:]) for k in sampled) / len(sampled), num_labels
