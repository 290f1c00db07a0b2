"""From ideal first returns to what the sensor would have reported.

Noise and bias move a return along its ray, seen from its beam's optical centre (beams of one sensor do not share one),
so a return never leaves its ray; only rounding to the sensor's coordinate step moves it sideways, by half a step.

A sweep has 120,000 returns and ten of them come each second: what happens to one is a compiled loop, in which all
that is not linear is looked up in a table, and one 64-bit random number serves a return's three chances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.errors import InputError
from scanyard.frame import Sweep
from scanyard.profiles import Profile
from scanyard.randomness import stream
from scanyard.realism.effects import SCORE_LIMIT, SCORES_PER_UNIT, STEPS_PER_M, Effects, Float32Array, Tables
from scanyard.sensors import Lidar

Scalar = TypeVar("Scalar", bound=np.generic)

# In single precision: a compiled loop would go on in double with Python's numbers.
_ONE, _TINY_M, _HALF = np.float32(1.0), np.float32(1e-6), np.float32(0.5)
_LEAST_COS = np.float32(0.02)  # seen edge-on to a degree, a face is rough enough to return as if it were not
_PI, _STEPS, _SCORES, _LOWEST = (np.float32(value) for value in (np.pi, STEPS_PER_M, SCORES_PER_UNIT, -SCORE_LIMIT))


def apply(sweep: Sweep, lidar: Lidar, profile: Profile, rng: np.random.Generator, *, paint_seed: int = 0) -> Sweep:
    """Return what ``profile``'s sensor would have reported of the ideal ``sweep`` of ``lidar``.

    ``rng`` is the frame's own stream; the same stream gives the same bytes.  What outlasts a frame does not come from
    it: each beam's bias belongs to the sensor (profile and lidar name), each object's paint to its instance and
    ``paint_seed``, so hand in one seed for a whole sequence.  Returns keep their order.  InputError when the sweep
    lacks a column that ideal sweeps have.
    """
    _require_ideal(sweep, lidar)
    effects = Effects.from_profile(profile)
    count = len(sweep)
    # Drawn for every ideal return, kept or not, so that switching off one effect changes no other's numbers.
    words = rng.bit_generator.random_raw(count).astype("<u8", copy=False).view("<u2").reshape(count, 4)
    bias_m = _beam_bias(effects, profile, lidar)
    rows, points = np.empty(count, np.intp), np.empty((count, 3), np.float32)
    intensity = np.empty(count, np.float32)
    kept = _report(
        np.ascontiguousarray(sweep.points), _present(sweep.ring), _present(sweep.semantic), _present(sweep.instance),
        _present(sweep.cos_incidence), words, effects.tables, bias_m, lidar.z_offset_m.astype(np.float32),
        np.float32(lidar.min_range_m), np.float32(lidar.max_range_m), np.float32(effects.quantum_m),
        np.uint64(_mixed(np.uint64(paint_seed % 2**64))), rows, points, intensity,
    )  # fmt: skip
    reported: dict[str, Any] = {}
    if effects.moves_returns:
        reported["points"] = points[:kept]
    if effects.has_intensity:
        reported["intensity"] = intensity[:kept]
    for field in fields(sweep):
        column = getattr(sweep, field.name)
        if field.name not in reported and column is not None:
            reported[field.name] = np.take(column, rows[:kept], axis=0)
    return Sweep(**reported)


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


def _report_returns(  # noqa: PLR0917  # compiled calls are cheapest by position
    points: Float32Array,
    ring: NDArray[np.uint8],
    semantic: NDArray[np.uint8],
    instance: NDArray[np.uint32],
    cos_incidence: Float32Array,
    words: NDArray[np.uint16],
    tables: Tables,
    bias_m: Float32Array,
    offset_m: Float32Array,
    min_m: np.float32,
    max_m: np.float32,
    quantum_m: np.float32,
    salt: np.uint64,
    rows: NDArray[np.intp],
    reported: Float32Array,
    intensity: Float32Array,
) -> int:
    """Fill the last three with the returns that are reported, and say how many these are."""
    range_steps, sectors = tables.drop_out.shape[1], tables.blind.shape[1]
    kept = 0
    for i in range(len(points)):
        beam = ring[i]
        x, y, rise = points[i, 0], points[i, 1], points[i, 2] - offset_m[beam]
        range_m = np.sqrt(x * x + y * y + rise * rise)
        step = min(int(range_m * _STEPS), range_steps - 1)
        reported_m = range_m + (bias_m[beam] + tables.normal[words[i, 2]] * tables.noise_sd_m[step])
        if not min_m <= reported_m <= max_m:
            continue
        group = tables.group_of_tag[semantic[i]]
        cos = abs(cos_incidence[i])
        paint = np.float32(0.0)
        if instance[i] != 0:
            paint = tables.normal[_mixed(np.uint64(instance[i]) + salt) >> np.uint64(48)]
        odds = tables.drop_out[group, step] + tables.drop_out_per_grazing[group] * (_ONE - cos)
        if tables.drop_out_per_log_cos[group] != 0:
            odds -= tables.drop_out_per_log_cos[group] * np.log(max(cos, _LEAST_COS))
        if tables.log_odds[words[i, 1]] < odds - tables.drop_out_per_paint[group] * paint:
            continue
        if tables.blind_beam[beam]:
            turned = (np.arctan2(y, x) + _PI) / (_PI + _PI)
            if tables.blind[beam, min(int(turned * np.float32(sectors)), sectors - 1)]:  # may round to a whole turn
                continue
        score = tables.score[group, step] + tables.score_spread[group] * tables.normal[words[i, 3]]
        score += tables.score_per_cos[group] * (cos - _HALF) + tables.score_per_paint[group] * paint
        place = min(max(int((score - _LOWEST) * _SCORES), 0), tables.reflectance.shape[1] - 1)
        intensity[kept] = tables.reflectance[group, place]
        scale = reported_m / max(range_m, _TINY_M)
        reported[kept, 0], reported[kept, 1] = x * scale, y * scale
        reported[kept, 2] = rise * scale + offset_m[beam]
        if quantum_m > 0:
            for axis in range(3):
                reported[kept, axis] = np.rint(reported[kept, axis] / quantum_m) * quantum_m
        rows[kept] = i
        kept += 1
    return kept


def _mixed_bits(value: np.uint64) -> np.uint64:
    """SplitMix64: neighbouring numbers come out unrelated (Steele, Lea, Flood: Fast Splittable PRNGs, OOPSLA 2014)."""
    mixed = value + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


_compiled = njit(nogil=True, cache=True, error_model="numpy")
_mixed = cast(Callable[[np.uint64], np.uint64], _compiled(_mixed_bits))
_report = cast(Callable[..., int], _compiled(_report_returns))
