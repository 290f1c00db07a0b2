"""Who may touch whom in a frame: pairs near enough, out of hundreds of bodies and thousands of obstacles.

Bodies are sorted along x and swept; obstacles lie in a grid, made once per map.  Both only leave out what cannot touch
within the frame; ``gap`` then measures what is left.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.boxes import Rectangles, gap
from scanyard.carla_server.protocol.poses import Floats
from scanyard.carla_server.street.obstacles import Obstacles

Rows = NDArray[np.int64]

CELL_M = 10.0


def sweep(x: Floats, y: Floats, reach: Floats) -> Rows:
    """(2, P) the pairs among B circles, at x and y (B,) of radius ``reach`` (B,), that overlap; the lower row first."""
    order = np.argsort(x - reach, kind="stable")
    start, end = (x - reach)[order], (x + reach)[order]
    last = np.searchsorted(start, end, side="right")
    first, second = _expanded(np.arange(len(x)) + 1, last)
    one, other = order[first], order[second]
    near = (x[one] - x[other]) ** 2 + (y[one] - y[other]) ** 2 < (reach[one] + reach[other]) ** 2
    pairs = np.stack([np.minimum(one, other), np.maximum(one, other)])[:, near]
    return pairs[:, np.lexsort(pairs[::-1])]


class Grid:
    """The obstacles of a map by the square of a grid they reach into."""

    def __init__(self, obstacles: Obstacles) -> None:
        self.obstacles = obstacles
        cos, sin = np.abs(np.cos(obstacles.yaw)), np.abs(np.sin(obstacles.yaw))
        along, across = obstacles.half.T
        reach = np.stack([along * cos + across * sin, along * sin + across * cos], axis=1)
        low = np.floor((obstacles.middle - reach) / CELL_M).astype(np.int64)
        high = np.floor((obstacles.middle + reach) / CELL_M).astype(np.int64)
        self._low = low.min(axis=0) if len(low) else np.zeros(2, np.int64)
        self._size = high.max(axis=0) - self._low + 1 if len(low) else np.zeros(2, np.int64)
        wide = high - low + 1
        number, place = _expanded(np.zeros(len(low), np.int64), wide[:, 0] * wide[:, 1])
        column = low[number, 0] + place // wide[number, 1]
        row = low[number, 1] + place % wide[number, 1]
        cell = self._cell(column, row)
        order = np.argsort(cell, kind="stable")
        self._number = number[order]
        self._start = np.searchsorted(cell[order], np.arange(int(self._size.prod()) + 1))
        self.hidden = np.zeros(len(low), bool)
        """(K,) what is in nobody's way."""

    def hide(self, ids: Iterable[int], hidden: bool) -> None:
        """Take the obstacles of environment objects away, or put them back."""
        named = np.isin(self.obstacles.ids, np.fromiter(ids, np.uint64)) & (self.obstacles.ids > 0)
        self.hidden[named] = hidden

    def near(self, x: Floats, y: Floats, reach: Floats) -> Rows:
        """(2, P) bodies and the obstacles that their circles, at x and y (B,), may touch."""
        nothing = np.zeros((2, 0), np.int64)
        if not len(self._number) or not len(x):
            return nothing
        low = np.floor(np.stack([x - reach, y - reach]) / CELL_M).astype(np.int64)
        high = np.floor(np.stack([x + reach, y + reach]) / CELL_M).astype(np.int64)
        low = np.clip(low - self._low[:, None], 0, self._size[:, None])
        high = np.clip(high - self._low[:, None], -1, self._size[:, None] - 1)
        wide = np.maximum(high - low + 1, 0)
        body, place = _expanded(np.zeros(len(x), np.int64), wide[0] * wide[1])
        if not len(body):
            return nothing
        tall = wide[1, body]
        cell = (low[0, body] + place // tall) * self._size[1] + low[1, body] + place % tall
        at, entry = _expanded(self._start[cell], self._start[cell + 1])
        body, number = body[at], self._number[entry]
        keep = ~self.hidden[number] & self._within(x[body], y[body], reach[body], number)
        once = np.unique(body[keep] * len(self.hidden) + number[keep])  # long ones lie in several squares
        return np.stack([once // len(self.hidden), once % len(self.hidden)])

    def meeting(self, box: Rectangles, low: float, high: float) -> Rows:
        """(P,) the obstacles that one upright box, from height ``low`` to ``high``, is inside of."""
        (x,), (y,) = box.middle
        _, number = self.near(np.array([x]), np.array([y]), np.array([float(np.hypot(*box.half[:, 0]))]))
        known = self.obstacles
        number = np.asarray(number[(known.low[number] < high) & (low < known.high[number])])
        if not len(number):
            return number
        yaw = known.yaw[number]
        there = Rectangles(known.middle[number].T, np.stack([np.cos(yaw), np.sin(yaw)]), known.half[number].T)
        alike = Rectangles(*(np.repeat(values, len(number), axis=1) for values in box))
        return np.asarray(number[gap(alike, there).depth > 0.0])

    def _within(self, x: Floats, y: Floats, reach: Floats, number: Rows) -> NDArray[np.bool_]:
        """(P,) whether circles meet obstacles."""
        known = self.obstacles
        dx, dy = x - known.middle[number, 0], y - known.middle[number, 1]
        cos, sin = np.cos(known.yaw[number]), np.sin(known.yaw[number])
        along = np.maximum(np.abs(dx * cos + dy * sin) - known.half[number, 0], 0.0)
        across = np.maximum(np.abs(dy * cos - dx * sin) - known.half[number, 1], 0.0)
        return np.asarray(along**2 + across**2 < reach**2)

    def _cell(self, column: Rows, row: Rows) -> Rows:
        return np.asarray((column - self._low[0]) * self._size[1] + row - self._low[1])


def _expanded(first: Rows, last: Rows) -> tuple[Rows, Rows]:
    """Every number from ``first`` (B,) up to but not with ``last`` (B,), and before it the index it belongs to."""
    count = np.maximum(last - first, 0)
    owner = np.repeat(np.arange(len(count)), count)
    begin = np.cumsum(count) - count
    return owner, np.arange(len(owner)) - begin[owner] + first[owner]
