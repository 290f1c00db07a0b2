"""What is left to do, what failed, and what is set aside: pure bookkeeping, no Ray and no clock of its own.

A worker or server that died under a scenario may have been killed by it, or by somebody else: a passing killer, or a
host on which everything dies.  The rules are these.

1. What cannot be played is set aside at once.
2. A machine that cannot run a server, or whose disk is full, speaks against no scenario, nor does a worker that is
   stopped or cut off; what becomes of a worker whose machine is unfit, ``fitness`` says.
3. A scenario whose tries all failed, ``MAX_FAILURES`` of them or more, is set aside when chance does not explain it,
   given how often the tries of all others failed, everywhere and on the same hosts.  Where nothing else fails that
   takes three tries once twenty others were sealed, five once five were; on machines that die all the time it takes
   more.
4. From ``MANY_FAILURES`` on it is compared with those alone that came to be sealed, each with all the tries it took:
   some that always fail would excuse each other for ever.
5. Where all that is left has failed, nothing will be learned by waiting.  Then ``MANY_FAILURES`` are enough where this
   campaign has sealed nothing, as when one is resumed for what always fails, and ``MOST_FAILURES`` where it has.
6. After a failure what was never tried goes first: it tells more than the next failure of the same.
7. Where something else is left and nothing succeeds any more, the campaign ends: going on would set everything aside
   for a fault that is in none of it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scanyard.errors import SimulationError, StoreError
from scanyard.fleet.faults import Fault
from scanyard.fleet.outcome import DISK_FULL, Failed
from scanyard.scenario.concrete import ConcreteScenario

MAX_FAILURES = 3
"""A scenario that failed this often is quarantined, unless the others fail as often."""
MANY_FAILURES = 8
"""Where every second try is killed from outside, so many in a row befall one scenario in 256."""
MOST_FAILURES = 30
"""A machine on which so many tries in a row die will not do it today, whatever it does with others."""
CHANCE = 0.003
"""Set aside a scenario when that many failures in a row have a smaller chance than this to befall any one of those that
were tried: a hundred scenarios give bad luck a hundred chances.  With 0.01 one in fifty campaigns in which every third
try died lost a scenario, with 0.003 one in three hundred."""
USUAL_FAILURE_RATE = 0.2
"""What is taken for the others' failure rate before they have tried, weighing as much as one try."""
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
        self._handed_out = 0
        self._failures: dict[str, Counter[str]] = {}
        """By scenario and host, of those that may still succeed."""
        self._tried, self._sealed = _Tally(), _Tally()
        """All tries, and those of scenarios that came to be sealed."""
        self._num_sealed = self._failed_in_a_row = 0
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
        is_due = bool(self._later) and self._later[0][0] <= now
        if self._peek() and (self._failed_in_a_row or not is_due):
            scenario = self._head.popleft()
        elif is_due:
            scenario = heapq.heappop(self._later)[2]
        else:
            return None
        self._handed_out += 1
        return scenario

    def succeeded(self, scenario: ConcreteScenario, host: str = "") -> None:
        """Take note that it is sealed, by a worker on ``host``."""
        self._handed_out -= 1
        own = self._failures.pop(scenario.sequence_name, Counter())
        self._tried.add(host, failed=False)
        self._sealed.add(host, failed=False)
        for where in own.elements():
            self._sealed.add(where, failed=True)
        self._num_sealed += 1
        self._failed_in_a_row = 0
        self._full_since, self._disk_delay_s = None, FIRST_DISK_DELAY_S

    def failed(self, scenario: ConcreteScenario, failure: Failed, host: str = "") -> bool:
        """Take note of a failure on ``host``; True when the scenario is set aside, else it will be handed out again.

        StoreError when the disk stayed full for too long, SimulationError when nothing succeeds any more.
        """
        self._handed_out -= 1
        if failure.kind == DISK_FULL:
            self._wait_for_room(scenario, failure)
            return False
        if not failure.counts:
            if failure.kind == Fault.WORKER_SILENT:
                self._failed_in_a_row += 1
                self._refuse_if_nothing_succeeds(failure)
            self._again(scenario, self._clock() + FIRST_DELAY_S)
            return False
        name = scenario.sequence_name
        if not failure.retry:
            self._failures.pop(name, None)
            return True
        own = self._failures.setdefault(name, Counter())
        own[host] += 1
        self._tried.add(host, failed=True)
        self._failed_in_a_row += 1
        nothing_to_learn = self._all_that_is_left_failed()
        if self._is_set_aside(own, nothing_to_learn):
            del self._failures[name]
            return True
        if not nothing_to_learn:
            self._refuse_if_nothing_succeeds(failure)
        self._again(scenario, self._clock() + min(FIRST_DELAY_S * 2 ** (own.total() - 1), LONGEST_DELAY_S))
        return False

    def _is_set_aside(self, own: Counter[str], nothing_to_learn: bool) -> bool:
        failures = own.total()
        if failures < MAX_FAILURES:
            return False
        scenarios = self._num_sealed + len(self._failures)
        if self._tried.tries.total() > failures and self._tried.without(own).chance(own) * scenarios < CHANCE:
            return True
        if failures < MANY_FAILURES:
            return False
        if self._num_sealed and self._sealed.chance(own) * scenarios < CHANCE:
            return True
        return nothing_to_learn and (not self._num_sealed or failures >= MOST_FAILURES)

    def _all_that_is_left_failed(self) -> bool:
        """Called while one is in our hands that is neither waiting nor handed out."""
        return not self._peek() and len(self._failures) == len(self._later) + self._handed_out + 1

    def _refuse_if_nothing_succeeds(self, failure: Failed) -> None:
        limit = 10 * max(self._hands, MAX_FAILURES)
        if self._failed_in_a_row < limit:
            return
        raise SimulationError(
            f"the last {self._failed_in_a_row} tries all failed, with different scenarios, most recently "
            f"{failure.sequence}: {failure.kind}: {failure.reason}. Find the cause, or leave {failure.scenario} "
            "out if it is that, and run the same command again: what is sealed is kept"
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


@dataclass(frozen=True)
class _Tally:
    """Tries, and how many of them failed, by host."""

    tries: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def add(self, host: str, *, failed: bool) -> None:
        self.tries[host] += 1
        self.failed[host] += failed

    def without(self, failures: Counter[str]) -> _Tally:
        return _Tally(self.tries - failures, self.failed - failures)

    def chance(self, own: Counter[str]) -> float:
        """The chance that a good scenario fails as often as ``own`` says, going by what was tried.

        By all hosts or by the hosts on which it failed, whichever excuses it more: on many hosts each has few tries,
        and on one host of many everything may die.
        """
        everywhere = _chance(own.total(), self.tries.total(), self.failed.total())
        there = math.prod(_chance(n, self.tries[host], self.failed[host]) for host, n in own.items())
        return max(everywhere, there)


def _chance(failures: int, tries: int, failed: int) -> float:
    """Of so many failures in a row where ``failed`` of so many ``tries`` did.

    What few tries tell of the failure rate is uncertain: every further failure is expected a little more than the last
    (Beta prior, binomial tries, so the prediction is Polya's urn).
    """
    return math.prod((failed + USUAL_FAILURE_RATE + n) / (tries + 1 + n) for n in range(failures))
