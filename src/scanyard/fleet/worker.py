"""What runs in a Ray actor: one server and one client under a supervisor, scenarios one after another."""

from __future__ import annotations

import errno
import os
import time

from scanyard.errors import EnvironmentFault, StoreError
from scanyard.fleet.faults import Fault
from scanyard.fleet.outcome import DISK_FULL, Failed, Recorded, Seat
from scanyard.fleet.settings import Settings
from scanyard.fleet.supervisor import Supervisor
from scanyard.scenario.concrete import ConcreteScenario


class Worker:
    """One server and one client under a supervisor, scenarios one after another.

    ``pulse`` answers beside ``record``, in a thread of its own: a worker whose process is stopped does not answer, and
    one that waits for something that never comes answers that nothing has happened for long.
    """

    def __init__(self, settings: Settings, threads: int) -> None:
        self._supervisor = Supervisor(settings.assignment(threads), on_sign=self._sign)
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
        self._sign()
        try:
            return self._supervisor.record(scenario)
        except StoreError as error:
            if _errno(error) in (errno.ENOSPC, errno.EDQUOT):
                return _failed(scenario, error, DISK_FULL, counts=False)
            if _errno(error) in (errno.ENOENT, errno.ESTALE):  # somebody on another machine has swept the attempt away
                return _failed(scenario, error, Fault.WORKER_FAILED, counts=True)
            raise  # the data contradict each other: no other worker will fare better
        except (EnvironmentFault, OSError) as error:  # another node may be fit, and may have room for logs and leases
            self._supervisor.close(broken=True)
            return _failed(scenario, error, Fault.MACHINE_UNFIT, counts=False)
        finally:
            self._last_sign = None

    def close(self) -> None:
        """End the server, or let go of one that is not ours; the next scenario starts afresh."""
        self._supervisor.close()

    def _sign(self) -> None:
        self._last_sign = time.monotonic()


def _failed(scenario: ConcreteScenario, error: Exception, kind: str, *, counts: bool) -> Failed:
    name, seed = scenario.name, scenario.seed
    return Failed(scenario.sequence_name, name, seed, str(error), kind, retry=True, counts=counts)


def _errno(error: StoreError) -> int | None:
    """The system's own word beneath the store's."""
    return error.__cause__.errno if isinstance(error.__cause__, OSError) else None
