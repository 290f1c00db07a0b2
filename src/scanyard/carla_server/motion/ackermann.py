"""Ackermann control: a steering angle, a speed, an acceleration are wanted, and controllers work the pedals.

Two loops, as in CARLA: the error in speed asks for an acceleration within the limit given, and the error in
acceleration moves the pedal, which is a throttle above nothing and a brake below.  Without gains of a client's own the
defaults of ``AckermannControllerSettings`` hold.  Arrays are (V,).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanyard.carla_server.protocol.poses import Floats

MAX_ACCELERATION_MPS2, MAX_DECELERATION_MPS2 = 3.0, 8.0
"""Where no limit is asked for."""
STANDING_MPS = 0.1
"""Slower than this, a wanted speed of zero is full brakes."""
GAINS = ("speed_kp", "speed_ki", "speed_kd", "accel_kp", "accel_ki", "accel_kd")
WANTS = ("steer", "steer_speed", "speed", "acceleration", "jerk")
MEMORY = ("steer", "speed_error", "speed_sum", "accel_error", "accel_sum", "pedal")
_SUM_LIMIT = 100.0


@dataclass(frozen=True)
class Pedals:
    """What the controllers do, and what they remember for the next frame."""

    throttle: Floats
    brake: Floats
    steer_rad: Floats
    reverse: Floats
    """(V,) bool."""
    memory: Floats
    """(V, 6) as ``MEMORY``."""


def work_pedals(wants: Floats, gains: Floats, memory: Floats, *, speed: Floats, pull: Floats, delta_s: float) -> Pedals:
    """Pedals for ``wants`` (V, 5) under ``gains`` (V, 6) at a forward ``speed`` and acceleration ``pull`` (V,)."""
    steer, steer_speed, wanted, limit, _ = wants.T
    speed_kp, speed_ki, speed_kd, accel_kp, accel_ki, accel_kd = gains.T
    last_steer, last_speed_error, speed_sum, last_accel_error, accel_sum, pedal = memory.T

    turn = np.where(steer_speed > 0.0, steer_speed * delta_s, np.inf)
    now_steer = last_steer + np.clip(steer - last_steer, -turn, turn)

    reverse = wanted < 0.0
    ahead = np.where(reverse, -1.0, 1.0)
    error = (wanted - speed) * ahead
    speed_sum = np.clip(speed_sum + error * delta_s, -_SUM_LIMIT, _SUM_LIMIT)
    asked = speed_kp * error + speed_ki * speed_sum + speed_kd * (error - last_speed_error) / delta_s
    # A proportional gain of 0.15 alone would take half a minute: until near the speed, the limit is asked for.
    bound = np.abs(limit)
    most = np.where(bound > 0.0, bound, MAX_ACCELERATION_MPS2)
    least = np.where(bound > 0.0, bound, MAX_DECELERATION_MPS2)
    target = np.clip(np.where(np.abs(error) > 1.0, np.copysign(1e3, error), asked + error), -least, most)

    accel_error = target - pull * ahead
    accel_sum = np.clip(accel_sum + accel_error * delta_s, -_SUM_LIMIT, _SUM_LIMIT)
    moved = accel_kp * accel_error + accel_ki * accel_sum + accel_kd * (accel_error - last_accel_error) * 0.1
    pedal = np.clip(pedal + moved, -1.0, 1.0)
    standing = (np.abs(wanted) < STANDING_MPS) & (np.abs(speed) < STANDING_MPS)
    pedal = np.where(standing, -1.0, pedal)
    remembered = np.stack([now_steer, error, speed_sum, accel_error, accel_sum, np.where(standing, 0.0, pedal)], axis=1)
    return Pedals(np.maximum(pedal, 0.0), np.maximum(-pedal, 0.0), now_steer, reverse, np.nan_to_num(remembered))
