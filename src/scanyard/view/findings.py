"""What the ratio laboratory found, for a report: cells of the matrix, mixing curves, and what frames are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scanyard.view.contents import named


@dataclass(frozen=True)
class Cell:
    """One arm on one test split: the mean over its seeds, in percent."""

    arm: str
    evaluated_on: str
    domain: str
    category: str
    metric: str
    iou: float
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class MixPoint:
    """One arm of a sweep."""

    share: float
    """Of synthetic samples, 0 to 1."""
    arm: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class MixingCurve:
    """Score over the share of synthetic data."""

    sweep: str
    fixed: str
    """What stays the same while the share changes: ``real`` or ``total``."""
    evaluated_on: str
    domain: str
    category: str
    metric: str
    iou: float
    points: tuple[MixPoint, ...]


@dataclass(frozen=True)
class SizePoint:
    """One arm of real frames alone."""

    frames: float
    arm: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Equivalent:
    """How many real labelled frames, by themselves, score what an arm with synthetic frames scores."""

    arm: str
    synthetic_frames: int
    real_frames: float
    """Labelled frames that the arm has itself; the mean over folds."""
    seeds: int
    evaluated_on: str
    domain: str
    category: str
    metric: str
    iou: float
    score: float
    frames: float
    """Infinite where it lies beyond the least or the most frames of the curve."""
    low: float
    high: float
    least: float
    most: float
    sizes: tuple[SizePoint, ...]
    """The arms of real frames alone."""
    curve: tuple[tuple[float, float, float, float], ...]
    """Frames, score, and the ends of its band, along the fitted curve."""

    @property
    def sentence(self) -> str:
        """The finding in words, with its interval; off the curve it says so and gives no number."""
        frames = f"{self.synthetic_frames:,} synthetic frames"
        who = f"{frames} beside {_number(self.real_frames)} real ones" if self.real_frames else frames
        what = f"score what {self._amount(self.frames)} real labelled frames alone would"
        by = f"{self.category} {self.metric.upper()} precision at overlap {self.iou:g}"
        return f"{self.arm}, {by} on {named(self.evaluated_on, self.domain)}: {who} {what} {self.interval}."

    @property
    def interval(self) -> str:
        """The interval in words."""
        if math.isinf(self.low) and self.low == self.high:
            return f"[all of the interval lies {'above' if self.low > 0 else 'below'} what was tried]"
        return f"[{self._amount(self.low)}, {self._amount(self.high)}]"

    @property
    def gain(self) -> str:
        """What the synthetic frames add to the arm's own real ones, in words; empty where it has none."""
        if not self.real_frames:
            return ""
        ends = [value - self.real_frames for value in (self.frames, self.low, self.high)]
        if math.isinf(ends[0]):
            return ""
        low, high = ("no bound" if math.isinf(end) else f"{end:+.1f}" for end in ends[1:])
        return f"Beside its own labels the synthetic frames are worth {ends[0]:+.1f} labelled frames [{low}, {high}]."

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values, which know no infinity."""
        data = asdict(self)
        return data | {name: str(data[name]) for name in ("frames", "low", "high")}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Equivalent:
        """Undo ``to_dict``."""
        return cls(
            **{
                **data,
                **{name: float(data[name]) for name in ("frames", "low", "high")},
                "sizes": tuple(SizePoint(**point) for point in data["sizes"]),
                "curve": tuple((float(n), float(v), float(low), float(high)) for n, v, low, high in data["curve"]),
            }
        )

    def _amount(self, frames: float) -> str:
        if math.isinf(frames):
            return f"more than {_number(self.most)}" if frames > 0 else f"fewer than {_number(self.least)}"
        return f"{frames:.1f}" if frames < 100 else f"{frames:.0f}"


@dataclass(frozen=True)
class Findings:
    """All of it."""

    matrix: tuple[Cell, ...] = ()
    mixing: tuple[MixingCurve, ...] = ()
    equivalents: tuple[Equivalent, ...] = ()
    sentences: tuple[str, ...] = ()
    """What the headline's differences allow one to say, an arm each."""
    notes: tuple[str, ...] = ()
    """What a reader should know: why there is no equivalent, what the data were used for before."""

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {
            "matrix": [asdict(cell) for cell in self.matrix],
            "mixing": [asdict(curve) for curve in self.mixing],
            "equivalents": [one.to_dict() for one in self.equivalents],
            "sentences": list(self.sentences),
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Findings:
        """Undo ``to_dict``."""
        return cls(
            matrix=tuple(Cell(**cell) for cell in data["matrix"]),
            mixing=tuple(
                MixingCurve(**{**curve, "points": tuple(MixPoint(**point) for point in curve["points"])})
                for curve in data["mixing"]
            ),
            equivalents=tuple(Equivalent.from_dict(one) for one in data["equivalents"]),
            sentences=tuple(data["sentences"]),
            notes=tuple(data["notes"]),
        )


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"
