"""The vehicles that move in a frame: their state gathered, stepped, and put back.

What a stranger would get wrong: between ``Crew(...)`` and ``put_back`` the state of a frame lives here, and the arrays
of ``Vehicles`` are those of the frame before.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion import drivetrain, tyres
from scanyard.carla_server.motion.arrays import compiled
from scanyard.carla_server.motion.chassis import GEARS, GRAVITY, STEERING_SAMPLES, STEERING_STEP_KMH
from scanyard.carla_server.motion.fleet import Fleet
from scanyard.carla_server.motion.table import Bools, Rows
from scanyard.carla_server.motion.vehicles import Vehicles
from scanyard.carla_server.protocol.poses import Floats

STEERING_RATE, PEDAL_RATE = 4.0, 10.0
"""Full deflections per second: how fast wheels and pedals follow."""
TOP_MPS, TOP_RAD_S = 250.0, 30.0
"""Nothing moves or turns faster, whatever pushes it."""
SHIFT_PAUSE_S = 0.4
"""An automatic gearbox stays in a gear at least so long."""
STILL = 0.1
"""Slower than this in m/s and rad/s, a vehicle that nothing drives sticks to where it stands if it has the grip to."""
LEAN_PER_S = 4.0
"""How fast two-wheelers follow the lean of their turn."""


class Crew:
    """The vehicles that move in this frame: their state gathered, stepped, and put back."""

    def __init__(self, vehicles: Vehicles, at: Rows, *, falls: Bools) -> None:
        self.vehicles, self.at = vehicles, at
        self.fleet = fleet = vehicles.fleet_of(at)
        told = vehicles.told
        throttle, brake = np.clip(told["throttle"][at], 0.0, 1.0), np.clip(told["brake"][at], 0.0, 1.0)
        steer = np.clip(told["steer"][at], -1.0, 1.0)
        self._wanted = np.stack([throttle, brake, steer]).astype(np.float64)
        self._hand = told["hand_brake"][at].astype(np.float64)
        self._held = np.stack([*vehicles.pressed[at].T, vehicles.steered[at]])
        self._friction = np.ascontiguousarray(vehicles.friction[at].T)
        self.grounded = vehicles.grounded[at]
        self._load = np.where(self.grounded & falls, fleet.mass * GRAVITY, 0.0)
        slope = np.ascontiguousarray(vehicles.slope[at].T)
        self._downhill = -GRAVITY / (1.0 + slope[0] ** 2 + slope[1] ** 2) * (self._load > 0.0) * slope
        self._lean = vehicles.lean[at]
        self._constant = vehicles.constant[at]
        self._constant_velocity = vehicles.constant_velocity[at]
        self.rolling = tyres.Rolling(np.zeros(0), np.zeros(0), np.zeros(0), vehicles.pull[at], *(np.zeros((2, 0)),) * 3)
        self.gear = vehicles.gear[at]
        self._angle = vehicles.wheel_angle[at]

    def shift(self, speed: Floats, delta_s: float) -> None:
        """Choose gears for this frame at a forward ``speed`` (V,)."""
        vehicles, at, fleet = self.vehicles, self.at, self.fleet
        told = vehicles.told
        manual, reverse = told["manual_gear_shift"][at], told["reverse"][at]
        asked = np.clip(told["gear"][at], -1, np.minimum(np.maximum(fleet.gears, 1), GEARS))
        since = vehicles.since_shift_s[at] + delta_s
        gear = np.where(manual, asked, np.where(reverse, -1, np.maximum(self.gear, 1)))
        able = ~manual & ~reverse & fleet.automatic
        chosen = drivetrain.shifted(fleet, gear, speed, able=able, free=since > SHIFT_PAUSE_S + fleet.switch_s)
        since = np.where((chosen != self.gear) & (chosen > 0) & (self.gear > 0), 0.0, since)
        self.gear = chosen
        self._engaged = since >= fleet.switch_s
        vehicles.since_shift_s[at] = np.minimum(since, 1e3)
        vehicles.gear[at] = chosen
        told["gear"][at] = np.where(manual, told["gear"][at], chosen)

    def step(self, velocity: Floats, yaw: Floats, push: Floats, spin: Floats, delta_s: float) -> Floats:
        """Return the velocities (3, V) after a step: world x and y in m/s, yaw rate in rad/s.

        ``velocity`` (3, V) are those before, ``yaw`` (V,) headings in rad, ``push`` (2, V) m/s² in the world and
        ``spin`` (V,) rad/s² from forces of clients.
        """
        fleet, asked = self.fleet, np.empty((7, len(yaw)))
        _ask(
            fleet, (velocity, yaw, push, spin, self._downhill), (self._held, self._wanted, self._hand), delta_s,
            (asked, self._angle),
        )  # fmt: skip
        before = self.rolling._replace(forward=asked[0], right=asked[1], yaw_rate=asked[2])
        engine = drivetrain.drive(fleet, self.gear, self._held[0], asked[0], engaged=self._engaged)
        demand = tyres.Demand(
            self._angle, engine.force, engine.resistance, brake=asked[3:5], push=asked[5:7],
            friction=self._friction, load=self._load,
        )  # fmt: skip
        self.rolling = tyres.step(fleet, before, demand, delta_s)
        found = np.empty_like(velocity)
        _settle(
            fleet, self.rolling, demand, (yaw, self._wanted, self._held, self._hand, self.gear),
            (self._constant, self._constant_velocity, self._lean), delta_s, found,
        )  # fmt: skip
        return bounded(found)

    def turn_about_center(self, place: Floats, bodies: Rows, turned_from: Floats) -> None:
        """Correct places (3, B) for that vehicles turn about their centre of mass, and not about their origin."""
        lever = self.fleet.center_x
        if lever.any():
            now = place[2, bodies]
            place[0, bodies] += lever * (np.cos(turned_from) - np.cos(now))
            place[1, bodies] += lever * (np.sin(turned_from) - np.sin(now))

    @property
    def lean(self) -> Floats:
        """(V,) degrees."""
        return self._lean

    def put_back(self) -> None:
        """Write what the steps changed."""
        vehicles, at = self.vehicles, self.at
        vehicles.pressed[at], vehicles.steered[at] = self._held[:2].T, self._held[2]
        vehicles.wheel_angle[at], vehicles.lean[at] = self._angle, self._lean
        vehicles.pull[at] = np.clip(self.rolling.acceleration, -1e3, 1e3)
        vehicles.axle_load[at] = self.rolling.axle_load.T
        vehicles.along[at], vehicles.across[at] = self.rolling.along.T, self.rolling.across.T


@compiled
def _ask(fleet: Fleet, moving: Any, driver: Any, delta_s: float, found: Any) -> None:
    """What is asked of the tyres in a step, in each vehicle's own frame, after wheels and pedals have followed."""
    velocity, yaw, push, spin, downhill = moving
    held, wanted, hand = driver
    asked, angle = found
    for k in range(len(yaw)):
        cos, sin = np.cos(yaw[k]), np.sin(yaw[k])
        asked[0, k] = velocity[0, k] * cos + velocity[1, k] * sin
        asked[1, k] = velocity[1, k] * cos - velocity[0, k] * sin
        asked[2, k] = velocity[2, k] + spin[k] * delta_s
        for control in range(3):
            most = (STEERING_RATE if control == 2 else PEDAL_RATE) * delta_s
            left = wanted[control, k] - held[control, k]
            held[control, k] = wanted[control, k] if abs(left) <= most else held[control, k] + np.copysign(most, left)
        for axle in range(2):
            asked[3 + axle, k] = fleet.brake[axle, k] * held[1, k] + fleet.hand_brake[axle, k] * hand[k]
        asked[5, k] = push[0, k] * cos + push[1, k] * sin + downhill[0, k]
        asked[6, k] = push[1, k] * cos - push[0, k] * sin + downhill[1, k]
        # The inner wheel turns by the angle asked for; the axle, in the middle, by as much as fits the same centre of
        # turn.
        place = min(abs(asked[0, k]) * 3.6 / STEERING_STEP_KMH, STEERING_SAMPLES - 1.001)
        below = int(place)
        low, high = fleet.steering[k, below], fleet.steering[k, below + 1]
        inner = np.tan(abs(held[2, k]) * fleet.steer[k] * (low + (high - low) * (place - below)))
        base = fleet.ahead[0, k] - fleet.ahead[1, k]
        angle[k] = np.copysign(np.arctan(base * inner / (base + fleet.half_track[k] * inner)), held[2, k])


