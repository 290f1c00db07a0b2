"""KITTI's scoring a second time: slow, one number at a time, written from the development kit's rules alone.

It shares no code with ``scanyard.metrics`` but the overlaps, so the two agree only if both follow the rules.
"""

from __future__ import annotations

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
    for j, role in enumerate(detection_roles):
        if role == COUNTS and passes[j] and not taken[j]:
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


def average_precision(
    frames: Sequence[ScoredFrame], category: str, metric: str, minimum: float, difficulty: str
) -> tuple[float, int]:
    """R40 in percent, and the number of labels that count."""
    tables = []
    for frame in frames:
        measure = {"3d": overlap_3d, "bev": overlap_bev}[metric]
        tables.append(
            (
                measure(frame.labels, frame.detections).tolist(),
                minimum,
                [label_role(frame.labels, i, category, difficulty) for i in range(len(frame.labels))],
                [detection_role(frame.detections, j, category, difficulty) for j in range(len(frame.detections))],
                [] if frame.detections.score is None else frame.detections.score.tolist(),
            )
        )
    num_labels = sum(role == COUNTS for table in tables for role in table[2])
    first = [score for table in tables for score in play(*table, None).scores]
    precision = [0.0] * 41
    for k, threshold in enumerate(thresholds_of(first, num_labels)):
        outcomes = [play(*table, threshold) for table in tables]
        hits, false = sum(o.hits for o in outcomes), sum(o.false for o in outcomes)
        precision[k] = hits / (hits + false) if hits + false else 0.0
    return 100 * sum(max(precision[k:]) for k in range(1, 41)) / 40, num_labels
