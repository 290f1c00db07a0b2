"""Fog, rain and snow: a sweep seen through air full of water.

One rule for all three.  A return's power falls by e^(−2 · extinction · range).  It is lost when what is left, over the
sensor's floor, falls below a uniform number of its own: bright near returns have power to spare, those that were at the
floor survive with the share of light that does.  An echo of the medium that is stronger than the return takes its
place, as in a sensor that reports the strongest return, and rays that returned nothing may now return the medium.
Weaker returns are noisier: the range's standard deviation is ``RANGE_NOISE_M`` / √(2 · signal to noise), of which only
the excess over clear air is added.
"""

from __future__ import annotations

import numpy as np

from scanyard.corrupt.beams import Float32Array, IntArray, empty_rays, rays_of_returns, replaced, with_echoes
from scanyard.corrupt.medium import (
    BLIND_M,
    POWERS_PER_E,
    RANGES_M,
    STEP_M,
    Medium,
    fog_of,
    gunn_marshall,
    marshall_palmer,
    overlap,
    precipitation,
)
from scanyard.frame import Frame, Sweep
from scanyard.geometry import FloatArray
from scanyard.sensors import Lidar

FOG_VISIBILITY_M = (600.0, 300.0, 150.0, 100.0, 50.0)
"""Meteorological optical range in metres, where contrast falls to 5 %; the extinctions are Hahner et al.'s 0.005 to
0.06 per metre."""
RAIN_MM_PER_H = (5.0, 10.0, 20.0, 35.0, 50.0)
"""Rain rate in millimetres per hour: moderate (5) to violent (50, the World Meteorological Organization's limit)."""
SNOW_MM_PER_H = (0.5, 1.0, 2.5, 5.0, 10.0)
"""Snowfall as millimetres of water per hour; 2.5 is the top of Hahner et al. (CVPR 2022), 10 a blizzard."""

RANGE_NOISE_M = 0.09  # LISA's range accuracy, before the signal-to-noise ratio divides it
TYPICAL_REFLECTANCE = 0.25  # of a return whose intensity nobody recorded: the mean of the HDL-64E's


def fog(frame: Frame, lidar: Lidar, severity: int, rng: np.random.Generator) -> Sweep:
    """Far and dark returns are lost, and what is left of the light comes back from the first metres."""
    return _through(frame.sweeps[lidar.name], lidar, fog_of(FOG_VISIBILITY_M[severity - 1], lidar.max_range_m), rng)


def rain(frame: Frame, lidar: Lidar, severity: int, rng: np.random.Generator) -> Sweep:
    """Some returns are lost, all are noisier, and large drops near the sensor answer instead of weak targets."""
    drops = marshall_palmer(RAIN_MM_PER_H[severity - 1])
    return _through(frame.sweeps[lidar.name], lidar, precipitation(drops, lidar.max_range_m), rng)


def snow(frame: Frame, lidar: Lidar, severity: int, rng: np.random.Generator) -> Sweep:
    """Flakes near the sensor answer instead of weak targets and fill the sky; far returns are lost."""
    flakes = gunn_marshall(SNOW_MM_PER_H[severity - 1])
    return _through(frame.sweeps[lidar.name], lidar, precipitation(flakes, lidar.max_range_m), rng)


def _through(sweep: Sweep, lidar: Lidar, medium: Medium, rng: np.random.Generator) -> Sweep:
    count = len(sweep)
    may_be_lost, may_be_masked = rng.random(count), rng.random(count)
    error = rng.standard_normal(count)
    may_echo = rng.random(lidar.channels * lidar.firings_per_turn)
    rays = rays_of_returns(sweep, lidar)
    range_m = rays.range_m.astype(np.float64)
    reflectance = np.full(count, TYPICAL_REFLECTANCE) if sweep.intensity is None else sweep.intensity.astype(np.float64)

    left = np.exp(-2 * medium.extinction_per_m * range_m)
    clear = reflectance * overlap(range_m) / np.maximum(range_m, BLIND_M) ** 2
    clear = np.maximum(clear, medium.floor)  # it was received, so it was above the floor
    lost = left * clear / medium.floor < may_be_lost
    echo_m = _echo_range(medium, np.where(lost, medium.floor, left * clear), range_m, may_be_masked)
    masked = echo_m < np.inf

    noise_to_signal = medium.floor / clear * (1 / left - 1)
    noisy_m = range_m + error * RANGE_NOISE_M * np.sqrt(noise_to_signal / 2)
    seen_m = np.clip(np.where(masked, echo_m, noisy_m), min(BLIND_M, lidar.min_range_m), lidar.max_range_m)
    seen_m = np.where(masked | (noise_to_signal > 0), seen_m, range_m)
    dimmed = np.where(masked, _echo_reflectance(medium, echo_m), reflectance * left)
    spoilt = replaced(sweep, masked, rays.points(seen_m.astype(np.float32)), _as_intensity(dimmed))
    spoilt = spoilt[masked | ~lost]

    empty, place = empty_rays(sweep, lidar, rays)
    echo_m = _echo_range(medium, np.full(len(place), medium.floor), empty.range_m, may_echo[place])
    rows = np.flatnonzero(echo_m < np.inf)
    echoes = type(empty)(empty.ring[rows], empty.origin_z_m[rows], empty.direction[rows], empty.range_m[rows])
    intensity = _as_intensity(_echo_reflectance(medium, echo_m[rows]))
    return with_echoes(spoilt, sweep, echoes, echo_m[rows].astype(np.float32), intensity)


def _echo_range(
    medium: Medium, power: FloatArray, range_m: Float32Array | FloatArray, chance: FloatArray
) -> FloatArray:
    """Range (M,) of the medium's echo where it outdoes ``power`` from before ``range_m``; infinite where none does."""
    k = np.ceil(np.log(power / medium.floor) * POWERS_PER_E).astype(np.intp)
    table = medium.chance
    before = np.clip(((np.minimum(range_m, 1e6) - BLIND_M) / STEP_M).astype(np.intp), 0, table.shape[1]) - 1
    possible = (k < len(table)) & (before >= 0)
    k = np.clip(k, 0, len(table) - 1)
    rows = np.flatnonzero(possible & (chance < table[k, np.maximum(before, 0)]))
    found = np.full(len(power), np.inf)
    step = _first_above(table, k[rows], chance[rows])
    # within the step by the ray's number, so that echoes do not lie on shells
    found[rows] = RANGES_M[step] + STEP_M * ((chance[rows] * 2.0**20) % 1.0 - 0.5)
    return found


def _first_above(table: FloatArray, row: IntArray, value: FloatArray) -> IntArray:
    """First column of each row (R,) of a rising table above each value (R,)."""
    lifted = (table + np.arange(len(table))[:, None]).ravel()  # chances are below 1: one sorted array of all rows
    place: IntArray = np.searchsorted(lifted, value + row, side="right") - row * table.shape[1]
    last: IntArray = np.minimum(place, table.shape[1] - 1)  # rounding may lift a chance over its row's last
    return last


def _echo_reflectance(medium: Medium, range_m: FloatArray) -> FloatArray:
    """What a sensor that corrects for range would report of an echo at its floor."""
    reflectance: FloatArray = medium.floor * np.minimum(range_m, RANGES_M[-1]) ** 2
    return reflectance


def _as_intensity(reflectance: FloatArray) -> Float32Array:
    return np.clip(reflectance, 0.0, 1.0).astype(np.float32)
