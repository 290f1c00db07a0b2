"""The planned things of a street in arrays: where each stands on the ground, which are near, what lists say of them.

A thing may have several pieces (the panels of a fence, the plants of a hedge): pieces are drawn one by one, but shown,
hidden and listed as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.street.ground import Ground
from scanyard.carla_server.street.items import DETAIL_M, Item, Kind
from scanyard.carla_server.surfaces.mesh import Mesh

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])


@dataclass(frozen=True)
class EnvironmentObject:
    """Something of the street that can be shown and hidden by itself: a house, a hedge, a parked vehicle."""

    id: int
    """Decided by map, style and place; fits an unsigned 64-bit integer."""
    name: str
    label: int
    """Semantic tag."""
    transform: tuple[float, float, float, float, float, float]
    """x, y, z (metres, world, on the ground) and pitch, yaw, roll (degrees)."""
    box_center: tuple[float, float, float]
    """Middle of the box, world, metres."""
    extent: tuple[float, float, float]
    """Half sizes along the object's own x, y, z, metres: exactly the bounds of its triangles."""


def object_id(key: Sequence[str | int]) -> int:
    """A number of 63 bits for what ``key`` names."""
    return int.from_bytes(hashlib.sha256(repr(tuple(key)).encode()).digest()[:8], "big") >> 1


