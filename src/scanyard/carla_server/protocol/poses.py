"""Poses as CARLA writes them, and the matrices they stand for.

A pose (6,) is x, y, z in metres and pitch, yaw, roll in degrees, left-handed: x forward, y right, z up; yaw turns x
towards y, positive pitch lifts the nose, positive roll lowers the right side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.protocol.wire import Rotation, Transform, Vector3D

Pose = tuple[float, float, float, float, float, float]
Floats = NDArray[np.float64]


def pose_of(transform: Transform) -> Pose:
    """Flatten a transform from the wire."""
    (x, y, z), (pitch, yaw, roll) = transform
    return x, y, z, pitch, yaw, roll


def transform_of(pose: Pose) -> Transform:
    """Undo ``pose_of``."""
    x, y, z, pitch, yaw, roll = pose
    return Transform(Vector3D(x, y, z), Rotation(pitch, yaw, roll))


def matrices(poses: ArrayLike) -> Floats:
    """Return (..., 4, 4) ``parent_from_child`` for poses (..., 6), with CARLA's rotation."""
    pose = np.asarray(poses, dtype=np.float64)
    angles = np.deg2rad(pose[..., 3:])
    (sp, sy, sr), (cp, cy, cr) = (np.moveaxis(wave, -1, 0) for wave in (np.sin(angles), np.cos(angles)))
    matrix = np.zeros((*pose.shape[:-1], 4, 4))
    matrix[..., 0, 0] = cp * cy
    matrix[..., 0, 1] = cy * sp * sr - sy * cr
    matrix[..., 0, 2] = -cy * sp * cr - sy * sr
    matrix[..., 1, 0] = cp * sy
    matrix[..., 1, 1] = sy * sp * sr + cy * cr
    matrix[..., 1, 2] = -sy * sp * cr + cy * sr
    matrix[..., 2, 0] = sp
    matrix[..., 2, 1] = -cp * sr
    matrix[..., 2, 2] = cp * cr
    matrix[..., :3, 3] = pose[..., :3]
    matrix[..., 3, 3] = 1.0
    return matrix


def poses(matrix: Floats) -> Floats:
    """Undo ``matrices``: (..., 6) for (..., 4, 4), with pitch between -90 and 90 degrees."""
    pitch = np.arcsin(np.clip(matrix[..., 2, 0], -1.0, 1.0))
    yaw = np.arctan2(matrix[..., 1, 0], matrix[..., 0, 0])
    roll = np.arctan2(-matrix[..., 2, 1], matrix[..., 2, 2])
    return np.concatenate([matrix[..., :3, 3], np.rad2deg(np.stack([pitch, yaw, roll], axis=-1))], axis=-1)
