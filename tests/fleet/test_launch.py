"""Servers start on ports nobody has, say why when they do not, and leave nothing behind."""

import errno
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
from scanyard.fleet.faults import Fault
from scanyard.fleet.launch import RunningServer, Server, ServerCommand, parse_carla
from scanyard.fleet.limits import Limits
from scanyard.fleet.ports import FIRST_TRAFFIC_PORT, PortLease, port_is_free
from scanyard.fleet.process_group import GroupName

MAPS = Path(__file__).parents[2] / "scenarios" / "maps"
ANSWERING = str(Path(__file__).with_name("answering_server.py"))
IMPATIENT = Limits(stop_s=0.5, start_s=60.0)


def answering(*flags: str, guarded: bool = False, renders: bool = False) -> ServerCommand:
    return ServerCommand((sys.executable, ANSWERING, *flags), guarded=guarded, renders=renders)


def python(code: str) -> ServerCommand:
    return ServerCommand((sys.executable, "-c", code))


def start_script(folder: Path, device: str = "NVIDIA RTX A6000") -> Path:
    """A start script as CARLA's: it does not ``exec`` its binary, and its exit code is all that it tells of it."""
    script, flags = folder / "CarlaUE4.sh", f"'--device={device}'"
    script.write_text(f'#!/bin/sh\n"{sys.executable}" "{ANSWERING}" {flags} "$@"\nexit $?\n')
    script.chmod(0o755)
    return script


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ended(*pids: int) -> bool:
    deadline = time.monotonic() + 20
    while any(runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(runs(pid) for pid in pids)


# --- starting -----------------------------------------------------------------------------------------------------


def test_our_server_starts_answers_and_leaves_nothing(tmp_path: Path) -> None:
    with Server.start(ServerCommand.embedded(MAPS), tmp_path) as server:
        assert psutil.pid_exists(server.pid)
        assert server.version == "0.9.16"
        assert server.responds
        assert server.memory_mb() > 20
    assert not psutil.pid_exists(server.pid)
    assert port_is_free(server.port)
    assert port_is_free(server.port + 1)


def test_a_server_that_dies_at_start_is_named_with_code_and_log(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"exited with code 3 at start; its log ends: no graphics card") as caught:
        Server.start(python("import sys; print('no graphics card'); sys.exit(3)"), tmp_path)
    assert caught.value.name == Fault.SERVER_EXITED_AT_START


def test_a_server_that_a_signal_ends_at_start_is_named_with_the_signal(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"died of SIGABRT at start") as caught:
        Server.start(python("import os; os.abort()"), tmp_path)
    assert caught.value.name == Fault.SERVER_CRASHED_AT_START


def test_a_server_that_never_answers_is_given_up_and_ended(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"did not answer on port \d+ within 0.5 s") as caught:
        Server.start(python("import time; time.sleep(60)"), tmp_path, Limits(start_s=0.5))
    assert caught.value.name == Fault.SERVER_HUNG_AT_START


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"cannot start /nowhere/CarlaUE4.sh"):
        Server.start(ServerCommand.binary(Path("/nowhere/CarlaUE4.sh")), tmp_path)


def test_another_version_than_the_client_s_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"speaks CARLA 0.9.15, the client here 0.9.16") as caught:
        Server.start(answering("--version=0.9.15"), tmp_path)
    assert caught.value.name == Fault.VERSION_MISMATCH


def test_a_port_that_a_stranger_took_after_the_lease_is_noticed(tmp_path: Path) -> None:
    server = Server(answering(), PortLease.take(), tmp_path / "server.log", IMPATIENT)
    try:
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", server.port + 2))
            stranger.listen()
            with pytest.raises(
                ServerError, match=rf"port {server.port + 2} is held by a process that is not"
            ) as caught:
                server.wait_until_ready()
        assert caught.value.name == Fault.PORT_TAKEN
        server.wait_until_ready()
    finally:
        server.stop()


# --- stopping -----------------------------------------------------------------------------------------------------


def test_a_server_that_ignores_term_is_killed_and_its_port_is_free(tmp_path: Path) -> None:
    server = Server.start(answering("--deaf"), tmp_path, IMPATIENT)
    assert server.is_alive
    incident = server.stop()
    assert not server.is_alive
    assert port_is_free(server.port)
    assert incident is not None
    assert incident.fault == Fault.SERVER_HUNG_AT_SHUTDOWN
    assert incident.seconds >= 0.5


