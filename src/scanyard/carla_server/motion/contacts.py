"""What happens between bodies that touch: impulses that stop them entering each other, friction, and a push apart.

Impulses are found for all contacts at once.  A body in several contacts is shared out among them (mass splitting, Tonge
et al. 2012): each contact solves for its part, and the parts' velocities are averaged.  No such step can add energy: an
inelastic impulse takes some away from the parts, and the mean of velocities has at most the mean of their energies.
What is left of an overlap is undone by moving bodies apart, which leaves velocities alone, so nothing ever explodes.

Planar: velocities are x, y in m/s and yaw rate in rad/s; a point at r turns right-handedly in (x, y), which is
clockwise as seen from above in this left-handed frame.  P pairs, B bodies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.arrays import stacked
from scanyard.carla_server.motion.boxes import Rectangles, gap, touching
from scanyard.carla_server.protocol.poses import Floats

Rows = NDArray[np.int64]

RESTITUTION = 0.15
"""Share of the closing speed that comes back: bumpers and bodywork deform."""
BOUNCE_MPS = 1.0
"""Slower than this nothing bounces."""
FRICTION = 0.4
SLOP_M = 0.005
"""Overlap that is left alone, so that touching bodies stay in touch."""
PUSH_SHARE, PUSH_M = 0.6, 0.25
"""Of the remaining overlap this share, and at most so much, is undone in a step."""
ROUNDS = 4


@dataclass(frozen=True)
class Bodies:
    """B bodies on the ground plan, those that cannot be moved with no inverse mass; velocities and places change."""

    place: Floats
    """(3, B) x, y of the origin, heading in rad."""
    velocity: Floats
    """(3, B)"""
    inverse_mass: Floats
    """(B,) 1/kg."""
    inverse_inertia: Floats
    """(B,) 1/(kg m²)."""
    center: Floats
    """(2, B) middle of the rectangle, forward and right of the origin."""
    half: Floats
    """(2, B)"""

    def rectangles(self, rows: Rows) -> Rectangles:
        """The rectangles of the bodies ``rows`` (P,), where they now are."""
        x, y, yaw = self.place[:, rows]
        forward = stacked(np.cos(yaw), np.sin(yaw))
        ahead, aside = self.center[:, rows]
        middle = stacked(x + forward[0] * ahead - forward[1] * aside, y + forward[1] * ahead + forward[0] * aside)
        return Rectangles(middle, forward, self.half[:, rows])


@dataclass(frozen=True)
class Touch:
    """What P pairs felt in one step."""

    pairs: Rows
    """(2, T) bodies of the pairs that touched."""
    impulse: Floats
    """(2, T) N s that the first got from the second."""


def resolve(bodies: Bodies, pairs: Rows) -> Touch:
    """Let the ``pairs`` (2, P) that overlap push each other; changes velocities and places."""
    nothing = Touch(np.zeros((2, 0), np.int64), np.zeros((2, 0)))
    if not pairs.shape[1]:
        return nothing
    first, second = bodies.rectangles(pairs[0]), bodies.rectangles(pairs[1])
    lie = gap(first, second)
    touch = np.flatnonzero(lie.depth > 0.0)
    if not len(touch):
        return nothing
    pairs, depth, normal = pairs[:, touch], lie.depth[touch], lie.normal[:, touch]
    point = touching(_chosen(first, touch), _chosen(second, touch))
    count = np.bincount(pairs.ravel(), minlength=len(bodies.inverse_mass)).astype(np.float64)
    arms = point[:, None] - bodies.place[:2][:, pairs]  # (2, 2, T): x and y, of the first and second
    shares = count[pairs]
    weights = bodies.inverse_mass[pairs] * shares, bodies.inverse_inertia[pairs] * shares
    impulse = np.zeros((2, len(touch)))
    for number in range(ROUNDS):
        push = _stop(bodies, pairs, count, arms, weights, normal, bounces=number == 0)
        impulse += push
        if not push.any():
            break
    _push_apart(bodies, pairs, count, depth, normal)
    return Touch(pairs, impulse)


def _stop(
    bodies: Bodies,
    pairs: Rows,
    count: Floats,
    arms: Floats,
    weights: tuple[Floats, Floats],
    normal: Floats,
    *,
    bounces: bool,
) -> Floats:
    """One round of impulses, along the normals and then along the surfaces; (2, T) what the first of each got."""
    closing = _closing(bodies, pairs, arms, normal)
    wanted = np.where(closing < 0.0, -closing, 0.0)
    if bounces:
        wanted = wanted * np.where(-closing > BOUNCE_MPS, 1.0 + RESTITUTION, 1.0)
    push = np.where(wanted > 1e-9, wanted, 0.0) / _softness(arms, weights, normal)
    if not push.any():
        return np.zeros_like(normal)
    _give(bodies, pairs, count, arms, push * normal)
    surface = stacked(-normal[1], normal[0])
    rub = -_closing(bodies, pairs, arms, surface) / _softness(arms, weights, surface)
    rub = np.clip(rub, -FRICTION * push, FRICTION * push)
    _give(bodies, pairs, count, arms, rub * surface)
    return push * normal


def _closing(bodies: Bodies, pairs: Rows, arms: Floats, axis: Floats) -> Floats:
    """(T,) m/s at which the points in touch part along ``axis`` (2, T); negative where they close."""
    vx, vy, w = bodies.velocity[:, pairs]
    at_x, at_y = vx - w * arms[1], vy + w * arms[0]
    return np.asarray((at_x[0] - at_x[1]) * axis[0] + (at_y[0] - at_y[1]) * axis[1])


def _softness(arms: Floats, weights: tuple[Floats, Floats], axis: Floats) -> Floats:
    """(T,) change of the speed along ``axis`` per newton second between two shared-out bodies."""
    lever = arms[0] * axis[1] - arms[1] * axis[0]
    return np.asarray((weights[0] + lever**2 * weights[1]).sum(axis=0))


def _give(bodies: Bodies, pairs: Rows, count: Floats, arms: Floats, impulse: Floats) -> None:
    """Change velocities by impulses (2, T) on the first of each pair, and their opposites on the second."""
    signed = impulse[:, None] * np.array([[1.0], [-1.0]])  # (2, 2, T)
    lever = arms[0] * signed[1] - arms[1] * signed[0]
    rows = pairs.ravel()
    # A part of mass m/n that gets an impulse J moves by J n/m; the mean over n parts moves by J/m.
    for axis, (part, weight) in enumerate(
        ((signed[0], bodies.inverse_mass), (signed[1], bodies.inverse_mass), (lever, bodies.inverse_inertia))
    ):
        bodies.velocity[axis] += np.bincount(rows, part.ravel(), minlength=len(count)) * weight


def _push_apart(bodies: Bodies, pairs: Rows, count: Floats, depth: Floats, normal: Floats) -> None:
    """Move overlapping bodies away from each other, the lighter one further."""
    weight = bodies.inverse_mass[pairs]
    total = np.maximum(weight.sum(axis=0), 1e-300)
    way = np.minimum(PUSH_SHARE * np.maximum(depth - SLOP_M, 0.0), PUSH_M) * normal
    moved = (way[:, None] * np.array([[1.0], [-1.0]])) * (weight / total)  # (2, 2, T)
    rows = pairs.ravel()
    for axis in range(2):
        change = np.bincount(rows, moved[axis].ravel(), minlength=len(count))
        bodies.place[axis] += change / np.maximum(count, 1.0)


def _chosen(box: Rectangles, rows: Rows) -> Rectangles:
    return Rectangles(box.middle[:, rows], box.forward[:, rows], box.half[:, rows])
