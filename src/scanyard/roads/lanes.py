"""The lanes of a map and which leads to which, asked from ``carla.Map``.

CARLA's map is left-handed (y to the right, yaw clockwise).  ``_right_handed`` is where y and yaw change sign; nothing
above it sees a CARLA transform.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.errors import MapError
from scanyard.geometry import wrap_angle
from scanyard.roads.client import carla
from scanyard.roads.links import LaneSection, RoadPlan

FloatArray = NDArray[np.float64]

LaneKind = Literal["driving", "parking", "sidewalk", "shoulder", "other"]

LANE_KINDS: dict[Any, LaneKind] = {
    carla.LaneType.Driving: "driving",
    carla.LaneType.Bidirectional: "driving",
    carla.LaneType.Entry: "driving",
    carla.LaneType.Exit: "driving",
    carla.LaneType.OnRamp: "driving",
    carla.LaneType.OffRamp: "driving",
    carla.LaneType.Parking: "parking",
    carla.LaneType.Sidewalk: "sidewalk",
    carla.LaneType.Shoulder: "shoulder",
    carla.LaneType.Restricted: "shoulder",  # paved, though nobody drives there
}

EDGE_M = 1e-4  # lanes are sampled this far inside their ends, where CARLA still says which section it is
LANE_STEP_M = 0.5  # a chord this long leaves an arc of 10 m radius by 3 mm


class LaneKey(NamedTuple):
    """One lane of one lane section."""

    road_id: int
    section: int
    lane_id: int


@dataclass(frozen=True)
class LaneSamples:
    """A lane sampled in its direction of travel; right-handed world, indexed alike."""

    center: FloatArray
    """(K, 3) metres, on the road surface."""
    yaw_rad: FloatArray
    """(K,) direction of travel."""
    width_m: FloatArray
    """(K,)"""

    @property
    def left(self) -> FloatArray:
        """(K, 3) unit vectors to the left of those who travel on it."""
        return np.stack([-np.sin(self.yaw_rad), np.cos(self.yaw_rad), np.zeros_like(self.yaw_rad)], axis=-1)


def _right_handed(waypoint: Any) -> tuple[float, float, float, float]:
    """Position in metres and yaw in radians of a CARLA waypoint, in the right-handed world."""
    transform = waypoint.transform
    location = transform.location
    return location.x, -location.y, location.z, -np.radians(transform.rotation.yaw)


class Lanes:
    """Every lane of a checked map; what is asked twice is kept."""

    def __init__(self, where: str, plans: tuple[RoadPlan, ...], carla_map: Any) -> None:
        self._where = where
        self._plans = {plan.road_id: plan for plan in plans}
        self._carla_map = carla_map
        self._samples: dict[LaneKey, LaneSamples] = {}
        self._kinds: dict[LaneKey, LaneKind] = {}

    def sections(self) -> list[list[LaneKey]]:
        """The lanes of every lane section, from left to right, in a fixed order."""
        return [
            [LaneKey(plan.road_id, number, lane_id) for lane_id in section.lane_ids]
            for plan in self._plans.values()
            for number, section in enumerate(plan.sections)
        ]

    @cached_property
    def driving(self) -> list[LaneKey]:
        """Every driving lane, in a fixed order."""
        return [key for keys in self.sections() for key in keys if self.kind(key) == "driving"]

    def section(self, key: LaneKey) -> LaneSection:
        """The lane section a lane belongs to."""
        return self._plans[key.road_id].sections[key.section]

    def beside(self, key: LaneKey) -> list[LaneKey]:
        """All lanes of the same lane section, itself included."""
        return [key._replace(lane_id=lane_id) for lane_id in self.section(key).lane_ids]

    def in_junction(self, key: LaneKey) -> bool:
        """Whether the lane belongs to a junction."""
        return self._plans[key.road_id].junction_id is not None

    def kind(self, key: LaneKey) -> LaneKind:
        """What the lane is for."""
        if key not in self._kinds:
            self._kinds[key] = LANE_KINDS.get(self._middle(key).lane_type, "other")
        return self._kinds[key]

    def runs_along(self, key: LaneKey) -> bool:
        """Whether traffic on the lane goes the way the road's own coordinate rises."""
        right_hand_traffic: bool = self._middle(key).is_rht
        return (key.lane_id < 0) == right_hand_traffic

    def samples(self, key: LaneKey) -> LaneSamples:
        """The lane sampled every half metre."""
        if key not in self._samples:
            self._samples[key] = self.sample(key, LANE_STEP_M)
        return self._samples[key]

    def sample(self, key: LaneKey, step_m: float) -> LaneSamples:
        """Sample a lane at most ``step_m`` apart, both ends included."""
        section = self.section(key)
        edge = _edge(section)
        count = max(2, int(np.ceil((section.end_m - section.begin_m) / step_m)) + 1)
        along = np.linspace(section.begin_m + edge, section.end_m - edge, count)
        if not self.runs_along(key):
            along = along[::-1]
        rows = np.empty((count, 5))
        for row, s in zip(rows, along, strict=True):
            waypoint = self._waypoint(key, float(s))
            row[:4] = _right_handed(waypoint)
            row[4] = waypoint.lane_width
        return LaneSamples(rows[:, :3], rows[:, 3], rows[:, 4])

    def walk(self, start: LaneKey, *, forwards: bool, reach_m: float) -> list[LaneKey]:
        """Lanes after ``start`` (before it, nearest first), always the straightest, until ``reach_m`` is covered."""
        links = self._successors if forwards else self._predecessors
        lanes, covered, here = [], 0.0, start
        while covered < reach_m and links[here]:
            here = self._straightest(here, links[here], far_end=-1 if forwards else 0)
            covered += self.section(here).end_m - self.section(here).begin_m
            lanes.append(here)
        return lanes

    def _straightest(self, here: LaneKey, choices: list[LaneKey], *, far_end: int) -> LaneKey:
        """The choice whose far end turns least from where ``here`` points; the first of equal ones."""
        yaw = self.samples(here).yaw_rad[far_end]
        turns = [abs(wrap_angle(self.samples(key).yaw_rad[far_end] - yaw)) for key in choices]
        return choices[int(np.argmin(np.round(turns, 3)))]

    @cached_property
    def _successors(self) -> dict[LaneKey, list[LaneKey]]:
        """For each driving lane those one can drive on to."""
        driving = set(self.driving)
        found = {}
        for key in self.driving:
            section = self.section(key)
            edge = _edge(section)
            end = section.end_m - edge if self.runs_along(key) else section.begin_m + edge
            ahead = {
                LaneKey(w.road_id, w.section_id, w.lane_id) for w in self._waypoint(key, end).next(2 * edge + 0.01)
            }
            found[key] = sorted((ahead & driving) - {key})
        return found

    @cached_property
    def _predecessors(self) -> dict[LaneKey, list[LaneKey]]:
        found: dict[LaneKey, list[LaneKey]] = {key: [] for key in self.driving}
        for key, successors in self._successors.items():
            for successor in successors:
                found[successor].append(key)
        return found

    def _middle(self, key: LaneKey) -> Any:
        section = self.section(key)
        return self._waypoint(key, (section.begin_m + section.end_m) / 2)

    def _waypoint(self, key: LaneKey, s_m: float) -> Any:
        waypoint = self._carla_map.get_waypoint_xodr(key.road_id, key.lane_id, s_m)
        if waypoint is None:
            raise MapError(
                f"{self._where}: CARLA finds no lane {key.lane_id} at {s_m:.2f} m of road {key.road_id}, "
                "although the file lists it; check the road's lane sections"
            )
        return waypoint


def _edge(section: LaneSection) -> float:
    return min(EDGE_M, (section.end_m - section.begin_m) / 4)
