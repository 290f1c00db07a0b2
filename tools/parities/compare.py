"""Score the sets with scanyard and hold every number against the official one; fail where they differ by over 1e-6."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.boxes import Boxes
from scanyard.errors import EvaluationError
from scanyard.evaluation import Evaluation, Score
from scanyard.metrics import ScoredFrame, evaluate

TOLERANCE = 1e-6


def main() -> None:
    folder = Path(sys.argv[1])
    worst_of_all = 0.0
    for family in ("nuscenes", "argoverse2"):
        sets = json.loads((folder / f"{family}_sets.json").read_text(encoding="utf-8"))
        official = json.loads((folder / f"{family}_official.json").read_text(encoding="utf-8"))["scores"]
        worst, compared, scored = 0.0, 0, 0
        for index, (frames, expected) in enumerate(zip(sets, official, strict=True)):
            ours = scores_by_name(frames, family)
            if ours is None or not expected:
                continue
            scored += 1
            for name, value in ours.items():
                difference = abs(value - expected[name])
                if difference > TOLERANCE:
                    print(f"{family} set {index}: {name} is {value!r}, official {expected[name]!r}")
                worst, compared = max(worst, difference), compared + 1
        print(f"{family}: {scored} of {len(sets)} sets hold labels to score, {compared} numbers, worst {worst:.1e}")
        worst_of_all = max(worst_of_all, worst)
    print(json.dumps({"parity": worst_of_all}))
    sys.exit(worst_of_all > TOLERANCE)


def scores_by_name(frames: list[dict[str, Any]], family: str) -> dict[str, float] | None:
    """Scores as the official scripts name them, or ``None`` where there is nothing to find."""
    try:
        evaluation = evaluate(scored_frames(frames), family, split="parity", domain="synthetic", resamples=0)
    except EvaluationError:
        return None
    return {name_of(score): score.value / (100 if score.unit == "percent" else 1) for score in named(evaluation)}


def named(evaluation: Evaluation) -> list[Score]:
    """nuScenes states a category's precision at each distance, av2 only the mean."""
    apart = evaluation.protocol == "nuscenes"
    return [
        score
        for score in evaluation.scores
        if score.metric != "ap" or score.category == "all" or (score.distance_m is not None) == apart
    ]


def name_of(score: Score) -> str:
    if score.metric == "nds":
        return "nds"
    if score.metric == "ap" and score.distance_m is not None:
        return f"ap {score.category} {score.distance_m}"
    return f"{score.metric} {score.category}"


def scored_frames(frames: list[dict[str, Any]]) -> list[ScoredFrame]:
    return [
        ScoredFrame(
            labels=boxes(frame["labels"]),
            detections=boxes(frame["detections"]),
            drive="drive",
            name=str(index),
            label_attributes=np.array([box["attribute"] for box in frame["labels"]], dtype=np.str_),
            detection_attributes=np.array([box["attribute"] for box in frame["detections"]], dtype=np.str_),
        )
        for index, frame in enumerate(frames)
    ]


def boxes(rows: list[dict[str, Any]]) -> Boxes:
    def column(name: str, *tail: int) -> Any:
        return np.array([row[name] for row in rows], dtype=float).reshape(len(rows), *tail)

    known = {name for row in rows for name in row}
    return Boxes(
        center=column("center", 3),
        size=column("size", 3),
        yaw_rad=column("yaw"),
        category=np.array([row["category"] for row in rows], dtype=np.str_),
        velocity=np.column_stack([column("velocity", 2), np.zeros(len(rows))]),
        num_points=column("num_points") if "num_points" in known else None,
        score=column("score") if "score" in known else None,
    )


if __name__ == "__main__":
    main()
