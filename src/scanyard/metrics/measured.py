"""What each family hands to scoring: one number, for the data as they are and for every resample of its drives.

A mixture gives each drive a whole number of copies: all ones is the data set itself, other numbers are resamples.  All
families take mixtures (M, D) and answer with values (M,), so intervals and differences are written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.evaluation import Score
from scanyard.geometry import FloatArray
from scanyard.metrics.pool import IntArray

Key = tuple[str, str, str, float | None, float | None]
"""Metric, category, difficulty, overlap and distance: what tells a number from the others of one evaluation."""
MEANS = "all"
"""What the category of a mean over all categories is called."""
ABREAST = 64
"""Mixtures that a compiled loop carries along together: their sums stay in the processor's nearest memory."""


def needed_for(key: Key) -> tuple[str, ...]:
    """The categories that are measured for one number, as ``measure`` takes them: of a mean all, which are none."""
    return () if key[1] == MEANS else (key[1],)


@dataclass(frozen=True)
class Measured:
    """One number of an evaluation under all mixtures."""

    metric: str
    category: str
    difficulty: str
    values: FloatArray
    """(M,) the first is that of the data as they are; NaN where a mixture holds no label."""
    labels_by_drive: IntArray
    """(D,) labels that had to be found."""
    iou: float | None = None
    """Overlap from which a detection counts as found."""
    distance_m: float | None = None
    """Distance between centres within which a detection counts as found."""
    unit: str = "percent"
    """percent, m, rad, m/s or 1 (no unit)."""

    @property
    def key(self) -> Key:
        """What tells it from the other numbers of one evaluation."""
        return self.metric, self.category, self.difficulty, self.iou, self.distance_m

    def score(self, value: float, low: float | None, high: float | None, resampled: str = "drive") -> Score:
        """The score of that name with a value and an interval, which may be of several runs."""
        return Score(
            metric=self.metric,
            category=self.category,
            difficulty=self.difficulty,
            iou=self.iou,
            value=value,
            low=low,
            high=high,
            num_labels=int(self.labels_by_drive.sum()),
            distance_m=self.distance_m,
            unit=self.unit,
            resampled=resampled,
        )


def codes_of(categories: NDArray[np.str_], names: Sequence[str]) -> IntArray:
    """Index (N,) into ``names`` of each category, -1 for those that are not among them."""
    codes = np.full(len(categories), -1, dtype=np.int64)
    for code, name in enumerate(names):
        codes[categories == name] = code
    return codes


def portions(mixtures: IntArray) -> FloatArray:
    """Mixtures as weights (portions, D, ABREAST), zeros at the end, for compiled loops over events."""
    num, drives = mixtures.shape
    count = -(-num // ABREAST)
    weights = np.zeros((count * ABREAST, drives))
    weights[:num] = mixtures
    return np.ascontiguousarray(weights.reshape(count, ABREAST, drives).transpose(0, 2, 1))
