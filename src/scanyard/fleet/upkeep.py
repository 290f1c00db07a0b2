"""What became of a server around one scenario: told with the scenario's result, for the campaign's report."""

from __future__ import annotations

from dataclasses import dataclass

from scanyard.fleet.faults import Fault


@dataclass(frozen=True)
class Incident:
    """Something that went wrong without costing a scene."""

    fault: Fault
    told: str
    seconds: float


@dataclass(frozen=True)
class Recovery:
    """How long a fault kept a worker from working."""

    fault: Fault
    seconds: float
    """From when the fault was noticed until a server and a client were ready again, the wait before that included."""


@dataclass(frozen=True)
class Upkeep:
    """What was done for the server before and after one scenario."""

    recovery: Recovery | None = None
    """From the fault before this scenario."""
    incidents: tuple[Incident, ...] = ()
    replaced: str | None = None
    """Why a server that was well was replaced: so many scenes, so much memory."""
    server_pid: int | None = None
    server_mb: float | None = None
    """Memory of the server's processes after the scenario."""
