"""The ground under wheels: how high a vehicle stands, and how it pitches and rolls.

Between two frames everything moves in the plane; here height follows.  A vehicle whose wheels are above the ground by
more than its springs reach falls; one that has met the ground stays on it, and turns towards the plane through the
ground below its four wheels as fast as springs let it, until it lies in that plane exactly.  Arrays are (V,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


def wheel_places(fleet: Fleet, x: Floats, y: Floats, yaw: Floats) -> Floats:
    """(4, V, 2) where wheels stand on the map: front left, front right, rear left, rear right; ``yaw`` in rad."""
    ahead = fleet.ahead + fleet.center_x
    cos, sin = np.cos(yaw), np.sin(yaw)
    aside = np.maximum(fleet.half_track, 0.05)
    places = [(ahead[0], -aside), (ahead[0], aside), (ahead[1], -aside), (ahead[1], aside)]
    return np.stack([np.stack([x + f * cos - r * sin, y + f * sin + r * cos], axis=-1) for f, r in places])


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
    x, y, yaw = place
    wheels = wheel_places(fleet, x, y, yaw)
    start = np.broadcast_to(before.z + STEP_M + np.maximum(-before.climb, 0.0) * delta_s, wheels.shape[:2])
    height = ground_below(np.concatenate([wheels, start[..., None]], axis=-1).reshape(-1, 3)).reshape(4, -1)
    known = np.isfinite(height)
    over_ground = known.any(axis=0)
    height = np.where(known, height, np.where(over_ground, np.where(known, height, -np.inf).max(axis=0), 0.0))
    front, rear = (height[0] + height[1]) / 2, (height[2] + height[3]) / 2
    left, right = (height[0] + height[2]) / 2, (height[1] + height[3]) / 2
    base = fleet.wheelbase
    rise = np.clip((front - rear) / base, -STEEPEST, STEEPEST)
    tilt = np.clip((right - left) / np.maximum(2.0 * fleet.half_track, 0.8), -STEEPEST, STEEPEST)
    tilt = np.where(fleet.two_wheeled, 0.0, tilt)
    middle = (fleet.ahead[0] + fleet.ahead[1]) / 2 + fleet.center_x
    ground = (front + rear) / 2 - rise * middle

    climb = np.maximum(before.climb - np.where(falls, GRAVITY * delta_s, 0.0), -TERMINAL_MPS)
    z = before.z + (before.climb + climb) / 2 * delta_s
    along_ground = velocity[0] * rise + velocity[1] * tilt
    gap = z - ground
    sprung = before.grounded & falls & (gap <= DROOP_M) & (climb <= along_ground + JUMP_MPS)
    grounded = over_ground & ((gap <= 0.0) | sprung)
    z = np.where(grounded, ground, np.maximum(z, BOTTOM_M))
    still = (velocity[0] == 0.0) & (velocity[1] == 0.0)
    climb = np.where(grounded, np.where(still, 0.0, along_ground), climb)

    lies_pitch = np.rad2deg(np.arctan(rise))
    lies_roll = lean_deg - np.rad2deg(np.arctan(tilt * np.cos(np.arctan(rise))))
    share = 1.0 - np.exp(-delta_s / SPRING_S)
    pitch, roll = (
        np.where(grounded, _approached(now, lies, share), now)
        for now, lies in ((before.pitch, lies_pitch), (before.roll, lies_roll))
    )
    slope = np.stack([rise, tilt])
    slope -= np.clip(slope, -UNEVEN, UNEVEN)
    return Attitude(z, pitch, roll, climb, grounded, np.where(grounded, slope, 0.0))


def _approached(now: Floats, target: Floats, share: float) -> Floats:
    left = target - now
    return np.where(np.abs(left) < LAID_DEG, target, now + share * left)
