"""The ground under wheels: how high a vehicle stands, and how it pitches and rolls.

Between two frames everything moves in the plane; here height follows.  A vehicle whose wheels are above the ground by
more than its springs reach falls; one that has met the ground stays on it, and turns towards the plane through the
ground below its four wheels as fast as springs let it, until it lies in that plane exactly.  Arrays are (V,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.arrays import compiled
from scanyard.carla_server.motion.chassis import GRAVITY
from scanyard.carla_server.motion.fleet import Fleet
from scanyard.carla_server.protocol.poses import Floats

Bools = NDArray[np.bool_]
GroundBelow = Callable[[Floats], Floats]
"""Heights (M,) of the first ground straight below points (M, 3); -inf where there is none."""

DROOP_M = 0.12
"""How far springs push wheels down after ground that falls away."""
JUMP_MPS = 0.5
"""Leaving the ground faster than this, upwards, is flying."""
STEP_M = 0.5
"""Ground up to this much above a wheel is still ground and not a ceiling: rays start there."""
SPRING_S = 0.08
"""Time in which springs take up all but a third of a new attitude."""
LAID_DEG = 1e-3
"""So near the plane, a vehicle lies in it."""
TERMINAL_MPS = 100.0
BOTTOM_M = -10_000.0
UNEVEN = 0.01
"""Slope that is the surface's unevenness and not the road's: it tilts a vehicle but speeds nothing up, because over the
next metres it is the other way round.  Less than rolling resistance holds."""
STEEPEST = 1.5
"""Slope of a plane under wheels, at most: a kerb or wall under one wheel must not throw the vehicle over."""


class Attitude(NamedTuple):
    """How V vehicles stand."""

    z: Floats
    """(V,) m."""
    pitch: Floats
    """(V,) degrees, nose up positive."""
    roll: Floats
    """(V,) degrees, right side down positive."""
    climb: Floats
    """(V,) m/s upwards."""
    grounded: Bools
    """(V,)"""
    slope: Floats
    """(2, V) rise of the road per metre forward and per metre to the right, its unevenness left out."""


def follow(
    fleet: Fleet,
    before: Attitude,
    place: tuple[Floats, Floats, Floats],
    velocity: tuple[Floats, Floats],
    ground_below: GroundBelow,
    *,
    falls: Bools,
    lean_deg: Floats,
    delta_s: float,
) -> Attitude:
    """Let heights follow to ``place`` (x, y, yaw in rad), at a ``velocity`` forward and right.

    ``falls`` (V,) says whom gravity pulls, ``lean_deg`` (V,) how far to roll beyond the ground: motorcycles lean.
    """
    count = len(before.z)
    wheels = np.empty((count, 4, 3))
    _place_wheels(fleet, place, (before.z, before.climb), delta_s, wheels)
    height = np.array(ground_below(wheels.reshape(-1, 3)), dtype=np.float64).reshape(count, 4)
    one, slope = np.empty((4, count)), np.empty((2, count))
    after = Attitude(one[0], one[1], one[2], one[3], np.empty(count, np.bool_), slope)
    _stand(fleet, height, before, (*velocity, falls, lean_deg), delta_s, after)
    return after


@compiled
def _place_wheels(fleet: Fleet, place: Any, falling: Any, delta_s: float, wheels: Floats) -> None:
    """Write where rays start above wheels (V, 4, 3): front left, front right, rear left, rear right.

    Those of a vehicle are neighbours, and rays that are near each other are cast in half the time.
    """
    x, y, yaw = place
    z, climb = falling
    for k in range(len(z)):
        cos, sin = np.cos(yaw[k]), np.sin(yaw[k])
        for wheel in range(4):
            ahead = fleet.ahead[wheel // 2, k] + fleet.center_x[k]
            aside = max(fleet.half_track[k], 0.05) * (1.0 if wheel % 2 else -1.0)
            wheels[k, wheel, 0] = x[k] + ahead * cos - aside * sin
            wheels[k, wheel, 1] = y[k] + ahead * sin + aside * cos
            wheels[k, wheel, 2] = z[k] + STEP_M + max(-climb[k], 0.0) * delta_s


@compiled
def _stand(  # noqa: PLR0917  # compiled calls are cheapest by position
    fleet: Fleet, height: Floats, before: Attitude, how: Any, delta_s: float, after: Attitude
) -> None:
    """Turn the heights (V, 4) of the ground below wheels into how vehicles stand."""
    forward, right, falls, lean = how
    share = 1.0 - np.exp(-delta_s / SPRING_S)
    for k in range(len(height)):
        highest = max(height[k, 0], height[k, 1], height[k, 2], height[k, 3])
        over_ground = np.isfinite(highest)
        for wheel in range(4):
            if not np.isfinite(height[k, wheel]):
                height[k, wheel] = highest if over_ground else 0.0
        front, rear = (height[k, 0] + height[k, 1]) / 2, (height[k, 2] + height[k, 3]) / 2
        tilt_m = (height[k, 1] + height[k, 3]) / 2 - (height[k, 0] + height[k, 2]) / 2
        rise = _within((front - rear) / (fleet.ahead[0, k] - fleet.ahead[1, k]), STEEPEST)
        tilt = _within(tilt_m / max(2.0 * fleet.half_track[k], 0.8), STEEPEST)
        if fleet.two_wheeled[k]:
            tilt = 0.0
        middle = (fleet.ahead[0, k] + fleet.ahead[1, k]) / 2 + fleet.center_x[k]
        ground = (front + rear) / 2 - rise * middle

        climb = max(before.climb[k] - (GRAVITY * delta_s if falls[k] else 0.0), -TERMINAL_MPS)
        z = before.z[k] + (before.climb[k] + climb) / 2 * delta_s
        along_ground = forward[k] * rise + right[k] * tilt
        gap = z - ground
        sprung = before.grounded[k] and falls[k] and gap <= DROOP_M and climb <= along_ground + JUMP_MPS
        grounded = over_ground and (gap <= 0.0 or sprung)
        after.grounded[k] = grounded
        if not grounded:
            after.z[k], after.climb[k] = max(z, BOTTOM_M), climb
            after.pitch[k], after.roll[k] = before.pitch[k], before.roll[k]
            after.slope[0, k] = after.slope[1, k] = 0.0
            continue
        after.z[k] = ground
        after.climb[k] = 0.0 if forward[k] == 0.0 and right[k] == 0.0 else along_ground
        lies_roll = lean[k] - np.rad2deg(np.arctan(tilt * np.cos(np.arctan(rise))))
        after.pitch[k] = _approached(before.pitch[k], np.rad2deg(np.arctan(rise)), share)
        after.roll[k] = _approached(before.roll[k], lies_roll, share)
        after.slope[0, k], after.slope[1, k] = rise - _within(rise, UNEVEN), tilt - _within(tilt, UNEVEN)


@compiled
def _within(value: float, most: float) -> float:
    return min(max(value, -most), most)


@compiled
def _approached(now: float, target: float, share: float) -> float:
    left = target - now
    return target if abs(left) < LAID_DEG else now + share * left
