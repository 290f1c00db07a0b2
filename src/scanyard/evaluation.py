"""A detector's numbers on a split under a named protocol, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Score:
    """One number of an evaluation."""

    metric: str
    """What was measured: average precision ``3d``, ``bev`` or ``2d``, ``aos``, ``ap``, ``aph``, an error such as
    ``ate``, or a sum of several, ``nds`` or ``cds``."""
    category: str
    """``all`` where it is the mean over the protocol's categories."""
    difficulty: str
    """easy, moderate or hard; level_1 or level_2; ``all`` where a protocol knows no difficulties."""
    iou: float | None
    """Overlap from which a detection counts as found; ``None`` where something else decides."""
    value: float
    """In ``unit``; average precision in percent, 0 to 100."""
    low: float | None
    """Lower end of the interval, in ``unit``; ``None`` where there are too few drives to say."""
    high: float | None
    num_labels: int
    """Labels that had to be found."""
    distance_m: float | None = None
    """Distance between centres within which a detection counts as found; ``None`` where it is the mean over several,
    or something else decides."""
    unit: str = "percent"
    """percent, m, rad, m/s or 1 (no unit)."""


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

    def score(
        self, metric: str, iou: float | None, difficulty: str, category: str = "car", *, distance_m: float | None = None
    ) -> Score:
        """The one score asked for; KeyError when the protocol has none such."""
        wanted = (metric, iou, difficulty, category, distance_m)
        for score in self.scores:
            if (score.metric, score.iou, score.difficulty, score.category, score.distance_m) == wanted:
                return score
        at = "" if iou is None and distance_m is None else f"@{distance_m if iou is None else iou}"
        raise KeyError(f"{self.protocol} on {self.split} has no {category} {difficulty} {metric}{at}")

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
