"""The scores that nuscenes-devkit gives: run with the interpreter of its own environment.

``DetectionEval`` reads its boxes from the full dataset; here they come from a file, and everything from the filters'
conditions on is the devkit's.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

from nuscenes.eval.common.config import config_factory
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.detection.data_classes import DetectionBox
from nuscenes.eval.detection.evaluate import DetectionEval

NAMES = {"trans_err": "ate", "scale_err": "ase", "orient_err": "aoe", "vel_err": "ave", "attr_err": "aae"}


def official(frames: list[dict[str, Any]]) -> tuple[dict[str, float], float]:
    """Scores by name, and the processor time that scoring alone took."""
    config = config_factory("detection_cvpr_2019")
    evaluation = DetectionEval.__new__(DetectionEval)  # its constructor wants the dataset
    evaluation.cfg, evaluation.verbose = config, False
    evaluation.gt_boxes, evaluation.pred_boxes = EvalBoxes(), EvalBoxes()
    for index, frame in enumerate(frames):
        for boxes, key in ((evaluation.gt_boxes, "labels"), (evaluation.pred_boxes, "detections")):
            made = [devkit_box(str(index), box) for box in frame[key]]
            made = [b for b in made if b.ego_dist < config.class_range[b.detection_name] and b.num_pts != 0]
            boxes.add_boxes(str(index), made)
    started = time.process_time()
    metrics, _ = evaluation.evaluate()
    took = time.process_time() - started
    scores = {"nds": metrics.nd_score, "ap all": metrics.mean_ap}
    for name, value in metrics.tp_errors.items():
        scores[f"{NAMES[name]} all"] = value
    for category in config.class_names:
        for distance in config.dist_ths:
            scores[f"ap {category} {distance}"] = metrics.get_label_ap(category, distance)
        for name, ours in NAMES.items():
            scores[f"{ours} {category}"] = metrics.get_label_tp(category, name)
    return {name: float(value) for name, value in scores.items() if not math.isnan(value)}, took


def devkit_box(sample: str, box: dict[str, Any]) -> DetectionBox:
    length, width, height = box["size"]
    return DetectionBox(
        sample_token=sample,
        translation=tuple(box["center"]),
        size=(width, length, height),
        rotation=(math.cos(box["yaw"] / 2), 0.0, 0.0, math.sin(box["yaw"] / 2)),
        velocity=tuple(box["velocity"]),
        ego_translation=tuple(box["center"]),
        num_pts=box.get("num_points", -1),
        detection_name=box["category"],
        detection_score=float(box.get("score", -1.0)),
        attribute_name=box["attribute"],
    )


if __name__ == "__main__":
    found = [official(frames) for frames in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]
    result = {"scores": [scores for scores, _ in found], "seconds": [took for _, took in found]}
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")
