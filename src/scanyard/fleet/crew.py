"""The workers, and who does what: hired through Ray, watched by their pulse, replaced when they die or hang.

Asking for a worker is not having one: on a cluster whose nodes have yet to come, or have just gone, a worker waits to
be placed, and scenarios are given only to those that are up.  A worker that stops answering is given up, not waited
for: should it live on behind a cut cable and seal its sequence late, the store drops that as a repetition.  Workers
whose machines cannot run a server rest, and where nobody's can, the campaign ends (``fitness``); those who have yet to
come may be fit, and are waited for.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scanyard.cluster import import_ray
from scanyard.errors import EnvironmentFault, ScanyardError
from scanyard.fleet.faults import Fault
from scanyard.fleet.fitness import Fitness
from scanyard.fleet.outcome import Failed, Recorded, Seat
from scanyard.fleet.settings import Settings
from scanyard.fleet.worker import Worker
from scanyard.scenario.concrete import ConcreteScenario

logger = logging.getLogger(__name__)

Result = tuple[Seat, ConcreteScenario, Recorded | Failed]
"""Who tried, what, and what came of it."""
CLOSE_S = 8.0
"""For workers to end their servers when a campaign is over."""
MAX_FAILED_STARTS = 5
"""Workers in a row that died before they were up, after which the fault is not theirs."""
PULSE = "pulse"
CHILDREN_LIVE = {"RAY_kill_child_processes_on_worker_exit": "0"}
"""Ray would kill what a worker started before it ends the worker, but nothing below: our guard of a real CARLA first,
and the simulator would live on.  What we start notices our end by itself."""


@dataclass(eq=False)
class _Hand:
    """One worker and what we wait for from it."""

    actor: Any
    ready: Any
    hired_at: float
    seat: Seat | None = None
    scenario: ConcreteScenario | None = None
    task: Any = None
    pulse: Any = None
    pulse_sent_at: float = 0.0
    pulse_due_at: float = math.inf

    @property
    def is_idle(self) -> bool:
        return self.seat is not None and self.scenario is None

    def awaited(self) -> list[Any]:
        return [reference for reference in (self.ready, self.task, self.pulse) if reference is not None]


@dataclass
class Crew:
    """``size`` workers, as far as the cluster has room for them."""

    settings: Settings
    size: int
    clock: Callable[[], float] = time.monotonic
    replaced: int = 0
    """Workers that were up, died or hung, and were replaced."""
    _hands: list[_Hand] = field(default_factory=list)
    _failed_starts: int = 0

    def __post_init__(self) -> None:
        self._ray = import_ray()
        self._actor = self._ray.remote(
            num_cpus=self.settings.cpus,
            num_gpus=self.settings.gpus,
            resources=dict(self.settings.resources),
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={PULSE: 1},
            runtime_env={"env_vars": CHILDREN_LIVE},
        )(Worker)
        self._fitness = Fitness(self.clock, self.settings.limits.start_tries)
        self._last_up = self._last_came = self.clock()
        for _ in range(self.size):
            self._hire()

    @property
    def is_busy(self) -> bool:
        """Whether anybody works."""
        return any(hand.scenario is not None for hand in self._hands)

    @property
    def num_up(self) -> int:
        """Workers that have been placed and are up."""
        return sum(hand.seat is not None for hand in self._hands)

    def assign(self, take: Callable[[], ConcreteScenario | None]) -> None:
        """Give every idle worker that is fit something to do, as long as ``take`` has something."""
        if self._none_is_fit():
            return
        idle = {hand.seat: hand for hand in self._hands if hand.seat is not None and hand.scenario is None}
        for seat in self._fitness.in_order(idle):
            hand, scenario = idle[seat], take()
            if scenario is None:
                return
            hand.scenario = scenario
            hand.task = hand.actor.record.remote(hand.scenario)
            hand.pulse_due_at = self.clock() + self._pulse_every_s

    def results(self, timeout_s: float) -> Iterator[Result]:
        """What has finished within ``timeout_s``; dead and hanging workers are replaced.

        EnvironmentFault where no worker comes up, or none that is up can run a server.
        """
        for reference, hand in self._answers(timeout_s):
            if hand not in self._hands:
                continue  # it has been given up since
            if reference == hand.ready:
                self._take_up(hand)
            elif reference == hand.task:
                yield self._result(hand)
            elif reference == hand.pulse:
                yield from self._heed_pulse(hand)
        yield from self._watch()

    def dismiss(self) -> None:
        """Let every worker end its server, then end the workers."""
        idle = [hand.actor.close.remote() for hand in self._hands if hand.is_idle]
        with contextlib.suppress(self._ray.exceptions.RayError):
            if idle:
                self._ray.wait(idle, num_returns=len(idle), timeout=CLOSE_S)
        for hand in self._hands:
            self._ray.kill(hand.actor)
        self._hands.clear()

    @property
    def _pulse_every_s(self) -> float:
        return self.settings.deadlines.pulse_s / 3

    def _answers(self, timeout_s: float) -> list[tuple[Any, _Hand]]:
        awaited = {reference: hand for hand in self._hands for reference in hand.awaited()}
        references = list(awaited)
        if not references:
            time.sleep(timeout_s)  # everybody idles, and nothing is due yet
            return []
        answered, _ = self._ray.wait(references, num_returns=1, timeout=timeout_s)
        if answered:  # one call for all that have answered: a thousand workers must not cost a thousand calls each
            answered, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        return [(reference, awaited[reference]) for reference in answered]

    def _take_up(self, hand: _Hand) -> None:
        try:
            hand.seat = self._ray.get(hand.ready)
        except self._ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS * self.size:
                raise EnvironmentFault(
                    f"{self._failed_starts} workers died before they were up, the last with: {_first_line(error)}; "
                    "Ray's log of the worker says more, and every node needs scanyard installed"
                ) from error
            self._replace(hand)
            return
        hand.ready = None
        self._failed_starts = 0
        self._last_came = self.clock()
        logger.info("worker %d on %s is up", hand.seat.pid, hand.seat.host)

    def _result(self, hand: _Hand) -> Result:
        seat, scenario = hand.seat, hand.scenario
        assert seat is not None
        assert scenario is not None
        try:
            result = self._ray.get(hand.task)
        except self._ray.exceptions.RayTaskError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, ScanyardError):
                raise cause from None
            # Nobody foresaw it, as when CARLA's client times out while it cleans up: no reason to end the campaign.
            return self._give_up(hand, f"its worker failed: {_last_line(error)}", Fault.WORKER_FAILED)
        except self._ray.exceptions.RayError as error:  # the worker, its node, or the way there
            return self._give_up(hand, f"its worker died: {_first_line(error)}", Fault.WORKER_DIED)
        hand.scenario = hand.task = hand.pulse = None
        hand.pulse_due_at = math.inf
        self._fitness.heed(seat, result)
        return seat, scenario, result

    def _heed_pulse(self, hand: _Hand) -> Iterator[Result]:
        try:
            silent_s = self._ray.get(hand.pulse)
        except self._ray.exceptions.RayError as error:
            yield self._give_up(hand, f"its worker died: {_first_line(error)}", Fault.WORKER_DIED)
            return
        hand.pulse, hand.pulse_due_at = None, self.clock() + self._pulse_every_s
        limit_s = self.settings.frame_s
        if silent_s > limit_s:
            yield self._give_up(
                hand, f"it got nowhere for {silent_s:.0f} s, at most {limit_s:.0f} s are allowed", Fault.WORKER_HUNG
            )

    def _watch(self) -> Iterator[Result]:
        now, deadlines = self.clock(), self.settings.deadlines
        for hand in list(self._hands):
            if hand.pulse is not None and now - hand.pulse_sent_at > deadlines.pulse_s:
                yield self._give_up(
                    hand, f"its worker did not answer for {deadlines.pulse_s:.0f} s", Fault.WORKER_SILENT
                )
            elif hand.pulse is None and now >= hand.pulse_due_at:
                hand.pulse = hand.actor.pulse.options(concurrency_group=PULSE).remote()
                hand.pulse_sent_at = now
            elif hand.seat is None and now - hand.hired_at > deadlines.start_s:
                self._replace(hand)  # it may hang as it starts; asking anew costs nothing where it waits for a node
        if self.num_up:
            self._last_up = now
        elif now - self._last_up > deadlines.placement_s:
            raise EnvironmentFault(
                f"no worker could be placed for {deadlines.placement_s:.0f} s: each needs {self._needs()}, and the "
                f"cluster offers {self._offers()}; start nodes that have as much, or ask for less"
            )
        if self._none_is_fit() and not self.is_busy:
            raise self._fitness.refusal()

    def _none_is_fit(self) -> bool:
        """Whether nobody can run a server, and those who have yet to come were waited for."""
        up = [hand.seat for hand in self._hands if hand.seat is not None]
        all_came = len(up) == self.size or self.clock() - self._last_came > self.settings.deadlines.start_s
        return all_came and self._fitness.none_is_fit(up)

    def _give_up(self, hand: _Hand, reason: str, fault: Fault) -> Result:
        scenario, seat = hand.scenario, hand.seat
        assert scenario is not None
        assert seat is not None
        logger.warning("worker %d on %s is replaced: %s", seat.pid, seat.host, reason)
        self.replaced += 1
        self._replace(hand)
        self._fitness.forget(seat)
        counts = fault.blame != "machine"
        name, seed = scenario.name, scenario.seed
        return seat, scenario, Failed(scenario.sequence_name, name, seed, reason, fault, retry=True, counts=counts)

    def _replace(self, hand: _Hand) -> None:
        self._hands.remove(hand)
        self._ray.kill(hand.actor)
        self._hire()

    def _hire(self) -> None:
        actor = self._actor.remote(self.settings, self._threads())
        self._hands.append(_Hand(actor, actor.ready.remote(), self.clock()))

    def _threads(self) -> int:
        """Threads each server casts with: here they share the machine, on a cluster they have what they claim."""
        if self.settings.address is None:
            return max(1, (os.cpu_count() or 1) // self.size)
        return max(1, int(self.settings.cpus))

    def _needs(self) -> str:
        wanted = {"CPU": self.settings.cpus, "GPU": self.settings.gpus, **self.settings.resources}
        return _listed({name: amount for name, amount in wanted.items() if amount})

    def _offers(self) -> str:
        offered = self._ray.cluster_resources()
        return _listed({name: offered[name] for name in sorted(offered) if ":" not in name}) or "nothing"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def _listed(amounts: dict[str, float]) -> str:
    return ", ".join(f"{amount:g} {name}" for name, amount in amounts.items())
