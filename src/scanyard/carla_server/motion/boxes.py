"""Upright boxes on the ground plan: how far apart they are, and where they touch.

Separating axes: two rectangles overlap if and only if they overlap along the four directions of their sides, and the
direction in which they overlap least is the one to push them apart in.  All pairs at once; every array has one entry
per pair.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.arrays import compiled, stacked
from scanyard.carla_server.protocol.poses import Floats


class Rectangles(NamedTuple):
    """P rectangles on the ground plan."""

    middle: Floats
    """(2, P) m."""
    forward: Floats
    """(2, P) unit vectors along the length."""
    half: Floats
    """(2, P) half sizes along ``forward`` and across, m."""

    def corners(self) -> Floats:
        """(2, 4, P)"""
        along, across = self.forward * self.half[0], _right(self.forward) * self.half[1]
        middle = self.middle
        return np.stack([middle + along + across, middle + along - across, middle - along - across,
                         middle - along + across], axis=1)  # fmt: skip


class Gap(NamedTuple):
    """How P pairs of rectangles lie to each other."""

    depth: Floats
    """(P,) m they overlap, negative for how far apart they are at least."""
    normal: Floats
    """(2, P) unit vector from the second to the first, along which that is so."""


def gap(first: Rectangles, second: Rectangles) -> Gap:
    """Of P pairs."""
    count = first.middle.shape[1]
    found = Gap(np.empty(count), np.empty((2, count)))
    one, other = (Rectangles(*map(np.ascontiguousarray, box)) for box in (first, second))
    _measure(one, other, found)
    return found


@compiled
def _measure(first: Rectangles, second: Rectangles, found: Gap) -> None:
    for k in range(len(found.depth)):
        dx, dy = first.middle[0, k] - second.middle[0, k], first.middle[1, k] - second.middle[1, k]
        ax, ay, bx, by = first.forward[0, k], first.forward[1, k], second.forward[0, k], second.forward[1, k]
        best = np.inf
        for number, (x, y) in enumerate(((ax, ay), (-ay, ax), (bx, by), (-by, bx))):
            reach = first.half[0, k] * abs(x * ax + y * ay) + first.half[1, k] * abs(y * ax - x * ay)
            reach = reach + second.half[0, k] * abs(x * bx + y * by) + second.half[1, k] * abs(y * bx - x * by)
            along = x * dx + y * dy
            depth = reach - abs(along)
            # A hair of preference for the first box's own axes, so that equal depths do not flicker between frames.
            if number == 0 or depth + 1e-9 * number < best:
                best = depth + 1e-9 * number
                side = -1.0 if along < 0.0 else 1.0
                found.depth[k], found.normal[0, k], found.normal[1, k] = depth, side * x, side * y


def touching(first: Rectangles, second: Rectangles) -> Floats:
    """(2, P) where overlapping rectangles touch: the mean of the corners of either inside the other.

    Where edges cross and no corner is inside, half-way between the middles, each drawn into the other.
    """
    inside_second, inside_first = _inside(first.corners(), second), _inside(second.corners(), first)
    weight = np.concatenate([inside_second, inside_first]).astype(np.float64)  # (8, P)
    corners = np.concatenate([first.corners(), second.corners()], axis=1)
    total = weight.sum(axis=0)
    mean = (corners * weight).sum(axis=1) / np.maximum(total, 1.0)
    between = (_drawn_into(first.middle, second) + _drawn_into(second.middle, first)) / 2
    return np.where(total > 0.0, mean, between)


def _inside(corners: Floats, box: Rectangles) -> NDArray[np.bool_]:
    """(4, P) which corners (2, 4, P) lie in a rectangle each, or within a hair of it."""
    offset = corners - box.middle[:, None]
    right = _right(box.forward)
    along = offset[0] * box.forward[0] + offset[1] * box.forward[1]
    across = offset[0] * right[0] + offset[1] * right[1]
    return np.asarray((np.abs(along) <= box.half[0] + 1e-6) & (np.abs(across) <= box.half[1] + 1e-6))


def _drawn_into(points: Floats, box: Rectangles) -> Floats:
    offset = points - box.middle
    right = _right(box.forward)
    along = np.clip(offset[0] * box.forward[0] + offset[1] * box.forward[1], -box.half[0], box.half[0])
    across = np.clip(offset[0] * right[0] + offset[1] * right[1], -box.half[1], box.half[1])
    return np.asarray(box.middle + along * box.forward + across * right)


def _right(forward: Floats) -> Floats:
    return stacked(-forward[1], forward[0])
