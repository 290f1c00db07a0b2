"""CARLA's left-handed metres and degrees to our right-handed metres and radians, and back.

The two worlds are mirror images in y.  A pose M turns into S·M·S with S = diag(1, -1, 1, 1); flipping angles one by one
goes wrong as soon as two of them are not zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from scanyard.geometry import FloatArray, Transform
from scanyard.roads.client import carla

_Float = TypeVar("_Float", np.float32, np.float64)
_MIRROR = np.diag([1.0, -1.0, 1.0, 1.0])


class CarlaPose(NamedTuple):
    """Numbers a ``carla.Transform`` is made of: metres and degrees, left-handed."""

    x: float
    y: float
    z: float
    pitch: float
    yaw: float
    roll: float


def mirrored(vectors: NDArray[_Float]) -> NDArray[_Float]:
    """Points or velocities (..., 3) taken from one handedness to the other, in the precision they came in."""
    array = np.empty_like(vectors)
    array[..., 0] = vectors[..., 0]  # column by column: numpy is slow on many rows of three
    array[..., 1] = -vectors[..., 1]
    array[..., 2] = vectors[..., 2]
    return array


def from_carla(transform: carla.Transform) -> Transform:
    """Our transform for one of CARLA's."""
    return Transform(_MIRROR @ np.asarray(transform.get_matrix(), dtype=np.float64) @ _MIRROR)


def to_carla(poses: FloatArray) -> list[CarlaPose]:
    """CARLA's numbers for each of our poses (N, 4, 4); degrees, pitch up positive, roll right side down."""
    m = _MIRROR @ poses @ _MIRROR
    columns = (
        m[:, 0, 3],
        m[:, 1, 3],
        m[:, 2, 3],
        np.degrees(np.arcsin(np.clip(m[:, 2, 0], -1.0, 1.0))),
        np.degrees(np.arctan2(m[:, 1, 0], m[:, 0, 0])),
        np.degrees(np.arctan2(-m[:, 2, 1], m[:, 2, 2])),
    )
    return [CarlaPose(*row) for row in np.stack(columns, axis=1).tolist()]


def carla_transform(pose: FloatArray) -> Any:
    """A ``carla.Transform`` for a (4, 4) pose of ours."""
    return carla_transforms(pose[None])[0]


def carla_transforms(poses: FloatArray) -> list[Any]:
    """A ``carla.Transform`` for each of our poses (N, 4, 4)."""
    return [
        carla.Transform(carla.Location(p.x, p.y, p.z), carla.Rotation(pitch=p.pitch, yaw=p.yaw, roll=p.roll))
        for p in to_carla(poses)
    ]
