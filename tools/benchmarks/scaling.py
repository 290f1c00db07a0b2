"""What a second worker is worth: the frames per second of one worker on one core, and of two on two.

A core each, because our own server casts with every core it finds: one worker that has the whole machine leaves a
second nothing to add.  Frames are counted between the moment every worker has sealed its first sequence and the moment
the first of them has nothing more to do.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from scanyard.fleet.campaign import Progress, Settings, run_campaign
from scanyard.fleet.plan import draw_all
from scanyard.scenario import load_scenario
from scanyard.store import create_dataset

SCENARIOS = Path("scenarios")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench scaling", description=__doc__)
    parser.add_argument("--scenario", default="wrong_way_car")
    parser.add_argument("--sequences", type=int, default=10, help="per worker, the first not counted")
    parser.add_argument("--duration-s", type=float, default=1.0)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print(json.dumps({"bench": "scaling", "skipped": f"{len(cores)} core; two workers need two"}))
        return
    rates = {}
    for workers in (1, 2):
        os.sched_setaffinity(0, cores[:workers])
        rates[workers] = frames_per_s(options.scenario, workers, options.sequences, options.duration_s)
        print(f"{workers} workers: {rates[workers]:.2f} frames/s", flush=True)
    ratio = rates[2] / rates[1]
    print(json.dumps({"bench": "scaling", "ratio": round(ratio, 2), "frames_per_s": rates, "cores": len(cores)}))


def frames_per_s(name: str, workers: int, sequences: int, duration_s: float) -> float:
    """Of a campaign in its steady state."""
    scenario = load_scenario(SCENARIOS / f"{name}.yaml")
    overrides = {"recording.duration_s": duration_s, "recording.cameras": False}
    wanted = draw_all([scenario], range(workers * sequences), overrides)
    sealed: list[tuple[float, int]] = []

    def watch(progress: Progress) -> None:
        for recorded in progress.recorded[len(sealed) :]:
            sealed.append((time.perf_counter(), recorded.frames))

    with tempfile.TemporaryDirectory(prefix="scanyard-bench-") as folder:
        create_dataset(folder, name="bench", licence="CC0-1.0")
        run_campaign(wanted, Settings(folder, str((SCENARIOS / "maps").resolve()), workers=workers), watch)
    counted = sealed[workers : len(sealed) - workers + 1]
    return sum(frames for _, frames in counted) / (counted[-1][0] - sealed[workers - 1][0])


if __name__ == "__main__":
    main()
