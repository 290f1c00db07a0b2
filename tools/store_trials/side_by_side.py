"""Trials side by side, one process per core: each is drawn from its own number, so who makes it changes nothing."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

Trial = TypeVar("Trial")
Result = TypeVar("Result")


def side_by_side(
    try_one: Callable[[Trial], Result],
    trials: Sequence[Trial],
    advance: Callable[[int, int], None] = lambda *_: None,
) -> list[Result]:
    """Results in the order of ``trials``.

    Processes are started afresh, since a fork beside the threads of numeric libraries may hang.
    """
    cores = len(os.sched_getaffinity(0))
    results = []
    with multiprocessing.get_context("spawn").Pool(min(cores, len(trials))) as pool:
        for done, result in enumerate(pool.imap(try_one, trials, chunksize=4), 1):
            results.append(result)
            advance(done, len(trials))
        pool.close()
        pool.join()
    return results
