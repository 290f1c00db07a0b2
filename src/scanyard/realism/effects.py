"""A profile's effects, read from its JSON into arrays that can be looked up by range, ring and semantic tag.

Returns fall into groups of semantic tags (ground, car, pedestrian, cyclist, other), each with its own drop-out and
intensity.  An effect that a profile does not list does not happen: a profile without effects is an ideal sensor.

What a stranger would get wrong: ``paint`` is a standard normal number per object, the same for all its returns and
through a sequence.  It is what makes one car dark as a whole, in intensity and in missing returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, ndtr, ndtri

from scanyard.errors import InputError
from scanyard.geometry import FloatArray
from scanyard.profiles import Profile

Float32Array = NDArray[np.float32]
IndexArray = NDArray[np.intp]
SixteenBits = NDArray[np.uint16]
"""Uniform random numbers of 0 to 65535: each picks one of that many equally likely values from a table."""

OTHER = "other"
"""The group of every semantic tag that no other group lists."""

_SCORE_LIMIT = 4.0  # standard normal scores beyond ±4 (3e-5 of all) look up the table's ends
_SCORES_PER_UNIT = 256
_STEPS_PER_M = 10  # tables over range go by decimetre: interpolating every return between knots costs ten times more
_SECTOR_STEPS_PER_DEG = 4  # blind sectors are measured in 5 degree bins; a quarter degree keeps their fractions
_COS_MEAN, _COS_SD = 0.5, 12.0**-0.5  # of a uniform cosine, the reference for incidence shapes


@dataclass(frozen=True)
class Returns:
    """M returns by what their fate depends on; every array is indexed alike, but for the last two."""

    group: IndexArray
    """(M,) row of the tables below."""
    step: IndexArray
    """(M,) range in decimetres, at most R - 1."""
    cell: IndexArray
    """(M,) place in a table (G, R), flattened: ``group * R + step``."""
    cos: Float32Array
    """(M,) cosine of incidence, 0 to 1."""
    painted: IndexArray
    """(P,) which returns belong to an object."""
    paint: Float32Array
    """(P,) those objects' paint."""


@dataclass(frozen=True)
class DropOut:
    """Probability that a return is missing: a logistic model with a row per group (G)."""

    by_range: Float32Array
    """(G, R) log-odds by decimetre, face-on and of average paint."""
    per_grazing: Float32Array
    """(G,) per unit of 1 - cos(incidence)."""
    per_paint: Float32Array
    """(G,) per standard deviation of darker paint."""

    def missing(self, returns: Returns, sixteen_bits: SixteenBits) -> NDArray[np.bool_]:
        """Which returns (M,) are missing; ``sixteen_bits`` (M,) is uniform, and logarithms are compared, not odds."""
        odds = np.take(self.by_range, returns.cell)
        odds += np.take(self.per_grazing, returns.group) * (1 - returns.cos)
        odds[returns.painted] -= np.take(self.per_paint, returns.group[returns.painted]) * returns.paint
        missing: NDArray[np.bool_] = np.take(_log_odds(), sixteen_bits) < odds
        return missing


@dataclass(frozen=True)
class Intensity:
    """Reflectance by group: a score z that range, incidence, paint and chance add up to, looked up in a table.

    The table is the inverse of the group's cumulative histogram at the normal distribution's Φ(z) (a Gaussian
    copula), so the histogram comes out as measured while returns of one object stay alike.
    """

    table: Float32Array
    """(G, K) reflectance by score, quantised, K scores from -4 to 4."""
    by_range: Float32Array
    """(G, R) score added by decimetre."""
    per_incidence: Float32Array
    """(G,) score added per standard deviation of a uniform cosine."""
    per_paint: Float32Array
    """(G,) score added per unit of paint."""
    spread: Float32Array
    """(G,) standard deviation of the part that is chance."""

    def reflectance(self, returns: Returns, sixteen_bits: SixteenBits) -> Float32Array:
        """Reflectance (M,), 0 to 1; ``sixteen_bits`` (M,) is uniform."""
        score = np.take(self.by_range, returns.cell)
        score += np.take(self.spread, returns.group) * normal(sixteen_bits)
        per_cos = self.per_incidence / np.float32(_COS_SD)
        score += np.take(per_cos, returns.group) * (returns.cos - np.float32(_COS_MEAN))
        score[returns.painted] += np.take(self.per_paint, returns.group[returns.painted]) * returns.paint
        scores = self.table.shape[1]
        place = ((score + np.float32(_SCORE_LIMIT)) * np.float32(_SCORES_PER_UNIT)).astype(np.intp)
        np.clip(place, 0, scores - 1, out=place)
        place += returns.group * scores
        return np.take(self.table, place)


