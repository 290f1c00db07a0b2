"""What a finished experiment looks like: its rows on a leaderboard, and the report with pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from scanyard.board import Entry, add_entries, write_page
from scanyard.detections import read_detections
from scanyard.errors import StoreError
from scanyard.experiment.arm import Job, load_losses, load_result
from scanyard.experiment.plan import plan_jobs
from scanyard.experiment.recipe import Recipe
from scanyard.experiment.rows import MIN_SEEDS
from scanyard.experiment.run import ENTRIES, EXPERIMENT, load_comparison, load_findings
from scanyard.experiment.scored import frames_of_runs
from scanyard.experiment.scoring import causes_of
from scanyard.experiment.splits import resolve_splits
from scanyard.experiment.standings import load_standings
from scanyard.sequence import SensorSequence
from scanyard.split import Split
from scanyard.store import Dataset, open_dataset
from scanyard.view import Detections, LossCurve, SourceCard, write_report

REPORT, PAGE, BOARD = "report.html", "leaderboard.html", "leaderboard.sqlite"
_FOLDED = "folds of whole drives, each tested by detectors that were trained without it"


def publish(
    recipe: Recipe,
    out: str | Path,
    *,
    datasets: Mapping[str, str | Path] | None = None,
    board: str | Path | None = None,
    title: str | None = None,
) -> tuple[Path, Path]:
    """Add the entries in ``out`` to the leaderboard and write both pages: (report, leaderboard page).

    ``board`` is the leaderboard's file, by default one in ``out``.  StoreError when the experiment is not finished.
    """
    folder = Path(out).resolve()
    opened = {name: open_dataset(path) for name, path in recipe.dataset_folders(datasets).items()}
    splits = resolve_splits(recipe, {name: dataset.sequences for name, dataset in opened.items()})
    jobs = plan_jobs(recipe, opened, folder)
    entries = load_entries(folder)
    _require_same_recipe(recipe, folder)
    if unfinished := [f"{job.arm} seed {job.seed}" for job in jobs if load_result(job) is None]:
        raise StoreError(f"{folder}: no result of {', '.join(unfinished)} under this recipe, data and code; run it")
    best = _best(entries)
    shown = [job for job in jobs if (job.arm, (job.seed,)) == (best.arm, best.seeds)]
    report = write_report(
        folder / REPORT,
        title=title or recipe.description or recipe.name,
        sequences=_recordings(recipe, splits),
        entries=entries,
        differences=load_comparison(folder),
        findings=load_findings(folder),
        standings=load_standings(folder),
        curves=[_curve(job) for job in jobs],
        detections=_detections(shown),
        shown_detector=f"arm {best.arm}",
        categories=recipe.compare_by,
        sources=[_card(name, dataset) for name, dataset in opened.items()],
        facts=_facts(recipe, jobs, entries, splits),
        causes={
            f"arm {best.arm} on {test}": causes_of(frames, splits[test], protocol=recipe.protocol, slices=recipe.slices)
            for test in recipe.test
            for frames in list(frames_of_runs(shown, test).values())[:1]
        },
    )
    database = Path(board) if board is not None else folder / BOARD
    add_entries(database, entries)
    return report, write_page(database, folder / PAGE)


def _require_same_recipe(recipe: Recipe, folder: Path) -> None:
    try:
        found = json.loads((folder / EXPERIMENT).read_text(encoding="utf-8"))["recipe_digest"]
    except (OSError, json.JSONDecodeError, KeyError) as error:
        raise StoreError(f"{folder}: holds no experiment ({error}); run the experiment first") from error
    if found != recipe.digest:
        raise StoreError(f"{folder}: holds an experiment of another recipe; run the experiment of {recipe.name} there")


def load_entries(out: str | Path) -> list[Entry]:
    """The entries a finished experiment left in ``out``; StoreError when there are none."""
    path = Path(out) / ENTRIES
    try:
        return [Entry.from_dict(data) for data in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, json.JSONDecodeError) as error:
        raise StoreError(f"{path}: no entries to read ({error}); run the experiment") from error


def _best(entries: Sequence[Entry]) -> Entry:
    """The entry with the highest mean over all its moderate scores: whose detections the pictures show."""

    def mean(entry: Entry) -> float:
        values = [score.value for score in entry.evaluation.scores if score.difficulty == "moderate"]
        return sum(values) / len(values) if values else 0.0

    return max(entries, key=mean)


def _recordings(recipe: Recipe, splits: Mapping[str, Split]) -> dict[str, Sequence[SensorSequence]]:
    """What the experiment used, by dataset."""
    used = [*(name for arm in recipe.arms.values() for name in arm.splits), *recipe.test]
    recordings: dict[str, dict[str, SensorSequence]] = {}
    for name in used:
        of_dataset = recordings.setdefault(recipe.splits[name].dataset, {})
        of_dataset.update({sequence.info.name: sequence for sequence in splits[name].sequences})
    return {dataset: list(sequences.values()) for dataset, sequences in recordings.items()}


def _curve(job: Job) -> LossCurve:
    points = load_losses(job)
    return LossCurve(job.arm, job.seed, [step for step, _ in points], [loss for _, loss in points])


def _detections(jobs: Sequence[Job]) -> Detections:
    """What the runs of one arm and seed found, each in the test frames it did not train on."""
    return {
        (frame.sequence, frame.index): frame.boxes
        for job in jobs
        for test in job.test
        for frame in read_detections(job.detections(test)).frames
    }


def _card(name: str, dataset: Dataset) -> SourceCard:
    sequences = dataset.sequences.values()
    licences = sorted({dataset.licence, *(sequence.info.licence for sequence in sequences)})
    return SourceCard(
        name=name,
        domain=dataset.domain,
        licence=", ".join(licences),
        digest=dataset.digest,
        num_sequences=len(sequences),
        num_frames=dataset.num_frames,
        num_drives=len({sequence.info.drive for sequence in sequences}),
    )


def _facts(
    recipe: Recipe, jobs: Sequence[Job], entries: Sequence[Entry], splits: Mapping[str, Split]
) -> dict[str, str]:
    trained = {name for job in jobs for name in job.train}
    provenance = entries[0].provenance
    return {
        "recipe": f"{recipe.name}, digest {recipe.digest[:16]}",
        "steps": f"{recipe.steps} optimiser steps of {recipe.batch_size} frames for every arm",
        "seeds": ", ".join(map(str, recipe.seeds)) + (" (single run)" if len(recipe.seeds) < MIN_SEEDS else ""),
        **{
            f"split {name}": f"{split.num_frames} frames of {len(split.drives)} drives, {split.domain}"
            + (", not real" if split.domain == "stand-in" else "")
            for name, split in splits.items()
            if name in trained or name in recipe.test
        },
        **({"cross-validation": f"{recipe.folds} {_FOLDED}"} if recipe.folds else {}),
        "protocol": recipe.protocol,
        "versions": f"scanyard {metadata.version('scanyard')}, torch {provenance.get('torch', 'unknown')}, "
        f"numpy {provenance.get('numpy', 'unknown')}",
        "runs": ", ".join(f"{job.folder.name}" for job in jobs),
    }
