"""A few frames, and what a detector found in them, as each framework would write it down.

The files are made from the frameworks' own formulas, not by ``scanyard.results``, so that reading them is a test.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow import feather

from scanyard.boxes import Boxes
from scanyard.datasets.kitti_calibration import Calibration
from scanyard.datasets.kitti_labels import CLASS_OF_CATEGORY
from scanyard.experiment.scoring import LabelledFrame
from scanyard.geometry import Transform
from scanyard.label.projection import image_extent
from scanyard.results import KnownFrame, KnownFrames
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import SequenceInfo

LIDAR = Lidar(
    "top", Transform.from_xyz_rpy((0.8, 0.1, 1.73), yaw=0.02), np.zeros(2), np.zeros(2), 1800, 10.0, 1.0, 80.0
)
CAMERA = Camera("left", Transform.from_xyz_rpy((1.0, 0.1, 1.65)), 1242, 375, 721.5, (609.6, 172.9))
RIG = Rig("toy", (LIDAR,), (CAMERA,))
CLASSES = ("Pedestrian", "Cyclist", "Car")
DRIVES = ("a", "a", "b", "b")
CALIBRATION = Calibration.of_rig(RIG)
START_NS = 315_966_265_000_000_000
AXLE_HEIGHT_M = 0.33
ARGOVERSE = {"car": "REGULAR_VEHICLE", "pedestrian": "PEDESTRIAN", "cyclist": "BICYCLIST"}


def known() -> KnownFrames:
    """Four frames of two recordings, on a road that is not level."""
    infos = {
        drive: SequenceInfo(f"street-{drive}", "synthetic", drive, RIG, "CC0-1.0") for drive in dict.fromkeys(DRIVES)
    }
    frames = []
    for number, drive in enumerate(DRIVES):
        pose = Transform.from_xyz_rpy((600.0 + 9 * number, 1600.0, 3.0), roll=0.02, pitch=-0.03, yaw=2.0 + number)
        frames.append(
            KnownFrame(
                infos[drive], number % 2, f"{number:06d}", f"{number:016x}", pose, START_NS + number * 100_000_000
            )
        )
    return KnownFrames(tuple(frames), own_names=True)


def found(number: int) -> Boxes:
    """What was detected in a frame, in the ego frame: cars, pedestrians and cyclists ahead; nothing in the last."""
    count = (5, 4, 3, 0)[number]
    rng = np.random.default_rng(number)
    names = np.array(["car", "car", "pedestrian", "cyclist", "car"][:count], dtype=np.str_)
    sizes = {"car": (4.2, 1.8, 1.5), "pedestrian": (0.7, 0.6, 1.8), "cyclist": (1.8, 0.6, 1.7)}
    size = np.array([sizes[name] for name in names.tolist()]).reshape(-1, 3) * rng.uniform(0.9, 1.1, (count, 3))
    center = np.c_[8.0 + 7.0 * np.arange(count), rng.uniform(-3, 3, count), size[:, 2] / 2]
    boxes = Boxes(center, size, rng.uniform(-3, 3, count), names, score=np.round(rng.uniform(0.2, 0.95, count), 4))
    return boxes.replace(image_box=image_extent(boxes, CAMERA).image_box)


def labelled() -> list[LabelledFrame]:
    """The frames with labels near what was found."""
    frames = []
    for number, frame in enumerate(known().frames):
        boxes = found(number)
        shift = np.random.default_rng(9 + number).normal(0, 0.05, (len(boxes), 3))
        zeros = np.zeros(len(boxes))
        labels = boxes.replace(
            center=boxes.center + shift, score=None, truncation=zeros, occlusion=zeros, num_points=zeros + 50
        )
        frames.append(LabelledFrame(frame, labels, None))
    return frames


def lidar_rows(boxes: Boxes) -> np.ndarray:
    """OpenPCDet's boxes (N, 7): centre, length, width, height, heading in the LiDAR's frame."""
    there = boxes.transformed(LIDAR.ego_from_sensor.inverse())
    return np.c_[there.center, there.size, there.yaw_rad]


def camera_rows(boxes: Boxes) -> np.ndarray:
    """Camera boxes (N, 7): bottom, length, height, width, ry; as ``boxes3d_lidar_to_kitti_camera`` computes them."""
    rows = lidar_rows(boxes)
    bottom = CALIBRATION.rect_from_velodyne.apply(rows[:, :3] - np.c_[rows[:, :2] * 0, rows[:, 5] / 2])
    return np.c_[bottom, rows[:, [3, 5, 4]], -rows[:, 6] - np.pi / 2]


def openpcdet_entries() -> list[dict[str, Any]]:
    """``generate_prediction_dicts``' dictionaries, in float32 as the network gives them."""
    entries = []
    for number, frame in enumerate(known().frames):
        boxes, rows, camera = found(number), lidar_rows(found(number)), camera_rows(found(number))
        names = np.array([CLASS_OF_CATEGORY[name] for name in boxes.category.tolist()])
        entries.append(
            {
                "name": names if len(boxes) else np.zeros(0),
                "truncated": np.zeros(len(boxes)),
                "occluded": np.zeros(len(boxes)),
                "alpha": (-np.arctan2(-rows[:, 1], rows[:, 0]) + camera[:, 6]).astype(np.float32),
                "bbox": boxes.image_box.astype(np.float32),
                "dimensions": camera[:, 3:6].astype(np.float32),
                "location": camera[:, :3].astype(np.float32),
                "rotation_y": camera[:, 6].astype(np.float32),
                "score": boxes.score.astype(np.float32),
                "boxes_lidar": rows.astype(np.float32),
                "pred_labels": np.ones(len(boxes), dtype=np.int64),
                "frame_id": np.array([frame.name])[0],
            }
        )
    return entries


