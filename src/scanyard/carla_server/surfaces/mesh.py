"""Triangles with a material each, and the solids that everything in the street is put together from.

Solids are made in the frame of whatever they belong to: x forward, y right, z up, metres.  Winding carries no meaning,
because rays hit both sides of a face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.surfaces.materials import Material

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Mesh:
    """V vertices and F triangles."""

    vertices: NDArray[np.float32]
    """(V, 3) metres."""
    faces: NDArray[np.uint32]
    """(F, 3) indices of vertices."""
    material: NDArray[np.uint8]
    """(F,) ``Material`` of each face."""

    @classmethod
    def of(cls, vertices: ArrayLike, faces: ArrayLike, material: int | ArrayLike) -> Mesh:
        """Make one from anything array-like; a single ``material`` covers every face."""
        corners = np.asarray(faces, dtype=np.uint32).reshape(-1, 3)
        points = np.asarray(vertices, dtype=np.float32).reshape(-1, 3)
        of_each = np.empty(len(corners), np.uint8)
        of_each[:] = material
        return cls(points, corners, of_each)

    @classmethod
    def empty(cls) -> Mesh:
        """No triangles."""
        return cls.of(np.zeros((0, 3)), np.zeros((0, 3)), 0)

    @classmethod
    def joined(cls, parts: Sequence[Mesh]) -> Mesh:
        """All parts in one mesh, faces in the order of the parts."""
        if not parts:
            return cls.empty()
        offsets = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
        return cls(
            np.concatenate([part.vertices for part in parts]),
            np.concatenate([part.faces + np.uint32(offset) for part, offset in zip(parts, offsets, strict=True)]),
            np.concatenate([part.material for part in parts]),
        )

    @classmethod
    def assembled(cls, parts: Sequence[Mesh], positions: ArrayLike) -> Mesh:
        """All parts in one mesh, each shifted to its place in ``positions`` (P, 3), metres."""
        whole = cls.joined(parts)
        shift = np.repeat(np.asarray(positions, dtype=float), [len(part.vertices) for part in parts], axis=0)
        return cls((whole.vertices + shift).astype(np.float32), whole.faces, whole.material)

    @property
    def low(self) -> NDArray[np.float32]:
        """(3,) smallest coordinates."""
        return np.asarray(self.vertices.min(axis=0))

    @property
    def high(self) -> NDArray[np.float32]:
        """(3,) largest coordinates."""
        return np.asarray(self.vertices.max(axis=0))

    def moved(self, offset: ArrayLike = (0.0, 0.0, 0.0), *, yaw: float = 0.0, pitch: float = 0.0) -> Mesh:
        """The mesh pitched (x towards z), then turned (x towards y), then shifted by ``offset``; radians, metres."""
        cos_y, sin_y, cos_p, sin_p = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
        rotation = np.array(
            [[cos_y * cos_p, -sin_y, -cos_y * sin_p], [sin_y * cos_p, cos_y, -sin_y * sin_p], [sin_p, 0.0, cos_p]]
        )
        vertices = (self.vertices @ rotation.T + np.asarray(offset)).astype(np.float32)
        return Mesh(vertices, self.faces, self.material)

    def transformed(self, matrix: Floats) -> Mesh:
        """The mesh in frame b, for a ``b_from_a`` (4, 4)."""
        vertices = self.vertices @ matrix[:3, :3].T + matrix[:3, 3]
        return Mesh(vertices.astype(np.float32), self.faces, self.material)

    def scaled(self, factors: ArrayLike) -> Mesh:
        """The mesh stretched along its axes by ``factors`` () or (3,)."""
        return Mesh(self.vertices * np.asarray(factors, np.float32), self.faces, self.material)

    def fitted(self, low: ArrayLike, high: ArrayLike) -> Mesh:
        """The mesh stretched along its axes so that its bounds are exactly ``low`` and ``high``."""
        low32, high32 = np.asarray(low, np.float32), np.asarray(high, np.float32)
        share = (self.vertices - self.low) / (self.high - self.low)
        return Mesh(np.where(share < 1, low32 + share * (high32 - low32), high32), self.faces, self.material)

    def where(self, keep: NDArray[np.bool_]) -> Mesh:
        """Only the faces that ``keep`` (F,) says, and the vertices they need."""
        faces = self.faces[keep]
        needed = np.zeros(len(self.vertices), bool)
        needed[faces] = True
        number = np.cumsum(needed, dtype=np.uint32) - np.uint32(1)
        return Mesh(self.vertices[needed], number[faces], self.material[keep])

    def mirrored(self) -> Mesh:
        """The mesh with left and right exchanged."""
        return Mesh(self.vertices * np.array([1, -1, 1], np.float32), self.faces, self.material)


_BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
     [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)  # fmt: skip
_BOX_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])


def normals(mesh: Mesh) -> NDArray[np.float32]:
    """Unit normals (3, F) of a mesh's faces, on whichever side their winding says; zero where a face has no area."""
    corners = mesh.vertices[mesh.faces]
    edge, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    cross = np.stack([edge[:, i] * other[:, j] - edge[:, j] * other[:, i] for i, j in ((1, 2), (2, 0), (0, 1))])
    length = np.sqrt(cross[0] ** 2 + cross[1] ** 2 + cross[2] ** 2)
    return np.asarray(cross / np.maximum(length, 1e-12), dtype=np.float32)


