"""Whether intervals hold the truth as often as they say, and whether tests see differences where there are none.

Detectors are simulated (``tools/coverage/detectors.py``), so that their true average precision is known.  For each kind
of test set the table says how often the 90 % interval held it, how often plain percentiles of drives and frames drawn
one by one would have, how often the permutation test told two equal detectors apart at the 5 % level, and how often it
saw the difference that it was said to see four times in five.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "coverage"))

from detectors import World, true_precision
from trials import (
    block_interval,
    compare_blocks,
    compare_drives,
    compared,
    covered,
    drive_interval,
    frame_interval,
    plain_interval,
)

from scanyard.cli.progress import progress

# skills at which the highest recall is half way between two of the 40 positions: at a position, average precision jumps
TYPICAL = World(skill=0.85)
KITTI = World(frames=7.0, frames_spread=0.8, cars_spread=0.7, skill=0.943)
WEAK = World(skill=-1.256)
SLOW = World(skill=0.866).one_drive()
FAST = World(skill=0.943, drift=0.8, drift_spread=1.0).one_drive()
SLOWER = World(skill=0.866, drift=0.96).one_drive()
STILL = World(skill=0.866, drift=0.0).one_drive()


@dataclass(frozen=True)
class Case:
    """One kind of test set."""

    name: str
    world: World
    drives: int
    frames: int | None = None
    """Of each drive, where drives are so few that blocks are drawn."""


CASES = (
    *(Case("typical", TYPICAL, drives) for drives in (5, 9, 15, 20)),
    *(Case("short drives", KITTI, drives) for drives in (9, 18)),
    Case("weak detector", WEAK, 9),
    Case("one drive, slow drift", SLOW, 1, 500),
    Case("one drive, slow drift", SLOW, 1, 1000),
    Case("three drives, slow drift", SLOW, 3, 250),
    Case("one drive, fast drift", FAST, 1, 500),
    Case("one drive, fast drift", FAST, 1, 250),
    Case("one drive, no drift", STILL, 1, 500),
    Case("one drive, slower drift", SLOWER, 1, 1500),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench coverage", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--only", help="cases whose name holds this")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.only or options.only in case.name]
    began, rows = time.process_time(), []
    print(
        f"{'test set':24}{'units':>14}{'90 % holds':>12}{'plain':>8}{'frames':>8}{'equals told apart':>19}{'given':>8}"
    )
    for case in cases:
        row = measure(case, options.trials, options.resamples)
        rows.append(row)
        plain = "" if row["plain_pct"] is None else f"{row['plain_pct']:.1f}"
        print(
            f"{case.name:24}{row['units']:>14}{row['covered_pct']:12.1f}{plain:>8}{row['frames_pct']:8.1f}"
            f"{row['equals_told_apart_pct']:19.1f}{row['given_pct']:8.1f}",
            flush=True,
        )
    seconds = time.process_time() - began
    print(json.dumps({"bench": "coverage", "trials": options.trials, "rows": rows, "processor_s": round(seconds)}))


def measure(case: Case, trials: int, resamples: int) -> dict[str, object]:
    in_blocks = case.frames is not None
    truth = true_precision(case.world, one_drive=in_blocks)
    sizes = {"drives": case.drives, "frames": case.frames, "resamples": resamples}
    few = range(min(trials, 200))  # what fails by tens of points needs no thousand trials to be seen failing
    with progress(f"{case.name}, {units(case)}") as advance:
        total, done = 2 * trials + len(few) + (0 if in_blocks else trials), 0

        def step() -> None:
            nonlocal done
            done += 1
            advance(done, total, "")

        sizes["on_trial"] = step
        interval, compare = (block_interval, compare_blocks) if in_blocks else (drive_interval, compare_drives)
        inside = [one for one in covered(interval, case.world, truth, trials=range(trials), **sizes) if one is not None]
        plain = None if in_blocks else covered(plain_interval, case.world, truth, trials=range(trials), **sizes)
        frames = covered(frame_interval, case.world, truth, trials=few, **sizes)
        equals = compared(compare, case.world, trials=range(trials), **sizes)
    return {
        "case": case.name,
        "units": units(case),
        "truth": round(truth, 1),
        "covered_pct": percent(inside),
        "plain_pct": None if plain is None else percent(plain),
        "frames_pct": percent(frames),
        "equals_told_apart_pct": percent([one.p <= 0.05 for one in equals]),
        "difference_covered_pct": percent(
            [one.interval[0] <= 0 <= one.interval[1] for one in equals if one.interval is not None]
        ),
        "given_pct": round(100 * len(inside) / trials, 1),
    }


def units(case: Case) -> str:
    return f"{case.drives} drives" if case.frames is None else f"{case.drives * case.frames} frames"


def percent(happened: list[bool | None]) -> float:
    return round(100 * float(np.mean(happened)), 1)


if __name__ == "__main__":
    main()
