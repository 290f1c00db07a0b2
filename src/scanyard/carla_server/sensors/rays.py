"""Rays that start anywhere near a sensor and aim anywhere: which actors they may meet, and what they meet.

LiDARs and cameras know their candidates from their grids; this is for the few hundred rays of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.hits import Hits
from scanyard.carla_server.scene.placed import Candidate, Placed

Floats = NDArray[np.float64]


def cast(scene: Any, origin: Floats, direction: Floats, *, reach_m: float, but: Iterable[int]) -> Hits:
    """What rays from ``origin`` (M, 3) along unit ``direction`` (M, 3) meet first, world metres; glass is solid.

    Actors ``but`` are looked through.  What lies beyond ``reach_m`` may or may not be told.
    """
    anchor = scene.anchor(origin[0])
    rays = np.concatenate([origin - anchor, direction], axis=1).astype(np.float32)
    hits: Hits = scene.cast_near(rays, anchor, _candidates(scene.placed, origin, direction, reach_m, list(but)))
    return hits


def _candidates(
    placed: Placed, origin: Floats, direction: Floats, reach_m: float, but: list[int]
) -> Iterator[Candidate]:
    middle = placed.corners.mean(axis=1)
    radius = np.linalg.norm(placed.corners - middle[:, None], axis=2).max(axis=1, initial=0.0)
    spread = np.linalg.norm(origin - origin[0], axis=1).max()
    apart = np.linalg.norm(middle - origin[0], axis=1) - radius - spread
    listed = np.flatnonzero((apart <= reach_m) & ~np.isin(placed.actor_id, but))
    to = middle[listed, None] - origin
    along = np.einsum("nmi,mi->nm", to, direction)
    away = np.einsum("nmi,nmi->nm", to, to) - along**2
    meets = (away <= radius[listed, None] ** 2) & (along >= -radius[listed, None])
    for k, row in zip(listed.tolist(), meets, strict=True):
        rows = np.flatnonzero(row)
        if len(rows):
            yield Candidate(k, rows, max(float(apart[k]), 0.0))
