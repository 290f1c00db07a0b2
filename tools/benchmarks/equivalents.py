"""Is "so many synthetic frames are worth M real labels" inside its interval as often as it promises?

A controlled shift with a known answer: make-believe detectors whose skill is that of a number of real frames; found
cars, their offsets and false alarms are drawn accordingly, on drives of very different length and hardness.  One
synthetic frame is worth a known fraction of a real one.  Labels and detections go through the scoring and the fit that
an experiment uses; no detector is trained.  The skill is no power law in average precision, so the curve's shape is put
to the test.

    tools/bench equivalents                 # 1,000 trials of each world
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass

import numpy as np

from scanyard.boxes import Boxes
from scanyard.cli.progress import progress
from scanyard.experiment.learning_curve import worth
from scanyard.metrics import ScoredFrame, side_by_side

KEY = ("bev", "car", "moderate", 0.7, None)
SYNTHETIC_FRAMES = 1200


@dataclass(frozen=True)
class World:
    """What detectors are like, and what a synthetic frame is worth."""

    frame_worth: float = 0.01
    sizes: tuple[int, ...] = (4, 8, 16, 32)
    drives: int = 17
    seeds: int = 3
    restless: float = 0.15
    """Spread of the skill from seed to seed, as a factor on the frames (log)."""

    @property
    def answer(self) -> float:
        """Real frames that the synthetic ones are worth; infinite beyond what is tried."""
        frames = SYNTHETIC_FRAMES * self.frame_worth
        return frames if frames <= max(self.sizes) else math.inf


WORLDS = {
    "middle": World(),
    "few labels": World(frame_worth=0.005),
    "near the most": World(frame_worth=0.024),
    "beyond the curve": World(frame_worth=0.1),
    "three sizes": World(sizes=(4, 8, 16), frame_worth=0.009),
    "nine drives": World(drives=9),
    "restless seeds": World(restless=0.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench equivalents", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="of each world")
    parser.add_argument("--resamples", type=int, default=400, help="of the drives, in each trial")
    options = parser.parse_args()
    held: dict[str, float] = {}
    started = time.process_time()
    for name, world in WORLDS.items():
        found = []
        with progress(f"equivalents, {name}") as advance:
            for trial in range(options.trials):
                found.append(one_trial(world, trial, options.resamples))
                advance(trial + 1, options.trials, "")
        ends = np.array(found)
        held[name] = round(100 * float(np.mean((ends[:, 0] <= world.answer) & (world.answer <= ends[:, 1]))), 1)
        closed = ends[np.isfinite(ends).all(axis=1)]
        width = f"{np.median(closed[:, 1] / closed[:, 0]):4.1f} x" if len(closed) else "  none"
        open_ended = 100 * (1 - len(closed) / len(ends))
        print(f"{name:18} answer {world.answer:5.1f}   inside {held[name]:5.1f} %   "
              f"closed intervals reach over {width}, {open_ended:3.0f} % open-ended")  # fmt: skip
    result = {"bench": "equivalents", "trials": options.trials, "inside_percent": held,
              "processor_s": round(time.process_time() - started, 1)}  # fmt: skip
    print(json.dumps(result))
    if min(held.values()) < 88:
        sys.exit("an interval of 90 % that holds the answer less than 88 % of the time promises too much")


def one_trial(world: World, trial: int, resamples: int) -> tuple[float, float]:
    """The interval that an experiment in this world would print."""
    rng = np.random.default_rng([trial, 7])
    scenes = street(world, rng)
    arms = {f"{frames}": float(frames) for frames in world.sizes} | {"synthetic": world.frame_worth * SYNTHETIC_FRAMES}
    runs = side_by_side(
        {
            (arm, seed): detected(scenes, frames * math.exp(rng.normal(0, world.restless)), rng)
            for arm, frames in arms.items()
            for seed in range(world.seeds)
        },
        categories=("car",),
        resamples=resamples,
        seed=trial,
    )
    scores = {arm: np.stack([runs.values((arm, seed), KEY) for seed in range(world.seeds)]) for arm in arms}
    judged = scores.pop("synthetic")
    real = {float(arm): values for arm, values in scores.items()}
    found = worth(real, judged, labels_by_drive=runs.labels_by_drive(("synthetic", 0), KEY), key=(trial,))
    assert found.low is not None  # every world has drives enough
    assert found.high is not None
    return found.low, found.high


@dataclass(frozen=True)
class Scene:
    """Cars in one frame of a drive, and how hard the drive is."""

    labels: Boxes
    drive: str
    hardness: float


def street(world: World, rng: np.random.Generator) -> list[Scene]:
    """Drives of one to eight frames, one of them as long as a third of all, cars in a row."""
    scenes = []
    for drive in range(world.drives):
        hardness = math.exp(rng.normal(0, 0.5))
        for _ in range(10 if drive == 0 else int(rng.integers(1, 4))):
            num = int(rng.integers(1, 8))
            labels = Boxes(
                center=np.c_[8.0 * np.arange(1, num + 1), rng.uniform(-8, 8, num), np.full(num, 0.8)],
                size=np.tile([4.0, 1.7, 1.5], (num, 1)),
                yaw_rad=np.zeros(num),
                category=np.full(num, "car"),
                truncation=np.zeros(num),
                occlusion=np.zeros(num, dtype=int),
                image_box=np.tile([100.0, 100.0, 200.0, 160.0], (num, 1)),
            )
            scenes.append(Scene(labels, f"drive {drive}", hardness))
    return scenes


def detected(scenes: list[Scene], frames: float, rng: np.random.Generator) -> list[ScoredFrame]:
    """What a detector with the skill of so many real frames reports: more frames, fewer misses, smaller offsets."""
    lack = frames**-0.4
    return [_seen(scene, lack * scene.hardness, rng) for scene in scenes]


def _seen(scene: Scene, lack: float, rng: np.random.Generator) -> ScoredFrame:
    labels = scene.labels
    seen = labels[rng.random(len(labels)) < math.exp(-0.6 * lack)]
    offset = rng.normal(0, 1, (len(seen), 3)) * [0.45 * lack, 0.25 * lack, 0.0]
    hits = seen.replace(center=seen.center + offset, score=rng.beta(5, 2, len(seen)), truncation=None, occlusion=None)
    false = labels[rng.random(len(labels)) < 0.5 * lack]
    false = false.replace(center=false.center + np.array([0.0, 25.0, 0.0]), score=rng.beta(2, 4, len(false)))
    false = false.replace(truncation=None, occlusion=None)
    return ScoredFrame(labels, Boxes.concatenate([hits, false]), scene.drive)


if __name__ == "__main__":
    main()
