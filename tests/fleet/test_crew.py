"""Workers that are ended from outside leave nothing behind, and say of a full disk what it is."""

import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scanyard.cluster import ray_session
from scanyard.errors import EnvironmentFault, StoreError
from scanyard.fleet.crew import Crew
from scanyard.fleet.faults import Fault
from scanyard.fleet.limits import Limits
from scanyard.fleet.outcome import DISK_FULL, Failed
from scanyard.fleet.settings import Deadlines, Settings
from scanyard.fleet.worker import Worker
from scanyard.scenario.concrete import ConcreteScenario
from scanyard.store import create_dataset

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "chaos_trials"))  # tools are no package

from tiny import MAPS, tiny_scenarios

ANSWERING = Path(__file__).with_name("answering_server.py")


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_real_server_s_binary_ends_with_a_worker_that_is_killed_at_work(tmp_path: Path) -> None:
    """Ray kills a worker's children with it, but not what they started: the guard must outlive that."""
    script, told = tmp_path / "CarlaUE4.sh", tmp_path / "binary.pid"
    script.write_text(f'#!/bin/sh\n"{sys.executable}" "{ANSWERING}" --device=A100 "$@" &\necho $! > {told}\nwait $!\n')
    script.chmod(0o755)
    create_dataset(tmp_path / "dataset", licence="CC0-1.0")
    settings = Settings(str(tmp_path / "dataset"), str(MAPS), carla=str(script), logs=str(tmp_path / "logs"))
    scenarios = iter(tiny_scenarios(range(5)))
    with ray_session(None, num_cpus=1):
        crew = Crew(settings, 1)
        deadline = time.monotonic() + 120
        while not (told.exists() and told.read_text().strip()):
            crew.assign(lambda: next(scenarios, None))
            list(crew.results(0.1))
            assert time.monotonic() < deadline
        binary = int(told.read_text())
        assert crew.is_busy
        crew.dismiss()
        deadline = time.monotonic() + 20
        while runs(binary) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not runs(binary)


def stored(number: int) -> StoreError:
    error = StoreError("the sequence cannot be written")
    error.__cause__ = OSError(number, os.strerror(number))
    return error


@pytest.mark.parametrize(
    ("error", "kind", "counts"),
    [
        (stored(errno.ENOSPC), DISK_FULL, False),
        (stored(errno.ENOENT), Fault.WORKER_FAILED, True),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/leases"), Fault.MACHINE_UNFIT, False),
        (EnvironmentFault("no such program"), Fault.MACHINE_UNFIT, False),
    ],
)
def test_what_a_machine_lacks_speaks_against_no_scenario_and_stops_no_other_machine(
    error: Exception, kind: str, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(Settings(str(tmp_path), str(MAPS), logs=str(tmp_path)), threads=1)

    def record(_scenario: ConcreteScenario) -> None:
        raise error

    monkeypatch.setattr(worker._supervisor, "record", record)
    failed = worker.record(tiny_scenarios([0])[0])
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.counts, failed.retry) == (kind, counts, True)
    assert str(error) == failed.reason


def steps_of(limits: Limits) -> Iterator[float]:
    yield from (limits.start_s, limits.load_s, limits.tick_s, limits.seal_s, limits.longest_retry_delay_s)
    yield 4 * limits.stop_s


@pytest.mark.parametrize("slow", ["start_s", "load_s", "tick_s", "seal_s", "longest_retry_delay_s", "stop_s"])
def test_a_worker_is_not_given_up_within_what_its_limits_allow(slow: str) -> None:
    usual = Settings("dataset", "maps")
    assert usual.frame_s >= 300.0
    patient = Settings("dataset", "maps", limits=Limits().model_copy(update={slow: 1000.0}))
    assert patient.frame_s > max(steps_of(patient.limits))
    assert Settings("dataset", "maps", limits=patient.limits, deadlines=Deadlines(frame_s=9.0)).frame_s == 9.0
