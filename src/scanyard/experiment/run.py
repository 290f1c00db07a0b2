"""``run``: every arm with every seed, then rows for the leaderboard and the differences between arms.

Only what is missing is done: a run whose result is there under the same digest is taken as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

from scanyard.board import Entry
from scanyard.errors import ScanyardError, StoreError
from scanyard.experiment.arm import Job, Result, load_result
from scanyard.experiment.files import write_json
from scanyard.experiment.laboratory import findings
from scanyard.experiment.plan import plan_jobs
from scanyard.experiment.progress import Estimate, OnProgress, RunProgress, read_progress
from scanyard.experiment.recipe import Recipe
from scanyard.experiment.rows import entries_of, synthetic_share
from scanyard.experiment.scored import DIFFICULTY, Runs, frames_of_runs, measure_runs, of_arm, yardsticks
from scanyard.experiment.splits import resolve_splits
from scanyard.experiment.standings import write_standings
from scanyard.experiment.verdicts import corrected
from scanyard.experiment.workers import work_on_ray
from scanyard.split import Split
from scanyard.store import Dataset, open_dataset
from scanyard.view import Contrast, Findings

ENTRIES, COMPARISON, EXPERIMENT, FINDINGS = "entries.json", "comparison.json", "experiment.json", "findings.json"

Execute = Callable[[Sequence[Job], Callable[[], None]], None]
"""Does all jobs, calling the function it is given from time to time."""


def run(
    recipe: Recipe,
    out: str | Path,
    *,
    datasets: Mapping[str, str | Path] | None = None,
    address: str | None = None,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
    execute: Execute | None = None,
) -> list[Entry]:
    """Do what the recipe says and return an entry per arm, seed and test split.

    ``datasets`` gives other folders than the recipe's.  With ``address`` the runs go to that Ray, whose nodes must see
    ``out`` and the datasets under the same paths; else a local one is started and stopped.  ``execute`` runs the jobs
    some other way.  Leaves ``entries.json``, ``comparison.json``, ``findings.json`` and one folder per run in
    ``out``.

    ScanyardError for anything wrong with recipe, data or machine, before training where it can be known.
    """
    folder = Path(out).resolve()
    opened = {name: open_dataset(path) for name, path in recipe.dataset_folders(datasets).items()}
    splits = resolve_splits(recipe, {name: dataset.sequences for name, dataset in opened.items()})
    jobs = plan_jobs(recipe, opened, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / EXPERIMENT, _describe(recipe, splits, opened))
    except OSError as error:
        raise StoreError(f"{folder}: the experiment cannot be kept there ({error.strerror})") from error

    missing = [job for job in jobs if load_result(job) is None]
    estimate = Estimate(_progress_of(jobs, missing))

    def poll() -> None:
        if on_progress is not None:
            on_progress(estimate.progress(_progress_of(jobs, missing)))

    poll()
    if missing:
        if execute is None:
            work_on_ray(missing, address=address, workers=workers, on_poll=poll)
        else:
            execute(missing, poll)
    results = [(job, _require_result(job)) for job in jobs]
    poll()
    frames_on = {test: frames_of_runs(jobs, test) for test in recipe.test}
    entries = entries_of(recipe, results, frames_on, splits=splits, datasets=opened)
    write_json(folder / ENTRIES, [entry.to_dict() for entry in entries])
    runs_on = {test: measure_runs(frames, recipe) for test, frames in frames_on.items()}
    contrasts = compare(recipe, runs_on, splits)
    write_json(folder / COMPARISON, [asdict(contrast) for contrast in contrasts])
    write_json(folder / FINDINGS, findings(recipe, jobs, runs_on, splits, contrasts).to_dict())
    write_standings(recipe, runs_on, splits, folder)
    return entries


def compare(recipe: Recipe, runs_on: Mapping[str, Runs], splits: Mapping[str, Split]) -> list[Contrast]:
    """Every arm less the baseline on the same frames with drives resampled together: over all seeds, then seed by seed.

    The baseline is the arm that trains on the least synthetic data, and of several on the most frames; differences a
    protocol or the labels cannot give are left out.
    """
    if len(recipe.arms) < 2:
        return []
    baseline = baseline_of(recipe, splits)
    seeds = tuple(recipe.seeds)
    together = [seeds, *((seed,) for seed in seeds)] if len(seeds) > 1 else [seeds]
    contrasts = []
    for test, runs in runs_on.items():
        for arm, by, some in product(recipe.arms, yardsticks(recipe), together):
            ours, theirs = of_arm(runs, arm, some), of_arm(runs, baseline, some)
            if arm == baseline or not runs.has([*ours, *theirs], by.key):
                continue
            difference = runs.difference(ours, theirs, by.key)
            contrasts.append(
                Contrast(
                    arm=arm,
                    baseline=baseline,
                    seeds=some,
                    evaluated_on=test,
                    domain=splits[test].domain,
                    category=by.category,
                    metric=by.metric,
                    iou=by.iou,
                    difficulty=DIFFICULTY,
                    value=difference.value,
                    low=difference.low,
                    high=difference.high,
                    p_value=difference.p_value,
                    detectable=difference.detectable,
                    resampled=difference.resampled,
                )
            )
    return corrected(contrasts)


def baseline_of(recipe: Recipe, splits: Mapping[str, Split]) -> str:
    """The arm that trains on the least synthetic data, and of several on the most frames."""

    def frames(arm: str) -> int:
        return sum(splits[name].num_frames for name in recipe.arms[arm].splits)

    return min(recipe.arms, key=lambda arm: (synthetic_share(recipe, arm, splits), -frames(arm)))


def load_comparison(out: str | Path) -> list[Contrast]:
    """The differences a finished experiment left in ``out``; StoreError when there are none."""
    path = Path(out) / COMPARISON
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [Contrast(**{**data, "seeds": tuple(data["seeds"])}) for data in found]
    except (OSError, json.JSONDecodeError, TypeError, KeyError) as error:
        raise StoreError(f"{path}: no comparison to read ({error}); run the experiment") from error


def load_findings(out: str | Path) -> Findings:
    """What the arms of a finished experiment in ``out`` say together; StoreError when there is nothing."""
    path = Path(out) / FINDINGS
    try:
        return Findings.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError, TypeError, KeyError) as error:
        raise StoreError(f"{path}: no findings to read ({error}); run the experiment") from error


def _describe(recipe: Recipe, splits: Mapping[str, Split], datasets: Mapping[str, Dataset]) -> dict[str, object]:
    return {
        "recipe": recipe.model_dump(exclude={"datasets"}),
        "recipe_digest": recipe.digest,
        "datasets": {
            name: {"name": dataset.name, "domain": dataset.domain, "licence": dataset.licence, "digest": dataset.digest}
            for name, dataset in datasets.items()
        },
        "splits": {
            name: {"domain": split.domain, "frames": split.num_frames, "drives": sorted(split.drives)}
            for name, split in splits.items()
        },
        "folds": [
            {name: sorted(split.drives) for name, split in of_fold.items() if recipe.is_cross_validated(name)}
            for of_fold in (
                resolve_splits(recipe, {name: dataset.sequences for name, dataset in datasets.items()}, fold=fold)
                for fold in range(recipe.folds or 0)
            )
        ],
    }


def _progress_of(jobs: Sequence[Job], missing: Sequence[Job]) -> list[RunProgress]:
    return [
        read_progress(job.folder, arm=job.arm, seed=job.seed, steps=job.steps)
        if job in missing
        else RunProgress(job.arm, job.seed, "done", job.steps, job.steps)
        for job in jobs
    ]


def _require_result(job: Job) -> Result:
    result = load_result(job)
    if result is None:
        raise ScanyardError(f"{job.folder}: the run left no result; run the experiment again")
    return result
