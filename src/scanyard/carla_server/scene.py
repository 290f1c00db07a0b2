"""Everything that rays can hit at one tick: the static street around the sensor and the actors where they now are.

The street is built lazily, a region at a time, and a region depends on the map, the style and its own place only, not
on where sensors have been before.  Each actor shape has one BVH, built once; actors are cast in their own frame, only
by rays that can meet them, and the nearer of street and actor wins.  CARLA's left-handed frame throughout, metres.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.ground import RoadMapLike, ground_of
from scanyard.carla_server.materials import TAG
from scanyard.carla_server.mesh import Mesh
from scanyard.carla_server.panes import cast_through, cast_through_one
from scanyard.carla_server.raycast import FaceHits
from scanyard.carla_server.region import Region, Regions
from scanyard.carla_server.scenery import EnvironmentObject, Scenery
from scanyard.carla_server.shapes import Shape, box_corners, shape_for

__all__ = ["EnvironmentObject", "Hits", "Placed", "Scene", "Shape", "shape_for"]

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]
T = TypeVar("T")


class Candidate(NamedTuple):
    """An actor that some rays may meet."""

    place: int
    """Its place in ``Placed``."""
    rows: Rows
    """(K,) rows of the rays that may meet it."""
    nearest_m: float
    """No ray meets it nearer than this."""


@dataclass(frozen=True)
class Hits:
    """What M rays met first; every array is indexed alike, and means nothing where the range is infinite."""

    range_m: Array32
    """(M,) metres along the ray, inf for a miss."""
    material: NDArray[np.uint8]
    """(M,) ``Material``."""
    instance: NDArray[np.uint32]
    """(M,) actor id, 0 for the street and all that stands in it."""
    cos_incidence: Array32
    """(M,) cosine between the ray and the face's normal, 0 to 1."""
    normal: Array32
    """(M, 3) unit normal in the world frame, on either side.  Empty unless asked for."""
    color: Array32
    """(M, 3) sRGB of the part that was hit, 0 to 1; only for materials that take it.  Empty unless asked for."""

    @property
    def tag(self) -> NDArray[np.uint8]:
        """(M,) CARLA's semantic tag, 0 for a miss."""
        return np.where(np.isfinite(self.range_m), TAG[self.material], np.uint8(0))


@dataclass(frozen=True)
class Placed:
    """The N actors of this tick; every array is indexed alike."""

    actor_id: NDArray[np.uint32]
    """(N,)."""
    shapes: tuple[Shape, ...]
    world_from_actor: Floats
    """(N, 4, 4)."""
    corners: Floats
    """(N, 8, 3) of each box, world, metres."""


