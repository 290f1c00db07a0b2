"""A detector's numbers on a split under a named protocol, with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from scanyard.errors import FormatError
from scanyard.strict_json import read_json

ASTRAY = "accepted region mismatch"
"""How a note begins that says so (``metrics.contract``)."""


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
    resampled: str = "drive"
    """What was drawn anew for the interval: ``drive``, or ``block of 24 frames`` where there are too few drives; it
    then speaks of these drives only."""


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
    """Coverage aimed at, such as 0.9."""
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

    def precisions(self, category: str, difficulty: str) -> list[tuple[str, float]]:
        """Metric and overlap of a category's precisions: the strictest overlap first, and from above first."""
        found = [
            (score.metric, score.iou)
            for score in self.scores
            if (score.category, score.difficulty) == (category, difficulty) and score.iou is not None
        ]
        return sorted(found, key=lambda one: (-one[1], one[0] != "bev"))

    @property
    def astray(self) -> str | None:
        """What was accepted of detections that lie elsewhere than the labels; ``None`` where they do not.

        Of a detector of ours, given the very frames it is scored on, it says that little was learned.
        """
        return next((note for note in self.notes if note.startswith(ASTRAY)), None)

    @property
    def how_sure(self) -> str:
        """What the intervals are, in words."""
        return how_sure(self.scores, self.interval_level, self.num_drives)

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


def how_sure(scores: Iterable[Score], level: float, num_drives: int) -> str:
    """What the intervals of some scores are, in words."""
    units = dict.fromkeys(score.resampled for score in scores if score.low is not None)
    if not units:
        return "no intervals"
    blocks = [unit for unit in units if unit != "drive"]
    intervals = f"{100 * level:.0f} % intervals"
    if not blocks:
        return f"{intervals} resampled by drive"
    drives = "1 drive" if num_drives == 1 else f"{num_drives} drives"
    return f"{intervals} resampled by {' or '.join(blocks)} of {drives}, which says nothing of other drives"


def read_evaluation(path: str | Path) -> Evaluation:
    """The numbers in a JSON file that ``to_dict`` made; FormatError says which field is not as it should be.

    What is behind them (``causes``, as ``scanyard evaluate --errors --out`` leaves it) is passed over.
    """
    data = read_json(path)
    if isinstance(data, dict):
        data = {name: value for name, value in data.items() if name != "causes"}
    _check_fields(Evaluation, data, f"{path}")
    for index, score in enumerate(data["scores"]):
        _check_fields(Score, score, f"{path}: score {index}")
    if not all(isinstance(note, str) for note in data.get("notes", ())):
        raise FormatError(f"{path}: notes are not all text")
    return Evaluation.from_dict(data)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "float | None": (int, float, type(None)),
    "tuple[Score, ...]": (list,),
    "tuple[str, ...]": (list,),
}
"""What JSON may have for a field's annotation."""


def _check_fields(kind: type[Evaluation] | type[Score], data: Any, where: str) -> None:
    known = {one.name: one for one in fields(kind)}
    if not isinstance(data, dict):
        raise FormatError(f"{where}: found {type(data).__name__}, expected an object with {list(known)}")
    needed = {name for name, one in known.items() if one.default is MISSING and one.default_factory is MISSING}
    if unfit := sorted((set(data) - set(known)) | (needed - set(data))):
        raise FormatError(f"{where}: {unfit[:5]} are unknown or missing; expected {list(known)}")
    for name, value in data.items():
        if type(value) not in _TYPES[str(known[name].type)]:
            raise FormatError(f"{where}: {name} is {type(value).__name__}, expected {known[name].type}")
        if isinstance(value, int | float) and not abs(value) < 1e300:
            raise FormatError(f"{where}: {name} is no number that a score can be")
