"""How the ground departs from its design: unevenness of roads, their crown, rough verges, the rolling of open land.

A map gives roads as smooth surfaces; real ones shed water to both sides, and nothing beside them is smooth.  LiDAR
rings show both at once.  Everything here is a function of the place alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]

CROSSFALL = 0.015
"""Of the height a road loses per metre off its middle; 2 to 2.5 % is built, traffic flattens it."""
LEVEL_M = 1.75
"""How far off the middle a road lies as high as the map says: in the middle of a lane of 3.5 m."""
DEEPEST_M = 0.05
FADE_M = 15.0
"""The crown fades before junctions, where roads cross at one height."""
SPACING_M = 0.5


class Crown:
    """How much higher or lower than the map says a road lies, because it falls off to its sides."""

    def __init__(self, middles: Sequence[Floats], junctions: Sequence[Floats]) -> None:
        """``middles`` (K, 2 or more) are the roads' middle lines, ``junctions`` points of the lanes in junctions."""
        dense = [_dense(line[:, :2]) for line in middles if len(line) > 1]
        self._middle = cKDTree(np.concatenate(dense)) if dense else None
        inside = [line[:, :2] for line in junctions if len(line)]
        self._junction = cKDTree(np.concatenate(inside)) if inside else None

    def at(self, xy: Floats) -> Floats:
        """Metres (...) at places (..., 2)."""
        if self._middle is None:
            return np.zeros(xy.shape[:-1])
        off = self._middle.query(xy)[0]
        rise = np.clip(CROSSFALL * (LEVEL_M - off), -DEEPEST_M, None)
        if self._junction is not None:
            rise = rise * np.clip(self._junction.query(xy)[0] / FADE_M, 0.0, 1.0)
        return np.asarray(rise)


def unevenness(xy: Floats) -> Floats:
    """How far a road's surface (..., 2) lies above its design, metres: within 2 cm, metres long."""
    x, y = xy[..., 0], xy[..., 1]
    return np.asarray(
        0.006 * np.sin(0.43 * x + 0.31 * y) + 0.005 * np.sin(0.29 * x - 0.57 * y + 1.0)
        + 0.004 * np.sin(0.91 * x + 0.2 * y + 2.0)
    )  # fmt: skip


def rolling(xy: Floats) -> Floats:
    """Rise and fall of open land (..., 2), metres."""
    x, y = xy[..., 0], xy[..., 1]
    return np.asarray(0.35 * np.sin(0.071 * x + 0.043 * y) + 0.25 * np.sin(0.113 * y - 0.05 * x + 1.3))


def roughness(xy: Floats) -> Floats:
    """Numbers (...) from -1 to 1 without any pattern, one for each place (..., 2), told apart to a centimetre."""
    cell = np.round(xy * 100.0).astype(np.int64).astype(np.uint64)
    mixed = cell[..., 0] * np.uint64(0x9E3779B97F4A7C15) ^ cell[..., 1] * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(29)
    return np.asarray((mixed >> np.uint64(11)) * 2.0**-52 - 1.0)


def resampled(line: Floats, step_m: float) -> Floats:
    """A polyline (K, C), its first two columns a place in metres, at points about ``step_m`` apart, ends included."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line[:, :2], axis=0), axis=1))])
    at = np.linspace(0.0, length[-1], max(2, int(np.ceil(length[-1] / step_m)) + 1))
    return np.stack([np.interp(at, length, column) for column in line.T], axis=1)


def _dense(line: Floats) -> Floats:
    return resampled(line, SPACING_M)
