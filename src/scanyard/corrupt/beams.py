"""Which beam a return came from, and which firings came back with nothing: derived, because real scans do not say.

KITTI's scans have neither ring nor time.  A beam is a line in the plane of height and horizontal range, and the rig
knows all of them, so the nearest line is the ring.  The turn is clockwise from the rear, as Velodyne's sensors and
our simulator turn, so the azimuth is the time.  What a stranger would get wrong: rays that returned nothing are known
only up to the jitter of the azimuth steps, and where a scan was cropped nothing is known at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.frame import Sweep
from scanyard.sensors import Lidar

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_CROP_DEG = 1.0
"""Where no beam returned anything within this azimuth, the scan is taken as cropped, not as empty."""


@dataclass(frozen=True)
class Rays:
    """K rays of a LiDAR, in its frame; every array is indexed alike."""

    ring: IntArray
    """(K,) beam, highest first."""
    origin_z_m: Float32Array
    """(K,) height of the beam's optical centre above the sensor's origin."""
    direction: Float32Array
    """(K, 3) unit vectors."""
    range_m: Float32Array
    """(K,) distance to the return; infinite where there was none."""

    def points(self, range_m: Float32Array) -> Float32Array:
        """Points (K, 3) of the sensor's frame at these distances (K,) along the rays."""
        points = self.direction * range_m[:, None]
        points[:, 2] += self.origin_z_m
        return points


def rings(sweep: Sweep, lidar: Lidar) -> IntArray:
    """The beam (M,) of each return: the sweep's own column, or the beam whose line passes nearest."""
    if sweep.ring is not None:
        return np.minimum(sweep.ring.astype(np.intp), lidar.channels - 1)
    slope, offset = np.tan(lidar.elevation_rad).astype(np.float32), lidar.z_offset_m.astype(np.float32)
    horizontal = np.hypot(sweep.points[:, 0], sweep.points[:, 1])
    height = np.ascontiguousarray(sweep.points[:, 2])
    ring = np.zeros(len(sweep), dtype=np.intp)
    for beam in range(lidar.channels - 1):  # below the line halfway to the next beam: it is that beam or a lower one
        middle = horizontal * ((slope[beam] + slope[beam + 1]) / 2) + (offset[beam] + offset[beam + 1]) / 2
        ring += height < middle
    return ring


def part_of_turn(points: Float32Array) -> Float32Array:
    """When each point (M, 3) was fired at, as a part of the turn: −1/2 at the rear, 0 ahead, 1/2 at the rear again."""
    return np.asarray(np.arctan2(-points[:, 1], points[:, 0]) / np.float32(2 * np.pi), dtype=np.float32)


def rays_of_returns(sweep: Sweep, lidar: Lidar) -> Rays:
    """The rays (M) that the returns of a sweep lie on."""
    ring = rings(sweep, lidar)
    origin_z_m = lidar.z_offset_m.astype(np.float32)[ring]
    direction = sweep.points.copy()
    direction[:, 2] -= origin_z_m
    range_m = np.sqrt(np.einsum("ij,ij->i", direction, direction))
    direction /= np.maximum(range_m, np.float32(1e-6))[:, None]
    return Rays(ring, origin_z_m, direction, range_m)


def empty_rays(sweep: Sweep, lidar: Lidar, rays: Rays) -> tuple[Rays, IntArray]:
    """Rays (E) that returned nothing, and the place of each among the channels × firings of the sensor.

    A firing counts as empty if its neighbours returned nothing either, because azimuth steps jitter by half a step.
    """
    shape = (lidar.channels, lidar.firings_per_turn)
    column = np.floor((part_of_turn(sweep.points) + 0.5) * shape[1]).astype(np.intp) % shape[1]
    hit = np.zeros(shape, dtype=bool)
    hit[rays.ring, column] = True
    near = hit | np.roll(hit, 1, axis=1) | np.roll(hit, -1, axis=1)
    ring, column = np.nonzero(~near & _scanned(np.asarray(hit.any(axis=0))))
    azimuth = -2 * np.pi * ((column + 0.5) / shape[1] - 0.5)
    elevation = lidar.elevation_rad[ring]
    direction = np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=-1
    )
    empty = Rays(
        ring,
        lidar.z_offset_m.astype(np.float32)[ring],
        direction.astype(np.float32),
        np.full(len(ring), np.inf, dtype=np.float32),
    )
    return empty, ring * shape[1] + column


def _scanned(hit: BoolArray) -> BoolArray:
    """Which firings (F,) of the turn the scan covers: those near one that returned anything in some beam."""
    reach = max(1, round(_CROP_DEG / 360 * len(hit)))
    padded = np.concatenate([hit[-reach:], hit, hit[:reach]]).astype(np.intp)
    return np.asarray(np.convolve(padded, np.ones(2 * reach + 1, dtype=np.intp), mode="valid") > 0)


def with_echoes(sweep: Sweep, clean: Sweep, rays: Rays, range_m: Float32Array, intensity: Float32Array) -> Sweep:
    """The sweep with echoes (E) at these ranges of otherwise empty rays appended, in all columns that it has.

    ``clean`` is the sweep before anything was lost, whose returns say when a ray was fired.
    """
    if not len(range_m):
        return sweep
    points = rays.points(range_m)
    count = len(points)
    time = None
    if clean.time_offset_ns is not None:  # that of the return nearest in azimuth
        order = np.argsort(turn := part_of_turn(clean.points), kind="stable")
        place = np.searchsorted(turn[order], part_of_turn(points))
        time = clean.time_offset_ns[order][np.minimum(place, len(order) - 1)]
    echoes = Sweep(
        points,
        intensity=None if sweep.intensity is None else intensity,
        ring=None if sweep.ring is None else rays.ring.astype(np.uint8),
        time_offset_ns=time,
        semantic=None if sweep.semantic is None else np.zeros(count, dtype=np.uint8),
        instance=None if sweep.instance is None else np.zeros(count, dtype=np.uint32),
        cos_incidence=None if sweep.cos_incidence is None else np.ones(count, dtype=np.float32),
    )
    return Sweep.concatenate([sweep, echoes])


def replaced(sweep: Sweep, which: BoolArray, points: Float32Array, intensity: Float32Array | None) -> Sweep:
    """The sweep with other points (M, 3) and intensities (M,); where ``which``, of nothing that is known (tag 0)."""
    columns: dict[str, NDArray[np.generic] | None] = {"points": points}
    if sweep.intensity is not None and intensity is not None:
        columns["intensity"] = intensity
    if sweep.semantic is not None:
        columns["semantic"] = np.where(which, np.uint8(0), sweep.semantic)
    if sweep.instance is not None:
        columns["instance"] = np.where(which, np.uint32(0), sweep.instance)
    if sweep.cos_incidence is not None:
        columns["cos_incidence"] = np.where(which, np.float32(1), sweep.cos_incidence)
    return sweep.replace(**columns)
