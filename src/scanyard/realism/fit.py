"""Make ``profiles/hdl64e.json`` from measured statistics of real HDL-64E scans: ``tools/fit_hdl64e STATS.json``.

Statistics go in and a profile comes out; no scan is read and no frame can be recovered from the result.  Every value
in the profile carries its definition and where it comes from.  What the statistics cannot tell is an assumption, named
here as a constant with its reason and called one in the profile.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression, minimize
from scipy.special import log_expit

from scanyard.geometry import FloatArray
from scanyard.realism.effects import reflectance_by_score

CAR_DROP_OUT = {"intercept": -5.94, "per_log_range": 3.4, "per_log_cos": 1.3, "per_paint": 1.3}
"""Log-odds of a missing return of a car, at 10 m face-on, per unit of ln(range / 10 m), of -ln cos, and of paint.

It is a law of return power (range, cosine and reflectance multiply) with a soft threshold.  Fitted with
``tools/car_profiles`` to the numbers of returns of 42 unhidden KITTI cars of 14 drives, in three bands of height, each
against ideal returns of shapes of the same size in the same place: real cars return as much as ideal ones up to
28 m, half as much at 30 to 50 m, a third beyond.  Gaps between returns, which the statistics have, do not show that:
what is missing as a whole, such as a far car's roof, leaves no gap.
"""
GROUND_SHARE = 0.6  # of all returns; with more, the "other" histogram would turn negative at 0.75
CAR_PAINT_CORRELATION = 0.7  # correlation of the scores of two returns of one car is its square, about 0.5
CLOTHES_CORRELATION = 0.4
LEAF_INCIDENCE = 0.3  # score per standard deviation of the cosine, for everything but ground

SEMANTIC_GROUPS = {
    "ground": [1, 2, 10, 24, 25, 27],
    "car": [14, 15, 16, 17],
    "pedestrian": [12],
    "cyclist": [13, 18, 19],
}

KITTI = (
    "statistics of real Velodyne HDL-64E S2 scans: KITTI (A. Geiger, P. Lenz, C. Stiller, R. Urtasun, Vision meets "
    "Robotics: The KITTI Dataset, IJRR 2013), 49 full scans of 17 drives; aggregates only"
)


def fit_hdl64e(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the statistics into the content of a profile file, as JSON values."""
    beams = stats["beams"]
    return {
        "source": KITTI,
        "beams_definition": beams["model"],
        "elevation_deg": beams["elevation_deg"],
        "z_offset_m": beams["z_offset_m"],
        "blocks": [32, 32],
        "firings_per_turn": round(stats["azimuth"]["firing_slots_per_revolution"]),
        "min_range_m": stats["min_range_m"],
        "max_range_m": stats["max_range_m"],
        "effects": {
            "semantic_groups": SEMANTIC_GROUPS,
            "azimuth": _azimuth(stats["azimuth"]),
            "range_noise": _range_noise(stats["range_noise"]),
            "beam_bias": _beam_bias(stats["range_noise"]),
            "drop_out": _drop_out(stats),
            "intensity": _intensity(stats),
            "blind_sectors": _blind_sectors(stats["ego_blind_sectors"]),
            "quantisation": {
                "definition": "step of each reported coordinate, in metres",
                "source": "measured: all coordinates of the scans are multiples of it",
                "step_m": stats["range_noise"]["coordinate_quantisation_m"],
            },
        },
    }


def _azimuth(measured: Mapping[str, Any]) -> dict[str, Any]:
    half_steps = measured["fraction_half_steps"]
    return {
        "definition": "firings happen at multiples of the encoder's quantum; a step from one firing to the next has "
        "one of these sizes with this share. For simulators that choose azimuths; realism leaves angles alone",
        "source": "measured",
        "quantum_deg": measured["encoder_quantum_deg"],
        "steps_deg": sorted(measured["common_steps_deg"]),
        "step_share": [half_steps, round(1 - half_steps, 4)],
        "mean_step_deg": measured["mean_step_deg"],
    }


def _range_noise(measured: Mapping[str, Any]) -> dict[str, Any]:
    table = measured["by_range"]
    p25 = np.array([value for value in table["p25_m"] if value is not None])
    middle = (np.arange(len(p25)) + 0.5) * table["bin_m"]
    return {
        "definition": "standard deviation of one beam's range at these ranges, linear in between, constant outside",
        "source": "measured: the 25th percentile over windows of " + measured["definition"] + ". Made "
        "non-decreasing with range (pool adjacent violators), since beyond 50 m few windows remain",
        "range_m": middle.tolist(),
        "sd_m": np.round(isotonic_regression(p25).x, 5).tolist(),
    }


