"""A campaign with a modelled clock: the real backlog and the real fitness, workers that are numbers."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from scanyard.errors import ScanyardError
from scanyard.fleet.backlog import Backlog
from scanyard.fleet.faults import Fault
from scanyard.fleet.fitness import Fitness
from scanyard.fleet.limits import Limits
from scanyard.fleet.outcome import Failed, Recorded, Seat
from scanyard.scenario import ConcreteScenario

POLL_S = 0.5
LIMITS = Limits()


@dataclass(frozen=True)
class Host:
    """A machine, and how tries go on it."""

    workers: int = 1
    lacks: Fault | None = None
    """Why it can run no server."""
    failing_s: float = 3.0
    """How long a try takes that fails."""
    scene_s: float = 5.0
    """How long one takes that does not."""
    dies: float = 0.0
    """Share of tries that something kills from outside."""
    mends_at_s: float = float("inf")


@dataclass
class Ended:
    """How a campaign ended."""

    sealed: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    """By scenario."""
    tries_on: Counter[str] = field(default_factory=Counter)
    """By host."""
    error: ScanyardError | None = None
    seconds: float = 0.0


class Clock:
    """Says what it is told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def play(
    scenarios: Sequence[ConcreteScenario],
    hosts: Sequence[Host],
    poison: Collection[str] = (),
    *,
    seed: int = 0,
    start_tries: int = 3,
) -> Ended:
    """Hand everything out as the crew does; a scenario in ``poison`` kills its server on every host."""
    clock, luck, ended = Clock(), random.Random(seed), Ended()
    host_of = {Seat(f"host{n}", worker): host for n, host in enumerate(hosts) for worker in range(host.workers)}
    backlog, fitness = Backlog(scenarios, clock, hands=len(host_of)), Fitness(clock, start_tries)
    died = Counter[Seat]()
    at_work: list[tuple[float, int, Seat, ConcreteScenario, Recorded | Failed]] = []
    try:
        while not backlog.is_empty or at_work:
            if not fitness.none_is_fit(host_of):
                for seat in fitness.in_order(one for one in host_of if one not in {two[2] for two in at_work}):
                    if (scenario := backlog.take()) is None:
                        break
                    seconds, result = _try(host_of[seat], scenario, poison, luck, clock.now_s)
                    if died[seat]:  # its supervisor waits before it starts another server
                        seconds += min(LIMITS.retry_delay_s * 2 ** (died[seat] - 1), LIMITS.longest_retry_delay_s)
                    died[seat] = died[seat] + 1 if isinstance(result, Failed) else 0
                    heapq.heappush(at_work, (clock.now_s + seconds, ended.tries.total(), seat, scenario, result))
                    ended.tries[scenario.sequence_name] += 1
                    ended.tries_on[seat.host] += 1
            clock.now_s += max(POLL_S, (at_work[0][0] - clock.now_s) / 20 if at_work else 0.0)
            while at_work and at_work[0][0] <= clock.now_s:
                _, _, seat, scenario, result = heapq.heappop(at_work)
                fitness.heed(seat, result)
                if isinstance(result, Recorded):
                    backlog.succeeded(scenario, seat.host)
                    ended.sealed.append(scenario.sequence_name)
                elif backlog.failed(scenario, result, seat.host):
                    ended.aside.append(scenario.sequence_name)
            if fitness.none_is_fit(host_of) and not at_work:
                raise fitness.refusal()
    except ScanyardError as error:
        ended.error = error
    ended.seconds = clock.now_s
    return ended


def _try(
    host: Host, scenario: ConcreteScenario, poison: Collection[str], luck: random.Random, now_s: float
) -> tuple[float, Recorded | Failed]:
    name = scenario.sequence_name
    if host.lacks is not None and now_s < host.mends_at_s:
        return host.failing_s, Failed(name, scenario.name, 0, "no", host.lacks, retry=True, counts=False)
    if name in poison or luck.random() < host.dies:
        return host.failing_s, Failed(name, scenario.name, 0, "it died", Fault.SERVER_CRASHED, retry=True)
    return host.scene_s, Recorded(name, "", 1, 1, 1, host.scene_s)
