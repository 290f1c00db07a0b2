"""The navigation file of a map: where its pedestrians walk, under a name that clients keep it by.

The client's pedestrian navigation runs on it: it draws places from sidewalks, crosses at crosswalks, and elsewhere only
as far as the cross factor allows.  Every client asks for the name when it connects, and for the file once in its life:
so the name comes from the map's text, and the mesh is made when somebody lacks it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from scanyard.roads import RoadMap

FORMAT = 6
"""Grows whenever the same map gives another mesh: clients keep files for ever, by their name."""


def file_name(road_map: RoadMap) -> str:
    """The name clients keep a map's mesh under: it changes with what the map says."""
    digest = hashlib.sha256(road_map.xodr.encode()).hexdigest()[:16]
    return f"Carla/Maps/Nav/{road_map.name}-{digest}-{FORMAT}.bin"


def has_sidewalks(road_map: RoadMap) -> bool:
    """Whether pedestrians have anywhere to be: those of the client start on sidewalks only."""
    return any(strip.kind == "sidewalk" and len(strip.left) > 1 for strip in road_map.strips())


@lru_cache(maxsize=4)
def navigation_mesh(road_map: RoadMap) -> bytes:
    """A map's mesh as clients load it; empty where there are no sidewalks."""
    # Late, because shapely takes a while to load, and clients that have the file never need it.
    from scanyard.carla_server.world.detour import detour  # noqa: PLC0415
    from scanyard.carla_server.world.walk_mesh import walk_mesh  # noqa: PLC0415

    return detour(walk_mesh(road_map)) if has_sidewalks(road_map) else b""
