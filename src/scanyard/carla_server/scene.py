"""Everything that rays can hit at one tick: the static street around the sensor and the actors where they now are.

The street is built lazily, a region at a time, and a region depends on the map, the style and its own place only, not
on where sensors have been before.  Each actor shape has one BVH, built once; actors are cast in their own frame, only
by rays that can meet them, and the nearer of street and actor wins.  CARLA's left-handed frame throughout, metres.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.ground import Ground, RoadMapLike
from scanyard.carla_server.materials import TAG
from scanyard.carla_server.mesh import Mesh
from scanyard.carla_server.panes import cast_through
from scanyard.carla_server.raycast import FaceHits
from scanyard.carla_server.region import Region, Regions
from scanyard.carla_server.scenery import EnvironmentObject, Scenery
from scanyard.carla_server.shapes import Shape, box_corners, shape_for

__all__ = ["EnvironmentObject", "Hits", "Placed", "Scene", "Shape", "shape_for"]

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]
T = TypeVar("T")

_NO_PART = np.int32(-1)


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
    """(M, 3) unit normal in the world frame, on either side."""
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
        """Plan the street along ``road_map``; ``style`` reseeds all of it, ``parked_share`` (0 to 1) of places are taken."""
        self._ground = Ground(road_map)
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
        """The point (3,) that rays of a sensor at ``position`` (3,) are given relative to; single precision is enough there."""
        return self._regions.around(position).center

    def cast(self, origins: ArrayLike, directions: ArrayLike) -> Hits:
        """What rays from M origins (M, 3) along unit directions (M, 3) meet first; glass is as solid as anything.

        The street is there within about 120 m of the first origin.
        """
        origin, direction = (
            np.asarray(origins, dtype=float).reshape(-1, 3),
            np.asarray(directions, dtype=float).reshape(-1, 3),
        )
        if not len(origin):
            return _hits_of(0)
        anchor = self.anchor(origin[0])
        rays = np.concatenate([origin - anchor, direction], axis=1).astype(np.float32)
        candidates = []
        for k, corners in enumerate(self._placed.corners):
            middle, reach = corners.mean(axis=0), float(np.linalg.norm(corners[0] - corners[7])) / 2
            to = middle - origin
            along = np.einsum("mi,mi->m", to, direction)
            away = np.einsum("mi,mi->m", to, to) - along**2
            candidates.append((k, np.flatnonzero((away <= reach**2) & (along >= -reach))))
        return self.cast_near(rays, anchor, candidates, look=True)

    def cast_near(
        self,
        rays: Array32,
        anchor: Floats,
        candidates: Iterable[tuple[int, Rows]],
        *,
        salt: int | None = None,
        look: bool = False,
    ) -> Hits:
        """What rays (M, 6) meet first, their origins relative to ``anchor`` (3,).

        ``candidates`` names, for each actor (its place in ``placed``) that may be met, the rows of the rays that may
        meet it.  With ``salt`` glass lets rays through (``panes``).  ``look`` fills ``color``.
        """
        region = self._regions.around(anchor)
        hits = _hits_of(len(rays), look=look)
        found = (
            region.surface.cast(rays)
            if salt is None
            else cast_through(region.surface, rays, None, region.seed_of, salt)
        )
        part = _take_street(hits, found, rays, region)
        placed = self._placed
        for k, rows in candidates:
            shape = placed.shapes[k]
            rows = _in_sight(hits, rays, rows, placed.corners[k] - anchor)
            if not len(rows):
                continue
            actor_from_anchor = np.linalg.inv(placed.world_from_actor[k]) @ _shift(anchor)
            local = _turned(rays[rows], actor_from_anchor)
            if salt is None:
                found = shape.surface.cast(local)
            else:
                seed = np.uint64(shape.seed)
                found = cast_through(
                    shape.surface,
                    local,
                    rows,
                    lambda face, seed=seed: np.full(len(face), seed),
                    salt,  # type: ignore[misc]
                )
            closer = np.flatnonzero(found.range_m < hits.range_m[rows])
            _take_actor(hits, found, local, rows, closer, shape, placed.world_from_actor[k], placed.actor_id[k])
            if part is not None:
                part[rows[closer]] = _NO_PART
        if look and part is not None:
            street = np.flatnonzero(part >= 0)
            hits.color[street] = region.color[part[street]]
        return hits

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


def _hits_of(count: int, *, look: bool = False) -> Hits:
    return Hits(
        np.full(count, np.inf, np.float32), np.zeros(count, np.uint8), np.zeros(count, np.uint32),
        np.zeros(count, np.float32), np.zeros((count, 3), np.float32), np.zeros((count if look else 0, 3), np.float32),
    )  # fmt: skip


def _take_street(hits: Hits, found: FaceHits, rays: Array32, region: Region) -> NDArray[np.int32] | None:
    hit = np.isfinite(found.range_m)
    face = np.where(hit, found.face, 0)
    hits.range_m[:] = found.range_m
    hits.material[:] = region.surface.mesh.material[face]
    hits.normal[:] = found.normal
    hits.cos_incidence[:] = np.abs(_dot(found.normal, rays))
    if not len(hits.color):
        return None
    return np.where(hit, region.part[face], _NO_PART)


def _take_actor(
    hits: Hits,
    found: FaceHits,
    local: Array32,
    rows: Rows,
    closer: Rows,
    shape: Shape,
    world_from_actor: Floats,
    actor_id: np.uint32,
) -> None:
    to = rows[closer]
    hits.range_m[to] = found.range_m[closer]
    hits.material[to] = shape.mesh.material[found.face[closer]]
    hits.instance[to] = actor_id
    normal = found.normal[closer]
    hits.cos_incidence[to] = np.abs(_dot(normal, local[closer]))
    turn = world_from_actor[:3, :3].astype(np.float32)
    hits.normal[to] = normal[:, :1] * turn[:, 0] + normal[:, 1:2] * turn[:, 1] + normal[:, 2:] * turn[:, 2]
    if len(hits.color):
        hits.color[to] = shape.color


def _dot(normal: Array32, rays: Array32) -> Array32:
    return normal[:, 0] * rays[:, 3] + normal[:, 1] * rays[:, 4] + normal[:, 2] * rays[:, 5]


def _turned(rays: Array32, b_from_a: Floats) -> Array32:
    """Rays (M, 6) in frame b.  Written out, because BLAS may round differently with another number of threads."""
    turn, shift = b_from_a[:3, :3].astype(np.float32), b_from_a[:3, 3].astype(np.float32)
    pairs = rays.reshape(-1, 2, 3)
    turned = pairs[..., :1] * turn[:, 0] + pairs[..., 1:2] * turn[:, 1] + pairs[..., 2:] * turn[:, 2]
    turned[:, 0] += shift
    return np.ascontiguousarray(turned.reshape(-1, 6))


def _shift(anchor: Floats) -> Floats:
    matrix = np.eye(4)
    matrix[:3, 3] = anchor
    return matrix


def _in_sight(hits: Hits, rays: Array32, rows: Rows, corners: Floats) -> Rows:
    """Leave out rows whose ray has already met something nearer than the box (8, 3) can be."""
    if not len(rows):
        return rows
    middle = corners.mean(axis=0)
    reach = float(np.linalg.norm(corners[0] - corners[7])) / 2
    nearest = np.linalg.norm(rays[rows, :3] - middle.astype(np.float32), axis=1) - (reach + 1e-3)
    return rows[hits.range_m[rows] > nearest]
