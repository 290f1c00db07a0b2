"""``scanyard train``, ``detect``, ``experiment``, ``leaderboard``: frames to rows with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanyard.cli.progress import progress
from scanyard.errors import InputError

if TYPE_CHECKING:
    from scanyard.board import Entry
    from scanyard.evaluation import Evaluation, Score
    from scanyard.experiment import RunProgress
    from scanyard.split import Split

DatasetPath = Annotated[Path, typer.Argument(help="Dataset folder.")]
Drives = Annotated[list[str] | None, typer.Option("--drive", help="Only this drive; may be given several times.")]


def train(
    dataset: DatasetPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="Checkpoint to write (.safetensors).")],
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 1500,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    drive: Drives = None,
    category: Annotated[
        list[str] | None, typer.Option(help="What to detect, car unless given; repeatable: pedestrian, cyclist.")
    ] = None,
    intensity: Annotated[
        bool, typer.Option("--intensity", help="See the returns' intensity too; every sweep must have it.")
    ] = False,
    start_from: Annotated[
        Path | None, typer.Option(help="Checkpoint to go on from, with its categories and inputs: fine-tuning.")
    ] = None,
) -> None:
    """Train a pillar detector on a dataset.

    Example: scanyard train out/synthetic --out out/three.safetensors --category car --category pedestrian
    """
    from scanyard import detect as detectors

    split = open_split(dataset, drive)
    start = detectors.load_detector(start_from) if start_from else None
    basis = detectors.TrainRecipe() if start is None else start.recipe
    recipe = detectors.TrainRecipe(
        steps=steps,
        seed=seed,
        categories=tuple(category or basis.categories),
        use_intensity=intensity or basis.use_intensity,
    )
    with progress(f"train on {split.name}") as advance:
        trained = detectors.train(
            [detectors.Source(split.sequences, 1.0)],
            recipe,
            start_from=start,
            on_progress=lambda step, total, loss: advance(step, total, f"loss {loss:.3f}"),
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    trained.save(out)
    print(out)


def detect(
    dataset: DatasetPath,
    checkpoint: Annotated[Path, typer.Option(help="Detector to use (.safetensors).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Detections file to write (.json).")],
    drive: Drives = None,
) -> None:
    """Run a detector over a dataset and save what it finds.

    Example: scanyard detect out/real --checkpoint out/synthetic.safetensors --out out/found.json
    """
    from scanyard import detect as detectors
    from scanyard.experiment.scoring import detect_frames

    split = open_split(dataset, drive)
    detector = detectors.load_detector(checkpoint)
    out.parent.mkdir(parents=True, exist_ok=True)
    with progress(f"detect in {split.name}") as advance:
        detect_frames(detector, split, out, on_progress=lambda done, total: advance(done, total, ""))
    print(out)


def experiment(
    recipe: Annotated[Path, typer.Argument(help="Recipe YAML.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for runs, results, report and leaderboard.")],
    dataset: Annotated[
        list[str] | None, typer.Option(help="NAME=FOLDER, instead of the folder the recipe gives; repeatable.")
    ] = None,
    real: Annotated[
        Path | None, typer.Option(help="KITTI folder, for a recipe that says which of its datasets comes from there.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Runs at the same time.")] = None,
    address: Annotated[str | None, typer.Option(help="A Ray cluster to use instead of this machine.")] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would run, how many steps and for how long.")
    ] = False,
) -> None:
    """Train every arm of a recipe, test each on the same unseen drives, and write report and leaderboard.

    Datasets that the recipe has a source for are made below OUT first.

    Example: scanyard experiment scenarios/recipes/demo.yaml --out out/demo --dataset real=out/real
    """
    from scanyard import experiment as room
    from scanyard.cli.laboratory import make_datasets, place_of, print_plan

    folders = {}
    for item in dataset or []:
        name, equals, folder = item.partition("=")
        if not equals:
            raise InputError(f"--dataset {item!r}: expected NAME=FOLDER, such as real=out/real")
        folders[name] = Path(folder)
    loaded = room.load_recipe(recipe)
    loaded.dataset_folders(folders)  # a name the recipe does not have is refused before anything is made
    places = place_of(loaded, out, folders)
    if plan:
        print_plan(loaded, places, out, workers=workers)
        return
    make_datasets(loaded, places, real, given=folders, workers=workers)
    run_experiment(recipe, out, places, workers=workers, address=address)


def leaderboard(
    database: Annotated[Path, typer.Argument(help="Leaderboard database (.sqlite).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Page to write (.html).")] = Path("leaderboard.html"),
) -> None:
    """Write the leaderboard page from the entries in a database.

    Example: scanyard leaderboard out/demo/leaderboard.sqlite --out leaderboard.html
    """
    from scanyard.board import write_page

    if not database.is_file():
        raise InputError(f"{database}: no such leaderboard; scanyard experiment writes one")
    print(write_page(database, out))


def open_split(dataset: Path, drives: Sequence[str] | None) -> Split:
    """The sequences of a dataset as a split, narrowed to some drives; InputError names unknown ones."""
    from scanyard.split import Split
    from scanyard.store import open_dataset

    sequences = list(open_dataset(dataset).sequences.values())
    known = {sequence.info.drive for sequence in sequences}
    if unknown := sorted(set(drives or ()) - known):
        raise InputError(f"{dataset}: has no drive {unknown}; it has {sorted(known)}")
    if drives:
        sequences = [sequence for sequence in sequences if sequence.info.drive in drives]
    return Split(dataset.name, tuple(sequences))


def domain_label(domain: str) -> str:
    """How a domain is shown; a stand-in is never shown without saying so."""
    return "stand-in, not real" if domain == "stand-in" else domain


def print_evaluation(evaluation: Evaluation) -> None:
    """A table of all scores."""
    from rich.console import Console
    from rich.table import Table

    title = (
        f"{evaluation.protocol} on {evaluation.split} ({domain_label(evaluation.domain)}): "
        f"{evaluation.num_frames} frames, {evaluation.num_drives} drives, {evaluation.how_sure}"
    )
    table = Table("category", "metric", "difficulty", "value", f"{evaluation.interval_level:.0%} interval", "labels")
    for score in evaluation.scores:
        table.add_row(
            score.category,
            score.metric + _matched_at(score),
            score.difficulty,
            f"{score.value:.2f}" if score.unit in ("percent", "1") else f"{score.value:.2f} {score.unit}",
            interval(score.low, score.high),
            str(score.num_labels),
        )
    console = Console(markup=False)  # or "[too few drives]" is taken for a style
    console.print(title)
    console.print(table)
    for note in evaluation.notes:
        console.print(f"note: {note}")


def _matched_at(score: Score) -> str:
    """From which overlap, or within which distance, a detection counted as found."""
    if score.iou is not None:
        return f"@{score.iou:g}"
    return "" if score.distance_m is None else f"@{score.distance_m:g} m"


def print_entries(entries: Sequence[Entry], category: str) -> None:
    """The train-on × test-on rows of one category."""
    from rich.console import Console
    from rich.table import Table

    shown = list(dict.fromkeys(at for entry in entries for at in entry.evaluation.precisions(category, "moderate")))
    heads = [f"{category} {metric}@{iou:g} moderate" for metric, iou in shown] or [f"{category} moderate: no labels"]
    table = Table("trained on", "tested on", "steps", *heads)
    for entry in entries:
        cells = []
        for metric, iou in shown:
            try:
                score = entry.evaluation.score(metric, iou, "moderate", category)
            except KeyError:  # nothing to find at that difficulty
                cells.append("no labels")
            else:
                cells.append(f"{score.value:.1f} {interval(score.low, score.high)}")
        name = entry.arm + (f", seed {entry.seeds[0]}" if len(entry.seeds) == 1 else "")
        name += (" (single run)" if entry.single_run else "") + (" (hardly trained)" if entry.evaluation.astray else "")
        table.add_row(name, f"{entry.evaluated_on} ({domain_label(entry.domain)})", str(entry.steps), *cells)
    Console(width=140, markup=False).print(table)


def interval(low: float | None, high: float | None) -> str:
    """An interval, or why there is none."""
    return "[too few drives]" if low is None or high is None else f"[{low:.1f}, {high:.1f}]"


def run_experiment(
    recipe: Path, out: Path, folders: dict[str, Path], *, workers: int | None = None, address: str | None = None
) -> Path:
    """Run a recipe, print its rows, and write report and leaderboard under ``out``; the report's path."""
    from scanyard import experiment as room
    from scanyard.view import at_strictest, over_all_seeds

    loaded = room.load_recipe(recipe)
    with progress(f"experiment {loaded.name}") as advance:

        def show(state: room.Progress) -> None:
            working = [f"{run.arm} {_loss(run)}" for run in state.runs if run.phase in ("training", "testing")]
            advance(state.step, state.steps, ", ".join(working))

        entries = room.run(loaded, out, datasets=folders, address=address, workers=workers, on_progress=show)
    for category in loaded.compare_by:
        print_entries(entries, category)
    for contrast in at_strictest(over_all_seeds(room.load_comparison(out))):
        where = f"{contrast.evaluated_on} ({domain_label(contrast.domain)})"
        what = f"{contrast.category} {contrast.metric}@{contrast.iou:g} {contrast.difficulty}"
        difference = f"{contrast.value:+.1f} {interval(contrast.low, contrast.high)}"
        company = f" (Holm, {contrast.compared} arms)" if contrast.compared > 1 else ""
        chance = "" if contrast.corrected_p is None else f", p {contrast.corrected_p:.3f}{company}"
        print(
            f"{contrast.arm} less {contrast.baseline} on {where}, {what}, {contrast.trainings}: {difference}"
            f"{chance}: {contrast.verdict}"
        )
    found = room.load_findings(out)
    for sentence in (*found.sentences, *(f"{one.sentence} {one.gain}" for one in found.equivalents), *found.notes):
        print(sentence)
    report, board = room.publish(loaded, out, datasets=folders)
    print(f"leaderboard: {board}\nreport: {report}")
    return report


def _loss(run: RunProgress) -> str:
    return run.phase if run.loss is None else f"loss {run.loss:.2f}"
