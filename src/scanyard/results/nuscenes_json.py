"""nuScenes' detection results: one JSON file, boxes in the world, width first, headings as quaternions.

    {"meta": {"use_lidar": true, ...}, "results": {SAMPLE_TOKEN: [{"sample_token", "translation", "size", "rotation",
     "velocity", "detection_name", "detection_score", "attribute_name"}, ...], ...}}

The format and its rules (every sample there, at most 500 boxes each, scores 0 to 1) are those of nuscenes-devkit's
``eval/detection``.  Tokens are the frames' names, or those that an export of ours gave them.  Velocity is over ground
and has no z.  Attributes are not kept, because frames have none to compare them with: nuScenes' attribute error then
counts as 1, and the score says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pyquaternion import Quaternion

from scanyard.boxes import Boxes
from scanyard.detections import FrameDetections
from scanyard.errors import FormatError
from scanyard.geometry import FloatArray
from scanyard.metrics import load_protocol
from scanyard.plausible import check_boxes
from scanyard.results.frames import KnownFrame, KnownFrames
from scanyard.strict_json import numbers

MAX_BOXES = 500
"""A sample, by the rules of the benchmark."""
_LENGTHS = {"translation": 3, "size": 3, "rotation": 4, "velocity": 2}
_TEXTS = ("sample_token", "detection_name", "attribute_name")


def read_nuscenes(data: Any, path: Path, known: KnownFrames) -> list[FrameDetections]:
    """The detections of every sample in the value of a results file; FormatError names file, sample and box."""
    if not isinstance(data, dict) or not isinstance(data.get("results"), dict):
        raise FormatError(f"{path}: expected an object with meta and results, and results by sample token")
    meta = data.get("meta")
    if not isinstance(meta, dict) or not all(
        isinstance(meta.get(key, False), bool) for key in meta if key[:4] == "use_"
    ):
        raise FormatError(
            f"{path}: meta is missing, or does not say with true and false what was used (use_lidar, ...)"
        )
    frames = []
    places = [f"{path}, sample {token[:80]!r}" for token in data["results"]]
    found = known.find_all(zip(data["results"], places, strict=True))
    for frame, where, (token, rows) in zip(found, places, data["results"].items(), strict=True):
        if not isinstance(rows, list) or len(rows) > MAX_BOXES:
            what = f"{len(rows)} boxes" if isinstance(rows, list) else type(rows).__name__
            raise FormatError(f"{where}: found {what}, expected a list of at most {MAX_BOXES}")
        frames.append(frame.detected(_boxes(rows, token, frame, where)))
    return frames


def write_nuscenes(path: Path, detections: Iterable[FrameDetections], known: KnownFrames) -> None:
    """Write one results file; it appears only when complete.

    Samples have the tokens they have in nuScenes' own tables or in those of our export, so that the devkit finds them.
    FormatError for a category that is none of nuScenes' ten.  Where boxes have no velocity it is written as zero, which
    the format cannot tell from standing still.
    """
    results = {}
    for one in detections:
        frame = known.of(one, str(path))
        token = frame.sample_token
        results[token] = _rows(one.boxes, token, frame)
    meta = {"use_camera": False, "use_lidar": True, "use_radar": False, "use_map": False, "use_external": False}
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps({"meta": meta, "results": results}, allow_nan=False), encoding="utf-8")
    partial.replace(path)


def _boxes(rows: list[Any], token: str, frame: KnownFrame, where: str) -> Boxes:
    for index, row in enumerate(rows):
        _check_row(row, token, f"{where}, box {index}")
    place, size, turn, speed = (
        numbers([row[key] for row in rows], (length,), f"{where}, {key}") for key, length in _LENGTHS.items()
    )
    score = numbers([row["detection_score"] for row in rows], (), f"{where}, detection_score")
    norm = np.linalg.norm(np.clip(turn, -2.0, 2.0), axis=1)  # clipped, because squares may overflow
    for index in np.flatnonzero(np.abs(norm - 1.0) > 1e-3).tolist():
        raise FormatError(f"{where}, box {index}: rotation {turn[index].tolist()} is no unit quaternion (w, x, y, z)")
    ego_from_world = frame.world_from_ego.inverse()
    along, up = (ego_from_world.rotate(axis) for axis in axes_of(turn))
    for index in np.flatnonzero(up[:, 2] < 0.5).tolist():
        raise FormatError(
            f"{where}, box {index}: rotation {turn[index].tolist()} lays the box on its side; expected w, x, y, z of a "
            "turn about the vertical"
        )
    if (np.abs(np.r_[place.ravel(), speed.ravel()]) > 1e9).any():
        raise FormatError(f"{where}: a translation or velocity is beyond any world's coordinates (1e9)")
    boxes = Boxes(
        center=ego_from_world.apply(place),
        size=size[:, [1, 0, 2]],
        yaw_rad=np.arctan2(along[:, 1], along[:, 0]),
        category=np.array([row["detection_name"] for row in rows], dtype=np.str_),
        velocity=ego_from_world.rotate(np.c_[speed, np.zeros(len(speed))]),
        score=score,
    )
    check_boxes(boxes, lambda box: f"{where}, box {box}")
    return boxes


def _check_row(row: Any, token: str, where: str) -> None:
    needed = {*_LENGTHS, *_TEXTS, "detection_score"}
    if not isinstance(row, Mapping) or not needed <= set(row):
        lacks = sorted(needed - set(row)) if isinstance(row, Mapping) else "an object"
        raise FormatError(f"{where}: lacks {lacks}; expected {sorted(needed)}")
    if not all(isinstance(row[key], str) for key in _TEXTS):
        raise FormatError(f"{where}: {', '.join(_TEXTS)} are not all text")
    if row["sample_token"] != token:
        raise FormatError(f"{where}: is of sample {row['sample_token'][:80]!r}, but stands under another")
    names = load_protocol("nuscenes").categories
    if row["detection_name"] not in names:
        raise FormatError(f"{where}: found class {row['detection_name'][:40]!r}, expected one of {list(names)}")


def axes_of(turn: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where quaternions (N, 4) take the x axis and the z axis: (N, 3) each."""
    w, x, y, z = (turn / np.maximum(np.linalg.norm(turn, axis=1, keepdims=True), 1e-12)).T
    along = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], axis=1)
    up = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1)
    return along, up


