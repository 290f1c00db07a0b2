"""What finished runs found beside the labels, the folds of a cross-validation put together to one test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scanyard.errors import EvaluationError
from scanyard.experiment.arm import Job
from scanyard.experiment.recipe import Recipe
from scanyard.experiment.scoring import scored_frames
from scanyard.metrics import ScoredFrame, SideBySide, side_by_side
from scanyard.metrics.protocols import KittiProtocol, load_protocol

Run = tuple[str, int, int]
"""An arm, a seed, and which of several trainings of that seed: a fold's, where the test is the same in all folds."""
METRICS, DIFFICULTY = ("bev", "3d"), "moderate"
Runs = SideBySide[Run]


@dataclass(frozen=True)
class Yardstick:
    """One average precision that arms are compared by."""

    category: str
    metric: str
    iou: float
    strict: bool
    """At the largest overlap that the protocol has for the category; nearly every arm does well at a looser one."""

    @property
    def key(self) -> tuple[str, str, str, float, None]:
        """What the numbers of runs go by."""
        return self.metric, self.category, DIFFICULTY, self.iou, None


def yardsticks(recipe: Recipe) -> list[Yardstick]:
    """What a recipe's arms are compared by: for each category the strictest overlap first, and from above first.

    EvaluationError where its protocol does not score that.
    """
    protocol = load_protocol(recipe.protocol)
    if not isinstance(protocol, KittiProtocol) or not set(METRICS) <= set(protocol.metrics):
        raise EvaluationError(
            f"protocol {protocol.name}: an experiment compares its arms by bev and 3d average precision, which it does "
            "not score; use kitti_r40 or kitti_r11, and scanyard evaluate for the others"
        )
    for name in recipe.compare_by:
        if name not in protocol.categories:
            raise EvaluationError(
                f"recipe {recipe.name}: compare_by has {name!r}, which protocol {protocol.name} does not score; "
                f"expected some of {list(protocol.categories)}"
            )
    return [
        Yardstick(name, metric, overlap, strict=overlap == max(protocol.category(name).overlaps))
        for name in recipe.compare_by
        for overlap in sorted(protocol.category(name).overlaps, reverse=True)
        for metric in METRICS
    ]


def frames_of_runs(jobs: Sequence[Job], test: str) -> dict[Run, list[ScoredFrame]]:
    """The scored frames of every run on a test split, in the jobs' order."""
    frames: dict[Run, list[ScoredFrame]] = {}
    for job in jobs:
        part = 0 if job.fold is None or test in job.pooled else job.fold
        found = scored_frames(job.detections(test), job.test[test].open())
        frames.setdefault((job.arm, job.seed, part), []).extend(found)
    return frames


def measure_runs(frames: dict[Run, list[ScoredFrame]], recipe: Recipe) -> Runs:
    """Every run measured once, under the same resamples of drives."""
    return side_by_side(frames, recipe.protocol, categories=recipe.compare_by)


def of_arm(runs: Runs, arm: str, seeds: Sequence[int]) -> list[Run]:
    """The runs of an arm with these seeds."""
    return [run for run in runs.measured if run[0] == arm and run[1] in seeds]
