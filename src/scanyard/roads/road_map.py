"""A map as strips of lane surface, places to start from and routes.

CARLA's map is left-handed (y to the right, yaw clockwise); ``_sample`` and ``crosswalks`` are where y and yaw change
sign, and everything that leaves this module is right-handed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import carla
import numpy as np
from numpy.typing import NDArray

from scanyard.errors import MapError
from scanyard.geometry import Transform, wrap_angle
from scanyard.roads.opendrive import RoadPlan, parse_plan, read_map
from scanyard.roads.route import WINDOW_M, RoadKind, Route

FloatArray = NDArray[np.float64]

StripKind = Literal["driving", "parking", "sidewalk", "shoulder", "other"]

STRIP_KINDS: dict[Any, StripKind] = {
    carla.LaneType.Driving: "driving",
    carla.LaneType.Bidirectional: "driving",
    carla.LaneType.Entry: "driving",
    carla.LaneType.Exit: "driving",
    carla.LaneType.OnRamp: "driving",
    carla.LaneType.OffRamp: "driving",
    carla.LaneType.Parking: "parking",
    carla.LaneType.Sidewalk: "sidewalk",
    carla.LaneType.Shoulder: "shoulder",
}
CARRIAGEWAY: frozenset[StripKind] = frozenset({"driving", "parking"})

EDGE_M = 1e-4  # lanes are sampled this far inside their ends, where CARLA still says which section it is
MIN_ACROSS_M = 0.5  # lane centres this far apart tell which way lies across the road; positions are float32
ROUTE_STEP_M = 0.5
START_STEP_M = 10.0
BEHIND_WANTED_M = 20.0
BEHIND_MAX_M = 80.0
BEYOND_MAX_M = 150.0  # road kept after a route's end, for what stands or comes from there


@dataclass(frozen=True)
class Strip:
    """The surface of one lane along one lane section, as two edges running in the lane's direction of travel."""

    road_id: int
    lane_id: int
    kind: StripKind
    in_junction: bool
    left: FloatArray
    """(K, 3) right-handed world metres: the edge to the left of those who travel on it."""
    right: FloatArray
    """(K, 3) likewise to the right; indexed alike."""


class LaneKey(NamedTuple):
    """One lane of one lane section."""

    road_id: int
    section: int
    lane_id: int


@dataclass(frozen=True)
class _Samples:
    """A lane sampled in its direction of travel, right-handed."""

    center: FloatArray
    """(K, 3) metres."""
    yaw_rad: FloatArray
    """(K,)"""
    width_m: FloatArray
    """(K,)"""

    @property
    def left(self) -> FloatArray:
        """(K, 3) unit vectors."""
        return np.stack([-np.sin(self.yaw_rad), np.cos(self.yaw_rad), np.zeros_like(self.yaw_rad)], axis=-1)


