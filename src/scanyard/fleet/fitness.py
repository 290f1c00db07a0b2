"""Which workers can run a server, as far as their tries tell: pure bookkeeping, no Ray and no clock of its own.

A machine that lacks something fails within a moment, so it would be handed scenario after scenario while the others
record, and its failures alone would outnumber all that succeed.  So they are counted by worker.

1. A worker whose server could not be run ``start_tries`` times in a row is unfit.  It rests before every further try,
   each time twice as long, and is fit again as soon as a server has run for it.
2. Scenarios are offered first to those whose last tries did not fail: what failed with one is tried by another.
3. When every worker is unfit, and as many tries in a row as that takes failed with no server running in between, nobody
   is given anything more; when those who are at work still have failed as well, the campaign ends.  While any is fit,
   or has not been tried yet, the unfit ones cost only time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from scanyard.errors import EnvironmentFault
from scanyard.fleet.outcome import Failed, Recorded, Seat

logger = logging.getLogger(__name__)

FIRST_REST_S, LONGEST_REST_S = 30.0, 300.0
"""A card may come back, and a port be freed: an unfit worker is never given up."""


@dataclass
class _Record:
    """The latest tries of one worker."""

    failed: int = 0
    """In a row, for whatever reason."""
    unfit: int = 0
    """In a row, for want of a server."""
    rests_until: float = 0.0


class Fitness:
    """What each worker's latest tries say of its machine."""

    def __init__(self, clock: Callable[[], float], start_tries: int) -> None:
        self._clock = clock
        self._start_tries = start_tries
        self._records: dict[Seat, _Record] = {}
        self._unfit_in_a_row = 0
        self._latest: Failed | None = None

    def heed(self, worker: Seat, result: Recorded | Failed) -> None:
        """Take note of how a worker's try went."""
        record = self._records.setdefault(worker, _Record())
        record.failed = record.failed + 1 if isinstance(result, Failed) else 0
        if not isinstance(result, Failed) or not result.lacks_server:
            record.unfit = self._unfit_in_a_row = 0
            return
        self._latest = result
        self._unfit_in_a_row += 1
        record.unfit += 1
        if record.unfit >= self._start_tries:
            rest_s = min(FIRST_REST_S * 2 ** (record.unfit - self._start_tries), LONGEST_REST_S)
            record.rests_until = self._clock() + rest_s
            logger.warning(
                "worker %d on %s rests for %.0f s, %d tries failed: %s: %s",
                worker.pid, worker.host, rest_s, record.unfit, result.kind, result.reason,
            )  # fmt: skip

    def forget(self, worker: Seat) -> None:
        """Take note that a worker is gone."""
        self._records.pop(worker, None)

    def in_order(self, idle: Iterable[Seat]) -> list[Seat]:
        """Those who may work now, and in which order to ask them."""
        now = self._clock()
        able = [one for one in idle if not self._is_unfit(one) or self._records[one].rests_until <= now]
        return sorted(able, key=lambda one: self._records[one].failed if one in self._records else 0)

    def none_is_fit(self, workers: Collection[Seat]) -> bool:
        """Whether none of ``workers``, who are all there are, could run a server lately."""
        enough = self._unfit_in_a_row >= self._start_tries * len(workers) > 0
        return enough and all(map(self._is_unfit, workers))

    def refusal(self) -> EnvironmentFault:
        """What to say when none is fit."""
        assert self._latest is not None
        hosts = ", ".join(sorted({worker.host for worker in self._records}))
        return EnvironmentFault(
            f"no server can be run on {hosts}: {self._unfit_in_a_row} tries failed in a row, most recently with "
            f"{self._latest.kind}: {self._latest.reason}"
        )

    def _is_unfit(self, worker: Seat) -> bool:
        return worker in self._records and self._records[worker].unfit >= self._start_tries
