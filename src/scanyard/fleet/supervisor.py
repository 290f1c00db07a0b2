"""One server and one client, kept going: started when they are needed, watched, replaced when sick or old.

Whatever goes wrong comes out under one name, that of the cause: a client that aborts because its server died is a
server that died.  So the server is looked at first, and the client is believed only where the server is well.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from scanyard.errors import EnvironmentFault, ScanyardError, ScenarioFault, ServerError, StoreError
from scanyard.fleet.client_process import ClientProcess, Job
from scanyard.fleet.faults import Fault
from scanyard.fleet.graphics import AdapterLease, gpu_memory_mb
from scanyard.fleet.launch import RunningServer, Server, ServerCommand, parse_carla
from scanyard.fleet.limits import Limits
from scanyard.fleet.outcome import Failed, Recorded
from scanyard.fleet.scratch import scratch_folder
from scanyard.fleet.upkeep import Incident, Recovery, Upkeep
from scanyard.scenario.concrete import ConcreteScenario
from scanyard.sequence import Domain
from scanyard.sim.versions import Quirks, quirks_of

logger = logging.getLogger(__name__)

DEATH_S = 1.0
"""A client may notice its server's death this much before the system tells us."""


@dataclass(frozen=True)
class Assignment:
    """What a supervisor is for."""

    dataset: str
    maps: str
    """Folder of the OpenDRIVE maps."""
    logs: str
    carla: str | None = None
    """``HOST:PORT`` of a server that runs, the path of CARLA's start script, ``container:IMAGE``; None for ours."""
    domain: Domain = "synthetic"
    threads: int = 0
    """That our own server casts with, 0 for all cores."""
    adapters: tuple[int, ...] = ()
    """Graphics cards to share among the servers of this machine; none: the server chooses."""
    limits: Limits = field(default_factory=Limits)


