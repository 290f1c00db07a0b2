"""Which (scenario, seed) pairs a dataset still lacks: pure, no Ray.

A sequence's name carries the digest of everything that decides it, so being there is being up to date.  Drawing is what
takes long, and only pairs that the dataset has under some digest need it: to learn whether it is today's.  All others
are drawn when their turn comes.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from scanyard.scenario import ConcreteScenario, Scenario, draw_many

Overrides = Mapping[str, str | float | bool]

CHECKED_TOGETHER = 4000
"""Pairs that one process checks at a time; fewer in all are not worth starting processes for."""
_NAME = re.compile(r"(?P<scenario>.+)-[0-9a-f]{8}-(?P<seed>[0-9]{4,})")


@dataclass(frozen=True)
class Plan:
    """What a campaign has to do, and what is done already."""

    wanted: int
    """Pairs asked for."""
    todo: Todo
    """Those that the dataset lacks."""

    @property
    def present(self) -> int:
        """Pairs that are in the dataset already."""
        return self.wanted - len(self.todo)


@dataclass(frozen=True)
class Todo(Collection[ConcreteScenario]):
    """Scenarios that are drawn as they are asked for; iterate as often as you like."""

    seeds: tuple[tuple[Scenario, Sequence[int]], ...]
    """Seeds to play each scenario with, scenario by scenario."""
    overrides: Overrides = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(seeds) for _, seeds in self.seeds)

    def __iter__(self) -> Iterator[ConcreteScenario]:
        for scenario, seeds in self.seeds:
            yield from draw_many(scenario, seeds, self.overrides)

    def __contains__(self, item: object) -> bool:
        return isinstance(item, ConcreteScenario) and any(item.digest == scenario.digest for scenario in self)


def plan(
    scenarios: Sequence[Scenario],
    seeds: Sequence[int],
    present: Collection[str],
    overrides: Overrides | None = None,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Plan:
    """Compare what is asked for with the sequences that are ``present``, by name.

    ``on_progress`` is told how many of the pairs that must be drawn have been.
    """
    overrides = overrides or {}
    there: dict[str, set[int]] = {}
    for name in present:
        if match := _NAME.fullmatch(name):
            there.setdefault(match["scenario"], set()).add(int(match["seed"]))
    doubtful = [[seed for seed in seeds if seed in there.get(one.name, ())] for one in scenarios]
    current = _up_to_date(scenarios, doubtful, present, overrides, on_progress)
    todo = tuple(
        (scenario, [seed for seed in seeds if seed not in done])
        for scenario, done in zip(scenarios, current, strict=True)
    )
    return Plan(len(scenarios) * len(seeds), Todo(todo, overrides))


def draw_all(
    scenarios: Iterable[Scenario], seeds: Iterable[int], overrides: Overrides | None = None
) -> list[ConcreteScenario]:
    """Every scenario drawn with every seed, scenario by scenario."""
    seeds = list(seeds)
    return [drawn for scenario in scenarios for drawn in draw_many(scenario, seeds, overrides or {})]


def missing(present: Collection[str], wanted: Iterable[ConcreteScenario]) -> list[ConcreteScenario]:
    """Those of ``wanted``, which are drawn already, whose sequence is not among the names ``present``."""
    return [scenario for scenario in wanted if scenario.sequence_name not in present]


def campaign_digest(wanted: Iterable[ConcreteScenario]) -> str:
    """SHA-256 over the digests of all scenarios of a campaign, whatever their order."""
    digests = sorted(scenario.digest for scenario in wanted)
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def _up_to_date(
    scenarios: Sequence[Scenario],
    doubtful: Sequence[Sequence[int]],
    present: Collection[str],
    overrides: Overrides,
    on_progress: Callable[[int, int], None],
) -> list[set[int]]:
    """For each scenario those of its doubtful seeds that are there under the name they have today."""
    names = present if isinstance(present, set | frozenset | dict) else set(present)
    total, done = sum(map(len, doubtful)), 0
    current: list[set[int]] = [set() for _ in scenarios]
    jobs = [
        (index, list(seeds[first : first + CHECKED_TOGETHER]))
        for index, seeds in enumerate(doubtful)
        for first in range(0, len(seeds), CHECKED_TOGETHER)
    ]
    if total <= CHECKED_TOGETHER:
        checked: Iterable[tuple[int, list[int], list[str]]] = (
            (index, seeds, _names(scenarios[index], seeds, overrides)) for index, seeds in jobs
        )
    else:
        checked = _in_processes(scenarios, jobs, overrides)
    for index, seeds, found in checked:
        current[index].update(seed for seed, name in zip(seeds, found, strict=True) if name in names)
        done += len(seeds)
        on_progress(done, total)
    return current


def _in_processes(
    scenarios: Sequence[Scenario], jobs: Sequence[tuple[int, list[int]]], overrides: Overrides
) -> Iterator[tuple[int, list[int], list[str]]]:
    processes = min(os.cpu_count() or 1, len(jobs))
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(_names, scenarios[index], seeds, overrides): (index, seeds) for index, seeds in jobs}
        for future in as_completed(futures):
            yield *futures[future], future.result()


def _names(scenario: Scenario, seeds: Sequence[int], overrides: Overrides) -> list[str]:
    return [drawn.sequence_name for drawn in draw_many(scenario, seeds, overrides)]
