"""Random labels and detections, as JSON that needs no package to read: a list of sets, each a list of frames.

A frame holds ``labels`` and ``detections``, lists of boxes; a box is a dict of centre, size (length, width, height),
yaw, category, and what the family knows besides.  Among them are equal scores, equal centres, empty frames, labels
without returns, boxes at the very range, boxes of a millimetre and of a kilometre, and velocities and attributes that
are not known.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.metrics import load_protocol

ATTRIBUTES = ("", "vehicle.moving", "vehicle.parked", "vehicle.stopped")
Box = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/parity", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", type=int, default=300, help="sets per family")
    options = parser.parse_args()
    for family in ("nuscenes", "argoverse2"):
        sets = [random_set(np.random.default_rng(seed), family) for seed in range(options.sets)]
        (options.folder / f"{family}_sets.json").write_text(json.dumps(sets), encoding="utf-8")


def random_set(rng: np.random.Generator, family: str) -> list[dict[str, list[Box]]]:
    categories = list(load_protocol(family).categories)
    categories = list(rng.permutation(categories)[: int(rng.integers(1, len(categories) + 1))])
    digits = int(rng.choice([1, 2, 9]))  # one digit: many scores are equal
    spread = float(rng.choice([5.0, 40.0, 160.0]))
    most = int(rng.choice([3, 12, 30]))
    frames = []
    for _ in range(int(rng.integers(1, 15))):
        labels = [box(rng, categories, spread) for _ in range(int(rng.integers(0, most)) * int(rng.random() < 0.85))]
        found = [near(rng, label, categories) for label in labels for _ in range(int(rng.integers(0, 3)))]
        found += [box(rng, categories, spread) for _ in range(int(rng.integers(0, most)))]
        found = [found[i] for i in rng.permutation(len(found))] if rng.random() < 0.9 else []
        for one in found:
            one["score"] = round(float(rng.uniform(0.01, 1.0)), digits)
        if digits < 9 and family == "argoverse2":
            found = at_most(found, 16)
        for label in labels:
            label["num_points"] = int(rng.integers(0, 4))
        frames.append({"labels": labels, "detections": found})
    if family == "argoverse2" and rng.random() < 0.1:  # more than the hundred that count
        crowd = [near(rng, box(rng, categories[:1], spread), categories[:1]) for _ in range(130)]
        frames[0]["detections"] += [{**one, "score": float(rng.random())} for one in crowd]
    return frames


def at_most(boxes: list[Box], limit: int) -> list[Box]:
    """No more of a category than short sorts keep in order."""
    kept: list[Box] = []
    for one in boxes:
        if sum(other["category"] == one["category"] for other in kept) < limit:
            kept.append(one)
    return kept


def box(rng: np.random.Generator, categories: list[str], spread: float) -> Box:
    size = rng.uniform(0.3, 6.0, 3) * rng.choice([1.0, 1.0, 1.0, 1.0, 1e-3, 1e3])
    centre = rng.uniform(-spread, spread, 3) * [1.0, 1.0, 0.05]
    if rng.random() < 0.1:
        centre = np.round(centre)
    if rng.random() < 0.02:  # at the very range
        centre = np.array([50.0, 0.0, 0.0])
    velocity = [math.nan, math.nan] if rng.random() < 0.2 else list(rng.normal(0, 3, 2))
    return {
        "center": list(centre),
        "size": list(size),
        "yaw": float(rng.uniform(-math.pi, math.pi) if rng.random() < 0.9 else rng.choice([0.0, math.pi / 2, math.pi])),
        "category": str(rng.choice(categories)),
        "velocity": [float(v) for v in velocity],
        "attribute": str(rng.choice(ATTRIBUTES)),
    }


def near(rng: np.random.Generator, label: Box, categories: list[str]) -> Box:
    """What a detector might make of a label, now and then to the digit."""
    noise = float(rng.choice([0.0, 0.1, 0.5, 2.0]))
    return {
        **label,
        "center": [c + float(rng.normal(0, noise)) for c in label["center"]],
        "size": [s * float(np.exp(rng.normal(0, 0.2 * noise))) for s in label["size"]],
        "yaw": label["yaw"] + float(rng.normal(0, noise)),
        "category": label["category"] if rng.random() < 0.9 else str(rng.choice(categories)),
        "velocity": [v + float(rng.normal(0, noise)) for v in label["velocity"]],
        "attribute": label["attribute"] if rng.random() < 0.7 else str(rng.choice(ATTRIBUTES)),
    }


if __name__ == "__main__":
    main()
