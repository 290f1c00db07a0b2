"""Upright boxes on the ground plan: how far apart they are, and where they touch.

Separating axes: two rectangles overlap if and only if they overlap along the four directions of their sides, and the
direction in which they overlap least is the one to push them apart in.  All pairs at once; every array has one entry
per pair.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.arrays import stacked
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
    offset = first.middle - second.middle
    axes = stacked(first.forward, _right(first.forward), second.forward, _right(second.forward))  # (4, 2, P)
    reach = sum(
        half * np.abs(axes[:, 0] * side[0] + axes[:, 1] * side[1])
        for box in (first, second)
        for half, side in zip(box.half, (box.forward, _right(box.forward)), strict=True)
    )
    along = axes[:, 0] * offset[0] + axes[:, 1] * offset[1]  # (4, P)
    depth = reach - np.abs(along)
    # A hair of preference for the first box's own axes, so that equal depths do not flicker between frames.
    least = np.argmin(depth + 1e-9 * np.arange(4)[:, None], axis=0)
    pairs = np.arange(offset.shape[1])
    normal = axes[least, :, pairs].T * np.where(along[least, pairs] < 0.0, -1.0, 1.0)
    return Gap(depth[least, pairs], normal)


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
