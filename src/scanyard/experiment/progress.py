"""How far an experiment is: a small file per run, written by its worker and polled by the driver.

Files outlive a killed driver, need no connection, and can be looked at by hand.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from scanyard.experiment.files import write_json

FILE = "progress.json"
_EVERY_S = 0.5

Phase = Literal["waiting", "training", "testing", "done"]


@dataclass(frozen=True)
class RunProgress:
    """How far one arm with one seed is."""

    arm: str
    seed: int
    phase: Phase
    step: int
    steps: int
    loss: float | None = None
    """Training loss of the last step."""


@dataclass(frozen=True)
class Progress:
    """How far all runs are."""

    runs: tuple[RunProgress, ...]
    elapsed_s: float
    """Since this call of ``run`` began."""
    left_s: float | None
    """Estimate from the steps taken since then; ``None`` before there are any."""

    @property
    def step(self) -> int:
        """Optimiser steps taken by all runs together."""
        return sum(run.step for run in self.runs)

    @property
    def steps(self) -> int:
        """Optimiser steps to be taken by all runs together."""
        return sum(run.steps for run in self.runs)


OnProgress = Callable[[Progress], None]


class ProgressFile:
    """Writes a run's progress, at most twice a second, and at once when the phase changes."""

    def __init__(self, folder: Path, *, arm: str, seed: int, steps: int) -> None:
        self._path = folder / FILE
        self._now = RunProgress(arm, seed, "waiting", 0, steps)
        self._written_s = float("-inf")

    def report(self, phase: Phase, step: int, loss: float | None = None) -> None:
        """Note how far the run is."""
        changed = phase != self._now.phase
        self._now = RunProgress(self._now.arm, self._now.seed, phase, step, self._now.steps, loss)
        if changed or time.monotonic() - self._written_s >= _EVERY_S:
            write_json(self._path, asdict(self._now), durable=False)
            self._written_s = time.monotonic()


def read_progress(folder: Path, *, arm: str, seed: int, steps: int) -> RunProgress:
    """What the worker last wrote in ``folder``; waiting at step 0 where it has not begun."""
    try:
        return RunProgress(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return RunProgress(arm, seed, "waiting", 0, steps)


class Estimate:
    """Turns the runs' progress into time left, from the steps taken since it was made."""

    def __init__(self, runs: Sequence[RunProgress]) -> None:
        self._began_s = time.monotonic()
        self._step_before = sum(run.step for run in runs)

    def progress(self, runs: Sequence[RunProgress]) -> Progress:
        """All runs together, now."""
        elapsed = time.monotonic() - self._began_s
        now = Progress(tuple(runs), elapsed, None)
        taken = now.step - self._step_before
        left = (now.steps - now.step) * elapsed / taken if taken > 0 else None
        return Progress(now.runs, elapsed, left)
