"""A recording seen through a corruption: nothing is computed before a frame is asked for, and nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from scanyard.corrupt.catalogue import Corruption, corrupt_frame, corruption
from scanyard.frame import Frame
from scanyard.sequence import SensorSequence, SequenceInfo


@dataclass(frozen=True)
class CorruptedSequence:
    """The frames of ``clean``, each spoilt when it is read; ``corrupted`` makes one."""

    clean: SensorSequence
    how: Corruption
    seed: int

    @property
    def info(self) -> SequenceInfo:
        """The clean recording's under a name of its own; drive, domain and licence are the same."""
        info = self.clean.info
        made = {"name": self.how.name, "severity": self.how.severity, "seed": self.seed, "of": info.name}
        return replace(
            info,
            name=f"{info.name}-{self.how.name}-{self.how.severity}",
            provenance={**info.provenance, "corruption": made},
        )

    def __len__(self) -> int:
        return len(self.clean)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        index = range(len(self))[index]
        info = self.clean.info
        return corrupt_frame(self.clean[index], info.rig, self.how, seed=self.seed, sequence=info.name, index=index)


def corrupted(sequence: SensorSequence, name: str, severity: int, seed: int = 0) -> CorruptedSequence:
    """A recording under one corruption; InputError for a name or severity there is not."""
    return CorruptedSequence(sequence, corruption(name, severity), seed)
