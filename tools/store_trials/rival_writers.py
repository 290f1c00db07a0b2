"""Writers that want the same sequence at the same moment: one commits, and nothing is ever written over.

Processes meet at a barrier in front of the rename that commits, round after round.  In some rounds one of them has
other content; whoever loses against other content must end with a DeterminismError, and everybody else with the seal
that readers see.  In others one is stopped with SIGSTOP in front of its rename, and goes on long after the commit.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from small_recordings import half_written, info_of, recording

from scanyard.errors import DeterminismError
from scanyard.store import create_dataset, open_dataset, sweep_staging, write_sequence
from scanyard.store.disk import Disk

ODD_ROUND = 3
"""In every third round one of the writers has other content."""
PATIENCE_S = 300.0


@dataclass(frozen=True)
class End:
    """How a round ended for one writer."""

    odd: bool
    """Whether it had other content than the rest."""
    digest: str
    """Of the seal it was given; or what was raised."""
    occasion: str = ""
    """When that seal was written, and how fast: whose it is."""


class MeetingDisk(Disk):
    """Waits in front of the commit."""

    def __init__(self, meet: Callable[[], object]) -> None:
        self._meet = meet

    def rename(self, old: Path, new: Path) -> None:
        self._meet()
        super().rename(old, new)


def compete(folder: Path, *, writers: int, rounds: int, advance: Callable[[int, int], None]) -> tuple[int, list[str]]:
    """Rounds played, and what was wrong in them."""
    context = multiprocessing.get_context("spawn")
    commits, judged, results = context.Barrier(writers), context.Barrier(writers + 1), context.Queue()
    crew = [
        context.Process(target=_write_all, args=(folder, number, rounds, commits, judged, results), daemon=True)
        for number in range(writers)
    ]
    create_dataset(folder, name="rivals", licence="CC0-1.0")
    wrong: list[str] = []
    try:
        for process in crew:
            process.start()
        for turn in range(rounds):
            ends = [End(*results.get(timeout=PATIENCE_S)) for _ in crew]
            wrong += [f"round {turn}: {text}" for text in _judged(folder, turn, ends)]
            judged.wait(PATIENCE_S)
            advance(turn + 1, rounds)
        for process in crew:
            process.join(PATIENCE_S)
    finally:
        for process in crew:
            if process.is_alive():
                process.kill()
    return rounds, wrong


def _write_all(folder: Path, number: int, rounds: int, *meetings: Any) -> None:
    commits, judged, results = meetings
    for turn in range(rounds):
        odd = turn % ODD_ROUND == 0 and number == turn // ODD_ROUND % commits.parties
        seed = turn * 2 + odd
        disk = MeetingDisk(lambda: commits.wait(PATIENCE_S))
        frames = recording(seed, frames=1, points=20, full=False)
        try:
            seal = write_sequence(folder, info_of(f"round-{turn}", camera=False), frames, disk=disk)
            results.put((odd, seal.digest, f"{seal.record['written_at']} {seal.record['write_s']}"))
        except DeterminismError:
            results.put((odd, "determinism error"))
        except Exception as error:  # noqa: BLE001  # anything else is what the trial is looking for
            results.put((odd, repr(error)))
        judged.wait(PATIENCE_S)


def _judged(folder: Path, turn: int, ends: list[End]) -> list[str]:
    wrong = []
    digests = Counter(end.digest for end in ends)
    refused = digests.pop("determinism error", 0)
    if len(digests) != 1:
        return [f"writers ended with {dict(digests)}"]
    (digest,) = digests
    odd_won = any(end.odd and end.digest == digest for end in ends)
    expected = 0 if turn % ODD_ROUND else len(ends) - 1 if odd_won else 1
    if refused != expected:
        wrong.append(f"{refused} determinism errors, expected {expected}")
    if len({end.occasion for end in ends if end.digest == digest}) != 1:
        wrong.append("writers were told of different commits")
    if problem := half_written(folder, {f"round-{turn}": digest}):
        wrong.append(problem)
    left = list((folder / "staging").glob(f"round-{turn}/*"))
    shutil.rmtree(folder / "sequences" / f"round-{turn}")  # else every look takes longer than the one before
    return wrong + [f"left behind: {path}" for path in left]


def stop_in_front_of_the_commit(folder: Path, *, same: bool) -> str | None:
    """Stop a writer there, sweep, let another commit the same or other content, and let the first go on."""
    create_dataset(folder, name="late", licence="CC0-1.0")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    late = context.Process(target=_stop_and_write, args=(folder, results), daemon=True)
    late.start()
    try:
        os.waitid(os.P_PID, late.pid or 0, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        swept = sweep_staging(folder)
        seal = write_sequence(folder, info_of("late", camera=False), recording(0 if same else 1, full=False))
        os.kill(late.pid or 0, signal.SIGCONT)
        end = results.get(timeout=PATIENCE_S)
        late.join(PATIENCE_S)
    finally:
        late.kill()
    expected = seal.digest if same else "determinism error"
    if swept:
        return f"the attempt of a writer that only stood still was swept: {swept}"
    if end != expected:
        return f"the late writer ended with {end}, expected {expected}"
    if open_dataset(folder).sequences["late"].seal.to_bytes() != seal.to_bytes():
        return "the late writer wrote over the commit"
    return half_written(folder, {"late": seal.digest})


def _stop_and_write(folder: Path, results: Any) -> None:
    disk = MeetingDisk(lambda: os.kill(os.getpid(), signal.SIGSTOP))
    try:
        seal = write_sequence(folder, info_of("late", camera=False), recording(0, full=False), disk=disk)
        results.put(seal.digest)
    except DeterminismError:
        results.put("determinism error")
