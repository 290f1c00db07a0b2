"""A profile's effects, read from its JSON into arrays that can be looked up by range, ring and semantic tag.

Returns fall into groups of semantic tags (ground, car, pedestrian, cyclist, other), each with its own drop-out and
intensity.  An effect that a profile does not list does not happen: a profile without effects is an ideal sensor.

What a stranger would get wrong: ``paint`` is a standard normal number per object, the same for all its returns and
through a sequence.  It is what makes one car dark as a whole, in intensity and in missing returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from scanyard.errors import InputError
from scanyard.geometry import FloatArray
from scanyard.profiles import Profile

Float32Array = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

OTHER = "other"
"""The group of every semantic tag that no other group lists."""

_SCORE_LIMIT = 4.0  # standard normal scores beyond ±4 (3e-5 of all) look up the table's ends
_SCORES_PER_UNIT = 256
_SECTOR_STEPS_PER_DEG = 4  # blind sectors are measured in 5 degree bins; a quarter degree keeps their fractions
_COS_MEAN, _COS_SD = 0.5, 12.0**-0.5  # of a uniform cosine, the reference for incidence shapes


@dataclass(frozen=True)
class DropOut:
    """Probability that a return is missing: a logistic model with one row of coefficients per group (G)."""

    intercept: Float32Array
    per_10m: Float32Array
    per_10m_squared: Float32Array
    per_grazing: Float32Array
    """Per unit of 1 − cos(incidence)."""
    per_paint: Float32Array
    """Per standard deviation of darker paint."""

    def log_odds(
        self, group: ByteArray, range_m: Float32Array, cos: Float32Array, paint: Float32Array
    ) -> Float32Array:
        """Log-odds (M,) of a missing return, for returns given by their columns (M,)."""
        tens = range_m * np.float32(0.1)
        odds = np.take(self.per_10m_squared, group)
        odds *= tens
        odds += np.take(self.per_10m, group)
        odds *= tens
        odds += np.take(self.intercept + self.per_grazing, group)
        odds -= np.take(self.per_grazing, group) * cos
        dark = np.flatnonzero(paint)
        odds[dark] -= self.per_paint[group[dark]] * paint[dark]
        return odds


@dataclass(frozen=True)
class Intensity:
    """Reflectance by group: a score z that range, incidence, paint and chance add up to, looked up in a table.

    The table is the inverse of the group's cumulative histogram at the normal distribution's Φ(z) (a Gaussian
    copula), so the histogram comes out as measured while returns of one object stay alike.
    """

    table: Float32Array
    """(G, K) reflectance by score, quantised, K scores from −4 to 4."""
    range_m: tuple[FloatArray, ...]
    """Per group, knots (R,) of ``shift``."""
    shift: tuple[FloatArray, ...]
    """Per group, score (R,) added at each range."""
    incidence: Float32Array
    """(G,) score added per standard deviation of a uniform cosine."""
    paint: Float32Array
    """(G,) score added per unit of paint."""
    spread: Float32Array
    """(G,) standard deviation of the part that is chance."""

    def reflectance(
        self, group: ByteArray, range_m: Float32Array, cos: Float32Array, paint: Float32Array, chance: Float32Array
    ) -> Float32Array:
        """Reflectance (M,), 0 to 1, of returns given by their columns (M,); ``chance`` is standard normal."""
        score = np.take(self.spread, group)
        score *= chance
        for index, (knots, shift) in enumerate(zip(self.range_m, self.shift, strict=True)):
            if shift.any():
                here = np.flatnonzero(group == index)
                # a table by centimetre: interpolating every return between knots costs ten times as much
                by_cm = np.interp(np.arange(0.0, knots[-1] + 0.01, 0.01), knots, shift).astype(np.float32)
                nearest = np.minimum(range_m[here] * np.float32(100.0), np.float32(len(by_cm) - 1)).astype(np.int32)
                score[here] += by_cm[nearest]
        steepness = (self.incidence / np.float32(_COS_SD)).astype(np.float32)
        score += np.take(steepness, group) * (cos - np.float32(_COS_MEAN))
        painted = np.flatnonzero(paint)
        score[painted] += self.paint[group[painted]] * paint[painted]
        score += np.float32(_SCORE_LIMIT)
        score *= np.float32(_SCORES_PER_UNIT)
        np.clip(score, 0, self.table.shape[1] - 1, out=score)
        index_in_table = score.astype(np.int32)
        index_in_table += group * np.int32(self.table.shape[1])
        return np.take(self.table.ravel(), index_in_table)


@dataclass(frozen=True)
class Effects:
    """Everything a profile says about its sensor's imperfections; ``None`` for what it does not have."""

    group_of_tag: ByteArray
    """(256,) group by semantic tag."""
    noise_m: tuple[FloatArray, FloatArray] | None
    """Range knots (R,) in metres and the standard deviation (R,) of the range there, in metres."""
    bias_sd_m: float
    """Standard deviation over the beams of a range error that is constant for each beam."""
    drop_out: DropOut | None
    intensity: Intensity | None
    blind: NDArray[np.bool_] | None
    """(C, 1440) beams × quarter degrees from forward to the left, counter-clockwise: hidden by the vehicle."""
    quantum_m: float
    """Step of reported coordinates; 0 for exact."""

    @classmethod
    def from_profile(cls, profile: Profile) -> Effects:
        """Read ``profile.effects``; InputError names the key that is missing or wrong."""
        effects = profile.effects
        try:
            groups = {name: list(tags) for name, tags in effects.get("semantic_groups", {}).items()}
            names = [*groups, OTHER]
            group_of_tag = np.full(256, names.index(OTHER), dtype=np.uint8)
            for index, tags in enumerate(groups.values()):
                group_of_tag[tags] = index
            noise = effects.get("range_noise")
            drop_out, intensity = effects.get("drop_out"), effects.get("intensity")
            blind = effects.get("blind_sectors")
            return cls(
                group_of_tag=group_of_tag,
                noise_m=noise and (np.asarray(noise["range_m"], float), np.asarray(noise["sd_m"], float)),
                bias_sd_m=float(effects["beam_bias"]["sd_m"]) if "beam_bias" in effects else 0.0,
                drop_out=drop_out and _drop_out(drop_out["groups"], names),
                intensity=intensity and _intensity(intensity, names),
                blind=blind and _blind(blind["beams"], len(profile.elevation_rad)),
                quantum_m=float(effects["quantisation"]["step_m"]) if "quantisation" in effects else 0.0,
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(
                f"sensor profile {profile.name}: effects cannot be read, {type(error).__name__}: {error}; "
                "profiles/hdl64e.json shows every key an effect needs"
            ) from error


def _drop_out(groups: Mapping[str, Any], names: list[str]) -> DropOut:
    def column(key: str) -> Float32Array:
        return np.asarray([groups.get(name, groups[OTHER])[key] for name in names], dtype=np.float32)

    return DropOut(
        intercept=column("intercept"),
        per_10m=column("per_10m"),
        per_10m_squared=column("per_10m_squared"),
        per_grazing=column("per_grazing"),
        per_paint=column("per_paint"),
    )


def _intensity(data: Mapping[str, Any], names: list[str]) -> Intensity:
    rows = [data["groups"].get(name, data["groups"][OTHER]) for name in names]
    edges = np.asarray(data["bin_edges"], dtype=np.float64)
    tables = [reflectance_by_score(edges, np.asarray(row["share"], float), data["quantum"]) for row in rows]
    return Intensity(
        table=np.stack(tables),
        range_m=tuple(np.asarray(row["range_m"], dtype=np.float64) for row in rows),
        shift=tuple(np.asarray(row["shift"], dtype=np.float64) for row in rows),
        incidence=np.asarray([row["per_incidence"] for row in rows], dtype=np.float32),
        paint=np.asarray([row["per_paint"] for row in rows], dtype=np.float32),
        spread=np.asarray([row["spread"] for row in rows], dtype=np.float32),
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
    middle_deg = (np.arange(hidden.shape[1]) + 0.5) / _SECTOR_STEPS_PER_DEG
    for beam in beams:
        for start_deg, end_deg in beam["sectors_deg"]:
            hidden[beam["ring"]] |= (middle_deg >= start_deg) & (middle_deg < end_deg)
    return hidden
