"""N upright boxes as a struct of arrays: labels, or detections when ``score`` is set.

A column that a source does not know is ``None``, never a sentinel.  Boxes stand upright (no roll or pitch); the
centre is the geometric centre, not the bottom that KITTI writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.geometry import FloatArray, Transform, wrap_angle

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Boxes:
    """N upright boxes in one coordinate frame; every array is indexed alike."""

    center: FloatArray
    """(N, 3) metres, geometric centre."""
    size: FloatArray
    """(N, 3) metres: length, width, height along the box's x, y, z."""
    yaw_rad: FloatArray
    """(N,) heading, from x towards y."""
    category: NDArray[np.str_]
    """(N,) lower-case class names: car, van, truck, bus, tram, pedestrian, person_sitting, cyclist, misc, cargo, ..."""
    track: IntArray | None = None
    """(N,) identity that lasts through a sequence."""
    num_points: IntArray | None = None
    """(N,) LiDAR returns inside."""
    visibility: FloatArray | None = None
    """(N,) fraction of the rays towards the object that reach it, 0 to 1."""
    truncation: FloatArray | None = None
    """(N,) fraction of the projected box outside the image, 0 to 1."""
    occlusion: IntArray | None = None
    """(N,) KITTI level: 0 fully visible, 1 partly occluded, 2 largely occluded, 3 unknown."""
    velocity: FloatArray | None = None
    """(N, 3) metres per second over ground, in the axes of the boxes' frame."""
    image_box: FloatArray | None = None
    """(N, 4) pixels left, top, right, bottom in the rig's first camera."""
    score: FloatArray | None = None
    """(N,) confidence of a detection."""

    def __post_init__(self) -> None:
        n = len(self.center)
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            dtype = _DTYPES.get(field.name, np.float64)
            if dtype is np.int64:
                _require_whole(field.name, np.asarray(value))
            array: NDArray[Any] = np.asarray(value, dtype=dtype)
            tail = _TAILS.get(field.name, ())
            if array.shape != (n, *tail):
                raise ValueError(f"boxes: {field.name} has shape {array.shape}, expected {(n, *tail)}")
            object.__setattr__(self, field.name, array)

    @classmethod
    def empty(cls) -> Boxes:
        """No boxes, with the optional columns absent."""
        return cls(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros(0, dtype="<U1"))

    @classmethod
    def concatenate(cls, parts: Sequence[Boxes]) -> Boxes:
        """All boxes one after another; a column survives only if every non-empty part has it."""
        full = [part for part in parts if len(part)]
        if not full:
            return parts[0] if parts else cls.empty()
        columns: dict[str, Any] = {}
        for field in fields(cls):
            values = [getattr(part, field.name) for part in full]
            columns[field.name] = None if any(value is None for value in values) else np.concatenate(values)
        return cls(**columns)

    def __len__(self) -> int:
        return len(self.center)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.integer] | slice | Sequence[int]) -> Boxes:
        columns: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            columns[field.name] = None if value is None else value[index]
        return Boxes(**columns)

    def replace(self, **columns: ArrayLike | None) -> Boxes:
        """The same boxes with some columns exchanged."""
        return replace(self, **columns)  # type: ignore[arg-type]  # __post_init__ converts to arrays

    def transformed(self, b_from_a: Transform) -> Boxes:
        """The boxes in frame b; they stay upright, so use it between frames whose z axes (nearly) agree."""
        return self.replace(
            center=b_from_a.apply(self.center),
            yaw_rad=wrap_angle(self.yaw_rad + b_from_a.yaw_rad),
            velocity=None if self.velocity is None else b_from_a.rotate(self.velocity),
        )


_DTYPES: dict[str, type] = {"category": np.str_, "track": np.int64, "num_points": np.int64, "occlusion": np.int64}
_MOST = 2.0**53  # up to here a float holds every whole number
_TAILS: dict[str, tuple[int, ...]] = {"center": (3,), "size": (3,), "velocity": (3,), "image_box": (4,)}


def _require_whole(name: str, values: NDArray[Any]) -> None:
    """Refuse to round: numbers that are not whole were never counts, levels or tracks."""
    if values.dtype.kind != "f":
        return
    strange = values[~((np.abs(values) <= _MOST) & (values == np.trunc(values)))]
    if len(strange):
        raise ValueError(f"boxes: {name} holds {strange[0]}, expected whole numbers")


