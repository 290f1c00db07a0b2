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

from scanyard.carla_server.motion.arrays import compiled
from scanyard.carla_server.motion.chassis import GRAVITY
from scanyard.carla_server.motion.fleet import Fleet
from scanyard.carla_server.protocol.poses import Floats

ROLLING = 0.012
"""Rolling resistance, newtons per newton of load."""
SLIP_SPEED_MPS = 0.5
"""Slower than this, slip angles are measured against this speed."""


Pair = tuple[float, float]
Vector = tuple[float, float, float]


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


def step(fleet: Fleet, before: Rolling, demand: Demand, delta_s: float) -> Rolling:
    """Move velocities on by ``delta_s``."""
    count = len(before.forward)
    one, two = np.empty((4, count)), np.empty((3, 2, count))
    after = Rolling(one[0], one[1], one[2], one[3], two[0], two[1], two[2])
    _roll(fleet, before, demand, delta_s, after)
    return after


@compiled
def _roll(fleet: Fleet, before: Rolling, demand: Demand, delta_s: float, after: Rolling) -> None:
    for k in range(len(before.forward)):
        mass, inertia, ahead, behind = fleet.mass[k], fleet.yaw_inertia[k], fleet.ahead[0, k], fleet.ahead[1, k]
        u, v, w = before.forward[k], before.right[k], before.yaw_rate[k]
        carried = demand.load[k]
        shift = before.acceleration[k] * fleet.height[k] / (GRAVITY * (ahead - behind))
        front_share = -behind / (ahead - behind) - min(max(shift, -0.4), 0.4)
        front_share = min(max(front_share, 0.05), 0.95)
        load = (front_share * carried, (1.0 - front_share) * carried)
        cos, sin = np.cos(demand.steer[k]), np.sin(demand.steer[k])
        to_speed = delta_s / mass

        # The engine, as far as tyres pass it on; then what holds against motion, at most until it is gone.
        grip = (demand.friction[0, k] * load[0], demand.friction[1, k] * load[1])
        share = (load[0] / max(carried, 1.0), load[1] / max(carried, 1.0))
        most = (min(grip[0], fleet.pull[0, k]), min(grip[1], fleet.pull[1, k]))
        driven = (_within(demand.drive[k] * share[0], most[0]), _within(demand.drive[k] * share[1], most[1]))
        pulled = driven[0] * cos + driven[1] - fleet.drag[k] * u * abs(u)
        u = u + delta_s * demand.push[0, k] + to_speed * pulled
        v = v + delta_s * demand.push[1, k] + to_speed * driven[0] * sin
        w = w + delta_s * driven[0] * sin * ahead / inertia
        rolling = demand.resistance[k] + ROLLING * carried
        slides_front, slides_rear = _sliding(u, v + ahead * w), _sliding(u, v + behind * w)
        locks_front = demand.brake[0, k] > most[0] > 0.0
        locks_rear = demand.brake[1, k] > most[1] > 0.0
        held_front = min(demand.brake[0, k] + rolling * share[0], most[0]) * (slides_front[0] if locks_front else 1.0)
        held_rear = min(demand.brake[1, k] + rolling * share[1], most[1]) * (slides_rear[0] if locks_rear else 1.0)
        able = (held_front + held_rear) * to_speed
        lost = _within(u, able)
        u -= lost
        along_front = driven[0] - lost / max(able, 1e-12) * held_front
        along_rear = driven[1] - lost / max(able, 1e-12) * held_rear

        # What the friction circle leaves for cornering; a locked wheel slides against its motion, whatever its heading.
        left_front = grip[0] * slides_front[1] if locks_front else np.sqrt(max(grip[0] ** 2 - along_front**2, 0.0))
        left_rear = grip[1] * slides_rear[1] if locks_rear else np.sqrt(max(grip[1] ** 2 - along_rear**2, 0.0))

        stiffness = (fleet.stiffness[0, k] * load[0], fleet.stiffness[1, k] * load[1])
        front, rear = _cornering(
            (u, v, w), (cos, sin), (ahead, behind), stiffness, (left_front, left_rear), (to_speed, delta_s / inertia)
        )
        u -= to_speed * front * sin
        after.forward[k], after.right[k] = u, v + to_speed * (front * cos + rear)
        after.yaw_rate[k] = w + delta_s / inertia * (ahead * front * cos + behind * rear)
        after.acceleration[k] = (u - before.forward[k]) / delta_s - demand.push[0, k]
        after.axle_load[0, k], after.axle_load[1, k] = load
        after.along[0, k], after.along[1, k] = along_front, along_rear
        after.across[0, k], after.across[1, k] = front, rear


@compiled
def _cornering(  # noqa: PLR0917  # compiled calls are cheapest by position
    velocity: Vector, steer: Pair, axles: Pair, stiffness: Pair, most: Pair, yields: Pair
) -> Pair:
    """N to the right of each axle's wheels; ``yields`` are the m/s and rad/s that a newton and a newton metre cause.

    Each force is -k times the lateral velocity of its axle *after* the step, k = stiffness / forward speed; that gives
    two equations for two forces.  Where one would leave its share ``most`` of the friction circle it stays on the
    circle, and the other is solved for again.
    """
    u, v, w = velocity
    cos, sin = steer
    a, b = axles
    to_speed, to_turn = yields
    lateral_front = (v + a * w) * cos - u * sin
    lateral_rear = v + b * w
    along_front = abs(u * cos + (v + a * w) * sin)
    k_front = stiffness[0] / max(along_front, SLIP_SPEED_MPS)
    k_rear = stiffness[1] / max(abs(u), SLIP_SPEED_MPS)
    cross = (to_speed + a * b * to_turn) * cos
    yields_front = 1.0 + k_front * (to_speed + (a * cos) ** 2 * to_turn)
    yields_rear = 1.0 + k_rear * (to_speed + b**2 * to_turn)
    determinant = yields_front * yields_rear - k_front * k_rear * cross**2
    front = -k_front * (lateral_front * yields_rear - k_rear * cross * lateral_rear) / determinant
    front = _within(front, most[0])
    rear = _within(-k_rear * (lateral_rear + cross * front) / yields_rear, most[1])
    front = _within(-k_front * (lateral_front + cross * rear) / yields_front, most[0])
    return front, rear


@compiled
def _sliding(along: float, across: float) -> tuple[float, float]:
    """Shares of a locked axle's grip that act along the vehicle and across it: against the way it slides."""
    slip = np.hypot(along, across)
    return (abs(along) / slip, abs(across) / slip) if slip >= 1e-9 else (1.0, 1.0)


@compiled
def _within(force: float, most: float) -> float:
    return min(max(force, -most), most)
