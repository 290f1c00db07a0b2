"""MMDetection3D's results: its KITTI pickle, and ``pred_instances_3d`` dumped as JSON or as arrays in a pickle.

    KITTI pickle, a list of {name, bbox (N, 4), dimensions (N, 3), location (N, 3), rotation_y, score, sample_id (N,)}
    preds/ID.json, a file per frame: {bboxes_3d: N x 7 or 9, scores_3d: N, labels_3d: N, box_type_3d: LiDAR or Camera}
    dumped samples, a list of {pred_instances_3d: {bboxes_3d, scores_3d, labels_3d}, sample_idx or lidar_path}

Since version 1.0 a LiDAR box is x, y, z of the *bottom*, length, width, height, and yaw from x towards y; a camera box
is the bottom's place in camera 0, length, height, width, and KITTI's ``ry``.  Labels are numbers whose meaning is in
the training's configuration, so their names have to be given.  What a stranger gets wrong: in the KITTI pickle an entry
without boxes does not say which frame it is.  As such entries are all alike, they belong to whichever frames are left,
if there are as many.  Tensors are not read from pickles: ``pickled`` says why, and how to convert them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from scanyard.boxes import Boxes
from scanyard.detections import FrameDetections
from scanyard.errors import FormatError
from scanyard.geometry import FloatArray
from scanyard.pickled import array, words
from scanyard.plausible import check_boxes
from scanyard.results.frames import KnownFrame, KnownFrames
from scanyard.results.kitti_text import boxes_of_camera
from scanyard.results.openpcdet import boxes_of_lidar, wide_rows
from scanyard.strict_json import read_json

_KITTI = {"bbox": (4,), "dimensions": (3,), "location": (3,), "rotation_y": (), "score": ()}
_INSTANCES_KEY = "pred_instances_3d"
_INSTANCES = ("bboxes_3d", "scores_3d", "labels_3d")


def read_mmdet3d_pickle(data: Any, path: Path, known: KnownFrames, classes: Sequence[str]) -> list[FrameDetections]:
    """The detections of a KITTI pickle or of dumped samples; FormatError names file, entry and box."""
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise FormatError(f"{path}: expected a list with a dictionary per frame")
    named_entries, ids = [], []
    for index, entry in enumerate(data):
        where = f"{path}, entry {index}"
        name = _sample_name(entry, where) if _INSTANCES_KEY in entry else _kitti_name(entry, where)
        if name is None:
            _kitti_columns(entry, where)
        else:
            named_entries.append(entry)
            ids.append((name, where))
    found = known.find_all(ids, in_cloud=any(_INSTANCES_KEY in entry for entry in data))
    frames = [
        frame.detected(
            _instances(entry[_INSTANCES_KEY], frame, classes, where)
            if _INSTANCES_KEY in entry
            else _kitti_boxes(entry, frame, where)
        )
        for frame, entry, (_, where) in zip(found, named_entries, ids, strict=True)
    ]
    nameless = len(data) - len(ids)
    named = {(one.sequence, one.index) for one in frames}
    left = [frame for frame in known.frames if (frame.info.name, frame.index) not in named]
    if nameless and nameless != len(left):
        raise FormatError(
            f"{path}: {nameless} entries without boxes do not say which frame they are, and {len(left)} frames are "
            "left over; expected as many. Score the very frames the detector was run on"
        )
    empty = Boxes.empty().replace(score=np.zeros(0))
    return [*frames, *(frame.detected(empty) for frame in left if nameless)]


def json_files(folder: Path) -> list[Path]:
    """The dumped predictions of a folder, sorted: in ``preds``, where the inferencer puts them, or in itself."""
    return sorted((folder / "preds").glob("*.json")) or sorted(folder.glob("*.json"))


def read_mmdet3d_json(files: Sequence[Path], known: KnownFrames, classes: Sequence[str]) -> list[FrameDetections]:
    """The detections of files named after their frames; FormatError names file and box."""
    frames = known.find_all([(path.stem, str(path)) for path in files], in_cloud=True)
    return [
        frame.detected(_instances(read_json(path), frame, classes, str(path)))
        for frame, path in zip(frames, files, strict=True)
    ]


def _kitti_name(entry: Mapping[str, Any], where: str) -> str | None:
    ids = entry.get("sample_id", entry.get("sample_idx"))
    if not {"name", *_KITTI} <= set(entry) or ids is None:
        raise FormatError(
            f"{where}: lacks some of {['name', *_KITTI, 'sample_id']}, so it is no KITTI result of MMDetection3D"
        )
    found = set(array(ids, (), f"{where}, sample_id").tolist())
    if not found and not words(entry["name"], f"{where}, name"):
        return None
    if len(found) != 1 or (number := found.pop()) % 1 or not 0 <= number < 1e9:
        raise FormatError(
            f"{where}: sample_id has {len(found) + 1} different values, expected one whole number for all boxes"
        )
    return f"{int(number):06d}"


def _kitti_columns(entry: Mapping[str, Any], where: str) -> tuple[list[str], dict[str, FloatArray]]:
    """Names (N,) and arrays of N rows; FormatError where they are not of one length."""
    names = words(entry["name"], f"{where}, name")
    columns = {key: array(entry[key], tail, f"{where}, {key}") for key, tail in _KITTI.items()}
    if {len(column) for column in columns.values()} != {len(names)}:
        raise FormatError(f"{where}: its arrays have different lengths; expected {len(names)} rows in each, as in name")
    return names, columns


def _kitti_boxes(entry: Mapping[str, Any], frame: KnownFrame, where: str) -> Boxes:
    names, columns = _kitti_columns(entry, where)
    place, size = columns["location"], columns["dimensions"][:, [1, 2, 0]]
    rows = _camera_rows(place, size, columns["rotation_y"], columns["bbox"])
    boxes = boxes_of_camera(names, rows, columns["score"], frame, [f"{where}, box {box}" for box in range(len(names))])
    check_boxes(boxes, lambda box: f"{where}, box {box}")
    return boxes


def _camera_rows(place: FloatArray, size_hwl: FloatArray, ry: FloatArray, image_box: FloatArray) -> FloatArray:
    return np.column_stack([np.zeros((len(ry), 3)), image_box, size_hwl, place, ry])


def _sample_name(entry: Mapping[str, Any], where: str) -> str:
    for key in ("token", "lidar_path", "sample_idx"):
        value = entry.get(key)
        if isinstance(value, str):
            return PurePosixPath(value).name.split(".")[0] if key == "lidar_path" else value
        if type(value) is int and key == "sample_idx":
            return f"{value:06d}"
    raise FormatError(f"{where}: has no token, lidar_path or sample_idx, so nobody knows which frame it is")


def _instances(data: Any, frame: KnownFrame, classes: Sequence[str], where: str) -> Boxes:
    if not isinstance(data, dict) or not set(_INSTANCES) <= set(data):
        raise FormatError(f"{where}: expected {', '.join(_INSTANCES)}")
    kind = data.get("box_type_3d", "LiDAR")
    if kind not in ("LiDAR", "Camera"):
        found = repr(kind[:40]) if isinstance(kind, str) else type(kind).__name__
        raise FormatError(f"{where}: box_type_3d is {found}, expected 'LiDAR' or 'Camera'")
    rows = wide_rows(data["bboxes_3d"], f"{where}, bboxes_3d")
    score, number = (array(data[key], (), f"{where}, {key}") for key in ("scores_3d", "labels_3d"))
    if not len(rows) == len(score) == len(number):
        raise FormatError(f"{where}: has {len(rows)} boxes, {len(score)} scores and {len(number)} labels")
    names = [_class_name(label, classes, f"{where}, box {box}") for box, label in enumerate(number.tolist())]
    if kind == "LiDAR":
        center = np.c_[rows[:, :2], rows[:, 2] + rows[:, 5] / 2]
        return boxes_of_lidar(np.c_[center, rows[:, 3:]], names, score, frame.ego_from_cloud, None, where)
    camera = _camera_rows(rows[:, :3], rows[:, [4, 5, 3]], rows[:, 6], np.zeros((len(rows), 4)))
    boxes = boxes_of_camera(names, camera, score, frame, [f"{where}, box {box}" for box in range(len(rows))])
    check_boxes(boxes, lambda box: f"{where}, box {box}")
    return boxes.replace(image_box=None)


def _class_name(label: float, classes: Sequence[str], where: str) -> str:
    if not classes:
        raise FormatError(
            f"{where}: its class is the number {label:g}; give the names in the order of the training's configuration, "
            "such as --classes Pedestrian,Cyclist,Car"
        )
    if label % 1 or not 0 <= label < len(classes):
        raise FormatError(f"{where}: its class is the number {label:g}, but {len(classes)} names were given")
    return classes[int(label)]
