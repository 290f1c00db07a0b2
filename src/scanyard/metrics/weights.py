"""Average precision as traffic would have it, from drives that were chosen to be rare.

A set of rare scenes says how a detector does where it is hard, not how often that matters.  Where every frame carries
the weight target / proposal (how often such a scene happens, over how often it was drawn), a label, a hit and a false
alarm of it count that many times: importance sampling (H. Kahn, A. Marshall, Methods of Reducing Sample Size in Monte
Carlo Computations, 1953), in its self-normalised form, since precision and recall are ratios.

Weights become whole copies, the same as if the frames stood in the list that often: all families then score them as
they score resamples.  Weights whose ratios are simple fractions become exactly those, so that weights of one change
nothing and two is twice; others are rounded to 10,000ths of the mean weight.

*Effective size.*  Few heavy drives decide everything, whatever their number.  Kish's (Σw)² / Σw² over drives (L. Kish,
Survey Sampling, 1965), with the mean weight of each drive's frames, is how many drives of equal weight would say as
much.  Below ten, or below half of what was driven, a warning stands beside the number: then it is the weights, not the
detector, that one more drive would change.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from scanyard.errors import EvaluationError
from scanyard.evaluation import Score
from scanyard.geometry import FloatArray
from scanyard.metrics.comparison import by_frame
from scanyard.metrics.headline import Subject
from scanyard.metrics.measured import Measured
from scanyard.metrics.pool import IntArray, Pool, ScoredFrame

MIN_EFFECTIVE = 10.0
"""Percentiles of fewer resampled drives are too narrow to be trusted."""
MIN_SHARE = 0.5
RESOLUTION = 10_000
"""Copies of a frame of mean weight where ratios are no simple fractions."""
_MOST_COPIES = 1_000_000
_SIMPLE = 1000
"""The largest denominator of a simple fraction."""


@dataclass(frozen=True)
class WeightedScore:
    """One precision, raw and weighted."""

    raw: Score
    weighted: Score


@dataclass(frozen=True)
class Weighted:
    """The precisions of all categories, and how far their weights are to be trusted."""

    scores: tuple[WeightedScore, ...]
    num_drives: int
    effective_drives: float
    """Kish's effective sample size."""
    largest_share: float
    """Of all weight, that of the heaviest drive, each drive counted by its frames' mean weight."""
    warning: str
    """Why the weighted numbers should not be relied on; empty where there is no reason."""
    origin: tuple[str, ...] = ()
    """Where the weights come from, a line each; empty where nobody said."""


def evaluate_weighted(
    frames: Sequence[ScoredFrame],
    protocol: str = "kitti_r40",
    *,
    difficulty: str | None = None,
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
) -> Weighted:
    """Raw and weighted precision of each category that has a label to find; ``headline`` says which precision.

    EvaluationError when a weight is negative or not finite, or all are zero.
    """
    return weigh(Subject.of(frames, protocol, difficulty=difficulty, resamples=resamples, level=level, seed=seed))


def weigh(subject: Subject) -> Weighted:
    """As ``evaluate_weighted``, of frames that are side by side already."""
    pool = subject.pool
    by_drive = _drive_weights(subject)
    # within a drive, frames of different weight are units of their own; a drive is still drawn as one
    units, unit_of_frame = np.unique(np.column_stack([pool.frame_drive, pool.weight]), axis=0, return_inverse=True)
    copies = whole_copies(units[:, 1])
    raw = subject.measure()
    weighted = raw
    said_by = {name: one.labels_by_drive for name, one in raw.items()}
    if (copies != 1).any():
        drive = units[:, 0].astype(np.int64)
        by_unit = replace(
            pool,
            drives=tuple(f"{pool.drives[at]} {weight:g}" for at, weight in zip(drive, units[:, 1], strict=True)),
            frame_drive=unit_of_frame.reshape(-1).astype(np.int64),
        )
        # the first mixture is for the families the data as they are, and scored as such
        mixtures = np.vstack([np.ones((1, len(copies)), np.int64), subject.mixtures[:, drive] * copies])
        measured = subject.measure(by_unit, mixtures)
        weighted = {
            name: replace(one, values=one.values[1:], labels_by_drive=raw[name].labels_by_drive)
            for name, one in measured.items()
        }
        for name, one in measured.items():
            said_by[name] = np.zeros_like(raw[name].labels_by_drive)
            np.add.at(said_by[name], drive, one.labels_by_drive * copies)
    of_frame = copies[unit_of_frame.reshape(-1)]
    singly = by_frame(pool)
    in_blocks = subject.in_blocks(lambda frames: subject.measure(singly, frames))
    weighted_in_blocks = subject.in_blocks(lambda frames: _weighted(subject, singly, frames, of_frame))
    effective = float(by_drive.sum() ** 2 / (by_drive**2).sum())
    return Weighted(
        scores=tuple(
            WeightedScore(
                subject.score(raw[name], in_blocks=in_blocks.get(name)),
                subject.score(one, said_by[name], in_blocks=weighted_in_blocks.get(name)),
            )
            for name, one in weighted.items()
        ),
        num_drives=len(by_drive),
        effective_drives=effective,
        largest_share=float(by_drive.max() / by_drive.sum()),
        warning=_warning(by_drive, effective),
    )


def _weighted(subject: Subject, singly: Pool, frames: IntArray, of_frame: IntArray) -> dict[str, Measured]:
    """Under copies (M, F) of frames, each of which counts ``of_frame`` (F,) times; labels count as often."""
    # as above, the first mixture is scored as the data are, whatever it says: blocks take no value from it
    measured = subject.measure(singly, np.vstack([np.ones((1, len(of_frame)), np.int64), frames * of_frame]))
    return {
        name: replace(one, values=one.values[1:], labels_by_drive=one.labels_by_drive * of_frame)
        for name, one in measured.items()
    }


