"""Named sets of drives to train or test on.  A drive is never divided: its frames resemble each other too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scanyard.errors import EvaluationError
from scanyard.sequence import SensorSequence


@dataclass(frozen=True)
class Split:
    """Sequences to train or test on, under one name."""

    name: str
    sequences: tuple[SensorSequence, ...]

    @property
    def drives(self) -> frozenset[str]:
        """The drives its frames come from."""
        return frozenset(sequence.info.drive for sequence in self.sequences)

    @property
    def num_frames(self) -> int:
        """Frames in all sequences."""
        return sum(len(sequence) for sequence in self.sequences)

    @property
    def domain(self) -> str:
        """``synthetic``, ``real``, ``stand-in``, or ``mixed``."""
        domains = {sequence.info.domain for sequence in self.sequences}
        return domains.pop() if len(domains) == 1 else "mixed"


def require_disjoint(train: Sequence[Split], test: Split) -> None:
    """Refuse a test split that shares a drive with anything trained on."""
    shared = sorted(test.drives.intersection(*[frozenset().union(*(split.drives for split in train))]))
    if shared:
        raise EvaluationError(
            f"split {test.name}: drives {shared} are also trained on; a score there measures memory, not skill. "
            "Take them out of one of the two splits."
        )