def corners(boxes: Boxes) -> FloatArray:
    """The eight corners (N, 8, 3) of each box, in the boxes' frame.

    0-3 are the bottom, 4-7 the top; each ring goes front left, rear left, rear right, front right.
    """
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) / 2.0
    local = np.concatenate([np.c_[signs, np.full(4, z)] for z in (-0.5, 0.5)])
    scaled = local[None] * boxes.size[:, None]
    cos, sin = np.cos(boxes.yaw_rad)[:, None], np.sin(boxes.yaw_rad)[:, None]
    x = cos * scaled[..., 0] - sin * scaled[..., 1]
    y = sin * scaled[..., 0] + cos * scaled[..., 1]
    return np.stack([x, y, scaled[..., 2]], axis=-1) + boxes.center[:, None]


def points_inside(boxes: Boxes, points: ArrayLike, *, margin_m: float = 0.0) -> NDArray[np.bool_]:
    """Which points (M, 3) lie inside which boxes, grown by ``margin_m`` on every side: (N, M)."""
    points = np.asarray(points)
    inside = np.zeros((len(boxes), len(points)), dtype=bool)
    half = boxes.size / 2 + margin_m
    x, y = np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])  # four times faster than strided
    for i in range(len(boxes)):
        reach = np.hypot(half[i, 0], half[i, 1])
        near = np.flatnonzero((np.abs(x - boxes.center[i, 0]) <= reach) & (np.abs(y - boxes.center[i, 1]) <= reach))
        dx, dy = x[near] - boxes.center[i, 0], y[near] - boxes.center[i, 1]
        cos, sin = np.cos(boxes.yaw_rad[i]), np.sin(boxes.yaw_rad[i])
        along, across = cos * dx + sin * dy, cos * dy - sin * dx
        up = points[near, 2] - boxes.center[i, 2]
        inside[i, near] = (np.abs(along) <= half[i, 0]) & (np.abs(across) <= half[i, 1]) & (np.abs(up) <= half[i, 2])
    return inside


def overlap_bev(a: Boxes, b: Boxes) -> FloatArray:
    """Intersection over union (N, M) of the footprints of N boxes ``a`` and M boxes ``b``, exact for any yaw."""
    return _overlap_of_all(a, b, 0)


def overlap_3d(a: Boxes, b: Boxes) -> FloatArray:
    """Intersection over union (N, M) of the volumes of N boxes ``a`` and M boxes ``b``, exact for upright boxes."""
    return _overlap_of_all(a, b, 1)


def overlap_of_pairs(a: Boxes, b: Boxes) -> tuple[FloatArray, FloatArray]:
    """Intersection over union of footprints (P,) and of volumes (P,), of P boxes ``a`` each with its box of ``b``."""
    low = np.maximum(a.center[:, 2] - a.size[:, 2] / 2, b.center[:, 2] - b.size[:, 2] / 2)
    high = np.minimum(a.center[:, 2] + a.size[:, 2] / 2, b.center[:, 2] + b.size[:, 2] / 2)
    area = _shared_footprint(a, b)
    volume = area * np.clip(high - low, 0.0, None)
    by_area = _ratio(area, np.prod(a.size[:, :2], axis=1), np.prod(b.size[:, :2], axis=1))
    return by_area, _ratio(volume, np.prod(a.size, axis=1), np.prod(b.size, axis=1))


def _overlap_of_all(a: Boxes, b: Boxes, which: int) -> FloatArray:
    overlap = np.zeros((len(a), len(b)))
    apart = np.hypot(*(a.center[:, None, axis] - b.center[None, :, axis] for axis in (0, 1)))
    i, j = np.nonzero(apart < _reach(a)[:, None] + _reach(b))
    overlap[i, j] = overlap_of_pairs(a[i], b[j])[which]
    return overlap


def _ratio(shared: FloatArray, size_a: FloatArray, size_b: FloatArray) -> FloatArray:
    union = size_a + size_b - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _shared_footprint(a: Boxes, b: Boxes) -> FloatArray:
    """Shared area (P,) in square metres of P pairs; only those whose circles meet are clipped."""
    import shapely  # noqa: PLC0415  # costs 0.1 s, and only scoring needs it

    apart = np.hypot(a.center[:, 0] - b.center[:, 0], a.center[:, 1] - b.center[:, 1])
    near = np.flatnonzero(apart < _reach(a) + _reach(b))
    shared = np.zeros(len(a))
    footprints = (shapely.polygons(corners(boxes[near])[:, :4, :2]) for boxes in (a, b))
    shared[near] = shapely.area(shapely.intersection(*footprints))
    return shared


def _reach(boxes: Boxes) -> FloatArray:
    """Radius (N,) in metres of the circle around each footprint."""
    return np.asarray(np.hypot(boxes.size[:, 0], boxes.size[:, 1]) / 2)
