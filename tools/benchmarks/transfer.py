"""Does a detector that has seen nothing but synthetic frames find cars in real scans?

Frames are generated from the scenarios, a detector is trained on them alone with each seed, and every one is tested on
all full scans of ``DIR/training``, which no training sees.  Car, moderate, AP|R40 after KITTI: the mean over the seeds,
with an interval from resampling drives.  The work folder is kept: run again and finished parts are not repeated.

    tools/bench transfer --real ../shared/real/kitti
    tools/bench transfer --real ../shared/real/kitti --ablation     # what each ingredient of realism is worth

The ablation generates, trains and tests anew with one ingredient left out at a time, on a smaller budget, and compares
each with the whole by drives resampled for both together.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scanyard.cli.progress import progress
from scanyard.datasets import kitti
from scanyard.detect import Source, TrainRecipe, load_detector, train
from scanyard.experiment.scoring import detect_frames, scored_frames
from scanyard.fleet.campaign import Settings, run_campaign
from scanyard.fleet.plan import draw_all, missing
from scanyard.fleet.record import LICENCE
from scanyard.metrics import ScoredFrame, evaluate_mean, paired_difference
from scanyard.scenario import load_scenarios
from scanyard.scenario.concrete import INGREDIENTS, Ingredient
from scanyard.split import Split
from scanyard.store import create_dataset, open_dataset, open_sequence, seal_dataset, sweep_staging

SCENARIOS = Path("scenarios")
RATE_HZ = 2.0
"""Frames half a second apart: neighbours teach a detector little."""
FRAMES_PER_SEED = 8 * 8  # eight scenarios of four seconds
TIMING = "training.json"
SCORES = (("bev", 0.7), ("3d", 0.7), ("bev", 0.5), ("3d", 0.5))


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench transfer", description=__doc__)
    parser.add_argument("--real", type=Path, required=True, help="folder with training/ in KITTI's object layout")
    parser.add_argument("--work", type=Path, default=Path("out/transfer"), help="folder for frames and detectors")
    parser.add_argument("--frames", type=int, default=4000, help="synthetic frames, about")
    parser.add_argument("--steps", type=int, default=5000, help="optimiser steps of every training")
    parser.add_argument("--seeds", type=int, default=3, help="trainings to average")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ablation", action="store_true", help="leave out one ingredient after the other instead")
    parser.add_argument("--ablation-frames", type=int, default=1000, help="synthetic frames of each variant, about")
    parser.add_argument("--ablation-steps", type=int, default=1000, help="optimiser steps of each variant")
    options = parser.parse_args()
    if not (options.real / "training" / "velodyne").is_dir():
        sys.exit(f"{options.real}/training/velodyne: no such folder; --real wants KITTI's object layout")

    real = Split("kitti_full_scans", tuple(kitti.read_sequences(options.real, "training")))
    if options.ablation:
        ablation(real, options.work / "ablation", options.ablation_frames, options.ablation_steps, options.workers)
    else:
        transfer(real, options)


def transfer(real: Split, options: argparse.Namespace) -> None:
    """The figure itself: the mean of some seeds on the full budget."""
    began = time.monotonic()
    source = synthetic_frames(options.work / "synthetic", options.frames, (), options.workers)
    generated_s = time.monotonic() - began
    num_frames = sum(len(sequence) for sequence in source.sequences)

    recipes = {
        options.work / f"seed-{seed}": TrainRecipe(steps=options.steps, seed=seed) for seed in range(options.seeds)
    }
    runs = [one_run(source, real, recipe, folder) for folder, recipe in recipes.items()]
    trained_s = max(json.loads((folder / TIMING).read_text())["seconds"] for folder in recipes)
    mean = evaluate_mean(runs, split=real.name, domain="real")
    singles = [evaluate_mean([run], split=real.name, domain="real", resamples=0) for run in runs]

    print(f"{num_frames} synthetic frames, {options.steps} steps, {options.seeds} seeds")
    print(f"tested on {mean.num_frames} real scans of {mean.num_drives} drives")
    print(f"{'Car moderate AP|R40':22}{'mean':>7}  {'90 % over drives':18}{'of each seed'}")
    figures: dict[str, float | list[float | None] | None] = {}
    for metric, iou in SCORES:
        score = mean.score(metric, iou, "moderate")
        each = ", ".join(f"{single.score(metric, iou, 'moderate').value:.1f}" for single in singles)
        known = score.low is not None and score.high is not None
        interval = f"[{score.low:.1f}, {score.high:.1f}]" if known else "too few drives"
        print(f"{metric}@{iou:<19}{score.value:7.1f}  {interval:18}{each}")
        key = f"{'d3' if metric == '3d' else metric}_{round(iou * 10):02d}_moderate"
        figures[key] = round(score.value, 2)
        figures[key + "_interval"] = [score.low, score.high]
    print(
        json.dumps(
            {
                "bench": "transfer",
                **figures,
                "synthetic_frames": num_frames,
                "steps": options.steps,
                "seeds": options.seeds,
                "longest_training_min": round(trained_s / 60, 1),
                "generation_min": round(generated_s / 60, 1),
            }
        )
    )


def ablation(real: Split, work: Path, frames: int, steps: int, workers: int) -> None:
    """A table of what is lost without each ingredient, one training each."""
    variants: dict[str, tuple[Ingredient, ...]] = {"whole": ()} | {name: (name,) for name in INGREDIENTS}
    runs: dict[str, list[ScoredFrame]] = {}
    for name, without in variants.items():
        source = synthetic_frames(work / name, frames, without, workers)
        runs[name] = one_run(source, real, TrainRecipe(steps=steps), work / f"{name}-detector")
    print(f"Car moderate AP|R40 on {real.num_frames} real scans; about {frames} frames, {steps} steps, one seed each")
    print(f"{'without':12}{'BEV@0.7':>9}  {'difference [90 %]':24}{'3D@0.7':>9}  {'difference [90 %]':24}")
    figures = {}
    for name, run in runs.items():
        cells, figures[name] = [], {}
        evaluation = evaluate_mean([run], split=real.name, domain="real")
        for metric in ("bev", "3d"):
            value = evaluation.score(metric, 0.7, "moderate").value
            lost = paired_difference(run, runs["whole"], metric=metric, iou=0.7, difficulty="moderate")
            told = (
                "" if name == "whole" or lost.low is None else f"{lost.value:+.1f} [{lost.low:+.1f}, {lost.high:+.1f}]"
            )
            cells.append(f"{value:9.1f}  {told:24}")
            figures[name][metric] = {"value": round(value, 2), "difference": [lost.value, lost.low, lost.high]}
        print(f"{'(nothing)' if name == 'whole' else name:12}{''.join(cells)}")
    print(json.dumps({"bench": "transfer", "ablation": figures, "frames": frames, "steps": steps}))


def synthetic_frames(folder: Path, frames: int, without: Sequence[Ingredient], workers: int) -> Source:
    """About so many frames of all scenarios, with some ingredients left out; what is there is not made again."""
    scenarios = load_scenarios(SCENARIOS)
    settings: dict[str, str | float | bool] = {"recording.rate_hz": RATE_HZ, "recording.cameras": False}
    drawn = draw_all(scenarios, range(-(-frames // FRAMES_PER_SEED)), settings)
    wanted = [replace(one, world=replace(one.world, without=tuple(without))) for one in drawn]
    create_dataset(folder, name=folder.name, licence=LICENCE)
    sweep_staging(folder)
    todo = missing(open_dataset(folder).sequences, wanted)
    if todo:
        maps = str((SCENARIOS / "maps").resolve())
        with progress(f"simulate {folder.name}") as advance:
            outcome = run_campaign(
                todo,
                Settings(dataset=str(folder.resolve()), maps=maps, workers=workers),
                lambda state: advance(state.done, state.total, f"{state.frames} frames"),
            )
        if outcome.quarantined:
            sys.exit(f"{folder}: {len(outcome.quarantined)} scenarios could not be recorded; the figures would lie")
    seal_dataset(folder)
    return Source(tuple(open_sequence(folder, name) for name in open_dataset(folder).sequences))


def one_run(source: Source, real: Split, recipe: TrainRecipe, folder: Path) -> list[ScoredFrame]:
    """Train and detect, unless the folder holds that already, and set labels and detections side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    weights, found = folder / "detector.safetensors", folder / "detections.json"
    began = time.monotonic()
    if not weights.exists():
        with progress(f"train, seed {recipe.seed}") as advance:
            detector = train(
                [source], recipe, on_progress=lambda step, total, loss: advance(step, total, f"loss {loss:.3f}")
            )
        (folder / TIMING).write_text(json.dumps({"seconds": time.monotonic() - began}))
        detector.save(weights)
    if not found.exists():
        detect_frames(load_detector(weights), real, found)
    return scored_frames(found, real)


if __name__ == "__main__":
    main()
