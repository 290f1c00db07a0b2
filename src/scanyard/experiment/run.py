"""``run``: every arm with every seed, then rows for the leaderboard and the differences between arms.

Only what is missing is done: a run whose result is there under the same digest is taken as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

from scanyard.board import DataDeclaration, Entry
from scanyard.errors import EvaluationError, ScanyardError, StoreError
from scanyard.experiment.arm import Job, Result, SplitPart, StagePlan, code_digest, load_result
from scanyard.experiment.files import write_json
from scanyard.experiment.progress import Estimate, OnProgress, RunProgress, read_progress
from scanyard.experiment.recipe import Recipe
from scanyard.experiment.scoring import scored_frames
from scanyard.experiment.splits import resolve_splits
from scanyard.experiment.workers import work_on_ray
from scanyard.metrics import side_by_side
from scanyard.metrics.protocols import KittiProtocol, Protocol, load_protocol
from scanyard.sequence import PickedFrames
from scanyard.split import Split
from scanyard.store import Dataset, open_dataset
from scanyard.view import Contrast

ENTRIES, COMPARISON, EXPERIMENT = "entries.json", "comparison.json", "experiment.json"
_COMPARED = (("bev", 0.7), ("3d", 0.7), ("bev", 0.5), ("3d", 0.5))
_CATEGORY, _DIFFICULTY = "car", "moderate"

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
    some other way.  Leaves ``entries.json``, ``comparison.json`` and one folder per run in ``out``.

    ScanyardError for anything wrong with recipe, data or machine, before training where it can be known.
    """
    folder = Path(out).resolve()
    opened = {name: open_dataset(path) for name, path in recipe.dataset_folders(datasets).items()}
    splits = resolve_splits(recipe, {name: dataset.sequences for name, dataset in opened.items()})
    jobs = plan_jobs(recipe, splits, opened, folder)
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
    results = [_require_result(job) for job in jobs]
    poll()
    entries = [
        _entry(recipe, job, result, test=name, splits=splits, datasets=opened)
        for job, result in zip(jobs, results, strict=True)
        for name in recipe.test
    ]
    write_json(folder / ENTRIES, [entry.to_dict() for entry in entries])
    write_json(folder / COMPARISON, [asdict(contrast) for contrast in compare(recipe, jobs, splits)])
    return entries


def plan_jobs(recipe: Recipe, splits: Mapping[str, Split], datasets: Mapping[str, Dataset], out: Path) -> list[Job]:
    """One job per arm and seed, arms in the recipe's order.  InputError for detector settings that do not exist."""
    from scanyard.detect import TrainRecipe  # noqa: PLC0415  # imports torch, which --help need not wait for

    _require_compared(load_protocol(recipe.protocol))  # known before anything is trained
    shared = {**recipe.detector, "batch_size": recipe.batch_size}
    settings = TrainRecipe.from_dict({**shared, "steps": recipe.steps}).to_dict()
    settings = {name: value for name, value in settings.items() if name not in ("steps", "seed")}
    code = code_digest()
    parts = {name: _part(split, datasets[recipe.splits[name].dataset]) for name, split in splits.items()}
    return [
        Job(
            arm=name,
            seed=seed,
            stages=tuple(
                StagePlan(steps, dict(stage.mix), stage.learning_rate)
                for stage, steps in zip(arm.stages, arm.stage_steps(recipe.steps), strict=True)
            ),
            settings=settings,
            train={split: parts[split] for split in arm.splits},
            test={split: parts[split] for split in recipe.test},
            protocol=recipe.protocol,
            code=code,
            out=out,
        )
        for name, arm in recipe.arms.items()
        for seed in recipe.seeds
    ]


def _require_compared(protocol: Protocol) -> None:
    if not isinstance(protocol, KittiProtocol) or not {metric for metric, _ in _COMPARED} <= set(protocol.metrics):
        raise EvaluationError(
            f"protocol {protocol.name}: an experiment compares its arms by bev and 3d average precision, which it does "
            "not score; use kitti_r40 or kitti_r11, and scanyard evaluate for the others"
        )