def _beam_bias(measured: Mapping[str, Any]) -> dict[str, Any]:
    bias = [value for value in measured["per_ring_ground_bias_m"] if value is not None]
    return {
        "definition": "standard deviation over beams of a range error that is constant for each beam of a unit",
        "source": f"measured on the ground for {len(bias)} of 64 beams, root mean square about their mean",
        "sd_m": round(float(np.std(bias)), 5),
    }


def _drop_out(stats: Mapping[str, Any]) -> dict[str, Any]:
    surfaces = stats["dropout_on_surfaces"]
    other = _fit_other(surfaces["by_range"])
    return {
        "definition": "probability that a first return is missing: logit p = intercept + per_10m·(r/10) + "
        "per_10m_squared·(r/10)² + per_log_range·ln(r/10) + per_grazing·(1 - cos(incidence)) - "
        "per_log_cos·ln(cos(incidence)) - per_paint·paint, with r the range in metres and paint a standard normal "
        "number per object",
        "source": "fitted by maximum likelihood on counts of missing firings: " + surfaces["definition"],
        "groups": {
            "other": other,
            "ground": _fit_ground(surfaces["ground_by_incidence"], stats["mounting"], other),
            "car": _NO_SHAPE
            | CAR_DROP_OUT
            | {"source": "returns of 42 unhidden KITTI cars counted against those of ideal shapes in the same places"},
        },
    }


def _fit_other(table: Mapping[str, Any]) -> dict[str, Any]:
    rate, samples = np.asarray(table["rate"]), np.asarray(table["samples"], dtype=np.float64)
    tens = (np.arange(len(rate)) + 0.5) * table["bin_m"] / 10
    design = np.stack([np.ones_like(tens), tens, tens**2], axis=1)
    # square root of the counts: two million samples at 7 m must not outvote the shape beyond 50 m
    intercept, slope, curve = _maximum_likelihood(design, rate, np.sqrt(samples))
    return {
        "source": "all surfaces by range; incidence was not measured, so it has no part",
        "intercept": intercept,
        "per_10m": slope,
        "per_10m_squared": curve,
        "per_grazing": 0.0,
        "per_log_range": 0.0,
        "per_log_cos": 0.0,
        "per_paint": 0.0,
    }


