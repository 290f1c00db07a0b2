"""Glass as LiDARs meet it: most rays go through, and whether they do is a matter of the car, not of the ray.

Real cars fall into two kinds: from the windows of most almost nothing comes back, from the others almost half.  A
ray that goes through one pane of a car goes through all of that car's; of those a share is lost inside, where it is
dark and the way back leads through the pane again.  Who goes through is a hash of the car's seed,
the ray's index and the sensor's pose: nothing is counted, so the order of work does not matter, and no actor id or
frame number enters, so neither does the server's past.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.carla_server.surfaces.raycast import FaceHits, Surface

Array32 = NDArray[np.float32]
T = TypeVar("T", bound=tuple[NDArray[Any], ...])

CLEAR_SHARE = 0.6  # of cars, whose glass returns almost nothing
RETURN_RATES = (0.02, 0.45)  # share of rays a pane returns: of the clear cars, and of the others
LOST_SHARE = 0.55  # of the rays that went through; set by the share of returns from deep inside KITTI's cars, 4 %
FAINT_M = (
    28.0,
    34.0,
)  # between these ranges glass and what lies behind it fade: of KITTI's cars beyond, a tenth is left
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


class Glazed:
    """The bodies of cars whose panes let rays through: who passes one pane of a car passes all of that car's."""

    def __init__(self, mesh: Mesh) -> None:
        """Build the BVHs of ``mesh`` with and without its glass."""
        self.surface = Surface(mesh)
        self._behind = Surface(mesh.where(~self.surface.transparent[:-1]))
        self._face_behind = np.flatnonzero(~self.surface.transparent)

    def cast_through(
        self, rays: Array32, *, ray_index: NDArray[np.int64], seed: NDArray[np.uint64], start_m: Array32, salt: int
    ) -> tuple[FaceHits, NDArray[np.int64]]:
        """First faces that return rays (M, 6), none of which meets the glass of two cars.

        ``ray_index`` (M,) is the index of each ray in its sensor, ``seed`` (M,) that of the car it may meet,
        ``start_m`` (M,) how far from the sensor the ray begins.  With them the rows of those that are lost
        inside, which meet nothing, nor what lies behind.
        """
        hits = self.surface.cast(rays)
        open_rows = np.flatnonzero(self.surface.transparent.take(hits.face))
        if not len(open_rows):
            return hits, open_rows
        range_m, face, normal = hits
        reached_m = start_m[open_rows] + range_m[open_rows]
        through, lost = fate(ray_index[open_rows], seed[open_rows], reached_m, salt)
        lost_rows = open_rows[lost]
        open_rows = open_rows[through & ~lost]
        if len(open_rows):
            found = self._behind.cast(rays[open_rows])
            range_m[open_rows], normal[open_rows] = found.range_m, found.normal
            face[open_rows] = self._face_behind[found.face]
        return hits, lost_rows


def cast_through(
    surface: Surface,
    rays: Array32,
    seed_of: Callable[[NDArray[np.uint32]], NDArray[np.uint64]],
    salt: int,
) -> FaceHits:
    """First faces that return rays (M, 6), which may pass through the glass of several cars one behind the other.

    ``seed_of`` maps faces (K,) to the seeds of their cars.
    """

    def behind(rows: NDArray[np.int64], past_m: Array32) -> FaceHits:
        moved = rays[rows]
        moved[:, :3] += moved[:, 3:] * past_m[:, None]
        return surface.cast(moved)

    hits = surface.cast(rays)
    nothing = len(surface.mesh.faces)
    see_through(hits, behind, transparent=surface.transparent, nothing=nothing, seed_of=seed_of, salt=salt)
    return hits


def see_through(
    hits: T,
    behind: Callable[[NDArray[np.int64], Array32], T],
    *,
    transparent: NDArray[np.bool_],
    nothing: int,
    seed_of: Callable[[NDArray[np.uint32]], NDArray[np.uint64]],
    salt: int,
) -> None:
    """Replace those ``hits`` (M,), range and face first, that are of glass which lets the ray through.

    ``behind`` casts rays ``rows`` (K,) from ``past_m`` (K,) on.  ``transparent`` is indexed by face, ``nothing`` among
    them; ``seed_of`` maps faces (K,) to the seeds of their cars.
    """
    range_m, face = hits[0], hits[1]
    open_rows = np.flatnonzero(transparent.take(face))
    for _ in range(MAX_PANES):
        if not len(open_rows):
            return
        through, lost = fate(open_rows, seed_of(face[open_rows]), range_m[open_rows], salt)
        range_m[open_rows[lost]], face[open_rows[lost]] = np.inf, nothing
        open_rows = open_rows[through & ~lost]
        travelled = range_m[open_rows] + np.float32(_PAST_M)
        found = behind(open_rows, travelled)
        for mine, new in zip(hits, found, strict=True):
            mine[open_rows] = new
        range_m[open_rows] += travelled
        open_rows = open_rows[transparent[face[open_rows]]]
    range_m[open_rows], face[open_rows] = np.inf, nothing


def fate(
    ray_index: NDArray[np.int64], seed: NDArray[np.uint64], range_m: Array32, salt: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rays (K,) go through glass of cars with seeds (K,) or (1,), ``range_m`` (K,) away; which are lost inside.

    What glass returns is weak, and what lies behind it has to come back through it: from afar both are lost.
    """
    chance = _uniform(_mix(ray_index.astype(np.uint64) + np.uint64(salt)) ^ seed)
    faint = np.clip((range_m - FAINT_M[0]) / (FAINT_M[1] - FAINT_M[0]), 0, 1)
    rate = return_rate(seed) * (1 - faint)
    lost = LOST_SHARE + (1 - LOST_SHARE) * faint
    return np.asarray(chance >= rate), np.asarray(chance >= 1 - lost * (1 - rate))


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64 (Steele, Lea and Flood 2014): 64 bits in, 64 well-mixed bits out."""
    z = value + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _uniform(value: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Numbers in [0, 1)."""
    return np.asarray((_mix(value) >> np.uint64(11)) * 2.0**-53, dtype=np.float64)
