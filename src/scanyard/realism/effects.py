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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit, ndtr, ndtri

from scanyard.errors import InputError
from scanyard.geometry import FloatArray
from scanyard.profiles import Profile

Float32Array = NDArray[np.float32]
IndexArray = NDArray[np.intp]

OTHER = "other"
"""The group of every semantic tag that no other group lists."""

SCORE_LIMIT = 4.0
"""Standard normal scores beyond ±4 (3e-5 of all) look up the table's ends."""
SCORES_PER_UNIT = 256
STEPS_PER_M = 10
"""Tables over range go by decimetre: interpolating every return between knots costs ten times more."""
_SECTOR_STEPS_PER_DEG = 4  # blind sectors are measured in 5 degree bins; a quarter degree keeps their fractions
_COS_SD = 12.0**-0.5  # of a uniform cosine, the reference for incidence shapes


class Tables(NamedTuple):
    """What happens to a return, to be looked up: by group of tags (G), decimetre of range (R) or beam (C).

    ``normal`` and ``log_odds`` turn a uniform number of 16 bits into a standard normal one and into log-odds.

    Missing returns follow a logistic model: its log-odds add up from range, grazing incidence (1 - cosine, or minus its
    logarithm where returns die of too little power) and paint.
    Reflectance is looked up by a score that range, incidence, paint and chance add up to.  Its table is the inverse of
    the group's cumulative histogram at the normal distribution's Φ(score) (a Gaussian copula), so the histogram comes
    out as measured while returns of one object stay alike.
    """

    normal: Float32Array
    """(65536,); the ends are at ±4.3."""
    log_odds: Float32Array
    """(65536,)"""
    group_of_tag: IndexArray
    """(256,) group by semantic tag."""
    noise_sd_m: Float32Array
    """(R,) standard deviation of the range, in metres."""
    drop_out: Float32Array
    """(G, R) log-odds that a return is missing, face-on and of average paint."""
    drop_out_per_grazing: Float32Array
    """(G,) per unit of 1 - cos(incidence)."""
    drop_out_per_log_cos: Float32Array
    """(G,) per unit of -ln cos(incidence)."""
    drop_out_per_paint: Float32Array
    """(G,) per standard deviation of darker paint."""
    reflectance: Float32Array
    """(G, K) reflectance by score, quantised, K scores from -4 to 4."""
    score: Float32Array
    """(G, R) score by range."""
    score_per_cos: Float32Array
    """(G,) score added per unit of cos(incidence) above one half."""
    score_per_paint: Float32Array
    """(G,) score added per unit of paint."""
    score_spread: Float32Array
    """(G,) standard deviation of the part that is chance."""
    blind_beam: NDArray[np.bool_]
    """(C,) whether the vehicle hides any of the beam's turn."""
    blind: NDArray[np.bool_]
    """(C, 1440) beams by quarter degrees, counter-clockwise from the rear: hidden by the vehicle."""


