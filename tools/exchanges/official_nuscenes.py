"""Load an export with nuscenes-devkit and hold it against what scanyard said: run in the devkit's own environment.

Every scene and sample is walked by its links.  Boxes come from ``get_sample_data``, points from ``LidarPointCloud``,
and which of them lie in which box from ``points_in_box``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.data_classes import Box, LidarPointCloud
from nuscenes.utils.geometry_utils import points_in_box, view_points

OPTICAL_FROM_BODY = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
TOLERANCE_M = 1e-6


def main() -> None:
    root, version = Path(sys.argv[1]), sys.argv[2]
    said = json.loads(root.with_suffix(".json").read_text(encoding="utf-8"))
    data = NuScenes(version=version, dataroot=str(root), verbose=False)
    worst, boxes_seen, frames_seen, inside_seen, pixels_worst = 0.0, 0, 0, 0, 0.0
    assert sorted(scene["name"] for scene in data.scene) == sorted(said)
    for scene in data.scene:
        sample_token = scene["first_sample_token"]
        for expected in said[scene["name"]]:
            sample = data.get("sample", sample_token)
            assert sample["timestamp"] == expected["timestamp_ns"] // 1000
            path, boxes, _ = data.get_sample_data(sample["data"]["LIDAR_TOP"])
            cloud = LidarPointCloud.from_file(path)
            assert cloud.nbr_points() == expected["points"]
            worst = max(worst, farthest(boxes, expected["corners"]["top"], np.eye(3)))
            inside = [int(points_in_box(box, cloud.points[:3]).sum()) for box in boxes]
            assert inside == expected["points_inside"], (scene["name"], inside, expected["points_inside"])
            recorded = [data.get("sample_annotation", box.token)["num_lidar_pts"] for box in boxes]
            assert recorded == expected["num_points"]
            if "CAM_FRONT" in sample["data"]:
                worst = max(worst, camera(data, sample["data"]["CAM_FRONT"], expected))
                pixels_worst = max(pixels_worst, pixels(data, sample["data"]["CAM_FRONT"], expected))
            boxes_seen, frames_seen, inside_seen = boxes_seen + len(boxes), frames_seen + 1, inside_seen + sum(inside)
            sample_token = sample["next"]
        assert sample_token == ""
    print(
        f"nuscenes-devkit: {frames_seen} samples, {boxes_seen} boxes, {inside_seen} points inside, all as scanyard "
        f"says; corners differ by at most {worst:.1e} m, pixels by {pixels_worst:.1e}"
    )
    sys.exit(worst > TOLERANCE_M or pixels_worst > TOLERANCE_M or not inside_seen)


def camera(data: NuScenes, token: str, expected: dict[str, Any]) -> float:
    _, boxes, intrinsic = data.get_sample_data(token, box_vis_level=0)
    kept = {box.token for box in boxes}
    every = data.get_boxes(token)
    order = [index for index, box in enumerate(every) if box.token in kept]
    assert intrinsic.shape == (3, 3)
    corners = np.array(expected["corners"]["left"])
    return farthest(boxes, corners[order], OPTICAL_FROM_BODY)


def pixels(data: NuScenes, token: str, expected: dict[str, Any]) -> float:
    """Where centres of boxes in the image fall, by the devkit's projection and by ours."""
    _, boxes, intrinsic = data.get_sample_data(token)
    order = {box.token: index for index, box in enumerate(data.get_boxes(token))}
    worst = 0.0
    for box in boxes:
        if box.center[2] > 1:
            found = view_points(box.center[:, None], intrinsic, normalize=True)[:2, 0]
            worst = max(worst, float(np.abs(found - expected["pixels"]["left"][order[box.token]]).max()))
    return worst


def farthest(boxes: list[Box], corners: Any, turned: np.ndarray) -> float:
    """The largest distance of a corner from the one nearest to it in the other set; front and rear are told apart."""
    worst = 0.0
    assert len(boxes) == len(corners)
    for box, ours in zip(boxes, np.array(corners).reshape(len(boxes), 8, 3), strict=True):
        # the devkit's order is front top left, front top right, front bottom right, front bottom left, then the rear
        theirs = box.corners().T
        expected = (ours @ turned.T)[[4, 7, 3, 0, 5, 6, 2, 1]]
        worst = max(worst, float(np.linalg.norm(theirs - expected, axis=1).max()))
    return worst


if __name__ == "__main__":
    main()