def test_all_that_a_server_started_ends_with_it(tmp_path: Path) -> None:
    server = Server.start(answering("--child"), tmp_path)
    (child,) = psutil.Process(server.pid).children()
    assert server.stop() is None
    assert ended(child.pid)


def test_a_stranger_of_the_name_carla_is_let_be(tmp_path: Path) -> None:
    named = tmp_path / "CarlaUE4-Linux-Shipping"
    named.symlink_to(sys.executable)
    bystander = subprocess.Popen([str(named), "-c", "import time; time.sleep(60)", "carla", "-carla-rpc-port=21000"])
    try:
        with Server.start(answering("--child"), tmp_path, IMPATIENT):
            pass
        with pytest.raises(ServerError):
            Server.start(python("import os; os.abort()"), tmp_path, IMPATIENT)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def _serve_and_die(command: ServerCommand, folder: Path, queue: "multiprocessing.Queue[list[int]]") -> None:
    server = Server.start(command, folder)
    queue.put([server.pid, *(child.pid for child in psutil.Process(server.pid).children(recursive=True))])
    queue.close()
    queue.join_thread()
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("kind", ["ours", "real"])
def test_a_server_dies_with_its_killed_parent(kind: str, tmp_path: Path) -> None:
    command = ServerCommand.embedded(MAPS) if kind == "ours" else ServerCommand.binary(start_script(tmp_path))
    spawn = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[list[int]] = spawn.Queue()
    parent = spawn.Process(target=_serve_and_die, args=(command, tmp_path, queue))
    parent.start()
    pids = queue.get(timeout=120)
    parent.join()
    assert len(pids) == (1 if kind == "ours" else 3)  # guard, script, binary
    assert ended(*pids)


def test_a_binary_ends_with_its_start_script(tmp_path: Path) -> None:
    with Server.start(ServerCommand.binary(start_script(tmp_path)), tmp_path) as server:
        (script,) = psutil.Process(server.pid).children()
        (binary,) = script.children()
        script.kill()
        assert ended(server.pid, script.pid, binary.pid)


def slow_script(folder: Path) -> Path:
    """A start script that is gone at once when it is told to end, while its simulator takes a second."""
    script = folder / "CarlaUE4.sh"
    leaves = f"trap 'sleep 1; echo left >> {folder}/told; kill $!; exit 0' TERM"
    script.write_text(f'#!/bin/sh\n({leaves}; "{sys.executable}" "{ANSWERING}" --device=A100 "$@" & wait) &\nwait\n')
    script.chmod(0o755)
    return script


def test_a_simulator_that_takes_longer_to_leave_than_its_start_script_is_let_leave(tmp_path: Path) -> None:
    with Server.start(ServerCommand.binary(slow_script(tmp_path)), tmp_path):
        pass
    assert (tmp_path / "told").read_text() == "left\n"


def test_a_simulator_is_let_leave_as_well_when_its_starter_was_killed(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[list[int]] = spawn.Queue()
    command = ServerCommand.binary(slow_script(tmp_path))
    parent = spawn.Process(target=_serve_and_die, args=(command, tmp_path, queue))
    parent.start()
    pids = queue.get(timeout=120)
    parent.join()
    assert ended(*pids)
    assert (tmp_path / "told").read_text() == "left\n"


def test_a_server_whose_lease_cannot_be_noted_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def note(_lease: PortLease, group: GroupName | None) -> None:
        if group is not None:
            started.append(group.group)
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PortLease, "note", note)
    with pytest.raises(EnvironmentFault, match="No space left"):
        Server.start(ServerCommand.embedded(MAPS), tmp_path, leases=tmp_path / "leases")
    assert len(started) == 1
    assert ended(*started)
    monkeypatch.undo()
    PortLease.take(tmp_path / "leases").release()


