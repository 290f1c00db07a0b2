"""The static street of one map in one style: planned as a whole, drawn piece by piece when a sensor comes near.

The plan is drawn from (map, style, road or border, purpose), so it is the same whatever is looked at first.  Another
style is another town on the same roads: other houses, other gardens, more or fewer things about, other cars.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.street import street_furniture
from scanyard.carla_server.street.assembly import assembled
from scanyard.carla_server.street.character import character_of
from scanyard.carla_server.street.ground import Ground
from scanyard.carla_server.street.items import DETAIL_M, FAR_M, Item, Layer
from scanyard.carla_server.street.parking import Apart, Place, in_the_way, lane_places, park
from scanyard.carla_server.street.roadside import plan_border
from scanyard.carla_server.street.things import EnvironmentObject, Things
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.randomness import stream

__all__ = ["EnvironmentObject", "Scenery", "Surroundings"]

Floats = NDArray[np.float64]

KEPT_MESHES = 500  # of parked vehicles: about two regions' worth


class Surroundings(NamedTuple):
    """What stands near a place: P parts in one mesh of F faces."""

    mesh: Mesh
    """Relative to the place."""
    part: NDArray[np.int32]
    """(F,) which part each face belongs to."""
    color: NDArray[np.float32]
    """(P, 3) sRGB, 0 to 1."""
    seed: NDArray[np.uint64]
    """(P,) for its glass."""


class Scenery:
    """All that stands along the roads of a map."""

    def __init__(
        self,
        ground: Ground,
        map_name: str,
        *,
        style: int,
        parked_share: float,
        fixtures: Sequence[Item] = (),
        without: frozenset[str] = frozenset(),
    ) -> None:
        """Plan the street of ``style``; ``fixtures`` stand whatever the style: signals, signs."""
        key: tuple[str | int, ...] = ("scenery", map_name, style)
        town = stream(*key, "town")
        density, built_up = float(town.uniform(0.6, 1.5)), float(town.random())
        items: list[Item] = list(fixtures)
        places: list[Place] = []
        for number, edge in enumerate(ground.edges):
            character = character_of(stream(*key, "character", edge.road_id), edge, built_up)
            plan = plan_border(edge, character, stream(*key, "border", number), density=density, ground=ground)
            items += [] if "clutter" in without else plan.items
            places += plan.places
        for number, lane in enumerate(ground.parking):
            places += lane_places(lane, stream(*key, "parking", number))
        self._park(ground, places, key, share=parked_share, without=without)
        self.things = Things(items, ground, key)
        self._thing_shown = np.ones(self.things.count, bool)
        self._parked_shown = np.ones(len(self._parked), bool)
        self._layers = int(Layer.ALL)
        self._paint: dict[int, tuple[float, float, float]] = {}
        self._meshes: OrderedDict[tuple[int, bool], Mesh] = OrderedDict()

    @property
    def parked(self) -> tuple[EnvironmentObject, ...]:
        """Parked vehicles of the whole map."""
        return tuple(parked.object for parked in self._parked)

    @cached_property
    def objects(self) -> tuple[EnvironmentObject, ...]:
        """Everything of the whole map that can be shown and hidden by itself, parked vehicles first."""
        return self.parked + self.things.objects

    @property
    def lamps(self) -> Floats:
        """(L, 3) world metres: the lights of all street lamps, in the plan's order."""
        things = self.things
        rows = [n for n, k in enumerate(things.kind.tolist()) if things.kinds[k] is street_furniture.LAMP_POST]
        heads = np.array([street_furniture.lamp_head(int(things.variant[n])) for n in rows]).reshape(-1, 3)
        return np.asarray((things.linear[rows] * heads[:, None, :]).sum(axis=2) + things.spot[rows])

    def enable(self, ids: Iterable[int], enabled: bool) -> bool:
        """Show or hide objects, and say whether that changed anything; ids that are not ours are passed over."""
        shown = np.concatenate([self._parked_shown, self._thing_shown])
        rows = [self._row_of[one] for one in ids if one in self._row_of]
        changed = bool((shown[rows] != enabled).any()) if rows else False
        shown[rows] = enabled
        self._parked_shown, self._thing_shown = np.split(shown, [len(self._parked)])
        return changed

    def show_layers(self, layers: int, shown: bool) -> bool:
        """Show or hide all things of some map layers (bits of ``Layer``), and say whether that changed anything."""
        before = self._layers
        self._layers = before | layers if shown else before & ~layers
        return self._layers != before

    def paint(self, ids: Iterable[int], color: tuple[float, float, float] | None) -> bool:
        """Paint objects (sRGB 0 to 1), or with None give them their own colour back; say whether any was ours."""
        rows = [self._row_of[one] for one in ids if one in self._row_of]
        for row in rows:
            if color is None:
                self._paint.pop(row, None)
            else:
                self._paint[row] = color
        return bool(rows)

    def near(self, center: Floats, reach_m: float) -> Surroundings:
        """What stands within ``reach_m`` of ``center`` (3,) and is large enough to matter there, as planned."""
        things = self.things
        rows = things.near(center[:2], reach_m, self._thing_shown, self._layers)
        meshes, which = things.drawn(rows, center[:2])
        parked = self._parked_near(center[:2], reach_m)
        own = np.arange(len(parked)) + len(meshes)
        mesh, owner = assembled(
            [*meshes, *self._parked_meshes(parked, center[:2])],
            np.concatenate([which, own]),
            np.concatenate([things.linear[rows], np.broadcast_to(np.eye(3), (len(parked), 3, 3))]),
            np.concatenate([things.spot[rows], self._parked_at[parked]]) - center,
        )
        own_color = np.array([self._parked[index].color for index in parked.tolist()], np.float32).reshape(-1, 3)
        color = np.concatenate([things.color[rows], own_color])
        row_of_part = np.concatenate([things.thing[rows] + len(self._parked), parked])
        for row, painted in self._paint.items():
            color[row_of_part == row] = painted
        seeds = np.array([self._parked[index].object.id for index in parked.tolist()], np.uint64)
        return Surroundings(mesh, owner, color, np.concatenate([things.thing[rows].astype(np.uint64), seeds]))

    @cached_property
    def _row_of(self) -> dict[int, int]:
        ids = [one.object.id for one in self._parked] + list(self.things.ids)
        return {number: row for row, number in enumerate(ids)}

    def _parked_near(self, xy: Floats, reach_m: float) -> NDArray[np.int64]:
        if not self._layers & Layer.PARKED_VEHICLES:
            return np.zeros(0, np.int64)
        distance = np.linalg.norm(self._parked_at[:, :2] - xy, axis=1)
        return np.flatnonzero((distance < min(FAR_M, reach_m)) & self._parked_shown)

    def _parked_meshes(self, parked: NDArray[np.int64], xy: Floats) -> list[Mesh]:
        """Meshes of parked vehicles (K,), coarse ones far from ``xy`` (2,); the last few are kept."""
        detailed = np.linalg.norm(self._parked_at[parked, :2] - xy, axis=1) < DETAIL_M
        found = []
        for key in zip(parked.tolist(), detailed.tolist(), strict=True):
            if key not in self._meshes:
                self._meshes[key] = self._parked[key[0]].mesh(detailed=key[1])
            self._meshes.move_to_end(key)
            found.append(self._meshes[key])
        while len(self._meshes) > KEPT_MESHES:
            self._meshes.popitem(last=False)
        return found

    def _park(
        self, ground: Ground, places: list[Place], key: tuple[str | int, ...], *, share: float, without: frozenset[str]
    ) -> None:
        """Fill a share of the places, none so near another that the two could touch, and none where vehicles appear."""
        taken = [n for n in range(len(places)) if stream(*key, "taken", n).random() < share]
        spots = np.array([(places[n].x, places[n].y, places[n].yaw) for n in taken]).reshape(-1, 3)
        ahead = 1.2 * np.c_[np.cos(spots[:, 2]), np.sin(spots[:, 2])]
        places_xy = [spots[:, :2], spots[:, :2] + ahead, spots[:, :2] - ahead]
        heights = np.stack([ground.height(xy[:, 0], xy[:, 1]) for xy in places_xy], axis=1)
        drawn = [park(places[n], (*key, "parked", n), z, without) for n, z in zip(taken, heights, strict=True)]
        apart, stays = Apart(), ~in_the_way(drawn, ground.appearances)
        kept = [parked for parked, may in zip(drawn, stays.tolist(), strict=True) if may and apart.admits(parked)]
        self._parked = kept
        self._parked_at = np.array([parked.object.transform[:3] for parked in kept]).reshape(-1, 3)
