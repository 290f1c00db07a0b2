"""Engine, clutch, gears: from a throttle and a speed to a force at the wheels.

A gear is -1 for reverse, 0 for neutral, 1 and up forwards.  The clutch slips when starting off, so the engine never
turns slower than idling; with the throttle closed the wheels turn the engine, and its friction holds the vehicle back.
Arrays are (V,), one entry per vehicle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.arrays import compiled
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
    found = np.empty((2, len(speed)))
    _drive(fleet, gear, throttle, speed, engaged, found)
    return Drive(found[0], found[1])


@compiled
def _drive(  # noqa: PLR0917  # compiled calls are cheapest by position
    fleet: Fleet, gear: Gears, throttle: Floats, speed: Floats, engaged: NDArray[np.bool_], found: Floats
) -> None:
    for k in range(len(speed)):
        ratio = fleet.ratio[k, gear[k] + 1] if engaged[k] else 0.0
        turned = abs(speed[k] / fleet.radius[k] * ratio)
        share = max(turned / fleet.max_speed[k], IDLE + throttle[k] * (LAUNCH - IDLE))
        torque = 0.0
        if share < 1.0:
            place = share * (CURVE - 1)
            below = min(int(place), CURVE - 2)
            low, high = fleet.torque[k, below], fleet.torque[k, below + 1]
            torque = throttle[k] * (low + (high - low) * (place - below))
        lost = 0.0
        if turned < fleet.max_speed[k]:  # faster, the wheels slip the clutch instead of turning the engine
            full, closed = fleet.damping[0, k], fleet.damping[1, k]
            lost = (closed + (full - closed) * throttle[k]) * turned
        found[0, k] = torque * ratio * (EFFICIENCY / fleet.radius[k])
        found[1, k] = lost * abs(ratio) / fleet.radius[k]


def shifted(fleet: Fleet, gear: Gears, speed: Floats, *, able: NDArray[np.bool_], free: NDArray[np.bool_]) -> Gears:
    """The gear an automatic gearbox chooses at a forward ``speed``, one step at most.

    Only where it is ``able`` (V,) to, and ``free`` (V,) to or in need of it, because the engine would turn too fast.
    """
    found = gear.copy()
    _shift(fleet, found, speed, able, free)
    return found


@compiled
def _shift(fleet: Fleet, gear: Gears, speed: Floats, able: NDArray[np.bool_], free: NDArray[np.bool_]) -> None:
    for k in range(len(gear)):
        at = gear[k] + 1
        share = abs(speed[k] / fleet.radius[k] * fleet.ratio[k, at]) / fleet.max_speed[k]
        if not (able[k] and gear[k] > 0 and (free[k] or share > 1.0)):
            continue
        if share > fleet.up[k, at] and gear[k] < fleet.gears[k]:
            gear[k] += 1
        elif share < fleet.down[k, at] and gear[k] > 1:
            gear[k] -= 1


def _ratio(fleet: Fleet, gear: Gears) -> Floats:
    return fleet.ratio.take(np.arange(len(gear)) * (GEARS + 2) + gear + 1)
