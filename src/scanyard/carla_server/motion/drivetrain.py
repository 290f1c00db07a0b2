"""Engine, clutch, gears: from a throttle and a speed to a force at the wheels.

A gear is -1 for reverse, 0 for neutral, 1 and up forwards.  The clutch slips when starting off, so the engine never
turns slower than idling; with the throttle closed the wheels turn the engine, and its friction holds the vehicle back.
Arrays are (V,), one entry per vehicle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.chassis import CURVE, GEARS
from scanyard.carla_server.motion.fleet import Fleet
from scanyard.carla_server.protocol.poses import Floats

Gears = NDArray[np.int64]

EFFICIENCY = 0.9
IDLE, LAUNCH = 0.12, 0.40
"""Engine speed at standstill, as a share of the greatest: without throttle, and with all of it, the clutch slipping."""


class Drive(NamedTuple):
    """What the engine does to the wheels."""

    force: Floats
    """(V,) N, forwards; negative in reverse."""
    resistance: Floats
    """(V,) N that the engine's friction can hold against any motion."""


def engine_speed(fleet: Fleet, gear: Gears, throttle: Floats, speed: Floats) -> Floats:
    """How fast the engines turn, rad/s, at a ``speed`` in m/s."""
    turned = np.abs(speed / fleet.radius * _ratio(fleet, gear))
    free = np.where(gear == 0, IDLE + throttle * (1.0 - IDLE), IDLE + throttle * (LAUNCH - IDLE))
    return np.minimum(np.maximum(turned, free * fleet.max_speed), 1.2 * fleet.max_speed)


def drive(fleet: Fleet, gear: Gears, throttle: Floats, speed: Floats, *, engaged: NDArray[np.bool_]) -> Drive:
    """The force at the wheels; none comes through a clutch that is not ``engaged`` (V,)."""
    ratio = np.where(engaged, _ratio(fleet, gear), 0.0)
    turned = np.abs(speed / fleet.radius * ratio)
    share = np.maximum(turned / fleet.max_speed, IDLE + throttle * (LAUNCH - IDLE))
    place = np.minimum(share, 1.0) * (CURVE - 1)
    below = np.minimum(place.astype(np.int64), CURVE - 2)
    curve, at = fleet.torque, np.arange(len(speed)) * CURVE + below
    low, high = curve.take(at), curve.take(at + 1)
    torque = throttle * (low + (high - low) * (place - below)) * (share < 1.0)
    # Wheels that would turn the engine faster than it can turn slip the clutch instead.
    lost = (fleet.damping[1] + (fleet.damping[0] - fleet.damping[1]) * throttle) * turned * (turned < fleet.max_speed)
    return Drive(torque * ratio * (EFFICIENCY / fleet.radius), lost * np.abs(ratio) / fleet.radius)


def shifted(fleet: Fleet, gear: Gears, speed: Floats, *, able: NDArray[np.bool_], free: NDArray[np.bool_]) -> Gears:
    """The gear an automatic gearbox chooses at a forward ``speed``, one step at most.

    Only where it is ``able`` (V,) to, and ``free`` (V,) to or in need of it, because the engine would turn too fast.
    """
    share = np.abs(speed / fleet.radius * _ratio(fleet, gear)) / fleet.max_speed
    at = np.arange(len(gear)) * (GEARS + 2) + gear + 1
    forward = able & (gear > 0) & (free | (share > 1.0))
    up = forward & (share > fleet.up.take(at)) & (gear < fleet.gears)
    down = forward & (share < fleet.down.take(at)) & (gear > 1)
    return gear + up - (down & ~up)


def _ratio(fleet: Fleet, gear: Gears) -> Floats:
    return fleet.ratio.take(np.arange(len(gear)) * (GEARS + 2) + gear + 1)
