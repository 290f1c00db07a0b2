"""The forces between tyres and road over one short step, and the velocities they leave.

A single-track model: the two wheels of an axle are one, with the load that braking and accelerating shift onto it.
Longitudinal forces come from the engine and the brakes, lateral ones from the slip angle through a cornering stiffness;
together they stay inside the friction circle.  The lateral forces of both axles are solved for *implicitly*, that is
with the velocities they will have caused, so that the step is stable however stiff the tyre and however slow the
vehicle: the slower, the more the solution becomes rolling without slip.  Brakes and rolling resistance are capacities
that take away at most the velocity there is.  So a vehicle comes to rest exactly.

Frame: the vehicle's own, x forward, y right, yaw from x to y; left-handed like everything here.  Arrays are (V,), those
of axles (2, V), front and rear.  Formulas: Rajamani, Vehicle Dynamics and Control, chapters 2 and 4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.arrays import stacked
from scanyard.carla_server.motion.chassis import GRAVITY
from scanyard.carla_server.motion.fleet import Fleet
from scanyard.carla_server.protocol.poses import Floats

ROLLING = 0.012
"""Rolling resistance, newtons per newton of load."""
SLIP_SPEED_MPS = 0.5
"""Slower than this, slip angles are measured against this speed."""


class Demand(NamedTuple):
    """What driver, slope and wind ask of a step."""

    steer: Floats
    """(V,) rad, of the front axle, to the right."""
    drive: Floats
    """(V,) N, shared by both axles."""
    resistance: Floats
    """(V,) N of engine friction, held against any motion."""
    brake: Floats
    """(2, V) N that the brakes of each axle can hold."""
    push: Floats
    """(2, V) m/s², forward and right, from all else: slope and forces."""
    friction: Floats
    """(2, V) coefficient of each axle's tyres on what they stand on."""
    load: Floats
    """(V,) N on all tyres together; 0 in the air."""


class Rolling(NamedTuple):
    """How V vehicles move over the ground, and what their tyres did last."""

    forward: Floats
    """(V,) m/s."""
    right: Floats
    """(V,) m/s."""
    yaw_rate: Floats
    """(V,) rad/s."""
    acceleration: Floats
    """(V,) m/s² forward: shifts load between the axles in the next step."""
    axle_load: Floats
    """(2, V) N."""
    along: Floats
    """(2, V) N, longitudinal tyre forces."""
    across: Floats
    """(2, V) N, lateral tyre forces, to the right."""


def at_rest(count: int) -> Rolling:
    """``count`` vehicles that stand."""
    one, two = np.zeros(count), np.zeros((2, count))
    return Rolling(one, one.copy(), one.copy(), one.copy(), two, two.copy(), two.copy())


def step(fleet: Fleet, before: Rolling, demand: Demand, delta_s: float) -> Rolling:
    """Move velocities on by ``delta_s``."""
    u, v, w = before.forward, before.right, before.yaw_rate
    load = axle_loads(fleet, demand.load, before.acceleration)
    grip = demand.friction * load
    cos, sin = np.cos(demand.steer), np.sin(demand.steer)
    to_speed = delta_s / fleet.mass

    # The engine, as far as tyres pass it on; then what holds against motion, at most until it is gone.
    share = load / np.maximum(demand.load, 1.0)
    most = np.minimum(grip, fleet.pull)
    driven = np.minimum(np.maximum(demand.drive * share, -most), most)
    pulled = driven[0] * cos + driven[1] - fleet.drag * u * np.abs(u)
    u = u + delta_s * demand.push[0] + to_speed * pulled
    v = v + delta_s * demand.push[1] + to_speed * driven[0] * sin
    w = w + delta_s * driven[0] * sin * fleet.ahead[0] / fleet.yaw_inertia
    held = np.minimum(demand.brake + (demand.resistance + ROLLING * demand.load) * share, most)
    locks = (demand.brake > most) & (most > 0.0)
    slides = _sliding(fleet, u, v, w) if locks.any() else None
    if slides is not None:
        held = np.where(locks, held * slides[0], held)
    able = (held[0] + held[1]) * to_speed
    lost = np.minimum(np.maximum(u, -able), able)
    u = u - lost
    along = driven - lost / np.maximum(able, 1e-12) * held

    # What the friction circle leaves for cornering; a locked wheel slides against its motion, whatever its heading.
    left = np.sqrt(np.maximum(grip**2 - along**2, 0.0))
    if slides is not None:
        left = np.where(locks, grip * slides[1], left)
    front, rear = _cornering(fleet, (u, v, w), (cos, sin), fleet.stiffness * load, left, delta_s=delta_s)
    u_after = u - to_speed * front * sin
    v = v + to_speed * (front * cos + rear)
    w = w + delta_s * (fleet.ahead[0] * front * cos + fleet.ahead[1] * rear) / fleet.yaw_inertia
    acceleration = (u_after - before.forward) / delta_s - demand.push[0]
    return Rolling(u_after, v, w, acceleration, load, along, stacked(front, rear))


