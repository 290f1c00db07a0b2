"""Every way a server can fail, played one by one: what was sealed, under which name it was reported, how long it took.

Each kind has two scenarios to record and a server that fails once (``faulty_server``), started over the road that real
CARLA takes: a start script with CARLA's flags, under a guard.  ``play_all`` returns the rows; a row is good when the
right number of sequences is sealed with the bytes of an undisturbed run, the report has the right name once and no
other, no process is left, and the ports are free.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from scanyard.fleet.limits import Limits
from scanyard.fleet.outcome import Failed, Recorded
from scanyard.fleet.ports import FIRST_PORT, PORTS_PER_SERVER, Lease, lease_folder, port_is_free
from scanyard.fleet.supervisor import Assignment, Supervisor
from scanyard.scenario import ConcreteScenario, draw, load_scenario
from scanyard.store import create_dataset, seal_dataset, sweep_staging, verify

ROOT = Path(__file__).resolve().parents[2]
SERVER = Path(__file__).resolve().with_name("faulty_server.py")
MAX_FAILURES = 3
SHORT: dict[str, str | float | bool] = {
    "recording.rate_hz": 2.0,
    "recording.duration_s": 2.0,
    "recording.cameras": False,
}


@dataclass(frozen=True)
class Kind:
    """One kind of fault, and what is to become of two scenarios under it."""

    fault: str
    """Of the faulty server; empty where the fault is somebody else's."""
    name: str
    """What the report must call it."""
    or_name: str = ""
    """What it may be called as well: the client's library dies of one signal or another."""
    sealed: int = 2
    times: int = 1
    limits: dict[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    strike: Callable[[Supervisor], None] | None = None
    """What is done to the client at its third sign of life."""
    is_quick: bool = False
    """Whether it takes no waiting: these are among the tests."""

    @property
    def label(self) -> str:
        """What the row is called."""
        return " ".join([self.fault or self.name or "none", *self.flags, *(["every time"] if self.times > 1 else [])])


def _signal_client(number: int) -> Callable[[Supervisor], None]:
    def strike(supervisor: Supervisor) -> None:
        assert supervisor.client_pid is not None
        os.kill(supervisor.client_pid, number)

    return strike


IMPATIENT = {"tick_s": 3.0}
KINDS = (
    Kind("", ""),
    Kind("hang_at_start", "server_hung_at_start", limits={"start_s": 25.0}),
    Kind("listen_and_hang", "server_hung_at_start", limits={"start_s": 25.0}),
    Kind("exit_at_start", "server_exited_at_start"),
    Kind("segv_at_start", "server_crashed_at_start"),
    Kind("abrt_at_start", "server_crashed_at_start"),
    Kind("squat_calls", "port_taken"),
    Kind("squat_streams", "port_taken"),
    Kind("squat_secondary", "port_taken"),
    Kind("squat_traffic", "port_taken"),
    Kind("wrong_version", "version_mismatch"),
    Kind("software_rendering", "software_rendering"),
    Kind("hang_at_tick", "server_hung", limits=IMPATIENT),
    Kind("stop_at_tick", "server_hung", limits=IMPATIENT),
    Kind("no_snapshot", "server_hung", limits=IMPATIENT),
    Kind("exit_at_tick", "server_exited"),
    Kind("segv_at_tick", "server_crashed", is_quick=True),
    Kind("abrt_at_tick", "server_crashed"),
    Kind("kill_at_tick", "server_crashed"),
    Kind("refuse_tick", "server_failed"),
    Kind("missing_packet", "sensor_frame_missing", limits=IMPATIENT),
    Kind("late_packets", "sensor_frames_late", limits={"late_s": 0.3, "irregular_packets": 0}),
    Kind("packets_twice", "sensor_frames_twice", limits={"irregular_packets": 0}, is_quick=True),
    Kind("stale_packets", "sensor_frames_stale", limits={"irregular_packets": 0}),
    Kind("few_packets_twice", ""),
    Kind("malformed_packet", "client_aborted", "client_crashed", is_quick=True),
    Kind("unknown_packet", "client_crashed", "client_aborted"),
    *(Kind("cut_stream", "sensor_frame_missing", limits=IMPATIENT, flags=("--cut-after", k)) for k in ("3", "60")),
    Kind("cut_calls", "server_hung", limits=IMPATIENT),
    Kind("half_answer", "server_hung", limits=IMPATIENT),
    Kind("leak", "MB of memory", limits={"memory_mb": 450.0}),
    Kind("hang_at_shutdown", "server_hung_at_shutdown", limits={"scenes": 1, "stop_s": 1.0}),
    Kind("lidar_through_actors", "class_unseen", sealed=0),
    Kind("segv_at_tick", "server_crashed", sealed=0, times=99),
    Kind("", "client_killed", strike=_signal_client(signal.SIGKILL)),
    Kind("", "client_crashed", strike=_signal_client(signal.SIGSEGV)),
    Kind("", "client_hung", strike=_signal_client(signal.SIGSTOP), limits=IMPATIENT),
)


@dataclass(frozen=True)
class Row:
    """What became of one kind."""

    kind: str
    sealed_expected: int
    sealed_found: int
    name_expected: str
    or_name: str
    names_found: dict[str, int]
    """How often each name is in the report."""
    recovery_s: float | None
    """From when the fault was noticed until a server and a client were ready again; None where nothing had to be."""
    seconds: float
    intact: bool
    """The sealed bytes are those of an undisturbed run."""
    left: list[str]
    """Processes and ports that should be gone or free."""

    @property
    def is_good(self) -> bool:
        """Whether everything is as expected."""
        return self.sealed_found == self.sealed_expected and self.is_named_well and self.intact and not self.left

    @property
    def is_named_well(self) -> bool:
        """Whether the report has the name of this fault and no other."""
        found = set(self.names_found)
        return found == {self.name_expected} - {""} or bool(self.or_name and found == {self.or_name})


Played = Callable[[Path, Kind, Sequence[ConcreteScenario]], tuple[list[Recorded | Failed], set[int], set[int]]]
"""Plays one kind: all results, and the process groups and ports that were in use."""


def play_all(
    folder: Path,
    kinds: Iterable[Kind] = KINDS,
    *,
    on_row: Callable[[Row], None] = lambda _: None,
    played: Played | None = None,
) -> list[Row]:
    """Play every kind in a folder of its own below ``folder``; rows in the order of ``kinds``."""
    scenarios = two_scenarios()
    sound = _digests(played_alone(folder / "sound", KINDS[0], scenarios)[0])
    rows = []
    for index, kind in enumerate(kinds):
        place = folder / f"{index:02d}-{kind.fault or kind.name}"
        rows.append(play(place, kind, scenarios, sound, played or played_alone))
        on_row(rows[-1])
    return rows


def two_scenarios() -> list[ConcreteScenario]:
    """Short ones, of the LiDAR alone."""
    base = load_scenario(ROOT / "scenarios" / "cut_in_short_gap.yaml")
    return [draw(base, seed, SHORT) for seed in (0, 1)]


def play(folder: Path, kind: Kind, scenarios: Sequence[ConcreteScenario], sound: dict[str, str], played: Played) -> Row:
    """Play one kind; ``sound`` are the digests of an undisturbed run, by sequence."""
    began = time.monotonic()
    try:
        results, groups, ports = played(folder, kind, scenarios)
    finally:
        _end_strangers(folder)
    seconds = time.monotonic() - began
    digests = _digests(results)
    names = Counter(result.kind for result in results if isinstance(result, Failed))
    recoveries = []
    for result in results:
        names.update(str(incident.fault) for incident in result.upkeep.incidents)
        if result.upkeep.replaced and "scenes" not in result.upkeep.replaced:
            names[" ".join(result.upkeep.replaced.split(",")[0].split()[1:])] += 1
        if result.upkeep.recovery:
            recoveries.append(result.upkeep.recovery.seconds)
    sealed = seal_dataset(folder / "set") and not verify(folder / "set")
    left = [f"process {pid}" for group in groups for pid in alive(group)]
    left += [f"port {port}" for port in ports if not port_is_free(port) and not _is_leased(port)]
    return Row(
        kind=kind.label,
        sealed_expected=kind.sealed,
        sealed_found=len(digests),
        name_expected=kind.name,
        or_name=kind.or_name,
        names_found=dict(names),
        recovery_s=max(recoveries, default=None),
        seconds=seconds,
        intact=bool(sealed) and all(sound.get(name, digest) == digest for name, digest in digests.items()),
        left=left,
    )


def played_alone(
    folder: Path, kind: Kind, scenarios: Sequence[ConcreteScenario]
) -> tuple[list[Recorded | Failed], set[int], set[int]]:
    """All results, and the process groups and ports that were in use.

    The campaign's loop without Ray: every scenario until it is sealed, set aside, or the machine gives up.
    """
    folder.mkdir(parents=True)
    create_dataset(folder / "set", name="faults", licence="CC0-1.0")
    script = start_script(folder, kind)
    supervisor: Supervisor
    signs = 0

    def on_sign() -> None:
        nonlocal signs
        signs += 1
        groups.update(supervisor.groups)
        ports.update(supervisor.ports)
        if kind.strike is not None and signs == 3:
            kind.strike(supervisor)

    groups: set[int] = set()
    ports: set[int] = set()
    supervisor = Supervisor(
        Assignment(
            dataset=str(folder / "set"),
            maps=str(ROOT / "scenarios" / "maps"),
            logs=str(folder / "logs"),
            carla=str(script),
            limits=Limits(**{"retry_delay_s": 0.1, **kind.limits}),
        ),
        on_sign=on_sign,
    )
    results: list[Recorded | Failed] = []
    pending, failures = list(scenarios), Counter[str]()
    try:
        while pending:
            scenario = pending.pop(0)
            result = supervisor.record(scenario)
            results.append(result)
            if isinstance(result, Failed):
                failures[result.sequence] += 1
                if result.retry and failures[result.sequence] < MAX_FAILURES:
                    pending.append(scenario)
    finally:
        supervisor.close()
        sweep_staging(folder / "set")
    return results, groups, ports


def start_script(folder: Path, kind: Kind) -> Path:
    """A start script as CARLA's, which does not ``exec`` its binary."""
    argv = [sys.executable, str(SERVER), "--fault", kind.fault, "--times", str(kind.times), *kind.flags]
    argv += ["--ledger", str(folder / "ledger"), "--maps", str(ROOT / "scenarios" / "maps")]
    script = folder / "CarlaUE4.sh"
    words = " ".join(f"'{word}'" for word in argv)
    script.write_text(f'#!/bin/sh\nulimit -c 0\n{words} "$@"\nexit $?\n')
    script.chmod(0o755)
    return script


def _digests(results: Iterable[Recorded | Failed]) -> dict[str, str]:
    return {result.sequence: result.digest for result in results if isinstance(result, Recorded)}


def alive(group: int) -> list[int]:
    """The processes of a group."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def _is_leased(port: int) -> bool:
    """Whether another campaign on this machine has the port by now."""
    first = port - (port - FIRST_PORT) % PORTS_PER_SERVER
    lease = Lease.take_one(lease_folder(), [str(first)])
    if lease is not None:
        lease.release()
    return lease is None


def _end_strangers(folder: Path) -> None:
    """End the squatters that a faulty server started: by the pids it wrote down, and by their start times."""
    ledger = folder / "strangers"
    for line in ledger.read_text().splitlines() if ledger.exists() else ():
        pid, started = line.split()
        try:
            process = psutil.Process(int(pid))
            if process.create_time() == float(started):
                process.kill()
        except psutil.NoSuchProcess:
            continue


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    head = f"{'':3}{'fault':32}{'sealed':>8}  {'reported as':34}{'recovery':>9}{'in all':>8}"
    lines = [head]
    for row in rows:
        names = ", ".join(f"{name} x{count}" for name, count in row.names_found.items()) or "nothing"
        recovery = "" if row.recovery_s is None else f"{row.recovery_s:.1f} s"
        sealed = f"{row.sealed_found} of {row.sealed_expected}"
        mark = "ok" if row.is_good else "NO"
        lines.append(
            f"{mark:3}{row.kind:32}{sealed:>8}  {names:34}{recovery:>9}{row.seconds:6.1f} s {' '.join(row.left)}"
        )
    return "\n".join(lines)


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Counts, and the median and the worst recovery in seconds."""
    recoveries = [row.recovery_s for row in rows if row.recovery_s is not None]
    return {
        "kinds": len({row.kind for row in rows if row.name_expected}),
        "good": sum(row.is_good for row in rows),
        "rows": len(rows),
        "recovery_median_s": round(statistics.median(recoveries), 2) if recoveries else None,
        "recovery_worst_s": round(max(recoveries), 2) if recoveries else None,
        "details": [{**asdict(row), "is_good": row.is_good} for row in rows],
    }


def main() -> int:
    """Play all, or those whose label begins with an argument; progress as it goes, JSON in the last line."""
    from under_ray import kinds_for_ray, played_under_ray, ray_for_all  # noqa: PLC0415  # it needs this module

    parser = argparse.ArgumentParser(prog="tools/server_faults", description=__doc__)
    parser.add_argument(
        "labels", nargs="*", help="how the kinds begin that are wanted; all of them where none is given"
    )
    parser.add_argument("--ray", action="store_true", help="under Ray, as a campaign of one worker")
    options = parser.parse_args()
    wanted = tuple(options.labels)
    kinds = [kind for kind in KINDS if not wanted or kind.label.startswith(wanted)]
    with contextlib.ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="scanyard-faults-")))
        played = played_alone
        if options.ray:
            kinds, played = kinds_for_ray(kinds), played_under_ray
            exits.enter_context(ray_for_all())
        rows = play_all(
            folder, kinds, on_row=lambda row: print(table([row]).splitlines()[1], flush=True), played=played
        )
    told = summary(rows)
    print(table(rows))
    print(
        f"{told['good']} of {told['rows']} rows as expected, {told['kinds']} kinds of fault; recovery: median "
        f"{told['recovery_median_s']} s, worst {told['recovery_worst_s']} s"
    )
    print(json.dumps({"tool": "server_faults", **told}))
    return 0 if all(row.is_good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
