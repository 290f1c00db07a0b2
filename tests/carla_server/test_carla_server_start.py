"""Starting and stopping the server as a program."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest
from flat_carla_world import write_maps

QUICK_S = 1.5 * 4  # promised on an idle machine; tests share their processor


def command(folder: Path, *flags: str) -> list[str]:
    write_maps(folder)
    return [sys.executable, "-m", "scanyard.carla_server", "--maps", str(folder), "--map", "straight", *flags]


def started(folder: Path, *flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(command(folder, *flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(folder: Path, *flags: str) -> tuple[int, str]:
    done = subprocess.run(command(folder, *flags), capture_output=True, text=True, timeout=30.0, check=False)
    return done.returncode, done.stderr


def two_free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        return first.getsockname()[1], second.getsockname()[1]


def version_within(seconds: float, port: int) -> str:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5.0) as sock:
                sock.sendall(msgpack.packb([0, 1, "version", [[False]]]))
                return str(msgpack.unpackb(sock.recv(1024))[3][0][1])
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def gone_within(seconds: float, pid: int) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def reaped() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def test_server_answers_at_once_says_when_it_is_ready_and_ends_on_sigterm(
    tmp_path: Path, reaped: list[subprocess.Popen[str]]
) -> None:
    rpc, streaming = two_free_ports()
    began = time.monotonic()
    server = started(
        tmp_path, f"-carla-rpc-port={rpc}", f"-carla-streaming-port={streaming}", "-RenderOffScreen", "-nosound",
        "-quality-level=Low", "-carla-primary-host=127.0.0.1", "-windowed", "-ResX=800", "-ResY=600",
    )  # fmt: skip
    reaped.append(server)
    assert version_within(QUICK_S, rpc) == "0.9.16"
    assert time.monotonic() - began < QUICK_S
    assert server.stdout is not None
    assert server.stdout.readline() == f"ready: straight on 127.0.0.1 port {rpc}, streams on {streaming}\n"
    stopped = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert server.wait(10.0) == 0
    assert time.monotonic() - stopped < 3.0
    with socket.create_server(("127.0.0.1", rpc)), socket.create_server(("127.0.0.1", streaming)):
        pass  # both ports are free again


def test_sigint_while_the_map_is_being_loaded_ends_it(tmp_path: Path, reaped: list[subprocess.Popen[str]]) -> None:
    rpc, streaming = two_free_ports()
    server = started(tmp_path, f"-carla-rpc-port={rpc}", f"-carla-streaming-port={streaming}")
    reaped.append(server)
    version_within(QUICK_S, rpc)
    server.send_signal(signal.SIGINT)
    assert server.wait(5.0) == 0


@pytest.mark.parametrize("flag", ["-carla-rpc-port", "-carla-streaming-port"])
def test_port_in_use_is_one_line_and_exit_code_2(tmp_path: Path, flag: str) -> None:
    ports = dict(zip(("-carla-rpc-port", "-carla-streaming-port"), two_free_ports(), strict=True))
    with socket.create_server(("127.0.0.1", ports[flag])):
        code, complaint = refused(tmp_path, *[f"{name}={port}" for name, port in ports.items()])
    assert code == 2
    assert complaint.count("\n") == 1
    assert complaint.startswith("error: cannot listen on 127.0.0.1")
    assert str(ports[flag]) in complaint
    assert "-carla-rpc-port=N" in complaint


def test_unknown_map_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    rpc, streaming = two_free_ports()
    code, complaint = refused(tmp_path, "--map", "moon", f"-carla-rpc-port={rpc}", f"-carla-streaming-port={streaming}")
    assert (code, complaint) == (2, "error: Map 'moon' not found; this server has other, straight\n")


def test_unknown_long_flag_is_refused(tmp_path: Path) -> None:
    code, complaint = refused(tmp_path, "--mpa", "straight")
    assert code == 2
    assert complaint.startswith("error: --mpa straight: not a flag of this server")


def test_folder_without_maps_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scanyard.carla_server", "--maps", str(tmp_path)],
        capture_output=True, text=True, timeout=30.0, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no .xodr map" in done.stderr


def test_server_dies_with_its_parent_when_asked_to(tmp_path: Path) -> None:
    rpc, streaming = two_free_ports()
    flags = ("--die-with-parent", f"-carla-rpc-port={rpc}", f"-carla-streaming-port={streaming}")
    starter = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({command(tmp_path, *flags)!r}, stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as stdout:
        server_pid = int(stdout.readline())
        try:
            version_within(QUICK_S, rpc)
            parent.kill()
            parent.wait(10.0)
            assert gone_within(5.0, server_pid)
        finally:
            if not gone_within(0.0, server_pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(server_pid, signal.SIGKILL)
