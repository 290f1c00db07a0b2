"""Real cars, one by one: the returns in and around each labelled box of a KITTI folder, read at run time.

Nothing read here is kept: the data is licensed for non-commercial use, so what is made of it stays with whoever runs
the tools that import this.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes, points_inside
from scanyard.datasets.kitti import read_sequences

MARGIN_M = 0.25  # around the label: mirrors stick out of KITTI's boxes
FLOOR_M = 0.15  # what lies lower may be the road
MIN_POINTS = 40
MAX_TRUNCATION = 0.1

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RealCar:
    """A labelled car that nothing hides."""

    name: str
    """Frame and row of the label."""
    drive: str
    size: tuple[float, float, float]
    """Length, width, height, metres."""
    center: tuple[float, float, float]
    """Middle of the box in the LiDAR's frame, right-handed, metres."""
    yaw_rad: float
    points: Floats
    """(M, 3) returns in the box's frame: origin in the middle of its floor, x forward, y left, z up, metres."""

    @property
    def range_m(self) -> float:
        """Distance of the middle on the ground plan."""
        return float(np.hypot(self.center[0], self.center[1]))


def in_box_frame(points: Floats, center: Floats, yaw_rad: float, height_m: float) -> Floats:
    """Points (M, 3) of the LiDAR's frame relative to the middle of a box's floor, turned with the box."""
    shift = points - (center - np.array([0.0, 0.0, height_m / 2]))
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.stack([cos * shift[:, 0] + sin * shift[:, 1], cos * shift[:, 1] - sin * shift[:, 0], shift[:, 2]], axis=1)


def read_cars(
    root: Path, category: str = "car", *, max_range_m: float = 45.0, min_points: int = MIN_POINTS
) -> list[RealCar]:
    """Every unhidden, untruncated object of ``category`` with at least ``min_points`` returns above the road.

    ``root`` holds KITTI's object layout (``training/velodyne`` and so on).
    """
    found = []
    for sequence in read_sequences(root, crop_to_image=True):
        for frame in sequence:
            boxes = frame.boxes
            if boxes is None or not len(boxes):
                continue
            sensor_from_ego = sequence.info.rig.lidars[0].ego_from_sensor.inverse()
            boxes = boxes.transformed(sensor_from_ego)
            keep = boxes.category == category
            if boxes.occlusion is not None:
                keep &= boxes.occlusion == 0
            if boxes.truncation is not None:
                keep &= boxes.truncation <= MAX_TRUNCATION
            keep &= np.hypot(boxes.center[:, 0], boxes.center[:, 1]) <= max_range_m
            points = frame.sweeps["top"].points
            for row in np.flatnonzero(keep):
                found += _car(f"{frame.name}/{row}", sequence.info.drive, boxes[[int(row)]], points, min_points)
    return found


def _car(name: str, drive: str, box: Boxes, points: NDArray[np.float32], min_points: int) -> list[RealCar]:
    inside = points[points_inside(box, points, margin_m=MARGIN_M)[0]].astype(float)
    local = in_box_frame(inside, box.center[0], float(box.yaw_rad[0]), float(box.size[0, 2]))
    local = local[local[:, 2] > FLOOR_M]
    if len(local) < min_points:
        return []
    length, width, height = (float(value) for value in box.size[0])
    x, y, z = (float(value) for value in box.center[0])
    return [RealCar(name, drive, (length, width, height), (x, y, z), float(box.yaw_rad[0]), local)]