def box(center: ArrayLike, size: ArrayLike, material: Material) -> Mesh:
    """A box with the given middle and full size (3,), 12 faces."""
    return Mesh.of(_BOX_CORNERS * np.asarray(size) + np.asarray(center), _BOX_FACES, material)


def boxes(center: ArrayLike, size: ArrayLike, material: Material, yaw: ArrayLike | float = 0.0) -> Mesh:
    """N boxes at once: middles and sizes (N, 3), headings () or (N,) radians."""
    center, size = np.asarray(center, dtype=float).reshape(-1, 3), np.asarray(size, dtype=float).reshape(-1, 3)
    if not len(center):
        return Mesh.empty()
    corners = _BOX_CORNERS[None] * np.broadcast_to(size, center.shape)[:, None]
    turn = np.broadcast_to(np.asarray(yaw, dtype=float), len(center))[:, None]
    cos, sin = np.cos(turn), np.sin(turn)
    turned = np.stack(
        [cos * corners[..., 0] - sin * corners[..., 1], sin * corners[..., 0] + cos * corners[..., 1], corners[..., 2]],
        axis=-1,
    )
    faces = _BOX_FACES[None] + 8 * np.arange(len(center))[:, None, None]
    return Mesh.of(turned + center[:, None], faces, material)


def tube(
    start: ArrayLike, end: ArrayLike, radii: float | tuple[float, float], material: Material, sides: int = 8
) -> Mesh:
    """A closed, possibly tapering cylinder from ``start`` to ``end`` (3,), 4 faces per side."""
    start, end = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    axis = (end - start) / np.linalg.norm(end - start)
    helper = np.array([0.0, 0.0, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    u = _cross(axis, helper)
    u /= np.linalg.norm(u)
    v = _cross(axis, u)
    angle = np.arange(sides) * 2 * np.pi / sides
    ring = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
    first, second = radii if isinstance(radii, tuple) else (radii, radii)
    vertices = np.concatenate([start + first * ring, end + second * ring, [start, end]])
    return Mesh.of(vertices, _tube_faces(sides), material)


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cross product of two vectors (3,): ``numpy.cross`` takes ten times as long for a single one."""
    (a0, a1, a2), (b0, b1, b2) = a.tolist(), b.tolist()
    return np.array([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0])


@lru_cache(maxsize=32)
def _tube_faces(sides: int) -> NDArray[np.uint32]:
    i = np.arange(sides)
    j = (i + 1) % sides
    low, high = np.full(sides, 2 * sides), np.full(sides, 2 * sides + 1)
    corners = [(i, j, i + sides), (j, j + sides, i + sides), (i, j, low), (i + sides, j + sides, high)]
    return np.concatenate([np.stack(three, axis=1) for three in corners]).astype(np.uint32)


def ellipsoid(center: ArrayLike, radii: ArrayLike, material: Material, sides: int = 10, rings: int = 6) -> Mesh:
    """A ball stretched to ``radii`` (3,)."""
    polar = np.linspace(0, np.pi, rings + 1)
    angle = np.arange(sides) * 2 * np.pi / sides
    unit = np.stack(
        [np.sin(polar)[:, None] * np.cos(angle), np.sin(polar)[:, None] * np.sin(angle),
         np.repeat(np.cos(polar)[:, None], sides, axis=1)], axis=-1,
    )  # fmt: skip
    return Mesh.of(
        (unit * np.asarray(radii) + np.asarray(center)).reshape(-1, 3), quads(rings + 1, sides, closed=True), material
    )


@lru_cache(maxsize=256)
def quads(rows: int, columns: int, *, closed: bool = False) -> NDArray[np.int64]:
    """Faces (F, 3) over a grid of rows×columns vertices, stored by row; ``closed`` joins last to first column."""
    across = columns if closed else columns - 1
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(across), indexing="ij")
    a = row * columns + column
    b = row * columns + (column + 1) % columns
    c, d = a + columns, b + columns
    return np.stack([a, b, d, a, d, c], axis=-1).reshape(-1, 3)


def sheet(rows: ArrayLike, material: Material) -> Mesh:
    """A surface through R×C points (R, C, 3)."""
    points = np.asarray(rows, dtype=float)
    return Mesh.of(points.reshape(-1, 3), quads(points.shape[0], points.shape[1]), material)


def leaves(
    center: NDArray[np.float64], size_m: float | NDArray[np.float64], material: Material, rng: np.random.Generator
) -> Mesh:
    """One randomly turned triangle about each of N points (N, 3), ``size_m`` across: what foliage is to a LiDAR."""
    count = len(center)
    spread = rng.normal(size=(count, 3, 3))
    spread /= np.linalg.norm(spread, axis=-1, keepdims=True)
    reach = np.broadcast_to(np.asarray(size_m, dtype=float), count) * rng.uniform(0.6, 1.2, count)
    vertices = center[:, None] + spread * reach[:, None, None]
    return Mesh.of(vertices, np.arange(3 * count).reshape(-1, 3), material)
