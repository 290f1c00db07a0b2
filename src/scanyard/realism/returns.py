"""From ideal first returns to what the sensor would have reported.

Noise and bias move a return along its ray, seen from its beam's optical centre (beams of one sensor do not share one),
so a return never leaves its ray; only rounding to the sensor's coordinate step moves it sideways, by half a step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from scanyard.errors import InputError
from scanyard.frame import Sweep
from scanyard.profiles import Profile
from scanyard.randomness import stream
from scanyard.realism.effects import Effects, Float32Array
from scanyard.sensors import Lidar


def apply(
    sweep: Sweep, lidar: Lidar, profile: Profile, rng: np.random.Generator, *, paint_seed: int = 0
) -> Sweep:
    """Return what ``profile``'s sensor would have reported of the ideal ``sweep`` of ``lidar``.

    ``rng`` is the frame's own stream; the same stream gives the same bytes.  What outlasts a frame does not come from
    it: each beam's bias belongs to the sensor (profile and lidar name), each object's paint to its instance and
    ``paint_seed``, so hand in one seed for a whole sequence.  Returns keep their order.  InputError when the sweep
    lacks a column that ideal sweeps have.
    """
    effects = Effects.from_profile(profile)
    ring, semantic, instance, cos = _ideal_columns(sweep, lidar)
    offset = np.take(lidar.z_offset_m.astype(np.float32), ring)
    points = sweep.points
    x, y, rise = points[:, 0], points[:, 1], points[:, 2] - offset
    range_m = np.sqrt(x * x + y * y + rise * rise)
    group = np.take(effects.group_of_tag, semantic)
    paint = _paint(instance, paint_seed)

    # One draw per ideal return, kept or not, so that an effect switched off changes no other effect's numbers.
    chance_drop = rng.random(len(sweep), dtype=np.float32)
    chance_range = rng.standard_normal(len(sweep), dtype=np.float32)
    chance_intensity = rng.standard_normal(len(sweep), dtype=np.float32)

    error = np.take(_beam_bias(effects, profile, lidar), ring)
    if effects.noise_m is not None:
        error += chance_range * _noise_sd(effects.noise_m, range_m)
    reported = range_m + error
    kept = (reported >= lidar.min_range_m) & (reported <= lidar.max_range_m)
    if effects.drop_out is not None:
        kept &= chance_drop >= expit(effects.drop_out.log_odds(group, range_m, cos, paint))
    if effects.blind is not None:
        kept &= ~_hidden(effects.blind, sweep, ring)

    changes: dict[str, NDArray[np.generic]] = {}
    if effects.intensity is not None:
        changes["intensity"] = effects.intensity.reflectance(group, range_m, cos, paint, chance_intensity)
    if error.any():
        scale = 1 + error / np.maximum(range_m, np.float32(1e-6))
        changes["points"] = np.stack([x * scale, y * scale, rise * scale + offset], axis=1)
    reported_sweep = sweep.replace(**changes)[kept]
    if effects.quantum_m:
        steps = np.round(reported_sweep.points * np.float32(1 / effects.quantum_m))
        reported_sweep = reported_sweep.replace(points=steps * np.float32(effects.quantum_m))
    return reported_sweep


def _ideal_columns(
    sweep: Sweep, lidar: Lidar
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint32], Float32Array]:
    columns = {name: getattr(sweep, name) for name in ("ring", "semantic", "instance", "cos_incidence")}
    absent = [name for name, column in columns.items() if column is None]
    if absent:
        raise InputError(
            f"lidar {lidar.name}: the sweep has no {', '.join(absent)}; a sensor profile is applied to ideal returns "
            "as a simulator casts them, not to recorded ones"
        )
    ring = columns["ring"]
    if len(ring) and int(ring.max()) >= lidar.channels:
        raise InputError(f"lidar {lidar.name}: the sweep has ring {ring.max()}, the lidar {lidar.channels} beams")
    return ring, columns["semantic"], columns["instance"], np.abs(columns["cos_incidence"])


def _beam_bias(effects: Effects, profile: Profile, lidar: Lidar) -> Float32Array:
    """(C,) metres; a property of the unit, hence the same in every frame."""
    if not effects.bias_sd_m:
        return np.zeros(lidar.channels, dtype=np.float32)
    draws = stream("beam bias", profile.name, lidar.name).standard_normal(lidar.channels)
    return (draws * effects.bias_sd_m).astype(np.float32)


def _noise_sd(noise_m: tuple[NDArray[np.float64], NDArray[np.float64]], range_m: Float32Array) -> Float32Array:
    """Standard deviation (M,) of the range, from a table by decimetre: faster than interpolating each return."""
    knots, sd = noise_m
    by_decimetre = np.interp(np.arange(0.0, knots[-1] + 0.1, 0.1), knots, sd).astype(np.float32)
    nearest = np.minimum(range_m * np.float32(10.0), np.float32(len(by_decimetre) - 1)).astype(np.int32)
    return by_decimetre[nearest]


def _hidden(blind: NDArray[np.bool_], sweep: Sweep, ring: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which returns (M,) the vehicle itself would have hidden."""
    hidden = np.zeros(len(sweep), dtype=bool)
    near = np.flatnonzero(blind.any(axis=1)[ring])
    turn = np.arctan2(sweep.points[near, 1], sweep.points[near, 0]) * np.float32(1 / (2 * np.pi))
    steps = blind.shape[1]
    # a turn of just under zero rounds to a whole turn in float32: wrap as integers, after scaling
    sector = np.floor(turn * np.float32(steps)).astype(np.int32) % steps
    hidden[near] = blind[ring[near], sector]
    return hidden


def _paint(instance: NDArray[np.uint32], paint_seed: int) -> Float32Array:
    """Standard normal number (M,) of each return's object, 0 for the static world."""
    paint = np.zeros(len(instance), dtype=np.float32)
    objects = np.flatnonzero(instance)
    mixed = _splitmix64(instance[objects].astype(np.uint64) + _splitmix64(np.array([paint_seed], dtype=np.uint64)))
    uniform = (np.right_shift(mixed, np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    paint[objects] = ndtri(uniform)
    return paint


def _splitmix64(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix 64-bit numbers so that neighbours share nothing (Steele, Lea, Flood: SplittableRandom, OOPSLA 2014)."""
    mixed = value + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
