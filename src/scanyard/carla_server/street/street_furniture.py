"""Poles, signs, fences, walls, guard rails, bins and bollards.

Frame: x away from the road, y along it, z up, standing on z = 0; long things are centred on the origin.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes, sheet, tube
from scanyard.randomness import stream

SUNK_M = 0.4


@cache
def lamp_post(variant: int) -> Mesh:
    """A street lamp whose arm reaches over the road."""
    height = 5.5 + 0.6 * (variant % 5)
    return Mesh.joined(
        [
            tube((0, 0, -SUNK_M), (0, 0, height), (0.09, 0.05), Material.POLE, 7),
            tube((0, 0, height), (-1.1, 0, height + 0.25), 0.035, Material.POLE, 5),
            box((-1.3, 0, height + 0.24), (0.6, 0.22, 0.12), Material.POLE),
            box((0, 0, 0.4), (0.2, 0.2, 0.8), Material.POLE),
        ]
    )


@cache
def utility_pole(variant: int) -> Mesh:
    """A wooden pole with a cross-arm."""
    height = 7.0 + 0.5 * (variant % 4)
    return Mesh.joined(
        [
            tube((0, 0, -SUNK_M), (0, 0, height), (0.14, 0.10), Material.POLE, 7),
            box((0, 0, height - 0.6), (0.1, 1.6, 0.12), Material.POLE),
        ]
    )


@cache
def sign(variant: int) -> Mesh:
    """A road sign: disc, triangle or board, facing along the road."""
    height = 2.1 + 0.15 * (variant % 3)
    post = tube((0, 0, -SUNK_M), (0, 0, height + 0.5), 0.032, Material.POLE, 6)
    if variant % 3 == 0:
        plate = tube((0, -0.045, height + 0.25), (0, -0.06, height + 0.25), 0.33, Material.SIGN, 14)
    elif variant % 3 == 1:
        plate = tube((0, -0.045, height + 0.2), (0, -0.06, height + 0.2), 0.45, Material.SIGN, 3)
    else:
        plate = box((0, -0.05, height + 0.15), (0.6, 0.015, 0.8), Material.SIGN)
    return Mesh.joined([post, plate])


@cache
def bin_on_wheels(variant: int) -> Mesh:
    """A rubbish bin, by the kerb on collection day."""
    height = (0.95, 1.05, 1.25)[variant % 3]
    return Mesh.joined(
        [
            box((0, 0, height * 0.46), (0.48, 0.5, height * 0.92), Material.BIN),
            box((0.03, 0, height * 0.96), (0.58, 0.54, 0.08), Material.BIN),
            tube((0.24, -0.22, 0.1), (0.24, 0.22, 0.1), 0.1, Material.BIN, 7),
        ]
    )


@cache
def bollard(variant: int) -> Mesh:
    """A post that keeps cars off the sidewalk."""
    return tube((0, 0, -SUNK_M), (0, 0, 0.8 + 0.1 * (variant % 3)), (0.07, 0.05), Material.BOLLARD, 7)


@cache
def cabinet(variant: int) -> Mesh:
    """A telephone or electricity cabinet, a letter box, a planter: something box-like or round on the sidewalk."""
    rng = stream("cabinet", variant)
    depth, width, height = rng.uniform(0.3, 0.6), rng.uniform(0.4, 1.5), rng.uniform(0.5, 1.5)
    if variant % 3 == 0:
        return tube((0, 0, -0.1), (0, 0, height), (0.3, 0.38), Material.BIN, 10)
    return Mesh.joined(
        [
            box((0, 0, height / 2 - 0.1), (depth, width, height + 0.2), Material.BIN),
            box((0, 0, height + 0.03), (depth + 0.08, width + 0.08, 0.06), Material.BIN),
        ]
    )


def slat_fence(key: int, length: float, height: float) -> Mesh:
    """Upright slats with gaps, rails and posts, along y."""
    rng = stream("fence", key)
    pitch = float(rng.uniform(0.12, 0.24))
    share = float(rng.uniform(0.45, 0.85))
    count = max(2, int(length / pitch))
    ys = (np.arange(count) + 0.5) / count * length - length / 2
    top = height * (1 + rng.normal(0, 0.008, count))
    half = pitch * share / 2
    corners = np.stack(
        [
            np.c_[np.zeros(count), ys - half, np.full(count, 0.05)],
            np.c_[np.zeros(count), ys + half, np.full(count, 0.05)],
            np.c_[np.zeros(count), ys + half, top],
            np.c_[np.zeros(count), ys - half, top],
        ],
        axis=1,
    )
    faces = np.array([[0, 1, 2], [0, 2, 3]])[None] + 4 * np.arange(count)[:, None, None]
    posts = np.arange(-length / 2, length / 2 + 0.01, 2.4)
    return Mesh.joined(
        [
            Mesh.of(corners, faces, Material.FENCE),
            boxes([(0.03, 0, 0.25 * height), (0.03, 0, 0.8 * height)], [(0.04, length, 0.08)] * 2, Material.FENCE),
            boxes(
                np.c_[np.full(len(posts), 0.05), posts, np.full(len(posts), height / 2 - 0.1)],
                np.full((len(posts), 3), (0.09, 0.09, height + 0.3)),
                Material.FENCE,
            ),
        ]
    )


def rail_fence(length: float, height: float) -> Mesh:
    """Posts and three rails, along y: a paddock's."""
    posts = np.arange(-length / 2, length / 2 + 0.01, 2.0)
    rails = np.array([0.35, 0.65, 0.95]) * height
    return Mesh.joined(
        [
            boxes(np.c_[np.zeros(3), np.zeros(3), rails], np.full((3, 3), (0.03, length, 0.1)), Material.FENCE),
            boxes(
                np.c_[np.zeros(len(posts)), posts, np.full(len(posts), height / 2 - 0.1)],
                np.full((len(posts), 3), (0.1, 0.1, height + 0.3)),
                Material.FENCE,
            ),
        ]
    )


def wall(length: float, height: float) -> Mesh:
    """A garden wall with a coping and piers, along y."""
    piers = np.array([-length / 2 + 0.2, length / 2 - 0.2])
    return Mesh.joined(
        [
            box((0, 0, height / 2 - SUNK_M / 2), (0.22, length, height + SUNK_M), Material.WALL),
            box((0, 0, height + 0.04), (0.32, length, 0.08), Material.WALL),
            boxes(
                np.c_[np.zeros(2), piers, np.full(2, height / 2)],
                np.full((2, 3), (0.4, 0.4, height + 0.3)),
                Material.WALL,
            ),
        ]
    )


def guard_rail(length: float) -> Mesh:
    """A steel rail of W section on posts, along y."""
    section = np.array([(0.0, 0.44), (-0.08, 0.50), (0.0, 0.58), (0.0, 0.62), (-0.08, 0.70), (0.0, 0.76)])
    ys = np.array([-length / 2, length / 2])
    rows = np.stack([np.c_[np.full(2, x), ys, np.full(2, z)] for x, z in section])
    posts = np.arange(-length / 2, length / 2 + 0.01, 2.0)
    return Mesh.joined(
        [
            sheet(rows, Material.GUARD_RAIL),
            boxes(
                np.c_[np.full(len(posts), 0.07), posts, np.full(len(posts), 0.2)],
                np.full((len(posts), 3), (0.1, 0.06, 1.1)),
                Material.GUARD_RAIL,
            ),
        ]
    )
