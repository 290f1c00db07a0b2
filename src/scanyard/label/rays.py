"""Which returns belong to which box, and how many rays towards a box were stopped before it.

Each box meets only the rays that ``sectors`` finds near it.  Sweep and boxes are in the sensor's frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.frame import Sweep
from scanyard.label.sectors import candidates

MARGIN_M = 0.05
"""Boxes are grown by this for counting: range noise is 2 cm, and sheet metal lies in the box's very faces."""
GROUND_M = 0.10
"""Where no semantic tag tells them apart, returns this close above a box's bottom are the ground it stands on."""
IN_FRONT_M = 0.30
"""A return counts as in front of a box only if it is farther than this before the box's surface."""
OBJECT_TAGS = (12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22)
"""CARLA 0.9.14+ tags of what can be an object without an actor id: people, riders, vehicles, static, dynamic, other."""
_IS_OBJECT = np.isin(np.arange(256), OBJECT_TAGS)

IntArray = NDArray[np.intp]
Float32Array = NDArray[np.float32]


def count_returns(sweep: Sweep, boxes: Boxes) -> tuple[IntArray, IntArray]:
    """Returns from each box (N,), and returns (N,) in front of it on rays that would have crossed it.

    The simulator's instance id says what a return came from where it names a box's ``track``.  Geometry says it for
    returns with id 0 and an object's semantic tag (parked cars are part of the map), and for all returns of a sweep
    without ids.  A ray that went through the box and hit something behind (glass, the air above a bonnet) is in
    neither count.
    """
    if not len(boxes) or not len(sweep):
        return np.zeros(len(boxes), dtype=np.intp), np.zeros(len(boxes), dtype=np.intp)
    pairs = _meet(sweep.points, boxes)
    owner = _owners(sweep, boxes, pairs)
    blocked = pairs.in_front & (owner[pairs.ray] != pairs.box)
    own = np.bincount(owner[owner >= 0], minlength=len(boxes))
    return own, np.bincount(pairs.box[blocked], minlength=len(boxes))


@dataclass(frozen=True)
class _Pairs:
    """K pairs of a box and a ray that comes near it; every array is indexed alike."""

    box: IntArray
    ray: IntArray
    inside: NDArray[np.bool_]
    """Whether the return lies in the box, grown by the margin."""
    above_ground: NDArray[np.bool_]
    """Whether the return is high enough above the box's bottom not to be ground."""
    in_front: NDArray[np.bool_]
    """Whether the return lies in front of the box on a ray that would have crossed it."""


def _owners(sweep: Sweep, boxes: Boxes, pairs: _Pairs) -> IntArray:
    """The index of the box each return (M,) belongs to, -1 for none."""
    owner = np.full(len(sweep), -1, dtype=np.intp)
    by_geometry = pairs.inside
    if sweep.instance is not None and boxes.track is not None:
        order = np.argsort(boxes.track)
        tracks = boxes.track[order]
        named = np.flatnonzero(sweep.instance != 0)  # comparing first is three times as fast
        ids = sweep.instance[named].astype(np.int64)
        place = np.minimum(np.searchsorted(tracks, ids), len(tracks) - 1)
        match = tracks[place] == ids
        owner[named[match]] = order[place[match]]
        nameless = np.bincount(owner[named[match]], minlength=len(boxes)) == 0
        by_geometry = by_geometry & nameless[pairs.box] & (sweep.instance[pairs.ray] == 0)
    if sweep.semantic is not None:
        by_geometry = by_geometry & _IS_OBJECT[sweep.semantic[pairs.ray]]
    else:
        by_geometry = by_geometry & pairs.above_ground
    owner[pairs.ray[by_geometry]] = pairs.box[by_geometry]
    return owner


def _meet(points: Float32Array, boxes: Boxes) -> _Pairs:
    """Put each box and the rays near it together; the slab test is Kay and Kajiya's (1986)."""
    box, ray = candidates(points, boxes, margin_m=MARGIN_M)
    x, y, z = np.ascontiguousarray(np.take(points, ray, axis=0).T)
    cos, sin = np.cos(boxes.yaw_rad).astype(np.float32), np.sin(boxes.yaw_rad).astype(np.float32)
    center, half = boxes.center.astype(np.float32), (boxes.size / 2).astype(np.float32)
    # In the box's axes the ray goes from the origin through the return at t = 1.
    rays = (cos[box] * x + sin[box] * y, cos[box] * y - sin[box] * x, z)
    centers = (cos * center[:, 0] + sin * center[:, 1], cos * center[:, 1] - sin * center[:, 0], center[:, 2])
    inside = np.ones(len(ray), dtype=bool)
    enter, leave = np.zeros(len(ray), dtype=np.float32), np.full(len(ray), np.inf, dtype=np.float32)
    for along, middle, reach in zip(rays, centers, half.T, strict=True):
        low, high = (middle - reach)[box], (middle + reach)[box]
        inside &= (along >= low - MARGIN_M) & (along <= high + MARGIN_M)
        inverse = 1 / np.where(np.abs(along) < 1e-6, np.float32(1e-6), along)
        low, high = low * inverse, high * inverse
        np.maximum(enter, np.minimum(low, high), out=enter)
        np.minimum(leave, np.maximum(low, high), out=leave)
    range_m = np.sqrt(x * x + y * y + z * z)
    return _Pairs(
        box=box,
        ray=ray,
        inside=inside,
        above_ground=z >= (center[:, 2] - half[:, 2] + GROUND_M)[box],
        in_front=(enter <= leave) & ((enter - 1) * range_m > IN_FRONT_M),
    )