@compiled
def _settle(  # noqa: PLR0917  # compiled calls are cheapest by position
    fleet: Fleet, now: Any, demand: Any, driver: Any, special: Any, delta_s: float, found: Floats
) -> None:
    """Velocities in the world after a step: of who sticks to where it stands, who is told to keep one, who leans."""
    yaw, wanted, held, hand, gear = driver
    constant, constant_velocity, lean = special
    for k in range(len(yaw)):
        forward, right, turn = now.forward[k], now.right[k], now.yaw_rate[k]
        stays = wanted[0, k] == 0.0 and (gear[k] != 0 or held[1, k] > 0.0 or hand[k] > 0.0)
        slow = abs(forward) < STILL and abs(right) < STILL and abs(turn) < STILL
        if slow and stays and demand.drive[k] == 0.0 and demand.load[k] > 0.0:
            grip = min(demand.friction[0, k], demand.friction[1, k]) * GRAVITY
            if np.hypot(demand.push[0, k], demand.push[1, k]) < grip:
                forward = right = turn = 0.0
        if constant[k]:
            forward, right, turn = constant_velocity[k, 0], constant_velocity[k, 1], now.yaw_rate[k]
        if fleet.two_wheeled[k]:
            target = np.rad2deg(np.arctan(min(max(forward * turn / GRAVITY, -1.0), 1.0)))
            left = target - lean[k]
            lean[k] = target if abs(left) < 1e-3 else lean[k] + left * min(LEAN_PER_S * delta_s, 1.0)
        cos, sin = np.cos(yaw[k]), np.sin(yaw[k])
        found[0, k] = forward * cos - right * sin
        found[1, k] = forward * sin + right * cos
        found[2, k] = turn


def wheel_angles_deg(chassis: NDArray[Any], axle_rad: float) -> tuple[float, ...]:
    """Steering angle of each wheel in degrees, for a front axle turned by ``axle_rad``: they share a centre of turn."""
    if chassis["two_wheeled"]:
        return math.degrees(axle_rad), 0.0
    base, half = float(chassis["ahead"][0] - chassis["ahead"][1]), float(chassis["half_track"])
    if axle_rad == 0.0:
        return 0.0, 0.0, 0.0, 0.0
    radius = base / math.tan(axle_rad)  # to the right of the middle of the rear axle
    left, right = (math.degrees(math.atan(base / (radius + aside))) for aside in (half, -half))
    return left, right, 0.0, 0.0


def bounded(velocity: Floats) -> Floats:
    """Velocities (3, V) within what anything here can do."""
    if velocity.size and (velocity.max() > TOP_RAD_S or velocity.min() < -TOP_RAD_S):
        speed = np.hypot(velocity[0], velocity[1])
        velocity[:2] *= np.where(speed > TOP_MPS, TOP_MPS / np.maximum(speed, TOP_MPS), 1.0)
        velocity[2] = np.clip(velocity[2], -TOP_RAD_S, TOP_RAD_S)
    return velocity