@dataclass(frozen=True)
class Effects:
    """Everything a profile says about its sensor's imperfections."""

    tables: Tables
    bias_sd_m: float
    """Standard deviation over the beams of a range error that is constant for each beam."""
    quantum_m: float
    """Step of reported coordinates; 0 for exact."""
    has_intensity: bool
    moves_returns: bool
    """Whether coordinates come out otherwise than they went in."""

    @classmethod
    @cache
    def from_profile(cls, profile: Profile) -> Effects:
        """Read ``profile.effects``; InputError names the key that is missing or wrong."""
        effects = profile.effects
        try:
            bias_sd_m = float(effects["beam_bias"]["sd_m"]) if "beam_bias" in effects else 0.0
            quantum_m = float(effects["quantisation"]["step_m"]) if "quantisation" in effects else 0.0
            return cls(
                tables=_tables(effects, profile),
                bias_sd_m=bias_sd_m,
                quantum_m=quantum_m,
                has_intensity="intensity" in effects,
                moves_returns="range_noise" in effects or bias_sd_m > 0 or quantum_m > 0,
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(
                f"sensor profile {profile.name}: effects cannot be read, {type(error).__name__}: {error}; "
                "profiles/hdl64e.json shows every key an effect needs"
            ) from error


def _tables(effects: Mapping[str, Any], profile: Profile) -> Tables:
    """Tables in which an effect that is not listed does nothing."""
    groups = {name: list(tags) for name, tags in effects.get("semantic_groups", {}).items()}
    names = [*groups, OTHER]
    group_of_tag = np.full(256, names.index(OTHER), dtype=np.intp)
    for index, tags in enumerate(groups.values()):
        group_of_tag[tags] = index
    range_m = np.arange(0.0, profile.max_range_m + 1.0, 1 / STEPS_PER_M) + 0.5 / STEPS_PER_M
    none = np.zeros(len(names), np.float32)

    noise_sd_m = np.zeros(len(range_m), np.float32)
    if "range_noise" in effects:
        noise_sd_m = _interpolated(range_m, effects["range_noise"]["range_m"], effects["range_noise"]["sd_m"])

    drop_out = np.full((len(names), len(range_m)), -np.inf, np.float32)
    per_grazing, per_log_cos, per_drop_paint = none, none, none
    if "drop_out" in effects:
        rows, tens = _rows(effects["drop_out"], names), range_m / 10
        drop_out = np.asarray([_log_odds_by_range(row, tens) for row in rows], dtype=np.float32)
        per_grazing, per_drop_paint = _column(rows, "per_grazing"), _column(rows, "per_paint")
        per_log_cos = np.asarray([row.get("per_log_cos", 0.0) for row in rows], dtype=np.float32)

    reflectance, score = np.zeros((len(names), 1), np.float32), np.zeros((len(names), len(range_m)), np.float32)
    per_incidence, per_paint, spread = none, none, none
    if "intensity" in effects:
        effect = effects["intensity"]
        rows, edges = _rows(effect, names), np.asarray(effect["bin_edges"], dtype=np.float64)
        reflectance = np.stack(
            [reflectance_by_score(edges, np.asarray(row["share"], float), effect["quantum"]) for row in rows]
        )
        score = np.stack([_interpolated(range_m, row["range_m"], row["shift"]) for row in rows])
        per_incidence, per_paint, spread = (_column(rows, key) for key in ("per_incidence", "per_paint", "spread"))

    blind = _blind(effects.get("blind_sectors", {"beams": []})["beams"], len(profile.elevation_rad))
    return Tables(
        normal=_normal_quantiles(),
        log_odds=_log_odds(),
        group_of_tag=group_of_tag,
        noise_sd_m=noise_sd_m,
        drop_out=drop_out,
        drop_out_per_grazing=per_grazing,
        drop_out_per_log_cos=per_log_cos,
        drop_out_per_paint=per_drop_paint,
        reflectance=reflectance,
        score=score,
        score_per_cos=per_incidence / np.float32(_COS_SD),
        score_per_paint=per_paint,
        score_spread=spread,
        blind_beam=np.asarray(blind.any(axis=1)),
        blind=blind,
    )


def _rows(effect: Mapping[str, Any], names: list[str]) -> list[Mapping[str, Any]]:
    """One row of settings per group; groups without one share that of ``other``."""
    return [effect["groups"].get(name, effect["groups"][OTHER]) for name in names]


def _log_odds_by_range(row: Mapping[str, Any], tens: FloatArray) -> FloatArray:
    """Log-odds (R,) of a missing return, by tens of metres; the power law is one that few groups have."""
    polynomial = row["intercept"] + row["per_10m"] * tens + row["per_10m_squared"] * tens**2
    return np.asarray(polynomial + row.get("per_log_range", 0.0) * np.log(tens))


def _column(rows: list[Mapping[str, Any]], key: str) -> Float32Array:
    return np.asarray([row[key] for row in rows], dtype=np.float32)


def _interpolated(range_m: FloatArray, knots_m: list[float], values: list[float]) -> Float32Array:
    return np.interp(range_m, knots_m, values).astype(np.float32)


def reflectance_by_score(edges: FloatArray, share: FloatArray, quantum: float) -> Float32Array:
    """Reflectance (K,) at K standard normal scores from −4 to 4, from a histogram: edges (B + 1,), shares (B,).

    Within a bin reflectance is uniform; values are rounded down to multiples of ``quantum``.
    """
    scores = np.arange(2 * SCORE_LIMIT * SCORES_PER_UNIT) / SCORES_PER_UNIT - SCORE_LIMIT
    cumulative = np.concatenate([[0.0], np.cumsum(share / share.sum())])
    value = np.interp(ndtr(scores + 0.5 / SCORES_PER_UNIT), cumulative, edges)
    steps = np.minimum(np.floor(value / quantum + 1e-9), np.round(edges[-1] / quantum) - 1)
    return np.asarray(steps * quantum, dtype=np.float32)


def _blind(beams: list[Mapping[str, Any]], channels: int) -> NDArray[np.bool_]:
    hidden = np.zeros((channels, 360 * _SECTOR_STEPS_PER_DEG), dtype=bool)
    middle_deg = ((np.arange(hidden.shape[1]) + 0.5) / _SECTOR_STEPS_PER_DEG + 180) % 360
    for beam in beams:
        for start_deg, end_deg in beam["sectors_deg"]:
            hidden[beam["ring"]] |= (middle_deg >= start_deg) & (middle_deg < end_deg)
    return hidden


@cache
def _normal_quantiles() -> Float32Array:
    return np.asarray(ndtri(_MIDDLES), dtype=np.float32)


@cache
def _log_odds() -> Float32Array:
    return np.asarray(logit(_MIDDLES), dtype=np.float32)


_MIDDLES = (np.arange(2**16) + 0.5) / 2**16
