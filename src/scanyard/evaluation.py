"""A detector's numbers on a split under a named protocol, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Score:
    """One number of an evaluation."""

    metric: str
    """What was measured: ``3d`` or ``bev`` average precision."""
    category: str
    difficulty: str
    """easy, moderate or hard."""
    iou: float
    """Overlap from which a detection counts as found."""
    value: float
    """Average precision in percent, 0 to 100."""
    low: float | None
    """Lower end of the interval, percent; ``None`` where there are too few drives to say."""
    high: float | None
    num_labels: int
    """Labels that had to be found."""


@dataclass(frozen=True)
class Evaluation:
    """All numbers of one detector on one split."""

    protocol: str
    """Name of the frozen settings, such as ``kitti_r40``."""
    split: str
    domain: str
    """Domain of the frames scored on: real, synthetic, stand-in."""
    num_frames: int
    num_drives: int
    interval_level: float
    """Coverage aimed at, such as 0.9; resampled by drive."""
    scores: tuple[Score, ...]
    notes: tuple[str, ...] = field(default=())

    def score(self, metric: str, iou: float, difficulty: str, category: str = "car") -> Score:
        """The one score asked for; KeyError when the protocol has none such."""
        for score in self.scores:
            if (score.metric, score.iou, score.difficulty, score.category) == (metric, iou, difficulty, category):
                return score
        raise KeyError(f"{self.protocol} on {self.split} has no {category} {difficulty} {metric}@{iou}")

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluation:
        """Undo ``to_dict``."""
        fields = dict(data)
        fields["scores"] = tuple(Score(**score) for score in fields["scores"])
        fields["notes"] = tuple(fields.get("notes", ()))
        return cls(**fields)
