"""Boxes, strips and other pieces gathered one by one and drawn at once: most of what people build is made of boxes.

Drawing a box by itself takes as long as drawing a hundred, so whatever has many is gathered here first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, boxes, tube

Span = tuple[float, float]
Point = Sequence[float]


class Blocks:
    """A thing being put together; every method returns it, so that pieces can be written one after the other."""

    def __init__(self) -> None:
        self._middle: list[tuple[float, float, float]] = []
        self._size: list[tuple[float, float, float]] = []
        self._material: list[int] = []
        self._strips: list[tuple[Point, Point, Point]] = []
        self._strip_material: list[int] = []
        self._others: list[Mesh] = []

    def box(self, material: Material, x: Span, y: Span, z: Span) -> Blocks:
        """A box from corner to corner; spans may run either way."""
        self._middle.append(((x[0] + x[1]) / 2, (y[0] + y[1]) / 2, (z[0] + z[1]) / 2))
        self._size.append((abs(x[1] - x[0]), abs(y[1] - y[0]), abs(z[1] - z[0])))
        self._material.append(material)
        return self

    def strip(self, material: Material, start: Point, end: Point, half: Point) -> Blocks:
        """A flat strip from ``start`` to ``end`` (3,), as far as ``half`` (3,) to either side: thin things one sees."""
        self._strips.append((start, end, half))
        self._strip_material.append(material)
        return self

    def rod(
        self, material: Material, start: Point, end: Point, radii: float | tuple[float, float], sides: int = 5
    ) -> Blocks:
        """A tube, which may taper."""
        self._others.append(tube(start, end, radii, material, sides))
        return self

    def put(self, *meshes: Mesh) -> Blocks:
        """Pieces drawn elsewhere."""
        self._others += meshes
        return self

    def mesh(self) -> Mesh:
        """All pieces in one mesh."""
        parts = list(self._others)
        if self._middle:
            drawn = boxes(self._middle, self._size, Material.WALL)
            parts.append(Mesh(drawn.vertices, drawn.faces, np.repeat(np.array(self._material, np.uint8), 12)))
        if self._strips:
            start, end, half = (np.array([strip[i] for strip in self._strips], float) for i in range(3))
            corners = np.stack([start - half, start + half, end + half, end - half], axis=1)
            faces = np.array([[0, 1, 2], [0, 2, 3]])[None] + 4 * np.arange(len(start))[:, None, None]
            parts.append(Mesh.of(corners, faces, np.repeat(np.array(self._strip_material, np.uint8), 2)))
        return Mesh.joined(parts)


def lathe(profile: Sequence[tuple[float, float]], material: Material, sides: int = 10, *, closed: bool = False) -> Mesh:
    """A body turned about the z axis, through (radius, height) points; ``closed`` joins the last to the first."""
    points = np.array([*profile, profile[0]] if closed else profile, dtype=float)
    angle = np.arange(sides) * 2 * np.pi / sides
    rows = np.stack(
        [points[:, 0, None] * np.cos(angle), points[:, 0, None] * np.sin(angle),
         np.repeat(points[:, 1, None], sides, axis=1)], axis=-1,
    )  # fmt: skip
    i, j = np.meshgrid(np.arange(len(points) - 1), np.arange(sides), indexing="ij")
    a, b = i * sides + j, i * sides + (j + 1) % sides
    faces = np.stack([a, b, b + sides, a, b + sides, a + sides], axis=-1).reshape(-1, 3)
    return Mesh.of(rows.reshape(-1, 3), faces, material)