def _rows(boxes: Boxes, token: str, frame: KnownFrame) -> list[dict[str, Any]]:
    names = load_protocol("nuscenes").categories
    unknown = sorted(set(boxes.category.tolist()) - set(names))
    if unknown:
        raise FormatError(f"frame {frame.long_name}: categories {unknown} are none of nuScenes' {list(names)}")
    if len(boxes) > MAX_BOXES:
        raise FormatError(f"frame {frame.long_name}: {len(boxes)} boxes; nuScenes takes {MAX_BOXES}, so keep the best")
    if len(boxes) and boxes.score is None:
        raise FormatError(f"frame {frame.long_name}: its boxes have no score, so they are no detections")
    if boxes.score is None:
        return []
    check_boxes(boxes, lambda box: f"frame {frame.long_name}, box {box}")
    place = frame.world_from_ego.apply(boxes.center)
    speed = np.zeros((len(boxes), 3)) if boxes.velocity is None else frame.world_from_ego.rotate(boxes.velocity)
    world_from_ego = Quaternion(frame.world_from_ego.quaternion_wxyz)
    return [
        {
            "sample_token": token,
            "translation": place[i].tolist(),
            "size": boxes.size[i, [1, 0, 2]].tolist(),
            "rotation": (
                world_from_ego * Quaternion(axis=(0, 0, 1), radians=float(boxes.yaw_rad[i]))
            ).elements.tolist(),
            "velocity": speed[i, :2].tolist(),
            "detection_name": str(boxes.category[i]),
            "detection_score": float(boxes.score[i]),
            "attribute_name": "",
        }
        for i in range(len(boxes))
    ]
