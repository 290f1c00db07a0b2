"""What is left to do, what failed, and what is set aside: pure bookkeeping, no Ray and no clock of its own.

Two kinds of failure are told apart.  A scenario that cannot be played is set aside at once.  A worker or server that
died may have been killed by the scenario, or by somebody else: so a scenario whose tries all failed is set aside only
when chance does not explain it, given how often the tries of all the others failed.  Where nothing else fails that
takes ``MAX_FAILURES`` tries once five others were sealed; before that, and on machines that die all the time, it takes
more, so that bad luck costs no data.
A machine that cannot run a server at all speaks against no scenario; what becomes of its worker, ``fitness`` says.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable

from scanyard.errors import SimulationError, StoreError
from scanyard.fleet.outcome import DISK_FULL, Failed
from scanyard.scenario.concrete import ConcreteScenario

MAX_FAILURES = 3
"""A scenario that failed this often is quarantined, unless the others fail as often."""
CHANCE = 0.01
"""Set aside a scenario when that many failures in a row have a smaller chance than this to befall any one of those that
were tried: a hundred scenarios give bad luck a hundred chances."""
USUAL_FAILURE_RATE = 0.2
"""What is taken for the others' failure rate before they have tried, weighing as much as one try: 0.2^3 < CHANCE."""
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 30.0
"""A scenario that failed waits this long, then twice as long, and so on: what broke may mend."""
FIRST_DISK_DELAY_S, LONGEST_DISK_DELAY_S = 5.0, 60.0


class Backlog:
    """Scenarios on their way: waiting, waiting for another try, handed out, or set aside."""

    def __init__(
        self,
        scenarios: Iterable[ConcreteScenario],
        clock: Callable[[], float],
        *,
        hands: int = 1,
        disk_patience_s: float = math.inf,
    ) -> None:
        """``hands`` work at a time."""
        self._fresh = iter(scenarios)
        self._head: deque[ConcreteScenario] = deque()
        self._clock = clock
        self._hands = hands
        self._disk_patience_s = disk_patience_s
        self._later: list[tuple[float, int, ConcreteScenario]] = []
        self._order = itertools.count()
        self._failures: Counter[str] = Counter()
        self._tries = self._tries_failed = self._failed_in_a_row = 0
        self._full_since: float | None = None
        self._paused_until = -math.inf
        self._disk_delay_s = FIRST_DISK_DELAY_S

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits any more; what is handed out may still come back."""
        return not self._later and not self._peek()

    @property
    def is_paused(self) -> bool:
        """Whether everybody waits for room on the disk."""
        return self._full_since is not None

    def take(self) -> ConcreteScenario | None:
        """The next scenario to try; ``None`` while there is none, or none that is due."""
        now = self._clock()
        if now < self._paused_until:
            return None
        if self._later and self._later[0][0] <= now:
            return heapq.heappop(self._later)[2]
        return self._head.popleft() if self._peek() else None

    def succeeded(self, scenario: ConcreteScenario) -> None:
        """Take note that it is sealed."""
        self._tries += 1
        self._failures.pop(scenario.sequence_name, None)
        self._failed_in_a_row = 0
        self._full_since, self._disk_delay_s = None, FIRST_DISK_DELAY_S

    def failed(self, scenario: ConcreteScenario, failure: Failed) -> bool:
        """Take note of a failure; True when the scenario is set aside, else it will be handed out again.

        StoreError when the disk stayed full for too long, SimulationError when nothing succeeds any more: going on
        would set every scenario aside for a fault that is in none of them.
        """
        if failure.kind == DISK_FULL:
            self._wait_for_room(scenario, failure)
            return False
        if not failure.counts:
            self._again(scenario, self._clock() + FIRST_DELAY_S)
            return False
        if not failure.retry:
            self._failures.pop(scenario.sequence_name, None)
            return True
        self._tries += 1
        self._tries_failed += 1
        self._failed_in_a_row += 1
        self._failures[scenario.sequence_name] += 1
        if self._is_set_aside(scenario.sequence_name):
            del self._failures[scenario.sequence_name]
            return True
        self._refuse_if_nothing_succeeds(failure)
        delay_s = min(FIRST_DELAY_S * 2 ** (self._failures[scenario.sequence_name] - 1), LONGEST_DELAY_S)
        self._again(scenario, self._clock() + delay_s)
        return False

    def _is_set_aside(self, name: str) -> bool:
        own = self._failures[name]
        if own < MAX_FAILURES:
            return False
        others, others_failed = self._tries - own, self._tries_failed - own
        if not others:  # there may be nobody to compare it with
            return self.is_empty and USUAL_FAILURE_RATE**own < CHANCE
        # What the others tell of the failure rate is uncertain while they are few: every further failure of this one
        # is expected a little more than the last (Beta prior, binomial tries, so the prediction is Polya's urn).
        chance = math.prod((others_failed + USUAL_FAILURE_RATE + n) / (others + 1 + n) for n in range(own))
        tried = self._tries - self._tries_failed + len(self._failures)
        return chance * tried < CHANCE

    def _refuse_if_nothing_succeeds(self, failure: Failed) -> None:
        limit = 10 * max(self._hands, MAX_FAILURES)
        if self._failed_in_a_row < limit:
            return
        raise SimulationError(
            f"the last {self._failed_in_a_row} tries all failed, with different scenarios, most recently "
            f"{failure.sequence}: {failure.kind}: {failure.reason}. Find the cause and run the same command again: "
            "what is sealed is kept"
        )

    def _wait_for_room(self, scenario: ConcreteScenario, failure: Failed) -> None:
        now = self._clock()
        if self._full_since is None:
            self._full_since = now
        if now - self._full_since > self._disk_patience_s:
            raise StoreError(failure.reason)
        if now >= self._paused_until:  # those who failed in the meantime wait with the first
            self._paused_until = now + self._disk_delay_s
            self._disk_delay_s = min(2 * self._disk_delay_s, LONGEST_DISK_DELAY_S)
        self._again(scenario, self._paused_until)

    def _again(self, scenario: ConcreteScenario, due: float) -> None:
        heapq.heappush(self._later, (due, next(self._order), scenario))

    def _peek(self) -> bool:
        """Whether a fresh scenario is left; they may be drawn one by one, so one is fetched to know."""
        if not self._head:
            self._head.extend(itertools.islice(self._fresh, 1))
        return bool(self._head)
