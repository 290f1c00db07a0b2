"""Hangs: servers, workers and clients stopped with SIGSTOP in the middle of a campaign, which must notice and go on."""

from __future__ import annotations

import contextlib
import random
import signal
import statistics
import time

import psutil
from kills import FEW, LONG_FRAMES, UNSTRUCK, calm, conclude, outcome_of
from outcome import OnProgress, Outcome
from stage import Stage, Traces

PULSE_S, FRAME_S = 6.0, 9.0
"""Deadlines of the campaign: for a worker to answer, and for one that answers to get to the next frame.  On a machine
that takes longer to start an undisturbed campaign they are longer, or nothing would ever get done."""
GRACE_S = 2.0
GIVEN_UP_S = 300.0
STRUCK_WITHIN_S = 5.0
"""As long as a worker takes to come back: strikes come at any moment of that and of a scene."""


def hangs(n: int, seed: int, on_progress: OnProgress) -> Outcome:
    """Stop ``n`` parts, all of one kind at a time, so that the campaign cannot end without having noticed."""
    luck = random.Random(f"{seed} hangs")
    undisturbed = calm(FEW, LONG_FRAMES)
    frame_s = max(FRAME_S, undisturbed.start_s)
    pulse_s = frame_s * PULSE_S / FRAME_S
    at_most_s = frame_s + pulse_s / 3 + GRACE_S  # a pulse is asked for three times per deadline
    traces, stopped, noticed_s, late = Traces(digests={undisturbed.digest}), 0, list[float](), 0
    unstruck = 0
    while stopped < n and unstruck < UNSTRUCK:
        before = stopped
        with Stage(range(FEW), frames=LONG_FRAMES, deadlines={"pulse_s": pulse_s, "frame_s": frame_s}) as stage:
            stage.start()
            while stage.is_running and stopped < n and stage.wait_until(stage.state["done"] + 2):
                stage.wait(luck.uniform(0.0, STRUCK_WITHIN_S))  # or what is tried again would be struck every time
                alive = {kind: those for kind, those in stage.parts().items() if those}
                if not alive:
                    continue
                kind = luck.choice(list(alive))
                victims = alive[kind][: n - stopped]
                noticed = _noticed(stage)
                for process in victims:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.send_signal(signal.SIGSTOP)
                since_s = time.monotonic()
                while stage.is_running and _noticed(stage) == noticed and time.monotonic() - since_s < GIVEN_UP_S:
                    stage.wait(0.1)
                noticed_s.append(time.monotonic() - since_s)
                late += noticed_s[-1] > at_most_s
                stopped += len(victims)
                on_progress(stopped, f"{kind} noticed after {noticed_s[-1]:.1f} s")
            stage.finish()
            conclude(stage, traces)
        unstruck = unstruck + 1 if stopped == before else 0
    if stopped < n:
        traces.problems.append(f"{unstruck} campaigns in a row ended before anything could be stopped")
    if late:
        traces.problems.append(f"{late} hangs were noticed only after {max(noticed_s):.1f} s")
    return outcome_of(
        "SIGSTOP of servers and workers", stopped, traces, hangs=stopped, noticed_allowed_s=round(at_most_s, 1),
        noticed_median_s=round(statistics.median(noticed_s), 1) if noticed_s else None,
        noticed_worst_s=round(max(noticed_s), 1) if noticed_s else None,
    )  # fmt: skip


def _noticed(stage: Stage) -> int:
    """How often the campaign has noticed that something is wrong."""
    return int(stage.state["replaced"] + stage.state.get("failures", 0))
