"""Trucks and buses: cab, box, glass, chassis and wheels.

Frame: x forward, y right, z up, the origin on the ground below the box's centre.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes, quads, tube
from scanyard.randomness import stream

Floats = NDArray[np.float64]


def truck(variant: int, size: Sequence[float]) -> Mesh:
    """A box truck: cab, cargo box, chassis and wheels, filling ``size`` exactly."""
    rng = stream("truck", variant)
    length, width, height = size
    cab = min(2.1, 0.30 * length)
    cab_height = min(height * float(rng.uniform(0.72, 0.92)), 2.9)
    gap, floor = 0.15, min(1.05, 0.36 * height)
    nose = length / 2
    panes = [
        box((nose - 0.02, 0, 0.70 * cab_height), (0.04, 0.86 * width, 0.34 * cab_height), Material.TRUCK_GLASS),
        *(
            box(
                (nose - 0.45 * cab, side * (width / 2 - 0.03), 0.72 * cab_height),
                (0.5 * cab, 0.02, 0.28 * cab_height),
                Material.TRUCK_GLASS,
            )
            for side in (-1, 1)
        ),
    ]
    slope = float(rng.uniform(0.05, 0.30))
    outline = np.array(
        [
            (0.10, 0.42),
            (0.0, 0.55),
            (0.0, 0.30 * cab_height),
            (0.05, 0.52 * cab_height),
            (0.05 + slope, 0.96 * cab_height),
            (0.16 + slope, cab_height),
            (cab, cab_height),
            (cab, 0.42),
        ]
    )
    cab_mesh = _prism(np.c_[nose - outline[:, 0], outline[:, 1]], width * 0.985, Material.TRUCK_PAINT)
    open_bed = rng.random() < 0.25
    bed_top = floor + 0.5 if open_bed else height
    cargo_length = length - cab - gap
    parts = [cab_mesh, *panes]
    parts.append(
        box(
            (-length / 2 + cargo_length / 2, 0, (floor + bed_top) / 2),
            (cargo_length, width, bed_top - floor),
            Material.TRUCK_CARGO,
        )
    )
    parts.append(box((-0.05 * length, 0, floor - 0.18), (0.88 * length, 0.34 * width, 0.24), Material.TRUCK_DARK))
    parts += [box((-length / 2 + 0.06, 0, 0.55), (0.1, 0.9 * width, 0.14), Material.TRUCK_DARK)]
    parts += [box((nose - cab / 2, 0, 0.5), (cab, 0.9 * width, 0.3), Material.TRUCK_DARK)]
    parts += _heavy_wheels(
        [nose - 0.55 * cab, -0.26 * length, *([-0.26 * length - 1.2] if length > 8 else [])], width, Material.TRUCK_DARK
    )
    return Mesh.joined(parts).fitted((-length / 2, -width / 2, 0), (length / 2, width / 2, height))


def bus(size: Sequence[float]) -> Mesh:
    """A city bus with a glass band and seats, filling ``size`` exactly."""
    length, width, height = size
    skin = _prism(
        np.array(
            [
                (length / 2 - 0.10, 0.32),
                (length / 2, 0.6),
                (length / 2 - 0.02, 0.36 * height),
                (length / 2 - 0.22, 0.93 * height),
                (length / 2 - 0.4, height),
                (-length / 2 + 0.2, height),
                (-length / 2, 0.9 * height),
                (-length / 2, 0.4),
            ]
        ),
        width * 0.985,
        Material.BUS_PAINT,
    )
    bays = max(3, int(length / 1.6))
    xs = np.linspace(-length / 2 + 1.0, length / 2 - 1.2, bays)
    pitch = xs[1] - xs[0]
    panes = [
        boxes(
            np.c_[xs, np.full(bays, side * (width / 2 - 0.01)), np.full(bays, 0.64 * height)],
            [(pitch - 0.12, 0.02, 0.36 * height)] * bays,
            Material.BUS_GLASS,
        )
        for side in (-1, 1)
    ]
    panes.append(box((length / 2 - 0.03, 0, 0.62 * height), (0.05, 0.9 * width, 0.42 * height), Material.BUS_GLASS))
    wheels = _heavy_wheels([0.30 * length, -0.26 * length], width, Material.BUS_DARK)
    return Mesh.joined([skin, *panes, *wheels]).fitted((-length / 2, -width / 2, 0), (length / 2, width / 2, height))


def _prism(outline_xz: Floats, width: float, material: Material) -> Mesh:
    """A side outline (K, 2) as x and z, drawn out across ``width`` with slightly rounded flanks."""
    middle = outline_xz.mean(axis=0)
    rows = []
    for y, shrink in ((-0.5, 0.94), (-0.47, 1.0), (0.47, 1.0), (0.5, 0.94)):
        drawn = middle + (outline_xz - middle) * shrink
        rows.append(np.c_[drawn[:, 0], np.full(len(drawn), y * width), drawn[:, 1]])
    count = len(outline_xz)
    caps = [[first, first + i, first + i + 1] for first in (0, 3 * count) for i in range(1, count - 1)]
    faces = np.concatenate([quads(4, count, closed=True), np.array(caps)])
    return Mesh.of(np.concatenate(rows), faces, material)


def _heavy_wheels(axles: Sequence[float], width: float, material: Material) -> list[Mesh]:
    return [
        tube((x, side * (width / 2 - 0.35), 0.5), (x, side * (width / 2 - 0.03), 0.5), 0.5, material, 16)
        for x in axles
        for side in (-1, 1)
    ]
