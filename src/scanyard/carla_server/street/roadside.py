"""What stands along a road's border: lots with houses, hedges, fences and gardens, and the things on the sidewalk.

Each road has a character (a quiet street of houses, a town street, yards and halls, open country) drawn from the style;
the plan of a border is drawn from (map, style, border) alone.  Only places are decided here; meshes are made when a
sensor comes near.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.street import buildings, street_furniture, vegetation
from scanyard.carla_server.street.character import GREENS, PLASTER, SIGNS, WOODS, Character, Color
from scanyard.carla_server.street.ground import Edge
from scanyard.carla_server.street.parking import Place
from scanyard.carla_server.surfaces.mesh import Mesh

Floats = NDArray[np.float64]
Clear = Callable[[Floats, Floats], Floats]

NEAR_M, MIDDLE_M, FAR_M = 75.0, 105.0, 1000.0  # how far small, middling and large things are worth drawing


@dataclass(frozen=True)
class Item:
    """One thing to be drawn."""

    make: Callable[[], Mesh]
    x: float
    y: float
    yaw: float
    """Turns the mesh's x axis, which points away from the road, into the world."""
    reach_m: float
    """Farther from the sensor's region than this it is left out."""
    color: Color = (0.5, 0.5, 0.5)
    scale: float = 1.0


@dataclass
class Plan:
    """A border's things, gathered."""

    items: list[Item] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    """Where cars may stand off the road."""


class _Border:
    """An edge measured along its length, with a local frame (away from the road, along it)."""

    def __init__(self, edge: Edge) -> None:
        points = edge.points[:, :2]
        length = np.linalg.norm(np.diff(points, axis=0), axis=1)
        keep = np.r_[True, length > 1e-6]
        self.rows = np.c_[points, edge.outward][keep].tolist()
        self.s = np.r_[0.0, np.cumsum(length[keep[1:]])].tolist()
        self.length = float(self.s[-1]) if len(self.s) > 1 else 0.0
        self.sidewalk_m = edge.width_m if edge.kind == "sidewalk" else 0.0

    def at(self, s: float, away: float) -> tuple[float, float, float]:
        """x, y and outward heading ``away`` metres off the border, ``s`` metres along it."""
        i = min(max(bisect_right(self.s, s) - 1, 0), len(self.s) - 2)
        share = min(max((s - self.s[i]) / (self.s[i + 1] - self.s[i]), 0.0), 1.0)
        here, there = self.rows[i], self.rows[i + 1]
        x, y, u, v = (a + (b - a) * share for a, b in zip(here, there, strict=True))
        size = math.hypot(u, v) or 1.0
        return x + away * u / size, y + away * v / size, math.atan2(v, u)


def plan_border(edge: Edge, character: Character, rng: np.random.Generator, *, density: float, clear: Clear) -> Plan:
    """Lay out one border; ``density`` scales how much stands about, ``clear`` is the distance to the nearest lane."""
    site = _Site(_Border(edge), character, rng, density, clear)
    if site.border.length >= 6.0:
        site.lay_out()
        if edge.kind != "sidewalk" and rng.random() < character.rail_share:
            site.rail()
    return site.plan


