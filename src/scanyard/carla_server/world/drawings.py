"""The debug shapes that clients drew, and how long each is to be seen.

A life time counts simulation time: 0 lasts for ever and less than 0 one frame, as in CARLA's documentation (whose own
default, -1, is the one frame).  Scripts draw a few shapes in every tick, some for ever, so there is a limit: past it
the oldest go.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from scanyard.carla_server.protocol.drawing import DebugShape, String

MAX_SHAPES = 20_000


class Drawings:
    """What is drawn in the world of one episode."""

    def __init__(self) -> None:
        self._alive: deque[tuple[float, DebugShape]] = deque(maxlen=MAX_SHAPES)
        """Each with the simulation time at which it was last to be seen; -inf for one frame."""

    def add(self, shape: DebugShape, now_s: float) -> None:
        """Draw a shape, to be seen from the next frame on."""
        if shape.life_time > 0.0:
            until_s = now_s + shape.life_time
        else:
            until_s = math.inf if shape.life_time == 0.0 else -math.inf
        self._alive.append((until_s, shape))

    def clear(self) -> None:
        """Wipe everything off but texts."""
        self._keep(lambda shape: isinstance(shape.primitive, String))

    def clear_texts(self) -> None:
        """Wipe the texts off."""
        self._keep(lambda shape: not isinstance(shape.primitive, String))

    def seen_at(self, now_s: float) -> tuple[DebugShape, ...]:
        """What is to be seen in the frame of this simulation time, in the order of drawing; called once a frame."""
        if not self._alive:
            return ()
        seen = tuple(shape for until_s, shape in self._alive if until_s >= now_s or until_s == -math.inf)
        self._alive = deque(((until_s, shape) for until_s, shape in self._alive if until_s > now_s), MAX_SHAPES)
        return seen

    def _keep(self, is_wanted: Callable[[DebugShape], bool]) -> None:
        self._alive = deque(((until_s, shape) for until_s, shape in self._alive if is_wanted(shape)), MAX_SHAPES)
