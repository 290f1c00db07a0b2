"""The tool that looks for what campaigns lose or leave behind does find it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil
import pytest

from scanyard.fleet.ports import PORTS_PER_SERVER, PortLease
from scanyard.fleet.record import record
from scanyard.roads import RoadMap
from scanyard.sim.simulator import FlatWorld
from scanyard.store import create_dataset

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "chaos_trials"))  # tools are no package

import stage
from outcome import Outcome, table
from tiny import MAPS, tiny_scenarios

LISTENS = (
    "import socket, sys, time; all = [socket.create_server(('127.0.0.1', int(port))) for port in sys.argv[1:]];"
    "print(flush=True); time.sleep(60)"
)


def test_no_failure_in_n_trials_bounds_the_rate_by_about_three_in_n() -> None:
    assert Outcome("", 300, 0).bound == pytest.approx(3 / 300, rel=0.01)
    assert Outcome("", 20, 0).bound == pytest.approx(0.139, abs=0.001)
    assert Outcome("", 20, 1).bound == pytest.approx(0.216, abs=0.001)
    assert Outcome("", 5, 5).bound == 1.0
    assert "not tried" in table([Outcome("", 0, 0, ["no root"])])


def recorded(folder: Path, seeds: Sequence[int]) -> None:
    create_dataset(folder, name="chaos", licence="CC0-1.0")
    simulator = FlatWorld(RoadMap.load(MAPS / "lane.xodr"))
    for scenario in tiny_scenarios(seeds):
        record(scenario, simulator, folder, server="flat world")


def test_a_complete_dataset_and_nothing_left_is_clean() -> None:
    with stage.Stage(range(2)) as scene:
        recorded(scene.dataset, range(2))
        assert scene.traces().clean


def test_what_is_missing_doubled_damaged_or_left_behind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "GONE_S", 0.1)
    with stage.Stage(range(3)) as scene:
        recorded(scene.dataset, [0, 1, 7])  # 2 is lost, 7 was never asked for
        chunk = next(one for one in (scene.dataset / "sequences").rglob("*") if one.is_file() and one.suffix != ".json")
        chunk.write_bytes(chunk.read_bytes()[:-1])
        orphan = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"], env=os.environ | {stage.MARK: scene.mark}
        )
        with (scene.folder / "agent.log").open("w") as log:  # it has written its title over its mark
            agent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], stdout=log)
        traces = scene.traces()
        for one in (orphan, agent):
            one.kill()
            one.communicate()
    assert traces.lost_or_doubled == 2 + 1
    assert traces.orphans == 2
    assert not traces.clean


def listener(ports: Iterable[int]) -> subprocess.Popen[str]:
    """A process without a mark, of which nothing is known but that it listens."""
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENS, *map(str, ports)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def told_of(process: subprocess.Popen[str], traces: stage.Traces) -> int:
    """On how many ports a process is said to listen; tests beside this one may have servers, too."""
    return sum(one.startswith("held: ") and one.endswith(f"by process {process.pid}") for one in traces.problems)


def test_every_port_of_a_block_that_is_held_without_a_lease_is_found_whoever_holds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage, "GONE_S", 0.5)
    earlier, later = PortLease.take(), PortLease.take()
    before = listener(earlier.ports)
    earlier.release()
    with stage.Stage(range(1)) as scene:
        stranger = listener(later.ports)
        later.release()
        traces = scene.traces()
        for one in (before, stranger):
            one.kill()
            one.communicate()
        assert (told_of(stranger, traces), told_of(before, traces)) == (PORTS_PER_SERVER + 1, 0)
        assert traces.held_ports >= PORTS_PER_SERVER + 1
        assert not traces.clean
        assert told_of(stranger, scene.traces()) == 0


def test_a_port_that_is_held_under_a_lease_is_a_campaign_s_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "GONE_S", 0.5)
    with stage.Stage(range(1)) as scene:
        lease = PortLease.take()
        server = listener(lease.ports)
        assert told_of(server, scene.traces()) == 0
        lease.release()
        assert told_of(server, scene.traces()) == PORTS_PER_SERVER + 1
        server.kill()
        server.communicate()


def test_a_bystander_that_was_killed_or_stopped_is_missed() -> None:
    with stage.bystanders() as those:
        assert stage.touched(those) == 0
        those[0].suspend()
        those[1].kill()
        deadline = time.monotonic() + 5.0
        while those[1].status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.01)
        assert stage.touched(those) == 2
        those[0].resume()
