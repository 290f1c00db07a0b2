"""Solid things a map itself puts beside its roads: buildings, and walls between carriageways.

OpenDRIVE's ``<object>`` of type ``building`` or ``barrier`` with a length, a width and a height; everything else about
the roadside is left to who draws it.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scanyard.roads.links import integer, number

FloatArray = NDArray[np.float64]

WALL_M = 0.2  # thickness of a wall along a road
WALL_EVERY = 3  # vertices of a lane's edge to a straight piece
StructureKind = Literal["building", "barrier"]

KINDS: dict[str, StructureKind] = {"building": "building", "barrier": "barrier"}


@dataclass(frozen=True)
class Structure:
    """An upright box on the ground; right-handed world."""

    kind: StructureKind
    center: tuple[float, float, float]
    """Metres, on the ground."""
    yaw_rad: float
    size: tuple[float, float, float]
    """Length along ``yaw_rad``, width, height, metres."""


def read_structures(where: str, text: str, carla_map: Any) -> tuple[Structure, ...]:
    """The structures of a map, in the order of the file; ``MapError`` where one's numbers are missing."""
    found = []
    for road in ET.fromstring(text.encode()).findall("road"):
        for thing in road.findall("objects/object"):
            kind = KINDS.get(thing.get("type", ""))
            if kind is None:
                continue
            label = f"object {thing.get('id')}"
            s, t, heading = (number(where, thing, key, label) for key in ("s", "t", "hdg"))
            size = tuple(number(where, thing, key, label) for key in ("length", "width", "height"))
            x, y, z, along = _reference(carla_map, integer(where, road, "id", "a <road>"), s)
            center = (x - t * math.sin(along), y + t * math.cos(along), z)
            found.append(Structure(kind, center, along + heading, (size[0], size[1], size[2])))
    return tuple(found)


def walls_along(edges: Iterable[FloatArray], height_m: float) -> tuple[Structure, ...]:
    """Thin walls on polylines (K, 3), in straight pieces."""
    found = []
    for edge in edges:
        corners = edge[[*range(0, len(edge) - 1, WALL_EVERY), len(edge) - 1]]
        for start, end in pairwise(corners):
            x, y, _ = end - start
            length = math.hypot(x, y)
            if length > WALL_M:
                center = tuple((start + end).tolist())
                middle = (center[0] / 2, center[1] / 2, center[2] / 2)
                found.append(Structure("barrier", middle, math.atan2(y, x), (length, WALL_M, height_m)))
    return tuple(found)


def _reference(carla_map: Any, road_id: int, s: float) -> tuple[float, float, float, float]:
    """A place on a road's reference line and its heading, by way of the lane beside it."""
    for lane_id in (-1, 1):
        waypoint = carla_map.get_waypoint_xodr(road_id, lane_id, s)
        if waypoint is not None:
            transform, half = waypoint.transform, waypoint.lane_width / 2
            heading = -math.radians(transform.rotation.yaw)
            x, y = transform.location.x, -transform.location.y
            # The reference line lies to the left of its right-hand lane, and so of the left-hand one that runs back.
            place = x - half * math.sin(heading), y + half * math.cos(heading), transform.location.z
            return *place, heading if lane_id < 0 else heading + math.pi
    raise AssertionError(f"road {road_id} has no lane beside its reference line")
