"""Servers start on ports nobody has, say why when they do not, and leave nothing behind."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scanyard.errors import EnvironmentFault, ServerError
from scanyard.fleet.launch import PORTS_PER_SERVER, PortLease, Server, ServerCommand, port_is_free

MAPS = Path(__file__).parents[2] / "scenarios" / "maps"
IGNORES_TERM = (
    "import signal, socket, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "port = int(next(a for a in sys.argv if 'rpc' in a).split('=')[1]);"
    "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1);"
    "s.bind(('127.0.0.1', port)); s.listen(); time.sleep(60)"
)


def python(code: str) -> ServerCommand:
    return ServerCommand((sys.executable, "-c", code))


def test_two_leases_are_never_of_the_same_ports(tmp_path: Path) -> None:
    first, second = PortLease.take(tmp_path), PortLease.take(tmp_path)
    assert abs(first.port - second.port) >= PORTS_PER_SERVER
    first.release()
    second.release()


def test_a_port_that_somebody_squats_is_passed_over(tmp_path: Path) -> None:
    lease = PortLease.take(tmp_path)
    lease.release()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", lease.port + 2))
        squatter.listen()
        other = PortLease.take(tmp_path)
        assert not lease.port <= other.port < lease.port + PORTS_PER_SERVER
        other.release()


def _take_and_die(folder: Path, queue: "multiprocessing.Queue[int]") -> None:
    queue.put(PortLease.take(folder).port)
    queue.close()
    queue.join_thread()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_lease_falls_with_a_killed_process(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[int] = spawn.Queue()
    holder = spawn.Process(target=_take_and_die, args=(tmp_path, queue))
    holder.start()
    port = queue.get(timeout=30)
    holder.join()
    lease = PortLease.take(tmp_path)
    assert lease.port == port
    lease.release()


def test_a_server_that_dies_at_start_is_named_with_code_and_log(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"exited with code 3 at start; its log ends: no graphics card"):
        Server.start(python("import sys; print('no graphics card'); sys.exit(3)"), tmp_path)


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"cannot start /nowhere/CarlaUE4.sh"):
        Server.start(ServerCommand.binary(Path("/nowhere/CarlaUE4.sh")), tmp_path)


def test_a_server_that_ignores_term_is_killed_and_its_port_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanyard.fleet.launch.STOP_TIMEOUT_S", 0.5)
    server = Server.start(python(IGNORES_TERM), tmp_path)
    assert server.is_alive
    server.stop()
    assert not server.is_alive
    assert port_is_free(server.port)


def test_our_server_starts_answers_and_leaves_nothing(tmp_path: Path) -> None:
    with Server.start(ServerCommand.embedded(MAPS), tmp_path) as server:
        assert psutil.pid_exists(server.pid)
        with socket.create_connection(("127.0.0.1", server.port), timeout=5):
            pass
    assert not psutil.pid_exists(server.pid)
    assert port_is_free(server.port)
    assert port_is_free(server.port + 1)


def _serve_and_die(folder: Path, queue: "multiprocessing.Queue[int]") -> None:
    queue.put(Server.start(ServerCommand.embedded(MAPS), folder).pid)
    queue.close()
    queue.join_thread()
    os.kill(os.getpid(), signal.SIGKILL)


def test_our_server_dies_with_its_killed_parent(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[int] = spawn.Queue()
    parent = spawn.Process(target=_serve_and_die, args=(tmp_path, queue))
    parent.start()
    pid = queue.get(timeout=60)
    parent.join()
    deadline = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(pid)


def test_our_server_does_not_stay_when_its_parent_died_before_it_could_ask(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    argv = (sys.executable, "-m", "scanyard.carla_server", "--maps", str(MAPS), f"--die-with-parent={gone.pid}")
    with pytest.raises(ServerError, match=r"exited with code 2 at start.*who started this, is gone already"):
        Server.start(ServerCommand(argv), tmp_path)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
