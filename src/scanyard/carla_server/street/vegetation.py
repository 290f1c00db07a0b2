"""Trees, hedges and bushes as loose triangles about a core: LiDAR goes some way into them.

Frame: z up, standing on z = 0, hedges along y.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, ellipsoid, leaves, tube
from scanyard.randomness import stream

VARIANTS = 8

SUNK_M = 0.4


@cache
def tree(variant: int) -> Mesh:
    """A broad-leaved tree about 7 m high."""
    rng = stream("tree", variant)
    fork = float(rng.uniform(1.9, 2.8))
    lean = rng.normal(0.0, 0.12, 2)
    top = np.array([lean[0], lean[1], fork])
    parts = [tube((0, 0, -SUNK_M), top, (float(rng.uniform(0.14, 0.26)), 0.11), Material.BARK, 7)]
    crown = np.array([lean[0], lean[1], fork + float(rng.uniform(1.6, 2.3))])
    for _ in range(4):
        end = crown + rng.normal(0.0, 0.9, 3)
        parts.append(tube(top, end, (0.08, 0.03), Material.BARK, 5))
    radii = np.array([float(rng.uniform(1.5, 2.4)), float(rng.uniform(1.5, 2.4)), float(rng.uniform(1.6, 2.4))])
    centers = crown + _in_ball(rng, 300, 0.45) * radii
    parts.append(leaves(centers, 0.30, Material.LEAF, rng))
    return Mesh.joined(parts)


@cache
def conifer(variant: int) -> Mesh:
    """A cone of twigs about 8 m high."""
    rng = stream("conifer", variant)
    height, radius = float(rng.uniform(5.5, 9.0)), float(rng.uniform(1.2, 1.9))
    up = rng.uniform(0.0, 1.0, 210) ** 1.4
    angle = rng.uniform(0, 2 * np.pi, 210)
    reach = radius * (1 - up) * np.sqrt(rng.uniform(0.3, 1.0, 210))
    centers = np.c_[reach * np.cos(angle), reach * np.sin(angle), 0.6 + up * (height - 0.6)]
    trunk = tube((0, 0, -SUNK_M), (0, 0, height * 0.8), (0.16, 0.05), Material.BARK, 6)
    return Mesh.joined([trunk, leaves(centers, 0.28, Material.LEAF, rng)])


@cache
def bush(variant: int) -> Mesh:
    """A round bush, one metre high and wide."""
    rng = stream("bush", variant)
    core = ellipsoid((0, 0, 0.42), (0.36, 0.36, 0.40), Material.LEAF, 7, 4)
    centers = np.array([0, 0, 0.5]) + _in_ball(rng, 80, 0.75) * [0.45, 0.45, 0.45]
    return Mesh.joined([core, leaves(centers, 0.10, Material.LEAF, rng)])


def hedge(key: int, length: float, height: float, thickness: float) -> Mesh:
    """A hedge along y, centred on the origin: a core under a rough skin of leaves."""
    rng = stream("hedge", key)
    core = box(
        (0, 0, height * 0.45 - SUNK_M / 2), (thickness * 0.6, length * 0.98, height * 0.86 + SUNK_M), Material.LEAF
    )
    count = int(12 * length)
    side = rng.integers(0, 3, count)
    x = np.where(side == 0, -0.5, np.where(side == 1, 0.5, rng.uniform(-0.5, 0.5, count))) * thickness * 0.86
    z = np.where(side == 2, height * 0.93, rng.uniform(0.0, 1.0, count) * height)
    centers = np.c_[x, rng.uniform(-0.5, 0.5, count) * length, z] + rng.normal(0.0, 0.04, (count, 3))
    return Mesh.joined([core, leaves(centers, 0.17, Material.LEAF, rng)])


def _in_ball(rng: np.random.Generator, count: int, inner: float) -> NDArray[np.float64]:
    """Points (count, 3) in the unit ball, mostly beyond the ``inner`` share of its radius."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return np.asarray(direction * rng.uniform(inner**3, 1.0, (count, 1)) ** (1 / 3))
