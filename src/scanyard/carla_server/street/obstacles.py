"""What of the street one bumps into: the outlines, on the ground plan, of all that is solid at bumper height.

Leaves give way and awnings are driven under, so an outline is not the box around a thing: it is the rectangle around
those of its faces that pass through the heights at which vehicles and people are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.street.items import Kind
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh

Floats = NDArray[np.float64]

LOW_M, HIGH_M = 0.2, 1.5
"""Only what is solid between these heights above the ground is in the way."""
YIELDING = (Material.LEAF, Material.GRASS, Material.GRASS_TUFT, Material.BLOSSOM, Material.PLANT)
_YIELDS = np.isin(np.arange(256), YIELDING)
LEAST_HALF_M = 0.03
"""Sheets have no thickness; a bumper needs some."""


@dataclass(frozen=True)
class Obstacles:
    """K upright boxes of the street; every array is indexed alike."""

    middle: Floats
    """(K, 2) m, world, left-handed."""
    half: Floats
    """(K, 2) half sizes along and across the heading."""
    yaw: Floats
    """(K,) heading in rad, x towards y."""
    low: Floats
    """(K,) m: height of the lower end in the world."""
    high: Floats
    """(K,) m"""
    label: NDArray[np.uint8]
    """(K,) semantic label."""
    ids: NDArray[np.uint64]
    """(K,) the environment object it belongs to, 0 for none: hidden objects are in nobody's way."""

    def __len__(self) -> int:
        return len(self.yaw)

    @classmethod
    def none(cls) -> Obstacles:
        """An open plain."""
        flat, single = np.zeros((0, 2)), np.zeros(0)
        return cls(flat, flat, single, single, single, np.zeros(0, np.uint8), np.zeros(0, np.uint64))

    @classmethod
    def joined(cls, parts: list[Obstacles]) -> Obstacles:
        """All of some."""
        everything = [cls.none(), *parts]
        return cls(*(np.concatenate([getattr(part, one.name) for part in everything]) for one in fields(cls)))


class BoxLike(Protocol):
    """What is asked of an environment object."""

    @property
    def id(self) -> int: ...  # noqa: D102

    @property
    def label(self) -> int: ...  # noqa: D102

    @property
    def transform(self) -> Sequence[float]:
        """(6,) x, y, z in metres, pitch, yaw, roll in degrees."""

    @property
    def box_center(self) -> Sequence[float]:
        """(3,) m, world."""

    @property
    def extent(self) -> Sequence[float]:
        """(3,) half sizes, m."""


def of_boxes(objects: Sequence[BoxLike]) -> Obstacles:
    """Things that fill their boxes: parked vehicles."""
    center = np.array([one.box_center for one in objects], dtype=np.float64).reshape(-1, 3)
    extent = np.array([one.extent for one in objects], dtype=np.float64).reshape(-1, 3)
    return Obstacles(
        center[:, :2], extent[:, :2], np.deg2rad([float(one.transform[4]) for one in objects]),
        center[:, 2] - extent[:, 2], center[:, 2] + extent[:, 2],
        np.array([one.label for one in objects], np.uint8), np.array([one.id for one in objects], np.uint64),
    )  # fmt: skip


class ThingsLike(Protocol):
    """What is asked of ``things.Things``: N pieces, arrays indexed alike."""

    kinds: tuple[Kind, ...]
    kind: NDArray[np.int64]
    variant: NDArray[np.int64]
    spot: Floats
    yaw: Floats
    scale: Floats
    lift_m: Floats
    thing: NDArray[np.int64]

    @property
    def ids(self) -> Sequence[int]:
        """(T,) what clients name the things by."""


def of_things(things: ThingsLike) -> Obstacles:
    """Planned things, a rectangle for each piece that is solid at bumper height.

    Outlines are looked for once for all pieces of one kind and variant that have about the same height and lift: what
    is stretched upwards by a tenth of a metre meets a bumper no differently.
    """
    if not len(things.kind):
        return Obstacles.none()
    tenths = np.rint(10.0 * np.c_[things.scale[:, 2], things.lift_m]).astype(np.int64)
    distinct, which = np.unique(np.c_[things.kind, things.variant, tenths], axis=0, return_inverse=True)
    outlines = []
    for kind, variant, tall, lift in distinct.tolist():
        stretch = max(tall, 1) / 10.0
        low_m, high_m = ((height - lift / 10.0) / stretch for height in (LOW_M, HIGH_M))
        outlines.append(outline(things.kinds[kind].mesh(variant, detailed=False), low_m=low_m, high_m=high_m))
    rows = np.flatnonzero(np.array([one is not None for one in outlines], bool)[which.ravel()])
    nothing = Outline((0.0, 0.0), (0.0, 0.0), 0.0)
    table = np.array([(*one.middle, *one.half, one.high) for one in (found or nothing for found in outlines)])
    of_piece, scale, yaw = table[which.ravel()[rows]], things.scale[rows], things.yaw[rows]
    along, across = (of_piece[:, :2] * scale[:, :2]).T
    cos, sin = np.cos(yaw), np.sin(yaw)
    spot = things.spot[rows]
    labels = np.array([int(kind.label) for kind in things.kinds], np.uint8)
    return Obstacles(
        spot[:, :2] + np.c_[cos * along - sin * across, sin * along + cos * across],
        np.maximum(of_piece[:, 2:4] * scale[:, :2], LEAST_HALF_M), yaw,
        spot[:, 2], spot[:, 2] + of_piece[:, 4] * scale[:, 2],
        labels[things.kind[rows]], np.asarray(things.ids, np.uint64)[things.thing[rows]],
    )  # fmt: skip


@dataclass(frozen=True)
class Outline:
    """The solid part of a mesh at bumper height, in the mesh's frame."""

    middle: tuple[float, float]
    half: tuple[float, float]
    high: float
    """Top of the solid part, m."""


def outline(mesh: Mesh, *, low_m: float = LOW_M, high_m: float = HIGH_M) -> Outline | None:
    """The rectangle around what is solid of ``mesh`` between two heights, None where nothing is.

    Faces are cut at both heights, so a leaning pole counts only where it passes.
    """
    z = mesh.vertices[:, 2][mesh.faces]
    least_z, most_z = z.min(axis=1, initial=np.inf), z.max(axis=1, initial=-np.inf)
    passes = np.flatnonzero((most_z > low_m) & (least_z < high_m) & ~_YIELDS[mesh.material])
    if not len(passes):
        return None
    top = float(most_z[passes].max())
    points = _cut(mesh.vertices[mesh.faces[passes]].astype(np.float64), low_m, high_m)
    least, most = points.min(axis=0), points.max(axis=0)
    half = np.maximum((most - least) / 2, LEAST_HALF_M)
    middle = (least + most) / 2
    return Outline((float(middle[0]), float(middle[1])), (float(half[0]), float(half[1])), top)


def _cut(corners: Floats, low_m: float, high_m: float) -> Floats:
    """(M, 2) the corners of triangles (F, 3, 3) between two heights, and where their edges cross those."""
    inside = (corners[..., 2] >= low_m) & (corners[..., 2] <= high_m)
    found = [corners[inside][:, :2]]
    start, end = corners.reshape(-1, 3), corners[:, (1, 2, 0)].reshape(-1, 3)
    for height in (low_m, high_m):
        crosses = np.flatnonzero((start[:, 2] < height) != (end[:, 2] < height))
        one, other = start[crosses], end[crosses]
        share = ((height - one[:, 2]) / (other[:, 2] - one[:, 2]))[:, None]
        found.append(one[:, :2] * (1.0 - share) + other[:, :2] * share)
    return np.concatenate(found)
