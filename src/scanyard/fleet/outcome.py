"""What becomes of a scenario: it is recorded, or it failed; light enough for those who only watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scanyard.fleet.faults import Fault
from scanyard.fleet.upkeep import Upkeep

DISK_FULL = "DiskFull"
"""The ``kind`` of a failure that says nothing about scenario or server: nobody can write, so everybody waits."""


@dataclass(frozen=True)
class Seat:
    """Where a worker sits."""

    host: str
    pid: int


@dataclass(frozen=True)
class Recorded:
    """A sequence that is sealed in the dataset."""

    sequence: str
    digest: str
    frames: int
    points: int
    boxes: int
    seconds: float
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What the simulator noted: warm-up, irregular packets."""
    upkeep: Upkeep = field(default_factory=Upkeep)


@dataclass(frozen=True)
class Failed:
    """A scenario that could not be recorded this time."""

    sequence: str
    scenario: str
    seed: int
    reason: str
    kind: str
    """Name of the fault."""
    retry: bool
    """Whether another try may succeed."""
    counts: bool = True
    """Whether it speaks against the scenario; a machine that cannot run a server does not."""
    seconds: float = 0.0
    """Lost by it."""
    upkeep: Upkeep = field(default_factory=Upkeep)

    @property
    def lacks_server(self) -> bool:
        """Whether its worker's machine could not run a server for it."""
        return not self.counts and self.kind not in (DISK_FULL, Fault.WORKER_SILENT)
