"""What runs in a Ray actor: one server, one client, scenarios one after another."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanyard.errors import ScanyardError, ScenarioFault, ServerError, StoreError
from scanyard.fleet.backlog import DISK_FULL
from scanyard.fleet.launch import Server, ServerCommand
from scanyard.fleet.record import Failed, Recorded, record
from scanyard.fleet.settings import Settings
from scanyard.frame import Frame
from scanyard.scenario.concrete import ConcreteScenario


@dataclass(frozen=True)
class Seat:
    """Where a worker sits."""

    host: str
    pid: int


class Worker:
    """One server, one client, scenarios one after another.

    ``pulse`` answers beside ``record``, in a thread of its own: a worker whose process is stopped does not answer, and
    one whose client hangs in native code answers that nothing has happened for long.
    """

    def __init__(self, settings: Settings, threads: int) -> None:
        self._settings = settings
        self._threads = threads
        self._server: Server | None = None
        self._simulator: Any = None
        self._last_sign: float | None = None

    def ready(self) -> Seat:
        """Answered once the worker has been placed and its process is up."""
        return Seat(os.uname().nodename, os.getpid())

    def pulse(self) -> float:
        """Seconds since the scenario at hand last got somewhere; 0.0 between scenarios."""
        last = self._last_sign
        return 0.0 if last is None else time.monotonic() - last

    def record(self, scenario: ConcreteScenario) -> Recorded | Failed:
        """Record one scenario; failures come back as values, so that they can be counted and told apart."""
        self._last_sign = time.monotonic()
        try:
            simulator = self._ready_simulator()
            self._last_sign = time.monotonic()
            return record(
                scenario,
                _Watched(simulator, self._sign),
                self._settings.dataset,
                server=f"{'embedded' if simulator.embedded else 'carla'} {simulator.server_version}",
                domain=self._settings.domain,
            )
        except StoreError as error:
            if not _is_full(error):
                raise  # the data contradict each other: no other worker will fare better
            return _failed(scenario, str(error), DISK_FULL, retry=True)
        except ScanyardError as error:
            retry = not isinstance(error, ScenarioFault)
            if retry:
                self.close()
            return _failed(scenario, str(error), type(error).__name__, retry=retry)
        finally:
            self._last_sign = None

    def close(self) -> None:
        """End the server, or let go of one that is not ours; the next scenario starts afresh."""
        simulator, self._simulator = self._simulator, None
        if self._server is not None:
            self._server.stop()
            self._server = None
        elif simulator is not None:
            with contextlib.suppress(ServerError):  # it is broken: that may be why we let go of it
                simulator.close()

    def _sign(self) -> None:
        self._last_sign = time.monotonic()

    def _ready_simulator(self) -> Any:
        from scanyard.sim.carla import CarlaSimulator  # noqa: PLC0415  # the client belongs in the worker's process

        if self._server is not None and not self._server.is_alive:
            self.close()
        if self._simulator is None:
            maps = Path(self._settings.maps)
            host, port = "127.0.0.1", 0
            carla = self._settings.carla
            if carla is not None and ":" in carla and not Path(carla).exists():
                host, _, number = carla.rpartition(":")
                port = int(number)
            else:
                ours = ServerCommand.embedded(maps, threads=self._threads)
                command = ours if carla is None else ServerCommand.binary(Path(carla))
                self._server = Server.start(command, Path(self._settings.logs))
                port = self._server.port
            self._simulator = CarlaSimulator(host, port, map_folders=(maps,))
        return self._simulator


class _Watched:
    """A simulator whose every frame is a sign of life."""

    def __init__(self, simulator: Any, sign: Any) -> None:
        self._simulator = simulator
        self._sign = sign

    def simulate(self, scenario: ConcreteScenario) -> Iterator[Frame]:
        """The frames of the simulator itself."""
        with contextlib.closing(self._simulator.simulate(scenario)) as frames:
            for frame in frames:
                self._sign()
                yield frame


def _failed(scenario: ConcreteScenario, reason: str, kind: str, *, retry: bool) -> Failed:
    return Failed(scenario.sequence_name, scenario.name, scenario.seed, reason, kind, retry)


def _is_full(error: StoreError) -> bool:
    """Whether there was no room: the store says so in words, and the system's own word lies beneath them."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
