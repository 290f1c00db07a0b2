"""The maps a server can load: OpenDRIVE files in folders, and the style of the scenery around them.

A name is ``suburb``, with or without a path in front, or ``suburb?style=17&parked=0.6``: the query chooses the
procedural scenery and the share of kerbside places taken by parked cars; ``&without=glass,clutter`` leaves ingredients
out, to measure what they are worth.  The name is kept as it was asked for, without
its path, because scripts compare it with what they loaded.  With stand-ins, names of CARLA's towns are answered too.

A text given by ``generate_opendrive_world`` gets the walls and the vertex distance its parameters ask for.  The rest of
them mend seams of a mesh that this server does not have: its ground is whole, and always smooth in junctions.
"""

from __future__ import annotations

import logging
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.carla_server.protocol.wire import (
    MapInfo,
    OpendriveGenerationParameters,
    Rotation,
    Transform,
    Vector3D,
)
from scanyard.carla_server.world import navigation
from scanyard.carla_server.world.road_marks import marked
from scanyard.carla_server.world.stand_ins import DEFAULT_TOWN, STAND_INS, StandIn, shifted, stand_in_for
from scanyard.errors import MapError
from scanyard.roads import RoadMap

logger = logging.getLogger(__name__)

INGREDIENTS = frozenset({"clutter", "glass", "sizes", "variety"})
"""What can be left out of a town: all beside the road but parked vehicles; see-through glass; the sizes and the variety
of cars."""
OPENDRIVE_WORLD = "OpenDriveMap"
"""The name under which a text from ``generate_opendrive_world`` is loaded."""
PREFIX = "/Game/Carla/Maps/"
SURFACE_STEP_M = (0.5, 10.0)
"""Least and largest distance between the vertices of a road that a client may ask for."""
SPAWN_ABOVE_M = 0.4
"""Of spawn points above the road, so that whatever is spawned there falls onto it and starts inside nothing."""


@dataclass(frozen=True)
class Town:
    """A loaded map and the scenery wanted around it."""

    name: str
    """As asked for, query included, path left out."""
    road_map: RoadMap
    style: int = 0
    parked_share: float = 0.6
    without: frozenset[str] = frozenset()
    """Ingredients left out of what sensors see, of ``INGREDIENTS``."""
    has_navigation: bool = True
    """Whether pedestrians find their way."""

    def info(self) -> MapInfo:
        """The name and spawn points a client asks for, in the left-handed frame."""
        return MapInfo(self.name, tuple(_left_handed(point) for point in self.road_map.spawn_points()))

    @cached_property
    def opendrive(self) -> str:
        """The map's text for clients."""
        return marked(self.road_map.xodr)

    def required_files(self, folder: str) -> tuple[str, ...]:
        """The names of files a client fetches once and keeps, those whose path holds ``folder``."""
        if not self.has_navigation or not navigation.has_sidewalks(self.road_map):
            return ()
        name = navigation.file_name(self.road_map)
        return (name,) if folder in name.split("/") or not folder else ()

    def file(self, name: str) -> bytes:
        """The content of one of those files; MapError where there is none of that name."""
        if name not in self.required_files(""):
            raise MapError(f"map '{self.name}' has no file {name!r}")
        return self.navigation_mesh()

    def navigation_mesh(self) -> bytes:
        """Where pedestrians walk, as a Detour file; empty where they cannot."""
        return navigation.navigation_mesh(self.road_map) if self.has_navigation else b""


