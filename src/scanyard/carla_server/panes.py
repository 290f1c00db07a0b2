"""Glass as LiDARs meet it: most rays go through, and whether they do is a matter of the car, not of the ray.

Real cars fall into two kinds: from the windows of most almost nothing comes back, from the others about a third.  A
ray that goes through one pane of a car goes through all of that car's.  Who goes through is a hash of the car's seed,
the ray's index and the sensor's pose: nothing is counted, so the order of work does not matter, and no actor id or
frame number enters, so neither does the server's past.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.materials import TRANSPARENT
from scanyard.carla_server.raycast import FaceHits, Surface

Array32 = NDArray[np.float32]

CLEAR_SHARE = 0.6  # of cars, whose glass returns almost nothing
RETURN_RATES = (0.02, 0.30)  # share of rays a pane returns: of the clear cars, and of the others
MAX_PANES = 8  # a ray still inside glass after so many is given up
_PAST_M = 2e-3  # how far behind a pane the ray goes on


def return_rate(seed: NDArray[np.uint64]) -> Array32:
    """Share of rays (N,) that the panes of the cars with these seeds (N,) return."""
    clear = _uniform(seed ^ np.uint64(0x9E3779B97F4A7C15)) < CLEAR_SHARE
    return np.where(clear, RETURN_RATES[0], RETURN_RATES[1]).astype(np.float32)


def salt_of(pose: NDArray[np.float64]) -> int:
    """The number a sensor pose (4, 4) contributes to the hash; poses are told apart to a tenth of a millimetre."""
    rounded = np.round(np.asarray(pose, dtype=np.float64)[:3] * 1e4).astype(np.int64)
    return int.from_bytes(hashlib.sha256(rounded.tobytes()).digest()[:8], "little")


def cast_through(
    surface: Surface,
    rays: Array32,
    ray_index: NDArray[np.integer] | None,
    seed_of: Callable[[NDArray[np.uint32]], NDArray[np.uint64]],
    salt: int,
) -> FaceHits:
    """First faces that return rays (M, 6), which may pass through glass.

    ``ray_index`` (M,) is the index of each ray in its sensor (``None``: its row), ``seed_of`` maps faces (K,) to the
    seeds of their cars.
    """
    hits = surface.cast(rays)
    material = surface.mesh.material
    open_rows = np.flatnonzero(
        TRANSPARENT[material[np.where(np.isfinite(hits.range_m), hits.face, 0)]] & np.isfinite(hits.range_m)
    )
    if not len(open_rows):
        return hits
    range_m, face, normal = hits.range_m.copy(), hits.face.copy(), hits.normal.copy()
    travelled = np.zeros(len(open_rows), np.float32)
    for _ in range(MAX_PANES):
        pane = face[open_rows]
        seed = seed_of(pane)
        index = open_rows if ray_index is None else ray_index[open_rows]
        chance = _uniform(seed ^ _mix(index.astype(np.uint64) + np.uint64(salt)))
        goes_on = chance >= return_rate(seed)
        open_rows, travelled = open_rows[goes_on], range_m[open_rows][goes_on] + np.float32(_PAST_M)
        if not len(open_rows):
            return FaceHits(range_m, face, normal)
        behind = rays[open_rows].copy()
        behind[:, :3] += behind[:, 3:] * travelled[:, None]
        found = surface.cast(behind)
        range_m[open_rows] = travelled + found.range_m
        face[open_rows] = found.face
        normal[open_rows] = found.normal
        hit = np.isfinite(found.range_m)
        still = hit.copy()
        still[hit] = TRANSPARENT[material[found.face[hit]]]
        open_rows = open_rows[still]
    range_m[open_rows] = np.inf
    return FaceHits(range_m, face, normal)


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64 (Steele, Lea and Flood 2014): 64 bits in, 64 well-mixed bits out."""
    z = value + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _uniform(value: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Numbers in [0, 1)."""
    return (_mix(value) >> np.uint64(11)) * 2.0**-53
