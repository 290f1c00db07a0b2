"""Thousands of damaged files of every format: each is refused by name and place, or still valid and scored.

A finding is any other end: an error that is not ours, a file accepted that a second, independent reading refuses, a
message that names no file, a score that is no number, code from a pickle that ran, time or memory without end, a
process that died.  Mutation n of a seed is the same on every machine.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from mutations import mutated, placed_otherwise
from second_opinion import follows
from subjects import Subject, subjects

from scanyard.errors import ScanyardError

BATCH = 250
"""Mutations of one child process, so that a death costs little."""
CPU_LIMIT_S = 10
MEMORY = 3 << 30
SILENCE_S = 300.0
"""Nothing heard from a child for so long, on however busy a machine, is a hang."""
PLACE = re.compile(
    r"line \d|row \d|byte \d|entry \d|frame|sample|box \d|score \d|P2|R0_rect|Tr_velo|column|meta|detector|scores|"
    r"protocol|notes|box_type_3d|: \w+ is \w+, expected"
)
WHOLE = re.compile(
    r"no such file|is missing|cannot be read|is no file|neither|JSON that is no|is none of|no pickle|expected a|"
    r"found \w+, expected|holds no|format is|nothing to compare|unknown or missing|no such folder|none of its|"
    r"names \S+, which|names torch|is no Feather table"
)
"""What is wrong with a file as a whole has no place in it."""


@dataclass(frozen=True)
class Outcome:
    """How one mutation ended."""

    number: int
    subject: str
    how: str
    end: str
    """refused, valid, or a finding: traceback, accepted, nameless, placeless, ran, died, hung."""
    placed: bool
    """Whether the message names a place in the file."""
    said: str


def damage(
    seed: int, number: int, root: Path, canary: Path, among: Sequence[Subject] | None = None
) -> tuple[Subject, str, str]:
    """Write a subject's files with one of them damaged; the subject, the file and what was done."""
    pick = random.Random(f"{seed} {number}")
    among = among or subjects()
    subject = among[number % len(among)]
    path = pick.choice(subject.targets)
    files = dict(subject.files)
    how = ""
    if pick.random() >= 0.06:
        how, files[path] = mutated(pick, path, files[path], canary)
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return subject, path, how or placed_otherwise(pick, root, path, subject.entry)


def judged(seed: int, number: int, folder: Path, among: Sequence[Subject] | None = None) -> Outcome:
    """Damage, read, score, and hold the end against a second opinion."""
    root, canary = folder / "files", folder / "canary"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    subject, path, how = damage(seed, number, root, canary, among)
    end, said = "valid", ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            subject.use(root / subject.entry)
    except ScanyardError as refusal:
        end, said = "refused", str(refusal)
    except BaseException:  # noqa: BLE001  # anything else is what we are looking for
        end, said = "traceback", traceback.format_exc(limit=-3)
    placed = bool(PLACE.search(said))
    if canary.exists():
        end = "ran"
        canary.rmdir() if canary.is_dir() else canary.unlink()
    elif end == "valid":
        wrong = follows(subject.name, root)
        end, said = ("accepted", wrong) if wrong else (end, said)
    elif end == "refused":
        if str(root) not in said and not re.search(r"frame|drive|split|protocol|claimed|given as", said):
            end = "nameless"
        elif not placed and not WHOLE.search(said):
            end = "placeless"
        elif len(said.splitlines()) > 1:
            end = "traceback"
    return Outcome(number, subject.name, f"{how} of {path}", end, placed, said[:600])


def _batch(seed: int, numbers: range, out: int, among: Sequence[Subject] | None) -> None:
    """Judge mutations in this process, a line of JSON each to ``out``."""
    signal.signal(signal.SIGPROF, _too_long)
    limit = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S)
            outcome = judged(seed, number, Path(folder), among)
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.write(out, json.dumps(asdict(outcome)).encode() + b"\n")


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"more than {CPU_LIMIT_S} s of processor time")


def run_batch(seed: int, numbers: range, among: Sequence[Subject] | None = None) -> list[Outcome]:
    """Outcomes of a child process; where it dies or hangs, that mutation is a finding and the rest is done anew."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code = 1
        try:
            _batch(seed, numbers, writer, among)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    data, hung = b"", False
    while True:
        ready, _, _ = select.select([reader], [], [], SILENCE_S)
        if not ready:
            hung = True
            os.kill(child, signal.SIGKILL)
            break
        piece = os.read(reader, 1 << 16)
        if not piece:
            break
        data += piece
    os.close(reader)
    os.waitpid(child, 0)
    outcomes = [Outcome(**json.loads(line)) for line in data.split(b"\n")[:-1]]
    if len(outcomes) < len(numbers):
        at = numbers[len(outcomes)]
        subject = subjects()[at % len(subjects())].name
        outcomes.append(Outcome(at, subject, "?", "hung" if hung else "died", False, ""))
        outcomes += run_batch(seed, numbers[len(outcomes) :], among) if len(outcomes) < len(numbers) else []
    return outcomes


def summary(outcomes: list[Outcome], seed: int) -> dict[str, Any]:
    """The campaign's line of JSON."""
    ends = Counter(one.end for one in outcomes)
    findings = [asdict(one) for one in outcomes if one.end not in ("refused", "valid")]
    refused = [one for one in outcomes if one.end == "refused"]
    valid = Counter(one.subject for one in outcomes if one.end == "valid")
    total = Counter(one.subject for one in outcomes)
    return {
        "mutations": len(outcomes),
        "seed": seed,
        "refused": ends["refused"],
        "refused_with_place": sum(one.placed for one in refused),
        "still_valid": ends["valid"],
        "still_valid_percent": round(100 * ends["valid"] / max(len(outcomes), 1), 1),
        "still_valid_by_format": {name: f"{valid[name]}/{total[name]}" for name in total},
        "findings": len(findings),
        "ends": dict(ends),
        "first_findings": findings[:20],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="judge this one mutation here and print it")
    options = parser.parse_args()
    if options.only is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(asdict(judged(options.seed, options.only, Path(folder))), indent=1))
        return 0
    for subject in subjects():  # compile before forking, and see that nothing is refused undamaged
        with tempfile.TemporaryDirectory() as folder:
            for name, data in subject.files.items():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / name).write_bytes(data)
            subject.use(Path(folder) / subject.entry)
            if wrong := follows(subject.name, Path(folder)):
                raise SystemExit(f"{subject.name}: the second opinion refuses what is undamaged: {wrong}")
    outcomes: list[Outcome] = []
    started = time.monotonic()
    for start in range(0, options.mutations, BATCH):
        outcomes += run_batch(options.seed, range(start, min(start + BATCH, options.mutations)))
        left = (time.monotonic() - started) / len(outcomes) * (options.mutations - len(outcomes))
        bad = sum(one.end not in ("refused", "valid") for one in outcomes)
        print(f"{len(outcomes)}/{options.mutations}, {bad} findings, {left:.0f} s left", file=sys.stderr, flush=True)
    report = summary(outcomes, options.seed)
    print(json.dumps(report))
    return 1 if report["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
