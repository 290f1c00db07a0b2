"""Around the runs of ``scanyard experiment``: make the datasets that are not there yet, and say what would run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scanyard.cli.data import bring_kitti
from scanyard.cli.generate import generate, overrides
from scanyard.errors import InputError

if TYPE_CHECKING:
    from scanyard.experiment import Job, Recipe
    from scanyard.experiment.recipe import Source

STEP_S = 0.15
"""Of one core for an optimiser step of four frames; measured on the machine the README's figures are from."""


def place_of(recipe: Recipe, out: Path, given: Mapping[str, Path]) -> dict[str, Path]:
    """Folders of the datasets that do not lie where the recipe says: as given, or in ``out`` where it can make them."""
    return {name: out / "datasets" / name for name in recipe.sources} | dict(given)


def make_datasets(
    recipe: Recipe, folders: Mapping[str, Path], real: Path | None, *, given: Mapping[str, Path], workers: int | None
) -> None:
    """Simulate or import what the recipe has a source for, unless it was given; what is there already goes on."""
    for name, source in recipe.sources.items():
        if name in given:
            continue
        print(f"dataset {name}:", flush=True)
        if source.kitti is not None:
            _import(name, source, folders[name], real)
        else:
            assert source.scenarios is not None  # load asks for one of the two
            assert source.seeds is not None
            changes = overrides(rate_hz=source.rate_hz, cameras=None if source.cameras else False)
            generate(
                Path(source.scenarios), folders[name], range(*source.seeds), workers=workers or 2, overrides=changes
            )


def _import(name: str, source: Source, target: Path, real: Path | None) -> None:
    from scanyard.store import open_dataset

    if (target / "dataset.json").is_file() and (there := open_dataset(target)).header.sequences is not None:
        print(f"{target}: {there.num_frames} frames are already there")
        return
    if real is None:
        raise InputError(
            f"dataset {name}: the recipe makes it from KITTI frames; give --real FOLDER, which holds {source.kitti}, "
            f"or --dataset {name}=FOLDER for a dataset of ours"
        )
    bring_kitti(real, target, source.kitti)


def print_plan(recipe: Recipe, folders: Mapping[str, Path], out: Path, *, workers: int | None) -> None:
    """What would run: arms, frames, steps, and how long it takes from what is done already or a typical step."""
    from rich.console import Console
    from rich.table import Table

    from scanyard.experiment import plan_jobs
    from scanyard.experiment.arm import load_result
    from scanyard.experiment.plan import folds_of
    from scanyard.store import open_dataset

    absent = [name for name in recipe.sources if name in folders and not (folders[name] / "dataset.json").is_file()]
    for name in absent:
        source = recipe.sources[name]
        made = f"{source.kitti} below --real" if source.kitti else f"simulated, seeds {source.seeds}"
        print(f"dataset {name}: not there yet; {made}")
    jobs: list[Job] = []
    if not absent:
        opened = {name: open_dataset(path) for name, path in recipe.dataset_folders(folders).items()}
        jobs = plan_jobs(recipe, opened, out.resolve())
    done = {id(job): result for job in jobs if (result := load_result(job)) is not None}
    counts = Counter(job.arm for job in jobs if id(job) in done)
    table = Table("arm", "trained on", "stages", "runs", "done")
    runs = 0
    for name, arm in recipe.arms.items():
        mine = [job for job in jobs if job.arm == name]
        frames = {split: _frames(mine, split) for split in arm.splits}
        of_arm = len(recipe.seeds) * len(folds_of(recipe, name))
        runs += of_arm
        table.add_row(
            name,
            ", ".join(f"{split} {number}".strip() for split, number in frames.items()),
            " + ".join(str(steps) for steps in arm.stage_steps(recipe.steps)),
            f"{of_arm} ({len(recipe.seeds)} seeds x {of_arm // len(recipe.seeds)})",
            str(counts[name]),
        )
    Console(width=140, markup=False).print(table)
    left = runs - len(done)
    print(f"{runs} runs of {recipe.steps} steps, {len(done)} done; {left * recipe.steps:,} steps to take")
    print(_expected(recipe, [result.provenance for result in done.values()], left, workers))


def _frames(jobs: list[Job], split: str) -> str:
    """How many frames the runs take from a split; empty where its dataset is not there yet."""
    numbers = sorted({job.train[split].num_frames for job in jobs})
    return "-".join(str(number) for number in dict.fromkeys((numbers[0], numbers[-1]))) if numbers else ""


def _expected(recipe: Recipe, done: list[Mapping[str, object]], left: int, workers: int | None) -> str:
    import os

    from scanyard.experiment.workers import workers_for

    cores = os.cpu_count() or 1
    at_a_time = workers or workers_for(max(left, 1), cores)
    threads = max(1, cores // at_a_time)
    seconds = [float(str(one["seconds"])) for one in done if one.get("threads") == threads]
    if seconds:
        run_s, source = sum(seconds) / len(seconds), f"as the {len(seconds)} runs that are done"
    else:
        # a second thread does not halve a step: 0.245 s with one and 0.145 s with two were measured
        run_s = recipe.steps * STEP_S * recipe.batch_size / 4 / threads**0.75
        source = f"at {STEP_S:g} s of a core for a step of four frames"
    rounds = -(-left // at_a_time)
    return (
        f"{at_a_time} at a time with {threads} threads each: about {_duration(rounds * run_s)} of training, {source}; "
        "making datasets comes on top"
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
