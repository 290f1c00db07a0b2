"""Returns that are real and in the wrong place: the vehicle moved during the turn, or the sensor sits otherwise.

Labels stay where they are, at the moment the sensor faced ahead and in the ego frame of the rig as written down.  The
moment of a return follows from its azimuth alone, for every sweep alike: KITTI's scans have no times, and simulated
turns last as long as the recording's tick.
"""

from __future__ import annotations

import numpy as np

from scanyard.corrupt.beams import part_of_turn
from scanyard.frame import Frame, Sweep
from scanyard.geometry import FloatArray, Transform
from scanyard.sensors import Lidar

TURN_S = 0.1
"""A turn of an HDL-64E at KITTI's 10 Hz."""

SPEED_MPS = (1.0, 2.5, 5.0, 10.0, 15.0)
"""Speed of the ego, in metres per second, that nobody compensated for: from a slip of the odometry to all of it in
town."""
YAW_RATE_RADPS = (0.02, 0.05, 0.1, 0.2, 0.3)
"""Yaw rate, in radians per second, that nobody compensated for; 0.3 is a turn at a junction."""
VIBRATION_M = (0.005, 0.01, 0.02, 0.035, 0.05)
"""Amplitude, in metres, of the mount's shaking in each axis."""
VIBRATION_HZ = (12.0, 40.0)
"""Shaking frequencies are drawn from here, per axis and frame: between a car's wheel hop and its body's modes."""

MOUNT_ERROR_DEG = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Angle, in degrees, between the mount as it is and as written down, about an axis of chance; 1° is 0.7 m at 40 m."""
MOUNT_ERROR_M = (0.02, 0.05, 0.1, 0.15, 0.2)
"""Distance, in metres, between the two, in a direction of chance."""


def motion_blur(frame: Frame, lidar: Lidar, severity: int, rng: np.random.Generator) -> Sweep:
    """Returns are where the moving, shaking sensor saw them, instead of where it would have standing still."""
    sweep = frame.sweeps[lidar.name]
    way, side = rng.normal(0.0, 0.05), rng.choice([-1.0, 1.0])
    hertz, phase = rng.uniform(*VIBRATION_HZ, 3), rng.uniform(0, 2 * np.pi, 3)
    time_s = TURN_S * part_of_turn(sweep.points).astype(np.float64)
    ahead_m = SPEED_MPS[severity - 1] * time_s
    shift_ego = np.stack([ahead_m * np.cos(way), ahead_m * np.sin(way), np.zeros_like(ahead_m)], axis=-1)
    shift_ego += VIBRATION_M[severity - 1] * np.sin(2 * np.pi * hertz * time_s[:, None] + phase)
    yaw_rad = side * YAW_RATE_RADPS[severity - 1] * time_s
    points_ego = lidar.ego_from_sensor.apply(sweep.points) - shift_ego
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    x, y = points_ego[:, 0], points_ego[:, 1]
    turned = np.stack([cos * x + sin * y, cos * y - sin * x, points_ego[:, 2]], axis=-1)
    return sweep.replace(points=lidar.ego_from_sensor.inverse().apply(turned).astype(np.float32))


def miscalibration(frame: Frame, lidar: Lidar, severity: int, rng: np.random.Generator) -> Sweep:
    """The sensor sits otherwise than the rig says, the same in every frame of a sequence: all returns move rigidly."""
    sweep = frame.sweeps[lidar.name]
    axis, direction = _unit(rng.standard_normal(3)), _unit(rng.standard_normal(3))
    half = np.deg2rad(MOUNT_ERROR_DEG[severity - 1]) / 2
    error = Transform.from_quaternion([np.cos(half), *(np.sin(half) * axis)], MOUNT_ERROR_M[severity - 1] * direction)
    return sweep.replace(points=error.apply(sweep.points).astype(np.float32))


def _unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector))
