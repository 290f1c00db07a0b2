"""A map as strips of lane surface, places to start from and routes; everything is right-handed world metres."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.errors import MapError
from scanyard.geometry import Transform
from scanyard.roads.client import carla
from scanyard.roads.lanes import LaneKey, LaneKind, Lanes, LaneSamples
from scanyard.roads.opendrive import parse_plan, read_map
from scanyard.roads.route import RoadKind, Route
from scanyard.roads.routing import draw_route
from scanyard.roads.signals import LightGroup, Signal, read_groups, read_signals
from scanyard.roads.spawning import places_along, whole_lanes
from scanyard.roads.speeds import SpeedLimits, read_speed_limits
from scanyard.roads.structures import Structure, read_structures, walls_along

FloatArray = NDArray[np.float64]

SURFACE_STEP_M = 2.0
SPAWN_SPACINGS_M = (30.0, 24.0, 19.0, 15.0)
SPAWN_POINTS_WANTED = 100  # as many as scripts that fill a town ask for
MIN_ACROSS_M = 0.5  # lane centres this far apart tell which way lies across the road; positions are float32


@dataclass(frozen=True)
class Strip:
    """The surface of one lane along one lane section, as two edges running in the lane's direction of travel."""

    road_id: int
    lane_id: int
    kind: LaneKind
    in_junction: bool
    left: FloatArray
    """(K, 3) metres: the edge to the left of those who travel on it."""
    right: FloatArray
    """(K, 3) metres, likewise to the right; indexed alike."""


