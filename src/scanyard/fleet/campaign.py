"""The Ray part: a campaign hands scenarios to workers until every one is sealed or set aside.

Each worker is a Ray actor that owns one server and one client.  A worker or server that dies is replaced and its
scenario done again; a scenario that fails three times is quarantined, and the campaign goes on without it.  Killing
the driver loses nothing: what is sealed is in the dataset, and the next run asks the dataset what is missing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanyard.cluster import import_ray, ray_session
from scanyard.errors import ScanyardError, ScenarioFault, ServerError, StoreError
from scanyard.fleet.launch import Server, ServerCommand
from scanyard.fleet.record import Failed, Recorded, record
from scanyard.scenario.concrete import ConcreteScenario
from scanyard.sequence import Domain

logger = logging.getLogger(__name__)

MAX_FAILURES = 3
"""A scenario that failed this often is quarantined."""
POLL_S = 0.5
"""How often progress is told while nothing finishes."""


@dataclass(frozen=True)
class Settings:
    """How a campaign runs; nothing here changes what it produces."""

    dataset: str
    maps: str
    """Folder of the OpenDRIVE maps."""
    workers: int = 1
    address: str | None = None
    """A Ray cluster to join; ``None`` starts one here."""
    carla: str | None = None
    """``HOST:PORT`` of a server that already runs, or the path of a CARLA start script; ``None`` for our own server."""
    domain: Domain = "synthetic"
    logs: str = field(default_factory=lambda: str(Path(tempfile.gettempdir()) / f"scanyard-{os.getuid()}" / "logs"))


@dataclass
class Progress:
    """Where a campaign stands."""

    total: int
    """Scenarios to record, those already there not counted."""
    recorded: list[Recorded] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    """Every failure, also of scenarios that later succeeded."""
    quarantined: list[Failed] = field(default_factory=list)
    workers_replaced: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        """Scenarios that need no more work."""
        return len(self.recorded) + len(self.quarantined)

    @property
    def frames(self) -> int:
        """Frames sealed so far."""
        return sum(recorded.frames for recorded in self.recorded)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the campaign began."""
        return time.monotonic() - self.started

    @property
    def frames_per_s(self) -> float:
        """Frames sealed per second, start-up included."""
        return self.frames / max(self.elapsed_s, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Time left at the pace so far; ``None`` before anything is done."""
        return None if not self.done else self.elapsed_s / self.done * (self.total - self.done)


class Worker:
    """What runs in a Ray actor: one server, one client, scenarios one after another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server: Server | None = None
        self._simulator: Any = None

    def record(self, scenario: ConcreteScenario) -> Recorded | Failed:
        """Record one scenario; failures come back as values, so that they can be counted and told apart."""
        try:
            simulator = self._ready_simulator()
            return record(
                scenario,
                simulator,
                self._settings.dataset,
                server=f"{'embedded' if simulator.embedded else 'carla'} {simulator.server_version}",
                domain=self._settings.domain,
            )
        except StoreError:
            raise  # the disk is full or the data contradict each other: no other worker will fare better
        except ScanyardError as error:
            retry = not isinstance(error, ScenarioFault)
            if retry:
                self.close()
            return Failed(scenario.sequence_name, scenario.name, scenario.seed, str(error), type(error).__name__, retry)

    def close(self) -> None:
        """End the server, or let go of one that is not ours; the next scenario starts afresh."""
        simulator, self._simulator = self._simulator, None
        if self._server is not None:
            self._server.stop()
            self._server = None
        elif simulator is not None:
            with contextlib.suppress(ServerError):  # it is broken: that may be why we let go of it
                simulator.close()

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
                threads = max(1, (os.cpu_count() or 1) // self._settings.workers)
                ours = ServerCommand.embedded(maps, threads=threads)
                command = ours if carla is None else ServerCommand.binary(Path(carla))
                self._server = Server.start(command, Path(self._settings.logs))
                port = self._server.port
            self._simulator = CarlaSimulator(host, port, map_folders=(maps,))
        return self._simulator


def run_campaign(
    scenarios: Sequence[ConcreteScenario],
    settings: Settings,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Record all of ``scenarios`` and return how it went.

    StoreError ends the campaign at once (disk full, determinism broken): going on would only fail again.
    """
    progress = Progress(total=len(scenarios))
    if not scenarios:
        return progress
    size = min(settings.workers, len(scenarios))
    with ray_session(settings.address, num_cpus=size), contextlib.ExitStack() as exits:
        crew = _Crew(settings, size)
        exits.callback(crew.dismiss)
        pending = deque(scenarios)
        failures: dict[str, int] = {}
        on_progress(progress)
        while pending or crew.busy:
            crew.assign(pending)
            for scenario, result in crew.results(POLL_S):
                if isinstance(result, Recorded):
                    progress.recorded.append(result)
                else:
                    progress.failures.append(result)
                    failures[result.sequence] = failures.get(result.sequence, 0) + 1
                    if result.retry and failures[result.sequence] < MAX_FAILURES:
                        pending.append(scenario)
                    else:
                        progress.quarantined.append(result)
            progress.workers_replaced = crew.replaced
            on_progress(progress)
    return progress


class _Crew:
    """The workers, and who does what."""

    def __init__(self, settings: Settings, size: int) -> None:
        self._settings = settings
        self._ray = import_ray()
        self._actor = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Worker)
        self._idle = [self._hire() for _ in range(size)]
        self._tasks: dict[Any, tuple[Any, ConcreteScenario]] = {}
        self.replaced = 0

    @property
    def busy(self) -> bool:
        """Whether anybody works."""
        return bool(self._tasks)

    def assign(self, pending: deque[ConcreteScenario]) -> None:
        """Give every idle worker something to do."""
        while self._idle and pending:
            worker, scenario = self._idle.pop(), pending.popleft()
            self._tasks[worker.record.remote(scenario)] = (worker, scenario)

    def results(self, timeout_s: float) -> Iterator[tuple[ConcreteScenario, Recorded | Failed]]:
        """What has finished within ``timeout_s``; dead workers are replaced."""
        finished, _ = self._ray.wait(list(self._tasks), timeout=timeout_s)
        for task in finished:
            worker, scenario = self._tasks.pop(task)
            try:
                result = self._ray.get(task)
            except self._ray.exceptions.RayActorError as error:
                self.replaced += 1
                worker = self._hire()
                reason = f"its worker died: {str(error).splitlines()[0]}"
                result = Failed(scenario.sequence_name, scenario.name, scenario.seed, reason, "WorkerDied", retry=True)
            except self._ray.exceptions.RayError as error:
                cause = getattr(error, "cause", None)
                if isinstance(cause, ScanyardError):
                    raise cause from None
                raise
            self._idle.append(worker)
            yield scenario, result

    def dismiss(self) -> None:
        """Let every worker end its server, then end the workers."""
        workers = [*self._idle, *(worker for worker, _ in self._tasks.values())]
        idle = [worker.close.remote() for worker in self._idle]
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.wait(idle, num_returns=len(idle), timeout=8.0) if idle else None
        for worker in workers:
            self._ray.kill(worker)

    def _hire(self) -> Any:
        return self._actor.remote(self._settings)
