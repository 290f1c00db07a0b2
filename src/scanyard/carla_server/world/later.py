"""A thing that takes seconds to make, begun at once in a thread of its own and waited for by whoever first needs it.

The street of a large town is one: clients connect, ask for maps and blueprints and tick an empty world meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """What ``make`` returns, once it has; what it raises is raised to everyone who asks."""

    def __init__(self, make: Callable[[], T], name: str) -> None:
        self._made: list[T] = []
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(make,), name=name, daemon=True)
        self._thread.start()

    @property
    def is_ready(self) -> bool:
        """Whether nobody would have to wait."""
        return not self._thread.is_alive()

    def get(self) -> T:
        """The thing; waits for it."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._made[0]

    def _run(self, make: Callable[[], T]) -> None:
        try:
            self._made.append(make())
        except BaseException as error:  # noqa: BLE001 - kept for those who ask
            self._failure = error
