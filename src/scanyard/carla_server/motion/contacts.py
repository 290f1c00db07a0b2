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

from scanyard.carla_server.motion.arrays import compiled, stacked
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
ROUNDS, STILL_MPS = 12, 1e-3
"""Rounds of impulses at most: a blow travels from car to car along a row, one in each; fewer where nothing closes
faster than this any more."""
PUSHES = 3
"""How often what still overlaps is moved apart."""


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
        found = np.empty((6, len(rows)))
        place, center, half = map(np.ascontiguousarray, (self.place, self.center, self.half))
        _draw(place, center, half, np.ascontiguousarray(rows), found)
        return Rectangles(found[:2], found[2:4], found[4:])


@compiled
def _draw(place: Floats, center: Floats, half: Floats, rows: Rows, found: Floats) -> None:
    for k, row in enumerate(rows):
        cos, sin = np.cos(place[2, row]), np.sin(place[2, row])
        ahead, aside = center[0, row], center[1, row]
        found[0, k] = place[0, row] + cos * ahead - sin * aside
        found[1, k] = place[1, row] + sin * ahead + cos * aside
        found[2, k], found[3, k] = cos, sin
        found[4, k], found[5, k] = half[0, row], half[1, row]


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
    point = touching(_chosen(first, touch), _chosen(second, touch))
    found = _Contacts.of(bodies, pairs[:, touch], point)
    normal = lie.normal[:, touch]
    impulse = np.zeros((2, len(touch)))
    for number in range(ROUNDS):
        push = found.stop(normal, bounces=number == 0)
        if push is None:
            break
        impulse += push
    depth = lie.depth[touch]
    for _ in range(PUSHES):
        if depth.max() <= SLOP_M:
            break
        found.push_apart(depth, normal)
        depth, normal = gap(*(bodies.rectangles(one) for one in found.pairs))
    return Touch(found.pairs, impulse)


@dataclass(frozen=True)
class _Contacts:
    """T pairs that touch."""

    bodies: Bodies
    pairs: Rows
    """(2, T)"""
    arms: Floats
    """(2, 2, T) x and y from the origin of the first and second to where they touch."""
    count: Floats
    """(B,) in how many contacts each body is."""
    weights: tuple[Floats, Floats]
    """(2, T) inverse mass and inverse inertia of the parts that the first and second are here with."""

    @classmethod
    def of(cls, bodies: Bodies, pairs: Rows, point: Floats) -> _Contacts:
        """Pairs that touch at ``point`` (2, T)."""
        count = np.bincount(pairs.ravel(), minlength=len(bodies.inverse_mass)).astype(np.float64)
        shares = count[pairs]
        weights = bodies.inverse_mass[pairs] * shares, bodies.inverse_inertia[pairs] * shares
        return cls(bodies, pairs, point[:, None] - bodies.place[:2][:, pairs], count, weights)

    def stop(self, normal: Floats, *, bounces: bool) -> Floats | None:
        """One round of impulses, along the normals and then along the surfaces.

        Returns what the first of each pair got (2, T), or None where nothing closes any more.
        """
        wanted = np.maximum(-self._parting(normal), 0.0)
        if wanted.max() < (1e-9 if bounces else STILL_MPS):
            return None
        if bounces:
            wanted = wanted * np.where(wanted > BOUNCE_MPS, 1.0 + RESTITUTION, 1.0)
        push = wanted / self._softness(normal)
        self._give(push * normal)
        surface = stacked(-normal[1], normal[0])
        rub = -self._parting(surface) / self._softness(surface)
        self._give(np.clip(rub, -FRICTION * push, FRICTION * push) * surface)
        return push * normal

    def push_apart(self, depth: Floats, normal: Floats) -> None:
        """Move overlapping bodies away from each other, the lighter one further."""
        weight = self.bodies.inverse_mass[self.pairs]
        way = np.clip(PUSH_SHARE * (depth - SLOP_M), 0.0, PUSH_M) * normal
        moved = way[:, None] * _OPPOSITE * (weight / weight.sum(axis=0))  # (2, 2, T)
        rows = self.pairs.ravel()
        for axis in range(2):
            change = np.bincount(rows, moved[axis].ravel(), minlength=len(self.count))
            self.bodies.place[axis] += change / np.maximum(self.count, 1.0)

    def _parting(self, axis: Floats) -> Floats:
        """(T,) m/s at which the points in touch part along ``axis`` (2, T); negative where they close."""
        vx, vy, w = self.bodies.velocity[:, self.pairs]
        at_x, at_y = vx - w * self.arms[1], vy + w * self.arms[0]
        return np.asarray((at_x[0] - at_x[1]) * axis[0] + (at_y[0] - at_y[1]) * axis[1])

    def _softness(self, axis: Floats) -> Floats:
        """(T,) change of the speed along ``axis`` per newton second between the two parts."""
        lever = self.arms[0] * axis[1] - self.arms[1] * axis[0]
        return np.asarray((self.weights[0] + lever**2 * self.weights[1]).sum(axis=0))

    def _give(self, impulse: Floats) -> None:
        """Change velocities by impulses (2, T) on the first of each pair, and their opposites on the second.

        A part of mass m/n that gets an impulse J changes its velocity by J n/m; the mean over n parts changes by J/m.
        """
        bodies, rows = self.bodies, self.pairs.ravel()
        signed = impulse[:, None] * _OPPOSITE
        lever = self.arms[0] * signed[1] - self.arms[1] * signed[0]
        weights = bodies.inverse_mass, bodies.inverse_mass, bodies.inverse_inertia
        for axis, (part, weight) in enumerate(zip((*signed, lever), weights, strict=True)):
            bodies.velocity[axis] += np.bincount(rows, part.ravel(), minlength=len(self.count)) * weight


_OPPOSITE = np.array([[1.0], [-1.0]])
"""What the first of a pair gets, and the second."""


def _chosen(box: Rectangles, rows: Rows) -> Rectangles:
    return Rectangles(box.middle[:, rows], box.forward[:, rows], box.half[:, rows])
