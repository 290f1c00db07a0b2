"""Does a detector that has seen nothing but synthetic frames find cars in real scans?

Frames are generated from the scenarios, a detector is trained on them alone with each seed, and every one is tested on
all full scans of ``DIR/training``, which no training sees.  Car, moderate, AP|R40 after KITTI: the mean over the seeds,
with an interval from resampling drives.  The work folder is kept: run again and finished parts are not repeated.

    tools/bench transfer --real ../shared/real/kitti
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from scanyard.cli.generate import generate, overrides
from scanyard.cli.progress import progress
from scanyard.datasets import kitti
from scanyard.detect import Source, TrainRecipe, load_detector, train
from scanyard.experiment.scoring import detect_frames, scored_frames
from scanyard.metrics import ScoredFrame, evaluate_mean
from scanyard.split import Split
from scanyard.store import open_dataset, open_sequence

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
    parser.add_argument("--steps", type=int, default=3000, help="optimiser steps of every training")
    parser.add_argument("--seeds", type=int, default=3, help="trainings to average")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if not (options.real / "training" / "velodyne").is_dir():
        sys.exit(f"{options.real}/training/velodyne: no such folder; --real wants KITTI's object layout")

    dataset = options.work / "synthetic"
    seeds = range(-(-options.frames // FRAMES_PER_SEED))
    began = time.monotonic()
    generate(SCENARIOS, dataset, seeds, workers=options.workers, overrides=overrides(rate_hz=RATE_HZ, cameras=False))
    generated_s = time.monotonic() - began
    synthetic = open_dataset(dataset)
    source = Source(tuple(open_sequence(dataset, name) for name in synthetic.sequences))
    real = Split("kitti_full_scans", tuple(kitti.read_sequences(options.real, "training")))

    recipes = {
        options.work / f"seed-{seed}": TrainRecipe(steps=options.steps, seed=seed) for seed in range(options.seeds)
    }
    runs = [one_run(source, real, recipe, folder) for folder, recipe in recipes.items()]
    trained_s = max(json.loads((folder / TIMING).read_text())["seconds"] for folder in recipes)
    mean = evaluate_mean(runs, split=real.name, domain="real")
    singles = [evaluate_mean([run], split=real.name, domain="real", resamples=0) for run in runs]

    print(f"{synthetic.num_frames} synthetic frames, {options.steps} steps, {options.seeds} seeds")
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
                "synthetic_frames": synthetic.num_frames,
                "steps": options.steps,
                "seeds": options.seeds,
                "longest_training_min": round(trained_s / 60, 1),
                "generation_min": round(generated_s / 60, 1),
            }
        )
    )


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
