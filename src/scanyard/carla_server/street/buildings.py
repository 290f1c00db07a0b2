"""Houses, terraces and halls: boxes with window recesses, bays, steps, balconies and roofs.

Frame: x away from the road, y along it, z up; the origin is the middle of the front at ground level, the body reaches
into x > 0.  A core of window material shows wherever bands and piers of facade leave it open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes
from scanyard.randomness import stream

RECESS_M = 0.16
SUNK_M = 1.2  # walls start below ground, because ground slopes


def house(key: int, width: float, depth: float, floors: int) -> Mesh:
    """A detached house with a gabled roof, perhaps a bay, a porch and a chimney."""
    rng = stream("house", key)
    height = 2.7 * floors + 0.5
    parts = [_body(rng, (width, depth, height), floors=floors, pitch=2.4)]
    eaves = float(rng.uniform(0.25, 0.6))
    rise = float(rng.uniform(0.30, 0.55)) * min(width, depth)
    parts.append(_gable(width, depth, height, rise, eaves, along=rng.random() < 0.5))
    door_y = float(rng.uniform(-0.3, 0.3)) * width
    steps = int(rng.integers(1, 4))
    parts.append(_steps(door_y, steps))
    if rng.random() < 0.5:  # bay
        bay_y = -np.sign(door_y or 1.0) * 0.25 * width
        deep = float(rng.uniform(0.6, 1.2))
        parts.append(box((-deep / 2, bay_y, 1.3 - SUNK_M / 2), (deep, 2.4, 2.6 + SUNK_M), Material.FACADE))
        parts.append(box((-deep, bay_y, 1.6), (0.04, 1.9, 1.2), Material.WINDOW))
        parts.append(box((-deep / 2, bay_y, 2.68), (deep + 0.2, 2.7, 0.16), Material.ROOF))
    if rng.random() < 0.4:  # porch
        parts.append(
            boxes([(-1.1, door_y - 0.9, 1.2), (-1.1, door_y + 0.9, 1.2)], [(0.14, 0.14, 2.6)] * 2, Material.FACADE)
        )
        parts.append(box((-0.6, door_y, 2.55), (1.4, 2.2, 0.14), Material.ROOF))
    if rng.random() < 0.6:
        chimney = height + rise * 0.8
        parts.append(box((depth * 0.4, width * 0.22, chimney), (0.6, 0.6, 1.8), Material.WALL))
    return Mesh.joined(parts)


def terrace(key: int, width: float, depth: float, floors: int) -> Mesh:
    """A town house in a row: flat roof with a cornice, balconies, a shop front or steps."""
    rng = stream("terrace", key)
    height = 3.1 * floors + 0.6
    parts = [_body(rng, (width, depth, height), floors=floors, pitch=float(rng.uniform(1.7, 2.6)))]
    parts.append(box((depth / 2, 0, height + 0.15), (depth + 0.5, width, 0.3), Material.FACADE))
    if rng.random() < 0.45:
        rows = np.arange(1, floors)
        count = max(1, int(width / 4.5))
        ys = (np.arange(count) + 0.5) / count * width - width / 2
        slab = np.array([(-0.55, y, 3.1 * row + 0.5) for row in rows for y in ys]).reshape(-1, 3)
        parts.append(boxes(slab, np.full((len(slab), 3), (1.1, 2.4, 0.14)), Material.FACADE))
        parts.append(
            boxes(slab + np.array([-0.53, 0, 0.55]), np.full((len(slab), 3), (0.04, 2.4, 0.95)), Material.POLE)
        )
    if rng.random() < 0.5:
        parts.append(box((-0.5, 0, 3.0), (1.0, width * 0.8, 0.1), Material.DOOR))  # awning
    else:
        parts.append(_steps(float(rng.uniform(-0.3, 0.3)) * width, int(rng.integers(1, 5))))
    return Mesh.joined(parts)


def hall(key: int, width: float, depth: float, height: float) -> Mesh:
    """A workshop: tall gates, buttresses, a low roof, a loading ramp."""
    rng = stream("hall", key)
    count = max(2, int(width / 5))
    ys = np.linspace(-width / 2, width / 2, count + 1)
    gates = (ys[1:] + ys[:-1])[rng.random(count) < 0.5] / 2
    parts = [
        box((depth / 2, 0, height / 2 - SUNK_M / 2), (depth, width, height + SUNK_M), Material.FACADE),
        boxes(np.c_[np.full(count + 1, -0.15), ys, np.full(count + 1, height / 2)],
              np.full((count + 1, 3), (0.35, 0.4, height)), Material.FACADE),
        box((depth / 2, 0, height + 0.2), (depth + 0.8, width + 0.8, 0.4), Material.ROOF),
    ]  # fmt: skip
    if len(gates):
        parts.append(boxes(np.c_[np.full(len(gates), -0.02), gates, np.full(len(gates), 1.8)],
                           np.full((len(gates), 3), (0.08, 3.4, 3.6)), Material.DOOR))  # fmt: skip
        parts.append(box((-1.2, gates[0], 0.3), (2.4, 3.8, 1.2), Material.WALL))
    return Mesh.joined(parts)


def _body(rng: np.random.Generator, size: tuple[float, float, float], *, floors: int, pitch: float) -> Mesh:
    """Core, floor bands and piers on all four sides; the core shows as windows between them.

    ``size`` is width, depth and height; ``pitch`` the distance between windows.
    """
    width, depth, height = size
    storey = height / floors
    core = box(
        (depth / 2, 0, height / 2 - SUNK_M / 2),
        (depth - 2 * RECESS_M, width - 2 * RECESS_M, height + SUNK_M - 0.1), Material.WINDOW,
    )  # fmt: skip
    sill, head = 0.85 / storey, 0.28 / storey
    bands = (
        [(-SUNK_M / storey, sill)]
        + [(i + 1 - head, i + 1 + sill) for i in range(floors - 1)]
        + [(floors - head, floors)]
    )
    bands_at = np.array([(depth / 2, 0.0, (low + high) / 2 * storey) for low, high in bands])
    bands_size = np.array([(depth, width, (high - low) * storey) for low, high in bands])
    parts = [core, boxes(bands_at, bands_size, Material.FACADE)]
    wide, deep = float(rng.uniform(0.35, 0.6)) * pitch, 2 * RECESS_M
    piers: list[tuple[float, float, float, float]] = []  # x, y, size along x, size along y
    for y in _spread(width, pitch, wide):
        piers += [(x, y, deep, wide) for x in (RECESS_M, depth - RECESS_M)]
    for x in _spread(depth, pitch, wide) + depth / 2:
        piers += [(x, y, wide, deep) for y in (RECESS_M - width / 2, width / 2 - RECESS_M)]
    place = np.array(piers)
    tall = np.full(len(place), height)
    parts.append(boxes(np.c_[place[:, :2], tall / 2], np.c_[place[:, 2:], tall], Material.FACADE))
    return Mesh.joined(parts)


def _spread(length: float, pitch: float, wide: float) -> NDArray[np.float64]:
    """Middles of piers ``wide`` metres across, about ``pitch`` apart, flush with both ends of ``length``."""
    return np.linspace(-length / 2 + wide / 2, length / 2 - wide / 2, max(2, round(length / pitch)) + 1)


def _gable(width: float, depth: float, height: float, rise: float, eaves: float, *, along: bool) -> Mesh:
    """A roof of two slopes, the ridge ``along`` the road or across it, with closed gables."""
    a, b = (width / 2 + eaves, depth / 2 + eaves) if along else (depth / 2 + eaves, width / 2 + eaves)
    points = np.array([(-b, -a, 0), (b, -a, 0), (-b, a, 0), (b, a, 0), (0, -a, rise), (0, a, rise)], dtype=float)
    if not along:
        points = points[:, [1, 0, 2]]
    points += [depth / 2, 0, height - 0.1]
    faces = [[0, 2, 5], [0, 5, 4], [1, 3, 5], [1, 5, 4], [0, 1, 4], [2, 3, 5], [0, 1, 3], [0, 3, 2]]
    return Mesh.of(points, faces, [Material.ROOF] * 4 + [Material.FACADE] * 2 + [Material.ROOF] * 2)


def _steps(y: float, count: int) -> Mesh:
    """Steps up to a door at ``y``, and the door."""
    treads = [
        ((-0.3 * (count - i) + 0.1, y, 0.17 * i / 2 - 0.2), (0.62, 1.4, 0.17 * i + 0.57)) for i in range(1, count + 1)
    ]
    stairs = boxes([center for center, _ in treads], [size for _, size in treads], Material.WALL)
    return Mesh.joined([stairs, box((0.03, y, 0.17 * count + 1.05), (0.1, 1.0, 2.1), Material.DOOR)])
