"""Break the store on purpose, many times: killed writers, cut power, rivals, damaged files, full disks.

``campaign`` is for other programs; at a terminal it is ``tools/chaos_store``.  Everything is drawn from the seed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from damaged_files import damage
from full_disks import fill_often, may_mount
from killed_writers import kill_at, points
from power_cuts import cut_everywhere
from rival_writers import compete, stop_in_front_of_the_commit
from side_by_side import side_by_side

from scanyard.cli.progress import progress

Advance = Callable[[int, int], None]
SAID = 5
"""Failures of a part that are told in words."""


@dataclass(frozen=True)
class Part:
    """What one kind of trial found."""

    trials: int
    failures: list[str]
    skipped: str = ""
    """Why it was not tried, if it was not."""
    note: str = ""
    """What else is worth knowing."""


def campaign(*, seed: int = 0, share: float = 1.0) -> dict[str, Part]:
    """Every kind of trial, ``share`` of its full number; by name."""
    parts: dict[str, Callable[[Path, int, float, Advance], Part]] = {
        "killed": _killed,
        "power_cuts": _power_cuts,
        "rivals": _rivals,
        "late_writers": _late,
        "damage": _damage,
        "full_disk": _full,
    }
    found = {}
    for name, part in parts.items():
        with tempfile.TemporaryDirectory() as folder, progress(name.replace("_", " ")) as bar:
            found[name] = part(Path(folder), seed, share, lambda done, total, bar=bar: bar(done, total, ""))  # type: ignore[misc]
    return found


def _killed(folder: Path, _seed: int, share: float, advance: Advance) -> Part:
    every, digest = points(folder, full=share >= 1.0)
    kill = partial(kill_at, folder=folder, digest=digest, full=share >= 1.0)
    return Part(len(every), [text for text in side_by_side(kill, every, advance) if text])


def _power_cuts(folder: Path, seed: int, share: float, _advance: Advance) -> Part:
    looked, different, wrong = cut_everywhere(folder, full=share >= 1.0, samples=max(4, round(40 * share)), seed=seed)
    return Part(looked, wrong, note=f", {different} of them different to a reader")


def _rivals(folder: Path, _seed: int, share: float, advance: Advance) -> Part:
    return Part(*compete(folder, writers=8, rounds=round(1000 * share), advance=advance))


def _late(folder: Path, _seed: int, share: float, advance: Advance) -> Part:
    times, wrong = max(2, round(20 * share)), []
    for number in range(times):
        wrong.append(stop_in_front_of_the_commit(folder / str(number), same=number % 2 == 0))
        advance(number + 1, times)
    return Part(times, [text for text in wrong if text])


def _damage(folder: Path, seed: int, share: float, advance: Advance) -> Part:
    tally = damage(folder, flips=round(2000 * share), others=round(500 * share), seed=seed, advance=advance)
    return Part(tally.flips + tally.others, tally.wrong)


def _full(_folder: Path, seed: int, share: float, advance: Advance) -> Part:
    if not may_mount():
        return Part(0, [], "this system lets nobody mount a small disk here")
    times = max(3, round(10 * share))
    return Part(times, fill_often(times, seed, advance))


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/chaos_store", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a tenth of the trials")
    options = parser.parse_args()
    began = time.monotonic()
    found = campaign(seed=options.seed, share=0.1 if options.quick else 1.0)
    for name, part in found.items():
        # none in N trials leaves, with 95 % confidence, a rate of at most 3/N
        bound = f", at most {min(1.0, 3 / part.trials):.2%} (95 %)" if part.trials and not part.failures else ""
        print(f"{name:14}{part.trials:6} trials, {len(part.failures)} failures{bound}{part.note}{part.skipped}")
        for failure in part.failures[:SAID]:
            print(f"    {failure}")
    counts = {
        name: {
            "trials": part.trials,
            "failures": len(part.failures),
            "notes": part.failures[:SAID] + [part.skipped] * bool(part.skipped),
        }
        for name, part in found.items()
    }
    failures = sum(len(part.failures) for part in found.values())
    line = {"campaign": "chaos_store", "seed": options.seed, **counts, "failures": failures}
    print(json.dumps({**line, "seconds": round(time.monotonic() - began)}))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