def _sliding(fleet: Fleet, u: Floats, v: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Shares (2, V) of a locked axle's grip that act along the vehicle and across it: against the way it slides."""
    along = np.abs(u)
    across = np.abs(v + fleet.ahead * w)
    slip = np.hypot(along, across)
    still = slip < 1e-9
    slip = np.where(still, 1.0, slip)
    return np.where(still, 1.0, along / slip), np.where(still, 1.0, across / slip)


def axle_loads(fleet: Fleet, load: Floats, acceleration: Floats) -> Floats:
    """(2, V) N on the front and the rear axle, of a total ``load`` and at a forward ``acceleration``."""
    shift = np.clip(acceleration * fleet.height / (GRAVITY * fleet.wheelbase), -0.4, 0.4)
    front = np.clip(-fleet.ahead[1] / fleet.wheelbase - shift, 0.05, 0.95)
    return stacked(front * load, (1.0 - front) * load)


def _cornering(
    fleet: Fleet,
    velocity: tuple[Floats, Floats, Floats],
    steer: tuple[Floats, Floats],
    stiffness: Floats,
    most: Floats,
    *,
    delta_s: float,
) -> tuple[Floats, Floats]:
    """(V,) and (V,) N to the right of each axle's wheels.

    Each force is -k times the lateral velocity of its axle *after* the step, k = stiffness / forward speed; that gives
    two equations for two forces.  Where one would leave its share ``most`` (2, V) of the friction circle it stays on
    the circle, and the other is solved for again.
    """
    (u, v, w), (cos, sin) = velocity, steer
    a, b = fleet.ahead[0], fleet.ahead[1]
    lateral_front = (v + a * w) * cos - u * sin
    lateral_rear = v + b * w
    along_front = np.abs(u * cos + (v + a * w) * sin)
    k_front = stiffness[0] / np.maximum(along_front, SLIP_SPEED_MPS)
    k_rear = stiffness[1] / np.maximum(np.abs(u), SLIP_SPEED_MPS)
    inverse_mass, inverse_inertia = delta_s / fleet.mass, delta_s / fleet.yaw_inertia
    front_front = inverse_mass + (a * cos) ** 2 * inverse_inertia
    rear_rear = inverse_mass + b**2 * inverse_inertia
    cross = (inverse_mass + a * b * inverse_inertia) * cos
    yields_front, yields_rear = 1.0 + k_front * front_front, 1.0 + k_rear * rear_rear
    determinant = yields_front * yields_rear - k_front * k_rear * cross**2
    front = -k_front * (lateral_front * yields_rear - k_rear * cross * lateral_rear) / determinant
    front = _within(front, most[0])
    rear = _within(-k_rear * (lateral_rear + cross * front) / yields_rear, most[1])
    front = _within(-k_front * (lateral_front + cross * rear) / yields_front, most[0])
    return front, rear


def _within(force: Floats, most: Floats) -> Floats:
    return np.asarray(np.minimum(np.maximum(force, -most), most))


def pinned(rolling: Rolling, demand: Demand, *, held: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(V,) which vehicles stick to where they stand: all but still, not driven, and with grip enough to stay."""
    slow = (np.abs(rolling.forward) < 0.1) & (np.abs(rolling.right) < 0.1) & (np.abs(rolling.yaw_rate) < 0.1)
    grip = demand.friction.min(axis=0) * GRAVITY
    pushed = np.hypot(demand.push[0], demand.push[1])
    return np.asarray(slow & held & (demand.drive == 0.0) & (demand.load > 0.0) & (pushed < grip))
