"""One packet per sensor of exactly the tick asked for.

Packets wait in a queue per sensor and are matched on the frame id; whatever else arrives is counted, not used.  A
packet that is merely late can be used and one that comes twice can be dropped, so a few of them are borne; a server
that sends many is sick, and one that leaves a packet out has spoilt the scene: there is nothing to put in its place.
"""

from __future__ import annotations

import queue
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from scanyard.errors import ServerError

Irregularity = Literal["late", "twice", "stale", "missing"]


@dataclass(frozen=True)
class Patience:
    """What is borne of a server before a scene is given up."""

    call_s: float = 20.0
    """Seconds for a call, and for a tick with all its packets."""
    load_s: float = 120.0
    """The same until a scene's first frame: a town from a slow disk takes a minute."""
    late_s: float = 5.0
    """A packet that is waited for longer than this, in seconds, is late."""
    irregular_packets: int = 10
    """So many late, repeated and stale packets are borne in a scene; a missing one never is."""
    warm_up_ticks: int = 100
    """A rendering server is waited for no longer than this many ticks; vehicles alone need about 50."""


@dataclass
class Regularity:
    """The packets of one scene that came late, twice, from another tick, or not at all."""

    borne: int = Patience.irregular_packets
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, what: Irregularity, told: str) -> None:
        """Count one; ServerError when there are more than can be borne."""
        self.counts[what] += 1
        if what == "missing":
            raise ServerError(f"{told}; the server hangs or dropped the frame", name="sensor_frame_missing")
        if self.counts.total() > self.borne:
            worst, _ = self.counts.most_common(1)[0]
            raise ServerError(
                f"{told}: irregular packet number {self.counts.total()} of this scene, at most {self.borne} are borne "
                f"({', '.join(f'{count} {name}' for name, count in self.counts.items())})",
                name=f"sensor_frames_{worst}",
            )


class SensorPort:
    """One listening CARLA sensor and the packets it has delivered."""

    def __init__(self, sensor: Any, name: str, regularity: Regularity) -> None:
        self._sensor = sensor
        self._name = name
        self._regularity = regularity
        self._taken: int | None = None
        self._packets: queue.SimpleQueue[tuple[float, Any]] = queue.SimpleQueue()
        sensor.listen(self._arrived)

    def packet(self, frame: int, *, deadline: float, late_at: float) -> Any:
        """The packet of tick ``frame``; ServerError when it has not come by ``deadline`` (``time.monotonic``)."""
        while True:
            try:
                arrived, packet = self._packets.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self._note("missing", f"delivered nothing for tick {frame} before the deadline")
                continue
            if packet.frame == frame:
                self._taken = frame
                if arrived > late_at:
                    self._note("late", f"delivered tick {frame} {arrived - late_at:.1f} s late")
                return packet
            if packet.frame > frame:
                self._note("missing", f"skipped tick {frame}: its next packet is of {packet.frame}")
            elif packet.frame == self._taken:
                self._note("twice", f"delivered tick {packet.frame} twice")
            else:
                self._note("stale", f"delivered tick {packet.frame} in tick {frame}")

    def stop(self) -> None:
        """Stop listening; the sensor itself is destroyed with the other actors."""
        self._sensor.stop()

    def _arrived(self, packet: Any) -> None:
        self._packets.put((time.monotonic(), packet))

    def _note(self, what: Irregularity, told: str) -> None:
        self._regularity.note(what, f"sensor {self._name} {told}")
