"""What is behind the glass: seats, dashboard, steering wheel, floor, and whoever sits there.

LiDARs see it: a few returns deep in the cabin are what tells a car from a box.  The driver sits on the left, y < 0.
Frame: the vehicle's; x forward, y right, z up, metres.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanyard.carla_server.shapes.bodywork import Skin
from scanyard.carla_server.shapes.car_sections import SIDE
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes, ellipsoid, tube

SEAT_PITCH_M = 0.80  # from one row to the next


def cabin(skin: Skin, *, occupants: Sequence[int] = (), material: Material = Material.CAR_INTERIOR) -> Mesh:
    """Everything inside; ``occupants`` are the seats taken: 0 the driver's, 1 beside it, 2 and 3 behind them."""
    outline, (length, width, height) = skin.outline, skin.size
    half = SIDE * width / 2
    hip = min(0.36 * height + 0.02, 1.0 if outline.clearance < 0.2 else 1.1)
    room = outline.roof_z * height - hip  # from the seat to the roof
    shoulder, head = hip + min(0.52, 0.58 * room), hip + min(0.70, 0.78 * room)
    dash_x = skin.x(outline.cowl + 0.055)
    dash_front = min(dash_x + 0.28, length / 2 - 0.18 - outline.nose_bow_m * 0.6 - outline.nose_rake_m)
    dash_x = min(dash_x, dash_front)
    front_x = dash_x - 0.72
    last_x = skin.x(outline.roof_rear) + 0.10
    rows = [front_x]
    while len(rows) < outline.seats and rows[-1] - SEAT_PITCH_M > last_x - 0.25:
        rows.append(rows[-1] - SEAT_PITCH_M)
    seat_y = 0.44 * half
    parts = [
        box(((dash_front + dash_x - 0.14) / 2, 0.0, skin.belt(outline.cowl) - 0.10),
            (dash_front - dash_x + 0.14, 1.6 * half, 0.16), material),
        box((skin.x(0.55), 0.0, 0.24 * height), (0.52 * length, 1.5 * half, 0.03), material),
    ]  # fmt: skip
    for number, row in enumerate(rows):
        sides = (-1.0, 1.0)
        bench = number > 0
        if bench:
            parts += _seat(row, 0.0, 1.5 * half, hip=hip, shoulder=shoulder - 0.05, material=material)
        for side in sides:
            if not bench:
                parts += _seat(row, side * seat_y, 0.62 * half, hip=hip, shoulder=shoulder, material=material)
            parts.append(box((row - 0.24, side * seat_y, shoulder + 0.07), (0.09, 0.25, 0.15), material))
    rim = np.array([dash_x - 0.20, -seat_y, skin.belt(outline.cowl) - 0.02])
    parts.append(_steering_wheel(rim, material))
    for seat in occupants:
        if seat // 2 < len(rows):
            side = -1.0 if seat % 2 == 0 else 1.0
            parts.append(_occupant(rows[seat // 2], side * seat_y, hip, shoulder, head))
    return Mesh.joined(parts)


def seats_alone(skin: Skin) -> Mesh:
    """The two rows of seats as a box each: all that is worth drawing from afar."""
    (_, width, height), outline = skin.size, skin.outline
    front, rear = skin.x(outline.cowl + 0.055) - 0.80, skin.x(outline.roof_rear) + 0.20
    rows = [front] if front - rear < 0.5 or outline.seats < 2 else [front, rear]
    tall = 0.42 * height
    middles = [(x, side * 0.21 * width, 0.34 * height + tall / 2) for x in rows for side in (-1, 1)]
    return boxes(middles, [(0.20, 0.28 * width, tall)] * len(middles), Material.CAR_INTERIOR)


def _seat(x: float, y: float, width: float, *, hip: float, shoulder: float, material: Material) -> list[Mesh]:
    """A cushion and a back that leans 15 degrees to the rear."""
    tall = shoulder - hip + 0.12
    back = box((0.0, 0.0, tall / 2), (0.12, width, tall), material).moved((x - 0.12, y, hip - 0.10), pitch=0.26)
    return [box((x + 0.14, y, hip - 0.09), (0.50, width, 0.14), material), back]


def _steering_wheel(center: np.ndarray[tuple[int], np.dtype[np.float64]], material: Material) -> Mesh:
    """A ring of flat pieces that faces the driver, and its column."""
    angle = np.arange(9) * 2 * np.pi / 8
    ring = np.stack([-0.35 * np.sin(angle), np.cos(angle), 0.94 * np.sin(angle)], axis=1)
    sheet = np.concatenate([center + 0.19 * ring, center + 0.155 * ring])
    first = np.arange(8)
    faces = np.concatenate([np.stack([first, first + 1, first + 10], 1), np.stack([first, first + 10, first + 9], 1)])
    column = tube(center, center + np.array([0.25, 0.0, -0.10]), 0.03, material, 4)
    return Mesh.joined([Mesh.of(sheet, faces, material), column])


def _occupant(x: float, y: float, hip: float, shoulder: float, head: float) -> Mesh:
    """Someone from the thighs up, belted into the seat at x, y."""
    chest = np.array([x - 0.11, y, shoulder - 0.06])
    low = np.array([x + 0.02, y, hip])
    parts = [
        tube(low, chest, (0.15, 0.18), Material.OCCUPANT, 7),
        tube(chest, chest + np.array([-0.02, 0.0, 0.10]), (0.18, 0.06), Material.OCCUPANT, 7),
        ellipsoid((x - 0.12, y, head), (0.10, 0.08, 0.12), Material.OCCUPANT_SKIN, 7, 5),
        *(tube((x - 0.06, y + side * 0.19, shoulder - 0.07), (x + 0.32, y + side * 0.14, shoulder - 0.22), 0.045,
               Material.OCCUPANT, 4) for side in (-1, 1)),
    ]  # fmt: skip
    return Mesh.joined(parts)
