"""Everything that rays can hit at one tick: the static street around the sensor and the actors where they now are.

The street is built lazily, a region at a time, and a region depends on the map, the style and its own place only, not
on where sensors have been before.  Street and actors are met by one cast (``whole``).  Where that cannot be, because
actors move while a sweep is fired or packets of rays cannot be cast, actors share one BVH that is built when their
shapes change (``bodies``); they are cast in their own frames, only by rays that can meet them, and the nearer of street
and actor wins.  CARLA's left-handed frame throughout, metres.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.scene.bodies import Bodies, seen_from
from scanyard.carla_server.scene.hits import Hits
from scanyard.carla_server.scene.look import BodyHits, Look
from scanyard.carla_server.scene.placed import Candidate, Placed, still_open
from scanyard.carla_server.scene.region import REACHES_M, Region, Regions
from scanyard.carla_server.scene.whole import Numbered, Whole
from scanyard.carla_server.shapes.catalogue import Shape, shape_for
from scanyard.carla_server.street import structures, traffic_signs
from scanyard.carla_server.street.ground import RoadMapLike, ground_of
from scanyard.carla_server.street.obstacles import Obstacles, of_boxes, of_things
from scanyard.carla_server.street.scenery import EnvironmentObject, Scenery
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.carla_server.surfaces.panes import cast_through

__all__ = ["EnvironmentObject", "Scene", "Shape", "shape_for"]

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]
T = TypeVar("T")


Stands = Callable[[Rows, Rows], tuple[Array32, Array32]]
"""From rays (K,) and places (K,) to how those actors are turned (9, K), by rows, and where they are (3, K)."""


class Scene:
    """The world as sensors see it."""

    def __init__(
        self,
        road_map: RoadMapLike,
        *,
        style: int = 0,
        parked_share: float = 0.6,
        without: frozenset[str] = frozenset(),
    ) -> None:
        """Plan the street along ``road_map``; ``style`` reseeds it, ``parked_share`` (0 to 1) of places are taken.

        ``without`` leaves out clutter, glass, sizes or variety (``world.maps``).
        """
        self._glass_is_solid = "glass" in without
        self._ground = ground_of(road_map)
        fixtures = [*traffic_signs.fixtures(road_map.signals), *structures.fixtures(road_map.structures)]
        self._scenery = Scenery(
            self._ground, road_map.name, style=style, parked_share=parked_share, fixtures=fixtures, without=without
        )
        self._regions = Regions(self._ground, self._scenery)
        self._version = 0
        self._remembered: dict[Hashable, Any] = {}
        self._remembered_version = 0
        self._bodies: Bodies | None = None
        self._numbered: Numbered | None = None
        self.place((), (), np.zeros((0, 4, 4)))

    @property
    def environment_objects(self) -> tuple[EnvironmentObject, ...]:
        """Everything of the whole street that can be shown and hidden by itself, whether it is shown or not."""
        return self._scenery.objects

    @property
    def placed(self) -> Placed:
        """The actors of this tick."""
        return self._placed

    @property
    def version(self) -> int:
        """Grows whenever something moves, appears or goes: what was seen before is then out of date."""
        return self._version

    def remembered(self, key: Hashable, look: Callable[[], T]) -> T:
        """What ``look`` returned for ``key`` since the scene last changed, or what it returns now."""
        if self._remembered_version != self._version:
            self._remembered.clear()
            self._remembered_version = self._version
        if key not in self._remembered:
            self._remembered[key] = look()
        found: T = self._remembered[key]
        return found

    def enable(self, ids: Iterable[int], enabled: bool) -> None:
        """Show or hide environment objects; ids that are not ours are passed over, as CARLA does."""
        self._regions.enable(ids, enabled)
        self._version += 1

    def show_layers(self, layers: int, shown: bool) -> None:
        """Show or hide map layers, bits of ``street.items.Layer``."""
        self._regions.show_layers(layers, shown)
        self._version += 1

    def paint(self, ids: Iterable[int], color: tuple[float, float, float] | None) -> None:
        """Give environment objects another colour (sRGB 0 to 1) wherever they are painted at all; None restores it."""
        self._regions.paint(ids, color)
        self._version += 1

    @property
    def lamps(self) -> Floats:
        """(L, 3) world metres: the lights of all street lamps, in an order that depends on map and style alone."""
        return self._scenery.lamps

    def ground_height(self, x: float, y: float) -> float:
        """Height of the ground, kerbs included, at a place in the world, metres."""
        return float(self._ground.height(x, y))

    def ground_below(self, points: Floats) -> Floats:
        """Height (M,) of the first ground straight below points (M, 3); -inf where there is none."""
        return self._ground.below(points)

    @property
    def obstacles(self) -> Obstacles:
        """What of the street is in the way of what moves, hidden or not."""
        return Obstacles.joined([of_boxes(self._scenery.parked), of_things(self._scenery.things)])

    def place(self, actor_ids: Sequence[int], shapes: Sequence[Shape], world_from_actor: ArrayLike) -> None:
        """Say where every actor with a body is: N ids, N shapes, (N, 4, 4)."""
        poses = np.asarray(world_from_actor, dtype=np.float64).reshape(-1, 4, 4)
        boxes = np.array([shape.hull_corners for shape in shapes]).reshape(-1, 8, 3)
        corners = np.einsum("nij,nkj->nki", poses[:, :3, :3], boxes) + poses[:, None, :3, 3]
        self._placed = Placed(np.asarray(actor_ids, dtype=np.uint32), tuple(shapes), poses, corners)
        self._version += 1

    def anchor(self, position: Floats) -> Floats:
        """The point (3,) that rays of a sensor at ``position`` (3,) start relative to: single precision does there."""
        return self._regions.center(position)

    def cast(self, origins: ArrayLike, directions: ArrayLike) -> Hits:
        """What rays from M origins (M, 3) along unit directions (M, 3) meet first; glass is as solid as anything.

        The street is there within about 120 m of the first origin.
        """
        origin, direction = (
            np.asarray(origins, dtype=float).reshape(-1, 3),
            np.asarray(directions, dtype=float).reshape(-1, 3),
        )
        anchor = self.anchor(origin[0] if len(origin) else np.zeros(3))
        rays = np.concatenate([origin - anchor, direction], axis=1).astype(np.float32)
        candidates = []
        for k, corners in enumerate(self._placed.corners):
            reach = float(np.linalg.norm(corners[0] - corners[7])) / 2
            to = corners.mean(axis=0) - origin
            along = np.einsum("mi,mi->m", to, direction)
            away = np.einsum("mi,mi->m", to, to) - along**2
            candidates.append(Candidate(k, np.flatnonzero((away <= reach**2) & (along >= -reach)), 0.0))
        return self.cast_near(rays, anchor, candidates)

    def cast_near(
        self,
        rays: Array32,
        anchor: Floats,
        candidates: Iterable[Candidate],
        *,
        salt: int | None = None,
        reach_m: float = REACHES_M[-1],
        stands: Stands | None = None,
    ) -> Hits:
        """What rays (M, 6) meet first, their origins relative to ``anchor`` (3,).

        ``candidates`` names the actors that may be met.  With ``salt`` glass lets rays through (``panes``).  Beyond
        ``reach_m`` the street may end: near-sighted sensors need less of it.
        ``stands`` says where actors are when each ray is cast, if not all at once where they were placed.
        """
        salt = None if self._glass_is_solid else salt
        region = self._regions.around(anchor, reach_m)
        street = region.surface
        found = street.cast(rays) if salt is None else cast_through(street, rays, region.seed_of, salt)
        hits = Hits.of_street(found, rays, street)
        rows, place = still_open(candidates, hits.range_m)
        if len(rows):
            self._meet(hits, rays.take(rows, axis=0).T, rows, place, anchor=anchor, salt=salt, stands=stands)
        return hits

    def _meet(
        self,
        hits: Hits,
        rays: Array32,
        rows: Rows,
        place: Rows,
        *,
        anchor: Floats,
        salt: int | None,
        stands: Stands | None,
    ) -> None:
        """Cast rays (6, K), those of ``rows`` (K,), at the actors ``place`` (K,); keep what is nearer than ``hits``."""
        met = self._first_bodies(hits.range_m, rays, rows, place, anchor=anchor, salt=salt, stands=stands)
        if not len(met.rows):
            return
        to, by = met.rows, met.place
        hits.range_m[to] = np.where(met.face == len(met.bodies.mesh.faces), np.float32(np.inf), met.range_m)  # lost
        hits.material[to] = met.bodies.material[met.face]
        hits.instance[to] = self._placed.actor_id[by]
        hits.cos_incidence[to] = np.abs(np.einsum("ki,ik->k", met.normal, met.direction))

    def _first_bodies(
        self,
        range_m: Array32,
        rays: Array32,
        rows: Rows,
        place: Rows,
        *,
        anchor: Floats,
        salt: int | None,
        stands: Stands | None = None,
    ) -> BodyHits:
        """What rays (6, K), those of ``rows`` (K,), meet of the actors ``place`` (K,) before ``range_m`` (M,)."""
        placed, bodies = self._placed, self._bodies_now()
        if stands is None:
            turns = placed.world_from_actor[:, :3, :3].astype(np.float32).reshape(-1, 9).T.take(place, axis=1)
            shifts = (placed.world_from_actor[:, :3, 3] - anchor).astype(np.float32).T.take(place, axis=1)
        else:
            turns, shifts = stands(rows, place)
        local = seen_from(rays, turns, shifts)
        found = bodies.cast(local, place, ray_index=rows, salt=salt)
        closer = np.flatnonzero(found.range_m < range_m[rows])
        nearest = range_m.copy()
        np.minimum.at(nearest, rows[closer], found.range_m[closer])
        closer = closer[found.range_m[closer] == nearest[rows[closer]]]
        return BodyHits(
            bodies, rows[closer], place[closer], found.range_m[closer], found.face[closer], found.normal[closer],
            local[3:, closer],
        )  # fmt: skip

    def _bodies_now(self) -> Bodies:
        """The BVH of the placed actors, the last one while their kinds stay the same."""
        shapes = self._placed.shapes
        known = self._bodies.worn_by(shapes) if self._bodies is not None else None
        self._bodies = Bodies(shapes) if known is None else known
        return self._bodies

    def look(
        self,
        origin: Array32,
        direction: Array32,
        anchor: Floats,
        shape: tuple[int, int],
        candidates: Iterable[Candidate],
        *,
        ignored_ids: frozenset[int] = frozenset(),
    ) -> Look:
        """What a picture of ``shape`` H, W sees from ``origin`` (3,), relative to ``anchor`` (3,), face by face.

        It looks along ``direction`` (3, H * W) and not at the actors ``ignored_ids``, nor at others than
        ``candidates``.  Glass is as solid as anything.
        """
        region = self._regions.around(anchor)
        whole = self._whole(region, ignored_ids)
        if whole is not None:
            return whole.look(origin, direction, shape)
        rays = np.concatenate([np.repeat(origin[None], direction.shape[1], axis=0), direction.T], 1)
        found = region.surface.cast(rays)
        rows, place = still_open(candidates, found.range_m)
        if not len(rows):
            return Look(found.range_m, found.face, region, None)
        met = self._first_bodies(found.range_m, rays.take(rows, axis=0).T, rows, place, anchor=anchor, salt=None)
        return Look(found.range_m, found.face, region, met).settled()

    def shadowed(
        self,
        start: Array32,
        direction: Array32,
        anchor: Floats,
        candidates: Iterable[Candidate],
        *,
        reach_m: float = np.inf,
        coherent: bool = True,
    ) -> NDArray[np.bool_]:
        """Whether rays from ``start`` (3, M), relative to ``anchor`` (3,), along ``direction`` (3, M) meet anything.

        Within ``reach_m``; of the actors those in ``candidates``, of whom no other may be in the way.  Neighbours that
        look all ways are not ``coherent``.
        """
        region = self._regions.around(anchor)
        whole = self._whole(region, frozenset())
        if whole is not None:
            return whole.ensemble.blocked(start, direction, reach_m, coherent=coherent)
        rays = np.concatenate([start, direction]).T.astype(np.float32)
        blocked = region.surface.blocked(rays, reach_m)
        rows, place = still_open(candidates, np.where(blocked, np.float32(0), np.float32(np.inf)))
        if len(rows):
            free = np.full(len(rays), reach_m, np.float32)
            met = self._first_bodies(free, rays.take(rows, axis=0).T, rows, place, anchor=anchor, salt=None)
            blocked[met.rows] = True
        return blocked

    def sweep(
        self,
        origin: Array32,
        direction: Array32,
        anchor: Floats,
        *,
        ignored_ids: frozenset[int],
        salt: int,
        reach_m: float,
    ) -> Hits | None:
        """What the beams of a sweep meet, from ``origin`` (3, C) along ``direction`` (3, C * F), glass let through.

        None where only ``cast_near`` can tell (``whole``).
        """
        whole = self._whole(self._regions.around(anchor, reach_m), ignored_ids)
        if whole is None:
            return None
        met = whole.sweep(origin, direction, salt=None if self._glass_is_solid else salt)
        instance_of = np.append(np.uint32(0), self._placed.actor_id)[whole.place + 1]
        return Hits(met.range_m, whole.numbered.material.take(met.face), instance_of.take(met.surface), met.cosine)

    def _whole(self, region: Region, ignored_ids: frozenset[int]) -> Whole | None:
        """The street of a region with all actors but those ``ignored_ids``; None where it must be cast in parts."""
        placed = self._placed
        left_out = frozenset(np.flatnonzero(np.isin(placed.actor_id, list(ignored_ids))).tolist())

        def made() -> Whole | None:
            return Whole.of(self._numbered_now(region), placed.world_from_actor, left_out)

        return self.remembered(("whole", id(region), left_out), made)

    def _numbered_now(self, region: Region) -> Numbered:
        """The faces of street and bodies, as last time while neither changes."""
        bodies = self._bodies_now()
        known = self._numbered
        if known is None or known.region is not region or known.bodies.material is not bodies.material:
            known = Numbered.of(region, bodies)
        self._numbered = replace(known, bodies=bodies)
        return self._numbered

    def triangles(
        self, near: ArrayLike = (0.0, 0.0, 0.0), reach_m: float = REACHES_M[-1]
    ) -> tuple[Array32, NDArray[np.uint32]]:
        """All triangles near ``near`` (3,), at least to ``reach_m``: vertices (V, 3) world metres, faces (F, 3)."""
        region = self._regions.around(np.asarray(near, dtype=float), reach_m)
        street = region.surface.mesh.moved(region.center)
        actors = [
            shape.mesh.transformed(pose)
            for shape, pose in zip(self._placed.shapes, self._placed.world_from_actor, strict=True)
        ]
        whole = Mesh.joined([street, *actors])
        return whole.vertices, whole.faces
