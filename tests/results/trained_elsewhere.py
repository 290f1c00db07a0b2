"""What a perfect detector writes that was trained on an export of ours: the export's own labels, scored 0.9 to 0.5.

Each function sees the exported folder alone, as the framework does: ids and coordinates are the export's.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pyquaternion import Quaternion

from scanyard.datasets.kitti_labels import CLASS_OF_CATEGORY
from scanyard.geometry import Transform

CLASSES = ("Car", "Pedestrian", "Cyclist")
META = {"use_camera": False, "use_lidar": True, "use_radar": False, "use_map": False, "use_external": False}


def scores(count: int) -> np.ndarray:
    """(N,) falling."""
    return np.linspace(0.9, 0.5, count).astype(np.float32)


def openpcdet_result(export: Path, path: Path) -> Path:
    """``result.pkl`` of the frames in ``ImageSets``."""
    entries = []
    for file in ids(export):
        rows = [line.split() for line in (export / "labels" / f"{file}.txt").read_text().splitlines()]
        entries.append(
            {
                "name": np.array([row[7] for row in rows]),
                "score": scores(len(rows)),
                "boxes_lidar": np.array([row[:7] for row in rows], dtype=np.float32).reshape(-1, 7),
                "pred_labels": np.ones(len(rows), dtype=np.int64),
                "frame_id": np.array([file])[0],
            }
        )
    path.write_bytes(pickle.dumps(entries))
    return path


def ids(export: Path) -> list[str]:
    """What ``ImageSets`` lists."""
    return sorted(word for path in (export / "ImageSets").glob("*.txt") for word in path.read_text().split())


def mmdet3d_infos(export: Path) -> list[dict[str, Any]]:
    """All infos of the export, and the names of their labels in ``categories``."""
    found = []
    for path in sorted(export.glob("custom_infos_*.pkl")):
        body = pickle.loads(path.read_bytes())
        names = {label: name for name, label in body["metainfo"]["categories"].items()}
        found += [info | {"names": [names[one["bbox_label_3d"]] for one in info["instances"]]}
                  for info in body["data_list"]]  # fmt: skip
    return sorted(found, key=lambda info: info["sample_idx"])


def _instances(info: Mapping[str, Any]) -> dict[str, Any]:
    rows = np.array([one["bbox_3d"] for one in info["instances"]], dtype=np.float32).reshape(-1, 7)
    labels = np.array([CLASSES.index(name) for name in info["names"]], dtype=np.int64)
    return {"bboxes_3d": rows, "scores_3d": scores(len(rows)), "labels_3d": labels}


def mmdet3d_samples(export: Path, path: Path) -> Path:
    """``samples.pkl``: dumped samples that know their ``sample_idx`` alone."""
    entries = [
        {"pred_instances_3d": _instances(info), "sample_idx": info["sample_idx"]} for info in mmdet3d_infos(export)
    ]
    path.write_bytes(pickle.dumps(entries))
    return path


def mmdet3d_predictions(export: Path, path: Path) -> Path:
    """``preds/ID.json``, called after the cloud."""
    (path / "preds").mkdir(parents=True)
    for info in mmdet3d_infos(export):
        values = {name: array.tolist() for name, array in _instances(info).items()} | {"box_type_3d": "LiDAR"}
        stem = Path(info["lidar_points"]["lidar_path"]).stem
        (path / "preds" / f"{stem}.json").write_text(json.dumps(values))
    return path


def mmdet3d_nuscenes_predictions(export: Path, path: Path) -> Path:
    """``preds/SCAN.json``, called after the sweep of a sample of the nuScenes tables, boxes in its LiDAR's frame."""
    (path / "preds").mkdir(parents=True)
    data, calibrated, poses = (
        {row["token"]: row for row in json.loads((export / "v1.0-trainval" / f"{name}.json").read_text())}
        for name in ("sample_data", "calibrated_sensor", "ego_pose")
    )
    results = json.loads(nuscenes_results(export, path / "all.json").read_text())["results"]
    (path / "all.json").unlink()
    for row in data.values():
        if not row["filename"].startswith("samples/LIDAR_TOP/"):
            continue
        places = calibrated[row["calibrated_sensor_token"]], poses[row["ego_pose_token"]]
        sensor, pose = (Transform.from_quaternion(one["rotation"], one["translation"]) for one in places)
        lidar_from_world = (pose @ sensor).inverse().matrix
        boxes = results[row["sample_token"]]
        rows = []
        for box in boxes:
            x, y, z, _ = lidar_from_world @ [*box["translation"], 1]
            ahead = lidar_from_world[:3, :3] @ Quaternion(box["rotation"]).rotate([1.0, 0.0, 0.0])
            width, length, height = box["size"]
            rows.append([x, y, z - height / 2, length, width, height, float(np.arctan2(ahead[1], ahead[0]))])
        labels = [[name.lower() for name in CLASSES].index(box["detection_name"]) for box in boxes]
        values = {"bboxes_3d": rows, "scores_3d": scores(len(rows)).tolist(), "labels_3d": labels}
        (path / "preds" / f"{Path(row['filename']).name.split('.')[0]}.json").write_text(json.dumps(values))
    return path


