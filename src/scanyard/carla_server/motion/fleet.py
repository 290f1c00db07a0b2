"""The chassis of the vehicles that move in a frame, as contiguous arrays: what the innermost loop reads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.poses import Floats


class Fleet(NamedTuple):
    """V vehicles; fields as in ``chassis.CHASSIS``.  Those of axles are (2, V), front and rear."""

    mass: Floats
    yaw_inertia: Floats
    ahead: Floats
    """(2, V)"""
    center_x: Floats
    height: Floats
    half_track: Floats
    radius: Floats
    stiffness: Floats
    """(2, V)"""
    pull: Floats
    """(2, V)"""
    brake: Floats
    """(2, V)"""
    hand_brake: Floats
    """(2, V)"""
    steer: Floats
    steering: Floats
    """(V, STEERING_SAMPLES)"""
    drag: Floats
    torque: Floats
    """(V, CURVE)"""
    max_speed: Floats
    damping: Floats
    """(2, V)"""
    ratio: Floats
    """(V, GEARS + 2)"""
    down: Floats
    """(V, GEARS + 2)"""
    up: Floats
    """(V, GEARS + 2)"""
    gears: NDArray[np.int64]
    switch_s: Floats
    automatic: NDArray[np.bool_]
    two_wheeled: NDArray[np.bool_]

    @classmethod
    def of(cls, chassis: NDArray[Any]) -> Fleet:
        """Gather rows (V,) of dtype ``CHASSIS``."""
        by_axle = ("ahead", "stiffness", "pull", "brake", "hand_brake", "damping")
        return cls(
            **{
                name: np.ascontiguousarray(chassis[name].T if name in by_axle else chassis[name])
                for name in cls._fields
            }
        )
