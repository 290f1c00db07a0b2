"""What stands along a road's border: things along the kerb, then lot after lot with what belongs to it, then trees.

Each road has a character (a quiet street of houses, a town street, yards and halls, open country) drawn from the style;
the plan of a border is drawn from (map, style, border) alone.  Only places are decided here; regions draw what is near
a sensor.
"""

from __future__ import annotations

import math

import numpy as np

from scanyard.carla_server.street import kerbside, lots, vegetation
from scanyard.carla_server.street.border import Border, Site
from scanyard.carla_server.street.character import GREENS, Character
from scanyard.carla_server.street.ground import Edge, Ground
from scanyard.carla_server.street.items import Kind
from scanyard.carla_server.street.street_furniture import TREE_GUARD

SHORTEST_M = 6.0  # borders shorter than this stay empty


def plan_border(edge: Edge, character: Character, rng: np.random.Generator, *, density: float, ground: Ground) -> Site:
    """Lay out one border; ``density`` scales how much stands about."""
    site = Site(Border(edge), character, rng, density, ground.clearance, ground.clearance_of)
    if site.border.length < SHORTEST_M:
        return site
    kerbside.line(site)
    s = site.draw(0.3, 2.5)
    while s + 5.0 < site.border.length:
        width = min(site.draw(*character.lot_m), site.border.length - s)
        lots.lay_out(site, s, width)
        s += width
    _trees(site)
    kerbside.verge(site)
    return site


def _trees(site: Site) -> None:
    """In town along the sidewalk, elsewhere scattered behind it."""
    character = site.character
    every = character.tree_every_m / site.density
    in_row = character.name == "town" and site.border.sidewalk_m > 1.4
    if in_row and site.chance(0.3):
        return  # a street without trees
    row_kind = tree_kind(site)
    s = site.draw(0.0, every)
    while s < site.border.length:
        away = -0.45 * site.border.sidewalk_m if in_row else site.draw(*character.tree_away_m)
        x, y, yaw = site.border.at(s, away)
        at_end = min(s, site.border.length - s) < site.kept_clear_m
        if in_row and not at_end and site.claim(x, y, 0.3, off_road_m=-1.0):
            site.put(row_kind, x, y, site.draw(0, math.tau), scale=site.draw(0.75, 1.15), color=site.pick(GREENS))
            if site.chance(0.5):
                site.put(TREE_GUARD, x, y, yaw)
        elif not in_row and site.claim(x, y, 0.5, off_road_m=0.7):
            size = site.draw(0.6, 1.2)
            site.put(tree_kind(site), x, y, site.draw(0, math.tau), scale=(size, size, size * site.draw(0.85, 1.15)),
                     color=site.pick(GREENS))  # fmt: skip
        s += every * site.draw(0.5, 1.5)


def tree_kind(site: Site) -> Kind:
    """A tree as it grows along such a road."""
    name = site.character.species[int(site.rng.random() * len(site.character.species))]
    return vegetation.CONIFER if name == "conifer" else vegetation.TREES[name]
