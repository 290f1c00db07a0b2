"""Things of the street as a plan holds them: what kind, which variant, where, how large.

A kind draws each of its variants once, whichever street it stands in, and every street puts the same triangles where it
wants them: stretched, turned, and for things that follow the ground leaned along it.  What a stranger gets wrong: a
variant's number is part of its look, so kinds must draw from ``stream(name, variant)`` alone, never from a street's
randomness.

Frame of a drawn variant: x away from the road, y along it, z up, metres, standing on z = 0 (a little below where ground
may be uneven).  Things that come by the metre (fences, hedges, wires) reach from y = -1/2 to 1/2 and are stretched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from functools import lru_cache
from typing import NamedTuple

from scanyard.carla_server.surfaces.materials import Tag
from scanyard.carla_server.surfaces.mesh import Mesh

Color = tuple[float, float, float]
"""sRGB, 0 to 1."""

NEAR_M, MIDDLE_M, FAR_M = 75.0, 105.0, 1000.0
"""How far from the middle of a region small, middling and large things are worth drawing."""
DETAIL_M = 50.0
"""Farther from the middle of a region a kind that has a coarse look shows it."""


class Layer(IntFlag):
    """CARLA's map layers, with the bits of ``carla.MapLayer``."""

    NONE = 0
    BUILDINGS = 0x1
    FOLIAGE = 0x4
    PARKED_VEHICLES = 0x10
    PROPS = 0x40
    STREET_LIGHTS = 0x80
    WALLS = 0x100
    ALL = 0xFFFF


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of thing; there is one object for each, and it is its own identity."""

    name: str
    """What lists of scenery call it."""
    make: Callable[[int], Mesh]
    """Draws a variant."""
    variants: int
    label: Tag
    layer: Layer
    reach_m: float
    """Farther from a region's middle than this it is left out."""
    coarse: Callable[[int], Mesh] | None = None
    """Draws a variant with fewer triangles, for far away."""

    def mesh(self, variant: int, *, detailed: bool = True) -> Mesh:
        """The triangles of a variant; numbers beyond the last begin again."""
        return _drawn(self, variant % self.variants, detailed or self.coarse is None)


@lru_cache(maxsize=4096)
def _drawn(kind: Kind, variant: int, detailed: bool) -> Mesh:
    if detailed or kind.coarse is None:
        return kind.make(variant)
    return kind.coarse(variant)


class Item(NamedTuple):
    """One thing, or one piece of a thing, to be drawn."""

    kind: Kind
    variant: int
    x: float
    y: float
    yaw: float
    """Radians, x towards y: turns the variant's x axis, which points away from the road, into the world."""
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    color: Color = (0.5, 0.5, 0.5)
    lift_m: float = 0.0
    """Above the ground."""
    follows: bool = False
    """Whether it leans along its y axis so that both ends stand on the ground."""
    joined: bool = False
    """Whether it is a further piece of the thing that the item before belongs to."""
