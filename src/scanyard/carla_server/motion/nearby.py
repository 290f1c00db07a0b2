"""Who may touch whom in a frame: pairs near enough, out of hundreds of bodies and thousands of obstacles.

Bodies are sorted along x and swept; obstacles lie in a grid, made once per map.  Both only leave out what cannot touch
within the frame; ``gap`` then measures what is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.arrays import compiled
from scanyard.carla_server.motion.boxes import Rectangles, gap
from scanyard.carla_server.protocol.poses import Floats
from scanyard.carla_server.street.obstacles import Obstacles

Rows = NDArray[np.int64]

CELL_M = 10.0


def sweep(x: Floats, y: Floats, reach: Floats) -> Rows:
    """(2, P) the pairs among B circles, at x and y (B,) of radius ``reach`` (B,), that overlap; the lower row first."""
    x, y, reach = (np.ascontiguousarray(one) for one in (x, y, reach))
    order = np.argsort(x - reach, kind="stable")
    found = np.sort(_swept(order, x, y, reach))
    return np.stack([found // len(x), found % len(x)]) if len(x) else np.zeros((2, 0), np.int64)


@compiled
def _swept(order: Rows, x: Floats, y: Floats, reach: Floats) -> Rows:
    """(P,) the lower row of each pair, times the number of rows, plus the higher one."""
    found, count = np.empty(4 * len(x) + 16, np.int64), 0
    for k in range(len(order)):
        one = order[k]
        for later in range(k + 1, len(order)):
            other = order[later]
            if x[other] - reach[other] > x[one] + reach[one]:
                break
            if (x[one] - x[other]) ** 2 + (y[one] - y[other]) ** 2 < (reach[one] + reach[other]) ** 2:
                if count == len(found):
                    found = np.concatenate((found, found))
                found[count] = min(one, other) * len(x) + max(one, other)
                count += 1
    return found[:count]


class Grid:
    """The obstacles of a map by the square of a grid they reach into."""

    def __init__(self, obstacles: Obstacles) -> None:
        self.obstacles = obstacles
        self._boxes = tuple(map(np.ascontiguousarray, (obstacles.middle, obstacles.half, obstacles.yaw)))
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
        found = np.unique(  # long ones lie in several squares
            _met(
                (x, y, reach), (self._low, self._size, self._start, self._number),
                (*self._boxes, self.hidden),
            )
        )  # fmt: skip
        return np.stack([found // len(self.hidden), found % len(self.hidden)])

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

    def _cell(self, column: Rows, row: Rows) -> Rows:
        return np.asarray((column - self._low[0]) * self._size[1] + row - self._low[1])


def _expanded(first: Rows, last: Rows) -> tuple[Rows, Rows]:
    """Every number from ``first`` (B,) up to but not with ``last`` (B,), and before it the index it belongs to."""
    count = np.maximum(last - first, 0)
    owner = np.repeat(np.arange(len(count)), count)
    begin = np.cumsum(count) - count
    return owner, np.arange(len(owner)) - begin[owner] + first[owner]


@compiled
def _met(circles: Any, squares: Any, known: Any) -> Rows:
    """(P,) a body's number, times that of all obstacles, plus the number of an obstacle its circle meets."""
    x, y, reach = circles
    first, size, start, numbers = squares
    middle, half, yaw, hidden = known
    found, count = np.empty(4 * len(x) + 16, np.int64), 0
    for k in range(len(x)):
        west, east = np.floor((x[k] - reach[k]) / CELL_M) - first[0], np.floor((x[k] + reach[k]) / CELL_M) - first[0]
        north, south = np.floor((y[k] - reach[k]) / CELL_M) - first[1], np.floor((y[k] + reach[k]) / CELL_M) - first[1]
        for column in range(int(max(west, 0)), int(min(east, size[0] - 1)) + 1):
            for row in range(int(max(north, 0)), int(min(south, size[1] - 1)) + 1):
                cell = column * size[1] + row
                for number in numbers[start[cell] : start[cell + 1]]:
                    if hidden[number]:
                        continue
                    dx, dy = x[k] - middle[number, 0], y[k] - middle[number, 1]
                    if dx**2 + dy**2 >= (reach[k] + half[number, 0] + half[number, 1]) ** 2:
                        continue  # most are further away than their corners reach
                    cos, sin = np.cos(yaw[number]), np.sin(yaw[number])
                    along = max(abs(dx * cos + dy * sin) - half[number, 0], 0.0)
                    across = max(abs(dy * cos - dx * sin) - half[number, 1], 0.0)
                    if along**2 + across**2 < reach[k] ** 2:
                        if count == len(found):
                            found = np.concatenate((found, found))
                        found[count] = k * len(hidden) + number
                        count += 1
    return found[:count]
