"""From ideal first returns to what the sensor would have reported.

Noise and bias move a return along its ray, seen from its beam's optical centre (beams of one sensor do not share one),
so a return never leaves its ray; only rounding to the sensor's coordinate step moves it sideways, by half a step.

A sweep has 120,000 returns and ten of them come each second, so this is written for speed: returns are worked on in
blocks whose columns stay in the processor's cache and below the size for which the C library asks the system for
fresh pages, rows are picked with ``np.take``, and one 64-bit random number
serves a return's three chances.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from scanyard.errors import InputError
from scanyard.frame import Sweep
from scanyard.profiles import Profile
from scanyard.randomness import stream
from scanyard.realism.effects import Effects, Float32Array, IndexArray, Returns
from scanyard.sensors import Lidar

Scalar = TypeVar("Scalar", bound=np.generic)

BLOCK = 200000  # returns worked on at once; 64 KB for the widest column, within the cache and malloc's own heap


def apply(sweep: Sweep, lidar: Lidar, profile: Profile, rng: np.random.Generator, *, paint_seed: int = 0) -> Sweep:
    """Return what ``profile``'s sensor would have reported of the ideal ``sweep`` of ``lidar``.

    ``rng`` is the frame's own stream; the same stream gives the same bytes.  What outlasts a frame does not come from
    it: each beam's bias belongs to the sensor (profile and lidar name), each object's paint to its instance and
    ``paint_seed``, so hand in one seed for a whole sequence.  Returns keep their order.  InputError when the sweep
    lacks a column that ideal sweeps have.
    """
    _require_ideal(sweep, lidar)
    effects = Effects.from_profile(profile)
    unit = _Unit(lidar, effects, _beam_bias(effects, profile, lidar), paint_seed)
    starts = range(0, max(len(sweep), 1), BLOCK)
    return _joined([_reported(sweep[start : start + BLOCK], unit, rng) for start in starts])


@dataclass(frozen=True)
class _Unit:
    """What holds for every return of a sweep."""

    lidar: Lidar
    effects: Effects
    bias_m: Float32Array
    """(C,) range error of each beam."""
    paint_seed: int


def _reported(ideal: Sweep, unit: _Unit, rng: np.random.Generator) -> Sweep:
    """What the sensor reports of one block of returns."""
    effects, lidar = unit.effects, unit.lidar
    beam = _present(ideal.ring).astype(np.intp)
    x, y, z = np.ascontiguousarray(ideal.points.T)
    offset = np.take(lidar.z_offset_m.astype(np.float32), beam)
    rise = z - offset
    range_m = np.sqrt(x * x + y * y + rise * rise)
    painted, paint = _paint(_present(ideal.instance), unit.paint_seed)
    group = np.take(effects.group_of_tag, _present(ideal.semantic))
    returns = Returns(group, effects.step(range_m), np.abs(_present(ideal.cos_incidence)), painted, paint)

    # Drawn for every ideal return, kept or not, so that switching off one effect changes no other's numbers.
    drawn = rng.integers(0, 2**64, len(ideal), dtype=np.uint64).astype("<u8", copy=False)
    chance_range, chance_intensity = (_normal(drawn.view("<u2")[place::4]) for place in (2, 3))
    chance_drop = drawn.view("<u4")[0::2] * np.float32(2.0**-32)

    error = np.take(unit.bias_m, beam)
    if effects.noise_sd_m is not None:
        error += chance_range * np.take(effects.noise_sd_m, returns.step)
    reported_m = range_m + error
    kept = (reported_m >= lidar.min_range_m) & (reported_m <= lidar.max_range_m)
    if effects.drop_out is not None:
        kept &= chance_drop >= effects.drop_out.probability(returns)
    if effects.blind is not None:
        kept &= ~_hidden(effects.blind, beam, x, y)

    changes: dict[str, NDArray[np.generic]] = {}
    if effects.intensity is not None:
        changes["intensity"] = effects.intensity.reflectance(returns, chance_intensity)
    if error.any() or effects.quantum_m:
        scale = 1 + error / np.maximum(range_m, np.float32(1e-6))
        reported = np.stack([x * scale, y * scale, rise * scale + offset], axis=1)
        changes["points"] = _rounded(reported, effects.quantum_m)
    return ideal.replace(**changes)[np.flatnonzero(kept)]


def _require_ideal(sweep: Sweep, lidar: Lidar) -> None:
    absent = [name for name in ("ring", "semantic", "instance", "cos_incidence") if getattr(sweep, name) is None]
    if absent:
        raise InputError(
            f"lidar {lidar.name}: the sweep has no {', '.join(absent)}; a sensor profile is applied to ideal returns "
            "as a simulator casts them, not to recorded ones"
        )
    highest = int(_present(sweep.ring).max(initial=0))
    if highest >= lidar.channels:
        raise InputError(f"lidar {lidar.name}: the sweep has ring {highest}, the lidar {lidar.channels} beams")


def _present(column: NDArray[Scalar] | None) -> NDArray[Scalar]:
    assert column is not None  # apply refuses sweeps without it
    return column


def _beam_bias(effects: Effects, profile: Profile, lidar: Lidar) -> Float32Array:
    """(C,) metres; a property of the unit, hence the same in every frame."""
    if not effects.bias_sd_m:
        return np.zeros(lidar.channels, dtype=np.float32)
    draws = stream("beam bias", profile.name, lidar.name).standard_normal(lidar.channels)
    return (draws * effects.bias_sd_m).astype(np.float32)


def _hidden(blind: NDArray[np.bool_], beam: IndexArray, x: Float32Array, y: Float32Array) -> NDArray[np.bool_]:
    """Which returns (M,) the vehicle itself would have hidden."""
    steps = blind.shape[1]
    near = np.flatnonzero(np.take(blind.any(axis=1), beam))
    turn = np.arctan2(np.take(y, near), np.take(x, near))
    # wrapped as integers: an angle of just under zero would round up to a whole turn in float32
    sector = np.floor(turn * np.float32(steps / (2 * np.pi))).astype(np.intp) % steps
    hidden = np.zeros(len(beam), dtype=bool)
    hidden[near] = np.take(blind, np.take(beam, near) * steps + sector)
    return hidden


def _rounded(coordinates: Float32Array, quantum_m: float) -> Float32Array:
    if not quantum_m:
        return coordinates
    steps: Float32Array = np.rint(coordinates * np.float32(1 / quantum_m))
    return steps * np.float32(quantum_m)


def _joined(blocks: list[Sweep]) -> Sweep:
    columns: dict[str, NDArray[np.generic]] = {}
    for f in fields(Sweep):
        parts = [getattr(block, f.name) for block in blocks]
        if parts[0] is not None:
            columns[f.name] = np.concatenate(parts)
    return Sweep(**columns)  # type: ignore[arg-type]  # each column keeps the type it has in the blocks


def _paint(instance: NDArray[np.uint32], paint_seed: int) -> tuple[IndexArray, Float32Array]:
    """Which returns (P,) belong to an object, and its standard normal number (P,)."""
    objects = np.flatnonzero(instance)
    salt = _mixed(np.array([paint_seed % 2**64], dtype=np.uint64))
    mixed = _mixed(np.take(instance, objects).astype(np.uint64) + salt)
    return objects, _normal(np.right_shift(mixed, np.uint64(48)))


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64: neighbouring numbers come out unrelated (Steele, Lea, Flood: Fast Splittable PRNGs, OOPSLA 2014)."""
    mixed = value + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _normal(sixteen_bits: NDArray[np.unsignedinteger]) -> Float32Array:
    """Standard normal numbers (M,) from uniform ones of 16 bits: quantiles from a table, ends at ±4.3."""
    return np.take(_quantiles(), sixteen_bits.astype(np.intp))


@cache
def _quantiles() -> Float32Array:
    return np.asarray(ndtri((np.arange(2**16) + 0.5) / 2**16), dtype=np.float32)
