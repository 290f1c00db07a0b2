"""Buses, built up storey by storey: windows all round, doors to the right, seats, a sign over the screen.

The box is that of the bus without its mirrors.  Frame: x forward, y right, z up, the origin on the ground below the
box's centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes.heavy_wheels import Made, mirror_on_arm, to_size, wheels_on
from scanyard.carla_server.shapes.storeys import FRONT, REAR, Level, Storeys, between, stacked
from scanyard.carla_server.shapes.wheels import wheel_mesh, wheel_template
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes, tube
from scanyard.randomness import stream

_POST_M = 0.045  # half width of the posts between windows
_WINDOWS, _LOWER, _SIGN = 3, (1, 2), 4
"""Storeys: of the windows, of the panels below them, of the sign above the windscreen."""


def bus(variant: int, size: Sequence[float]) -> Made:
    """A bus that fills ``size``, and its wheels."""
    length, width, height = size
    nose, rear, half = length / 2, -length / 2, 0.495 * width
    radius = float(np.clip(0.155 * height, 0.34, 0.48))
    axles = [nose - 0.235 * length, rear + 0.28 * length]
    posts = np.linspace(nose - 0.65, rear + 0.35, max(4, round((length - 1.2) / 1.55)) + 1)
    rake = float(stream("bus", variant).uniform(0.05, 0.25))
    levels = [
        Level(0.32, nose - 0.10, rear + 0.05, 0.97 * half, 0.10),
        Level(0.44, nose, rear, half, 0.12),
        Level(2 * radius + 0.10, nose, rear, half, 0.14),
        Level(0.40 * height, nose - 0.02, rear, half, 0.16),
        Level(0.80 * height, nose - 0.04 - rake, rear + 0.04, 0.985 * half, 0.14),
        Level(0.93 * height, nose - 0.10 - 1.3 * rake, rear + 0.08, 0.965 * half, 0.12),
        Level(height, nose - 0.35 - 1.3 * rake, rear + 0.25, 0.84 * half, 0.10),
    ]
    arches = [(axle - 1.12 * radius, axle + 1.12 * radius) for axle in axles]
    stations = {*(posts + _POST_M).tolist(), *(posts - _POST_M).tolist(), *(x for arch in arches for x in arch)}
    body = stacked(levels, sorted(stations, reverse=True))
    panels = _panels(body, posts)
    holes = np.zeros_like(panels, dtype=bool)
    for arch in arches:
        holes[:2, between(body, *arch)] = True
    wheels = wheels_on(axles, width, radius)
    rim = wheel_template(0, Material.BUS_TYRE, Material.BUS_RIM_METAL, Material.BUS_DARK)
    parts = [
        body.mesh(panels, Material.BUS_PAINT, holes),
        *_inside(length, height, half),
        *_outside(length, height, half),
        *(wheel_mesh(wheel, rim) for wheel in wheels),
    ]
    return to_size(Mesh.joined(parts), size), wheels


def _panels(body: Storeys, posts: NDArray[np.float64]) -> NDArray[np.uint8]:
    panels = body.panels(Material.BUS_PAINT)
    panels[0] = Material.BUS_DARK
    glazed = (body.part == FRONT) | (body.part == REAR)
    for start, stop in pairwise(posts):
        glazed |= between(body, stop + _POST_M, start - _POST_M)
    panels[_WINDOWS, glazed] = Material.BUS_GLASS
    front, back = np.flatnonzero(body.part == FRONT), np.flatnonzero(body.part == REAR)
    panels[_LOWER[1], front] = Material.BUS_GLASS
    panels[_SIGN, front] = Material.BUS_SIGN
    panels[_LOWER[0], front[[2, -3]]] = Material.BUS_LAMP
    panels[_LOWER[1], back[[0, -1]]] = Material.BUS_TAIL_LAMP
    columns = body.rings.shape[1]
    to_the_right = np.arange(columns) < columns // 2
    for door in (0, (len(posts) - 1) // 2):  # glass from step to lintel
        leaf = between(body, posts[door + 1] + _POST_M, posts[door] - _POST_M) & to_the_right
        panels[_LOWER[0] : _WINDOWS + 1, leaf] = Material.BUS_GLASS
    return panels


def _inside(length: float, height: float, half: float) -> list[Mesh]:
    """Floor, seats in pairs, and the driver's place."""
    nose, floor, material = length / 2, 0.62 if height > 2.9 else 0.75, Material.BUS_INTERIOR
    rows = np.arange(nose - 2.2, -nose + 0.6, -0.85)
    seats = np.array([(x, side * 0.56 * half, floor + 0.55) for x in rows for side in (-1, 1)])
    cushions = seats + np.array([0.25, 0.0, -0.17])
    return [
        box((0, 0, floor), (0.94 * length, 1.86 * half, 0.06), material),
        boxes(seats, [(0.12, 0.78, 0.85)] * len(seats), material),
        boxes(cushions, [(0.42, 0.78, 0.10)] * len(seats), material),
        box((nose - 0.6, 0, 0.40 * height - 0.06), (0.4, 1.7 * half, 0.2), material),
        box((nose - 1.3, -0.5 * half, floor + 0.6), (0.14, 0.5, 0.9), material),
        tube(
            (nose - 1.15, -0.5 * half, floor + 0.3), (nose - 1.18, -0.5 * half, floor + 0.85), (0.17, 0.2), material, 7
        ),
        tube(
            (nose - 1.14, -0.5 * half, floor + 0.88), (nose - 1.16, -0.5 * half, floor + 1.12), (0.1, 0.09), material, 6
        ),
    ]


def _outside(length: float, height: float, half: float) -> list[Mesh]:
    """Air conditioning on the roof, plates, and mirrors on arms."""
    nose, lintel = length / 2, 0.80 * height
    parts = [
        box((-0.15 * length, 0, height - 0.09), (0.22 * length, 1.2 * half, 0.16), Material.BUS_PAINT),
        boxes([(nose - 0.02, 0, 0.62), (0.02 - nose, 0, 0.62)], [(0.06, 0.52, 0.11)] * 2, Material.BUS_PLATE),
    ]
    for side in (-1, 1):
        root, tip = (nose - 0.25, side * (half - 0.1), 0.9 * height), (nose - 0.05, side * (half + 0.14), lintel - 0.1)
        parts += mirror_on_arm(root, tip, (0.10, 0.20, 0.36), Material.BUS_MIRROR, Material.BUS_MIRROR_SHELL)
    return parts