def _part(split: Split, dataset: Dataset) -> SplitPart:
    stored = [dataset.sequences[sequence.info.name] for sequence in split.sequences]
    return SplitPart(
        split.name,
        {str(sequence.folder): sequence.seal.digest for sequence in stored},
        {
            str(sequence.folder): used.indices
            for sequence, used in zip(stored, split.sequences, strict=True)
            if isinstance(used, PickedFrames)
        },
    )


def compare(recipe: Recipe, jobs: Sequence[Job], splits: Mapping[str, Split]) -> list[Contrast]:
    """Every arm less the baseline on the same frames with drives resampled together: over all seeds, then seed by seed.

    The baseline is the arm that trains on the least synthetic data, and of several on the most frames; differences a
    protocol or the labels cannot give are left out.
    """
    if len(recipe.arms) < 2:
        return []
    baseline = min(recipe.arms, key=lambda arm: (synthetic_share(recipe, arm, splits), -_frames(recipe, arm, splits)))
    seeds = tuple(recipe.seeds)
    together = [seeds, *((seed,) for seed in seeds)] if len(seeds) > 1 else [seeds]
    contrasts = []
    for test in recipe.test:
        runs = side_by_side(
            {(job.arm, job.seed): scored_frames(job.detections(test), splits[test]) for job in jobs},
            recipe.protocol,
            categories=(_CATEGORY,),
        )
        for arm, (metric, iou), some in product(recipe.arms, _COMPARED, together):
            key = (metric, _CATEGORY, _DIFFICULTY, iou, None)
            ours, theirs = [(arm, seed) for seed in some], [(baseline, seed) for seed in some]
            if arm == baseline or not runs.has([*ours, *theirs], key):
                continue
            difference = runs.difference(ours, theirs, key)
            contrasts.append(
                Contrast(
                    arm=arm,
                    baseline=baseline,
                    seeds=some,
                    evaluated_on=test,
                    domain=splits[test].domain,
                    metric=metric,
                    iou=iou,
                    difficulty=_DIFFICULTY,
                    value=difference.value,
                    low=difference.low,
                    high=difference.high,
                )
            )
    return contrasts


def load_comparison(out: str | Path) -> list[Contrast]:
    """The differences a finished experiment left in ``out``; StoreError when there are none."""
    path = Path(out) / COMPARISON
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [Contrast(**{**data, "seeds": tuple(data["seeds"])}) for data in found]
    except (OSError, json.JSONDecodeError, TypeError, KeyError) as error:
        raise StoreError(f"{path}: no comparison to read ({error}); run the experiment") from error


def synthetic_share(recipe: Recipe, arm: str, splits: Mapping[str, Split]) -> float:
    """Share of an arm's training samples that were simulated as such."""
    shares = recipe.arms[arm].sample_shares()
    return sum(share for name, share in shares.items() if splits[name].domain == "synthetic")


def _frames(recipe: Recipe, arm: str, splits: Mapping[str, Split]) -> int:
    return sum(splits[name].num_frames for name in recipe.arms[arm].splits)


def _entry(
    recipe: Recipe,
    job: Job,
    result: Result,
    *,
    test: str,
    splits: Mapping[str, Split],
    datasets: Mapping[str, Dataset],
) -> Entry:
    trained = {recipe.splits[name].dataset for name in job.train}
    used = trained | {recipe.splits[test].dataset}
    return Entry(
        detector=str(result.provenance["detector"]),
        arm=job.arm,
        trained_on={name: splits[name].domain for name in job.train},
        evaluated_on=test,
        evaluation=result.evaluations[test],
        steps=job.steps,
        seeds=(job.seed,),
        single_run=len(recipe.seeds) == 1,
        declaration=DataDeclaration(
            sources=tuple(sorted(datasets[name].name for name in trained)),
            synthetic_share=min(1.0, round(synthetic_share(recipe, job.arm, splits), 6)),
            pretraining="none",
            licences=tuple(sorted({datasets[name].licence for name in trained})),
            label_budget=sum(splits[name].num_frames for name in job.train if splits[name].domain != "synthetic"),
        ),
        datasets={name: datasets[name].digest for name in sorted(used)},
        provenance=dict(result.provenance),
    )


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
