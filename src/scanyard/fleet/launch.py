"""Start one CARLA server, ours or a real one, on ports nobody else has; see that it is well; stop it.

A server is ready when its port answers with its version, the ports are held by its own processes and nobody's, and its
log does not say that the processor renders.  It runs in a process group of its own and dies with its parent; stopping
it means TERM, wait, KILL, and ports proven free.  Nothing is ever found or ended by name.

No real CARLA was ever started by this: its flags, log lines and habits are from its documentation and issue threads,
and the tests start a stand-in that takes the same flags and logs alike.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Self

import psutil

from scanyard.errors import EnvironmentFault, ServerError
from scanyard.fleet.container import remove_container
from scanyard.fleet.faults import Fault
from scanyard.fleet.limits import Limits
from scanyard.fleet.ports import PortLease, port_is_free
from scanyard.fleet.probe import ask_version
from scanyard.fleet.process_group import ProcessGroup, signal_name
from scanyard.fleet.server_log import device_name, finds_port_taken, renders_in_software
from scanyard.fleet.upkeep import Incident

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
PROBE_S = 2.0
"""A healthy server says its version within this."""
SHELL_SIGNALS = 128
"""A start script ends with this plus the number of the signal that ended its binary."""
OF_A_REAL_SERVER = ("-RenderOffScreen", "-nosound", "-stdout", "-FullStdOutLogOutput")
"""No window, no sound, and the log where we read it."""


@dataclass(frozen=True)
class ServerCommand:
    """How a server is started."""

    argv: tuple[str, ...]
    """The program and its options, without ports."""
    threads: int = 0
    """Threads our own server casts with, 0 for all cores; servers side by side would otherwise fight for them."""
    dies_with_us: bool = False
    """Whether it can be asked to end with the process that starts it."""
    guarded: bool = False
    """Whether it knows nothing of us, and has to be ended by a guard when we are killed."""
    renders: bool = False
    """Whether a graphics card is wanted, and the processor in its place refused."""
    container: str | None = None
    """The program that runs containers, where the server is in one: it holds the ports, and is asked to remove it."""

    @classmethod
    def embedded(cls, maps: Path, *, threads: int = 0) -> ServerCommand:
        """Our own server, with the maps of a folder."""
        argv = (sys.executable, "-m", "scanyard.carla_server", "--maps", str(maps))
        return cls(argv, threads, dies_with_us=True)

    @classmethod
    def binary(cls, program: Path, *, adapter: int | None = None) -> ServerCommand:
        """A CARLA installation's start script or binary.

        ``adapter`` is Vulkan's number of a graphics card, which may differ from nvidia-smi's.
        """
        chosen = () if adapter is None else (f"-graphicsadapter={adapter}",)
        return cls((str(program), *OF_A_REAL_SERVER, *chosen), guarded=True, renders=True)

    @classmethod
    def image(cls, image: str, *, adapter: int | None = None, docker: str = "docker") -> ServerCommand:
        """A container that sees one graphics card and nothing of the others: the surest way to choose one.

        ``adapter`` is nvidia-smi's number of the card.
        """
        gpus = "all" if adapter is None else f"device={adapter}"
        argv = (
            *(docker, "run", "--rm", "--init", "--network=host", "--gpus", gpus),
            *("--env", "NVIDIA_DRIVER_CAPABILITIES=all", image, "./CarlaUE4.sh", *OF_A_REAL_SERVER),
        )
        return cls(argv, guarded=True, renders=True, container=docker)


class Server:
    """One running server of ours; use it as a context manager."""

    host = HOST

    def __init__(self, command: ServerCommand, lease: PortLease, log: Path, limits: Limits) -> None:
        self.port = lease.port
        self.version = ""
        self.device: str | None = None
        """The graphics device that renders, where the log names it."""
        self._command = command
        self._lease = lease
        self._limits = limits
        self._cid = log.with_suffix(".cid")
        self._cid.unlink(missing_ok=True)
        # The guard lives as long as somebody holds the other end of this pipe: we, and nobody who inherits it.
        lifeline, self._lifeline = os.pipe() if command.guarded else (-1, -1)
        try:
            self._group = ProcessGroup(
                self._argv(lifeline),
                log,
                env={"SCANYARD_CAST_THREADS": str(command.threads)},
                pass_fds=[lifeline] if command.guarded else [],
            )
        except OSError:
            self._cut_lifeline()
            raise
        finally:
            if command.guarded:
                os.close(lifeline)
        try:
            lease.note(self._group.name)
        except OSError:  # no room: then nobody would find it
            self._group.end(limits.stop_s, asks=False)
            self._cut_lifeline()
            raise

    @classmethod
    def start(
        cls, command: ServerCommand, log_folder: Path, limits: Limits | None = None, *, leases: Path | None = None
    ) -> Server:
        """Start a server on leased ports and wait until it is ready; ServerError names what went wrong.

        EnvironmentFault where the program is not there.
        """
        if shutil.which(command.argv[0]) is None:
            raise EnvironmentFault(
                f"cannot start {command.argv[0]}: there is no such program; give CARLA's start script, "
                "container:IMAGE, or HOST:PORT of a server that runs"
            )
        lease = PortLease.take(leases)
        try:
            server = cls(command, lease, log_folder / f"server-{lease.port}.log", limits or Limits())
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
        """Process id of the leader, and id of its process group."""
        return self._group.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._group.returncode is None

    @property
    def responds(self) -> bool:
        """Whether it runs and answers."""
        return self.is_alive and ask_version(self.host, self.port, PROBE_S) is not None

    def wait_until_ready(self) -> None:
        """Wait until the server answers, and see that it is what was asked for; ServerError otherwise."""
        deadline = time.monotonic() + self._limits.start_s
        while (version := ask_version(self.host, self.port, 1.0)) is None or not self.is_alive:
            if not self.is_alive:
                raise self._died(at_start=True)
            if time.monotonic() > deadline:
                raise ServerError(
                    f"the server did not answer on port {self.port} within {self._limits.start_s:g} s{self._tail()}",
                    name=Fault.SERVER_HUNG_AT_START,
                )
            time.sleep(0.05)
        self.version = version
        self._require_version()
        self._require_ports()
        self._require_graphics()

    def death(self, wait_s: float = 0.0) -> ServerError | None:
        """The error that says how it died, if it did or does within ``wait_s``."""
        return None if self._group.wait(wait_s) is None else self._died(at_start=False)

    def memory_mb(self) -> float:
        """Resident memory of all its processes."""
        return self._group.memory_mb()

    def stop(self, *, asks: bool = True) -> Incident | None:
        """End the server's process group: TERM, wait, KILL; prove the ports free and give them back.

        Without ``asks`` it begins with KILL: a server that hangs heeds nothing else.  Returns what was wrong with the
        end: a server that ignored TERM, or a port that is still held.
        """
        began = time.monotonic()
        was_alive = self.is_alive
        gently = self._group.end(self._limits.stop_s, asks=asks)
        if self._command.container:
            remove_container(self._command.container, self._cid)
        self._cut_lifeline()
        held = self._wait_for_ports() if self.version else []  # it may never have had them
        self._lease.note(None)
        self._lease.release()
        seconds = time.monotonic() - began
        if held:
            told = f"ports {held} are still held {self._limits.stop_s:g} s after server {self.pid} ended"
            return Incident(Fault.PORT_NOT_FREED, told, seconds)
        if was_alive and asks and not gently:
            told = f"server {self.pid} ignored SIGTERM for {self._limits.stop_s:g} s and was killed"
            return Incident(Fault.SERVER_HUNG_AT_SHUTDOWN, told, seconds)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _argv(self, lifeline: int) -> list[str]:
        argv = [*self._command.argv]
        if self._command.container:
            argv[2:2] = ["--cidfile", str(self._cid)]
        argv += [f"-carla-rpc-port={self.port}", f"-carla-streaming-port={self.port + 1}"]
        if self._command.dies_with_us:
            argv.append(f"--die-with-parent={os.getpid()}")
        if not self._command.guarded:
            return argv
        cid = str(self._cid) if self._command.container else ""
        return [sys.executable, "-m", "scanyard.fleet.guard", str(lifeline), str(self._limits.stop_s), cid, *argv]

    def _require_version(self) -> None:
        client = metadata.version("carla")
        if self.version != client:
            raise ServerError(
                f"the server speaks CARLA {self.version}, the client here {client}; the two must be the same version: "
                f"pip install carla=={self.version}, or start a server of {client}",
                name=Fault.VERSION_MISMATCH,
            )

    def _require_ports(self) -> None:
        """The server's ports are held by its own processes, the others by nobody: no two simulations share one."""
        ours = set() if self._command.container else self._listening()
        for port in self._lease.ports:
            expected = port in (self.port, self.port + 1)
            if port not in ours and not port_is_free(port) and not (expected and self._command.container):
                raise ServerError(
                    f"port {port} is held by a process that is not of server {self.pid}; expected ports "
                    f"{self._lease.ports} for it alone",
                    name=Fault.PORT_TAKEN,
                )

    def _listening(self) -> set[int]:
        """The ports that the server's processes listen on."""
        ports: set[int] = set()
        for process in self._group.name.members():
            with contextlib.suppress(psutil.Error):
                connections = process.net_connections(kind="tcp")
                ports |= {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}
        return ports

    def _require_graphics(self) -> None:
        log = self._log()
        self.device = device_name(log)
        if self._command.renders and renders_in_software(log):
            raise ServerError(
                f"the server renders on the processor ({self.device or 'its log names a software renderer'}); expected "
                "a graphics card: check the driver and its Vulkan file (vulkaninfo --summary), or choose another card",
                name=Fault.SOFTWARE_RENDERING,
            )

    def _died(self, *, at_start: bool) -> ServerError:
        code = self._group.returncode or 0
        if self._command.guarded and SHELL_SIGNALS < code < SHELL_SIGNALS + signal.NSIG:
            code = SHELL_SIGNALS - code
        when = " at start" if at_start else ""
        if at_start and self._command.renders and renders_in_software(self._log()):
            return ServerError(
                f"the server ended at start and its log names a software renderer{self._tail()}",
                name=Fault.SOFTWARE_RENDERING,
            )
        if code < 0:
            name = Fault.SERVER_CRASHED_AT_START if at_start else Fault.SERVER_CRASHED
            return ServerError(f"the server died of {signal_name(-code)}{when}{self._tail()}", name=name)
        name = Fault.SERVER_EXITED_AT_START if at_start else Fault.SERVER_EXITED
        if at_start and finds_port_taken(self._log()):
            name = Fault.PORT_TAKEN
        return ServerError(f"the server exited with code {code}{when}{self._tail()}", name=name)

    def _wait_for_ports(self) -> list[int]:
        """The ports of the server that are still held after a while."""
        deadline = time.monotonic() + self._limits.stop_s
        while held := [port for port in (self.port, self.port + 1) if not port_is_free(port)]:
            if time.monotonic() > deadline:
                return held
            time.sleep(0.02)
        return []

    def _cut_lifeline(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _log(self) -> str:
        return self._group.log.read_text(encoding="utf-8", errors="replace")

    def _tail(self) -> str:
        return self._group.log_tail()


@dataclass
class RunningServer:
    """A server that somebody else started: it is spoken to, and never ended."""

    host: str
    port: int
    version: str = ""
    device: str | None = None
    pid: int | None = field(default=None, init=False)

    @classmethod
    def find(cls, address: str, limits: Limits) -> RunningServer:
        """The server at ``HOST:PORT``; ServerError where none answers within the time for a start."""
        host, _, number = address.rpartition(":")
        deadline = time.monotonic() + limits.start_s
        while (version := ask_version(host, int(number), PROBE_S)) is None:
            if time.monotonic() > deadline:
                raise ServerError(
                    f"no CARLA server answers at {address} within {limits.start_s:g} s; start one there",
                    name=Fault.SERVER_UNREACHABLE,
                )
            time.sleep(0.2)
        return cls(host, int(number), version)

    @property
    def responds(self) -> bool:
        """Whether it answers."""
        return ask_version(self.host, self.port, PROBE_S) is not None

    def death(self, wait_s: float = 0.0) -> ServerError | None:  # noqa: ARG002  # like the other kind of server
        """Nothing: it is not ours to know."""
        return None

    def memory_mb(self) -> float | None:
        """Nothing: it may be on another machine."""
        return None

    def stop(self, *, asks: bool = True) -> Incident | None:  # noqa: ARG002  # like the other kind of server
        """Let go of it."""
        return None


def parse_carla(carla: str | None, maps: Path, *, threads: int, adapter: int | None) -> ServerCommand | str:
    """What ``--carla`` asks for: how to start a server, or ``HOST:PORT`` of one that runs.

    Nothing is our own server, ``container:IMAGE`` a container, a path CARLA's start script.
    """
    if carla is None:
        return ServerCommand.embedded(maps, threads=threads)
    if carla.startswith("container:"):
        return ServerCommand.image(carla.removeprefix("container:"), adapter=adapter)
    host, _, number = carla.rpartition(":")
    if host and number.isdigit() and not Path(carla).exists():
        return carla
    return ServerCommand.binary(Path(carla), adapter=adapter)
