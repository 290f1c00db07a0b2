"""Buildings and walls that a map itself asks for, as things of the street."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from typing import Protocol

import numpy as np

from scanyard.carla_server.street.items import FAR_M, Item, Kind, Layer
from scanyard.carla_server.surfaces.materials import Material, Tag
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes

STOREY_M, BAY_M = 3.4, 3.2
STONE = (0.78, 0.74, 0.66)
FOOT_M, SUNK_M = 0.25, 0.4


class StructureLike(Protocol):
    """What is asked of ``scanyard.roads.Structure``."""

    @property
    def kind(self) -> str:
        """building or barrier."""

    @property
    def center(self) -> tuple[float, float, float]:
        """Right-handed world, metres, on the ground."""

    @property
    def yaw_rad(self) -> float:
        """Of its length, right-handed."""

    @property
    def size(self) -> tuple[float, float, float]:
        """Length, width, height, metres."""


def fixtures(structures: Iterable[StructureLike]) -> list[Item]:
    """Structures as things of the street, in the left-handed world."""
    found = []
    for one in structures:
        (x, y, _), (length, width, height) = one.center, one.size
        kind = _building(length, width, height) if one.kind == "building" else BARRIER
        scale = (1.0, 1.0, 1.0) if one.kind == "building" else (length, width / _WIDTH, height / _HEIGHT)
        found.append(Item(kind, 0, x, -y, -one.yaw_rad, scale=scale, color=STONE))
    return found


@cache
def _building(length: float, width: float, height: float) -> Kind:
    return Kind("building", partial(_draw, length, width, height), 1, Tag.BUILDINGS, Layer.BUILDINGS, FAR_M)


def _draw(length: float, width: float, height: float, _variant: int) -> Mesh:
    """A house of stone along x, its middle at the origin: plinth, pilasters between windows, a cornice, a low roof."""
    floors, bays = max(1, round(height / STOREY_M)), max(2, round(length / BAY_M))
    storey, bay = height / floors, length / bays
    along = (np.arange(bays) + 0.5) * bay - length / 2
    parts = [
        box((0, 0, (height - SUNK_M) / 2), (length, width, height + SUNK_M), Material.FACADE),
        box((0, 0, 0.5), (length + 0.3, width + 0.3, 1.0), Material.CONCRETE),
        box((0, 0, height - 0.3), (length + 0.8, width + 0.8, 0.5), Material.CONCRETE),
        box((0, 0, height + 0.4), (length - 2.0, width - 2.0, 0.9), Material.ROOF),
    ]
    edges = np.arange(bays + 1) * bay - length / 2
    for side in (-1.0, 1.0):
        front = side * width / 2
        pilasters = np.c_[edges, np.full(bays + 1, front + side * 0.12), np.full(bays + 1, height / 2)]
        parts.append(boxes(pilasters, np.full((bays + 1, 3), (0.6, 0.3, height)), Material.FACADE))
        for floor in range(floors):
            middles = np.c_[along, np.full(bays, front), np.full(bays, (floor + 0.55) * storey)]
            parts.append(boxes(middles, np.full((bays, 3), (bay * 0.45, 0.04, storey * 0.55)), Material.WINDOW))
            sills = middles - [0.0, -side * 0.08, storey * 0.3]
            parts.append(boxes(sills, np.full((bays, 3), (bay * 0.55, 0.2, 0.12)), Material.CONCRETE))
    return Mesh.joined(parts)


_WIDTH, _HEIGHT = 0.6, 0.9


def barrier(_variant: int) -> Mesh:
    """A metre of concrete wall along x, wider at its foot, as beside motorways."""
    return Mesh.joined(
        [
            box((0, 0, (FOOT_M - SUNK_M) / 2), (1.0, _WIDTH, FOOT_M + SUNK_M), Material.CONCRETE),
            box((0, 0, 0.45), (1.0, 0.34, 0.5), Material.CONCRETE),
            box((0, 0, 0.75), (1.0, 0.22, _HEIGHT - 0.6), Material.CONCRETE),
        ]
    )


BARRIER = Kind("barrier", barrier, 1, Tag.WALLS, Layer.WALLS, FAR_M)
