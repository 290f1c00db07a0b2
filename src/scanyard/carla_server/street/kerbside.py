"""What stands between the road and the lots: lamps, poles with wires, signs, street furniture, works, rails, weeds."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from scanyard.carla_server.street import boundaries, vegetation
from scanyard.carla_server.street import street_furniture as furniture
from scanyard.carla_server.street.border import Site
from scanyard.carla_server.street.character import BINS, GREENS, PAINTS, SIGNS
from scanyard.carla_server.street.items import Item, Kind

WIDE_SIDEWALK_M = 2.2  # wide enough for a shelter or a kiosk
TUFT_EVERY_M = 1.6


def line(site: Site) -> None:
    """Everything along the kerb, or just off the road where there is none."""
    border = site.border
    kerb = 0.35 - border.sidewalk_m if border.has_sidewalk else 1.1
    if site.chance(site.character.wires_share):
        _poles(site, kerb)
    else:
        _row(site, furniture.LAMP_POST, kerb, site.character.lamp_every_m)
    if site.chance(site.character.works_share) and border.length > 30.0:
        _works(site)
    if not border.has_sidewalk and site.chance(site.character.rail_share):
        _rail(site)
    if border.has_sidewalk and border.sidewalk_m >= WIDE_SIDEWALK_M and border.length > 50.0 and site.chance(0.3):
        large = (furniture.BUS_SHELTER, furniture.BUS_SHELTER, furniture.KIOSK, furniture.ADVERTISEMENT)
        kind = large[int(site.rng.random() * 4)]
        site.place(kind, site.draw(10.0, border.length - 10.0), -0.75, radius_m=1.1, turned=0.0, color=site.pick(SIGNS),
                   off_road_m=-9.0)  # fmt: skip
    every = site.character.clutter_every_m / site.density
    s = site.draw(0.0, every)
    while s < border.length:
        _clutter(site, s, kerb)
        s += every * site.draw(0.4, 1.6)


_CLUTTER: dict[str, tuple[float, int, bool, float]] = {
    # how often, at most so many in a row, at the kerb, and how far apart
    "SIGN": (3.0, 1, True, 0.0), "WHEELED_BIN": (2.4, 5, False, 0.72), "BOLLARD": (1.6, 7, True, 1.4),
    "CABINET": (1.6, 2, False, 1.2), "LITTER_BIN": (1.0, 1, True, 0.0), "BICYCLE": (1.3, 4, False, 0.75),
    "BIKE_STAND": (0.4, 1, False, 0.0), "PLANTER": (0.9, 3, False, 2.4), "BENCH": (0.7, 1, False, 0.0),
    "MAILBOX": (0.5, 1, False, 0.0), "HYDRANT": (0.4, 1, True, 0.0), "PARKING_METER": (0.6, 1, True, 0.0),
    "BUS_STOP": (0.3, 1, True, 0.0), "GLASS_BANK": (0.2, 3, False, 1.6), "ADVERTISEMENT": (0.25, 1, False, 0.0),
    "PLANT_POT": (0.5, 3, False, 0.9), "PALLETS": (0.2, 2, False, 1.4), "TERRACE_SET": (0.25, 3, False, 2.2),
    "CONE": (0.3, 4, True, 1.8), "ROCK": (0.3, 4, False, 1.5), "TOWN_BOARD": (0.3, 1, False, 0.0),
}  # fmt: skip
HIDES_LIGHTS = (furniture.SIGN, furniture.TOWN_BOARD, furniture.ADVERTISEMENT, furniture.BUS_STOP)
"""What would stand before lights and signs of a junction."""
_RURAL = {"SIGN", "ROCK", "TOWN_BOARD", "MAILBOX", "WHEELED_BIN", "BOLLARD", "CABINET", "PALLETS"}
_NAMES = tuple(_CLUTTER)
_WEIGHTS = {
    rural: np.cumsum([0.0 if rural and name not in _RURAL else _CLUTTER[name][0] for name in _NAMES])
    for rural in (False, True)
}


def _clutter(site: Site, s: float, kerb: float) -> None:
    """One thing, or a few of a kind in a row."""
    weights = _WEIGHTS[not site.border.has_sidewalk]
    name = _NAMES[int(np.searchsorted(weights, site.rng.random() * weights[-1], side="right"))]
    _, most, at_kerb, apart = _CLUTTER[name]
    kind: Kind = getattr(furniture, name)
    if kind in HIDES_LIGHTS and min(s, site.border.length - s) < site.kept_clear_m:
        return
    away = kerb if at_kerb else -0.4 if site.border.has_sidewalk else site.draw(1.5, 2.6)
    variant = site.variant(kind)
    color = site.pick(SIGNS if kind.label == furniture.SIGN.label else BINS if most > 1 else PAINTS)
    for i in range(1 + int(site.rng.random() * most)):
        at = s + apart * i
        if at > site.border.length:
            return
        x, y, yaw = site.border.at(at, away + float(site.rng.normal(0, 0.06)))
        if not site.claim(x, y, min(0.45, apart / 2 or 0.45), off_road_m=-9.0):
            continue
        turned = yaw + float(site.rng.normal(0, 0.08))
        if kind is furniture.SIGN or kind is furniture.TOWN_BOARD:  # for those who drive by
            turned += math.pi / 2 * (1 if site.chance(0.7) else -1)
        own = variant if kind not in (furniture.WHEELED_BIN, furniture.BICYCLE) else None
        site.put(kind, x, y, turned, variant=own, color=color if own is not None else site.pick(BINS))


def _row(site: Site, kind: Kind, away: float, pitch: float) -> list[tuple[float, float, float]]:
    """Things of one variant at a pitch; returns where."""
    variant, found = site.variant(kind), []
    s = site.draw(0.0, pitch)
    while s < site.border.length:
        x, y, yaw = site.border.at(s, away)
        if site.claim(x, y, 0.3, off_road_m=-9.0):
            site.put(kind, x, y, yaw, variant=variant)
            found.append((x, y, yaw))
        s += pitch * site.draw(0.9, 1.1)
    return found


def _poles(site: Site, away: float) -> None:
    """Utility poles, and the wires from each to the next."""
    stood = _row(site, furniture.UTILITY_POLE, away, 1.1 * site.character.lamp_every_m)
    if len(stood) < 2:
        return
    pole = next(item for item in reversed(site.items) if item.kind is furniture.UTILITY_POLE)
    for n, ((x0, y0, _), (x1, y1, _)) in enumerate(pairwise(stood)):
        length = math.hypot(x1 - x0, y1 - y0)
        yaw = math.atan2(y1 - y0, x1 - x0) - math.pi / 2
        site.items.append(
            Item(furniture.WIRES, pole.variant, (x0 + x1) / 2, (y0 + y1) / 2, yaw, (1.0, length, 1.0), follows=True,
                 joined=n > 0)
        )  # fmt: skip


def _works(site: Site) -> None:
    """A hole in the sidewalk or the verge, fenced off, with what the works need beside it."""
    border = site.border
    length = site.draw(3.0, 8.0)
    s = site.draw(6.0, border.length - length - 6.0)
    near, far = (0.3 - border.sidewalk_m, -0.3) if border.has_sidewalk else (1.0, 3.0)
    if far - near < 0.8:
        near, far = 0.3, 2.0
    if site.chance(0.5):
        for s0, s1, away in ((s, s + length, near), (s, s + length, far)):
            site.run(boundaries.SITE_FENCE, site.along(s0, s1, away, boundaries.PANEL_M), height=2.0)
    else:
        for at in np.arange(s, s + length, 2.05):
            x, y, yaw = border.at(float(at), near)
            site.put(furniture.BARRIER, x, y, yaw + float(site.rng.normal(0, 0.05)), variant=3 * int(site.chance(0.3)))
    for at in np.arange(s - 3.0, s + length + 3.0, 1.5):
        if site.chance(0.5):
            x, y, yaw = border.at(float(at), near - 0.05 if border.has_sidewalk else near - 0.4)
            site.put(furniture.CONE, x, y, yaw, variant=0)
    middle = (near + far) / 2
    for kind, share, radius in ((furniture.HEAP, 0.8, 0.5), (furniture.PALLETS, 0.4, 0.6), (furniture.DRUM, 0.3, 0.35),
                                (furniture.TIMBER, 0.3, 0.6)):  # fmt: skip
        if site.chance(share):
            x, y, yaw = border.at(s + site.draw(0.2, 0.8) * length, middle)
            if site.claim(x, y, radius, off_road_m=-9.0):
                site.put(kind, x, y, yaw, scale=0.7, color=site.pick(PAINTS))
    if site.chance(0.5):
        site.place(furniture.SKIP, s + site.draw(0, length), 1.6, radius_m=1.9, turned=0.0, color=site.pick(PAINTS))
    x, y, yaw = border.at(max(s - 4.0, 0.5), middle)
    site.put(furniture.WORKS_SIGN, x, y, yaw - math.pi / 2)


def _rail(site: Site) -> None:
    """A guard rail along a stretch of the border, with ramped ends; of concrete where the road is narrowed."""
    start, stop = sorted((site.draw(0, site.border.length), site.draw(0, site.border.length)))
    if stop - start < 16.0:
        return
    points = site.along(start, stop, 0.7, 4.0)
    if site.chance(0.15):
        site.run(boundaries.CONCRETE_RAIL, points, height=1.0)
        return
    site.run(boundaries.GUARD_RAIL, points[1:-1], height=1.0, variant=0)
    site.run(boundaries.GUARD_RAIL, points[-2:], height=1.0, variant=1)
    site.run(boundaries.GUARD_RAIL, points[1::-1], height=1.0, variant=1)


def verge(site: Site) -> None:
    """Weeds and tall grass, thickest where nobody walks; the odd shrub among them."""
    border = site.border
    every = TUFT_EVERY_M if not border.has_sidewalk else 3.0 * TUFT_EVERY_M
    count = int(border.length / every)
    at = site.rng.uniform(0, border.length, count)
    away = site.rng.uniform(0.3, 3.5 if not border.has_sidewalk else 0.9, count)
    size = site.rng.uniform(0.4, 1.5 if not border.has_sidewalk else 0.7, count)
    places = border.many(at, away)
    shade = site.rng.uniform(0.8, 1.15, (count, 1)) * np.array(GREENS)[site.rng.integers(0, len(GREENS), count)]
    kept = site.clear(*places.T) > 0.25
    columns = (places[kept], size[kept], site.rng.uniform(0, math.tau, count)[kept], shade[kept])
    for (x, y), low, yaw, color in zip(*(column.tolist() for column in columns), strict=True):
        site.put(vegetation.TUFT, x, y, yaw, scale=(1.5 * low, 1.5 * low, low), color=tuple(color))
    if not border.has_sidewalk:
        for _ in range(int(site.rng.poisson(border.length / 18 * site.density))):
            low = site.draw(0.4, 1.6)
            site.place(vegetation.SHRUB, site.draw(0, border.length), site.draw(2.2, 6.0), radius_m=0.4 * low,
                       scale=(1.3 * low, 1.3 * low, low), color=site.pick(GREENS))  # fmt: skip
