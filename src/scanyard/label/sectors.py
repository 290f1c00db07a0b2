"""Which boxes a ray may come near, without testing every pair.

All around the sensor lie 256 sectors, and each lists the boxes that reach into it, with the elevations and distances at
which a ray can meet them: 120 k rays and 60 boxes cost a millisecond or two.
What a stranger would get wrong: a candidate is not a hit, the slab test comes after; but what is no candidate is none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes, corners
from scanyard.geometry import FloatArray, wrap_angle

_BINS = 256
_PER_RAD = _BINS / (2 * np.pi)

IntArray = NDArray[np.intp]
Float32Array = NDArray[np.float32]


class Sectors(NamedTuple):
    """N boxes by the sectors of azimuth they reach into."""

    start: IntArray
    """(257,) where each sector's boxes begin in ``box``; sectors are counted from the rear, counter-clockwise."""
    box: IntArray
    """(K,) indices of boxes."""
    far_m: Float32Array
    """(N,) no point of the box is farther away on the ground plane."""
    low_slope: Float32Array
    """(N,) height over distance."""
    high_slope: Float32Array
    """(N,)"""

    @classmethod
    def of(cls, boxes: Boxes, *, margin_m: float) -> Sectors:
        """List one or more boxes, grown by ``margin_m``; those that are too close for sectors are in all of them."""
        reach = np.hypot(boxes.size[:, 0], boxes.size[:, 1]) / 2 + 2 * margin_m
        distance = np.hypot(boxes.center[:, 0], boxes.center[:, 1])
        near, far = distance - reach, distance + reach
        around = near <= 1.0
        first, last = _bins(boxes, np.arctan2(2 * margin_m, np.maximum(near, 1.0)))
        counts = np.where(around, _BINS, last - first)
        box = np.repeat(np.arange(len(boxes)), counts)
        step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        sector = (first[box] + step) % _BINS
        order = np.argsort(sector, kind="stable")
        z = boxes.center[:, 2, None] + (boxes.size[:, 2, None] / 2 + margin_m) * np.array([-1, 1])  # (N, 2)
        slopes = (z[:, :, None] / np.stack([np.maximum(near, 1.0), far], axis=1)[:, None]).reshape(-1, 4)
        limits = (far, np.where(around, -np.inf, slopes.min(axis=1)), np.where(around, np.inf, slopes.max(axis=1)))
        return cls(
            np.searchsorted(sector[order], np.arange(_BINS + 1)),
            box[order],
            *(limit.astype(np.float32) for limit in limits),
        )


def bins_of(points: Float32Array) -> NDArray[np.uint8]:
    """The sector (M,) that rays from the origin to ``points`` (M, 3) lie in."""
    place = (np.arctan2(points[:, 1], points[:, 0]) + np.float32(np.pi)) * np.float32(_PER_RAD)
    return np.asarray(np.minimum(place, _BINS - 1), dtype=np.uint8)


def _bins(boxes: Boxes, slack_rad: FloatArray) -> tuple[IntArray, IntArray]:
    """First bin (N,) and the one after the last (N,) of each box's footprint; they may go round the rear."""
    ground = corners(boxes)[:, :4, :2]
    middle_rad = np.arctan2(boxes.center[:, 1], boxes.center[:, 0])
    side_rad = wrap_angle(np.arctan2(ground[..., 1], ground[..., 0]) - middle_rad[:, None])
    low_rad, high_rad = side_rad.min(axis=1) - slack_rad, side_rad.max(axis=1) + slack_rad
    first, last = (np.floor((middle_rad + side + np.pi) * _PER_RAD).astype(np.intp) for side in (low_rad, high_rad))
    return first, last + 1
