"""The real thing once: Ray, the detector's own training, and nothing left over."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from scanyard.experiment import Progress, load_recipe, run
from scanyard.experiment.workers import workers_for


@pytest.mark.parametrize(("jobs", "cores", "workers"), [(3, 2, 1), (4, 2, 2), (3, 16, 3), (6, 4, 3), (1, 8, 1)])
def test_workers_leave_no_core_idle_in_the_last_round(jobs: int, cores: int, workers: int) -> None:
    assert workers_for(jobs, cores) == workers


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray leaves its own log files open
def test_ray_runs_the_arms_and_leaves_no_process(
    recipe_with: Callable[..., Path], datasets: Path, tmp_path: Path
) -> None:
    recipe = load_recipe(
        recipe_with(("steps: 20", "steps: 12"), ("share: 0.5", "share: 0.25"), ("steps: 0.7", "steps: 0.5"),
                    ("steps: 0.3", "steps: 0.5"))
    )  # fmt: skip
    seen: list[Progress] = []
    entries = run(
        recipe,
        tmp_path / "out",
        datasets={name: datasets / name for name in ("synthetic", "real")},
        workers=2,
        on_progress=seen.append,
    )
    assert [entry.arm for entry in entries] == ["synthetic", "real", "mixed"]
    assert {entry.detector for entry in entries} == {"pillars"}
    assert seen[-1].step == seen[-1].steps == 36
    assert _ours_after(5.0) == []


def _ours_after(patience_s: float) -> list[str]:
    """Command lines of Ray processes among our descendants, once the given time has passed or there are none."""
    until = time.monotonic() + patience_s
    while True:
        children = psutil.Process(os.getpid()).children(recursive=True)
        left = [" ".join(_cmdline(child)) for child in children]
        left = [line for line in left if "ray" in line]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.1)


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return [] if process.status() == psutil.STATUS_ZOMBIE else process.cmdline()
    except psutil.NoSuchProcess:
        return []
