"""Every trial of what a campaign and its store survive, one part after another, and the table they come to.

A part is a function ``trials(n, seed, on_progress)`` that returns one ``Outcome`` or several.  Beside everything two
bystanders run that are called as CARLA is: nobody may touch them.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from elsewhere import TENTHS, server_faults, store_trials
from full_disks import full_ray_folder, full_store
from hangs import hangs
from hosts import cut_hosts
from kills import driver_kills, kills
from matrix import matrix
from outcome import OnProgress, Outcome, Trials, table
from stage import bystanders, touched

SUMMED = ("lost_or_doubled", "orphans", "held_ports")


@dataclass(frozen=True)
class Part:
    """A kind of trial, how often it is made, and how long one takes on two idle cores."""

    trials: Trials
    n: int
    seconds_each: float

    def quick(self) -> int:
        """A tenth, at least one."""
        return max(1, self.n // 10)


PARTS = {
    "kills": Part(kills, 300, 3.0),
    "drivers": Part(driver_kills, 30, 12.0),
    "hangs": Part(hangs, 50, 8.0),
    "matrix": Part(matrix, 24, 20.0),
    "full-store": Part(full_store, 20, 20.0),
    "full-ray": Part(full_ray_folder, 10, 20.0),
    "hosts": Part(cut_hosts, 10, 60.0),
    "store": Part(store_trials, TENTHS, 60.0),
    "servers": Part(server_faults, 2, 120.0),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tools/chaos", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--trials", type=int, help="so many of each part instead")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, too
    plan = {name: options.trials or (PARTS[name].quick() if options.quick else PARTS[name].n) for name in options.only}
    began_s = time.monotonic()
    with bystanders() as others:
        clock = _Clock(plan)
        outcomes: list[Outcome] = []
        for name, n in plan.items():
            found = _tried(name, n, options.seed, clock.part(name))
            for outcome in found:
                said = f"{outcome.failures} of {outcome.trials} failed, {json.dumps(outcome.figures)}"
                print("\n  ".join([f"{outcome.name}: {said}", *outcome.notes]), flush=True)
            outcomes += found
            clock.done(name)
        foreign_touched = touched(others)
    print(table(outcomes))
    report = summary(outcomes, foreign_touched) | {"seconds": round(time.monotonic() - began_s)}
    print(json.dumps(report))
    return 1 if report["failures"] or foreign_touched else 0


def summary(outcomes: Sequence[Outcome], foreign_touched: int) -> dict[str, object]:
    """The last line: what was tried, what it cost, and the rest of the figures by part."""
    return {
        "bench": "chaos",
        "trials": sum(one.trials for one in outcomes),
        "failures": sum(one.failures for one in outcomes),
        **{key: sum(one.figures.get(key, 0) for one in outcomes) for key in SUMMED},
        "foreign_touched": foreign_touched,
        "distinct_digests": max((len(one.figures.get("digests", ())) for one in outcomes), default=0),
        "parts": {
            one.name: {
                "trials": one.trials,
                "failures": one.failures,
                "at_most": round(one.bound, 4),
                **{key: value for key, value in one.figures.items() if key not in (*SUMMED, "digests")},
            }
            for one in outcomes
        },
    }


def _tried(name: str, n: int, seed: int, on_progress: OnProgress) -> list[Outcome]:
    """What a part came to; one that breaks off has failed, and the others are tried all the same."""
    try:
        found = PARTS[name].trials(n, seed, on_progress)
    except Exception:  # noqa: BLE001  # whatever it was, an hour of other trials is not lost for it
        return [Outcome(name, n, n, [f"broke off: {traceback.format_exc(limit=-4)}"])]
    return [found] if isinstance(found, Outcome) else found


class _Clock:
    """Says how far the whole is and how long it will take, from what each trial is known to cost."""

    def __init__(self, plan: dict[str, int]) -> None:
        self._cost_s = {name: n * PARTS[name].seconds_each for name, n in plan.items()}
        self._plan = plan
        self._spent_s = 0.0
        self._began_s = time.monotonic()

    def part(self, name: str) -> OnProgress:
        def on_progress(done: int, note: str) -> None:
            spent_s = self._spent_s + done * PARTS[name].seconds_each
            share = min(1.0, spent_s / sum(self._cost_s.values()))
            left_s = (time.monotonic() - self._began_s) * (1 - share) / max(share, 1e-3)
            print(f"{share:4.0%} {name} {done}/{self._plan[name]}, {left_s / 60:.0f} min left: {note}", flush=True)

        return on_progress

    def done(self, name: str) -> None:
        self._spent_s += self._cost_s[name]


if __name__ == "__main__":
    sys.exit(main())
