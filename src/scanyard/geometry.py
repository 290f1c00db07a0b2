"""Rigid transforms, named ``b_from_a``: they take points in frame a to frame b.

Right-handed throughout: x forward, y left, z up; yaw turns from x towards y.  Inner names meet and cancel:
``world_from_sensor = world_from_ego @ ego_from_sensor``.  The one thing a stranger gets wrong: CARLA is left-handed,
and only ``sim.handedness`` knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyquaternion import Quaternion

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Transform:
    """A rigid motion ``b_from_a`` as a homogeneous matrix."""

    matrix: FloatArray
    """(4, 4) float64, rotation and translation in metres."""

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4):
            raise ValueError(f"a transform is a (4, 4) matrix, not {matrix.shape}")
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls) -> Transform:
        """The transform that changes nothing."""
        return cls(np.eye(4))

    @classmethod
    def from_rotation(cls, rotation: ArrayLike, translation: ArrayLike = (0.0, 0.0, 0.0)) -> Transform:
        """Make one from a (3, 3) rotation and a (3,) translation in metres."""
        matrix = np.eye(4)
        matrix[:3, :3] = rotation
        matrix[:3, 3] = translation
        return cls(matrix)

    @classmethod
    def from_xyz_rpy(cls, xyz: ArrayLike, *, roll: float = 0.0, pitch: float = 0.0, yaw: float = 0.0) -> Transform:
        """Make one from a position (3,) in metres and angles in radians, R = Rz(yaw) Ry(pitch) Rx(roll).

        Right-handed, so a positive pitch turns the nose *down*.
        """
        cr, sr, cp, sp = np.cos(roll), np.sin(roll), np.cos(pitch), np.sin(pitch)
        cy, sy = np.cos(yaw), np.sin(yaw)
        rotation = [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
        return cls.from_rotation(rotation, xyz)

    @classmethod
    def from_quaternion(cls, wxyz: ArrayLike, translation: ArrayLike) -> Transform:
        """Make one from a quaternion (4,), scalar first, and a translation (3,) in metres."""
        quaternion = Quaternion(np.asarray(wxyz, dtype=np.float64)).normalised
        return cls.from_rotation(quaternion.rotation_matrix, translation)

    @property
    def rotation(self) -> FloatArray:
        """(3, 3) rotation."""
        return self.matrix[:3, :3]

    @property
    def translation(self) -> FloatArray:
        """(3,) metres: the origin of frame a, seen from frame b."""
        return self.matrix[:3, 3]

    @property
    def yaw_rad(self) -> float:
        """Heading of a's x axis in b's ground plane."""
        return float(np.arctan2(self.matrix[1, 0], self.matrix[0, 0]))

    @property
    def quaternion_wxyz(self) -> FloatArray:
        """(4,) unit quaternion, scalar first."""
        # pyquaternion refuses a matrix that is off by 1e-5, so orthonormalise first.
        u, _, vt = np.linalg.svd(self.rotation)
        return np.asarray(Quaternion(matrix=u @ vt).elements, dtype=np.float64)

    def apply(self, points: ArrayLike) -> FloatArray:
        """Take points (..., 3) from frame a to frame b."""
        return np.asarray(points, dtype=np.float64) @ self.rotation.T + self.translation

    def rotate(self, vectors: ArrayLike) -> FloatArray:
        """Turn vectors (..., 3) from frame a to frame b, without moving them."""
        return np.asarray(vectors, dtype=np.float64) @ self.rotation.T

    def inverse(self) -> Transform:
        """``a_from_b``."""
        return Transform.from_rotation(self.rotation.T, -self.rotation.T @ self.translation)

    def __matmul__(self, other: Transform) -> Transform:
        return Transform(self.matrix @ other.matrix)

    def to_list(self) -> list[list[float]]:
        """The matrix as nested lists, for JSON."""
        rows: list[list[float]] = self.matrix.tolist()
        return rows

    @classmethod
    def from_list(cls, rows: Sequence[Sequence[float]] | Any) -> Transform:
        """Undo ``to_list``."""
        return cls(np.asarray(rows, dtype=np.float64))


def wrap_angle(angle_rad: ArrayLike) -> FloatArray:
    """Bring angles into [-pi, pi)."""
    return (np.asarray(angle_rad, dtype=np.float64) + np.pi) % (2 * np.pi) - np.pi