def with_weights(frames: Sequence[ScoredFrame], weights: Mapping[str, float]) -> list[ScoredFrame]:
    """The frames with weights by the name of their sequence, drive or scenario, whichever is listed, in this order.

    EvaluationError when a frame has none, or a name is nobody's.
    """
    weighed, used = [], set()
    for frame in frames:
        names = [str(frame.metadata.get("sequence", "")), frame.drive, str(frame.metadata.get("scenario", ""))]
        name = next((name for name in names if name in weights), None)
        if name is None:
            raise EvaluationError(
                f"frame {frame.name or '?'}: no weight for its sequence {names[0]!r}, drive {names[1]!r} or scenario "
                f"{names[2]!r}; there are weights for {sorted(weights)[:5]}. Give every one a weight, 0 to leave it out"
            )
        used.add(name)
        weighed.append(replace(frame, weight=float(weights[name])))
    if idle := sorted(set(weights) - used):
        raise EvaluationError(f"weights for {idle[:5]}: no frame is of such a sequence, drive or scenario; mistyped?")
    return weighed


def with_exposure(frames: Sequence[ScoredFrame]) -> tuple[list[ScoredFrame], tuple[str, ...]]:
    """The frames weighted by how often their scenario happens, and in words how often that is and who says so.

    Target density is the scenario's share of what happens in an hour, proposal density its share of the recordings
    here; both as their metadata say (``exposure_per_hour``, ``exposure_source``, ``scenario``, ``sequence``).  What is
    no scenario's, such as driving with nothing happening, is in neither.  EvaluationError when a frame's scenario
    states no exposure, or two recordings of one state different ones.
    """
    rates: dict[str, float] = {}
    sources: dict[str, str] = {}
    recordings: dict[str, str] = {}
    for frame in frames:
        scenario, rate = str(frame.metadata.get("scenario", "")), frame.metadata.get("exposure_per_hour")
        recording = str(frame.metadata.get("sequence", frame.drive))
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < math.inf:
            raise EvaluationError(
                f"recording {recording}: its scenario {scenario!r} states no exposure; add exposure: {{per_hour: ..., "
                "source: ...}} to its YAML and record it again, or list weights by scenario in a file"
            )
        if rates.setdefault(scenario, float(rate)) != rate:
            raise EvaluationError(
                f"scenario {scenario!r}: happens {rates[scenario]:g} times an hour by one recording and {rate:g} by "
                f"{recording}; record all of it again, or list weights by scenario in a file"
            )
        sources[scenario] = str(frame.metadata.get("exposure_source", "no source"))
        recordings[recording] = scenario
    made = Counter(recordings.values())
    an_hour = sum(rates.values())
    weight = {scenario: (rate / an_hour) / (made[scenario] / len(recordings)) for scenario, rate in rates.items()}
    weighed = [replace(frame, weight=weight[str(frame.metadata.get("scenario", ""))]) for frame in frames]
    return weighed, tuple(
        f"{scenario}: {rate:g} an hour ({sources[scenario]}), {made[scenario]} of {len(recordings)} recordings"
        for scenario, rate in sorted(rates.items())
    )


def whole_copies(weights: FloatArray) -> IntArray:
    """Whole numbers (N,) in the ratios of weights (N,): exactly those where they are simple, else rounded.

    A positive weight has at least one copy.
    """
    least = weights[weights > 0].min()
    ratios = [Fraction(float(weight / least)).limit_denominator(_SIMPLE) for weight in weights]
    scale = math.lcm(*(ratio.denominator for ratio in ratios))
    exact = np.array([float(ratio * scale) for ratio in ratios])
    simple = np.allclose(exact, weights / least * scale, rtol=1e-9, atol=0)
    if simple and exact.max() <= _MOST_COPIES:
        copies: IntArray = np.round(exact).astype(np.int64)
        return np.asarray(copies // np.gcd.reduce(copies))
    rounded = np.round(weights / weights[weights > 0].mean() * RESOLUTION)
    return np.where(weights > 0, np.maximum(rounded, 1), 0).astype(np.int64)


def _drive_weights(subject: Subject) -> FloatArray:
    """Mean weight (D,) of each drive's frames."""
    pool = subject.pool
    wrong = np.flatnonzero(~np.isfinite(pool.weight) | (pool.weight < 0))
    if len(wrong):
        raise EvaluationError(
            f"frame number {wrong[0]} of drive {pool.drives[pool.frame_drive[wrong[0]]]} has the weight "
            f"{pool.weight[wrong[0]]:g}; expected a number that is not negative: target over proposal density"
        )
    if not pool.weight.any():
        raise EvaluationError("all weights are 0; there is nothing left to score")
    frames = np.bincount(pool.frame_drive, minlength=len(pool.drives))
    mean: FloatArray = np.bincount(pool.frame_drive, pool.weight, minlength=len(pool.drives)) / frames
    return mean


def _warning(by_drive: FloatArray, effective: float) -> str:
    if np.allclose(by_drive, by_drive[0]):
        return ""
    if effective >= MIN_EFFECTIVE and effective >= MIN_SHARE * len(by_drive):
        return ""
    heaviest = by_drive.max() / by_drive.sum()
    return (
        f"the weights leave {effective:.1f} effective drives of {len(by_drive)}, the heaviest alone has "
        f"{heaviest:.0%} of the weight: drive more of what is frequent before relying on weighted scores"
    )
