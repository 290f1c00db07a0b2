"""Trucks and fire engines: a cab over the engine, a chassis, wheels, mirrors, and what they carry (``truck_loads``).

The box is that of the vehicle without its mirrors.  Frame: x forward, y right, z up, the origin on the ground below
the box's centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanyard.carla_server.shapes import vehicles
from scanyard.carla_server.shapes.heavy_wheels import Made, mirror_on_arm, to_size, wheels_on
from scanyard.carla_server.shapes.storeys import FRONT, Level, between, stacked
from scanyard.carla_server.shapes.truck_loads import LOADS, Bed, closed_box, fire_engine
from scanyard.carla_server.shapes.wheels import wheel_mesh, wheel_template
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes, tube
from scanyard.randomness import stream

TRUCK_BODIES = (*LOADS, "articulated", "fire_engine", "wedge")
"""What a truck may be; ``wedge`` is a pickup folded from steel."""
_ARTICULATED_M = 11.0  # a truck as long as this has a trailer


def truck(body: str, variant: int, size: Sequence[float]) -> Made:
    """A truck that fills ``size``, and its wheels; ``body`` is one of ``TRUCK_BODIES``, else ``variant`` decides."""
    length, width, height = size
    if body == "wedge":
        return _steel_pickup(variant, size)
    if body not in TRUCK_BODIES:
        body = "articulated" if length > _ARTICULATED_M else list(LOADS)[variant % len(LOADS)]
    rng = stream("truck", variant)
    radius = min(0.50, 0.17 * height)
    cab = _cab_for(body, size, radius, rng)
    bed = Bed(-length / 2, cab.nose - cab.length - 0.12, 2 * radius + 0.12, width, height)
    if body == "fire_engine":
        beacons = [(cab.nose - 0.9, side * 0.6, cab.height + 0.06) for side in (-1, 1)]
        load = [*fire_engine(bed), boxes(beacons, [(0.30, 0.42, 0.16)] * 2, Material.TRUCK_BEACON_LAMP)]
    else:
        load = closed_box(bed) if body == "articulated" else LOADS[body](bed, rng)
    axles = [cab.axle, *_rear_axles(body, -length / 2, length, radius)]
    wheels = wheels_on(axles, width, radius)
    rim = wheel_template(0, Material.TRUCK_TYRE, Material.TRUCK_RIM_METAL, Material.TRUCK_DARK)
    parts = [*_cab_mesh(cab), *load, *_chassis(bed, radius), *(wheel_mesh(wheel, rim) for wheel in wheels)]
    return to_size(Mesh.joined(parts), size), wheels


@dataclass(frozen=True)
class _Cab:
    nose: float
    """x of its front."""
    length: float
    height: float
    width: float
    wheel_radius: float
    rake: float
    """How far the windscreen leans back, metres."""
    has_crew: bool
    """Whether there is a second row of doors."""

    @property
    def axle(self) -> float:
        return self.nose - min(0.62 * self.length, 1.35)


def _cab_for(body: str, size: Sequence[float], radius: float, rng: np.random.Generator) -> _Cab:
    length, width, height = size
    has_crew = body == "fire_engine"
    share = float(rng.uniform(0.80, 0.94))
    tall = min(height - 0.34, 2.9) if has_crew else height * (0.95 if body == "articulated" else share)
    cab_length = min(0.34 * length, 2.7) if has_crew else min(0.30 * length, 2.1)
    return _Cab(length / 2, cab_length, min(tall, 3.7), width, radius, float(rng.uniform(0.05, 0.22)), has_crew)


def _rear_axles(body: str, rear: float, length: float, radius: float) -> list[float]:
    if body == "articulated":
        return [rear + length - 4.6, *(rear + 1.6 + number * (2 * radius + 0.3) for number in range(3))]
    first = rear + 0.24 * length
    return [first] if length < 8.0 else [first, first - 2 * radius - 0.12]


def _cab_mesh(cab: _Cab) -> list[Mesh]:
    """Bowed front, raked screen, doors with windows, an arch over the wheel, and what is inside and outside."""
    nose, rear, half, height, rake = cab.nose, cab.nose - cab.length, 0.49 * cab.width, cab.height, cab.rake
    belt, lintel, low = 0.52 * height, 0.83 * height, 0.75 * cab.wheel_radius
    levels = [
        Level(low, nose - 0.06, rear, 0.97 * half, 0.10),
        Level(low + 0.18, nose, rear, half, 0.10),
        Level(0.36 * height, nose, rear, half, 0.12),
        Level(belt, nose - 0.02, rear, half, 0.14),
        Level(lintel, nose - 0.02 - rake, rear, 0.985 * half, 0.12),
        Level(0.95 * height, nose - 0.10 - 1.4 * rake, rear, 0.95 * half, 0.10),
        Level(height, nose - 0.30 - 1.6 * rake, rear + 0.05, 0.86 * half, 0.05),
    ]
    windows = [(nose - 1.15, nose - 0.38), *([(nose - 2.15, nose - 1.30)] if cab.has_crew else [])]
    arch = (cab.axle - 1.15 * cab.wheel_radius, cab.axle + 1.15 * cab.wheel_radius)
    stations = {nose - 0.30, nose - 1.25, *arch, *(x for window in windows for x in window)}
    body = stacked(levels, sorted((x for x in stations if x > rear + 0.15), reverse=True))
    panels = body.panels(Material.TRUCK_PAINT)
    panels[0] = Material.TRUCK_DARK
    front = np.flatnonzero(body.part == FRONT)
    panels[3, front] = Material.TRUCK_GLASS
    for start, stop in windows:
        panels[3, between(body, start, stop)] = Material.TRUCK_GLASS
    panels[1, front] = Material.TRUCK_DARK
    panels[1, front[[2, -3]]] = Material.TRUCK_LAMP
    panels[2, front[[0, 1, -2, -1]]] = Material.TRUCK_DARK
    open_arch = np.zeros_like(panels, dtype=bool)
    open_arch[:2, between(body, *arch)] = True
    return [body.mesh(panels, Material.TRUCK_PAINT, open_arch), *_inside(cab, half, belt), *_outside(cab, half, lintel)]


def _inside(cab: _Cab, half: float, belt: float) -> list[Mesh]:
    """Dashboard, two seats, steering wheel, and the upper half of a driver."""
    nose, seat_y, inside = cab.nose, 0.52 * half, Material.TRUCK_INTERIOR
    wheel = np.array([nose - 0.72, -seat_y, belt + 0.05])
    return [
        box((nose - 0.5, 0, belt - 0.12), (0.5, 1.8 * half, 0.2), inside),
        boxes([(nose - 1.35, side * seat_y, belt + 0.05) for side in (-1, 1)], [(0.18, 0.5, 0.75)] * 2, inside),
        tube(wheel, wheel + np.array([0.02, 0, 0.03]), 0.22, inside, 8),
        tube((nose - 1.17, -seat_y, belt - 0.1), (nose - 1.19, -seat_y, belt + 0.38), (0.17, 0.20), inside, 7),
        tube((nose - 1.15, -seat_y, belt + 0.40), (nose - 1.17, -seat_y, belt + 0.64), (0.10, 0.09), inside, 6),
    ]


def _outside(cab: _Cab, half: float, lintel: float) -> list[Mesh]:
    """Mirrors, steps and the number plate."""
    nose, low = cab.nose, 0.75 * cab.wheel_radius
    parts = [box((nose - 0.03, 0, low + 0.12), (0.06, 0.52, 0.11), Material.TRUCK_PLATE)]
    for side in (-1, 1):
        root, tip = (
            (nose - 0.25, side * (half - 0.02), lintel + 0.02),
            (nose - 0.12, side * (half + 0.14), lintel - 0.02),
        )
        parts += [
            *mirror_on_arm(root, tip, (0.08, 0.20, 0.42), Material.TRUCK_MIRROR, Material.TRUCK_MIRROR_SHELL),
            box((nose - 0.85, side * (half - 0.06), low + 0.05), (0.30, 0.10, 0.05), Material.TRUCK_DARK),
        ]
    return parts


def _chassis(bed: Bed, radius: float) -> list[Mesh]:
    """The frame, side guards, under-run bar, lamps and plate."""
    dark = Material.TRUCK_DARK
    frame = ((bed.front + bed.rear) / 2 + 0.3, 0, bed.floor - 0.14)
    guard_x = 0.45 * bed.front + 0.55 * bed.rear + 0.6
    guards = [
        (guard_x, side * (bed.width / 2 - 0.08), z) for side in (-1, 1) for z in (0.5 * radius + 0.2, bed.floor - 0.2)
    ]
    lamps = [(bed.rear + 0.02, side * 0.38 * bed.width, bed.floor - 0.16) for side in (-1, 1)]
    return [
        box(frame, (bed.length + 0.5, 0.36 * bed.width, 0.22), dark),
        boxes(guards, [(0.38 * bed.length, 0.03, 0.10)] * 4, dark),
        box((bed.rear + 0.06, 0, 0.5), (0.10, 0.92 * bed.width, 0.12), dark),
        boxes(lamps, [(0.06, 0.36, 0.13)] * 2, Material.TRUCK_TAIL_LAMP),
        box((bed.rear + 0.01, 0, bed.floor - 0.2), (0.02, 0.52, 0.11), Material.TRUCK_PLATE),
    ]


_TRUCK_FOR_CAR = {
    Material.CAR_PAINT: Material.TRUCK_STEEL_METAL, Material.CAR_GLASS: Material.TRUCK_GLASS,
    Material.CAR_TINTED_GLASS: Material.TRUCK_GLASS, Material.CAR_DARK: Material.TRUCK_DARK,
    Material.CAR_INTERIOR: Material.TRUCK_INTERIOR, Material.CAR_LAMP: Material.TRUCK_LAMP,
    Material.CAR_TAIL_LAMP: Material.TRUCK_TAIL_LAMP, Material.CAR_MIRROR: Material.TRUCK_MIRROR,
    Material.CAR_TYRE: Material.TRUCK_TYRE, Material.CAR_RIM_METAL: Material.TRUCK_RIM_METAL,
    Material.CAR_PLATE: Material.TRUCK_PLATE, Material.CAR_MIRROR_SHELL: Material.TRUCK_MIRROR_SHELL,
    Material.OCCUPANT: Material.TRUCK_INTERIOR,
    Material.OCCUPANT_SKIN: Material.TRUCK_INTERIOR,
}  # fmt: skip
"""What a truck's part is called that a car has, too: the semantic tag is the material's."""


def _steel_pickup(variant: int, size: Sequence[float]) -> Made:
    mesh = vehicles.car("wedge", variant, size, vehicles.Equipment(crew=True))
    table = np.arange(256, dtype=np.uint8)
    for car_material, truck_material in _TRUCK_FOR_CAR.items():
        table[car_material] = truck_material
    return Mesh(mesh.vertices, mesh.faces, table[mesh.material]), vehicles.wheels_of("wedge", variant, size)
