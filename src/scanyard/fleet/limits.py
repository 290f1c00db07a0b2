"""How long a server is waited for, how much disorder is borne, and when it is replaced; as YAML, ``--limits FILE``.

Nothing here changes what is recorded.  The defaults are for a real CARLA, which takes a minute to start and is known to
leak; ours needs none of them.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from scanyard.scenario.reading import read_model
from scanyard.sim.listening import Patience


class Limits(BaseModel):
    """All limits of one server and its client; times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    start_s: float = Field(default=90.0, gt=0)
    """From the start of the program to its first answer."""
    load_s: float = Field(default=120.0, gt=0)
    """From handing over a scenario to its first frame, the loading of a world included."""
    tick_s: float = Field(default=20.0, gt=0)
    """For a tick with all its packets; the client gives up after that, and is ended five seconds later if it hangs."""
    seal_s: float = Field(default=120.0, gt=0)
    """For sealing what was recorded."""
    stop_s: float = Field(default=5.0, gt=0)
    """From TERM to KILL, and from KILL to free ports."""
    late_s: float = Field(default=5.0, gt=0)
    """A packet waited for longer than this is late."""
    irregular_packets: int = Field(default=10, ge=0)
    """So many late, repeated and stale packets are borne in a scene."""
    warm_up_ticks: int = Field(default=100, ge=0)
    """A rendering server's world is waited for no longer than this to come to rest."""
    retry_delay_s: float = Field(default=0.5, ge=0)
    """Before a server is started again after a fault; twice as long after each further one in a row."""
    longest_retry_delay_s: float = Field(default=30.0, ge=0)
    start_tries: int = Field(default=3, ge=1)
    """A worker whose servers failed to start this often in a row rests; when all of them did, the campaign ends."""

    scenes: int | None = Field(default=None, ge=1)
    """Scenes after which a server is replaced; none given: what is known of its version."""
    sensor_spawns: int | None = Field(default=None, ge=1)
    """Sensors spawned after which it is replaced; none given: what is known of its version."""
    memory_mb: float = Field(default=16_000.0, gt=0)
    """Resident memory of the server's processes after which it is replaced."""
    gpu_memory_mb: float | None = Field(default=None, gt=0)
    """The same for the memory in use on its graphics card, whoever uses it."""
    servers_per_gpu: int = Field(default=1, ge=1)

    @property
    def patience(self) -> Patience:
        """The client's part."""
        return Patience(self.tick_s, self.load_s, self.late_s, self.irregular_packets, self.warm_up_ticks)


def load_limits(path: str | Path) -> Limits:
    """Read limits from YAML; ScenarioError says file, line, key, what was found and expected."""
    return read_model(path, Limits).model
