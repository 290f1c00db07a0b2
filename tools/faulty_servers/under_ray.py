"""The same faults under Ray: a campaign of one worker instead of a supervisor alone.

What a campaign adds to the supervisor is tried along: the worker's process, the way a failure travels to the driver,
and what becomes of the scenario there.  Left out are the kinds in which somebody strikes the client at a certain
moment, for which it has to be at hand, and a server that never lives, of which a campaign tires slowly.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import psutil
from matrix import ROOT, Kind, alive, start_script

from scanyard.cluster import ray_session
from scanyard.fleet.campaign import Progress, Settings, run_campaign
from scanyard.fleet.limits import Limits
from scanyard.fleet.outcome import Failed, Recorded
from scanyard.scenario import ConcreteScenario
from scanyard.store import create_dataset, sweep_staging

GONE_S = 10.0
"""For a server whose worker was ended to be gone as well: its guard gives it half of that."""


def kinds_for_ray(kinds: Iterable[Kind]) -> list[Kind]:
    """Those that a campaign can be left alone with."""
    return [kind for kind in kinds if kind.strike is None and kind.times == 1]


@contextlib.contextmanager
def ray_for_all() -> Iterator[None]:
    """One Ray for all kinds: campaigns use the one that runs."""
    with ray_session(None, num_cpus=1):
        yield


def played_under_ray(
    folder: Path, kind: Kind, scenarios: Sequence[ConcreteScenario]
) -> tuple[list[Recorded | Failed], set[int], set[int]]:
    """All results, and the process groups and ports that were in use."""
    folder.mkdir(parents=True)
    create_dataset(folder / "set", name="faults", licence="CC0-1.0")
    settings = Settings(
        dataset=str(folder / "set"),
        maps=str(ROOT / "scenarios" / "maps"),
        logs=str(folder / "logs"),
        carla=str(start_script(folder, kind)),
        limits=Limits(**{"retry_delay_s": 0.1, **kind.limits}),
    )
    groups: set[int] = set()

    def look(_: Progress) -> None:
        groups.update(_groups_that_log_to(folder / "logs"))

    progress = run_campaign(scenarios, settings, look)
    sweep_staging(folder / "set")
    results: list[Recorded | Failed] = [*progress.recorded, *progress.failures]
    groups |= {result.upkeep.server_pid for result in results if result.upkeep.server_pid is not None}
    deadline = time.monotonic() + GONE_S
    while any(map(alive, groups)) and time.monotonic() < deadline:
        time.sleep(0.05)
    servers = [int(log.stem.split("-")[1]) for log in (folder / "logs").glob("server-*.log")]
    return results, groups, {port for first in servers for port in (first, first + 1)}


def _groups_that_log_to(folder: Path) -> set[int]:
    """Servers and clients, wherever they hang in the tree of processes: their output goes to a log of ours."""
    groups = set()
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if Path(f"/proc/{process.pid}/fd/1").readlink().parent == folder:
                groups.add(os.getpgid(process.pid))
    return groups