def test_our_server_does_not_stay_when_its_parent_died_before_it_could_ask(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    argv = (sys.executable, "-m", "scanyard.carla_server", "--maps", str(MAPS), f"--die-with-parent={gone.pid}")
    with pytest.raises(ServerError, match=r"exited with code 2 at start.*who started this, is gone already"):
        Server.start(ServerCommand(argv), tmp_path)


# --- what a real installation is asked and told -------------------------------------------------------------------


def test_a_start_script_gets_carla_s_flags_and_its_log_is_read(tmp_path: Path) -> None:
    command = ServerCommand.binary(start_script(tmp_path), adapter=1)
    with Server.start(command, tmp_path) as server:
        assert server.device == "NVIDIA RTX A6000"
        (log,) = tmp_path.glob("server-*.log")
        (flags,) = [line for line in log.read_text().splitlines() if line.startswith("flags:")]
    for wanted in ("-RenderOffScreen", "-nosound", "-graphicsadapter=1", f"-carla-rpc-port={server.port}"):
        assert wanted in flags.split()


def test_a_processor_that_renders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"renders on the processor \(llvmpipe") as caught:
        Server.start(ServerCommand.binary(start_script(tmp_path, "llvmpipe (LLVM 15)")), tmp_path)
    assert caught.value.name == Fault.SOFTWARE_RENDERING


def docker_in(folder: Path) -> str:
    """A stand-in for docker: it writes the container's id where it is asked to, and runs the server itself."""
    docker = folder / "docker"
    docker.write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/asked\n[ "$1" = rm ] && exit 0\necho c0ffee > "$3"\n'
        f'for word; do case "$word" in -carla*) set -- "$@" "$word";; esac; shift; done\n'
        f'exec "{sys.executable}" "{ANSWERING}" --device=A100 "$@"\n'
    )
    docker.chmod(0o755)
    return str(docker)


def test_a_container_is_removed_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[list[int]] = spawn.Queue()
    command = ServerCommand.image("carlasim/carla:0.9.16", docker=docker_in(tmp_path))
    parent = spawn.Process(target=_serve_and_die, args=(command, tmp_path, queue))
    parent.start()
    pids = queue.get(timeout=120)
    parent.join()
    assert ended(*pids)
    deadline = time.monotonic() + 20
    while len(asked := (tmp_path / "asked").read_text().splitlines()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert asked[-1] == "rm --force c0ffee"


def test_a_container_sees_one_card_and_is_removed_in_the_end(tmp_path: Path) -> None:
    command = ServerCommand.image("carlasim/carla:0.9.16", adapter=2, docker=docker_in(tmp_path))
    with Server.start(command, tmp_path):
        pass
    run, removal = (tmp_path / "asked").read_text().splitlines()
    assert "--gpus device=2 --env NVIDIA_DRIVER_CAPABILITIES=all carlasim/carla:0.9.16 ./CarlaUE4.sh" in run
    assert removal == "rm --force c0ffee"


def test_a_server_that_runs_already_is_spoken_to_and_never_ended(tmp_path: Path) -> None:
    with Server.start(answering(), tmp_path) as owned:
        found = RunningServer.find(f"127.0.0.1:{owned.port}", Limits())
        assert found.version == "0.9.16"
        assert found.responds
        found.stop()
        assert owned.is_alive
    assert not found.responds


def test_a_server_that_should_run_and_does_not_is_said() -> None:
    with pytest.raises(ServerError, match=r"no CARLA server answers at 127.0.0.1:21999 within 0.2 s") as caught:
        RunningServer.find("127.0.0.1:21999", Limits(start_s=0.2))
    assert caught.value.name == Fault.SERVER_UNREACHABLE


def test_what_is_asked_for_with_carla_is_told_apart() -> None:
    def asked(carla: str | None) -> ServerCommand | str:
        return parse_carla(carla, MAPS, threads=1, adapter=None)

    assert asked("gpu-box:2000") == "gpu-box:2000"
    assert asked(None) == ServerCommand.embedded(MAPS, threads=1)
    assert asked("/opt/carla/CarlaUE4.sh") == ServerCommand.binary(Path("/opt/carla/CarlaUE4.sh"))
    assert asked("container:carlasim/carla:0.9.16") == ServerCommand.image("carlasim/carla:0.9.16")


def test_traffic_managers_ports_lie_below_those_the_kernel_hands_out() -> None:
    assert FIRST_TRAFFIC_PORT + 2000 <= 32768
