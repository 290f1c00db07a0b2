"""What goes wrong in the sensor and between sensors: dead beams, foreign pulses, returns too weak to be called one."""

from __future__ import annotations

import numpy as np

from scanyard.boxes import points_inside
from scanyard.corrupt.beams import (
    BoolArray,
    Float32Array,
    Rays,
    empty_rays,
    part_of_turn,
    rays_of_returns,
    replaced,
    rings,
    with_echoes,
)
from scanyard.errors import InputError
from scanyard.frame import Frame, Sweep, points_ego
from scanyard.sensors import Lidar

BEAMS_LOST = (1 / 8, 1 / 4, 1 / 2, 5 / 8, 3 / 4)
"""Share of the sensor's beams that are dead; of 64 beams Robo3D kills 16, 32 and 48."""
FIRINGS_DISTURBED = (0.004, 0.008, 0.012, 0.016, 0.02)
"""Share of all firings that report another sensor's pulse; the shares are Dong et al.'s."""
VEHICLE_RETURNS_LOST = (0.25, 0.4, 0.55, 0.7, 0.85)
"""Share of a frame's returns on vehicles that are lost, darkest first; an assumption."""

INTERFERERS = 3
SWEEPS_OF_RANGE = (-4.0, 4.0)
"""By how many maximum ranges an interferer's ghost drifts in a turn, because its clock is not ours."""
GHOST_NOISE_M = 0.3

VEHICLES = ("car", "van", "truck", "bus", "tram", "motorcyclist", "cyclist")
VEHICLE_TAGS = (13, 14, 15, 16, 17, 18, 19)
"""CARLA's tags for riders, cars, trucks, buses, trains, motorcycles and bicycles."""


def beam_loss(frame: Frame, lidar: Lidar, severity: int, rng: np.random.Generator) -> Sweep:
    """Whole beams are dead, the same in every frame of a sequence."""
    sweep = frame.sweeps[lidar.name]
    dead = rng.permutation(lidar.channels)[: max(1, round(BEAMS_LOST[severity - 1] * lidar.channels))]
    return sweep[~np.isin(rings(sweep, lidar), dead)]


def crosstalk(frame: Frame, lidar: Lidar, severity: int, rng: np.random.Generator) -> Sweep:
    """Other sensors' pulses arrive in the listening window and outshine the echo: arcs of ghosts at drifting ranges.

    A ghost lies on the ray that listened.  Firings that had returned nothing are disturbed as often as the others.
    """
    sweep = frame.sweeps[lidar.name]
    share = FIRINGS_DISTURBED[severity - 1]
    start, drift = rng.random(INTERFERERS), rng.uniform(*SWEEPS_OF_RANGE, INTERFERERS)

    def ghosts(points: Float32Array, count: int) -> tuple[BoolArray, Float32Array, Float32Array]:
        """Of ``count`` firings towards points: which are disturbed, the ghosts' ranges and intensities."""
        disturbed, source = rng.random(count) < share, rng.integers(0, INTERFERERS, count)
        noise, intensity = rng.normal(0.0, GHOST_NOISE_M, count), rng.random(count, dtype=np.float32)
        of_window = (start[source] + drift[source] * part_of_turn(points)) % 1.0
        range_m = lidar.min_range_m + of_window * (lidar.max_range_m - lidar.min_range_m) + noise
        return disturbed, np.clip(range_m, lidar.min_range_m, lidar.max_range_m).astype(np.float32), intensity

    rays = rays_of_returns(sweep, lidar)
    disturbed, range_m, brightness = ghosts(sweep.points, len(sweep))
    points = np.where(disturbed[:, None], rays.points(range_m), sweep.points)
    intensity = None if sweep.intensity is None else np.where(disturbed, brightness, sweep.intensity)
    spoilt = replaced(sweep, disturbed, points, intensity)
    empty, _ = empty_rays(sweep, lidar, rays)
    disturbed, range_m, brightness = ghosts(empty.direction, len(empty.ring))
    rows = np.flatnonzero(disturbed)
    listening = Rays(empty.ring[rows], empty.origin_z_m[rows], empty.direction[rows], empty.range_m[rows])
    return with_echoes(spoilt, sweep, listening, range_m[rows], brightness[rows])


def incomplete_echo(frame: Frame, lidar: Lidar, severity: int, rng: np.random.Generator) -> Sweep:
    """The darkest returns on vehicles are lost; equally dark ones by chance.

    Vehicles are known by labelled boxes, by semantic tag, or both.  InputError without either, or without intensity.
    """
    sweep = frame.sweeps[lidar.name]
    where = f"frame {frame.name or frame.timestamp_ns}, lidar {lidar.name}"
    if sweep.intensity is None:
        raise InputError(f"{where}: incomplete_echo loses the darkest returns, and the sweep has no intensity")
    if frame.boxes is None and sweep.semantic is None:
        raise InputError(
            f"{where}: incomplete_echo needs labelled boxes or semantic tags to know vehicles by, and there are neither"
        )
    on_vehicle = np.zeros(len(sweep), dtype=bool)
    if sweep.semantic is not None:
        on_vehicle |= np.isin(sweep.semantic, VEHICLE_TAGS)
    if frame.boxes is not None:
        vehicles = frame.boxes[np.isin(frame.boxes.category, VEHICLES)]
        on_vehicle |= points_inside(vehicles, points_ego(sweep, lidar.ego_from_sensor)).any(axis=0)
    rows = np.flatnonzero(on_vehicle)
    darkest_first = np.lexsort((rng.random(len(rows)), sweep.intensity[rows]))
    kept = np.ones(len(sweep), dtype=bool)
    kept[rows[darkest_first[: round(VEHICLE_RETURNS_LOST[severity - 1] * len(rows))]]] = False
    return sweep[kept]