class Supervisor:
    """Records scenarios one after another; every fault of a server or scenario is an answer, not an exception."""

    def __init__(
        self,
        assignment: Assignment,
        *,
        command: ServerCommand | None = None,
        on_sign: Callable[[], None] = lambda: None,
    ) -> None:
        """``command`` starts another server than the assignment describes; ``on_sign`` hears every sign of life."""
        self._assignment = assignment
        self._command = command
        self._on_sign = on_sign
        self._limits = assignment.limits
        self._server: Server | RunningServer | None = None
        self._client: ClientProcess | None = None
        self._adapter: AdapterLease | None = None
        self._quirks = Quirks()
        self._scenes = 0
        self._faults_in_a_row = 0
        self._noticed: tuple[Fault, float] | None = None
        self._incidents: list[Incident] = []

    @property
    def client_pid(self) -> int | None:
        """The client's process; None while there is none."""
        return self._client.pid if self._client else None

    @property
    def groups(self) -> set[int]:
        """The process groups of client and server, as far as they are there and ours."""
        members = (self._client, self._server)
        return {one.pid for one in members if one is not None and one.pid is not None}

    @property
    def ports(self) -> set[int]:
        """The ports that our server answers at."""
        return {self._server.port, self._server.port + 1} if isinstance(self._server, Server) else set()

    def record(self, scenario: ConcreteScenario) -> Recorded | Failed:
        """Record one scenario, or say what was in the way.

        StoreError and EnvironmentFault are raised: no other server will fare better.
        """
        began = time.monotonic()
        recovery, result = None, None
        try:
            client = self._ready_client()
            recovery = self._recovered()
            recorded = client.record(scenario, self._on_sign)
        except ScenarioFault as error:
            failed = _failed(scenario, error, began)
        except (StoreError, EnvironmentFault):
            self.close(broken=True)
            raise
        except ScanyardError as error:
            failed = _failed(scenario, self._cause(error), began)
            self._noticed = (Fault(failed.kind), time.monotonic())
            self._faults_in_a_row += 1
            self.close(broken=True)
        else:
            self._faults_in_a_row = 0
            self._scenes += 1
            result = recorded
        upkeep = self._upkeep(recovery, result)
        return replace(failed if result is None else result, upkeep=upkeep)

    def close(self, *, broken: bool = False) -> None:
        """End client and server, or let go of a server that is not ours; the next scenario starts afresh."""
        client, self._client = self._client, None
        server, self._server = self._server, None
        if client is not None:
            # A synchronous server without its client is blocked for everybody, so a farewell is due to one that stays.
            client.end() if isinstance(server, RunningServer) and not broken else client.kill()
        if server is not None and (incident := server.stop(asks=not broken)):
            self._incidents.append(incident)
        if self._adapter is not None:
            self._adapter.release()
            self._adapter = None
        self._scenes = 0

    # --- getting ready --------------------------------------------------------------------------------------------

    def _ready_client(self) -> ClientProcess:
        """A client that is connected to a server that is well, both started where they are not there."""
        if self._client is not None and self._server is not None:
            if self._client.is_alive and self._server.death() is None:
                return self._client
            self.close(broken=True)
        self._wait_after_faults()
        self._on_sign()
        scratch_folder()  # logs lie in it by default, and on another host than the driver's nobody has looked at it yet
        # First, so that it reads its libraries while the server starts.
        self._client = ClientProcess(
            Path(self._assignment.logs) / f"client-{os.getpid()}.log", has_server=self._has_server
        )
        self._server = self._started_server()
        self._on_sign()
        self._quirks = quirks_of(self._server.version) or Quirks()
        what = self._assignment
        self._client.connect(
            Job(self._server.host, self._server.port, what.maps, what.dataset, what.domain, self._limits)
        )
        self._on_sign()
        return self._client

    def _started_server(self) -> Server | RunningServer:
        what = self._assignment
        adapter = None
        if what.adapters:
            self._adapter = AdapterLease.take(what.adapters, self._limits.servers_per_gpu)
            adapter = self._adapter.adapter
        command = self._command or parse_carla(what.carla, Path(what.maps), threads=what.threads, adapter=adapter)
        if isinstance(command, str):
            return RunningServer.find(command, self._limits)
        return Server.start(command, Path(what.logs), self._limits)

    def _has_server(self) -> bool:
        return self._server is not None and self._server.death() is None

    def _wait_after_faults(self) -> None:
        if self._faults_in_a_row:
            delay_s = self._limits.retry_delay_s * 2 ** (self._faults_in_a_row - 1)
            time.sleep(min(delay_s, self._limits.longest_retry_delay_s))

    def _recovered(self) -> Recovery | None:
        noticed, self._noticed = self._noticed, None
        return Recovery(noticed[0], time.monotonic() - noticed[1]) if noticed else None

    # --- judging --------------------------------------------------------------------------------------------------

    def _cause(self, error: ScanyardError) -> ScanyardError:
        """The error itself, or what it follows from: a server that is dead, or does not answer."""
        if self._server is None:
            return error  # it never came up, which says it all
        try:
            if death := self._server.death(wait_s=DEATH_S if self._client_is_gone() else 0.1):
                return death
            if not self._server.responds:
                return ServerError(
                    f"the server does not answer any more; the client said: {error}", name=Fault.SERVER_HUNG
                )
        except ServerError as other:
            return other
        return error

    def _client_is_gone(self) -> bool:
        return self._client is not None and not self._client.is_alive

    def _upkeep(self, recovery: Recovery | None, recorded: Recorded | None) -> Upkeep:
        """What to tell of the server, which is replaced here if it has served for long enough."""
        pid = memory_mb = reason = None
        if self._server is not None:
            pid, memory_mb = self._server.pid, self._server.memory_mb()
            reason = self._too_old(memory_mb, recorded)
            if reason:
                logger.info("server %s is replaced: %s", pid, reason)
                self.close()
        incidents, self._incidents = self._incidents, []
        return Upkeep(recovery, tuple(incidents), reason, pid, memory_mb)

    def _too_old(self, memory_mb: float | None, recorded: Recorded | None) -> str | None:
        """Why the server should be replaced before it gets worse; None while it is fit."""
        if isinstance(self._server, RunningServer):
            return None
        limits, quirks = self._limits, self._quirks
        sensors = recorded.notes.get("sensors_spawned", 0) if recorded else 0
        used: Sequence[tuple[str, float | None, float | None]] = (
            ("scenes", self._scenes, limits.scenes or quirks.scenes_per_server),
            ("sensors spawned", sensors, limits.sensor_spawns or quirks.sensors_per_server),
            ("MB of memory", memory_mb, limits.memory_mb),
            ("MB of GPU memory", self._gpu_memory_mb(), limits.gpu_memory_mb),
        )
        for name, found, most in used:
            if found is not None and most is not None and found >= most:
                return f"{found:.0f} {name}, at most {most:.0f}"
        return None

    def _gpu_memory_mb(self) -> float | None:
        if self._limits.gpu_memory_mb is None:
            return None
        return gpu_memory_mb(self._adapter.adapter if self._adapter else None)


def _failed(scenario: ConcreteScenario, error: ScanyardError, began: float) -> Failed:
    fault = Fault.named(getattr(error, "name", Fault.OTHER))
    return Failed(
        scenario.sequence_name,
        scenario.name,
        scenario.seed,
        str(error),
        str(fault),
        retry=fault.blame != "scenario",
        counts=fault.blame != "machine",
        seconds=time.monotonic() - began,
    )