@dataclass
class _Site:
    """A border being laid out."""

    border: _Border
    character: Character
    rng: np.random.Generator
    density: float
    clear: Clear
    plan: Plan = field(default_factory=Plan)

    def lay_out(self) -> None:
        """Things on the sidewalk, then lot after lot, then trees."""
        self.sidewalk()
        s = float(self.rng.uniform(0.5, 4.0))
        while True:
            width = float(self.rng.uniform(*self.character.lot_m))
            if s + width > self.border.length:
                break
            self.lot(s, width)
            s += width
        self.trees()

    def put(self, make: Callable[[], Mesh], at: tuple[float, float, float], reach_m: float, **looks: Any) -> None:
        """Add an item at x, y, heading."""
        self.plan.items.append(Item(make, *at, reach_m, **looks))

    def pick(self, colors: tuple[Color, ...]) -> Color:
        """One of some colours."""
        return colors[int(self.rng.integers(len(colors)))]

    def lot(self, s: float, width: float) -> None:
        """A building, or none, with what belongs to it, on ``width`` metres of border from ``s``."""
        character, rng = self.character, self.rng
        middle = s + width / 2
        setback = float(rng.uniform(*character.setback_m))
        key = int(rng.integers(2**31))
        front = width if character.name == "town" else width * float(rng.uniform(0.55, 0.8))
        depth = float(rng.uniform(12, 22)) if character.name == "yards" else float(rng.uniform(8, 12))
        paint = self.pick(PLASTER)
        built = rng.random() < character.built_share and self.is_free(middle, setback, front, depth)
        if built:
            make: Callable[[], Mesh]
            if character.name == "town":
                make = partial(buildings.terrace, key, front, depth, int(rng.integers(2, 6)))
            elif character.name == "yards":
                make = partial(buildings.hall, key, front, depth, float(rng.uniform(4.5, 9)))
            else:
                make = partial(buildings.house, key, front, depth, int(rng.integers(1, 4)))
            self.put(make, self.border.at(middle, setback), FAR_M, color=paint)
        else:
            self.copse(s, width)
        gate = 0.0
        if setback > 4.0 and rng.random() < character.drive_share:
            gate = self.drive(s, width, setback if built else 12.0)
        self.boundary(s, width - gate - float(rng.uniform(0.2, 1.6)), key)
        self.garden(s, width, setback)

    def is_free(self, middle: float, setback: float, front: float, depth: float) -> bool:
        """Whether a building there stays off every road."""
        shares = [(along, away) for along in (-0.5, 0, 0.5) for away in (0, 0.5, 1)]
        spots = [self.border.at(middle + along * front, setback + away * depth) for along, away in shares]
        x, y, _ = np.array(spots).T
        return bool((self.clear(x, y) > min(setback, 3.0) - 0.6).all())

    def drive(self, s: float, width: float, room: float) -> float:
        """Cars on a drive or in a yard, nose in or out; returns how much of the boundary stays open, metres."""
        rng = self.rng
        several = self.character.name == "yards"
        count = int(width / 2.9) if several else 1
        start = s + (width - 2.8 * count) / 2 + 1.4 if several else s + width - 1.8
        depth = 3.2 if several else float(rng.uniform(2.9, max(3.0, min(room - 2.4, 6.0))))
        if room < depth + 2.3:
            return 0.0
        for i in range(count):
            x, y, yaw = self.border.at(start + 2.8 * i, depth)
            if self.distance(x, y) >= 2.3:
                turned = yaw + (np.pi if rng.random() < 0.5 else 0.0) + float(rng.normal(0, 0.03))
                self.plan.places.append(Place(x, y, turned))
        return width if several else 3.2

    def boundary(self, s: float, length: float, key: int) -> None:
        """Hedge, fence or wall along ``length`` metres of border."""
        rng = self.rng
        kind = self.character.boundary[int(rng.integers(len(self.character.boundary)))]
        if kind == "open" or length < 2.0:
            return
        height = float(rng.uniform(0.8, 1.9))
        make: Callable[[], Mesh]
        if kind == "hedge":
            make = partial(vegetation.hedge, key, length, height, float(rng.uniform(0.5, 1.0)))
            color = self.pick(GREENS)
        elif kind == "slats":
            make, color = partial(street_furniture.slat_fence, key, length, height), self.pick(WOODS)
        elif kind == "rails":
            make, color = partial(street_furniture.rail_fence, length, 1.25), self.pick(WOODS)
        else:
            make, color = partial(street_furniture.wall, length, height * 0.8), self.pick(PLASTER)
        self.put(make, self.border.at(s + length / 2, float(rng.uniform(0.35, 0.9))), MIDDLE_M, color=color)

    def garden(self, s: float, width: float, setback: float) -> None:
        """Bushes, but none through a car."""
        rng = self.rng
        for _ in range(int(rng.poisson(width / 4 if setback > 3 else width / 25))):
            x, y, yaw = self.border.at(
                s + float(rng.uniform(0, width)), float(rng.uniform(0.8, max(1.2, setback - 0.8)))
            )
            beside = all(math.hypot(x - place.x, y - place.y) >= 3.2 for place in self.plan.places)
            if beside and self.distance(x, y) >= 0.4:
                make = partial(vegetation.bush, int(rng.integers(vegetation.VARIANTS)))
                self.put(make, (x, y, yaw), MIDDLE_M, color=self.pick(GREENS), scale=float(rng.uniform(0.6, 2.2)))

    def copse(self, s: float, width: float) -> None:
        """Trees and undergrowth on a lot that nobody built on."""
        rng = self.rng
        for _ in range(int(rng.poisson(width / 3))):
            x, y, _ = self.border.at(s + float(rng.uniform(0, width)), float(rng.uniform(8.0, 22.0)))
            if self.distance(x, y) > 4.0:
                grown = vegetation.tree if rng.random() < 0.4 else vegetation.bush
                scale = float(rng.uniform(0.7, 1.3)) * (1.0 if grown is vegetation.tree else 2.2)
                make = partial(grown, int(rng.integers(vegetation.VARIANTS)))
                at = (x, y, float(rng.uniform(0, 6.28)))
                self.put(make, at, MIDDLE_M, color=self.pick(GREENS), scale=scale)

    def trees(self) -> None:
        """In town along the sidewalk, elsewhere scattered behind it."""
        rng = self.rng
        every = self.character.tree_every_m / self.density
        in_row = self.character.name == "town" and self.border.sidewalk_m > 1.4
        s = float(rng.uniform(0, every))
        while s < self.border.length:
            away = -0.45 * self.border.sidewalk_m if in_row else float(rng.uniform(*self.character.tree_away_m))
            x, y, _ = self.border.at(s, away)
            beside = all(math.hypot(x - place.x, y - place.y) >= 3.0 for place in self.plan.places)
            if in_row or (beside and self.distance(x, y) > 1.0):
                grown = vegetation.conifer if not in_row and rng.random() < 0.25 else vegetation.tree
                make = partial(grown, int(rng.integers(vegetation.VARIANTS)))
                at = (x, y, float(rng.uniform(0, 6.28)))
                self.put(make, at, MIDDLE_M, color=self.pick(GREENS), scale=float(rng.uniform(0.6, 1.25)))
            s += every * float(rng.uniform(0.5, 1.5))

    def sidewalk(self) -> None:
        """Lamps or utility poles at a pitch, and small things scattered, along the kerb or just off the road."""
        border, rng = self.border, self.rng
        kerb = -border.sidewalk_m + 0.35 if border.sidewalk_m else 1.1
        pitch = self.character.lamp_every_m
        pole = street_furniture.lamp_post if rng.random() < 0.7 else street_furniture.utility_pole
        variant = int(rng.integers(6))
        s = float(rng.uniform(0, pitch))
        while s < border.length:
            self.put(partial(pole, variant), border.at(s, kerb), FAR_M)
            s += pitch * float(rng.uniform(0.9, 1.1))
        every = self.character.clutter_every_m / self.density
        s = float(rng.uniform(0, every))
        while s < border.length:
            self.clutter(s, kerb)
            s += every * float(rng.uniform(0.4, 1.6))

    def clutter(self, s: float, kerb: float) -> None:
        """A sign, a group of bins or bollards, or a cabinet."""
        border, rng = self.border, self.rng
        number = int(rng.choice(4, p=[0.3, 0.28, 0.22, 0.2]))
        furniture = street_furniture
        make = (furniture.sign, furniture.bin_on_wheels, furniture.bollard, furniture.cabinet)[number]
        at_kerb = rng.random() < 0.5 or number in {0, 2}
        away = kerb if at_kerb else -0.35 if border.sidewalk_m else 1.8
        group = int(rng.integers(2, 5)) if number in {1, 2} else 1
        for i in range(group):
            x, y, yaw = border.at(min(s + (0.75 if number == 1 else 1.4) * i, border.length), away)
            color = self.pick(SIGNS) if number == 0 else (0.18, 0.22 + 0.1 * (i % 2), 0.2)
            turned = yaw + float(rng.normal(0, 0.06))
            self.put(partial(make, int(rng.integers(6))), (x, y, turned), NEAR_M, color=color)

    def rail(self) -> None:
        """A guard rail along a stretch of the border."""
        start, stop = np.sort(self.rng.uniform(0, self.border.length, 2))
        step = 8.0
        for s in np.arange(start, stop - step, step):
            self.put(
                partial(street_furniture.guard_rail, step + 0.1), self.border.at(float(s) + step / 2, 0.7), MIDDLE_M
            )

    def distance(self, x: float, y: float) -> float:
        """To the nearest lane, metres."""
        return float(self.clear(np.array(x), np.array(y)))