def mmdet3d_entries() -> list[dict[str, Any]]:
    """``bbox2result_kitti``'s dictionaries; the one without boxes does not say which frame it is."""
    keys = ("name", "truncated", "occluded", "alpha", "bbox", "dimensions", "location", "rotation_y", "score")
    return [
        {key: entry[key] for key in keys} | {"sample_id": np.full(len(entry["score"]), number, dtype=np.int64)}
        for number, entry in enumerate(openpcdet_entries())
    ]


def mmdet3d_prediction(number: int) -> dict[str, Any]:
    """What the inferencer dumps for a frame: bottoms, class numbers."""
    boxes, rows = found(number), lidar_rows(found(number))
    rows[:, 2] -= rows[:, 5] / 2
    labels = [[name.lower() for name in CLASSES].index(name) for name in boxes.category.tolist()]
    return {
        "labels_3d": labels,
        "scores_3d": boxes.score.tolist(),
        "bboxes_3d": rows.tolist(),
        "box_type_3d": "LiDAR",
    }


def kitti_text(number: int) -> str:
    """Result lines as both frameworks print them."""
    boxes, camera = found(number), camera_rows(found(number))
    lines = []
    for i, name in enumerate(boxes.category.tolist()):
        numbers = [0.1, *boxes.image_box[i], *camera[i, [4, 5, 3]], *camera[i, :3], camera[i, 6], boxes.score[i]]
        lines.append(f"{CLASS_OF_CATEGORY[name]} -1 -1 " + " ".join(f"{value:.4f}" for value in numbers) + "\n")
    return "".join(lines)


def nuscenes_results() -> dict[str, Any]:
    """A submission; cyclists are bicycles there."""
    results: dict[str, Any] = {}
    for number, frame in enumerate(known().frames):
        boxes, pose = found(number), frame.world_from_ego
        results[frame.name] = rows = []
        for i in range(len(boxes)):
            turn = pose @ Transform.from_xyz_rpy((0, 0, 0), yaw=float(boxes.yaw_rad[i]))
            rows.append(
                {
                    "sample_token": frame.name,
                    "translation": pose.apply(boxes.center[i]).tolist(),
                    "size": boxes.size[i, [1, 0, 2]].tolist(),
                    "rotation": turn.quaternion_wxyz.tolist(),
                    "velocity": [1.0, -2.0],
                    "detection_name": str(boxes.category[i]).replace("cyclist", "bicycle"),
                    "detection_score": float(boxes.score[i]),
                    "attribute_name": "",
                }
            )
    meta = {"use_camera": False, "use_lidar": True, "use_radar": False, "use_map": False, "use_external": False}
    return {"meta": meta, "results": results}


def argoverse2_rows() -> dict[str, np.ndarray]:
    """Columns of a submission, boxes in the vehicle's frame; nothing for the frame in which nothing was found."""
    rows: list[tuple[Any, ...]] = []
    for number, frame in enumerate(known().frames):
        boxes = found(number)
        for i in range(len(boxes)):
            x, y, z = boxes.center[i]
            half = boxes.yaw_rad[i] / 2
            name = ARGOVERSE[str(boxes.category[i])]
            rows.append((
                frame.info.name, frame.timestamp_ns, name, boxes.score[i], x, y, z - AXLE_HEIGHT_M, *boxes.size[i],
                np.cos(half), 0.0, 0.0, np.sin(half),
            ))  # fmt: skip
    names = "log_id timestamp_ns category score tx_m ty_m tz_m length_m width_m height_m qw qx qy qz".split()  # noqa: SIM905
    columns = {name: np.array([row[at] for row in rows]) for at, name in enumerate(names)}
    return {name: values.astype(object) if values.dtype.kind == "U" else values for name, values in columns.items()}


def write_feather(path: Path, columns: Mapping[str, Any], compression: str = "lz4") -> Path:
    """A table as pandas' ``to_feather`` leaves it."""
    feather.write_feather(pyarrow.table(dict(columns)), str(path), compression=compression)
    return path


def write_kitti(folder: Path) -> Path:
    """A folder of result files."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(known().frames):
        (folder / f"{frame.name}.txt").write_text(kitti_text(number))
    return folder


def write_predictions(folder: Path) -> Path:
    """What the inferencer leaves in its output folder."""
    (folder / "preds").mkdir(parents=True)
    for number, frame in enumerate(known().frames):
        (folder / "preds" / f"{frame.name}.json").write_text(json.dumps(mmdet3d_prediction(number)))
    return folder


def write_pickle(path: Path, value: Any, protocol: int = 4) -> Path:
    """A pickle."""
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


def write_json(path: Path, value: Any) -> Path:
    """A JSON file."""
    path.write_text(json.dumps(value))
    return path
