"""How sure a number is: percentile intervals over resampled drives, widened for the few drives there are.

The plain percentile interval of ten drives holds the truth about 80 times in a hundred where it says 90: it forgets
that the spread was estimated from ten values.  T. Hesterberg (What Teachers Should Know About the Bootstrap, The
American Statistician 69:4, 2015, section 5.2, "expanded percentile interval") takes percentiles further out, those
that a t interval of n values would take of a normal distribution: α' = Φ(√(n/(n − 1)) · t(α, n − 1)).  Drives weigh
unequally, so n is the effective number of drives: the exponential of the entropy of their shares of the labels
(M. O. Hill, Diversity and Evenness, Ecology 54:2, 1973, order 1), D where all hold as many and fewer where some hold
most.  ``tools/bench coverage`` measures what that gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from scanyard.geometry import FloatArray
from scanyard.metrics.pool import IntArray
from scanyard.randomness import stream

MIN_DRIVES = 5
"""Resampled values lie between those of single drives, and of four drives all are on one side of the truth one time in
eight: no percentiles of them can be right nine times in ten."""


@dataclass(frozen=True)
class Difference:
    """A difference of two scores, first less second, in percentage points."""

    value: float
    low: float | None
    """Lower end of the interval; ``None`` where there are too few drives to say."""
    high: float | None
    p_value: float | None = None
    """Of the permutation test (``permutation``); ``None`` where ``untested`` says why."""
    detectable: float | None = None
    """The least difference that these frames would show four times in five (``power``); ``None`` if none, or unknown
    because all resamples are alike."""
    resampled: str = "drive"
    """``drive`` or ``block of 24 frames``: what was drawn for the interval and swapped for p."""
    least_p: float | None = None
    """The smallest p that swapping could have given, by how many drives the two differ in; ``None`` without a p."""
    untested: str = ""
    """Why there is no p, in words; empty where there is one."""


def resampled_drives(num_drives: int, resamples: int, seed: int) -> IntArray:
    """Copies (R, D) of each drive in R draws of D drives out of D, with replacement; the same for the same seed."""
    drawn = stream("drives", seed).integers(0, num_drives, (resamples, num_drives))
    copies = np.zeros((resamples, num_drives), dtype=np.int64)
    np.add.at(copies, (np.arange(resamples)[:, None], drawn), 1)
    return copies


def mixtures_of(num_drives: int, resamples: int, seed: int) -> IntArray:
    """(1 + R, D) copies of each drive: first the data as they are, then the resamples."""
    as_it_is = np.ones((1, num_drives), dtype=np.int64)
    return np.concatenate([as_it_is, resampled_drives(num_drives, resamples, seed)])


def effective_number(labels: IntArray) -> float:
    """How many drives of equal weight these labels (D,) by drive are worth: 1 to D, 0 without a label."""
    share = labels[labels > 0] / max(labels.sum(), 1)
    return float(np.exp(-np.sum(share * np.log(share)))) if len(share) else 0.0


def percentile_interval(
    values: FloatArray, level: float, labels_by_drive: IntArray
) -> tuple[float | None, float | None]:
    """The interval of ``level`` from resampled values (R,); ``None`` twice below ``MIN_DRIVES`` drives with labels.

    A resample may hold no label to find; it has no value (NaN) and is left out.
    """
    values = values[~np.isnan(values)]
    if np.count_nonzero(labels_by_drive) < MIN_DRIVES or not len(values):
        return None, None
    return widened_interval(values, level, effective_number(labels_by_drive))


def widened_interval(
    values: FloatArray, level: float, number: float, wider: float | None = None
) -> tuple[float, float]:
    """Percentiles of resampled values (R,), as far out as ``number`` independent units of equal weight ask for.

    ``wider`` is the factor from the spread of these values to that of the score, where it is not √(n / (n - 1)).
    """
    values = values[~np.isnan(values)]
    tail = widened_tail((1 - level) / 2, number, wider)
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def widened_tail(tail: float, number: float, wider: float | None = None) -> float:
    """The share of resampled values to leave out at each end, instead of ``tail``."""
    number = max(number, 2.0)  # one drive may hold nearly all labels; t of no degree of freedom does not exist
    factor = np.sqrt(number / (number - 1)) if wider is None else wider
    return float(ndtr(factor * stdtrit(number - 1, tail)))
