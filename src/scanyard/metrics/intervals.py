"""How sure a number is: percentile intervals over resampled drives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanyard.geometry import FloatArray
from scanyard.metrics.pool import IntArray
from scanyard.randomness import stream

MIN_DRIVES = 3  # with two there are three different resamples: no distribution to take percentiles of


@dataclass(frozen=True)
class Difference:
    """A difference of two scores, first less second, in percentage points."""

    value: float
    low: float | None
    """Lower end of the interval; ``None`` where there are too few drives to say."""
    high: float | None


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


def percentile_interval(values: FloatArray, level: float, num_drives: int) -> tuple[float | None, float | None]:
    """The middle ``level`` of resampled values (R,); ``None`` twice below three drives.

    A resample may hold no label to find; it has no value (NaN) and is left out.
    """
    values = values[~np.isnan(values)]
    if num_drives < MIN_DRIVES or not len(values):
        return None, None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
