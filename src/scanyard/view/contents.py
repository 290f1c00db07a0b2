"""What a report is handed: rows of the table, differences between arms, loss curves, and what is known of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from scanyard.boxes import Boxes
from scanyard.evaluation import Evaluation

STAND_IN = "stand-in, not real"
"""Said beside the name of whatever plays the part of real data."""

SHOWN = 0.05
"""Corrected p up to which a difference counts as shown."""

Detections = Mapping[tuple[str, int], Boxes]
"""Boxes in the ego frame, by sequence name and frame index."""


def named(name: str, domain: str) -> str:
    """The name as text, with the warning beside it where it is needed."""
    return f"{name} ({STAND_IN})" if domain == "stand-in" else name


class Row(Protocol):
    """What the table needs of a leaderboard entry."""

    @property
    def detector(self) -> str:
        """Name of the detector."""
        ...

    @property
    def arm(self) -> str:
        """Name of the arm."""
        ...

    @property
    def trained_on(self) -> Mapping[str, str]:
        """Domain of every training split, by name."""
        ...

    @property
    def evaluated_on(self) -> str:
        """Name of the test split."""
        ...

    @property
    def evaluation(self) -> Evaluation:
        """The numbers."""
        ...

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        ...

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds the row stands for."""
        ...

    @property
    def single_run(self) -> bool:
        """Fewer than three seeds were run."""
        ...


@dataclass(frozen=True)
class Contrast:
    """How much better one arm scored than another on the same frames, in points of average precision."""

    arm: str
    baseline: str
    seeds: tuple[int, ...]
    """Of the trainings compared; of several, the mean of each arm."""
    evaluated_on: str
    domain: str
    category: str
    metric: str
    iou: float
    difficulty: str
    value: float
    low: float | None
    high: float | None
    p_value: float | None = None
    """Of the permutation test, by itself."""
    corrected_p: float | None = None
    """The same, corrected for the company of all arms compared by this score on these frames."""
    compared: int = 1
    """Comparisons in that company."""
    detectable: float | None = None
    """The least difference that these frames would have shown four times in five."""
    resampled: str = "drive"
    """``drive``, or ``block of 24 frames``: what was drawn for the interval and swapped for p."""

    @property
    def trainings(self) -> str:
        """Which trainings were compared, in words."""
        return f"seed {self.seeds[0]}" if len(self.seeds) == 1 else f"mean of {len(self.seeds)} seeds"

    @property
    def verdict(self) -> str:
        """What interval and corrected p allow one to say, both of them."""
        if self.low is None or self.high is None:
            return "too few drives to say"
        if self._p_allows and self.low > 0:
            return f"{self.arm} is better"
        if self._p_allows and self.high < 0:
            return f"{self.baseline} is better"
        return "no difference shown"

    @property
    def sentence(self) -> str:
        """The difference in words, claimed only where the interval excludes zero, and the corrected p chance."""
        if self.low is None or self.high is None:
            return (
                f"{self.arm} and {self.baseline}, {self.category} on {self.evaluated_on}: too few drives to say which "
                "is better."
            )
        what = f"points of {self.category} {self.metric.upper()} precision at overlap {self.iou:g}"
        by = f"{abs(self.value):.1f} {what}"
        ends = sorted((abs(self.low), abs(self.high)))
        where = f"on {named(self.evaluated_on, self.domain)}, {self.trainings}"
        if self._p_allows and self.low > 0:
            return f"{self.arm} beats {self.baseline} by {by} [{ends[0]:.1f}, {ends[1]:.1f}] {where}."
        if self._p_allows and self.high < 0:
            return f"{self.arm} loses to {self.baseline} by {by} [{ends[0]:.1f}, {ends[1]:.1f}] {where}."
        chance = "" if self._p_allows else f" (p {self.corrected_p:.2g} among {self.compared} arms compared)"
        return (
            f"{self.arm} is not shown to beat {self.baseline}, nor to lose to it: {self.value:+.1f} "
            f"[{self.low:+.1f}, {self.high:+.1f}] {what} {where}{chance}."
        )

    @property
    def _p_allows(self) -> bool:
        """Whether the corrected p, where there is one, leaves a difference to be claimed."""
        return self.corrected_p is None or self.corrected_p <= SHOWN


def over_all_seeds(differences: Sequence[Contrast]) -> list[Contrast]:
    """The differences between all trainings of two arms; those of single seeds only where there is but one."""
    seeds = max((len(contrast.seeds) for contrast in differences), default=0)
    return [contrast for contrast in differences if len(contrast.seeds) == seeds]


def at_strictest(differences: Sequence[Contrast]) -> list[Contrast]:
    """The differences at the largest overlap of their category; at looser ones arms are more alike."""
    largest: dict[str, float] = {}
    for one in differences:
        largest[one.category] = max(one.iou, largest.get(one.category, 0.0))
    return [one for one in differences if one.iou == largest[one.category]]


def headlines(differences: Sequence[Contrast]) -> list[Contrast]:
    """The differences to be told first: those seen from above, what transfers first, at the strictest overlap."""
    return [one for one in at_strictest(differences) if one.metric == "bev"]


@dataclass(frozen=True)
class ArmStanding:
    """An arm's place among all arms on one test split, as far as its frames allow to say."""

    arm: str
    evaluated_on: str
    domain: str
    category: str
    score: str
    """What they are ordered by, in words."""
    value: float
    """Percent; of several seeds, the mean."""
    best_rank: int
    worst_rank: int
    letters: str
    """Two arms that share one could not be told apart."""


@dataclass(frozen=True)
class SourceCard:
    """A dataset, and what may be done with it."""

    name: str
    domain: str
    licence: str
    digest: str
    num_sequences: int
    num_frames: int
    num_drives: int


@dataclass(frozen=True)
class LossCurve:
    """Training loss of one arm and seed."""

    arm: str
    seed: int
    steps: Sequence[int]
    loss: Sequence[float]
