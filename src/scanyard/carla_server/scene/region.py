"""The street within reach of a sensor, as one BVH.

A region is a square of the map's grid and all that lies near enough to be seen from it.  It is a function of the map,
the style and its place, so a sensor sees the same street whichever way it came.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.street.ground import Ground
from scanyard.carla_server.street.scenery import Scenery
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.carla_server.surfaces.raycast import Surface

Floats = NDArray[np.float64]

GRID_M = 40.0  # a new region each time a sensor has moved so far
REACHES_M = (40.0, 80.0, 120.0)  # what a sensor sees at least, wherever in its square it stands
KEPT = 4  # regions kept at hand: two sensors of different range on either side of a border


@dataclass(frozen=True)
class Region:
    """The street around one square of the grid."""

    center: Floats
    """(3,) world metres; the surface's frame is shifted here."""
    surface: Surface
    part: NDArray[np.int32]
    """(F + 1,) which part of the scenery each face belongs to; nothing belongs to the first."""
    color: NDArray[np.float32]
    """(P, 3) sRGB of each part, 0 to 1."""
    seed: NDArray[np.uint64]
    """(P,) of each part, for its glass."""

    def seed_of(self, face: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """The seed (K,) of what faces (K,) belong to."""
        return self.seed[self.part[face]]


class Regions:
    """Makes regions when they are first asked for, and keeps the last few."""

    def __init__(self, ground: Ground, scenery: Scenery) -> None:
        self._ground, self._scenery = ground, scenery
        self._kept: OrderedDict[tuple[int, int, float], Region] = OrderedDict()
        self._centers = lru_cache(maxsize=64)(self._center)  # every sensor asks in every frame

    def enable(self, ids: Iterable[int], enabled: bool) -> None:
        """Show or hide environment objects."""
        if self._scenery.enable(ids, enabled):
            self._kept.clear()

    def show_layers(self, layers: int, shown: bool) -> None:
        """Show or hide map layers, bits of ``street.items.Layer``."""
        if self._scenery.show_layers(layers, shown):
            self._kept.clear()

    def paint(self, ids: Iterable[int], color: tuple[float, float, float] | None) -> None:
        """Paint environment objects, or give them their own colour back."""
        if self._scenery.paint(ids, color):
            self._kept.clear()

    def around(self, position: Floats, reach_m: float = REACHES_M[-1]) -> Region:
        """The region whose square ``position`` (3,) lies in, for a sensor of range ``reach_m``.

        All regions of a square share their ``center``.  There is none for farther than 120 m.
        """
        key = *_square(position), next((known for known in REACHES_M if known >= reach_m), REACHES_M[-1])
        if key not in self._kept:
            self._kept[key] = self._build(*key)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]

    def center(self, position: Floats) -> Floats:
        """The center (3,) of the regions whose square ``position`` (3,) lies in, without building one."""
        return self._centers(*_square(position))

    def _center(self, column: int, row: int) -> Floats:
        x, y = column * GRID_M, row * GRID_M
        center = np.array([x, y, float(self._ground.height(x, y))])
        center.flags.writeable = False
        return center

    def _build(self, column: int, row: int, reach_m: float) -> Region:
        xy = np.array([column, row]) * GRID_M
        center = self.center(xy)
        reach = reach_m + GRID_M * np.sqrt(0.5)
        near = np.linalg.norm(self._ground.face_center - xy, axis=1) < reach + 6.0
        ground = self._ground.mesh.where(near)
        street = self._scenery.near(center, reach)
        part = np.concatenate([np.zeros(len(ground.faces), np.int32), street.part + np.int32(1), np.zeros(1, np.int32)])
        return Region(
            center,
            Surface(Mesh.assembled([ground, street.mesh], [-center, np.zeros(3)])),
            part,
            np.concatenate([np.full((1, 3), 0.5, np.float32), street.color]),
            np.concatenate([np.zeros(1, np.uint64), street.seed]),
        )


def _square(position: Floats) -> tuple[int, int]:
    """Column and row of the square that ``position`` (2,) or (3,) lies in."""
    return int(np.round(position[0] / GRID_M)), int(np.round(position[1] / GRID_M))