class RoadMap:
    """An OpenDRIVE map, checked; make one with ``load`` or ``from_text``."""

    def __init__(self, name: str, xodr: str, plans: tuple[RoadPlan, ...], carla_map: Any) -> None:
        self.name = name
        self.xodr = xodr
        self._plans = {plan.road_id: plan for plan in plans}
        self._carla_map = carla_map
        self._lane_cache: dict[LaneKey, _Samples] = {}

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
        except RuntimeError as error:
            raise MapError(f"{where}: CARLA cannot read this OpenDRIVE map: {error}") from error
        return cls(name, text, plans, carla_map)

    def strips(self, step_m: float = 2.0) -> list[Strip]:
        """Every lane of every lane section, edges sampled at most ``step_m`` apart, ends included."""
        found = []
        for plan in self._plans.values():
            for number, section in enumerate(plan.sections):
                keys = [LaneKey(plan.road_id, number, lane_id) for lane_id in section.lane_ids]
                lanes = {key: self._sample(key, step_m) for key in keys}
                found += [self._strip(key, samples, lanes) for key, samples in lanes.items()]
        return found

    def _strip(self, key: LaneKey, samples: _Samples, lanes: dict[LaneKey, _Samples]) -> Strip:
        """Edges lie across the *road*: a lane that widens points elsewhere, and would part from its neighbours."""
        left = samples.left
        for other_key, other in lanes.items():
            flipped = self._runs_along(key) != self._runs_along(other_key)
            across = samples.center[:, :2] - (other.center[::-1] if flipped else other.center)[:, :2]
            distance = np.linalg.norm(across, axis=1, keepdims=True)
            if distance.min() > MIN_ACROSS_M:
                across /= distance
                left = np.zeros_like(left)
                left[:, :2] = across * np.sign((across * samples.left[:, :2]).sum(axis=1, keepdims=True))
                break
        half = left * samples.width_m[:, None] / 2
        return Strip(
            key.road_id,
            key.lane_id,
            self._kind(key),
            self._plans[key.road_id].junction_id is not None,
            samples.center + half,
            samples.center - half,
        )

    def crosswalks(self) -> list[FloatArray]:
        """Outlines (K, 3) of zebra crossings, right-handed world metres, without repeating the first corner."""
        outlines: list[FloatArray] = []
        corners: list[tuple[float, float, float]] = []
        for location in self._carla_map.get_crosswalks():  # flat: each outline ends by repeating its first corner
            corner = (location.x, -location.y, location.z)
            if corners and np.allclose(corner, corners[0], atol=1e-3):
                outlines.append(np.array(corners))
                corners = []
            else:
                corners.append(corner)
        return outlines

    def spawn_points(self, spacing_m: float = 30.0) -> list[Transform]:
        """Places on driving lanes outside junctions, facing where traffic goes, about ``spacing_m`` apart."""
        points = []
        for key in self._starts():
            samples = self._lane(key)
            every = max(1, round(spacing_m / ROUTE_STEP_M))
            for i in range(min(every, len(samples.center)) // 2, len(samples.center), every):
                points.append(Transform.from_xyz_rpy(samples.center[i], yaw=float(samples.yaw_rad[i])))
        return points

    def route(self, kind: RoadKind, length_m: float, rng: np.random.Generator) -> Route:
        """Draw a route of ``length_m`` whose stretch 15 to 60 m ahead contains ``kind``.

        All places every 10 m on every driving lane are candidates, in a fixed order; ``rng`` alone decides.  Those with
        at least 20 m of road behind them come first.  ``MapError`` if the map has no such route.
        """
        candidates = [
            (key, index)
            for key in self._starts()
            for index in range(0, len(self._lane(key).center), round(START_STEP_M / ROUTE_STEP_M))
        ]
        cramped = None
        for choice in rng.permutation(len(candidates)):
            route = self._route_from(*candidates[choice], length_m)
            if route is None or not route.has(kind):
                continue
            if route.behind_m >= BEHIND_WANTED_M:
                return route
            cramped = cramped or route
        if cramped is None:
            raise MapError(
                f"map '{self.name}': no route of {length_m:g} m with road kind '{kind}' "
                f"{WINDOW_M[0]:g} to {WINDOW_M[1]:g} m ahead; choose another map or road kind, or drive less far"
            )
        return cramped

    def _lane_keys(self) -> list[LaneKey]:
        """Every lane of the map, in a fixed order."""
        return [
            LaneKey(plan.road_id, number, lane_id)
            for plan in self._plans.values()
            for number, section in enumerate(plan.sections)
            for lane_id in section.lane_ids
        ]

    def _starts(self) -> list[LaneKey]:
        """Driving lanes outside junctions."""
        return [key for key in self._driving_lanes if self._plans[key.road_id].junction_id is None]

    @cached_property
    def _driving_lanes(self) -> list[LaneKey]:
        return [key for key in self._lane_keys() if self._kind(key) == "driving"]

    def _waypoint(self, key: LaneKey, s_m: float) -> Any:
        waypoint = self._carla_map.get_waypoint_xodr(key.road_id, key.lane_id, s_m)
        if waypoint is None:
            raise MapError(
                f"map '{self.name}': CARLA finds no lane {key.lane_id} at {s_m:.2f} m of road {key.road_id}, "
                "although the file lists it; check the road's lane sections"
            )
        return waypoint

    def _kind(self, key: LaneKey) -> StripKind:
        section = self._plans[key.road_id].sections[key.section]
        waypoint = self._waypoint(key, (section.begin_m + section.end_m) / 2)
        return STRIP_KINDS.get(waypoint.lane_type, "other")

    def _runs_along(self, key: LaneKey) -> bool:
        """Whether traffic on the lane goes the way the road's own coordinate rises."""
        section = self._plans[key.road_id].sections[key.section]
        right_hand_traffic = self._waypoint(key, (section.begin_m + section.end_m) / 2).is_rht
        return (key.lane_id < 0) == right_hand_traffic

    def _sample(self, key: LaneKey, step_m: float) -> _Samples:
        """Sample a lane in its direction of travel, both ends included; here left-handed becomes right-handed."""
        section = self._plans[key.road_id].sections[key.section]
        length = section.end_m - section.begin_m
        edge = min(EDGE_M, length / 4)
        count = max(2, int(np.ceil(length / step_m)) + 1)
        along = np.linspace(section.begin_m + edge, section.end_m - edge, count)
        if not self._runs_along(key):
            along = along[::-1]
        rows = np.empty((count, 5))
        for row, s in zip(rows, along, strict=True):
            waypoint = self._waypoint(key, float(s))
            transform = waypoint.transform
            location = transform.location
            row[:] = location.x, -location.y, location.z, -transform.rotation.yaw, waypoint.lane_width
        return _Samples(rows[:, :3], np.radians(rows[:, 3]), rows[:, 4])

    def _lane(self, key: LaneKey) -> _Samples:
        if key not in self._lane_cache:
            self._lane_cache[key] = self._sample(key, ROUTE_STEP_M)
        return self._lane_cache[key]

    @cached_property
    def _successors(self) -> dict[LaneKey, list[LaneKey]]:
        """For each driving lane those one can drive on to."""
        driving = set(self._driving_lanes)
        found = {}
        for key in self._driving_lanes:
            section = self._plans[key.road_id].sections[key.section]
            edge = min(EDGE_M, (section.end_m - section.begin_m) / 4)
            s = section.end_m - edge if self._runs_along(key) else section.begin_m + edge
            ahead = self._waypoint(key, s).next(0.01)
            keys = {LaneKey(w.road_id, w.section_id, w.lane_id) for w in ahead}
            found[key] = sorted(keys & driving - {key})
        return found

    @cached_property
    def _predecessors(self) -> dict[LaneKey, list[LaneKey]]:
        found: dict[LaneKey, list[LaneKey]] = {key: [] for key in self._driving_lanes}
        for key, successors in self._successors.items():
            for successor in successors:
                found[successor].append(key)
        return found

    def _walk(self, start: LaneKey, *, forwards: bool, reach_m: float) -> list[LaneKey]:
        """Lanes after ``start`` (before it, nearest first), always the straightest, until ``reach_m`` is covered."""
        links = self._successors if forwards else self._predecessors
        lanes, covered, here = [], 0.0, start
        while covered < reach_m and links[here]:
            yaw_here = self._lane(here).yaw_rad[-1 if forwards else 0]

            def bend(key: LaneKey, yaw: float = yaw_here) -> float:
                return float(abs(wrap_angle(self._lane(key).yaw_rad[-1 if forwards else 0] - yaw)))

            here = min(links[here], key=lambda key: (bend(key), key))
            section = self._plans[here.road_id].sections[here.section]
            covered += section.end_m - section.begin_m
            lanes.append(here)
        return lanes

    def _route_from(self, start: LaneKey, index: int, length_m: float) -> Route | None:
        """The route that starts at sample ``index`` of lane ``start``, or ``None`` where the road ends too soon."""
        reach = length_m + BEYOND_MAX_M
        before = self._walk(start, forwards=False, reach_m=BEHIND_MAX_M)[::-1]
        lanes = [*before, start, *self._walk(start, forwards=True, reach_m=reach)]
        points = np.concatenate([self._lane(key).center for key in lanes])
        in_junction = np.concatenate(
            [np.full(len(self._lane(key).center), self._plans[key.road_id].junction_id is not None) for key in lanes]
        )
        first = sum(len(self._lane(key).center) for key in before) + index
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        s = np.concatenate([[0.0], np.cumsum(steps)])
        s -= s[first]
        keep = np.concatenate(
            [[True], steps > ROUTE_STEP_M / 10]
        )  # where lanes meet, the end of one is the next's start
        keep &= (s >= -BEHIND_MAX_M) & (s <= reach)
        s, points, in_junction = s[keep], points[keep], in_junction[keep]
        if s[-1] < length_m or len(s) < 3:
            return None
        flips = np.flatnonzero(np.diff(np.concatenate([[0], in_junction.astype(int), [0]])))
        junctions = tuple((float(s[a]), float(s[b - 1])) for a, b in flips.reshape(-1, 2))
        return self._beside(start, index, length_m, s, points, junctions)

    def _beside(
        self,
        start: LaneKey,
        index: int,
        length_m: float,
        s_m: FloatArray,
        points: FloatArray,
        junctions: tuple[tuple[float, float], ...],
    ) -> Route:
        """Complete a route with the lanes beside its start."""
        section = self._plans[start.road_id].sections[start.section]
        share = index / (len(self._lane(start).center) - 1)
        if not self._runs_along(start):
            share = 1 - share
        edge = min(EDGE_M, (section.end_m - section.begin_m) / 4)
        along = section.begin_m + edge + share * (section.end_m - section.begin_m - 2 * edge)
        own = self._lane(start)
        lateral: dict[LaneKey, tuple[float, float]] = {}
        for lane_id in section.lane_ids:
            key = LaneKey(start.road_id, start.section, lane_id)
            waypoint = self._waypoint(key, along)
            location = waypoint.transform.location
            offset = np.array([location.x, -location.y, location.z]) - own.center[index]
            lateral[key] = (float(offset @ own.left[index]), float(waypoint.lane_width))
        kinds = {key: self._kind(key) for key in lateral}
        driving = [key for key in lateral if kinds[key] == "driving" and key != start]
        oncoming = [lateral[key][0] for key in driving if key.lane_id * start.lane_id < 0]
        carriageway = [lateral[key] for key in lateral if kinds[key] in CARRIAGEWAY]
        return Route(
            length_m=length_m,
            s_m=s_m,
            points=points,
            lane_width_m=float(own.width_m[index]),
            junctions=junctions,
            oncoming_lateral_m=min(oncoming, key=abs, default=None),
            same_way_laterals_m=tuple(sorted(lateral[key][0] for key in driving if key.lane_id * start.lane_id > 0)),
            parking_laterals_m=tuple(sorted(at for key, (at, _) in lateral.items() if kinds[key] == "parking")),
            kerb_left_m=max(at + width / 2 for at, width in carriageway),
            kerb_right_m=min(at - width / 2 for at, width in carriageway),
        )
