"""What a score is worth in labels: a learning curve through arms of more and more real frames, read backwards.

The curve is a power law that rises to a plateau, ``score(n) = a + b (1 - n^-c) / c``, which for ``c = 0`` is
``a + b log n``: the usual form for error against sample size (C. Cortes et al., Learning curves: asymptotic values and
rate of convergence, NIPS 1993; J. Hestness et al., Deep learning scaling is predictable, empirically, arXiv 1712.00409;
T. Viering, M. Loog, The shape of learning curves, TPAMI 2022).  ``b`` is never negative, so the curve never falls.  It
is read only between the fewest and the most frames that were tried: what lies outside is said to, and never guessed.

What is uncertain is drawn together, once per resample: the test drives, the same for all arms, and the seeds, as
``seed_noise`` says.  The curve is fitted and read anew each time.  Percentiles go as far out as for any score of these
drives, and labels in fewer drives than any score needs for an interval give none here (``metrics.intervals``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scanyard.errors import EvaluationError
from scanyard.geometry import FloatArray
from scanyard.metrics.intervals import MIN_DRIVES, effective_number, widened_tail
from scanyard.metrics.pool import IntArray
from scanyard.randomness import stream

EXPONENTS = np.linspace(0.0, 2.0, 21)
"""Tried for ``c``; published curves lie between 0.07 and 0.5, and short ones look steeper."""
MIN_SIZES = 3  # a line through two points has no shape to be wrong about
_PLACES = 40


@dataclass(frozen=True)
class PowerLaws:
    """B curves ``a + b (1 - n^-c) / c``, one per resample."""

    a: FloatArray
    """(B,)"""
    b: FloatArray
    """(B,) not negative."""
    c: FloatArray
    """(B,)"""

    def at(self, frames: FloatArray) -> FloatArray:
        """Scores (B, K) at ``frames`` (K,)."""
        return self.a[:, None] + self.b[:, None] * _grown(frames[None, :], self.c[:, None])

    def read_backwards(self, score: FloatArray, least: float, most: float) -> FloatArray:
        """Frames (B,) at which each curve reaches its ``score`` (B,); -inf below ``least``, +inf beyond ``most``."""
        ends = self.at(np.array([least, most]))
        rise = np.divide(score - self.a, self.b, out=np.zeros_like(score), where=self.b > 0)
        c = np.maximum(self.c, 1e-9)
        log_frames = np.where(self.c > 0, -np.log(np.maximum(1 - c * rise, 1e-300)) / c, rise)
        inside = np.clip(np.exp(np.minimum(log_frames, 700.0)), least, most)
        frames: FloatArray = np.where(score < ends[:, 0], -np.inf, np.where(score > ends[:, 1], np.inf, inside))
        return frames


@dataclass(frozen=True)
class Worth:
    """How many real labelled frames a score stands for; infinite where it lies off the curve that was measured."""

    frames: float
    low: float | None
    """``None`` where labels are in too few drives to say."""
    high: float | None
    least: float
    """Fewest frames of the curve."""
    most: float
    """Most frames of the curve."""
    place: FloatArray
    """(K,) numbers of frames to draw the curve at."""
    curve: FloatArray
    """(K,) its score there."""
    curve_low: FloatArray
    """(K,) lower end of its band; of no width where labels are in too few drives to say."""
    curve_high: FloatArray
    """(K,)"""


def fit_power_laws(frames: FloatArray, scores: FloatArray) -> PowerLaws:
    """The least squares fits to ``scores`` (B, K) at ``frames`` (K,), the exponent by trying all of EXPONENTS."""
    best = np.full(len(scores), np.inf)
    a, b, c = (np.zeros(len(scores)) for _ in range(3))
    middle = scores.mean(axis=1)
    centred = scores - middle[:, None]
    for exponent in EXPONENTS:
        grown = _grown(frames, np.full(len(frames), exponent))
        steps = grown - grown.mean()
        slope = np.maximum(centred @ steps / (steps @ steps), 0.0)
        wrong = ((centred - slope[:, None] * steps) ** 2).sum(axis=1)
        better = wrong < best
        best[better] = wrong[better]
        b[better], c[better] = slope[better], exponent
        a[better] = (middle - slope * grown.mean())[better]
    return PowerLaws(a, b, c)


def worth(
    real: Mapping[float, FloatArray],
    judged: FloatArray,
    *,
    labels_by_drive: IntArray,
    level: float = 0.9,
    key: Sequence[str | int] = (),
) -> Worth:
    """Read the scores of an arm off the curve of the arms that trained on so many real frames.

    ``real`` holds, by number of frames, scores (S, 1 + R) of each seed: as they are, then under each resample of test
    drives, the same resamples everywhere; ``judged`` are those of the arm in question.  ``labels_by_drive`` (D,) had
    to be found.  ``key`` names the stream that seeds are drawn from.  EvaluationError for fewer than MIN_SIZES numbers
    of frames.
    """
    if len(real) < MIN_SIZES:
        raise EvaluationError(
            f"a learning curve of {len(real)} numbers of real frames; expected at least {MIN_SIZES} to fit one through"
        )
    sizes = np.array(sorted(real))
    arms = [*(real[size] for size in sizes), judged]
    drawn = np.stack([arm.mean(axis=0) for arm in arms], axis=1)  # (1 + R, K + 1)
    drawn[1:] += seed_noise(arms, len(drawn) - 1, key)
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    curves = fit_power_laws(sizes, drawn[:, :-1])
    found = curves.read_backwards(drawn[:, -1], sizes[0], sizes[-1])
    place = np.geomspace(sizes[0], sizes[-1], _PLACES)
    heights = curves.at(place)
    answer = Worth(float(found[0]), None, None, sizes[0], sizes[-1], place, heights[0], heights[0], heights[0])
    if np.count_nonzero(labels_by_drive) < MIN_DRIVES:
        return answer
    tail = widened_tail((1 - level) / 2, effective_number(labels_by_drive))
    low, high = _ends(found[1:], tail)
    band_low, band_high = np.quantile(heights[1:], [tail, 1 - tail], axis=0)
    return replace(answer, low=low, high=high, curve_low=band_low, curve_high=band_high)


def seed_noise(arms: Sequence[FloatArray], resamples: int, key: Sequence[str | int] = ()) -> FloatArray:
    """What the choice of seeds adds to the mean of each arm (K of (S, 1 + R)), drawn anew per resample: (R, K).

    How much one training differs from the next is taken from all arms together, since three seeds alone say little,
    and is itself drawn from what is known of it (chi-squared).  What seeds do to single drives is in the resamples of
    drives already and is taken off.  Zero where no arm has a second seed: there is nothing to learn it from.
    """
    freedom = sum(len(arm) - 1 for arm in arms)
    if freedom == 0:
        return np.zeros((resamples, len(arms)))
    apart = [arm - arm.mean(axis=0) for arm in arms]
    between = sum(float((of_arm[:, 0] ** 2).sum()) for of_arm in apart) / freedom
    by_drive = sum(float(np.nanvar(of_arm[:, 1:], axis=1).sum()) for of_arm in apart) / freedom
    rng = stream("experiment", "seeds", *key)
    variance = np.maximum(between * freedom / rng.chisquare(freedom, resamples) - by_drive, 0.0)
    seeds = np.array([len(arm) for arm in arms])
    noise: FloatArray = rng.standard_normal((resamples, len(arms))) * np.sqrt(variance[:, None] / seeds)
    return noise


def _grown(frames: FloatArray, exponent: FloatArray) -> FloatArray:
    """``(1 - n^-c) / c``, and its limit ``log n`` at 0."""
    safe = np.where(exponent > 0, exponent, 1.0)
    grown: FloatArray = np.where(exponent > 0, (1 - frames**-safe) / safe, np.log(frames))
    return grown


def _ends(values: FloatArray, tail: float) -> tuple[float, float]:
    """Both ends of the middle of ``values`` (R,), some of them infinite, which rules out interpolation."""
    ordered = np.sort(values)
    cut = math.floor(tail * len(ordered))
    return float(ordered[cut]), float(ordered[-1 - cut])
