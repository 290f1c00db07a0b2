"""Where a campaign stands: counts that cost the same to read after a hundred thousand scenarios as after one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from scanyard.fleet.outcome import Failed, Recorded


@dataclass
class Progress:
    """Where a campaign stands."""

    total: int
    """Scenarios to record, those already there not counted."""
    recorded: list[Recorded] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    """Every failure, also of scenarios that later succeeded."""
    quarantined: list[Failed] = field(default_factory=list)
    workers: int = 0
    """Workers that are up, idle ones included; the others wait for a node that has room for them."""
    workers_replaced: int = 0
    waits_for_disk: bool = False
    """Whether everybody waits for room on the dataset's disk."""
    frames: int = 0
    """Frames sealed so far."""
    clock: Callable[[], float] = time.monotonic
    started: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def done(self) -> int:
        """Scenarios that need no more work."""
        return len(self.recorded) + len(self.quarantined)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the campaign began."""
        return self.clock() - self.started

    @property
    def frames_per_s(self) -> float:
        """Frames sealed per second, start-up included."""
        return self.frames / max(self.elapsed_s, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; ``None`` before anything is done."""
        return None if not self.done else self.elapsed_s / self.done * (self.total - self.done)

    def add(self, recorded: Recorded) -> None:
        """Take note of a sequence that is sealed."""
        self.recorded.append(recorded)
        self.frames += recorded.frames
