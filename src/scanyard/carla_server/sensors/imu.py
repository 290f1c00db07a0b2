"""IMU: what an accelerometer, a gyroscope and a compass at the sensor's place feel.

All from the sensor's own poses of the last three frames, wherever it is mounted and whatever moves it: a car that a
script puts somewhere new each frame is felt as one that drives, and a sensor off the car's middle feels the turn.  The
acceleration is the second difference, that is the one half a frame to a frame ago; a gyroscope reads the turn over the
last frame.  After a jump, and in the first two frames, there is gravity alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.sensors.context import Context, noise, number
from scanyard.carla_server.sensors.motions import rotation_vectors

Floats = NDArray[np.float64]


def imu(_scene: Any, attributes: Mapping[str, str], world_from_sensor: Floats, context: Context) -> Sequence[Chunks]:
    """One message: m/s² and rad/s in the sensor's left-handed frame, and radians clockwise from north."""
    draw = noise("imu", attributes, world_from_sensor, context)
    acceleration, turn_rate = felt(world_from_sensor, context)
    acceleration = acceleration + _triple(attributes, "noise_accel_stddev") * draw.standard_normal(3)
    turn_rate = turn_rate + _triple(attributes, "noise_gyro_bias")
    turn_rate = turn_rate + _triple(attributes, "noise_gyro_stddev") * draw.standard_normal(3)
    values = (acceleration.tolist(), turn_rate.tolist(), compass(world_from_sensor))
    return [(context.opening(packets.IMU), msgpack.packb(values))]


def felt(world_from_sensor: Floats, context: Context) -> tuple[Floats, Floats]:
    """Acceleration (3,) m/s², gravity included, and turn rate (3,) rad/s, without noise, in the sensor's frame."""
    motions = context.motions
    row = motions.row_of(context.sensor_id)
    acceleration, turn_rate = np.zeros(3), np.zeros(3)
    if row is not None:
        step = motions.now.delta_s
        turn_rate = rotation_vectors(motions.before[row, :3, :3].T @ world_from_sensor[:3, :3]) / step
        if motions.steadied[row]:
            last_step = motions.frames[-2].delta_s
            now, before, earlier = world_from_sensor[:3, 3], motions.before[row, :3, 3], motions.earlier[row, :3, 3]
            acceleration = ((now - before) / step - (before - earlier) / last_step) / ((step + last_step) / 2)
    acceleration[2] += context.gravity_mps2
    return world_from_sensor[:3, :3].T @ acceleration, turn_rate


def compass(world_from_sensor: Floats) -> float:
    """Radians from north, which is -y, clockwise seen from above: east, which is +x, is a quarter turn; 0 to 2 pi."""
    x, y = world_from_sensor[:2, 0].tolist()
    return math.atan2(x, -y) % math.tau


def _triple(attributes: Mapping[str, str], name: str) -> Floats:
    return np.array([number(attributes, f"{name}_{axis}", 0.0) for axis in "xyz"])
