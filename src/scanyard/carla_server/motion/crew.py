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
from scanyard.carla_server.motion.arrays import stacked
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
LEAN_PER_S = 4.0
"""How fast two-wheelers follow the lean of their turn."""


class Crew:
    """The vehicles that move in this frame: their state gathered, stepped, and put back."""

    def __init__(self, vehicles: Vehicles, at: Rows, *, falls: Bools) -> None:
        self.vehicles, self.at = vehicles, at
        self.fleet = fleet = vehicles.fleet_of(at)
        told = vehicles.told
        throttle, brake = np.clip(told["throttle"][at], 0.0, 1.0), np.clip(told["brake"][at], 0.0, 1.0)
        self._wanted = np.stack([throttle, brake]).astype(np.float64)
        self._wanted_steer = np.clip(told["steer"][at], -1.0, 1.0).astype(np.float64)
        self._hand = told["hand_brake"][at].astype(np.float64)
        self._pressed, self._steered = vehicles.pressed[at].T.copy(), vehicles.steered[at]
        self._friction = vehicles.friction[at].T.copy()
        self.grounded = vehicles.grounded[at]
        self._load = np.where(self.grounded & falls, fleet.mass * GRAVITY, 0.0)
        slope = vehicles.slope[at].T
        self._downhill = -GRAVITY / (1.0 + slope[0] ** 2 + slope[1] ** 2) * (self._load > 0.0) * slope
        self._hand_brake = fleet.hand_brake * self._hand
        self._lean = vehicles.lean[at]
        self._leans = bool(fleet.two_wheeled.any())
        self._constant = vehicles.constant[at]
        self._constant_velocity = vehicles.constant_velocity[at].T[:2].copy()
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
        fleet = self.fleet
        cos, sin = np.cos(yaw), np.sin(yaw)
        u, v = velocity[0] * cos + velocity[1] * sin, velocity[1] * cos - velocity[0] * sin
        self._pressed = _towards(self._pressed, self._wanted, PEDAL_RATE * delta_s)
        self._steered = _towards(self._steered, self._wanted_steer, STEERING_RATE * delta_s)
        throttle, brake = self._pressed
        self._angle = steering_angle(fleet, self._steered, u)
        engine = drivetrain.drive(fleet, self.gear, throttle, u, engaged=self._engaged)
        downhill = self._downhill
        demand = tyres.Demand(
            steer=self._angle,
            drive=engine.force,
            resistance=engine.resistance,
            brake=fleet.brake * brake + self._hand_brake,
            push=stacked(push[0] * cos + push[1] * sin + downhill[0], push[1] * cos - push[0] * sin + downhill[1]),
            friction=self._friction,
            load=self._load,
        )
        before = self.rolling._replace(forward=u, right=v, yaw_rate=velocity[2] + spin * delta_s)
        self.rolling = now = tyres.step(fleet, before, demand, delta_s)
        held = (self._wanted[0] == 0.0) & ((self.gear != 0) | (brake > 0.0) | (self._hand > 0.0))
        stuck = tyres.pinned(now, demand, held=held)
        forward, right, yaw_rate = now.forward, now.right, now.yaw_rate
        if stuck.any():
            moves = ~stuck
            forward, right, yaw_rate = forward * moves, right * moves, yaw_rate * moves
        if self._constant.any():
            forward = np.where(self._constant, self._constant_velocity[0], forward)
            right = np.where(self._constant, self._constant_velocity[1], right)
            yaw_rate = np.where(self._constant, now.yaw_rate, yaw_rate)
        if self._leans:
            self._lean_into(forward * yaw_rate, delta_s)
        return bounded(stacked(forward * cos - right * sin, forward * sin + right * cos, yaw_rate))

    def _lean_into(self, acceleration: Floats, delta_s: float) -> None:
        wanted = np.rad2deg(np.arctan(np.clip(acceleration / GRAVITY, -1.0, 1.0))) * self.fleet.two_wheeled
        left = wanted - self._lean
        self._lean = np.where(np.abs(left) < 1e-3, wanted, self._lean + left * min(LEAN_PER_S * delta_s, 1.0))

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
        vehicles.pressed[at], vehicles.steered[at] = self._pressed.T, self._steered
        vehicles.wheel_angle[at], vehicles.lean[at] = self._angle, self._lean
        vehicles.pull[at] = np.clip(self.rolling.acceleration, -1e3, 1e3)
        vehicles.axle_load[at] = self.rolling.axle_load.T
        vehicles.along[at], vehicles.across[at] = self.rolling.along.T, self.rolling.across.T


def steering_angle(fleet: Fleet, steered: Floats, speed: Floats) -> Floats:
    """(V,) rad of the front axle, for wheels turned by ``steered`` (V,), -1 to 1, at a forward ``speed`` in m/s.

    The inner wheel turns by the angle asked for; the axle, in the middle, by as much as fits the same centre of turn.
    """
    place = np.minimum(np.abs(speed) * 3.6 / STEERING_STEP_KMH, STEERING_SAMPLES - 1.001)
    below = place.astype(np.int64)
    at = np.arange(len(speed)) * STEERING_SAMPLES + below
    low, high = fleet.steering.take(at), fleet.steering.take(at + 1)
    inner = np.tan(np.abs(steered) * fleet.steer * (low + (high - low) * (place - below)))
    return np.copysign(np.arctan(fleet.wheelbase * inner / (fleet.wheelbase + fleet.half_track * inner)), steered)


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


def _towards(now: Floats, target: Floats, most: float) -> Floats:
    """``now`` moved by at most ``most`` towards ``target``; there exactly where it is within reach."""
    left = target - now
    return np.where(np.abs(left) <= most, target, now + np.copysign(most, left))
