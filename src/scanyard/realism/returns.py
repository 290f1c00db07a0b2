"""From ideal first returns to what the sensor would have reported.

Noise and bias move a return along its ray, seen from its beam's optical centre (beams of one sensor do not share one),
so a return never leaves its ray; only rounding to the sensor's coordinate step moves it sideways, by half a step.

A sweep has 120,000 returns and ten of them come each second, so this is written for speed: everything that is not
linear is looked up in a table, rows are picked with ``np.take``, one 64-bit random number serves a return's three
chances, and returns are treated in blocks whose columns stay in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scanyard.errors import InputError
from scanyard.frame import Sweep
from scanyard.profiles import Profile
from scanyard.randomness import stream
from scanyard.realism.effects import Effects, Float32Array, IndexArray, SixteenBits, normal
from scanyard.sensors import Lidar

Scalar = TypeVar("Scalar", bound=np.generic)

BLOCK = 2**16
"""Returns treated at a time: whole sweeps take a quarter longer, blocks of 2**13 too."""


def apply(sweep: Sweep, lidar: Lidar, profile: Profile, rng: np.random.Generator, *, paint_seed: int = 0) -> Sweep:
    """Return what ``profile``'s sensor would have reported of the ideal ``sweep`` of ``lidar``.

    ``rng`` is the frame's own stream; the same stream gives the same bytes.  What outlasts a frame does not come from
    it: each beam's bias belongs to the sensor (profile and lidar name), each object's paint to its instance and
    ``paint_seed``, so hand in one seed for a whole sequence.  Returns keep their order.  InputError when the sweep
    lacks a column that ideal sweeps have.
    """
    _require_ideal(sweep, lidar)
    effects = Effects.from_profile(profile)
    bias_m = _beam_bias(effects, profile, lidar)
    starts = range(0, max(len(sweep), 1), BLOCK)
    blocks = (sweep[start : start + BLOCK] for start in starts)
    return Sweep.concatenate([_reported(block, lidar, effects, bias_m, rng, paint_seed=paint_seed) for block in blocks])


def _reported(
    sweep: Sweep, lidar: Lidar, effects: Effects, bias_m: Float32Array, rng: np.random.Generator, *, paint_seed: int
) -> Sweep:
    """What is reported of a block of ideal returns; blocks draw from ``rng`` one after another."""
    beam = _present(sweep.ring).astype(np.intp)
    x, y, z = np.ascontiguousarray(sweep.points.T)
    offset = np.take(lidar.z_offset_m.astype(np.float32), beam)
    rise = z - offset
    range_m = np.sqrt(x * x + y * y + rise * rise)
    painted, paint = _paint(_present(sweep.instance), paint_seed)
    returns = effects.returns(range_m, _present(sweep.semantic), np.abs(_present(sweep.cos_incidence)), painted, paint)
    chance = _Chances.drawn(rng, len(sweep))

    error = np.take(bias_m, beam)
    if effects.noise_sd_m is not None:
        error += normal(chance.range) * np.take(effects.noise_sd_m, returns.step)
    reported_m = range_m + error
    kept = (reported_m >= lidar.min_range_m) & (reported_m <= lidar.max_range_m)
    if effects.drop_out is not None:
        kept &= ~effects.drop_out.missing(returns, chance.drop_out)
    if effects.blind is not None:
        kept &= ~_hidden(effects.blind, beam, x, y)

    changes: dict[str, NDArray[np.generic]] = {}
    if effects.intensity is not None:
        changes["intensity"] = effects.intensity.reflectance(returns, chance.intensity)
    if error.any() or effects.quantum_m:
        scale = reported_m / np.maximum(range_m, np.float32(1e-6))
        changes["points"] = _rounded(np.stack([x * scale, y * scale, rise * scale + offset], axis=1), effects.quantum_m)
    return sweep.replace(**changes)[kept]


@dataclass(frozen=True)
class _Chances:
    """Uniform numbers for M returns, one for each thing that may happen to them."""

    range: SixteenBits
    drop_out: SixteenBits
    intensity: SixteenBits

    @classmethod
    def drawn(cls, rng: np.random.Generator, count: int) -> _Chances:
        """Drawn for every ideal return, kept or not, so that switching off one effect changes no other's numbers."""
        words = rng.bit_generator.random_raw(count).astype("<u8", copy=False).view("<u2")
        return cls(range=words[2::4], drop_out=words[1::4], intensity=words[3::4])


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
    turned = np.arctan2(np.take(y, near), np.take(x, near)) + np.float32(np.pi)
    # just before a whole turn float32 may round up to it
    sector = np.minimum((turned * np.float32(steps / (2 * np.pi))).astype(np.intp), steps - 1)
    hidden = np.zeros(len(beam), dtype=bool)
    hidden[near] = np.take(blind, np.take(beam, near) * steps + sector)
    return hidden


def _rounded(coordinates: Float32Array, quantum_m: float) -> Float32Array:
    """The coordinates, in their own memory, as whole multiples of ``quantum_m``; 0 leaves them as they are."""
    if quantum_m:
        coordinates *= np.float32(1 / quantum_m)
        np.rint(coordinates, out=coordinates)
        coordinates *= np.float32(quantum_m)
    return coordinates


def _paint(instance: NDArray[np.uint32], paint_seed: int) -> tuple[IndexArray, Float32Array]:
    """Which returns (P,) belong to an object, and its standard normal number (P,)."""
    objects = np.flatnonzero(instance != 0)  # comparing first is three times as fast
    salt = _mixed(np.array([paint_seed % 2**64], dtype=np.uint64))
    mixed = _mixed(np.take(instance, objects).astype(np.uint64) + salt)
    return objects, normal((mixed >> np.uint64(48)).astype(np.uint16))


def _mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64: neighbouring numbers come out unrelated (Steele, Lea, Flood: Fast Splittable PRNGs, OOPSLA 2014)."""
    mixed = value + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