def mmdet3d_kitti_pickle(export: Path, path: Path) -> Path:
    """``bbox2result_kitti``'s entries: boxes in the export's first camera."""
    entries = []
    for info in mmdet3d_infos(export):
        rows = _instances(info)["bboxes_3d"].astype(np.float64)
        camera = info["images"]["CAM0"]
        bottom = np.c_[rows[:, :3], np.ones(len(rows))] @ np.array(camera["lidar2cam"]).T
        entries.append(
            {
                "name": np.array(info["names"]),
                "truncated": np.zeros(len(rows)),
                "occluded": np.zeros(len(rows)),
                "alpha": np.zeros(len(rows)),
                "bbox": np.tile([100.0, 50.0, 200.0, 150.0], (len(rows), 1)),
                "dimensions": rows[:, [3, 5, 4]],
                "location": bottom[:, :3],
                "rotation_y": -rows[:, 6] - np.pi / 2,
                "score": scores(len(rows)),
                "sample_idx": np.full(len(rows), info["sample_idx"], dtype=np.int64),
            }
        )
    path.write_bytes(pickle.dumps(entries))
    return path


def nuscenes_results(export: Path, path: Path) -> Path:
    """A submission for every sample of the tables."""
    tables = export / "v1.0-trainval"
    instance, category, annotations, samples = (
        json.loads((tables / f"{name}.json").read_text())
        for name in ("instance", "category", "sample_annotation", "sample")
    )
    names = {row["token"]: row["name"].split(".")[-1] for row in category}
    names = {row["token"]: names[row["category_token"]] for row in instance}
    results: dict[str, list[dict[str, Any]]] = {row["token"]: [] for row in samples}
    for row in annotations:
        own = results[row["sample_token"]]
        own.append(
            {key: row[key] for key in ("sample_token", "translation", "size", "rotation")}
            | {"velocity": [0.0, 0.0], "detection_name": names[row["instance_token"]], "attribute_name": ""}
            | {"detection_score": 0.9 - 0.01 * len(own)}
        )
    path.write_text(json.dumps({"meta": META, "results": results}))
    return path


def kitti_text(export: Path, path: Path) -> Path:
    """Result lines in a folder per exported recording."""
    for labels in sorted(export.glob("*/label_2/*.txt")):
        place = path / labels.parent.parent.name / labels.name
        place.parent.mkdir(parents=True, exist_ok=True)
        lines = labels.read_text().splitlines()
        known = [line for line in lines if line.split()[0] in CLASS_OF_CATEGORY.values()]
        place.write_text(
            "".join(f"{line} {score:.4f}\n" for line, score in zip(known, scores(len(known)), strict=True))
        )
    return path
