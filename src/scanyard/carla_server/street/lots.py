"""A lot: a building or none, its drive, what encloses it, and what stands and grows in its garden or yard.

What is in front of a building matters most: at 5 to 40 m from the road, hedge corners, bushes, bins, garden walls and
stacked things of a car's size are what a detector must learn not to take for cars.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from scanyard.carla_server.street import boundaries, buildings, outbuildings, vegetation
from scanyard.carla_server.street import street_furniture as furniture
from scanyard.carla_server.street.border import Site
from scanyard.carla_server.street.character import BINS, GREENS, PAINTS, PLASTER, STEELS, STONES, WOODS
from scanyard.carla_server.street.items import Kind
from scanyard.carla_server.street.parking import Place

DEEPEST_M = 24.0  # how far behind the border things are planned


def lay_out(site: Site, s: float, width: float) -> None:
    """Lay out ``width`` metres of border from ``s``."""
    character = site.character
    setback = site.draw(*character.setback_m)
    back = _building(site, s, width, setback) if site.chance(character.built_share) else None
    gate = 0.0
    if setback > 4.0 and site.chance(character.drive_share):
        gate = _drive(site, s, width, setback if back is not None else 12.0)
    if character.name != "town" or setback > 1.6:
        _front_boundary(site, s, width - gate)
    if setback > 2.5 and site.chance(0.65):
        _side_boundary(site, s, setback + site.draw(2.0, 8.0))
    if character.name == "yards":
        _yard(site, s, width, setback)
    else:
        _garden(site, s, width, setback)
    if back is None:
        _copse(site, s, width)
    else:
        _behind(site, s, width, back)


@lru_cache(maxsize=256)
def _front_m(kind: Kind, variant: int) -> float:
    return buildings.front_m(kind, variant)


def _building(site: Site, s: float, width: float, setback: float) -> float | None:
    """A building, where there is room for one; returns how far from the border its back is, metres."""
    kind = {"town": buildings.TERRACE, "yards": buildings.HALL}.get(site.character.name, buildings.HOUSE)
    front = width if kind is buildings.TERRACE else width * site.draw(0.6, 0.85)
    choices = [site.variant(kind) for _ in range(6)]
    variant = min(choices, key=lambda one: abs(_front_m(kind, one) - front))
    share = front / _front_m(kind, variant)
    if kind is not buildings.TERRACE:
        share = min(max(share, 0.85), 1.15)
    elif not 0.7 < share < 1.4:
        return None
    front = share * _front_m(kind, variant)
    middle = s + width / 2
    depth = float(kind.mesh(variant).high[0])
    if not _is_free(site, middle, setback, front, depth):
        return None
    slant = site.draw(-0.05, 0.05) if kind is buildings.HOUSE else 0.0
    x, y, yaw = site.border.at(middle, setback)
    site.put(kind, x, y, yaw + slant, variant=variant, scale=(1.0, share, site.draw(0.94, 1.06)),
             color=site.pick(PLASTER))  # fmt: skip
    if site.chance(0.12):
        at = site.draw(-0.35, 0.35) * front
        ivy_x, ivy_y, _ = site.border.at(middle + at, setback - 0.02)
        site.put(vegetation.IVY, ivy_x, ivy_y, yaw + slant, scale=(1.0, site.draw(1.0, 3.0), site.draw(1.5, 4.0)),
                 color=site.pick(GREENS))  # fmt: skip
    return setback + depth


def _is_free(site: Site, middle: float, setback: float, front: float, depth: float) -> bool:
    """Whether a building there stays off every road."""
    shares = [(along, away) for along in (-0.5, 0, 0.5) for away in (0, 0.5, 1)]
    spots = [site.border.at(middle + along * front, setback + away * depth) for along, away in shares]
    x, y, _ = np.array(spots).T
    return bool((site.clear(x, y) > min(setback, 3.0) - 0.6).all())


def _drive(site: Site, s: float, width: float, room: float) -> float:
    """Cars on a drive or in a yard, nose in or out; returns how much of the boundary stays open, metres."""
    several = site.character.name == "yards"
    count = int(width / 2.9) if several else 1
    start = s + (width - 2.8 * count) / 2 + 1.4 if several else s + width - 1.8
    depth = 3.2 if several else site.draw(2.9, max(3.0, min(room - 2.4, 6.0)))
    if room < depth + 2.3:
        return 0.0
    for i in range(count):
        x, y, yaw = site.border.at(start + 2.8 * i, depth)
        if site.distance(x, y) >= 2.3:
            turned = yaw + (math.pi if site.chance(0.5) else 0.0) + float(site.rng.normal(0, 0.03))
            site.places.append(Place(x, y, turned))
    if not several and site.chance(0.35):
        x, y, yaw = site.border.at(start, depth + 3.2)
        if site.distance(x, y) > 3.0:
            site.put(outbuildings.GARAGE, x, y, yaw, color=site.pick(PLASTER))
    return width if several else 3.4


BOUNDARIES: dict[str, tuple[Kind, tuple[float, float]]] = {
    "slats": (boundaries.SLATS, (0.8, 1.5)), "boards": (boundaries.BOARDS, (1.5, 2.0)),
    "rails": (boundaries.RAILS, (1.0, 1.4)), "wire": (boundaries.WIRE_MESH, (1.0, 2.2)),
    "bars": (boundaries.BARS, (0.8, 2.0)), "site": (boundaries.SITE_FENCE, (1.9, 2.1)),
    "wall": (boundaries.WALL, (0.5, 1.9)), "stone": (boundaries.RUBBLE_WALL, (0.5, 1.3)),
    "wall_fence": (boundaries.WALL_WITH_FENCE, (0.9, 1.6)),
}  # fmt: skip
"""By the name a character gives, with the heights they have, metres; hedges are laid out otherwise."""


def _bound(site: Site, kind: str, points: list[tuple[float, float]]) -> None:
    """A hedge, fence or wall of the named kind through some points."""
    if len(points) < 2:
        return
    if kind == "clipped":
        site.run(vegetation.CLIPPED_HEDGE, points, height=site.draw(0.7, 2.1), thick=site.draw(0.5, 1.1),
                 color=site.pick(GREENS), uneven=0.05)  # fmt: skip
    elif kind == "wild":
        site.run(vegetation.WILD_HEDGE, points, height=site.draw(1.2, 3.0), thick=site.draw(0.9, 2.0),
                 color=site.pick(GREENS), uneven=0.3)  # fmt: skip
    elif kind != "open":
        drawn, heights = BOUNDARIES[kind]
        colors = STEELS if kind in {"wire", "bars", "site"} else STONES if kind == "stone" else WOODS
        colors = PLASTER if kind in {"wall", "wall_fence"} else colors
        variant = None if kind in {"stone", "wall", "rails"} else site.variant(drawn)
        site.run(drawn, points, height=site.draw(*heights), color=site.pick(colors), variant=variant)


def _pitch_of(kind: str) -> float:
    return 1.05 if kind in {"clipped", "wild"} else boundaries.PANEL_M


def _front_boundary(site: Site, s: float, length: float) -> None:
    """What encloses the lot towards the road, with a gap or a gate for those who walk."""
    kind = site.character.boundary[int(site.rng.random() * len(site.character.boundary))]
    start, stop = s + site.draw(0.0, 0.6), s + length - site.draw(0.1, 1.2)
    if kind == "open" or stop - start < 2.0:
        return
    away = site.draw(0.3, 0.9)
    way_in = start + (stop - start) * site.draw(0.2, 0.8)
    if stop - start > 6.0:
        _bound(site, kind, site.along(start, way_in - 0.6, away, _pitch_of(kind)))
        _bound(site, kind, site.along(way_in + 0.6, stop, away, _pitch_of(kind)))
        if site.chance(0.45):
            x, y, yaw = site.border.at(way_in, away)
            site.put(boundaries.GATE, x, y, yaw, scale=(1.0, 1.15, 1.1), color=site.pick(WOODS))
    else:
        _bound(site, kind, site.along(start, stop, away, _pitch_of(kind)))
    if kind in {"slats", "wire", "rails", "bars", "wall_fence"} and site.chance(0.35):  # something grows behind it
        _bound(site, "clipped" if site.chance(0.6) else "wild", site.along(start, way_in - 0.7, away + 0.8, 1.05))


def _side_boundary(site: Site, s: float, reach: float) -> None:
    """What parts the lot from its neighbour, away from the road."""
    kind = site.character.boundary[int(site.rng.random() * len(site.character.boundary))]
    _bound(site, kind, site.outwards(s, site.draw(0.8, 2.0), min(reach, DEEPEST_M), _pitch_of(kind)))


def _garden(site: Site, s: float, width: float, setback: float) -> None:
    """What grows and stands between the boundary and the front of the house; in town, what stands by the wall."""
    garden = site.character.garden * site.density
    if setback < 2.5:
        for _ in range(int(site.rng.poisson(0.12 * width * garden))):
            kind = (furniture.PLANT_POT, furniture.BICYCLE, furniture.PLANTER, furniture.WHEELED_BIN)[
                int(site.rng.random() * 4)
            ]
            site.place(kind, s + site.draw(0, width), max(setback - 0.45, -0.2), radius_m=0.45, turned=0.0,
                       color=site.pick(BINS), off_road_m=0.0)  # fmt: skip
        return
    room = setback - 0.9
    for _ in range(int(site.rng.poisson(0.42 * width * garden))):
        low = site.draw(0.4, 1.5)
        size = (low * site.draw(0.8, 1.5), low * site.draw(0.8, 1.5), low * site.draw(0.7, 1.3))
        site.place(vegetation.SHRUB, s + site.draw(0, width), site.draw(0.9, room), radius_m=0.42 * low, scale=size,
                   color=site.pick(GREENS))  # fmt: skip
    if site.chance(0.4 * garden):
        at = s + site.draw(0.1, 0.5) * width
        site.run(vegetation.FLOWER_BED, site.along(at, at + site.draw(1.5, 4.0), room + 0.35, 1.0), height=1.0,
                 color=site.pick(GREENS))  # fmt: skip
    if site.chance(0.5 * garden) and room > 2.2:
        from_wall = vegetation.TREES["fruit"] if site.chance(0.6) else vegetation.CONIFER
        site.place(from_wall, s + site.draw(0.1, 0.9) * width, site.draw(1.4, room), radius_m=0.7,
                   scale=site.draw(0.5, 1.0), color=site.pick(GREENS))  # fmt: skip
    for kind, share, radius in _GARDEN_THINGS:
        if site.chance(share * garden) and radius < room:
            site.place(kind, s + site.draw(0.05, 0.95) * width, site.draw(0.8 + radius, max(room, 0.9 + radius)),
                       radius_m=radius, color=site.pick(PAINTS))  # fmt: skip
    if site.chance(0.35):  # bins by the boundary or the wall
        at, away = s + site.draw(0.1, 0.9) * width, site.draw(1.0, 1.6) if site.chance(0.5) else room
        for i in range(1 + int(site.rng.random() * 3)):
            site.place(furniture.WHEELED_BIN, at + 0.68 * i, away, radius_m=0.3, turned=float(site.rng.normal(0, 0.2)),
                       color=site.pick(BINS))  # fmt: skip


_GARDEN_THINGS = (
    (furniture.TERRACE_SET, 0.12, 1.3), (furniture.BENCH, 0.10, 0.8), (furniture.PLANT_POT, 0.30, 0.4),
    (furniture.PLANT_POT, 0.20, 0.4), (furniture.GNOME, 0.06, 0.2), (furniture.BARBECUE, 0.05, 0.5),
    (furniture.WOOD_PILE, 0.10, 1.2), (furniture.TRAILER, 0.09, 2.3), (furniture.ROCK, 0.20, 0.5),
    (furniture.BICYCLE, 0.10, 0.9), (furniture.SWING, 0.04, 1.6), (furniture.SLIDE, 0.04, 1.6),
    (furniture.KENNEL, 0.03, 0.7), (vegetation.STUMP, 0.08, 0.6), (outbuildings.SHED, 0.08, 2.0),
    (furniture.HEAP, 0.05, 1.1), (furniture.PERGOLA, 0.03, 2.2),
)  # fmt: skip
"""Kind, how often there is one in front of a house, and its radius in metres."""

_BACKYARD_THINGS = (
    (outbuildings.SHED, 0.35, 2.0), (furniture.TRAMPOLINE, 0.12, 1.9), (furniture.GREENHOUSE, 0.10, 1.7),
    (furniture.CLOTHES_LINE, 0.12, 1.3), (furniture.SWING, 0.10, 1.7), (furniture.WOOD_PILE, 0.15, 1.3),
    (furniture.TERRACE_SET, 0.25, 1.3), (furniture.PERGOLA, 0.08, 2.2),
)  # fmt: skip

_YARD_THINGS = (
    (furniture.CONTAINER, 0.45, 3.4), (furniture.PALLETS, 0.6, 0.9), (furniture.PALLETS, 0.5, 0.9),
    (furniture.PALLETS, 0.4, 0.9), (furniture.TIMBER, 0.35, 2.2), (furniture.SKIP, 0.3, 2.0),
    (furniture.HEAP, 0.35, 1.2), (furniture.TYRES, 0.3, 0.5), (furniture.TYRES, 0.2, 0.5), (furniture.DRUM, 0.4, 0.35),
    (furniture.DRUM, 0.3, 0.35), (furniture.TRAILER, 0.35, 2.3), (furniture.WHEELED_BIN, 0.4, 0.7),
    (furniture.BARRIER, 0.15, 1.1), (outbuildings.SHED, 0.12, 2.0), (outbuildings.TOWER, 0.08, 3.2),
    (furniture.ROCK, 0.15, 0.6), (furniture.VENDING_MACHINE, 0.05, 0.6),
)  # fmt: skip


def _yard(site: Site, s: float, width: float, setback: float) -> None:
    """What stands about in front of a hall: containers, stacks, heaps, drums, in groups."""
    for kind, share, radius in _YARD_THINGS:
        if site.chance(share * site.density):
            at, away = s + site.draw(0.05, 0.95) * width, site.draw(1.2 + radius, max(setback - 0.5, 1.6 + radius))
            color = site.pick(PAINTS)
            for i in range(1 + (int(site.rng.random() * 3) if radius < 1.0 else 0)):
                site.place(kind, at + (2 * radius + 0.1) * i, away + site.draw(-0.3, 0.3), radius_m=radius,
                           turned=float(site.rng.choice([0.0, 0.0, math.pi / 2])) + float(site.rng.normal(0, 0.1)),
                           color=color)  # fmt: skip
    for _ in range(int(site.rng.poisson(0.2 * width))):
        site.place(vegetation.SHRUB, s + site.draw(0, width), site.draw(0.8, 2.2), radius_m=0.4,
                   scale=site.draw(0.4, 1.2), color=site.pick(GREENS))  # fmt: skip


def _behind(site: Site, s: float, width: float, back: float) -> None:
    """Behind the house, seen through the gap beside it: sheds, toys, the tops of trees."""
    if site.character.name == "yards":
        return
    for kind, share, radius in _BACKYARD_THINGS:
        if site.chance(0.6 * share):
            site.place(
                kind, s + site.draw(0, width), back + site.draw(1.0, 9.0), radius_m=radius, color=site.pick(PAINTS)
            )
    for _ in range(int(site.rng.poisson(width / 14))):
        site.place(vegetation.TREES[site.character.species[0]] if site.chance(0.5) else vegetation.TREES["lime"],
                   s + site.draw(0, width), back + site.draw(2.0, 10.0), radius_m=0.8, scale=site.draw(0.7, 1.2),
                   color=site.pick(GREENS), off_road_m=2.0)  # fmt: skip


_WILD_THINGS = (
    (furniture.HAY_BALE, 0.1, 1.0), (furniture.TIMBER, 0.12, 2.2), (furniture.HEAP, 0.12, 1.2),
    (furniture.TRAILER, 0.08, 2.3), (furniture.ROCK, 0.2, 0.6), (vegetation.STUMP, 0.25, 0.8),
    (outbuildings.SHED, 0.1, 2.2),
)  # fmt: skip


def _copse(site: Site, s: float, width: float) -> None:
    """What grows, and lies about, on a lot that nobody built on."""
    for _ in range(int(site.rng.poisson(width / 2.4))):
        at, away = s + site.draw(0, width), site.draw(2.0, 22.0)
        if away > 7.0 and site.chance(0.4):
            names = [name for name in site.character.species if name != "conifer"]
            site.place(vegetation.TREES[names[int(site.rng.random() * len(names))]], at, away, radius_m=0.8,
                       scale=site.draw(0.7, 1.25), color=site.pick(GREENS), off_road_m=2.0)  # fmt: skip
        else:
            low = site.draw(0.6, 2.4)
            site.place(vegetation.SHRUB, at, away, radius_m=0.45 * low, scale=(low * site.draw(0.8, 1.6), low, low),
                       color=site.pick(GREENS))  # fmt: skip
    for kind, share, radius in _WILD_THINGS:
        if site.chance(share):
            site.place(kind, s + site.draw(0, width), site.draw(2.5, 14.0), radius_m=radius, color=site.pick(PAINTS))
