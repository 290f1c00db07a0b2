"""One sweep of a LiDAR: which ray returned from where.

A sweep is a grid of C beams × F firings.  Which rays can meet an actor is therefore arithmetic on rows and columns of
that grid, not a test per ray.  What a stranger gets wrong: rays ignore the sensor's parent, whereas stock CARLA can hit
the roof the sensor stands on.

By default, as in CARLA, a sweep is a still picture.  With ``firing_time`` each firing happens at its own time between
the last frame and this one: it starts from the pose the sensor then had and meets actors where they then were.
Approximated there: poses between two frames lie on a straight line and turn evenly; bodies keep the stance of this
frame; actors turn in steps of a sixty-fourth of what they turned in the frame, that is by millimetres.

With ``returns`` = 2 a beam has a width, ``beam_divergence``, and looks along its axis and once more along its rim: on
an edge, in leaves and through glass these meet different things, and both come back if they are at least a metre
apart, the least that real dual-return sensors tell apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.hits import Hits
from scanyard.carla_server.scene.placed import Candidate, Placed
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.beams import Beams, beams_of
from scanyard.carla_server.sensors.context import Tick, is_on, number
from scanyard.carla_server.sensors.motions import Motions, between
from scanyard.carla_server.sensors.view import turned
from scanyard.carla_server.surfaces.panes import salt_of

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]

APART_M = 1.0
"""Least distance between two returns of one ray that a sensor tells apart (VLP-16 user manual, dual return mode)."""
_STEPS = 64  # of a turning actor in one frame
_LOOKS = np.linspace(0.0, 1.0, 5)  # shares of the frame at which candidates are sought
_RIM = 0x5DEECE66D  # another fate in glass for the rim of a beam
_GOLDEN_RAD = np.pi * (3 - np.sqrt(5))


class Returns(NamedTuple):
    """M returns, beam by beam, in order of firing, the nearer of two first; every array is indexed alike."""

    beams: Beams
    counts: NDArray[np.uint32]
    """(C,) of each beam."""
    ray: Rows
    """(M,) index into the C * F rays."""
    range_m: Array32
    """(M,)."""
    material: NDArray[np.uint8]
    """(M,)."""
    instance: NDArray[np.uint32]
    """(M,) actor id, 0 for the street."""
    cos_incidence: Array32
    """(M,)."""

    def points(self, range_m: Array32) -> tuple[Array32, Array32, Array32]:
        """x, y and z (M,) at ``range_m`` (M,) along the rays, in the frame the sensor had when they were fired."""
        x, y, z = (self.beams.direction[i].take(self.ray) * range_m for i in range(3))
        z += np.repeat(self.beams.z_offset_m.astype(np.float32), self.counts)
        return x, y, z

    def where(self, kept: NDArray[np.bool_]) -> Returns:
        """Those that are kept (M,)."""
        ray = self.ray[kept]
        return Returns(self.beams, _counts(ray, self.beams), ray, self.range_m[kept], self.material[kept],
                       self.instance[kept], self.cos_incidence[kept])  # fmt: skip


def sweep(
    scene: Scene,
    attributes: Mapping[str, str],
    world_from_sensor: Floats,
    *,
    parent_id: int,
    tick: Tick,
    motions: Motions | None = None,
    sensor_id: int = 0,
    unseen_ids: frozenset[int] = frozenset(),
) -> Returns:
    """What comes back within ``range``; rays pass through the actors ``parent_id`` and ``unseen_ids``.

    ``motions`` are those of all actors, ``sensor_id`` the sensor's own among them: needed for ``firing_time`` only.
    """
    beams = beams_of(attributes, tick)
    pose = np.asarray(world_from_sensor, dtype=np.float64)
    anchor = scene.anchor(pose[:3, 3])
    reach_m = number(attributes, "range", 10.0)
    unseen = {parent_id, *unseen_ids}
    course = None
    if motions is not None and is_on(attributes, "firing_time"):
        course = _Course(motions, scene.placed, beams, sensor_id=sensor_id, pose=pose, anchor=anchor)

    def met(direction: Array32, salt: int) -> Hits:
        if course is None:
            starts = _starts(beams, pose[None], anchor)[..., 0]
            hits = scene.sweep(starts, turned(pose, direction), anchor, ignored_ids=frozenset(unseen), salt=salt,
                               reach_m=reach_m)  # fmt: skip
            if hits is not None:
                return hits
        corners = _seen_corners(scene.placed.corners, pose) if course is None else course.corners()
        candidates = _candidates(scene.placed, corners, beams, reach_m, list(unseen))
        poses = pose[None] if course is None else course.world_from_sensor
        return scene.cast_near(_rays(beams, direction, poses, anchor), anchor, candidates, salt=salt, reach_m=reach_m,
                               stands=None if course is None else course.stands)  # fmt: skip

    salt = salt_of(pose)
    hits = met(beams.direction, salt)
    if round(number(attributes, "returns", 1.0)) < 2:
        return _returns(beams, hits, np.flatnonzero(hits.range_m < reach_m))
    aside = float(np.tan(number(attributes, "beam_divergence", 3.0) * 1e-3 / 2))
    second = met(_rim(beams, aside), salt ^ _RIM)
    return _both(beams, hits, second, reach_m, aside)


def _returns(beams: Beams, hits: Hits, ray: Rows) -> Returns:
    return Returns(beams, _counts(ray, beams), ray, hits.range_m.take(ray), hits.material.take(ray),
                   hits.instance.take(ray), hits.cos_incidence.take(ray))  # fmt: skip


def _both(beams: Beams, axis: Hits, rim: Hits, reach_m: float, aside: float) -> Returns:
    """The returns of beams that looked twice: along the axis, and along the rim where that met something else.

    A surface seen at a slant is farther on one side of the beam than on the other, and still one echo, only longer.
    """
    seen, seen_aside = axis.range_m < reach_m, rim.range_m < reach_m
    cosine = np.maximum(axis.cos_incidence, 1e-3)
    with np.errstate(invalid="ignore"):  # where both are infinite
        slanted = 2 * aside * axis.range_m * np.sqrt(np.maximum(1 - cosine**2, 0)) / cosine
        apart = np.abs(axis.range_m - rim.range_m) >= APART_M + slanted
    found = np.flatnonzero(seen_aside & (~seen | apart))
    parts = [_returns(beams, axis, np.flatnonzero(seen)), _returns(beams, rim, found)]
    ray, range_m, *rest = (np.concatenate(pair) for pair in zip(*(part[2:] for part in parts), strict=True))
    order = np.lexsort((range_m, ray))
    return Returns(beams, _counts(ray, beams), ray[order], range_m[order], *(one[order] for one in rest))


def _counts(ray: Rows, beams: Beams) -> NDArray[np.uint32]:
    channels, firings = beams.shape
    return np.diff(np.searchsorted(ray, np.arange(channels + 1) * firings)).astype(np.uint32)


# --- rays ------------------------------------------------------------------------------------------------------------


def _rays(beams: Beams, direction: Array32, poses: Floats, anchor: Floats) -> Array32:
    """Rays (C * F, 6) along ``direction`` (3, C * F), from one pose (1, 4, 4) or one to each firing (F, 4, 4).

    Written out: BLAS may round differently with more threads.
    """
    x, y, z = direction.reshape(3, *beams.shape)
    turn = np.moveaxis(poses[:, :3, :3], 0, -1).astype(np.float32)
    rays = np.empty((*beams.shape, 6), np.float32)
    for i, start in enumerate(_starts(beams, poses, anchor)):
        rays[..., i] = start
        rays[..., 3 + i] = turn[i, 0] * x + turn[i, 1] * y + turn[i, 2] * z
    return rays.reshape(-1, 6)


def _rim(beams: Beams, aside: float) -> Array32:
    """Directions (3, C * F) along the beams' rims, ``aside`` metres per metre off their axes, each to another side."""
    channels, firings = beams.shape
    forward = beams.direction.reshape(3, channels, firings)
    x, y = (part(beams.azimuth_rad).astype(np.float32) for part in (np.cos, np.sin))
    flat, up = (part(beams.elevation_rad).astype(np.float32)[:, None] for part in (np.cos, np.sin))
    spin = ((np.arange(channels * firings) * _GOLDEN_RAD) % (2 * np.pi)).reshape(channels, firings)
    right, above = (np.float32(aside) * part(spin).astype(np.float32) for part in (np.cos, np.sin))
    rim = np.stack([forward[0] - right * y - above * up * x, forward[1] + right * x - above * up * y,
                    forward[2] + above * flat])  # fmt: skip
    rim /= np.sqrt(np.float32(1.0 + aside**2))
    return np.asarray(rim.reshape(3, -1))


