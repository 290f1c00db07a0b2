"""Which returns belong to which box, and how many rays towards a box were stopped before it.

Each ray meets only the boxes that ``sectors`` finds in its direction.  Sweep and boxes are in the sensor's frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.frame import Sweep
from scanyard.label.sectors import Sectors, bins_of

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
BoolArray = NDArray[np.bool_]


def count_returns(sweep: Sweep, boxes: Boxes) -> tuple[IntArray, IntArray]:
    """Returns from each box (N,), and returns (N,) in front of it on rays that would have crossed it.

    The simulator's instance id says what a return came from where it names a box's ``track``.  Geometry says it for
    returns with id 0 and an object's semantic tag (parked cars are part of the map), and for all returns of a sweep
    without ids.  A ray that went through the box and hit something behind (glass, the air above a bonnet) is in
    neither count.
    """
    own, blocked = np.zeros((2, len(boxes)), dtype=np.intp)
    if not len(boxes) or not len(sweep):
        return own, blocked
    owner = _named_owners(sweep, boxes)
    own += np.bincount(owner[owner >= 0], minlength=len(boxes))
    nameless = own == 0
    _count(
        np.ascontiguousarray(sweep.points), bins_of(sweep.points), Sectors.of(boxes, margin_m=MARGIN_M),
        _Slabs.of(boxes), nameless, _may_be_an_object(sweep), sweep.semantic is None, owner, own, blocked,
    )  # fmt: skip
    return own, blocked


def _named_owners(sweep: Sweep, boxes: Boxes) -> IntArray:
    """The index of the box whose track a return (M,) names, -1 for none."""
    owner = np.full(len(sweep), -1, dtype=np.intp)
    if sweep.instance is None or boxes.track is None:
        return owner
    order = np.argsort(boxes.track)
    tracks = boxes.track[order]
    named = np.flatnonzero(sweep.instance != 0)  # comparing first is three times as fast
    ids = sweep.instance[named].astype(np.int64)
    place = np.minimum(np.searchsorted(tracks, ids), len(tracks) - 1)
    match = tracks[place] == ids
    owner[named[match]] = order[place[match]]
    return owner


def _may_be_an_object(sweep: Sweep) -> BoolArray:
    """Whether geometry may give a return (M,) to a box, for all that ids and tags say."""
    free = np.ones(len(sweep), dtype=bool) if sweep.instance is None else sweep.instance == 0
    return free if sweep.semantic is None else free & np.take(_IS_OBJECT, sweep.semantic)


class _Slabs(NamedTuple):
    """N boxes turned so that their sides lie along the axes."""

    cos: Float32Array
    """(N,) of the yaw."""
    sin: Float32Array
    low: Float32Array
    """(N, 3) the box's sides in its own axes, with the origin where the sensor is."""
    high: Float32Array

    @classmethod
    def of(cls, boxes: Boxes) -> _Slabs:
        cos, sin = np.cos(boxes.yaw_rad), np.sin(boxes.yaw_rad)
        x, y, z = boxes.center.T
        center = np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=1)
        corners = (cos, sin, center - boxes.size / 2, center + boxes.size / 2)
        return cls(*(np.ascontiguousarray(corner, dtype=np.float32) for corner in corners))


_ONE, _TINY, _INFINITE = np.float32(1.0), np.float32(1e-6), np.float32(np.inf)
_MARGIN, _GROUND, _IN_FRONT = np.float32(MARGIN_M), np.float32(GROUND_M), np.float32(IN_FRONT_M)


def _count_rays(  # noqa: PLR0917  # compiled calls are cheapest by position
    points: Float32Array,
    bins: NDArray[np.uint8],
    sectors: Sectors,
    slabs: _Slabs,
    nameless: BoolArray,
    may_be_an_object: BoolArray,
    may_be_ground: bool,
    owner: IntArray,
    own: IntArray,
    blocked: IntArray,
) -> None:
    """Go on with the counts; the slab test is Kay and Kajiya's (1986)."""
    is_before = np.zeros(len(own), np.bool_)
    for ray in range(len(points)):
        x, y, z = points[ray, 0], points[ray, 1], points[ray, 2]
        distance_m = np.sqrt(x * x + y * y)
        slope = z / max(distance_m, np.float32(1e-3))
        first, last = sectors.start[bins[ray]], sectors.start[bins[ray] + 1]
        mine = owner[ray]
        for box in sectors.box[first:last]:
            is_before[box] = False
            near = distance_m <= sectors.far_m[box] and sectors.low_slope[box] <= slope <= sectors.high_slope[box]
            if not near:
                continue
            cos, sin = slabs.cos[box], slabs.sin[box]
            # In the box's axes the ray goes from the origin through the return at t = 1.
            along = (cos * x + sin * y, cos * y - sin * x, z)
            inside = True
            enter, leave = np.float32(0.0), _INFINITE
            for axis in range(3):
                at, low, high = along[axis], slabs.low[box, axis], slabs.high[box, axis]
                inside &= low - _MARGIN <= at <= high + _MARGIN
                inverse = _ONE / (_TINY if abs(at) < _TINY else at)
                enter = max(enter, min(low * inverse, high * inverse))
                leave = min(leave, max(low * inverse, high * inverse))
            range_m = np.sqrt(x * x + y * y + z * z)
            is_before[box] = enter <= leave and (enter - _ONE) * range_m > _IN_FRONT
            is_ground = may_be_ground and z < slabs.low[box, 2] + _GROUND
            if inside and not is_ground and nameless[box] and may_be_an_object[ray]:
                mine = box
        if mine >= 0 and owner[ray] < 0:
            own[mine] += 1
        for box in sectors.box[first:last]:
            if is_before[box] and box != mine:
                blocked[box] += 1


_count = cast(Callable[..., None], njit(nogil=True, cache=True, error_model="numpy")(_count_rays))