class Things:
    """N pieces of T things; arrays with N rows are indexed alike, in the plan's order."""

    def __init__(self, items: Sequence[Item], ground: Ground, key: tuple[str | int, ...]) -> None:
        """Stand ``items`` on the ground; ``key`` is what their ids are made of."""
        self._key = key
        kinds = {item.kind: None for item in items}
        self.kinds: tuple[Kind, ...] = tuple(kinds)
        number = {kind: n for n, kind in enumerate(self.kinds)}
        self.kind = np.array([number[item.kind] for item in items], np.int64)
        self.variant = np.array([item.variant % item.kind.variants for item in items], np.int64)
        self.yaw: Floats = np.array([item.yaw for item in items], np.float64)
        self.scale: Floats = np.array([item.scale for item in items], np.float64).reshape(-1, 3)
        self.color = np.array([item.color for item in items], np.float32).reshape(-1, 3)
        self.first = np.array([not item.joined for item in items], bool)
        """(N,) whether a piece is the first of its thing."""
        self.thing = np.cumsum(self.first) - 1
        """(N,) which thing each piece belongs to."""
        self.reach_m = np.array([kind.reach_m for kind in self.kinds], np.float64)[self.kind]
        self.layer = np.array([int(kind.layer) for kind in self.kinds], np.int64)[self.kind]
        xy = np.array([(item.x, item.y) for item in items], np.float64).reshape(-1, 2)
        self.lift_m = np.array([item.lift_m for item in items], np.float64)
        follows = np.array([item.follows for item in items], bool)
        self.spot, grade = self._stood(ground, xy, follows)
        """(N, 3) world metres."""
        self.spot[:, 2] += self.lift_m
        self.linear = self._linear(grade)
        """(N, 3, 3) from the drawn variant's frame to the world's, without the shift to ``spot``."""

    def __len__(self) -> int:
        return len(self.kind)

    def near(self, xy: Floats, reach_m: float, shown: NDArray[np.bool_], layers: int) -> Rows:
        """Pieces (K,) within ``reach_m`` of ``xy`` (2,) that matter there; ``shown`` (T,) says of which things."""
        distance = np.linalg.norm(self.spot[:, :2] - xy, axis=1)
        keep = distance < np.minimum(self.reach_m, reach_m)
        keep &= ((self.layer & layers) != 0) & shown[self.thing]
        return np.flatnonzero(keep)

    def drawn(self, rows: Rows, xy: Floats) -> tuple[list[Mesh], Rows]:
        """The distinct meshes of pieces ``rows`` (K,), coarse ones far from ``xy`` (2,), and which each piece is."""
        detailed = np.linalg.norm(self.spot[rows, :2] - xy, axis=1) < DETAIL_M
        code = (self.kind[rows] * 4096 + self.variant[rows]) * 2 + detailed
        distinct, which = np.unique(code, return_inverse=True)
        meshes = [self.kinds[one // 8192].mesh(one // 2 % 4096, detailed=bool(one % 2)) for one in distinct.tolist()]
        return meshes, which

    @property
    def count(self) -> int:
        """T, the number of things."""
        return int(self.thing[-1]) + 1 if len(self) else 0

    @cached_property
    def ids(self) -> tuple[int, ...]:
        """(T,) what clients name the things by."""
        return tuple(object_id((*self._key, "thing", n)) for n in range(self.count))

    @cached_property
    def objects(self) -> tuple[EnvironmentObject, ...]:
        """The T things as lists of scenery give them; made when first asked for, because every variant is looked at."""
        if not len(self):
            return ()
        firsts = np.flatnonzero(self.first)
        middle, half = self._boxes(firsts)
        spots, yaws, kinds = self.spot[firsts].tolist(), np.rad2deg(self.yaw[firsts]).tolist(), self.kind[firsts]
        found = []
        for n, kind in enumerate(self.kinds[k] for k in kinds.tolist()):
            x, y, z = spots[n]
            found.append(
                EnvironmentObject(
                    self.ids[n], f"{kind.name}_{n:05d}", int(kind.label),
                    (x, y, z, 0.0, yaws[n], 0.0), tuple(middle[n].tolist()), tuple(half[n].tolist()),
                )
            )  # fmt: skip
        return tuple(found)

    def _boxes(self, firsts: Rows) -> tuple[Floats, Floats]:
        """Middles (T, 3), world, and half sizes (T, 3) of all things, each along the axes of its first piece."""
        code = self.kind * 4096 + self.variant
        distinct, which = np.unique(code, return_inverse=True)
        meshes = [self.kinds[one // 4096].mesh(one % 4096) for one in distinct.tolist()]
        # The eight corners of a piece's bounds would enclose more than its triangles where it leans along the ground.
        low = np.empty((len(self), 3))
        high = np.empty((len(self), 3))
        own = firsts[self.thing]
        turn = self.yaw - self.yaw[own]
        cos, sin = np.cos(turn), np.sin(turn)
        shift = self.spot - self.spot[own]
        c0, s0 = np.cos(self.yaw[own]), np.sin(self.yaw[own])
        shift = np.stack(
            [c0 * shift[:, 0] + s0 * shift[:, 1], c0 * shift[:, 1] - s0 * shift[:, 0], shift[:, 2]], axis=1
        )
        for number, mesh in enumerate(meshes):
            rows = np.flatnonzero(which == number)
            x, y, z = mesh.vertices.astype(np.float64).T
            x, y = x * self.scale[rows, 0, None], y * self.scale[rows, 1, None]
            z = self.linear[rows, 2, 1, None] * mesh.vertices[:, 1] + self.linear[rows, 2, 2, None] * z
            c, s = cos[rows, None], sin[rows, None]
            placed = (c * x - s * y, s * x + c * y, z)
            low[rows] = np.stack([axis.min(axis=1) for axis in placed], axis=1)
            high[rows] = np.stack([axis.max(axis=1) for axis in placed], axis=1)
        low, high = np.minimum.reduceat(low + shift, firsts), np.maximum.reduceat(high + shift, firsts)
        middle, cos, sin = (low + high) / 2, np.cos(self.yaw[firsts]), np.sin(self.yaw[firsts])
        turned = np.stack(
            [cos * middle[:, 0] - sin * middle[:, 1], sin * middle[:, 0] + cos * middle[:, 1], middle[:, 2]], axis=1
        )
        return self.spot[firsts] + turned, (high - low) / 2

    def _stood(self, ground: Ground, xy: Floats, follows: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Places on the ground (N, 3), and the rise per metre (N,) along the y axis of those that follow it."""
        half = (self.scale[:, 1:2] / 2 * np.c_[-np.sin(self.yaw), np.cos(self.yaw)])[follows]
        asked = np.concatenate([xy, xy[follows] + half, xy[follows] - half])
        height = ground.height(asked[:, 0], asked[:, 1])
        count, leaning = len(xy), int(follows.sum())
        z, grade = height[:count].copy(), np.zeros(count)
        upper, lower = height[count : count + leaning], height[count + leaning :]
        z[follows] = (upper + lower) / 2
        grade[follows] = (upper - lower) / self.scale[follows, 1]
        return np.c_[xy, z], grade

    def _linear(self, grade: Floats) -> Floats:
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        sx, sy, sz = self.scale.T
        nought = np.zeros(len(self.yaw))
        return np.stack(
            [np.stack([cos * sx, -sin * sy, nought], 1), np.stack([sin * sx, cos * sy, nought], 1),
             np.stack([nought, grade * sy, sz], 1)], axis=1,
        )  # fmt: skip
