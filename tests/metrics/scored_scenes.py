"""Labels and detections for scoring tests, drawn at random or placed by hand."""

from __future__ import annotations

import numpy as np

from scanyard.boxes import Boxes
from scanyard.metrics import ScoredFrame

CATEGORIES = ["car", "car", "car", "van", "pedestrian", "person_sitting", "cyclist", "truck"]


def cars_in_a_row(num_cars: int, *, category: str = "car") -> Boxes:
    """Cars 10 m apart, all easy to see."""
    return Boxes(
        center=np.c_[10.0 * np.arange(1, num_cars + 1), np.zeros(num_cars), np.full(num_cars, 0.8)],
        size=np.tile([4.0, 1.7, 1.5], (num_cars, 1)),
        yaw_rad=np.zeros(num_cars),
        category=np.full(num_cars, category),
        truncation=np.zeros(num_cars),
        occlusion=np.zeros(num_cars, dtype=int),
        image_box=np.tile([100.0, 100.0, 200.0, 160.0], (num_cars, 1)),
    )


def detected(labels: Boxes, score: object = 1.0) -> Boxes:
    """The labels as a detector that sees everything would report them."""
    scores = np.broadcast_to(np.asarray(score, dtype=float), len(labels))
    return labels.replace(score=scores, truncation=None, occlusion=None)


def shifted(boxes: Boxes, x_m: float, y_m: float) -> Boxes:
    return boxes.replace(center=boxes.center + np.array([x_m, y_m, 0.0]))


def random_boxes(rng: np.random.Generator, count: int) -> Boxes:
    top, left = rng.uniform(100, 200, count), rng.uniform(0, 1000, count)
    return Boxes(
        center=np.c_[rng.uniform(5, 30, count), rng.uniform(-8, 8, count), rng.uniform(0.5, 1.0, count)],
        size=np.array([4.0, 1.7, 1.5]) * rng.uniform(0.9, 1.1, (count, 3)),
        yaw_rad=rng.uniform(-3, 3, count),
        category=rng.choice(CATEGORIES, count),
        truncation=rng.choice([0.0, 0.1, 0.15, 0.2, 0.4, 0.6], count),
        occlusion=rng.choice([0, 0, 0, 1, 2, 3], count),
        image_box=np.c_[left, top, left + 50, top + rng.choice([24.9, 25.0, 39.5, 40.0, 60.0, 80.0], count)],
    )


def random_frames(rng: np.random.Generator, num_frames: int, *, most_labels: int = 8) -> list[ScoredFrame]:
    """Crowded frames: several detections near a label, wrong categories, low boxes, equal scores, empty frames."""
    frames = []
    for index in range(num_frames):
        labels = random_boxes(rng, int(rng.integers(0, most_labels + 1)))
        parts = [random_boxes(rng, int(rng.integers(0, 4)))]
        for _ in range(3):
            seen = labels[rng.random(len(labels)) < 0.6]
            shifted = seen.center + rng.normal(0, 0.12, (len(seen), 3))
            category = np.where(rng.random(len(seen)) < 0.85, seen.category, "car")
            parts.append(seen.replace(center=shifted, category=category))
        detections = Boxes.concatenate(parts)
        scores = np.round(rng.random(len(detections)), rng.choice([1, 2, 9]))  # one digit: many are equal
        detections = Boxes.empty() if rng.random() < 0.1 else detected(detections, scores)
        frames.append(ScoredFrame(labels, detections, f"drive {rng.integers(0, 5)}", name=f"{index:06d}"))
    return frames