class RoadMap:
    """An OpenDRIVE map, checked; make one with ``load`` or ``from_text``."""

    def __init__(self, name: str, xodr: str, lanes: Lanes, carla_map: Any) -> None:
        self.name = name
        self.xodr = xodr
        self._lanes = lanes
        self._carla_map = carla_map
        self._strips: dict[float, list[Strip]] = {}
        self._walls: tuple[Structure, ...] = ()
        self.surface_step_m = SURFACE_STEP_M
        """Of ``strips`` where nothing else is asked for."""

    @classmethod
    def load(cls, path: str | Path) -> RoadMap:
        """Read a map file, named by its stem; ``MapError`` names the file and what is wrong with it."""
        return cls._checked(Path(path).stem, read_map(path), str(path))

    @classmethod
    def from_text(cls, name: str, text: str) -> RoadMap:
        """Take a map's text, from a server for instance; ``MapError`` says what is wrong with it."""
        return cls._checked(name, text, f"map '{name}'")

    @classmethod
    def _checked(cls, name: str, text: str, where: str) -> RoadMap:
        plans = parse_plan(where, text)
        try:
            carla_map = carla.Map(name, text)
        except (RuntimeError, IndexError) as error:  # C++ exceptions, as the bindings translate them
            raise MapError(f"{where}: CARLA cannot read this OpenDRIVE map: {error}") from error
        return cls(name, text, Lanes(where, plans, carla_map), carla_map)

    def strips(self, step_m: float | None = None) -> list[Strip]:
        """Every lane of every lane section, edges sampled at most ``step_m`` apart, ends included.

        Neighbouring lanes share their edge.  Heights are the road's: OpenDRIVE's kerbs are not added.  Kept, because
        several ask.
        """
        step_m = self.surface_step_m if step_m is None else step_m
        if step_m not in self._strips:
            found = self._strips[step_m] = []
            for keys in self._lanes.sections():
                section = {key: self._lanes.sample(key, step_m) for key in keys}
                found += [self._strip(key, section) for key in keys]
        return list(self._strips[step_m])

    def crosswalks(self) -> list[FloatArray]:
        """Outlines (K, 3) of zebra crossings in metres, without repeating the first corner."""
        outlines: list[FloatArray] = []
        corners: list[tuple[float, float, float]] = []
        for location in self._carla_map.get_crosswalks():  # flat: each outline ends by repeating its first corner
            corner = (location.x, -location.y, location.z)  # CARLA's y points right
            if corners and np.allclose(corner, corners[0], atol=1e-3):
                outlines.append(np.array(corners))
                corners = []
            else:
                corners.append(corner)
        return outlines

    @cached_property
    def signals(self) -> tuple[Signal, ...]:
        """Traffic lights, stop and yield signs and speed limits, in the order of the file."""
        return read_signals(f"map '{self.name}'", self.xodr, self._carla_map)

    @cached_property
    def light_groups(self) -> tuple[LightGroup, ...]:
        """The traffic lights that take turns with each other."""
        return read_groups(self.xodr, self.signals)

    @cached_property
    def speed_limits(self) -> SpeedLimits:
        """How fast one may drive where."""
        return read_speed_limits(f"map '{self.name}'", self.xodr, self._lanes)

    @cached_property
    def structures(self) -> tuple[Structure, ...]:
        """Buildings and walls that the map itself puts beside its roads."""
        own = read_structures(f"map '{self.name}'", self.xodr, self._carla_map)
        return own + self._walls

    def wall_along_edges(self, height_m: float) -> None:
        """Put walls along both edges of every road outside junctions; call it before anyone asks for ``structures``."""
        if height_m > 0.0:
            self._walls = walls_along(self._edges(), height_m)

    def _edges(self) -> Iterator[FloatArray]:
        """The outer edges (K, 3) of every stretch of road outside junctions."""
        strips = iter(self.strips())
        for keys in self._lanes.sections():
            stretch = [next(strips) for _ in keys]
            for key, strip, is_leftmost in ((keys[0], stretch[0], True), (keys[-1], stretch[-1], False)):
                if not strip.in_junction:
                    yield strip.left if self._lanes.runs_along(key) == is_leftmost else strip.right

    def spawn_points(self, spacing_m: float | None = None) -> list[Transform]:
        """``world_from_vehicle`` for places on driving lanes outside junctions, facing where traffic goes.

        They lie on the road and climb with it, ``spacing_m`` apart along a lane, and clear of junctions by more than
        half the longest vehicle.  Without a spacing, as far apart as leaves a hundred of them, if the map has room.
        """
        ways = [self._way(lane) for lane in whole_lanes(self._lanes)]
        spacings = SPAWN_SPACINGS_M if spacing_m is None else (spacing_m,)
        for spacing in spacings:
            points = [point for way in ways for point in places_along(way, spacing)]
            if len(points) >= SPAWN_POINTS_WANTED:
                break
        return points

    def _way(self, lane: Sequence[LaneKey]) -> FloatArray:
        """The middle (K, 3) of a lane over all sections of its road, in the direction of travel."""
        parts = [self._lanes.samples(key).center for key in lane]
        return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])

    def route(self, kind: RoadKind, length_m: float, rng: np.random.Generator) -> Route:
        """Draw a route of ``length_m`` along which the road is of this ``kind`` 15 to 60 m ahead of the start.

        It begins outside junctions, goes straight on where roads meet, and has 20 m of road behind it if any such route
        does.  ``rng`` alone decides which; ``MapError`` if the map has none.
        """
        route = draw_route(self._lanes, kind, length_m, rng)
        if route is None:
            raise MapError(
                f"map '{self.name}': no route of {length_m:g} m with road kind '{kind}'; "
                "choose another map or another road kind, or drive less far"
            )
        return route

    def _strip(self, key: LaneKey, section: dict[LaneKey, LaneSamples]) -> Strip:
        """Edges lie across the *road*: a lane that widens points elsewhere, and would part from its neighbours."""
        samples = section[key]
        left = samples.left
        for other_key, other in section.items():
            same_way = self._lanes.runs_along(key) == self._lanes.runs_along(other_key)
            across = samples.center - (other.center if same_way else other.center[::-1])
            across[:, 2] = 0.0
            distance = np.linalg.norm(across, axis=1, keepdims=True)
            if distance.min() > MIN_ACROSS_M:
                left = across / distance * np.sign((across * left).sum(axis=1, keepdims=True))
                break
        half = left * samples.width_m[:, None] / 2
        return Strip(
            key.road_id,
            key.lane_id,
            self._lanes.kind(key),
            self._lanes.in_junction(key),
            samples.center + half,
            samples.center - half,
        )
