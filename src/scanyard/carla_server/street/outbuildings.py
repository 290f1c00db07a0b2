"""What stands beside houses and halls: garages, car ports, sheds, towers.

Frame: x away from the road, y along it, z up; the origin is the middle of the front at ground level.
"""

from __future__ import annotations

import numpy as np

from scanyard.carla_server.shapes.blocks import Blocks
from scanyard.carla_server.street.buildings import gable
from scanyard.carla_server.street.items import FAR_M, Kind, Layer
from scanyard.carla_server.surfaces.materials import Material, Tag
from scanyard.carla_server.surfaces.mesh import Mesh, tube
from scanyard.randomness import stream


def _garage(variant: int) -> Mesh:
    """A garage or car port, 3 m by 5.5 m, its gate to the road."""
    rng = stream("garage", variant)
    blocks = Blocks()
    wide, deep, tall = float(rng.uniform(2.9, 3.4)), float(rng.uniform(5.2, 6.2)), float(rng.uniform(2.35, 2.8))
    if variant % 3 == 2:
        for x in (0.1, deep - 0.1):
            for y in (-wide / 2 + 0.1, wide / 2 - 0.1):
                blocks.box(Material.FRAME, (x - 0.07, x + 0.07), (y - 0.07, y + 0.07), (-0.3, tall))
    else:
        for side in (-1, 1):
            blocks.box(Material.FACADE, (0.0, deep), (side * wide / 2, side * (wide / 2 - 0.2)), (-0.5, tall))
        blocks.box(Material.FACADE, (deep - 0.2, deep), (-wide / 2, wide / 2), (-0.5, tall))
        blocks.box(Material.FACADE, (0.0, 0.25), (-wide / 2, wide / 2), (tall - 0.35, tall))
        blocks.box(Material.DOOR, (0.14, 0.2), (-wide / 2, wide / 2), (0.0, tall - 0.3))
        for z in np.arange(0.4, tall - 0.4, 0.45):
            blocks.box(Material.DOOR, (0.11, 0.2), (-wide / 2 + 0.2, wide / 2 - 0.2), (z, z + 0.05))
    blocks.box(Material.ROOF, (-0.25, deep + 0.15), (-wide / 2 - 0.15, wide / 2 + 0.15), (tall, tall + 0.16))
    return blocks.mesh()


def _shed(variant: int) -> Mesh:
    """A garden shed, a summer house or a small barn."""
    rng = stream("shed", variant)
    wide, deep, tall = float(rng.uniform(1.8, 3.6)), float(rng.uniform(1.6, 3.0)), float(rng.uniform(1.8, 2.3))
    blocks = Blocks()
    blocks.box(Material.DOOR, (0.0, deep), (-wide / 2, wide / 2), (-0.3, tall))
    for y in np.arange(-wide / 2, wide / 2, 0.3):
        blocks.box(Material.DOOR, (-0.025, 0.0), (y, y + 0.14), (0.0, tall))
    blocks.box(Material.WINDOW, (-0.03, 0.0), (0.15 * wide, 0.4 * wide), (1.0, 1.5))
    roof = gable(wide, deep, tall, float(rng.uniform(0.4, 0.9)), 0.15, along=bool(variant % 2))
    return Mesh.joined([blocks.mesh(), roof])


def _tower(variant: int) -> Mesh:
    """Something tall: a water tower, a silo, a chimney."""
    rng = stream("tower", variant)
    height, radius = float(rng.uniform(9, 18)), float(rng.uniform(1.2, 3.0))
    if variant % 3 == 0:
        return tube((radius, 0, -1), (radius, 0, height), radius, Material.FACADE, 14)
    parts = [tube((radius, 0, height - 3.5), (radius, 0, height), radius, Material.FACADE, 12)]
    for x, y in ((0.4, 0.4), (1.6, 0.4), (0.4, -0.4), (1.6, -0.4)):
        parts.append(
            tube(
                (radius * x, radius * y * 1.5, -1),
                (radius * x, radius * y * 1.5, height - 3.4),
                0.16,
                Material.FACADE,
                6,
            )
        )
    return Mesh.joined(parts)


GARAGE = Kind("Garage", _garage, 9, Tag.BUILDINGS, Layer.BUILDINGS, FAR_M)
SHED = Kind("Shed", _shed, 12, Tag.BUILDINGS, Layer.BUILDINGS, FAR_M)
TOWER = Kind("Tower", _tower, 6, Tag.BUILDINGS, Layer.BUILDINGS, FAR_M)
