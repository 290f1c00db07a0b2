"""The static street of one map in one style: planned as a whole, drawn piece by piece when a sensor comes near.

The plan is drawn from (map, style, road or border, purpose), so it is the same whatever is looked at first.  Another
style is another town on the same roads: other houses, other gardens, more or fewer things about, other cars.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.street.character import character_of
from scanyard.carla_server.street.ground import Ground
from scanyard.carla_server.street.parking import EnvironmentObject, Parked, Place, lane_places, park
from scanyard.carla_server.street.roadside import FAR_M, Item, plan_border
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.randomness import stream

__all__ = ["EnvironmentObject", "Part", "Scenery"]

Floats = NDArray[np.float64]

KEPT_MESHES = 1500  # about two regions' worth


@dataclass(frozen=True)
class Part:
    """One thing of the street, drawn."""

    mesh: Mesh
    """Relative to ``position``, turned as it stands."""
    position: Floats
    """(3,) world metres."""
    color: tuple[float, float, float]
    """sRGB 0 to 1."""
    seed: int
    """For its glass."""


class Scenery:
    """All that stands along the roads of a map."""

    def __init__(self, ground: Ground, map_name: str, *, style: int, parked_share: float) -> None:
        key: tuple[str | int, ...] = ("scenery", map_name, style)
        town = stream(*key, "town")
        density, built_up = float(town.uniform(0.6, 1.5)), float(town.random())
        self._items: list[Item] = []
        places: list[Place] = []
        for number, edge in enumerate(ground.edges):
            character = character_of(stream(*key, "character", edge.road_id), edge, built_up)
            plan = plan_border(edge, character, stream(*key, "border", number), density=density, clear=ground.clearance)
            self._items += plan.items
            places += plan.places
        for number, lane in enumerate(ground.parking):
            places += lane_places(lane, stream(*key, "parking", number))
        self._park(ground, places, key, parked_share)
        spots = np.array([(item.x, item.y) for item in self._items]).reshape(-1, 2)
        self._spots = np.c_[spots, ground.height(spots[:, 0], spots[:, 1])]
        self._reach = np.array([item.reach_m for item in self._items])
        self._meshes: OrderedDict[int, Mesh] = OrderedDict()

    @property
    def parked(self) -> tuple[EnvironmentObject, ...]:
        """Parked vehicles of the whole map."""
        return tuple(parked.object for parked in self._parked)

    def parts_near(self, xy: Floats, reach_m: float, hidden: set[int]) -> Iterator[Part]:
        """What stands within ``reach_m`` of ``xy`` (2,) and is large enough to matter there, in the plan's order."""
        distance = np.linalg.norm(self._spots[:, :2] - xy, axis=1)
        for index in np.flatnonzero(distance < np.minimum(self._reach, reach_m)):
            yield Part(self._mesh(int(index)), self._spots[index], self._items[index].color, 0)
        distance = np.linalg.norm(self._parked_at[:, :2] - xy, axis=1)
        for index in np.flatnonzero(distance < min(FAR_M, reach_m)):
            parked = self._parked[index]
            if parked.object.id not in hidden:
                yield Part(self._mesh(-1 - int(index)), self._parked_at[index], parked.color, parked.object.id)

    def _mesh(self, index: int) -> Mesh:
        """The mesh of an item, or, counted from -1 down, of a parked vehicle; the last few are kept."""
        if index in self._meshes:
            self._meshes.move_to_end(index)
            return self._meshes[index]
        if index < 0:
            mesh = self._parked[-1 - index].mesh()
        else:
            item = self._items[index]
            drawn = item.make()
            scaled = Mesh(drawn.vertices * np.float32(item.scale), drawn.faces, drawn.material)
            mesh = scaled.moved(yaw=item.yaw)
        self._meshes[index] = mesh
        while len(self._meshes) > KEPT_MESHES:
            self._meshes.popitem(last=False)
        return mesh

    def _park(self, ground: Ground, places: list[Place], key: tuple[str | int, ...], parked_share: float) -> None:
        """Fill a share of the places, none so near another that the two could touch."""
        taken = [n for n in range(len(places)) if stream(*key, "taken", n).random() < parked_share]
        spots = np.array([(places[n].x, places[n].y, places[n].yaw) for n in taken]).reshape(-1, 3)
        ahead = 1.2 * np.c_[np.cos(spots[:, 2]), np.sin(spots[:, 2])]
        places_xy = [spots[:, :2], spots[:, :2] + ahead, spots[:, :2] - ahead]
        heights = np.stack([ground.height(xy[:, 0], xy[:, 1]) for xy in places_xy], axis=1)
        kept: list[Parked] = []
        corners = _Apart()
        for n, z in zip(taken, heights, strict=True):
            parked = park(places[n], (*key, "parked", n), z)
            if corners.admits(parked):
                kept.append(parked)
        self._parked = kept
        self._parked_at = np.array([parked.object.transform[:3] for parked in kept]).reshape(-1, 3)


class _Apart:
    """Admits vehicles whose circles along the body touch nobody admitted before."""

    CELL_M = 12.0  # longer than any of them

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], list[tuple[float, float, float, NDArray[np.float64]]]] = {}

    def admits(self, parked: Parked) -> bool:
        x, y, _, _, yaw, _ = parked.object.transform
        length, width, _ = parked.object.extent
        reach = max(length, width) + 0.05
        steps = np.linspace(-1, 1, 5) * max(length - width, 0.0)
        turn = np.deg2rad(yaw)
        circles = np.c_[x + steps * np.cos(turn), y + steps * np.sin(turn), np.full(5, width)]
        i, j = int(x // self.CELL_M), int(y // self.CELL_M)
        for neighbour in ((i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1)):
            for other_x, other_y, other_reach, other in self._known.get(neighbour, ()):
                if math.hypot(x - other_x, y - other_y) < reach + other_reach and _touch(circles, other):
                    return False
        self._known.setdefault((i, j), []).append((x, y, reach, circles))
        return True


def _touch(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether any of some circles (K, 3), x, y and radius, comes within 10 cm of any of others."""
    apart = np.hypot(b[:, None, 0] - a[None, :, 0], b[:, None, 1] - a[None, :, 1])
    return bool((apart < b[:, None, 2] + a[None, :, 2] + 0.1).any())
