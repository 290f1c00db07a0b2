"""OpenPCDet's ``result.pkl``: a list with a dictionary of arrays per frame, as ``generate_prediction_dicts`` makes it.

    name (N,)   score (N,)   boxes_lidar (N, 7) or (N, 9)   pred_labels (N,)   frame_id   metadata: {token}, nuScenes'
    for KITTI also: alpha (N,)   bbox (N, 4)   dimensions (N, 3)   location (N, 3)   rotation_y (N,)

``boxes_lidar`` is used: x, y, z of the *centre*, length, width, height and heading from x towards y, in the cloud's
frame, and for nuScenes the velocity.  What a stranger gets wrong: KITTI's ``dimensions`` are length, height, width
here, though its own files have height, width, length.  Where camera coordinates are there too, they must mean the same
boxes: if they do not, the file is damaged, or was made with another calibration than the recording's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.boxes import Boxes
from scanyard.detections import FrameDetections
from scanyard.errors import FormatError
from scanyard.geometry import FloatArray, Transform
from scanyard.pickled import PickledArray, array, words
from scanyard.plausible import MAX_DISTANCE_M, check_boxes
from scanyard.results.categories import category_of
from scanyard.results.frames import KnownFrame, KnownFrames

AGREE_M = 0.1
"""Between the two places a box is given at; OpenPCDet computes in float32."""
_CAMERA = {"location": (3,), "dimensions": (3,)}


def read_openpcdet(data: Any, path: Path, known: KnownFrames) -> list[FrameDetections]:
    """The detections of every entry of a ``result.pkl``; FormatError names file, entry and box."""
    if not isinstance(data, list):
        raise FormatError(f"{path}: found {type(data).__name__}, expected a list with an entry per frame")
    ids = []
    for index, entry in enumerate(data):
        where = f"{path}, entry {index}"
        if not isinstance(entry, dict) or not {"name", "score", "boxes_lidar"} <= set(entry):
            raise FormatError(f"{where}: expected a dictionary with name, score, boxes_lidar and frame_id")
        ids.append((_frame_name(entry, where), where))
    frames = known.find_all(ids, in_cloud=True)
    return [
        frame.detected(_boxes(entry, frame, where)) for frame, entry, (_, where) in zip(frames, data, ids, strict=True)
    ]


def boxes_of_lidar(  # noqa: PLR0917
    rows: FloatArray, names: list[str], score: FloatArray, ego_from_cloud: Transform, image_box: FloatArray | None,
    where: str,
) -> Boxes:  # fmt: skip
    """Boxes in the ego frame from centre, length, width, height, yaw (N, 7) and velocity (N, 9) in a cloud's frame."""
    if not len(rows) == len(names) == len(score) or not (image_box is None or len(image_box) == len(rows)):
        raise FormatError(f"{where}: has {len(rows)} boxes, {len(names)} names and {len(score)} scores")
    for box in np.flatnonzero((np.abs(rows) > MAX_DISTANCE_M).any(axis=1)):
        raise FormatError(f"{where}, box {box}: found {rows[box].tolist()}, expected numbers up to {MAX_DISTANCE_M:g}")
    boxes = Boxes(
        center=rows[:, :3],
        size=rows[:, 3:6],
        yaw_rad=rows[:, 6],
        category=np.array([category_of(name, f"{where}, box {box}") for box, name in enumerate(names)], dtype=np.str_),
        velocity=np.c_[rows[:, 7:9], np.zeros(len(rows))] if rows.shape[1] == 9 else None,
        image_box=image_box,
        score=score,
    )
    check_boxes(boxes, lambda box: f"{where}, box {box}")
    return boxes.transformed(ego_from_cloud)


def wide_rows(value: Any, where: str) -> FloatArray:
    """Rows of seven numbers, or nine with a velocity."""
    wide = isinstance(value, PickledArray) and value.values.shape[1:] == (9,)
    wide = wide or (isinstance(value, list) and bool(value) and isinstance(value[0], list) and len(value[0]) == 9)
    return array(value, (9,) if wide else (7,), where)


def _frame_name(entry: Mapping[str, Any], where: str) -> str:
    metadata = entry.get("metadata")
    name = metadata.get("token") if isinstance(metadata, dict) and "token" in metadata else entry.get("frame_id")
    if type(name) is int:
        return f"{name:06d}"
    if not isinstance(name, str):
        raise FormatError(f"{where}: frame_id is missing or no text")
    return name


def _boxes(entry: Mapping[str, Any], frame: KnownFrame, where: str) -> Boxes:
    rows = wide_rows(entry["boxes_lidar"], f"{where}, boxes_lidar")
    names = words(entry["name"], f"{where}, name")
    score = array(entry["score"], (), f"{where}, score")
    image_box = array(entry["bbox"], (4,), f"{where}, bbox") if "bbox" in entry else None
    boxes = boxes_of_lidar(rows, names, score, frame.ego_from_cloud, image_box, where)
    if set(_CAMERA) <= set(entry):
        place, size = (array(entry[key], tail, f"{where}, {key}") for key, tail in _CAMERA.items())
        _check_agreement(boxes, place, size, frame, where)
    return boxes


def _check_agreement(boxes: Boxes, place: FloatArray, size: FloatArray, frame: KnownFrame, where: str) -> None:
    if not len(place) == len(size) == len(boxes):
        raise FormatError(f"{where}: has {len(boxes)} boxes, {len(place)} locations and {len(size)} dimensions")
    expected = frame.calibration.rect_from_ego.apply(boxes.center - np.c_[boxes.size[:, :2] * 0, boxes.size[:, 2] / 2])
    off = np.abs(np.c_[place - expected, size - boxes.size[:, [0, 2, 1]]]).max(axis=1, initial=0.0)
    for box in np.flatnonzero(off > AGREE_M):
        raise FormatError(
            f"{where}, box {box}: location {place[box].tolist()} and dimensions {size[box].tolist()} (length, height, "
            f"width) are {off[box]:.2f} m away from its boxes_lidar; the file is damaged, or was made with another "
            "calibration than the recording's"
        )
