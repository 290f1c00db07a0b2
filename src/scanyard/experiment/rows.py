"""Rows for a leaderboard: an arm with a seed on a test split, whatever number of trainings stand behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scanyard.board import DataDeclaration, Entry
from scanyard.evaluation import Evaluation
from scanyard.experiment.arm import ACCEPTED, Job, Result
from scanyard.experiment.recipe import Recipe
from scanyard.experiment.scored import Run
from scanyard.metrics import ScoredFrame, evaluate_mean
from scanyard.split import Split
from scanyard.store import Dataset

MIN_SEEDS = 3
"""Of fewer, how far one training differs from the next is not known: the result is marked as a single run."""


def entries_of(
    recipe: Recipe,
    results: Sequence[tuple[Job, Result]],
    frames_on: Mapping[str, Mapping[Run, Sequence[ScoredFrame]]],
    *,
    splits: Mapping[str, Split],
    datasets: Mapping[str, Dataset],
) -> list[Entry]:
    """One entry per arm, seed and test split, in the order of the recipe; folds make one entry together."""
    return [
        _entry(
            recipe,
            [(job, result) for job, result in results if (job.arm, job.seed) == (arm, seed)],
            {run: frames for run, frames in frames_on[test].items() if run[:2] == (arm, seed)},
            test=test,
            splits=splits,
            datasets=datasets,
        )
        for arm in recipe.arms
        for seed in recipe.seeds
        for test in recipe.test
    ]


def synthetic_share(recipe: Recipe, arm: str, splits: Mapping[str, Split]) -> float:
    """Share of an arm's training samples that were simulated as such."""
    shares = recipe.arms[arm].sample_shares()
    return sum(share for name, share in shares.items() if splits[name].domain == "synthetic")


def _entry(
    recipe: Recipe,
    runs: Sequence[tuple[Job, Result]],
    frames: Mapping[Run, Sequence[ScoredFrame]],
    *,
    test: str,
    splits: Mapping[str, Split],
    datasets: Mapping[str, Dataset],
) -> Entry:
    job, result = runs[0]
    trained = {recipe.splits[name].dataset for name in job.train}
    used = trained | {recipe.splits[test].dataset}
    labelled = [name for name in job.train if splits[name].domain != "synthetic"]
    return Entry(
        detector=str(result.provenance["detector"]),
        arm=job.arm,
        trained_on={name: splits[name].domain for name in job.train},
        evaluated_on=test,
        evaluation=_evaluation(recipe, runs, list(frames.values()), test=test, domain=splits[test].domain),
        steps=job.steps,
        seeds=(job.seed,),
        single_run=len(recipe.seeds) < MIN_SEEDS,
        declaration=DataDeclaration(
            sources=tuple(sorted(datasets[name].name for name in trained)),
            synthetic_share=min(1.0, round(synthetic_share(recipe, job.arm, splits), 6)),
            pretraining="none",
            licences=tuple(sorted({datasets[name].licence for name in trained})),
            label_budget=max(sum(one.train[name].num_frames for name in labelled) for one, _ in runs),
        ),
        datasets={name: datasets[name].digest for name in sorted(used)},
        provenance=_provenance(runs),
    )


def _evaluation(
    recipe: Recipe,
    runs: Sequence[tuple[Job, Result]],
    frames: Sequence[Sequence[ScoredFrame]],
    *,
    test: str,
    domain: str,
) -> Evaluation:
    """That of the one run, or of all folds: scored as one where each saw its own drives, else their mean."""
    if len(runs) == 1:
        return runs[0][1].evaluations[test]
    return evaluate_mean(frames, recipe.protocol, split=test, domain=domain, accepted=ACCEPTED)


def _provenance(runs: Sequence[tuple[Job, Result]]) -> dict[str, Any]:
    first = dict(runs[0][1].provenance)
    if len(runs) == 1:
        return first
    return first | {
        "seconds": round(sum(result.provenance["seconds"] for _, result in runs), 1),
        "files": {
            f"fold{job.fold}/{name}": digest
            for job, result in runs
            for name, digest in result.provenance["files"].items()
        },
        "run": [result.provenance["run"] for _, result in runs],
    }
