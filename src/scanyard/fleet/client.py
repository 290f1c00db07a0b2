"""The client's own process: ``python -m scanyard.fleet.client FD PARENT``; ``client_process`` is the other end.

It takes a ``Job`` and then scenarios from the pipe ``FD``, records and seals each, and says where it is.  It may be
aborted by CARLA's library at any moment, which costs one scene: what is sealed is sealed, the rest is swept.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from scanyard.errors import ScanyardError, ServerError
from scanyard.fleet.client_process import Connected, Job, Raised, Stage, Word
from scanyard.fleet.process_group import die_with_parent
from scanyard.fleet.record import record
from scanyard.frame import Frame
from scanyard.scenario.concrete import ConcreteScenario
from scanyard.sim.carla import CarlaSimulator


def main(fd: int, parent: int) -> None:
    """Work until the pipe is closed."""
    faulthandler.enable()  # into the log
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    die_with_parent(parent)
    pipe: Connection[Word, Any] = Connection(fd)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        job = pipe.recv()
        try:
            simulator = CarlaSimulator(job.host, job.port, patience=job.limits.patience, map_folders=(Path(job.maps),))
        except ScanyardError as error:
            pipe.send(_raised(error))
            return
        pipe.send(Connected(simulator.server_version, simulator.embedded))
        try:
            while True:
                _record(pipe, simulator, job, pipe.recv())
        finally:
            with contextlib.suppress(ServerError):  # it may be broken, or gone before us
                simulator.close()


def _record(pipe: Connection[Word, Any], simulator: CarlaSimulator, job: Job, scenario: ConcreteScenario) -> None:
    server = f"{'embedded' if simulator.embedded else 'carla'} {simulator.server_version}"
    try:
        recorded = record(
            scenario,
            _Told(simulator, pipe),
            job.dataset,
            server=server,
            domain=job.domain,
            notes=lambda: _notes(simulator),
        )
    except ScanyardError as error:
        pipe.send(_raised(error))
    else:
        pipe.send(recorded)


@dataclass(frozen=True)
class _Told:
    """A simulator whose progress is told through a pipe."""

    simulator: CarlaSimulator
    pipe: Connection[Word, Any]

    def simulate(self, scenario: ConcreteScenario) -> Iterator[Frame]:
        """Yield the frames of one scenario."""
        with contextlib.closing(self.simulator.simulate(scenario)) as frames:  # type: ignore[type-var]  # a generator
            for frame in frames:
                self.pipe.send(Stage("play"))
                yield frame
        self.pipe.send(Stage("seal"))


def _raised(error: ScanyardError) -> Raised:
    return Raised(error, error.__cause__.errno if isinstance(error.__cause__, OSError) else None)


def _notes(simulator: CarlaSimulator) -> dict[str, Any]:
    """What is worth knowing of the run that just ended, and may differ from run to run."""
    return {
        "warm_up": simulator.warm_up.to_dict(),
        "irregular_packets": dict(simulator.regularity.counts),
        "sensors_spawned": simulator.sensors_spawned,
    }


if __name__ == "__main__":
    code = 0
    try:
        main(int(sys.argv[1]), int(sys.argv[2]))
    except BaseException:  # noqa: BLE001 - told in the log, and by the exit code
        traceback.print_exc()
        code = 1
    # At once: threads of the client's library may be at work, and abort when the interpreter ends around them.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
