"""Load an export with av2 and hold it against what scanyard said: run in av2's own environment.

Sweeps come from ``Sweep.from_feather``, cuboids from ``CuboidList.from_feather`` and count their own interior points,
poses from ``read_city_SE3_ego``, cameras from ``PinholeCamera``; ``AV2SensorDataLoader`` must find every sweep.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from av2.datasets.sensor.av2_sensor_dataloader import AV2SensorDataLoader
from av2.geometry.camera.pinhole_camera import PinholeCamera
from av2.structures.cuboid import CuboidList
from av2.structures.sweep import Sweep
from av2.utils.io import read_city_SE3_ego

AXLE_HEIGHT_M = np.array([0.0, 0.0, 0.33])
TOLERANCE_M = 1e-6
seen = {"sweeps": 0, "boxes": 0, "points inside": 0, "images": 0}
worst = {"corners": 0.0, "poses": 0.0, "pixels": 0.0}
ORDER = [4, 7, 3, 0, 5, 6, 2, 1]
"""Which of our corners is av2's first, second, ...: front top left, right, bottom right, left, then the rear."""


def main() -> None:
    root = Path(sys.argv[1])
    said = json.loads(root.with_suffix(".json").read_text(encoding="utf-8"))
    loader = AV2SensorDataLoader(root / "train", root / "train")
    for name, frames in said.items():
        log = root / "train" / name
        cuboids = CuboidList.from_feather(log / "annotations.feather").cuboids
        poses = read_city_SE3_ego(log)
        times = loader.get_ordered_log_lidar_timestamps(name)
        frames.sort(key=lambda frame: frame["timestamp_ns"])
        for time, expected in zip(times, frames, strict=True):
            check(log, time, expected, [c for c in cuboids if c.timestamp_ns == time])
            pose = poses[time]
            theirs = pose.transform_point_cloud(np.eye(3) - AXLE_HEIGHT_M)
            ours = np.array(expected["world_from_ego"]) @ np.vstack([np.eye(3), np.ones(3)])
            worst["poses"] = max(worst["poses"], float(np.abs(theirs - ours[:3].T).max()))
        seen["images"] += len(loader.get_ordered_log_cam_fpaths(name, "ring_front_center"))
    counted = ", ".join(f"{count} {what}" for what, count in seen.items())
    differences = ", ".join(f"{what} by {value:.1e}" for what, value in worst.items())
    print(f"av2: {counted}, all as scanyard says; they differ at most in {differences}")
    sys.exit(max(worst.values()) > TOLERANCE_M or not all(seen.values()))


def check(log: Path, time: int, expected: dict[str, Any], cuboids: list[Any]) -> None:
    sweep = Sweep.from_feather(log / "sensors" / "lidar" / f"{time}.feather")
    assert len(sweep) == expected["points"]
    assert len(cuboids) == len(expected["categories"])
    corners = np.array(expected["corners_ego"]).reshape(len(cuboids), 8, 3)
    inside = []
    for cuboid, ours in zip(cuboids, corners, strict=True):
        difference = cuboid.vertices_m + AXLE_HEIGHT_M - ours[ORDER]
        worst["corners"] = max(worst["corners"], float(np.abs(difference).max()))
        inside.append(int(cuboid.compute_interior_points(sweep.xyz)[1].sum()))
    assert inside == expected["points_inside"], (log.name, inside, expected["points_inside"])
    seen["sweeps"] += 1
    seen["boxes"] += len(cuboids)
    seen["points inside"] += sum(inside)
    camera = PinholeCamera.from_feather(log, "ring_front_center")
    centers = np.array([cuboid.xyz_center_m for cuboid in cuboids]).reshape(-1, 3)
    pixels, points_camera, _ = camera.project_ego_to_img(centers)
    ahead = points_camera[:, 2] > 1
    if ahead.any():
        ours = np.array(expected["pixels"]["left"]).reshape(-1, 2)
        worst["pixels"] = max(worst["pixels"], float(np.abs(pixels[ahead, :2] - ours[ahead]).max()))


if __name__ == "__main__":
    main()
