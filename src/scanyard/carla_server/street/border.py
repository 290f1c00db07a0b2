"""A road's border measured along its length, and the plan of what stands there being gathered.

Places are given as (s, away): metres along the border, and metres off it away from the road; the sidewalk, where there
is one, lies at negative ``away``.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.street.character import Character
from scanyard.carla_server.street.ground import Edge
from scanyard.carla_server.street.items import Color, Item, Kind
from scanyard.carla_server.street.parking import Place

Floats = NDArray[np.float64]
Clear = Callable[[Floats, Floats], Floats]

JUNCTION_CLEAR_M = 14.0
CLAIM_CELL_M = 8.0  # more than any two radii together
BESIDE_CAR_M = 2.6  # from the middle of a parked car to the middle of what stands beside it, less its own radius


class Border:
    """An edge measured along its length, with a local frame (away from the road, along it)."""

    def __init__(self, edge: Edge) -> None:
        points = edge.points[:, :2]
        length = np.linalg.norm(np.diff(points, axis=0), axis=1)
        keep = np.r_[True, length > 1e-6]
        self._rows = np.c_[points, edge.outward][keep].tolist()
        self._s = np.r_[0.0, np.cumsum(length[keep[1:]])].tolist()
        self.length = float(self._s[-1]) if len(self._s) > 1 else 0.0
        self.has_sidewalk = edge.kind == "sidewalk"
        self.sidewalk_m = edge.width_m if self.has_sidewalk else 0.0

    def many(self, s: Floats, away: Floats) -> Floats:
        """x and y (M, 2) of places ``away`` (M,) metres off the border, ``s`` (M,) metres along it."""
        rows, along = np.array(self._rows), np.array(self._s)
        x, y, u, v = (np.interp(s, along, column) for column in rows.T)
        size = np.maximum(np.hypot(u, v), 1e-9)
        return np.stack([x + away * u / size, y + away * v / size], axis=1)

    def at(self, s: float, away: float) -> tuple[float, float, float]:
        """x, y and outward heading ``away`` metres off the border, ``s`` metres along it."""
        i = min(max(bisect_right(self._s, s) - 1, 0), len(self._s) - 2)
        share = min(max((s - self._s[i]) / (self._s[i + 1] - self._s[i]), 0.0), 1.0)
        here, there = self._rows[i], self._rows[i + 1]
        x, y, u, v = (a + (b - a) * share for a, b in zip(here, there, strict=True))
        size = math.hypot(u, v) or 1.0
        return x + away * u / size, y + away * v / size, math.atan2(v, u)


@dataclass
class Site:
    """A border being laid out: where, in what character, with what luck, and what stands there by now."""

    border: Border
    character: Character
    rng: np.random.Generator
    density: float
    """How much stands about, as a factor."""
    clear: Clear
    """Distance to the nearest lane, of many places at once."""
    clear_of: Callable[[float, float], float]
    """The same of one."""
    items: list[Item] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    """Where cars may stand off the road."""
    _claimed: dict[tuple[int, int], list[tuple[float, float, float]]] = field(default_factory=dict)
    """x, y and radius of what stands, by cells of ``CLAIM_CELL_M``."""

    @property
    def kept_clear_m(self) -> float:
        """So near the ends of the border, where junctions may be, nothing hides their lights and signs."""
        return min(JUNCTION_CLEAR_M, self.border.length / 4)

    def chance(self, share: float) -> bool:
        """Whether a thing that happens in a ``share`` of cases happens here."""
        return bool(self.rng.random() < share)

    def draw(self, low: float, high: float) -> float:
        """A number between two."""
        return low + (high - low) * float(self.rng.random())

    def pick(self, colors: Sequence[Color]) -> Color:
        """One of some colours, a little lighter or darker."""
        shade = self.draw(0.85, 1.12)
        red, green, blue = colors[int(self.rng.random() * len(colors))]
        return min(red * shade, 1.0), min(green * shade, 1.0), min(blue * shade, 1.0)

    def variant(self, kind: Kind) -> int:
        """Any variant of a kind."""
        return int(self.rng.random() * kind.variants)

    def distance(self, x: float, y: float) -> float:
        """From a place to the nearest lane, metres."""
        return self.clear_of(x, y)

    def claim(self, x: float, y: float, radius_m: float, *, off_road_m: float = 0.3) -> bool:
        """Whether a round thing fits there, off every lane, car and thing before it; if so, the place is its own."""
        if self.distance(x, y) < radius_m + off_road_m:
            return False
        for place in self.places:
            if math.hypot(x - place.x, y - place.y) < radius_m + BESIDE_CAR_M:
                return False
        i, j = int(x // CLAIM_CELL_M), int(y // CLAIM_CELL_M)
        for cell in ((i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1)):
            for other_x, other_y, other_m in self._claimed.get(cell, ()):
                if math.hypot(x - other_x, y - other_y) < radius_m + other_m:
                    return False
        self._claimed.setdefault((i, j), []).append((x, y, radius_m))
        return True

    def put(
        self,
        kind: Kind,
        x: float,
        y: float,
        yaw: float,
        *,
        variant: int | None = None,
        scale: float | tuple[float, float, float] = 1.0,
        color: Color = (0.5, 0.5, 0.5),
        lift_m: float = 0.0,
        joined: bool = False,
    ) -> None:
        """Stand a thing somewhere; its variant is any, unless one is named."""
        sizes = (scale, scale, scale) if isinstance(scale, float) else scale
        number = self.variant(kind) if variant is None else variant
        self.items.append(Item(kind, number, x, y, yaw, sizes, color, lift_m, False, joined))

    def place(
        self,
        kind: Kind,
        s: float,
        away: float,
        *,
        radius_m: float,
        turned: float | None = None,
        scale: float | tuple[float, float, float] = 1.0,
        color: Color = (0.5, 0.5, 0.5),
        off_road_m: float = 0.3,
    ) -> bool:
        """Stand a thing at (s, away) where there is room for it; ``turned`` from facing away, else any way round."""
        x, y, yaw = self.border.at(s, away)
        if not self.claim(x, y, radius_m, off_road_m=off_road_m):
            return False
        self.put(kind, x, y, self.draw(0.0, math.tau) if turned is None else yaw + turned, scale=scale, color=color)
        return True

    def run(
        self,
        kind: Kind,
        points: Sequence[tuple[float, float]],
        *,
        height: float,
        thick: float = 1.0,
        color: Color = (0.5, 0.5, 0.5),
        variant: int | None = None,
        uneven: float = 0.0,
    ) -> None:
        """Things that come by the metre, one between each two of some points: a fence, a hedge.

        ``variant`` holds for all panels, else each has its own; ``uneven`` is how much their heights differ.
        """
        for n, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
            length = math.hypot(x1 - x0, y1 - y0)
            if length < 0.05:
                continue
            number = self.variant(kind) if variant is None else variant
            tall = height * (1.0 + uneven * (self.draw(-1.0, 1.0) if uneven else 0.0))
            yaw = math.atan2(y1 - y0, x1 - x0) - math.pi / 2
            middle = (x0 + x1) / 2, (y0 + y1) / 2
            self.items.append(Item(kind, number, *middle, yaw, (thick, length, tall), color, 0.0, True, n > 0))

    def along(self, s0: float, s1: float, away: float, pitch: float) -> list[tuple[float, float]]:
        """Points about ``pitch`` apart along the border from ``s0`` to ``s1``."""
        count = max(1, round((s1 - s0) / pitch))
        return [self.border.at(s0 + (s1 - s0) * i / count, away)[:2] for i in range(count + 1)]

    def outwards(self, s: float, away0: float, away1: float, pitch: float) -> list[tuple[float, float]]:
        """Points about ``pitch`` apart from near the border to far, while they are off every lane."""
        count = max(1, round((away1 - away0) / pitch))
        found = []
        for i in range(count + 1):
            x, y, _ = self.border.at(s, away0 + (away1 - away0) * i / count)
            if self.distance(x, y) < 0.6:
                break
            found.append((x, y))
        return found
