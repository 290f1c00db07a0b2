"""What stands on a truck's chassis: boxes, canvas covers, drop sides, tanks, a fire engine's lockers.

Frame: the truck's; x forward, y right, z up, metres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scanyard.carla_server.shapes.storeys import CORNER, Level, stacked
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes, tube


@dataclass(frozen=True)
class Bed:
    """The room behind a cab."""

    rear: float
    front: float
    """x of its ends."""
    floor: float
    """Height of the chassis."""
    width: float
    height: float
    """Of the whole truck."""

    @property
    def middle(self) -> float:
        """x."""
        return (self.rear + self.front) / 2

    @property
    def length(self) -> float:
        """From end to end."""
        return self.front - self.rear


def _tanker(bed: Bed, _rng: np.random.Generator) -> list[Mesh]:
    steel = Material.TRUCK_STEEL_METAL
    axis, radius = (bed.floor + bed.height) / 2, (bed.height - bed.floor) / 2
    near, far = bed.rear + 0.25, bed.front - 0.1
    drum = Mesh.joined(
        [
            tube((near, 0, axis), (far, 0, axis), radius, steel, 18),
            tube((bed.rear, 0, axis), (near, 0, axis), (0.7 * radius, radius), steel, 18),
        ]
    )
    stretch = np.array([1.0, 0.49 * bed.width / radius, 1.0])  # tanks are wider than they are high
    rungs = np.arange(bed.floor, bed.height, 0.3)
    return [
        Mesh((drum.vertices * stretch).astype(np.float32), drum.faces, drum.material),
        boxes([(bed.rear + 0.1, 0, z) for z in rungs], [(0.04, 0.45, 0.03)] * len(rungs), steel),
        box((bed.middle, 0, bed.floor - 0.02), (bed.length, 0.5 * bed.width, 0.1), Material.TRUCK_DARK),
    ]


def _open_bed(bed: Bed, rng: np.random.Generator, wall_m: float) -> list[Mesh]:
    wall = min(wall_m, bed.height - bed.floor)
    ends = ((bed.rear + 0.03, wall), (bed.front - 0.03, bed.height - bed.floor))
    middles = [(bed.middle, side * (bed.width / 2 - 0.03), bed.floor + wall / 2) for side in (-1, 1)]
    sizes = [(bed.length, 0.06, wall)] * 2
    middles += [(x, 0.0, bed.floor + tall / 2) for x, tall in ends]
    sizes += [(0.06, bed.width, tall) for _, tall in ends]
    parts = [
        boxes(middles, sizes, Material.TRUCK_PAINT),
        box((bed.middle, 0, bed.floor + 0.03), (bed.length, bed.width, 0.06), Material.TRUCK_DARK),
    ]
    if rng.random() < 0.6:
        pile = 0.7 * (bed.height - bed.floor)
        middle = (bed.middle - 0.1 * bed.length, 0, bed.floor + pile / 2)
        parts.append(box(middle, (0.5 * bed.length, 0.7 * bed.width, pile), Material.TRUCK_CARGO))
    return parts


def closed_box(bed: Bed, material: Material = Material.TRUCK_CARGO, *, bulge: float = 0.0) -> list[Mesh]:
    """A box body with rounded edges, marked at its corners; ``bulge`` draws its flanks in, as canvas does."""
    half = bed.width / 2
    levels = [
        Level(bed.floor - 0.02, bed.front, bed.rear, half, 0.0, 0.03),
        Level(bed.floor + 0.12, bed.front, bed.rear, half, 0.0, 0.03),
        Level((bed.floor + bed.height) / 2, bed.front, bed.rear, half * (1 - bulge), 0.0, 0.03),
        Level(bed.height - 0.06, bed.front, bed.rear, half, 0.0, 0.03),
        Level(bed.height, bed.front - 0.03, bed.rear + 0.03, half - 0.03, 0.0, 0.03),
    ]
    posts = np.linspace(bed.front, bed.rear, max(3, int(bed.length / 1.6)))[1:-1]
    hull = stacked(levels, posts.tolist())
    panels = hull.panels(material)
    panels[0] = Material.TRUCK_DARK
    panels[0, hull.part == CORNER] = Material.TRUCK_MARKING
    bars = [(bed.rear - 0.005, side * 0.25 * bed.width, (bed.floor + bed.height) / 2) for side in (-1, 1)]
    lock = (0.012, 0.03, 0.8 * (bed.height - bed.floor))
    return [hull.mesh(panels, material), boxes(bars, [lock] * 2, Material.TRUCK_DARK)]


def fire_engine(bed: Bed) -> list[Mesh]:
    """Lockers behind roller shutters, a ladder on top, beacons, a reflecting stripe."""
    steel = Material.TRUCK_STEEL_METAL
    top = bed.height - 0.28
    tall = top - bed.floor
    parts = [box((bed.middle, 0, (bed.floor + top) / 2), (bed.length, 0.985 * bed.width, tall), Material.TRUCK_PAINT)]
    bays = np.linspace(bed.rear + 0.1, bed.front - 0.1, 4)
    pitch = bays[1] - bays[0]
    ladder_z, near, far = bed.height - 0.05, bed.rear + 0.2, bed.front + 1.2
    for side in (-1, 1):
        shutters = [(x + pitch / 2, side * bed.width / 2, (bed.floor + top) / 2 + 0.1) for x in bays[:-1]]
        stripe = (bed.middle, side * bed.width / 2, bed.floor + 0.06)
        parts += [
            boxes(shutters, [(pitch - 0.12, 0.02, 0.72 * tall)] * 3, steel),
            box(stripe, (bed.length, 0.016, 0.12), Material.TRUCK_MARKING),
            tube((near, side * 0.22, ladder_z), (far, side * 0.22, ladder_z), 0.04, steel, 5),
        ]
    rungs = np.linspace(near + 0.1, far - 0.1, 14)
    posts = [(x, y, (top + bed.height) / 2 - 0.05) for x in (bed.rear + 0.4, bed.front - 0.3) for y in (-0.22, 0.22)]
    return [
        *parts,
        boxes([(x, 0, ladder_z) for x in rungs], [(0.03, 0.42, 0.03)] * len(rungs), steel),
        boxes(posts, [(0.05, 0.05, bed.height - top)] * 4, steel),
        box((bed.rear + 0.3, 0.35 * bed.width, ladder_z), (0.25, 0.25, 0.1), Material.TRUCK_BEACON_LAMP),
    ]


LOADS: dict[str, Callable[[Bed, np.random.Generator], list[Mesh]]] = {
    "box": lambda bed, _rng: closed_box(bed),
    "canvas": lambda bed, _rng: closed_box(bed, Material.TRUCK_CANVAS, bulge=0.015),
    "tipper": lambda bed, rng: _open_bed(bed, rng, 0.95),
    "flatbed": lambda bed, rng: _open_bed(bed, rng, 0.45),
    "tanker": _tanker,
}
"""What an ordinary truck may carry."""
