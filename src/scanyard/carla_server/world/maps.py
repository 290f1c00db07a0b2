"""The maps a server can load: OpenDRIVE files in folders, and the style of the scenery around them.

A name is ``suburb``, with or without a path in front, or ``suburb?style=17&parked=0.6``: the query chooses the
procedural scenery and the share of kerbside places taken by parked cars.  The name is kept as it was asked for, without
its path, because scripts compare it with what they loaded.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.carla_server.protocol.wire import MapInfo, Rotation, Transform, Vector3D
from scanyard.errors import MapError
from scanyard.roads import RoadMap

OPENDRIVE_WORLD = "OpenDriveMap"
"""The name under which a text from ``generate_opendrive_world`` is loaded."""
PREFIX = "/Game/Carla/Maps/"


@dataclass(frozen=True)
class Town:
    """A loaded map and the scenery wanted around it."""

    name: str
    """As asked for, query included, path left out."""
    road_map: RoadMap
    style: int = 0
    parked_share: float = 0.6

    def info(self) -> MapInfo:
        """The name and spawn points a client asks for, in the left-handed frame."""
        return MapInfo(self.name, tuple(_left_handed(point) for point in self.road_map.spawn_points()))


class Maps:
    """The maps in some folders; what was read once is kept."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._texts: dict[str, str] = {}
        self._read: dict[tuple[str, float], RoadMap] = {}

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted({path.stem for folder in self._folders for path in folder.glob("*.xodr")})

    def paths(self) -> list[str]:
        """All names as the client lists them."""
        return [PREFIX + name for name in self.names()]

    def keep_text(self, text: str) -> None:
        """Remember an OpenDRIVE text, to be loaded next as ``OpenDriveMap``."""
        self._texts[OPENDRIVE_WORLD] = text

    def load(self, asked: str) -> Town:
        """Load a map by name; MapError where it is unknown, unusable, or its query is not understood."""
        name = asked.rsplit("/", 1)[-1]
        stem, _, query = name.partition("?")
        style, parked_share = _scenery(name, query)
        return Town(name, self._road_map(stem), style, parked_share)

    def _road_map(self, stem: str) -> RoadMap:
        if stem in self._texts:
            return RoadMap.from_text(stem, self._texts[stem])
        for folder in self._folders:
            path = folder / f"{stem}.xodr"
            if stem in self.names() and path.is_file():
                key = (str(path), path.stat().st_mtime)
                if key not in self._read:
                    self._read[key] = RoadMap.load(path)
                return self._read[key]
        raise MapError(f"Map '{stem}' not found; this server has {', '.join(self.names()) or 'none'}")


def _scenery(name: str, query: str) -> tuple[int, float]:
    try:
        wanted = dict(urllib.parse.parse_qsl(query, strict_parsing=bool(query), keep_blank_values=True))
        style = int(wanted.pop("style", "0"))
        parked_share = float(wanted.pop("parked", "0.6"))
    except ValueError as error:
        raise MapError(f"map name {name!r}: {error}; write it like suburb?style=17&parked=0.6") from error
    if wanted:
        raise MapError(f"map name {name!r}: {next(iter(wanted))!r} is neither 'style' nor 'parked'")
    if not 0.0 <= parked_share <= 1.0 or style < 0:
        raise MapError(f"map name {name!r}: 'style' is 0 or more, and 'parked' is a share from 0 to 1")
    return style, parked_share


def _left_handed(point: Any) -> Transform:
    """Turn a spawn point of ``roads`` (right-handed, radians) into CARLA's frame."""
    x, y, z = point.translation.tolist()
    rotation = point.rotation
    # Mirroring y keeps the nose's height: forward (fx, fy, fz) becomes (fx, -fy, fz); spawn points do not roll.
    pitch = float(np.rad2deg(np.arcsin(np.clip(rotation[2, 0], -1.0, 1.0))))
    yaw = float(-np.rad2deg(np.arctan2(rotation[1, 0], rotation[0, 0])))
    return Transform(Vector3D(x, -y, z), Rotation(pitch, yaw, 0.0))
