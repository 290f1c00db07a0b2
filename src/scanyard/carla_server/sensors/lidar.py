"""LiDARs made from rays, packed as CARLA packs them.

A sweep is a grid of C beams × F firings.  Which rays can meet an actor is therefore arithmetic on rows and columns of
that grid, not a test per ray.  What a stranger gets wrong: rays ignore the sensor's parent, whereas stock CARLA can hit
the roof the sensor stands on.  Sensor frame, left-handed: x forward, y right, z up, metres.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.scene import Candidate, Hits, Placed, Scene
from scanyard.carla_server.sensors.cameras import camera
from scanyard.carla_server.sensors.context import Tick, number
from scanyard.carla_server.sensors.motions import Motions
from scanyard.carla_server.surfaces.materials import TAG, Tag
from scanyard.carla_server.surfaces.panes import salt_of
from scanyard.randomness import stream

__all__ = ["POINT", "SEMANTIC_POINT", "Beams", "Tick", "beams_of", "camera", "lidar", "semantic_lidar"]

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]

SEMANTIC_POINT = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("cos_inc", "<f4"), ("object_idx", "<u4"), ("object_tag", "<u4")]
)
"""One semantic LiDAR return, 24 bytes."""
POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4")])
"""One LiDAR return, 16 bytes."""
_LIDAR_TAG = np.where(TAG == Tag.ROAD_LINES, np.uint8(Tag.ROADS), TAG)  # paint has no height: CARLA never hits it


@dataclass(frozen=True)
class Beams:
    """The rays of one tick: C beams by F firings, beam by beam, each in order of firing."""

    elevation_rad: Floats
    """(C,) highest first."""
    z_offset_m: Floats
    """(C,) height of each beam's start above the sensor's origin."""
    azimuth_rad: Floats
    """(F,) from x towards y, increasing."""
    direction: Array32
    """(3, C * F) unit vectors in the sensor frame, by component."""

    @property
    def shape(self) -> tuple[int, int]:
        """(C, F)."""
        return len(self.elevation_rad), len(self.azimuth_rad)


def semantic_lidar(
    scene: Scene,
    attributes: Mapping[str, str],
    world_from_sensor: Floats,
    *,
    parent_id: int,
    tick: Tick,
    motions: Motions | None = None,
) -> tuple[NDArray[np.uint32], NDArray[np.void]]:
    """Counts per channel (C,) and the returns, ``SEMANTIC_POINT``, grouped by channel, highest beam first.

    Rays ignore the actor ``parent_id`` that carries the sensor.  ``object_idx`` is the actor's id, 0 for the street and
    the cars parked in it.  Nothing is dropped and nothing is noisy, except that glass lets rays through (``panes``).
    """
    counts, beams, hits, kept = _sweep(scene, attributes, world_from_sensor, parent_id, tick)
    points = np.empty(len(kept), SEMANTIC_POINT)
    points["x"], points["y"], points["z"] = _points(beams, kept, counts, hits.range_m[kept])
    points["cos_inc"] = hits.cos_incidence[kept]
    points["object_idx"] = hits.instance[kept]
    points["object_tag"] = _LIDAR_TAG.take(hits.material[kept])
    return counts, points


def lidar(
    scene: Scene,
    attributes: Mapping[str, str],
    world_from_sensor: Floats,
    *,
    parent_id: int,
    tick: Tick,
    motions: Motions | None = None,
) -> tuple[NDArray[np.uint32], NDArray[np.void]]:
    """Counts per channel (C,) and the returns, ``POINT``, with CARLA's intensity, drop-off and noise.

    intensity = exp(-attenuation * range); a share ``dropoff_general_rate`` of rays is lost, and of returns weaker than
    ``dropoff_intensity_limit`` a share that grows to ``dropoff_zero_intensity`` as they fade; ``noise_stddev`` metres
    of Gaussian noise along the ray.
    """
    _, beams, hits, kept = _sweep(scene, attributes, world_from_sensor, parent_id, tick)
    draw = stream("lidar", int(number(attributes, "noise_seed", 0.0)), salt_of(world_from_sensor))
    range_m = hits.range_m[kept].astype(np.float64)
    intensity = np.exp(-number(attributes, "atmosphere_attenuation_rate", 0.004) * range_m)
    alive = draw.random(len(kept)) >= number(attributes, "dropoff_general_rate", 0.45)
    limit, zero = (
        number(attributes, "dropoff_intensity_limit", 0.8),
        number(attributes, "dropoff_zero_intensity", 0.4),
    )
    keep_share = (1 - zero) + (zero / limit if limit > 0 else 0.0) * intensity
    alive &= (intensity > limit) | (draw.random(len(kept)) < keep_share)
    range_m += number(attributes, "noise_stddev", 0.0) * draw.standard_normal(len(kept))
    kept = kept[alive]
    points = np.empty(len(kept), POINT)
    counts = _counts(kept, beams)
    points["x"], points["y"], points["z"] = _points(beams, kept, counts, range_m[alive].astype(np.float32))
    points["intensity"] = intensity[alive]
    return counts, points


def beams_of(attributes: Mapping[str, str], tick: Tick) -> Beams:
    """The rays that a LiDAR with these attributes fires in one tick.

    ``beam_table`` ("elevation_deg:z_offset_m;...", highest first) takes the place of CARLA's even spacing between
    ``upper_fov`` and ``lower_fov``; ``firings_per_turn`` that of ``points_per_second``.
    """
    channels = int(number(attributes, "channels", 32))
    turns = number(attributes, "rotation_frequency", 10.0) * tick.delta_s
    firings = round(number(attributes, "firings_per_turn", 0.0) * turns)
    table = attributes.get("beam_table", "")
    if table:
        channels = len(table.strip(";").split(";"))
    if firings <= 0:
        firings = round(number(attributes, "points_per_second", 56000.0) * tick.delta_s / channels)
    firings = max(firings, 1)
    fov = number(attributes, "horizontal_fov", 360.0)
    swept = fov * turns
    start = 0.0 if math.isclose(turns, round(turns), abs_tol=1e-9) else math.fmod(swept * tick.frame, fov)
    span = (number(attributes, "upper_fov", 10.0), number(attributes, "lower_fov", -30.0))
    return _beams(table, channels, span, firings, (fov, swept, start))


@lru_cache(maxsize=16)
def _beams(
    table: str, channels: int, span: tuple[float, float], firings: int, sweep: tuple[float, float, float]
) -> Beams:
    if table:
        rows = np.array([[float(value) for value in row.split(":")] for row in table.strip(";").split(";")])
        elevation, offset = np.deg2rad(rows[:, 0]), rows[:, 1]
    else:
        elevation, offset = np.deg2rad(np.linspace(span[0], span[1], channels)), np.zeros(channels)
    fov, swept, start = sweep
    azimuth = np.deg2rad((start + np.arange(firings) * swept / firings) % fov - fov / 2)
    flat = np.cos(elevation)[:, None]
    direction = np.stack(
        [(flat * np.cos(azimuth)).ravel(), (flat * np.sin(azimuth)).ravel(), np.repeat(np.sin(elevation), firings)]
    )
    return Beams(elevation, offset, azimuth, direction.astype(np.float32))


def _sweep(
    scene: Scene, attributes: Mapping[str, str], world_from_sensor: Floats, parent_id: int, tick: Tick
) -> tuple[NDArray[np.uint32], Beams, Hits, NDArray[np.int64]]:
    beams = beams_of(attributes, tick)
    pose = np.asarray(world_from_sensor, dtype=np.float64)
    anchor = scene.anchor(pose[:3, 3])
    reach_m = number(attributes, "range", 10.0)
    candidates = _candidates(scene.placed, beams, pose, reach_m, parent_id)
    hits = scene.cast_near(_rays(beams, pose, anchor), anchor, candidates, salt=salt_of(pose), reach_m=reach_m)
    kept = np.flatnonzero(hits.range_m < reach_m)
    return _counts(kept, beams), beams, hits, kept


def _counts(kept: NDArray[np.int64], beams: Beams) -> NDArray[np.uint32]:
    channels, firings = beams.shape
    ends = np.searchsorted(kept, np.arange(channels + 1) * firings)
    return np.diff(ends).astype(np.uint32)


def _rays(beams: Beams, pose: Floats, anchor: Floats) -> Array32:
    """Rays (C * F, 6), origins relative to ``anchor``.  Written out: BLAS may round differently with more threads."""
    channels, firings = beams.shape
    rays = np.empty((channels, firings, 6), np.float32)
    start = ((pose[:3, 3] - anchor) + beams.z_offset_m[:, None] * pose[:3, 2]).astype(np.float32)
    turn = pose[:3, :3].astype(np.float32)
    flat, up = (part(beams.elevation_rad).astype(np.float32)[:, None] for part in (np.cos, np.sin))
    x, y = (part(beams.azimuth_rad).astype(np.float32) for part in (np.cos, np.sin))
    for i in range(3):
        rays[..., i] = start[:, i, None]
        direction = flat * (turn[i, 0] * x + turn[i, 1] * y)
        rays[..., 3 + i] = np.add(direction, turn[i, 2] * up, out=direction)
    return rays.reshape(-1, 6)


def _points(
    beams: Beams, kept: NDArray[np.int64], counts: NDArray[np.uint32], range_m: Array32
) -> tuple[Array32, Array32, Array32]:
    """Returns in the sensor frame: ``kept`` (M,) rays, ``counts`` (C,) of them per beam, at ``range_m`` (M,)."""
    x, y, z = (beams.direction[i][kept] * range_m for i in range(3))
    z += np.repeat(beams.z_offset_m.astype(np.float32), counts)
    return x, y, z


def _candidates(placed: Placed, beams: Beams, pose: Floats, reach_m: float, parent_id: int) -> Iterator[Candidate]:
    """For each actor, the rays of the grid that may meet its box.

    In the sensor frame a box spans an interval of azimuth, and between its nearest and farthest horizontal distance an
    interval of heights; a beam may meet it if its own height over those distances overlaps.
    """
    if not len(placed.actor_id):
        return
    corners = (placed.corners - pose[:3, 3]) @ pose[:3, :3]
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
    for k in np.flatnonzero((placed.actor_id != parent_id) & (near < reach_m)):
        rows = meets[k].nonzero()[0]
        if len(rows) and len(columns[k]):
            yield Candidate(int(k), (rows[:, None] * firings + columns[k]).ravel(), float(nearest[k]))


def _columns_between(azimuth: Floats, start: Floats, stop: Floats) -> list[NDArray[np.int64]]:
    """For each of N intervals ``start`` to ``stop`` (N,), which may wrap round, the ``azimuth`` (F,) within it."""
    order = np.argsort(azimuth, kind="stable")
    turns = np.array([[-2 * np.pi], [0.0], [2 * np.pi]])
    first, last = (np.searchsorted(azimuth[order], ends + turns).T.tolist() for ends in (start, stop))
    return [
        np.concatenate([order[a:b] for a, b in zip(firsts, lasts, strict=True)])
        for firsts, lasts in zip(first, last, strict=True)
    ]
