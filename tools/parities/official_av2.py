"""The scores that av2 gives: run with the interpreter of its own environment.

Everything is av2's ``evaluate`` but its pool of processes, which would cost a second a set, and its rounding to three
digits, which would hide differences.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from av2.evaluation.detection import eval as detection_eval
from av2.evaluation.detection.utils import DetectionCfg


class InProcess:
    """Stands in for a pool of processes."""

    def __init__(self, processes: int = 1) -> None:
        del processes

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def starmap(self, function: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> list[Any]:
        return [function(*each) for each in arguments]


class Context:
    Pool = InProcess


detection_eval.mp.get_context = lambda _: Context
detection_eval.NUM_DECIMALS = 15


def official(frames: list[dict[str, Any]]) -> dict[str, float]:
    labels, detections = (table(frames, side) for side in ("labels", "detections"))
    config = DetectionCfg(eval_only_roi_instances=False)
    _, _, metrics = detection_eval.evaluate(detections, labels, config)
    scores = {}
    for category, row in metrics.iterrows():
        for name, value in row.items():
            where = "all" if category == "AVERAGE_METRICS" else category.lower()
            scores[f"{name.lower()} {where}"] = float(value)
    return scores


def table(frames: list[dict[str, Any]], side: str) -> pd.DataFrame:
    rows = []
    for index, frame in enumerate(frames):
        for box in frame[side]:
            x, y, z = box["center"]
            length, width, height = box["size"]
            rows.append({
                "tx_m": x, "ty_m": y, "tz_m": z, "length_m": length, "width_m": width, "height_m": height,
                "qw": math.cos(box["yaw"] / 2), "qx": 0.0, "qy": 0.0, "qz": math.sin(box["yaw"] / 2),
                "score": box.get("score", 0.0), "num_interior_pts": box.get("num_points", 0),
                "log_id": "log", "timestamp_ns": index, "category": box["category"].upper(),
            })  # fmt: skip
    return pd.DataFrame(rows)


if __name__ == "__main__":
    sets = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    # av2 cannot score a set without any label or detection; an empty answer says so
    scored = [official(s) if all(any(f[side] for f in s) for side in ("labels", "detections")) else {} for s in sets]
    Path(sys.argv[2]).write_text(json.dumps({"scores": scored}), encoding="utf-8")