def _fit_ground(table: Mapping[str, Any], mounting: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    samples = np.asarray(table["samples"], dtype=np.float64)
    seen = samples > 0
    incidence = np.deg2rad(table["first_bin_deg"] + (np.arange(len(samples)) + 0.5) * table["bin_deg"])[seen]
    range_m = np.minimum(mounting["sensor_height_m"]["mean"] / np.cos(incidence), 30.0)
    by_range = other["per_10m"] * range_m / 10 + other["per_10m_squared"] * (range_m / 10) ** 2
    design = np.stack([np.ones_like(range_m), 1 - np.cos(incidence)], axis=1)
    intercept, grazing = _maximum_likelihood(design, np.asarray(table["rate"])[seen], samples[seen], by_range)
    return {
        "source": "ground by incidence, within 30 m, range following from incidence and sensor height; the shape over "
        "range is that of all surfaces",
        "intercept": intercept,
        "per_10m": other["per_10m"],
        "per_10m_squared": other["per_10m_squared"],
        "per_grazing": grazing,
        "per_log_range": 0.0,
        "per_log_cos": 0.0,
        "per_paint": 0.0,
    }


_NO_SHAPE = {"per_10m": 0.0, "per_10m_squared": 0.0, "per_grazing": 0.0}


def _maximum_likelihood(
    design: FloatArray, rate: FloatArray, weight: FloatArray, offset: FloatArray | float = 0.0
) -> list[float]:
    """Coefficients (K,) of a binomial logistic regression of rates (B,) on ``design`` (B, K)."""

    def loss(coefficients: FloatArray) -> float:
        odds = design @ coefficients + offset
        return float(-np.sum(weight / weight.sum() * (rate * log_expit(odds) + (1 - rate) * log_expit(-odds))))

    start = np.zeros(design.shape[1])
    start[0] = -5.0
    options = {"xatol": 1e-7, "fatol": 1e-13, "maxiter": 20_000}
    found = minimize(loss, start, method="Nelder-Mead", options=options)
    return [round(float(value), 4) for value in found.x]


def _intensity(stats: Mapping[str, Any]) -> dict[str, Any]:
    measured = stats["intensity"]
    overall, ground = np.asarray(measured["overall"]), np.asarray(measured["ground"])
    other = np.clip((overall - GROUND_SHARE * ground) / (1 - GROUND_SHARE), 0.0, None)
    groups = {
        "ground": _ground_intensity(measured),
        "car": _painted(measured["Car"], CAR_PAINT_CORRELATION, "measured inside car boxes"),
        "pedestrian": _painted(measured["Pedestrian"], CLOTHES_CORRELATION, "measured inside pedestrian boxes"),
        "cyclist": _painted(
            measured["Cyclist"], CLOTHES_CORRELATION, "measured inside cyclist boxes, mostly of one drive"
        ),
        "other": _painted(
            np.round(other / other.sum(), 5).tolist(),
            0.0,
            f"measured: overall less the ground's share, {GROUND_SHARE:.0%} (assumed)",
        ),
    }
    return {
        "definition": "reflectance = Q(Φ(z)), z = shift(range) + per_incidence·(cos - 1/2)/√(1/12) + per_paint·paint + "
        "spread·ε with ε standard normal; Q is the inverse of the cumulative histogram, uniform within a bin; the "
        "result is rounded down to the quantum",
        "source": "histograms and the ground's means by range measured; per_incidence and per_paint assumed",
        "quantum": measured["quantisation"],
        "bin_edges": measured["bin_edges"],
        "groups": groups,
    }


def _painted(share: Sequence[float], paint: float, source: str) -> dict[str, Any]:
    spread = np.sqrt(1 - LEAF_INCIDENCE**2 - paint**2)
    return {
        "source": source,
        "share": list(share),
        "range_m": [0.0],
        "shift": [0.0],
        "per_incidence": LEAF_INCIDENCE,
        "per_paint": paint,
        "spread": round(float(spread), 4),
    }


def _ground_intensity(measured: Mapping[str, Any]) -> dict[str, Any]:
    table = measured["mean"]["ground_by_range"]
    seen = np.array([value is not None for value in table["value"]])
    target = np.array([value for value in table["value"] if value is not None])
    middle = ((np.arange(len(seen)) + 0.5) * table["bin_m"])[seen]
    reflectance = reflectance_by_score(
        np.asarray(measured["bin_edges"]), np.asarray(measured["ground"]), measured["quantisation"]
    )
    scores = np.linspace(-4, 4, len(reflectance))
    shifts, spread = np.linspace(-2, 2, 401), 1.0
    for _ in range(5):  # the spread left to chance depends on the shifts, and they on it
        density = np.exp(-((scores[None] - shifts[:, None]) ** 2) / (2 * spread**2))
        mean = (density * reflectance).sum(axis=1) / density.sum(axis=1)
        shift = np.interp(target, mean, shifts)
        spread = float(np.sqrt(max(1 - shift.var(), 0.5)))
    return {
        "source": "measured within 30 m; shift reproduces the mean by range, incidence follows from range on the "
        "ground and has no part of its own",
        "share": measured["ground"],
        "range_m": middle.tolist(),
        "shift": np.round(shift, 3).tolist(),
        "per_incidence": 0.0,
        "per_paint": 0.0,
        "spread": round(spread, 4),
    }


def _blind_sectors(measured: Mapping[str, Any]) -> dict[str, Any]:
    width = measured["azimuth_bin_deg"]
    return {
        "definition": "azimuths in degrees, from forward to the left, that the vehicle hides from a beam; rings count "
        "from the highest beam",
        "source": f"measured: returns per firing in bins of {width} degrees; between 15 and 85 % a bin is taken as "
        "hidden in part, on the side of the emptier neighbour, below that as hidden",
        "beams": [
            {"ring": ring, "sectors_deg": _sectors(np.asarray(fractions), width)}
            for ring, fractions in zip(measured["beams"], measured["return_fraction"], strict=True)
        ],
    }


def _sectors(fraction: FloatArray, width_deg: float) -> list[list[float]]:
    sectors: list[list[float]] = []
    for index in np.flatnonzero(fraction < 0.85):
        hidden = width_deg * (1 - fraction[index] if fraction[index] > 0.15 else 1.0)
        start = index * width_deg
        before, after = fraction[index - 1], fraction[(index + 1) % len(fraction)]
        if after < before:
            start += width_deg - hidden
        sector = [round(float(start), 2), round(float(start + hidden), 2)]
        if sectors and abs(sectors[-1][1] - sector[0]) < 0.01:
            sectors[-1][1] = sector[1]
        else:
            sectors.append(sector)
    return sectors


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the profile; see ``tools/fit_hdl64e``."""
    parser = argparse.ArgumentParser(prog="tools/fit_hdl64e", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("stats", type=Path, help="measured statistics, such as ../shared/real/kitti_hdl64e_stats.json")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "profiles" / "hdl64e.json")
    options = parser.parse_args(arguments)
    profile = fit_hdl64e(json.loads(options.stats.read_text(encoding="utf-8")))
    text = json.dumps(profile, indent=2, ensure_ascii=False)
    text = re.sub(r"\[\s+([^][{}]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)  # lists in one line
    options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