def _starts(beams: Beams, poses: Floats, anchor: Floats) -> Array32:
    """Where beams start (3, C, 1 or F), relative to ``anchor``."""
    starts = [(poses[:, i, 3] - anchor[i]) + beams.z_offset_m[:, None] * poses[:, i, 2] for i in range(3)]
    return np.stack(starts).astype(np.float32)


# --- which actors ----------------------------------------------------------------------------------------------------


def _seen_corners(corners: Floats, world_from_sensor: Floats) -> Floats:
    """Corners (..., 3) in the sensor's frame."""
    return np.asarray((corners - world_from_sensor[:3, 3]) @ world_from_sensor[:3, :3])


def _candidates(
    placed: Placed, corners: Floats, beams: Beams, reach_m: float, unseen: list[int]
) -> Iterator[Candidate]:
    """For each actor, the rays of the grid that may meet its box; ``corners`` (N, K, 3) are in the sensor's frame.

    A box spans an interval of azimuth, and between its nearest and farthest horizontal distance an interval of
    heights; a beam may meet it if its own height over those distances overlaps.  Of an actor that moves, ``corners``
    are those of its box along its way.
    """
    if not len(placed.actor_id):
        return
    middle = corners.mean(axis=1)
    radius = np.linalg.norm(corners - middle[:, None], axis=2).max(axis=1)
    nearest = np.linalg.norm(middle, axis=1) - radius - np.abs(beams.z_offset_m).max() - 1e-3
    flat = np.hypot(middle[:, 0], middle[:, 1])
    near, far = np.maximum(flat - radius, 0.0), flat + radius
    low, high = corners[..., 2].min(axis=1), corners[..., 2].max(axis=1)
    slope = np.tan(beams.elevation_rad)
    ends = beams.z_offset_m + np.stack([near, far])[..., None] * slope
    meets = (ends.max(axis=0) >= low[:, None] - 0.05) & (ends.min(axis=0) <= high[:, None] + 0.05)
    heading = np.arctan2(middle[:, 1], middle[:, 0])
    aside = np.arctan2(corners[..., 1], corners[..., 0]) - heading[:, None]
    aside = (aside + np.pi) % (2 * np.pi) - np.pi
    firings = beams.shape[1]
    slack = 2 * np.pi / max(firings, 1) * 1e-3 + 1e-6
    around = flat <= radius  # the sensor stands within the box's circle: any azimuth may meet it
    start = np.where(around, -np.pi, heading + aside.min(axis=1) - slack)
    stop = np.where(around, np.pi, heading + aside.max(axis=1) + slack)
    columns = _columns_between(beams.azimuth_rad, start, stop)
    for k in np.flatnonzero(~np.isin(placed.actor_id, unseen) & (near < reach_m)):
        rows = meets[k].nonzero()[0]
        if len(rows) and len(columns[k]):
            yield Candidate(int(k), (rows[:, None] * firings + columns[k]).ravel(), float(nearest[k]))


