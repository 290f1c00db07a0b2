"""How a campaign runs: where, on how many workers, how long it waits; nothing here changes what it produces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanyard.fleet.client_process import IMPORT_S
from scanyard.fleet.limits import Limits
from scanyard.fleet.scratch import scratch_folder
from scanyard.fleet.supervisor import Assignment
from scanyard.sequence import Domain

FRAME_S = 300.0
CLEARING_S = 90.0
"""For ending what a step has left, before there is word of it: a container takes a minute.  To that come the times from
TERM to KILL, to the end, and to free ports."""


@dataclass(frozen=True)
class Deadlines:
    """How long a campaign waits for its workers before it acts, seconds; ``Limits`` are a worker's own.

    Generous by default: a machine that swaps or loads a large town is slow, and a worker that is given up for dead in
    error costs only its work, done again.
    """

    start_s: float = 180.0
    """For a worker that has been placed, or has yet to be, before it is asked for anew, and for another to come where
    those that came cannot run a server."""
    pulse_s: float = 30.0
    """For a worker to answer; one that is stopped, or cut off from us, does not."""
    frame_s: float | None = None
    """For a worker that answers to get one step further: a server started, a client connected, a frame taken.  ``None``
    for 300 s, or longer where its limits allow it more."""
    placement_s: float = 600.0
    """For any worker at all, on a cluster whose nodes may have yet to come."""
    disk_s: float = 300.0
    """For room on a disk that is full."""


@dataclass(frozen=True)
class Settings:
    """How a campaign runs; nothing here changes what it produces."""

    dataset: str
    maps: str
    """Folder of the OpenDRIVE maps."""
    workers: int = 1
    address: str | None = None
    """A Ray cluster to join; ``None`` starts one here."""
    carla: str | None = None
    """``HOST:PORT`` of a server that already runs, the path of a CARLA start script, or ``container:IMAGE``; ``None``
    for our own server."""
    domain: Domain = "synthetic"
    adapters: tuple[int, ...] = ()
    """Graphics cards to share among the servers of each machine; none: the servers choose."""
    limits: Limits = field(default_factory=Limits)
    logs: str = field(default_factory=lambda: str(scratch_folder() / "logs"))
    cpus: float = 1.0
    """Cores each worker claims of its node; Ray places as many on a node as fit."""
    gpus: float = 0.0
    """Graphics cards each worker claims; a share of one lets several workers have it in common."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Resources of any other name each worker claims, as nodes were started to offer them."""
    deadlines: Deadlines = field(default_factory=Deadlines)

    @property
    def frame_s(self) -> float:
        """The deadline of that name."""
        if self.deadlines.frame_s is not None:
            return self.deadlines.frame_s
        limits = self.limits
        steps_s = (
            limits.longest_retry_delay_s, limits.start_s, IMPORT_S + limits.load_s, limits.tick_s, limits.seal_s
        )  # fmt: skip
        return max(FRAME_S, max(steps_s) + 4 * limits.stop_s + CLEARING_S)

    def assignment(self, threads: int) -> Assignment:
        """Each worker's part of it; its own server casts with so many ``threads``."""
        return Assignment(
            dataset=self.dataset,
            maps=self.maps,
            logs=self.logs,
            carla=self.carla,
            domain=self.domain,
            threads=threads,
            adapters=self.adapters,
            limits=self.limits,
        )