class Scene:
    """The world as sensors see it."""

    def __init__(self, road_map: RoadMapLike, *, style: int = 0, parked_share: float = 0.6) -> None:
        """Plan the street along ``road_map``; ``style`` reseeds it, ``parked_share`` (0 to 1) of places are taken."""
        self._ground = ground_of(road_map)
        self._scenery = Scenery(self._ground, road_map.name, style=style, parked_share=parked_share)
        self._regions = Regions(self._ground, self._scenery)
        self._version = 0
        self._remembered: dict[Hashable, Any] = {}
        self._remembered_version = 0
        self.place((), (), np.zeros((0, 4, 4)))

    @property
    def environment_objects(self) -> tuple[EnvironmentObject, ...]:
        """Parked vehicles of the whole map, whether enabled or not."""
        return self._scenery.parked

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

    def ground_height(self, x: float, y: float) -> float:
        """Height of the ground, kerbs included, at a place in the world, metres."""
        return float(self._ground.height(x, y))

    def place(self, actor_ids: Sequence[int], shapes: Sequence[Shape], world_from_actor: ArrayLike) -> None:
        """Say where every actor with a body is: N ids, N shapes, (N, 4, 4)."""
        poses = np.asarray(world_from_actor, dtype=np.float64).reshape(-1, 4, 4)
        boxes = np.array([box_corners(shape) for shape in shapes]).reshape(-1, 8, 3)
        corners = np.einsum("nij,nkj->nki", poses[:, :3, :3], boxes) + poses[:, None, :3, 3]
        self._placed = Placed(np.asarray(actor_ids, dtype=np.uint32), tuple(shapes), poses, corners)
        self._version += 1

    def anchor(self, position: Floats) -> Floats:
        """The point (3,) that rays of a sensor at ``position`` (3,) start relative to: single precision does there."""
        return self._regions.around(position).center

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
        return self.cast_near(rays, anchor, candidates, look=True)

    def cast_near(
        self,
        rays: Array32,
        anchor: Floats,
        candidates: Iterable[Candidate],
        *,
        salt: int | None = None,
        look: bool = False,
    ) -> Hits:
        """What rays (M, 6) meet first, their origins relative to ``anchor`` (3,).

        ``candidates`` names the actors that may be met.  With ``salt`` glass lets rays through (``panes``).  ``look``
        fills ``normal`` and ``color``.
        """
        region = self._regions.around(anchor)
        street = region.surface
        found = street.cast(rays) if salt is None else cast_through(street, rays, region.seed_of, salt)
        hits = _street_hits(found, rays, region, look=look)
        for k, rows, nearest_m in candidates:
            if nearest_m > 0.0:
                rows = rows[hits.range_m[rows] > nearest_m]  # noqa: PLW2901  # the others met something before
            if len(rows):
                self._meet(hits, k, rays[rows], rows, anchor=anchor, salt=salt)
        return hits

    def _meet(self, hits: Hits, k: int, rays: Array32, rows: Rows, *, anchor: Floats, salt: int | None) -> None:
        """Cast the rays of ``rows`` at actor ``k`` and keep what is nearer than ``hits``."""
        placed = self._placed
        shape = placed.shapes[k]
        turn = placed.world_from_actor[k, :3, :3]
        local = _seen_from(rays, turn, placed.world_from_actor[k, :3, 3] - anchor)
        if salt is None:
            found = shape.surface.cast(local)
        else:
            found = cast_through_one(
                shape.surface, shape.opaque_surface, local, ray_index=rows, seed=shape.seed, salt=salt
            )
        closer = np.flatnonzero(found.range_m < hits.range_m[rows])
        to, face, normal = rows[closer], found.face[closer], found.normal[closer]
        hits.range_m[to] = found.range_m[closer]
        hits.material[to] = shape.surface.material[face]
        hits.instance[to] = placed.actor_id[k]
        hits.cos_incidence[to] = np.abs(np.einsum("mi,mi->m", normal, local[closer, 3:]))
        if len(hits.normal):
            hits.normal[to] = np.einsum("ij,mj->mi", turn.astype(np.float32), normal)
            hits.color[to] = shape.color

    def triangles(self, near: ArrayLike = (0.0, 0.0, 0.0)) -> tuple[Array32, NDArray[np.uint32]]:
        """All triangles as now placed around ``near`` (3,): vertices (V, 3) world metres, faces (F, 3)."""
        region = self._regions.around(np.asarray(near, dtype=float))
        street = region.surface.mesh.moved(region.center)
        actors = [
            shape.mesh.transformed(pose)
            for shape, pose in zip(self._placed.shapes, self._placed.world_from_actor, strict=True)
        ]
        whole = Mesh.joined([street, *actors])
        return whole.vertices, whole.faces


def _street_hits(found: FaceHits, rays: Array32, region: Region, *, look: bool) -> Hits:
    street = region.surface
    return Hits(
        found.range_m,
        street.material[found.face],
        np.zeros(len(rays), np.uint32),
        np.abs(np.einsum("mi,mi->m", found.normal, rays[:, 3:])),
        found.normal if look else np.zeros((0, 3), np.float32),
        region.color[region.part[found.face]] if look else np.zeros((0, 3), np.float32),
    )


def _seen_from(rays: Array32, turn: Floats, shift: Floats) -> Array32:
    """Rays (M, 6) in the frame of an actor that stands at ``shift`` (3,), turned by ``turn`` (3, 3).

    By einsum, because BLAS may round differently with another number of threads.
    """
    turn32 = turn.astype(np.float32)
    pairs = rays.reshape(-1, 2, 3).copy()
    pairs[:, 0] -= shift.astype(np.float32)
    return np.asarray(np.einsum("mkj,ji->mki", pairs, turn32).reshape(-1, 6))
