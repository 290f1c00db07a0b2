"""What finished runs found beside the labels, the folds of a cross-validation put together to one test."""

from __future__ import annotations

from collections.abc import Sequence

from scanyard.experiment.arm import Job
from scanyard.experiment.scoring import scored_frames
from scanyard.metrics import ScoredFrame, SideBySide, side_by_side

Run = tuple[str, int, int]
"""An arm, a seed, and which of several trainings of that seed: a fold's, where the test is the same in all folds."""
CATEGORY, DIFFICULTY = "car", "moderate"
Runs = SideBySide[Run]


def key_of(metric: str, iou: float) -> tuple[str, str, str, float, None]:
    """What arms are compared by, as the numbers of runs are called."""
    return metric, CATEGORY, DIFFICULTY, iou, None


def frames_of_runs(jobs: Sequence[Job], test: str) -> dict[Run, list[ScoredFrame]]:
    """The scored frames of every run on a test split, in the jobs' order."""
    frames: dict[Run, list[ScoredFrame]] = {}
    for job in jobs:
        part = 0 if job.fold is None or test in job.pooled else job.fold
        found = scored_frames(job.detections(test), job.test[test].open())
        frames.setdefault((job.arm, job.seed, part), []).extend(found)
    return frames


def measure_runs(frames: dict[Run, list[ScoredFrame]], protocol: str) -> Runs:
    """Every run measured once, under the same resamples of drives."""
    return side_by_side(frames, protocol, categories=(CATEGORY,))


def of_arm(runs: Runs, arm: str, seeds: Sequence[int]) -> list[Run]:
    """The runs of an arm with these seeds."""
    return [run for run in runs.measured if run[0] == arm and run[1] in seeds]
