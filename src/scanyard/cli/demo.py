"""``scanyard demo``: the main job from end to end, small enough for a laptop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanyard.cli.compare import run_experiment
from scanyard.cli.data import bring_kitti
from scanyard.cli.generate import generate, overrides
from scanyard.errors import InputError

WITH_CAMERA, LIDAR_ALONE = range(1), range(1, 9)
"""Seeds: cameras cost several times what the LiDAR does, and the detector learns from the LiDAR."""
STAND_IN_SEEDS = range(8)
RATE_HZ = 3.0
"""Frames a third of a second apart differ more than frames a tenth apart: better value for a detector that learns."""


def demo(
    real: Annotated[
        Path | None, typer.Option(help="KITTI folder to use as the real domain; without it, a stand-in plays its part.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for everything the demo makes.")] = Path("demo"),
    scenarios: Annotated[Path, typer.Option(help="Folder of scenarios.")] = Path("scenarios"),
    workers: Annotated[int, typer.Option(min=1, help="Servers at the same time.")] = 2,
) -> None:
    """Simulate, train on synthetic, real and mixed data, test on unseen drives, and write report and leaderboard.

    Run it again after an interruption and it goes on where it stopped.

    Example: scanyard demo --real ~/kitti
    """
    if not (scenarios / "recipes").is_dir():
        raise InputError(
            f"{scenarios}: no folder recipes/ in it; run the demo from the repository, or give --scenarios"
        )
    _step(1, "simulate: YAML scenarios to labelled camera and LiDAR sequences")
    synthetic = out / "synthetic"
    for seeds, cameras in ((WITH_CAMERA, True), (LIDAR_ALONE, False)):
        generate(scenarios, synthetic, seeds, workers=workers, overrides=overrides(rate_hz=RATE_HZ, cameras=cameras))

    if real is not None:
        _step(2, "import: real KITTI frames as the real domain")
        target, recipe = out / "real", scenarios / "recipes" / "demo.yaml"
        bring_kitti(real, target, None)
    else:
        _step(2, "simulate a stand-in for the real domain: another map, sensor and style (stand-in, not real)")
        target, recipe = out / "stand_in", scenarios / "recipes" / "demo_stand_in.yaml"
        changes = overrides(rate_hz=RATE_HZ, cameras=False)
        generate(scenarios / "stand_in", target, STAND_IN_SEEDS, workers=workers, overrides=changes, domain="stand-in")

    _step(3, "train and test: synthetic, real and mixed, the same steps each, on drives no arm has seen")
    folders = {"synthetic": synthetic, target.name: target}
    run_experiment(recipe, out / "experiment" / target.name, folders)


def _step(number: int, what: str) -> None:
    print(f"\n[{number}/3] {what}", flush=True)
