"""Wheels: a tyre with rounded shoulders, and in it a dished rim whose spokes leave gaps that a LiDAR sees into.

The template's axis is y, its outer face towards +y; radius 1, width 1.  Frame: x forward, y right, z up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, quads


@dataclass(frozen=True)
class Wheel:
    """Where a wheel is."""

    center: tuple[float, float, float]
    """In the vehicle's frame, metres."""
    radius_m: float
    width_m: float
    steers: bool


@cache
def wheel_template(spokes: int, tyre: Material, rim: Material, dark: Material, *, sides: int = 14) -> Mesh:
    """A wheel with ``spokes`` spokes, or a plain disc with 0; ``sides`` says how round it is."""
    angle = np.arange(sides) * 2 * np.pi / sides - np.pi / 2  # a corner stands on the ground
    ring = np.stack([np.cos(angle), np.zeros(sides), np.sin(angle)], axis=1)

    def rings(radii: Iterable[float], offsets: Iterable[float], material: Material) -> Mesh:
        rows = [r * ring + np.array([0.0, y, 0.0]) for r, y in zip(radii, offsets, strict=True)]
        return Mesh.of(np.concatenate(rows), quads(len(rows), sides, closed=True), material)

    if sides < 10:  # too coarse for a section
        return Mesh.joined([rings((1.0, 1.0, 0.66), (-0.4, 0.45, 0.45), tyre), rings((0.66, 0.02), (0.45, 0.4), rim)])
    parts = [
        rings((0.93, 1.0, 1.0, 0.93, 0.66), (-0.5, -0.36, 0.36, 0.5, 0.46), tyre),
        rings((0.66, 0.60, 0.10), (0.46, 0.30, 0.22) if spokes else (0.46, 0.44, 0.50), dark if spokes else rim),
    ]
    if spokes:
        turn = np.arange(spokes) * 2 * np.pi / spokes
        reach = np.array([[0.10, 0.40], [0.64, 0.42]])
        half = 0.55 / spokes + 0.05
        corners = []
        for a in turn:
            along, aside = np.array([np.cos(a), 0, np.sin(a)]), np.array([-np.sin(a), 0, np.cos(a)])
            corners.append([r * along + np.array([0, y, 0]) + side * (half * (0.75 + 0.5 * r)) * aside
                            for r, y in reach for side in (-1, 1)])  # fmt: skip
        faces = np.array([[0, 1, 3], [0, 3, 2]])[None] + 4 * np.arange(spokes)[:, None, None]
        parts.append(Mesh.of(np.concatenate(corners), faces, rim))
    return Mesh.joined(parts)


def wheel_mesh(wheel: Wheel, template: Mesh) -> Mesh:
    """The wheel in its place; the outer face looks away from the vehicle's middle."""
    outwards = 1.0 if wheel.center[1] >= 0 else -1.0
    scale = np.array([wheel.radius_m, outwards * wheel.width_m, wheel.radius_m])
    vertices = template.vertices * scale + np.asarray(wheel.center)
    return Mesh(vertices.astype(np.float32), template.faces, template.material)
