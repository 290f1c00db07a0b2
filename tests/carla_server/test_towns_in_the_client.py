"""Every town of ours as the client's own map reads it: lights, signs, crosswalks, marks; and no two clash."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from scanyard.carla_server.world.traffic_lights import GREEN, RED, TrafficLights
from scanyard.roads import RoadMap
from scanyard.roads.client import carla

MAPS = Path(__file__).resolve().parents[2] / "scenarios" / "maps"
LIGHTS, STOP, YIELD, LIMIT = "1000001", "206", "205", "274"
COUNTS = {
    # lights, stop signs, yield signs, speed limits, crosswalks
    "city": (24, 4, 2, 40, 40),
    "downtown": (40, 0, 0, 40, 40),
    "harbour": (4, 1, 3, 16, 16),
    "hills": (0, 1, 1, 6, 0),
    "motorway": (6, 2, 0, 18, 0),
    "suburb": (11, 4, 4, 38, 38),
    "village": (0, 2, 7, 20, 20),
}
"""Figures as first drawn; whoever changes a town changes them here and says why in the commit."""
WITH_LIGHTS = [name for name, counts in COUNTS.items() if counts[0]]


@pytest.fixture(scope="module")
def towns() -> dict[str, RoadMap]:
    return {name: RoadMap.load(MAPS / f"{name}.xodr") for name in COUNTS}


def client_map(road_map: RoadMap) -> Any:
    return carla.Map(road_map.name, road_map.xodr)


@pytest.mark.parametrize("name", COUNTS)
def test_the_client_reads_every_sign_and_crosswalk(towns: dict[str, RoadMap], name: str) -> None:
    client = client_map(towns[name])
    found = [len(client.get_all_landmarks_of_type(kind)) for kind in (LIGHTS, STOP, YIELD, LIMIT)]
    corners = len(client.get_crosswalks())
    assert (*found, corners // 5) == COUNTS[name]
    assert corners % 5 == 0
    for limit in client.get_all_landmarks_of_type(LIMIT):
        assert limit.value in {30.0, 40.0, 50.0, 60.0, 80.0, 120.0}


@pytest.mark.parametrize("name", COUNTS)
def test_the_client_says_nothing_on_the_terminal(name: str) -> None:
    script = f"import carla; carla.Map('x', open({str(MAPS / f'{name}.xodr')!r}).read()).generate_waypoints(5.0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("name", COUNTS)
def test_lanes_may_be_changed_between_lanes_of_one_direction_and_nowhere_else(
    towns: dict[str, RoadMap], name: str
) -> None:
    for here in client_map(towns[name]).generate_waypoints(20.0):
        if here.is_junction:
            continue
        change = here.lane_change
        for side, beside in (
            (carla.LaneChange.Left, here.get_left_lane()),
            (carla.LaneChange.Right, here.get_right_lane()),
        ):
            same_way = (
                beside is not None and beside.lane_type == carla.LaneType.Driving and beside.lane_id * here.lane_id > 0
            )
            assert bool(change & side) == same_way, f"{here} to {beside}"


@pytest.mark.parametrize("name", COUNTS)
def test_from_every_lane_one_can_drive_to_every_other(towns: dict[str, RoadMap], name: str) -> None:
    ways: dict[tuple[int, int, int], set[tuple[int, int, int]]] = {}
    for here in client_map(towns[name]).generate_waypoints(4.0):
        key = (here.road_id, here.section_id, here.lane_id)
        beside = [here.get_left_lane(), here.get_right_lane()] if here.lane_change != carla.LaneChange.NONE else []
        beside = [one for one in beside if one and one.lane_type == carla.LaneType.Driving and one.lane_id * key[2] > 0]
        after = {(one.road_id, one.section_id, one.lane_id) for one in [*here.next(4.5), *beside]}
        ways.setdefault(key, set()).update(after)
    back: dict[tuple[int, int, int], set[tuple[int, int, int]]] = {}
    for key, after in ways.items():
        for other in after:
            back.setdefault(other, set()).add(key)
    start = next(iter(ways))
    assert reached(ways, start) >= ways.keys()
    assert reached(back, start) >= ways.keys()


def reached(ways: dict[Any, set[Any]], start: Any) -> set[Any]:
    found, waiting = {start}, [start]
    while waiting:
        for other in ways.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


@pytest.mark.parametrize("name", COUNTS)
def test_every_signal_governs_lanes_that_come_towards_it(towns: dict[str, RoadMap], name: str) -> None:
    for signal in towns[name].signals:
        assert signal.lanes
        for lane in signal.lanes:
            ahead = np.array([math.cos(lane.heading_rad), math.sin(lane.heading_rad)])
            to_post = np.array(signal.position[:2]) - lane.center[:2]
            right = to_post @ [ahead[1], -ahead[0]]
            assert abs(to_post @ ahead) < 1.0
            assert 0.0 < right < 14.0, "posts stand to the right of those they speak to"


@pytest.mark.parametrize("name", WITH_LIGHTS)
def test_lights_that_are_green_together_let_nobody_across_anothers_way(towns: dict[str, RoadMap], name: str) -> None:
    town = towns[name]
    client = client_map(town)
    lights = [signal for signal in town.signals if signal.kind == "light"]
    ways = {
        light.id: shapely.union_all([way for lane in light.lanes for way in across(client, lane)]) for light in lights
    }
    clock = TrafficLights(lights, town.light_groups, lambda: np.zeros((len(lights), 3)))
    ever = set()
    for _ in range(140):
        clock.advance(0.5)
        for group in town.light_groups:
            going = [light for phase in group.phases for light in phase if clock.state[place(lights, light)] != RED]
            ever |= {light for light in going if clock.state[place(lights, light)] == GREEN}
            for first, second in combinations(going, 2):
                assert not ways[first].crosses(ways[second]), f"lights {first} and {second}"
    assert ever == ways.keys(), "everybody has a turn"


def place(lights: list[Any], name: str) -> int:
    return next(i for i, light in enumerate(lights) if light.id == name)


def across(client: Any, lane: Any) -> list[Any]:
    """The ways from a stop line over the junction."""
    start = client.get_waypoint(carla.Location(lane.center[0], -lane.center[1], lane.center[2]))
    found, waiting = [], [[start]]
    while waiting:
        way = waiting.pop()
        ahead = way[-1].next(2.0)
        for one in ahead:
            if one.is_junction or not way[-1].is_junction:
                waiting.append([*way, one])
            else:
                found.append(shapely.LineString([(p.transform.location.x, p.transform.location.y) for p in way]))
    return found


def test_the_motorway_climbs_and_its_signs_do_too(towns: dict[str, RoadMap]) -> None:
    heights = [point.transform.location.z for point in client_map(towns["motorway"]).generate_waypoints(20.0)]
    assert min(heights) < -3.5
    assert max(heights) > 9.5
    assert max(signal.position[2] for signal in towns["motorway"].signals) > 9.0


def test_structures_stand_where_the_map_puts_them(towns: dict[str, RoadMap]) -> None:
    [hall] = towns["downtown"].structures
    assert hall.kind == "building"
    assert hall.center == pytest.approx((34.0, 26.0, 0.0), abs=0.01)
    assert hall.size == pytest.approx((44.0, 12.0, 14.0))
    middle = [one for one in towns["motorway"].structures if abs(one.center[0] - 32.0) < 0.05]
    assert len(middle) > 20
    assert all(abs(abs(math.sin(one.yaw_rad)) - 1.0) < 1e-3 for one in middle), "along the straight to the north"