def _columns_between(azimuth: Floats, start: Floats, stop: Floats) -> list[Rows]:
    """For each of N intervals ``start`` to ``stop`` (N,), which may wrap round, the ``azimuth`` (F,) within it."""
    order = np.argsort(azimuth, kind="stable")
    turns = np.array([[-2 * np.pi], [0.0], [2 * np.pi]])
    first, last = (np.searchsorted(azimuth[order], ends + turns).T.tolist() for ends in (start, stop))
    return [
        np.concatenate([order[a:b] for a, b in zip(firsts, lasts, strict=True)])
        for firsts, lasts in zip(first, last, strict=True)
    ]


class _Course:
    """Where the sensor and N actors are while one sweep is fired."""

    def __init__(
        self, motions: Motions, placed: Placed, beams: Beams, *, sensor_id: int, pose: Floats, anchor: Floats
    ) -> None:
        row = motions.row_of(sensor_id)
        self._first = pose if row is None else motions.before[row]
        self._last = pose
        self._firings = beams.shape[1]
        self._share = beams.fired_at
        self.world_from_sensor = between(self._first, self._last, self._share)
        """(F, 4, 4) when each firing happens."""
        rows = np.searchsorted(motions.now.ids, placed.actor_id)
        self._placed = placed
        self._before = motions.before[rows] if len(rows) else np.zeros((0, 4, 4))
        steps = between(self._before, placed.world_from_actor, np.linspace(0.0, 1.0, _STEPS + 1))
        self._turns = steps[..., :3, :3].reshape(-1, 9).astype(np.float32).T.copy()
        self._from = (self._before[:, :3, 3] - anchor).T.astype(np.float32)
        self._way = (placed.world_from_actor[:, :3, 3] - self._before[:, :3, 3]).T.astype(np.float32)

    def corners(self) -> Floats:
        """(N, K, 3) corners of the actors' boxes along the sweep, in the frames the sensor has along it."""
        boxes = np.einsum("nji,nkj->nki", self._placed.world_from_actor[:, :3, :3],
                          self._placed.corners - self._placed.world_from_actor[:, None, :3, 3])  # fmt: skip
        sensor = between(self._first, self._last, _LOOKS)
        actor = between(self._before, self._placed.world_from_actor, _LOOKS)
        world = np.einsum("nsij,nkj->nski", actor[..., :3, :3], boxes) + actor[:, :, None, :3, 3]
        seen = np.einsum("sji,nskj->nski", sensor[:, :3, :3], world - sensor[:, None, :3, 3])
        return np.asarray(seen.reshape(len(boxes), -1, 3))

    def stands(self, ray: Rows, place: Rows) -> tuple[Array32, Array32]:
        """How the actors ``place`` (K,) are turned (9, K) and where they are (3, K) when ``ray`` (K,) is fired."""
        share = self._share[ray % self._firings]
        step = np.rint(share * _STEPS).astype(np.int64)
        at = self._from[:, place] + self._way[:, place] * share.astype(np.float32)
        return self._turns[:, place * (_STEPS + 1) + step], at
