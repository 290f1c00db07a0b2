"""What a campaign cost: frames and labels for the time spent, and the time that each kind of fault took.

Time is counted per worker, as that is what is paid for: two workers for a minute are two minutes.  A fault costs what
its attempt had taken so far, and what it took until a server was ready again.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scanyard.fleet.outcome import Failed, Recorded


@dataclass(frozen=True)
class FaultCost:
    """One kind of fault."""

    name: str
    times: int
    seconds_lost: float
    """Of workers, recovery included."""
    recovery_median_s: float | None
    """From when it was noticed until server and client were ready again; None where nothing had to be started."""
    recovery_worst_s: float | None


@dataclass(frozen=True)
class Report:
    """All of a campaign's accounts."""

    sequences: int
    frames: int
    labels: int
    """Boxes that a sensor could see: the valid ones."""
    seconds: float
    """Of the clock."""
    worker_seconds: float
    frames_per_s: float
    worker_s_per_label: float | None
    """None where there is no label."""
    gpu_s_per_label: float | None
    """None where no graphics card was named."""
    faults: tuple[FaultCost, ...]
    """The most expensive first."""
    quarantined: Mapping[str, str]
    """Name of the fault by sequence."""
    irregular_packets: Mapping[str, int]
    """In sequences that were sealed all the same."""
    warm_up_ticks: int
    unsettled: tuple[str, ...]
    """Sequences whose world had not come to rest when recording began."""
    replaced: tuple[str, ...]
    """Why servers that were well were replaced."""
    memory_mb: Mapping[str, tuple[float, ...]]
    """Memory of each server, by process id, after each of its scenes."""

    def to_json(self) -> str:
        """As JSON, for machines."""
        return json.dumps(asdict(self), indent=2)

    def lines(self) -> list[str]:
        """For people: one line on what was made, one per kind of fault."""
        per_label = "" if self.worker_s_per_label is None else f", {self.worker_s_per_label:.3f} worker-s per label"
        gpu = "" if self.gpu_s_per_label is None else f", {self.gpu_s_per_label:.3f} GPU-s per label"
        told = [
            f"{self.sequences} sequences, {self.frames} frames, {self.labels} labels in {self.seconds:.0f} s: "
            f"{self.frames_per_s:.1f} frames/s{per_label}{gpu}"
        ]
        for fault in self.faults:
            recovery = (
                ""
                if fault.recovery_worst_s is None
                else f", recovery {fault.recovery_median_s:.1f} s, at worst {fault.recovery_worst_s:.1f} s"
            )
            told.append(f"  {fault.name}: {fault.times} times, {fault.seconds_lost:.1f} s lost{recovery}")
        if self.irregular_packets:
            counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.irregular_packets.items()))
            told.append(f"  packets borne: {counts}")
        if self.replaced:
            told.append(f"  servers replaced while well: {len(self.replaced)} (the first at {self.replaced[0]})")
        return told

    def write(self, path: Path) -> None:
        """Write the JSON to ``path``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.to_json(), encoding="utf-8")


def report(
    recorded: Sequence[Recorded],
    failures: Sequence[Failed],
    quarantined: Sequence[Failed],
    *,
    seconds: float,
    workers: int,
    gpus: float = 0.0,
) -> Report:
    """The accounts of a campaign of ``seconds`` on ``workers`` workers and ``gpus`` graphics cards."""
    labels = sum(one.boxes for one in recorded)
    frames = sum(one.frames for one in recorded)
    outcomes: list[Recorded | Failed] = [*recorded, *failures]
    warm_ups = [(one.sequence, one.notes.get("warm_up", {})) for one in recorded]
    memory: dict[str, list[float]] = {}
    for one in outcomes:
        if one.upkeep.server_pid is not None and one.upkeep.server_mb is not None:
            memory.setdefault(str(one.upkeep.server_pid), []).append(round(one.upkeep.server_mb, 1))
    irregular: dict[str, int] = {}
    for sealed in recorded:
        for kind, count in sealed.notes.get("irregular_packets", {}).items():
            irregular[kind] = irregular.get(kind, 0) + count
    return Report(
        sequences=len(recorded),
        frames=frames,
        labels=labels,
        seconds=seconds,
        worker_seconds=seconds * workers,
        frames_per_s=frames / max(seconds, 1e-9),
        worker_s_per_label=seconds * workers / labels if labels else None,
        gpu_s_per_label=seconds * gpus / labels if labels and gpus else None,
        faults=_fault_costs(outcomes),
        quarantined={one.sequence: one.kind for one in quarantined},
        irregular_packets=irregular,
        warm_up_ticks=sum(told.get("ticks", 0) for _, told in warm_ups),
        unsettled=tuple(name for name, told in warm_ups if not told.get("settled", True)),
        replaced=tuple(one.upkeep.replaced for one in outcomes if one.upkeep.replaced),
        memory_mb={pid: tuple(curve) for pid, curve in memory.items()},
    )


def _fault_costs(outcomes: Iterable[Recorded | Failed]) -> tuple[FaultCost, ...]:
    times: dict[str, int] = {}
    lost: dict[str, float] = {}
    recoveries: dict[str, list[float]] = {}

    def add(name: str, count: int, seconds: float) -> None:
        times[name] = times.get(name, 0) + count
        lost[name] = lost.get(name, 0.0) + seconds

    for outcome in outcomes:
        if isinstance(outcome, Failed):
            add(outcome.kind, 1, outcome.seconds)
        for incident in outcome.upkeep.incidents:
            add(str(incident.fault), 1, incident.seconds)
        if recovery := outcome.upkeep.recovery:
            add(str(recovery.fault), 0, recovery.seconds)
            recoveries.setdefault(str(recovery.fault), []).append(recovery.seconds)
    costs = [
        FaultCost(
            name,
            times[name],
            lost[name],
            statistics.median(recoveries[name]) if name in recoveries else None,
            max(recoveries[name]) if name in recoveries else None,
        )
        for name in times
    ]
    return tuple(sorted(costs, key=lambda cost: -cost.seconds_lost))