class Maps:
    """The maps in some folders; what was read once is kept."""

    def __init__(self, folders: Sequence[Path], *, stand_ins: bool = False) -> None:
        """``stand_ins`` lets our towns answer to the names of CARLA's."""
        self._folders = tuple(folders)
        self._stand_ins = stand_ins
        self._given: tuple[str, OpendriveGenerationParameters] | None = None
        self._read: dict[tuple[str, float, tuple[float, float]], RoadMap] = {}

    def names(self) -> list[str]:
        """All names of maps in the folders, sorted."""
        return sorted({path.stem for folder in self._folders for path in folder.glob("*.xodr")})

    def stand_in_names(self) -> list[str]:
        """The names of CARLA's towns that are answered, each also with ``_Opt``."""
        known = self.names()
        return [
            town for town, ours in STAND_INS.items() if self._stand_ins and ours.name in known and town not in known
        ]

    def paths(self) -> list[str]:
        """All names as the client lists them."""
        return [PREFIX + name for name in (*self.names(), *self.stand_in_names())]

    def default(self) -> str:
        """What is loaded when nobody asks for a map; empty where there is none."""
        if self._stand_ins and self._stand_in(DEFAULT_TOWN) is not None:
            return DEFAULT_TOWN
        return next(iter(self.names()), "")

    def keep_text(self, text: str, parameters: OpendriveGenerationParameters | None = None) -> None:
        """Remember an OpenDRIVE text, to be loaded next as ``OpenDriveMap``."""
        self._given = text, parameters or OpendriveGenerationParameters(wall_height=0.0)

    def load(self, asked: str) -> Town:
        """Load a map by name; MapError where it is unknown, unusable, or its query is not understood."""
        name = asked.rsplit("/", 1)[-1]
        stem, _, query = name.partition("?")
        style, parked_share, without = _scenery(name, query)
        if stem == OPENDRIVE_WORLD and self._given is not None:
            text, parameters = self._given
            road_map = RoadMap.from_text(stem, text)
            road_map.surface_step_m = min(max(parameters.vertex_distance, SURFACE_STEP_M[0]), SURFACE_STEP_M[1])
            road_map.wall_along_edges(parameters.wall_height)
            return Town(name, road_map, style, parked_share, without, parameters.enable_pedestrian_navigation)
        return Town(name, self._road_map(stem), style, parked_share, without)

    def _road_map(self, stem: str) -> RoadMap:
        known = self.names()
        shift_m = (0.0, 0.0)
        ours = None if stem in known else self._stand_in(stem)
        if ours is not None:
            logger.info("map %s: our town %s stands in for it", stem, ours.name)
            stem, shift_m = ours
        for folder in self._folders:
            path = folder / f"{stem}.xodr"
            if stem in known and path.is_file():
                key = (str(path), path.stat().st_mtime, shift_m)
                if key not in self._read:
                    whole = RoadMap.load(path)
                    moved = RoadMap.from_text(stem, shifted(whole.xodr, shift_m)) if any(shift_m) else whole
                    self._read[key] = moved
                return self._read[key]
        raise MapError(f"Map '{stem}' not found; this server has {', '.join(known) or 'none'}")

    def _stand_in(self, town: str) -> StandIn | None:
        """Our town in place of CARLA's, if that is wanted and it is there."""
        ours = stand_in_for(town) if self._stand_ins else None
        return ours if ours is not None and ours.name in self.names() else None


def _scenery(name: str, query: str) -> tuple[int, float, frozenset[str]]:
    try:
        wanted = dict(urllib.parse.parse_qsl(query, strict_parsing=bool(query), keep_blank_values=True))
        style = int(wanted.pop("style", "0"))
        parked_share = float(wanted.pop("parked", "0.6"))
        without = frozenset(filter(None, wanted.pop("without", "").split(",")))
    except ValueError as error:
        raise MapError(f"map name {name!r}: {error}; write it like suburb?style=17&parked=0.6") from error
    if wanted:
        raise MapError(f"map name {name!r}: {next(iter(wanted))!r} is none of 'style', 'parked', 'without'")
    if not 0.0 <= parked_share <= 1.0 or style < 0:
        raise MapError(f"map name {name!r}: 'style' is 0 or more, and 'parked' is a share from 0 to 1")
    if not without <= INGREDIENTS:
        unknown, known = ", ".join(sorted(without - INGREDIENTS)), ", ".join(sorted(INGREDIENTS))
        raise MapError(f"map name {name!r}: cannot do without {unknown}; what can be left out is {known}")
    return style, parked_share, without


def _left_handed(point: Any) -> Transform:
    """Turn a spawn point of ``roads`` (right-handed, radians) into CARLA's frame."""
    x, y, z = point.translation.tolist()
    rotation = point.rotation
    # Mirroring y keeps the nose's height: forward (fx, fy, fz) becomes (fx, -fy, fz); spawn points do not roll.
    pitch = float(np.rad2deg(np.arcsin(np.clip(rotation[2, 0], -1.0, 1.0))))
    yaw = float(-np.rad2deg(np.arctan2(rotation[1, 0], rotation[0, 0])))
    return Transform(Vector3D(x, -y, z + SPAWN_ABOVE_M), Rotation(pitch, yaw, 0.0))
