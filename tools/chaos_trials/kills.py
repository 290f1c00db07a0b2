"""Kills: workers, servers and clients in batches while a campaign runs, drivers that are then started again.

A batch strikes at a random time after the last, between 0.2 and 3 s; four times in five it waits until something was
sealed since, because a machine on which nothing lives long enough to seal anything proves nothing.
"""

from __future__ import annotations

import contextlib
import random
import signal
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache

import psutil
from outcome import OnProgress, Outcome
from stage import Stage, Traces, command_line

SCENARIOS = 40
"""Per campaign."""
FRAMES = 4
FEW, LONG_FRAMES = SCENARIOS // 2, 24
"""Scenarios so long that a campaign lives until it is struck, also on a machine that does nothing else."""
UNSTRUCK = 3
"""Campaigns in a row that may come to their end before they are struck: a fast machine is no failure."""
DRIVER_KILLS_PER_CAMPAIGN = 3
SEALED_WITHIN_S = 300.0


@dataclass(frozen=True)
class Calm:
    """An undisturbed campaign: one worker, in order."""

    digest: str
    start_s: float
    """From its start to its first sequence: how fast this machine is, whatever else it does."""


@cache
def calm(scenarios: int = SCENARIOS, frames: int = FRAMES) -> Calm:
    """Make the dataset with nobody disturbing."""
    with Stage(range(scenarios), workers=1, frames=frames) as stage:
        began_s = time.monotonic()
        stage.start()
        stage.wait_until(1)
        start_s = time.monotonic() - began_s
        stage.finish()
        traces = stage.traces()
        if not traces.clean or stage.digest is None:
            raise RuntimeError(
                f"an undisturbed campaign failed: {stage.failures} {traces.problems}\n{stage.log_tail()}"
            )
        return Calm(stage.digest, start_s)


def calm_digest(scenarios: int = SCENARIOS, frames: int = FRAMES) -> str:
    """The digest of the dataset as it comes out undisturbed."""
    return calm(scenarios, frames).digest


def kills(n: int, seed: int, on_progress: OnProgress) -> Outcome:
    """SIGKILL ``n`` workers, servers and clients, in batches of one to three."""
    luck = random.Random(f"{seed} kills")
    traces, struck, recoveries_s = Traces(digests={calm_digest()}), Counter[str](), list[float]()
    while (killed := struck.total()) < n:
        with Stage(range(SCENARIOS), workers=2, frames=FRAMES) as stage:
            stage.start()
            while stage.is_running and struck.total() < n:
                stage.wait(luck.uniform(0.2, 3.0))
                batch = strike(stage, luck, min(luck.choice((1, 2, 3)), n - struck.total()))
                if not batch:
                    continue
                struck.update(batch)
                on_progress(struck.total(), f"{stage.state['done']} of {SCENARIOS} sealed in this campaign")
                before_s, done = time.monotonic(), stage.state["done"]
                if luck.random() < 0.8 and stage.wait_until(done + 1, SEALED_WITHIN_S):
                    recoveries_s.append(time.monotonic() - before_s)
            stage.finish()
            conclude(stage, traces)
        if struck.total() == killed:
            traces.problems.append("a campaign ended before anything could be killed")
            break
    return outcome_of(
        "SIGKILL of workers, servers, clients", struck.total(), traces, kills=dict(struck),
        recovery_median_s=round(statistics.median(recoveries_s), 1) if recoveries_s else None,
        recovery_worst_s=round(max(recoveries_s), 1) if recoveries_s else None,
    )  # fmt: skip


def driver_kills(n: int, seed: int, on_progress: OnProgress) -> Outcome:
    """SIGKILL the driver ``n`` times at random points and start it again until all is there."""
    luck = random.Random(f"{seed} drivers")
    traces, killed, gone_s = Traces(digests={calm_digest(FEW, LONG_FRAMES)}), 0, list[float]()
    unstruck = 0
    while killed < n and unstruck < UNSTRUCK:
        before = killed
        with Stage(range(FEW), workers=2, frames=LONG_FRAMES) as stage:
            sealed = 0
            for _ in range(min(DRIVER_KILLS_PER_CAMPAIGN, n - killed)):
                stage.start()
                stage.wait_until(luck.randrange(max(1, (FEW - sealed) // 2)))
                stage.wait(luck.uniform(0.0, 1.0))
                if stage.is_running and stage.state.get("total"):
                    _complain_of_repetition(stage, FEW - sealed, traces)
                if not stage.kill_driver():
                    break
                killed += 1
                since_s = time.monotonic()
                left = stage.left_behind()
                gone_s.append(time.monotonic() - since_s)
                traces.orphans += len(left)
                traces.problems += [f"left behind by the driver: {command_line(one)[:100]}" for one in left]
                sealed = stage.num_sealed()
                on_progress(killed, f"{sealed} of {FEW} sealed, {len(left)} processes left")
            stage.start()
            stage.finish()
            conclude(stage, traces)
        unstruck = unstruck + 1 if killed == before else 0
    if killed < n:
        traces.problems.append(f"{unstruck} campaigns in a row ended before their driver could be killed")
    return outcome_of(
        "SIGKILL of the driver, then resume", killed, traces, driver_kills=killed,
        gone_median_s=round(statistics.median(gone_s), 1) if gone_s else None,
        gone_worst_s=round(max(gone_s), 1) if gone_s else None,
    )  # fmt: skip


def strike(stage: Stage, luck: random.Random, most: int) -> list[str]:
    """SIGKILL up to ``most`` parts of a campaign at once; what they were."""
    alive = [(kind, process) for kind, those in stage.parts().items() for process in those]
    struck = []
    for kind, process in luck.sample(alive, min(most, len(alive))):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
            struck.append(kind)
    return struck


def conclude(stage: Stage, traces: Traces) -> None:
    """What a finished campaign left."""
    traces.add(stage.traces())
    if stage.state.get("quarantined"):
        said = "; ".join(stage.failures[-5:])
        traces.problems.append(f"good scenarios were set aside: {stage.state['quarantined']}; last failures: {said}")
    if stage.digest is None:
        traces.problems.append(f"the driver ended without a digest: {stage.log_tail()}")


def _complain_of_repetition(stage: Stage, missing: int, traces: Traces) -> None:
    if stage.state["total"] != missing:
        traces.problems.append(f"resuming planned {stage.state['total']} scenarios, {missing} were missing")


def outcome_of(name: str, trials: int, traces: Traces, **figures: object) -> Outcome:
    failures = traces.lost_or_doubled + traces.orphans + traces.held_ports + max(0, len(traces.digests) - 1)
    failures = max(failures, len(traces.problems))
    return Outcome(
        name, trials, min(trials, failures), traces.problems,
        {
            "lost_or_doubled": traces.lost_or_doubled, "orphans": traces.orphans, "held_ports": traces.held_ports,
            "digests": sorted(traces.digests), **figures,
        },
    )  # fmt: skip
