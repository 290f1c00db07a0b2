"""What both sides of Argoverse 2's sensor layout know: where things lie, and the two LiDARs on its roof.

    ROOT/SPLIT/LOG/sensors/lidar/NS.feather             x, y, z, intensity 0 to 255, laser_number, offset_ns
    ROOT/SPLIT/LOG/sensors/cameras/CAMERA/NS.jpg
    ROOT/SPLIT/LOG/annotations.feather                  a row a box: see ``BOX_COLUMNS``
    ROOT/SPLIT/LOG/city_SE3_egovehicle.feather          the vehicle's pose by time
    ROOT/SPLIT/LOG/calibration/egovehicle_SE3_sensor.feather, intrinsics.feather

What a stranger gets wrong: its vehicle frame has its origin *on* the rear axle, ours on the ground below; and its
points are in the vehicle's frame, not a sensor's.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from scanyard.errors import FormatError
from scanyard.geometry import Transform
from scanyard.sensors import Lidar

LAYOUT = "argoverse2"
LICENCE = "CC-BY-NC-SA-4.0"
AXLE_HEIGHT_M = 0.33
"""The radius of the Ford Fusion's wheels (225/50 R17: 0.216 m and half of 0.225 m)."""
EGO_FROM_VEHICLE = Transform.from_xyz_rpy((0.0, 0.0, AXLE_HEIGHT_M))
"""From Argoverse's vehicle frame to ours."""
_FARTHEST_M = 1e7
"""No place on Earth is farther from another, wherever map coordinates begin."""
POSE_COLUMNS = ("qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m")
LIDAR_COLUMNS = ("x", "y", "z", "intensity", "laser_number", "offset_ns")
BOX_COLUMNS = (
    "timestamp_ns", "track_uuid", "category", "length_m", "width_m", "height_m", *POSE_COLUMNS, "num_interior_pts",
)  # fmt: skip
INTRINSIC_COLUMNS = ("fx_px", "fy_px", "cx_px", "cy_px", "width_px", "height_px")
CAMERAS = (
    "ring_front_center", "ring_front_left", "ring_front_right", "ring_side_left", "ring_side_right", "ring_rear_left",
    "ring_rear_right",
)  # fmt: skip
LIDARS = ("up_lidar", "down_lidar")
"""Lasers 0 to 31 are the upper one's, 32 to 63 those of the lower one, which hangs upside down."""
VLP32C_ELEVATION_DEG = np.array([
    7.0, -1.667, 1.667, -0.667, 15.0, -0.333, 3.333, 0.667, 1.333, 0.0, 1.0, 2.333, 0.333, -1.0, 4.667, 10.333,
    -6.148, -15.639, -3.0, -2.0, -4.0, -8.843, -4.667, -3.333, -2.667, -5.333, -1.333, -7.254, -3.667, -11.31, -2.333,
    -25.0,
])  # fmt: skip
"""(32,) by laser number: the Velodyne VLP-32C manual's angles, in the order measured in two sweeps of Argoverse 2, in
which each laser's median elevation is within 0.08 degrees of the angle here."""
RING_OF_LASER: NDArray[np.uint8] = np.argsort(np.argsort(-VLP32C_ELEVATION_DEG)).astype(np.uint8)
"""(32,) our ring, highest beam first, by laser number."""


def roof_lidar(name: str, ego_from_sensor: Transform) -> Lidar:
    """One of Argoverse's two VLP-32C, 10 turns a second."""
    elevation = np.deg2rad(np.sort(VLP32C_ELEVATION_DEG)[::-1])
    return Lidar(name, ego_from_sensor, elevation, np.zeros(32), 1800, 10.0, 1.0, 200.0)


def pose_rows(poses: Iterable[Transform]) -> dict[str, NDArray[np.float64]]:
    """Columns of poses, as ``POSE_COLUMNS``."""
    rows = np.array([[*pose.quaternion_wxyz, *pose.translation] for pose in poses]).reshape(-1, 7)
    return {name: rows[:, column] for column, name in enumerate(POSE_COLUMNS)}


def pose_of(columns: dict[str, NDArray[np.float64]], row: int) -> Transform:
    """Undo ``pose_rows`` for one row; FormatError if it is no pose."""
    values = [float(columns[name][row]) for name in POSE_COLUMNS]
    if not (np.abs(values[:4]) <= 1.01).all() or abs(np.linalg.norm(values[:4]) - 1) > 0.01:
        raise FormatError(f"row {row}: quaternion {values[:4]} is no rotation")
    if not (np.abs(values[4:]) < _FARTHEST_M).all():
        raise FormatError(f"row {row}: translation {values[4:]} is no place")
    return Transform.from_quaternion(values[:4], values[4:])
