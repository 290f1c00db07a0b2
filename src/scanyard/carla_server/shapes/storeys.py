"""Bodies built up storey by storey: cabs, buses and boxes, each level a rounded rectangle with a bowed front.

A ring runs round the body at every height, with the same columns at all heights, so that a window is simply the panels
between two levels and two columns.  Frame: x forward, y right, z up, metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, quads

Floats = NDArray[np.float64]

_ACROSS = (0.0, 0.38, 0.72, 0.93)  # places of front and rear points, as shares of the half width
FRONT, CORNER, SIDE, REAR = range(4)


@dataclass(frozen=True)
class Level:
    """The outline at one height."""

    z: float
    front: float
    """x of the front's middle."""
    rear: float
    half: float
    """Half width."""
    bow: float = 0.04
    """How far the front's corners lie behind its middle."""
    round: float = 0.08
    """How far the corners are rounded along x."""


@dataclass(frozen=True)
class Storeys:
    """A stack of L levels with C columns of panels."""

    rings: Floats
    """(L, C, 3)."""
    part: NDArray[np.int64]
    """(C,) of each column: front, corner, side or rear."""
    middle: Floats
    """(C,) x of each column's middle at the lowest level, metres."""

    def panels(self, material: Material) -> NDArray[np.uint8]:
        """(L-1, C) one material for all panels, to be written over."""
        return np.full((len(self.rings) - 1, self.rings.shape[1]), material, np.uint8)

    def mesh(self, panels: NDArray[np.uint8], roof: Material, left_out: NDArray[np.bool_] | None = None) -> Mesh:
        """Walls of ``panels`` (L-1, C) of materials, and a flat roof and floor; ``left_out`` panels are holes."""
        levels, columns = self.rings.shape[:2]
        walls = Mesh.of(
            self.rings.reshape(-1, 3), quads(levels, columns, closed=True), panels.repeat(2, axis=1).ravel()
        )
        if left_out is not None:
            walls = walls.where(~left_out.repeat(2, axis=1).ravel())
        caps = []
        for ring in (self.rings[0], self.rings[-1]):
            half = columns // 2
            # Points mirror each other left and right, so a cap is a ladder of cross-bars.
            left = np.r_[0, np.arange(columns - 1, half, -1), half]
            right = np.r_[0, np.arange(1, half), half]
            count = min(len(left), len(right))
            bars = np.stack([ring[left[:count]], ring[right[:count]]], axis=1)
            caps.append(Mesh.of(bars.reshape(-1, 3), quads(count, 2), roof))
        return Mesh.joined([walls, *caps])


def stacked(levels: Sequence[Level], stations: Sequence[float]) -> Storeys:
    """Put levels, lowest first, on top of one another, with columns along the sides at ``stations``, x, front first."""
    half_rings = []
    for level in levels:
        across = np.array(_ACROSS)
        front = np.stack([level.front - level.bow * across**2, across * level.half], axis=1)
        ahead, behind = level.front - level.bow - level.round, level.rear + level.round
        along = np.clip([ahead, *stations, behind], behind, ahead)
        side = np.stack([along, np.full(len(along), level.half)], axis=1)
        rear = np.stack([np.full(len(across), level.rear), across[::-1] * level.half], axis=1)
        half = np.concatenate([front, side, rear])
        half_rings.append(np.c_[half, np.full(len(half), level.z)])
    right = np.stack(half_rings)
    left = right[:, -2:0:-1] * np.array([1.0, -1.0, 1.0])
    rings = np.concatenate([right, left], axis=1)
    f, s = len(_ACROSS), len(stations) + 2
    half_part = [FRONT] * (f - 1) + [CORNER] + [SIDE] * (s - 1) + [CORNER] + [REAR] * (f - 1)
    part = np.array(half_part + half_part[::-1])
    following = np.roll(rings[0], -1, axis=0)
    return Storeys(rings, part, (rings[0, :, 0] + following[:, 0]) / 2)


def between(storeys: Storeys, low: float, high: float) -> NDArray[np.bool_]:
    """(C,) which side columns lie between two places x."""
    return np.asarray((storeys.part == SIDE) & (storeys.middle > low) & (storeys.middle < high))
