"""A block of ports belongs to one process at a time, and what a killed one left in it is ended."""

import json
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

from scanyard.fleet.ports import PORTS_PER_SERVER, PortLease, port_is_free
from scanyard.fleet.process_group import MARK, GroupName

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")


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


def test_traffic_manager_s_port_is_leased_too_and_shared_with_nobody(tmp_path: Path) -> None:
    first, second = PortLease.take(tmp_path), PortLease.take(tmp_path)
    assert first.traffic_port in first.ports
    assert not set(first.ports) & set(second.ports)
    with socket.socket() as squatter:
        first.release()
        squatter.bind(("127.0.0.1", first.traffic_port))
        squatter.listen()
        third = PortLease.take(tmp_path)
        assert third.port not in (first.port, second.port)
        third.release()
    second.release()


def leave(lease: PortLease, group: GroupName) -> None:
    """End a lease as a killed holder does: the lock falls, the note stays."""
    lease.note(group)
    lease.release()


def test_a_server_that_a_killed_process_left_behind_is_ended_by_the_next_holder(tmp_path: Path) -> None:
    orphan = subprocess.Popen(SLEEPER, start_new_session=True)
    lease = PortLease.take(tmp_path)
    leave(lease, GroupName.of_leader(orphan.pid))
    again = PortLease.take(tmp_path)
    assert again.port == lease.port
    assert orphan.wait(5) == -signal.SIGTERM
    again.release()


def test_a_number_that_has_passed_to_a_stranger_is_let_be(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEPER, start_new_session=True)
    lease = PortLease.take(tmp_path)
    theirs = GroupName.of_leader(stranger.pid)
    leave(lease, GroupName(theirs.group, theirs.started_ticks - 1, theirs.boot))
    PortLease.take(tmp_path).release()
    leave(PortLease.take(tmp_path), GroupName(theirs.group, theirs.started_ticks, "an earlier boot"))
    PortLease.take(tmp_path).release()
    time.sleep(0.1)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize("ours", [True, False])
def test_a_group_without_its_leader_is_ours_by_its_mark_alone(ours: bool, tmp_path: Path) -> None:
    """Once all of ours were gone, a stranger's group may have got the number and lost its leader too."""
    environment = os.environ | ({MARK: "mark"} if ours else {})
    leader = subprocess.Popen(["sh", "-c", "sleep 60 & echo $!"], stdout=subprocess.PIPE, text=True,
                              start_new_session=True, env=environment)  # fmt: skip
    name = GroupName.of_leader(leader.pid, "mark")
    assert leader.stdout is not None
    member = psutil.Process(int(leader.stdout.readline()))
    leader.wait()
    leader.stdout.close()
    leave(PortLease.take(tmp_path), name)
    PortLease.take(tmp_path).release()
    lives = member.is_running() and member.status() != psutil.STATUS_ZOMBIE
    assert lives != ours
    if not ours:
        member.kill()


@pytest.mark.parametrize("note", ["", "{", "[]", '{"group": 1}'])
def test_a_note_that_was_cut_short_is_nobody_s(tmp_path: Path, note: str) -> None:
    lease = PortLease.take(tmp_path)
    lease.release()
    (tmp_path / f"{lease.port}.lease").write_text(note)
    again = PortLease.take(tmp_path)
    assert again.port == lease.port
    again.release()


def test_a_lease_says_whose_processes_use_the_ports(tmp_path: Path) -> None:
    lease = PortLease.take(tmp_path)
    lease.note(GroupName.of_leader(os.getpid()))
    told = json.loads((tmp_path / f"{lease.port}.lease").read_text())
    assert told["group"] == os.getpid()
    assert psutil.pid_exists(told["group"])
    lease.release()


def test_a_port_held_on_one_address_is_not_free_for_all() -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        assert not port_is_free(squatter.getsockname()[1])
