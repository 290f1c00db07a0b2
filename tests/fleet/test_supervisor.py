"""Servers and clients fail, scenarios do not: what was lost is done again, under the name of what went wrong.

A few kinds of fault, the quick ones; ``tools/server_faults`` plays all.
"""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "faulty_servers"))
# tools are no package

from matrix import KINDS, ROOT, Row, play_all, start_script, two_scenarios

from scanyard.errors import ServerError
from scanyard.fleet.client_process import GRACE_S, ClientProcess
from scanyard.fleet.faults import Fault
from scanyard.fleet.launch import Server, ServerCommand
from scanyard.fleet.outcome import Recorded
from scanyard.fleet.supervisor import Assignment, Supervisor
from scanyard.store import create_dataset

QUICK = [kind for kind in KINDS if kind.is_quick]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return play_all(tmp_path_factory.mktemp("faults"), QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(QUICK)), ids=[kind.label or "none" for kind in QUICK])
def test_a_fault_costs_time_and_nothing_else(rows: list[Row], index: int) -> None:
    row = rows[index]
    assert row.sealed_found == row.sealed_expected
    assert row.is_named_well, row.names_found
    assert row.intact
    assert row.left == []
    assert (row.recovery_s is not None) == bool(row.name_expected)


def test_nobody_waits_for_a_client_whose_server_is_dead_unless_it_seals(tmp_path: Path) -> None:
    """CARLA's library waits for a dead server as long as for one that is slow: two minutes, where a town loads."""
    client = ClientProcess(tmp_path / "client.log", has_server=lambda: False)
    began = time.monotonic()
    with pytest.raises(ServerError, match="said nothing"):
        client._next("loading", 120.0)
    assert time.monotonic() - began < 60.0
    with pytest.raises(ServerError, match=r"said nothing for [3-9]"):
        client._next("sealing", 3.0 - GRACE_S, needs_server=False)
    client.kill()


def test_every_kind_of_the_matrix_has_a_name_that_is_known() -> None:
    names = {kind.name for kind in KINDS} - {"", "MB of memory"}
    assert {Fault.named(name) for name in names}.isdisjoint({Fault.OTHER})
    assert len({kind.label for kind in KINDS if kind.name}) >= 18


def test_every_fault_that_the_driver_names_is_known() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src" / "scanyard" / "sim").glob("*.py"))
    named = re.findall(r'name(?: = |=)f?"([a-z]+_\w+)', source)
    assert len(named) > 4
    for name in named:
        full = [name] if name in list(Fault) else [f"{name}{kind}" for kind in ("late", "twice", "stale")]
        assert all(one in list(Fault) for one in full), name


def _record_and_die(folder: Path, queue: "multiprocessing.Queue[set[int]]") -> None:
    """Be killed in the middle of a scene, with a server behind a start script."""
    signs = 0

    def on_sign() -> None:
        nonlocal signs
        signs += 1
        if signs == 3:
            queue.put({child.pid for child in psutil.Process().children(recursive=True)})
            queue.close()
            queue.join_thread()
            os.kill(os.getpid(), signal.SIGKILL)

    create_dataset(folder / "set", name="test", licence="CC0-1.0")
    script = start_script(folder, KINDS[0])
    maps = str(ROOT / "scenarios" / "maps")
    what = Assignment(str(folder / "set"), maps, str(folder / "logs"), carla=str(script))
    Supervisor(what, on_sign=on_sign).record(two_scenarios()[0])


@pytest.mark.slow
def test_a_killed_supervisor_leaves_neither_server_nor_client(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[set[int]] = spawn.Queue()
    supervisor = spawn.Process(target=_record_and_die, args=(tmp_path, queue))
    supervisor.start()
    children = queue.get(timeout=240)
    supervisor.join()
    assert len(children) >= 4  # client; guard, start script, server
    deadline = time.monotonic() + 30
    while any(map(_runs, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in children if _runs(pid)]


@pytest.mark.slow
def test_a_server_of_somebody_else_is_used_let_go_and_left_running(tmp_path: Path) -> None:
    create_dataset(tmp_path / "set", name="test", licence="CC0-1.0")
    maps = str(ROOT / "scenarios" / "maps")
    with Server.start(ServerCommand.binary(start_script(tmp_path, KINDS[0])), tmp_path) as theirs:
        what = Assignment(str(tmp_path / "set"), maps, str(tmp_path / "logs"), carla=f"127.0.0.1:{theirs.port}")
        supervisor = Supervisor(what)
        recorded = supervisor.record(two_scenarios()[0])
        supervisor.close()
        assert isinstance(recorded, Recorded), recorded
        assert recorded.upkeep.server_pid is None
        assert theirs.responds
        assert ticks_by_itself(theirs.port)


def ticks_by_itself(port: int) -> bool:
    """Whether a server makes frames though nobody asks for them: one that waits for its client would not."""
    code = (
        "import carla, os, sys; client = carla.Client('127.0.0.1', int(sys.argv[1])); client.set_timeout(30.0);"
        "client.get_world().wait_for_tick(30.0); os._exit(0)"
    )
    return subprocess.run([sys.executable, "-c", code, str(port)], check=False, timeout=120).returncode == 0


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
