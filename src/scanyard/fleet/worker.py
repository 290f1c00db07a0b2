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
            if not _is_full(error):
                raise  # the data contradict each other: no other worker will fare better
            return _failed(scenario, error, DISK_FULL)
        except (EnvironmentFault, OSError) as error:  # another node may be fit
            self._supervisor.close(broken=True)
            return _failed(scenario, error, DISK_FULL if _is_full(error) else Fault.MACHINE_UNFIT)
        finally:
            self._last_sign = None

    def close(self) -> None:
        """End the server, or let go of one that is not ours; the next scenario starts afresh."""
        self._supervisor.close()

    def _sign(self) -> None:
        self._last_sign = time.monotonic()


def _failed(scenario: ConcreteScenario, error: Exception, kind: str) -> Failed:
    name, seed = scenario.name, scenario.seed
    return Failed(scenario.sequence_name, name, seed, str(error), kind, retry=True, counts=False)


def _is_full(error: Exception) -> bool:
    """Whether there was no room, for what is recorded or for leases and logs; our words have the system's beneath."""
    return any(
        isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT) for one in (error, error.__cause__)
    )