@dataclass(frozen=True)
class Effects:
    """Everything a profile says about its sensor's imperfections; ``None`` for what it does not have."""

    group_of_tag: IndexArray
    """(256,) group by semantic tag."""
    noise_sd_m: Float32Array | None
    """(R,) standard deviation of the range by decimetre, in metres; ``None`` for none."""
    bias_sd_m: float
    """Standard deviation over the beams of a range error that is constant for each beam."""
    drop_out: DropOut | None
    intensity: Intensity | None
    blind: NDArray[np.bool_] | None
    """(C, 1440) beams by quarter degrees, counter-clockwise from the rear: hidden by the vehicle."""
    quantum_m: float
    """Step of reported coordinates; 0 for exact."""
    range_steps: int
    """R: the tables over range have a row per decimetre, up to the sensor's maximum."""

    def returns(
        self,
        range_m: Float32Array,
        tag: NDArray[np.uint8],
        cos: Float32Array,
        painted: IndexArray,
        paint: Float32Array,
    ) -> Returns:
        """Look up in which group and range step each of M returns is."""
        group = np.take(self.group_of_tag, tag)
        step = (range_m * np.float32(_STEPS_PER_M)).astype(np.intp)
        np.minimum(step, self.range_steps - 1, out=step)
        return Returns(group, step, group * self.range_steps + step, cos, painted, paint)

    @classmethod
    @cache
    def from_profile(cls, profile: Profile) -> Effects:
        """Read ``profile.effects``; InputError names the key that is missing or wrong."""
        effects = profile.effects
        try:
            groups = {name: list(tags) for name, tags in effects.get("semantic_groups", {}).items()}
            names = [*groups, OTHER]
            group_of_tag = np.full(256, names.index(OTHER), dtype=np.intp)
            for index, tags in enumerate(groups.values()):
                group_of_tag[tags] = index
            range_m = np.arange(0.0, profile.max_range_m + 1.0, 1 / _STEPS_PER_M) + 0.5 / _STEPS_PER_M
            noise, blind = effects.get("range_noise"), effects.get("blind_sectors")
            drop_out, intensity = effects.get("drop_out"), effects.get("intensity")
            return cls(
                group_of_tag=group_of_tag,
                noise_sd_m=noise and _interpolated(range_m, noise["range_m"], noise["sd_m"]),
                bias_sd_m=float(effects["beam_bias"]["sd_m"]) if "beam_bias" in effects else 0.0,
                drop_out=drop_out and _drop_out(_rows(drop_out, names), range_m),
                intensity=intensity and _intensity(intensity, _rows(intensity, names), range_m),
                blind=blind and _blind(blind["beams"], len(profile.elevation_rad)),
                quantum_m=float(effects["quantisation"]["step_m"]) if "quantisation" in effects else 0.0,
                range_steps=len(range_m),
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(
                f"sensor profile {profile.name}: effects cannot be read, {type(error).__name__}: {error}; "
                "profiles/hdl64e.json shows every key an effect needs"
            ) from error


def _rows(effect: Mapping[str, Any], names: list[str]) -> list[Mapping[str, Any]]:
    """One row of settings per group; groups without one share that of ``other``."""
    return [effect["groups"].get(name, effect["groups"][OTHER]) for name in names]


def _column(rows: list[Mapping[str, Any]], key: str) -> Float32Array:
    return np.asarray([row[key] for row in rows], dtype=np.float32)


def _interpolated(range_m: FloatArray, knots_m: list[float], values: list[float]) -> Float32Array:
    return np.interp(range_m, knots_m, values).astype(np.float32)


def _drop_out(rows: list[Mapping[str, Any]], range_m: FloatArray) -> DropOut:
    tens = range_m / 10
    log_odds = [row["intercept"] + row["per_10m"] * tens + row["per_10m_squared"] * tens**2 for row in rows]
    return DropOut(
        by_range=np.asarray(log_odds, dtype=np.float32),
        per_grazing=_column(rows, "per_grazing"),
        per_paint=_column(rows, "per_paint"),
    )


def _intensity(effect: Mapping[str, Any], rows: list[Mapping[str, Any]], range_m: FloatArray) -> Intensity:
    edges = np.asarray(effect["bin_edges"], dtype=np.float64)
    tables = [reflectance_by_score(edges, np.asarray(row["share"], float), effect["quantum"]) for row in rows]
    return Intensity(
        table=np.stack(tables),
        by_range=np.stack([_interpolated(range_m, row["range_m"], row["shift"]) for row in rows]),
        per_incidence=_column(rows, "per_incidence"),
        per_paint=_column(rows, "per_paint"),
        spread=_column(rows, "spread"),
    )


def reflectance_by_score(edges: FloatArray, share: FloatArray, quantum: float) -> Float32Array:
    """Reflectance (K,) at K standard normal scores from −4 to 4, from a histogram: edges (B + 1,), shares (B,).

    Within a bin reflectance is uniform; values are rounded down to multiples of ``quantum``.
    """
    scores = np.arange(2 * _SCORE_LIMIT * _SCORES_PER_UNIT) / _SCORES_PER_UNIT - _SCORE_LIMIT
    cumulative = np.concatenate([[0.0], np.cumsum(share / share.sum())])
    value = np.interp(ndtr(scores + 0.5 / _SCORES_PER_UNIT), cumulative, edges)
    steps = np.minimum(np.floor(value / quantum + 1e-9), np.round(edges[-1] / quantum) - 1)
    return np.asarray(steps * quantum, dtype=np.float32)


def _blind(beams: list[Mapping[str, Any]], channels: int) -> NDArray[np.bool_]:
    hidden = np.zeros((channels, 360 * _SECTOR_STEPS_PER_DEG), dtype=bool)
    middle_deg = ((np.arange(hidden.shape[1]) + 0.5) / _SECTOR_STEPS_PER_DEG + 180) % 360
    for beam in beams:
        for start_deg, end_deg in beam["sectors_deg"]:
            hidden[beam["ring"]] |= (middle_deg >= start_deg) & (middle_deg < end_deg)
    return hidden


def normal(sixteen_bits: SixteenBits) -> Float32Array:
    """Standard normal numbers (M,) from uniform ones; the ends are at ±4.3."""
    return np.take(_normal_quantiles(), sixteen_bits)


@cache
def _normal_quantiles() -> Float32Array:
    return np.asarray(ndtri(_MIDDLES), dtype=np.float32)


@cache
def _log_odds() -> Float32Array:
    return np.asarray(logit(_MIDDLES), dtype=np.float32)


_MIDDLES = (np.arange(2**16) + 0.5) / 2**16
