"""The sheet metal and glass of a car, lofted: a row of cross-sections from nose to tail, closed by curved end panels.

Sections come from ``car_sections``, materials from ``car_panels``.  Nose and tail are not flat: ``_recess`` draws every
point back by how far out and how high it is, the sections near the ends as much as the end panels, so the two meet.

Frame: x forward, y right, z up, the origin on the ground below the box's centre, metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes.car_panels import END_COLUMNS, Style, nose_panels, side_panels, tail_panels
from scanyard.carla_server.shapes.car_sections import (
    COARSE,
    POINTS,
    RAIL,
    Size,
    belt_of,
    coarse_stations,
    sections,
    stations,
    top_of,
)
from scanyard.carla_server.shapes.outlines import Outline
from scanyard.carla_server.surfaces.mesh import Mesh, quads

Floats = NDArray[np.float64]

END_GAP_M = 0.035  # bumpers end so far inside the box; number plates reach it


@dataclass(frozen=True)
class Skin:
    """A lofted body."""

    mesh: Mesh
    outline: Outline
    size: Size

    def top(self, share: float) -> float:
        """Height of the middle line, metres, at a share of the length from the nose."""
        return float(top_of(self.outline, np.array([share]))[0] * self.size[2])

    def belt(self, share: float) -> float:
        """Height of the belt line, metres."""
        return float(belt_of(self.outline, np.array([share]))[0] * self.size[2])

    def x(self, share: float) -> float:
        """Place of a share of the length from the nose."""
        return (0.5 - share) * self.size[0]


def lofted(outline: Outline, size: Size, style: Style, *, coarse: bool = False) -> Skin:
    """The body of a car whose box is ``size`` (length, width, height), metres; ``coarse`` has fewer faces."""
    s = coarse_stations(outline, size) if coarse else stations(outline, size)
    kept = np.array(COARSE if coarse else range(POINTS))
    half_y, half_z, cabin = sections(outline, size, s)
    panels = side_panels(outline, style, s, cabin)[:, kept[:-1]]
    half_y, half_z = half_y[:, kept], half_z[:, kept]
    x = (0.5 - s)[:, None] * size[0] + _recess(outline, size, s[:, None], half_y, half_z)
    x = x + _screen_bow(outline, s, half_y, size) * (kept >= RAIL)
    ring = [np.hstack([part, sign * part[:, -2:0:-1]]) for part, sign in ((x, 1), (half_y, -1), (half_z, 1))]
    rings = np.stack(ring, axis=-1)
    count, columns = rings.shape[:2]
    material = np.hstack([panels, panels[:, ::-1]]).repeat(2, axis=1).ravel()
    hull = Mesh.of(rings.reshape(-1, 3), quads(count, columns, closed=True), material)
    across = np.linspace(-1, 1, END_COLUMNS)[:: 2 if coarse else 1]
    rows = np.ix_(kept[1:-1] - 1, np.array([0, 2, 5, 7] if coarse else range(END_COLUMNS - 1)))
    nose = _end_panel(outline, size, 0.0, (half_y[0], half_z[0], across), material=nose_panels(style)[rows])
    tail = _end_panel(outline, size, 1.0, (half_y[-1], half_z[-1], across), material=tail_panels(style)[rows])
    return Skin(Mesh.joined([hull, nose, tail]), outline, size)


def _recess(outline: Outline, size: Size, s: Floats, y: Floats, z: Floats) -> Floats:
    """How far the rounded ends draw points back (…), metres along x."""
    o, (_, width, height) = outline, size
    out = np.abs(y) / (width / 2)
    up = z / height
    nose, tail = np.clip(1 - s / 0.17, 0, 1) ** 1.3, np.clip(1 - (1 - s) / 0.12, 0, 1) ** 1.2
    bumper_low, bumper_high = 0.27, 0.36
    shelf = o.bumper_m * np.clip((up - bumper_high) / 0.08, 0, 1)
    below = np.clip((bumper_low - up) / 0.14, 0, 1.2) ** 1.5
    above = np.clip((up - bumper_high) / max(o.bonnet_z - bumper_high, 0.05), 0, 1.3) ** 1.5
    nose_m = END_GAP_M + shelf + o.nose_bow_m * out**o.bow_power + o.nose_rake_m * above + 0.14 * below
    above = np.clip((up - bumper_high) / max(o.deck_z - bumper_high, 0.05), 0, 1.3)
    tail_m = END_GAP_M + 0.8 * shelf + o.tail_bow_m * out ** (o.bow_power + 0.4) + o.tail_rake_m * above + 0.18 * below
    return np.asarray(tail * tail_m - nose * nose_m)


def _screen_bow(outline: Outline, s: Floats, y: Floats, size: Size) -> Floats:
    """How far the middle of windscreen and rear window stands before their edges (S, 13), metres."""
    if outline.flat:
        return np.zeros_like(y)
    front = np.interp(s, [outline.cowl - 0.05, outline.cowl, outline.header, outline.header + 0.08], [0, 1, 0.7, 0])
    rear = np.interp(s, [outline.roof_rear - 0.06, outline.roof_rear, outline.rear_base, 1.0], [0, 0.6, 1, 0.0])
    middle = 1 - np.clip(np.abs(y) / (0.4 * size[1]), 0, 1) ** 2
    return np.asarray((0.09 * front - 0.05 * rear)[:, None] * middle)


def _end_panel(
    outline: Outline,
    size: Size,
    s: float,
    section: tuple[Floats, Floats, Floats],
    *,
    material: NDArray[np.uint8],
) -> Mesh:
    """The nose (s = 0) or the tail (s = 1): a sheet between the two halves of the ``section`` there.

    That is y and z of its P points, and where columns stand as shares of y (C,); ``material`` is (P-2, C-1).
    """
    half_y, half_z, across = section
    y = half_y[1:, None] * across
    z = np.broadcast_to(half_z[1:, None], y.shape)
    x = (0.5 - s) * size[0] + _recess(outline, size, np.full_like(y, s), y, z)
    faces = quads(len(half_y) - 1, len(across))
    return Mesh.of(np.stack([x, y, z], axis=-1).reshape(-1, 3), faces, material.repeat(2, axis=1).ravel())
