"""Start one CARLA server, ours or a real one, on ports nobody else has; watch it; stop it.

A lease is a locked file per port block: it falls with the process that holds it, however that ends, and the ports are
probed by binding them besides.  The server runs in a process group of its own and dies with its parent; stopping it
means TERM, wait, KILL, and ports proven free.  Nothing is ever found or ended by name.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from scanyard.errors import EnvironmentFault, ServerError

logger = logging.getLogger(__name__)

FIRST_PORT, LAST_PORT = 21000, 29000
"""Above CARLA's own 2000 and Ray's workers, below the ports the kernel hands out."""
PORTS_PER_SERVER = 4
"""RPC, streams, secondary server, and one to spare."""
READY_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 5.0


class PortLease:
    """A block of ``PORTS_PER_SERVER`` ports that no other process of ours will take while this one lives."""

    def __init__(self, port: int, lock: IO[str]) -> None:
        self.port = port
        self._lock = lock

    @classmethod
    def take(cls, folder: Path | None = None) -> PortLease:
        """The first free block; EnvironmentFault when all are taken."""
        folder = folder or Path(tempfile.gettempdir()) / f"scanyard-{os.getuid()}" / "ports"
        folder.mkdir(parents=True, exist_ok=True)
        for port in range(FIRST_PORT, LAST_PORT, PORTS_PER_SERVER):
            lock = (folder / f"{port}.lease").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            if all(port_is_free(port + k) for k in range(PORTS_PER_SERVER)):
                return cls(port, lock)
            lock.close()
        raise EnvironmentFault(
            f"no free block of {PORTS_PER_SERVER} ports between {FIRST_PORT} and {LAST_PORT}; "
            "end what holds them (ss -ltnp shows it)"
        )

    def release(self) -> None:
        """Give the block back."""
        self._lock.close()


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on ``port`` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


@dataclass(frozen=True)
class ServerCommand:
    """How a server is started."""

    argv: tuple[str, ...]
    """The program and its options, without ports."""
    threads: int = 0
    """Threads our own server casts with, 0 for all cores; servers side by side would otherwise fight for them."""

    @classmethod
    def embedded(cls, maps: Path, *, threads: int = 0) -> ServerCommand:
        """Our own server, with the maps of a folder."""
        argv = (sys.executable, "-m", "scanyard.carla_server", "--maps", str(maps), f"--die-with-parent={os.getpid()}")
        return cls(argv, threads)

    @classmethod
    def binary(cls, program: Path) -> ServerCommand:
        """A CARLA installation's start script or binary."""
        return cls((str(program), "-RenderOffScreen", "-nosound"))


class Server:
    """One running server; use it as a context manager."""

    def __init__(self, command: ServerCommand, lease: PortLease, log_path: Path) -> None:
        self.port = lease.port
        self._lease = lease
        self._log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [*command.argv, f"-carla-rpc-port={lease.port}", f"-carla-streaming-port={lease.port + 1}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | {"SCANYARD_CAST_THREADS": str(command.threads)},
            )

    @classmethod
    def start(cls, command: ServerCommand, log_folder: Path) -> Server:
        """Start a server on leased ports and wait until it answers."""
        lease = PortLease.take()
        try:
            server = cls(command, lease, log_folder / f"server-{lease.port}.log")
        except OSError as error:
            lease.release()
            raise EnvironmentFault(f"cannot start {command.argv[0]}: {error}") from error
        try:
            server.wait_until_ready()
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def pid(self) -> int:
        """Process id, and id of its process group."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def wait_until_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until the RPC port accepts connections; ServerError with exit code and log tail otherwise."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.is_alive:
                raise ServerError(f"the server exited with code {self._process.returncode} at start{self._log_tail()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
                return
            time.sleep(0.05)
        raise ServerError(f"the server did not listen on port {self.port} within {timeout_s:.0f} s{self._log_tail()}")

    def stop(self) -> None:
        """End the server's process group: TERM, wait, KILL; then give the ports back."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            try:
                self._process.wait(STOP_TIMEOUT_S)
                break
            except subprocess.TimeoutExpired:
                logger.warning("server %d ignored %s for %.0f s", self.pid, signal.Signals(number).name, STOP_TIMEOUT_S)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while not port_is_free(self.port) and time.monotonic() < deadline:
            time.sleep(0.02)
        self._lease.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _log_tail(self, lines: int = 5) -> str:
        text = self._log_path.read_text(encoding="utf-8", errors="replace").strip() if self._log_path.exists() else ""
        return "; its log ends: " + " | ".join(text.splitlines()[-lines:]) if text else "; its log is empty"
