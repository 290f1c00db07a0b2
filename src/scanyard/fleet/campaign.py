"""A campaign hands scenarios to workers until every one is sealed or set aside.

A worker or server that dies or hangs is replaced and its scenario done again; a scenario that fails whoever plays it is
quarantined, and the campaign goes on without it.  Killing the driver loses nothing: what is sealed is in the dataset,
and the next run asks the dataset what is missing.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection

from scanyard.cluster import ray_session
from scanyard.fleet.backlog import MAX_FAILURES, Backlog
from scanyard.fleet.crew import Crew
from scanyard.fleet.outcome import Recorded
from scanyard.fleet.progress import Progress
from scanyard.fleet.report import Report, report
from scanyard.fleet.settings import Deadlines, Settings
from scanyard.scenario.concrete import ConcreteScenario

__all__ = ["MAX_FAILURES", "Deadlines", "Progress", "Settings", "report_of", "run_campaign"]

POLL_S = 0.5
"""How often progress is told while nothing finishes."""


def report_of(progress: Progress, settings: Settings) -> Report:
    """What the campaign made and what that cost."""
    return report(
        progress.recorded,
        progress.failures,
        progress.quarantined,
        seconds=progress.elapsed_s,
        workers=min(settings.workers, max(1, progress.total)),
        gpus=settings.workers * settings.gpus or len(settings.adapters),
    )


def run_campaign(
    scenarios: Collection[ConcreteScenario],
    settings: Settings,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Progress:
    """Record all of ``scenarios`` and return how it went.

    StoreError ends the campaign at once where data contradict each other, and after a while where the disk is full;
    EnvironmentFault and SimulationError where nothing succeeds any more: going on would only fail again.
    """
    progress = Progress(total=len(scenarios))
    if not scenarios:
        return progress
    size = min(settings.workers, len(scenarios))
    with ray_session(settings.address, num_cpus=math.ceil(size * settings.cpus)), contextlib.ExitStack() as exits:
        crew = Crew(settings, size)
        exits.callback(crew.dismiss)
        backlog = Backlog(
            scenarios,
            time.monotonic,
            hands=size,
            disk_patience_s=settings.deadlines.disk_s,
        )
        on_progress(progress)
        while not backlog.is_empty or crew.is_busy:
            crew.assign(backlog.take)
            for seat, scenario, result in crew.results(POLL_S):
                if isinstance(result, Recorded):
                    backlog.succeeded(scenario, seat.host)
                    progress.add(result)
                    continue
                progress.failures.append(result)
                if backlog.failed(scenario, result, seat.host):
                    progress.quarantined.append(result)
            progress.workers, progress.workers_replaced = crew.num_up, crew.replaced
            progress.waits_for_disk = backlog.is_paused
            on_progress(progress)
    return progress
