"""Which rays of a sweep come near which box, without testing every pair.

Rays are sorted into azimuth bins once, and each box looks through those of its own sector for rays at its elevations
that do not end beyond it: 120 k rays and 60 boxes cost a few milliseconds.
What a stranger would get wrong: a candidate is not a hit, the slab test comes after; but what is no candidate is none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes, corners
from scanyard.geometry import FloatArray, wrap_angle

_BINS = 256  # finer sectors hold fewer rays, but beyond 8 bits the radix sort takes a second pass
_PER_RAD = _BINS / (2 * np.pi)

IntArray = NDArray[np.intp]
Float32Array = NDArray[np.float32]


def candidates(points: Float32Array, boxes: Boxes, *, margin_m: float) -> tuple[IntArray, IntArray]:
    """Pairs (box, ray) (K,), sorted by box, of rays that pass near a box and do not end beyond it.

    ``points`` (M, 3) are where the rays from the origin end, ``boxes`` are in their frame and grown by ``margin_m``.
    """
    if not len(boxes):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    rays = _SortedRays.of(points)
    found = [rays.within(window) for window in _windows(boxes, margin_m)]
    return np.repeat(np.arange(len(boxes)), [len(near) for near in found]), np.concatenate(found)


@dataclass(frozen=True)
class _Window:
    """Where a box is to be looked for."""

    first_bin: int
    """Azimuth bin, from 0, the rear, counter-clockwise."""
    num_bins: int
    far_m: float
    """No point of the box is farther away on the ground plane."""
    low_slope: float
    """Height over distance."""
    high_slope: float


def _windows(boxes: Boxes, margin_m: float) -> list[_Window]:
    """One for each box; all around for boxes that are too close for sectors to mean anything."""
    reach = np.hypot(boxes.size[:, 0], boxes.size[:, 1]) / 2 + 2 * margin_m
    distance = np.hypot(boxes.center[:, 0], boxes.center[:, 1])
    near, far = distance - reach, distance + reach
    around = near <= 1.0
    first, last = _bins(boxes, np.arctan2(2 * margin_m, np.maximum(near, 1.0)))
    z = boxes.center[:, 2, None] + (boxes.size[:, 2, None] / 2 + margin_m) * np.array([-1, 1])  # (N, 2)
    slopes = (z[:, :, None] / np.stack([np.maximum(near, 1.0), far], axis=1)[:, None]).reshape(-1, 4)
    columns = (
        np.where(around, 0, first % _BINS),
        np.where(around, _BINS, last - first),
        far,
        np.where(around, -np.inf, slopes.min(axis=1)),
        np.where(around, np.inf, slopes.max(axis=1)),
    )
    return [_Window(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _bins(boxes: Boxes, slack_rad: FloatArray) -> tuple[IntArray, IntArray]:
    """First bin (N,) and the one after the last (N,) of each box's footprint; they may go round the rear."""
    ground = corners(boxes)[:, :4, :2]
    middle_rad = np.arctan2(boxes.center[:, 1], boxes.center[:, 0])
    side_rad = wrap_angle(np.arctan2(ground[..., 1], ground[..., 0]) - middle_rad[:, None])
    low_rad, high_rad = side_rad.min(axis=1) - slack_rad, side_rad.max(axis=1) + slack_rad
    first, last = (np.floor((middle_rad + side + np.pi) * _PER_RAD).astype(np.intp) for side in (low_rad, high_rad))
    return first, last + 1


@dataclass(frozen=True)
class _SortedRays:
    """M rays sorted by azimuth bin; all but ``start`` are indexed alike."""

    index: IntArray
    """(M,) where the ray was before sorting."""
    distance_m: Float32Array
    """(M,) of its end, on the ground plane."""
    slope: Float32Array
    """(M,) height of its end over distance."""
    start: list[int]
    """Where each bin begins, and the end."""

    @classmethod
    def of(cls, points: Float32Array) -> _SortedRays:
        """Sort the rays from the origin to ``points`` (M, 3)."""
        x, y, z = np.ascontiguousarray(points.T)
        place = (np.arctan2(y, x) + np.float32(np.pi)) * np.float32(_PER_RAD)
        bins = np.minimum(place, _BINS - 1).astype(np.uint8)
        index = np.argsort(bins, kind="stable")  # a radix sort for short keys
        distance = np.sqrt(x * x + y * y)
        slope = z / np.maximum(distance, np.float32(1e-3))
        start = [0, *np.cumsum(np.bincount(bins, minlength=_BINS)).tolist()]
        return cls(index, np.take(distance, index), np.take(slope, index), start)

    def within(self, window: _Window) -> IntArray:
        """Indices (K,) of the rays in ``window``."""
        last = window.first_bin + window.num_bins
        near = self._between(window.first_bin, min(last, _BINS), window)
        return near if last <= _BINS else np.concatenate([near, self._between(0, last - _BINS, window)])

    def _between(self, first_bin: int, last_bin: int, window: _Window) -> IntArray:
        sector = slice(self.start[first_bin], self.start[last_bin])
        slope = self.slope[sector]
        keep = self.distance_m[sector] <= window.far_m
        keep &= slope >= window.low_slope
        keep &= slope <= window.high_slope
        return self.index[sector][keep]
