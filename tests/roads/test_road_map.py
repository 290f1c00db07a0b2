"""Maps are read right-handed, completely, and with every lane leading somewhere."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from scanyard.roads import RoadMap, Strip
from scanyard.roads.client import carla

MAPS = Path(__file__).parents[2] / "scenarios" / "maps"
NAMES = ("suburb", "city", "hills", "harbour", "downtown", "motorway", "village")


@pytest.fixture(scope="module", params=NAMES)
def road_map(request: pytest.FixtureRequest, maps: dict[str, RoadMap]) -> RoadMap:
    return maps[request.param]


def carla_map(road_map: RoadMap) -> carla.Map:
    return carla.Map(road_map.name, road_map.xodr)


def middles(strip: Strip) -> np.ndarray:
    return (strip.left + strip.right) / 2


def test_a_road_turning_left_in_opendrive_turns_left_here(arc: RoadMap) -> None:
    right_lane = next(strip for strip in arc.strips() if strip.lane_id == -1)
    start, end = middles(right_lane)[[0, -1]]
    assert_allclose(start, [0.0, -1.75, 0.0], atol=0.01)
    assert_allclose(end, [51.75, 50.0, 0.0], atol=0.01)  # a quarter circle of 50 m to the left, and half a lane outside


def test_left_and_right_are_seen_from_those_who_travel(straight: RoadMap) -> None:
    lanes = {strip.lane_id: strip for strip in straight.strips()}
    assert lanes[-1].left[0, 1] == pytest.approx(0.0, abs=0.001)  # eastbound: the middle of the road is to the left
    assert lanes[-1].right[0, 1] == pytest.approx(-3.5, abs=0.001)
    assert lanes[1].left[0] == pytest.approx([200.0, 0.0, 0.0], abs=0.001)  # westbound: begins in the east
    assert lanes[1].right[-1] == pytest.approx([0.0, 3.5, 0.0], abs=0.001)


def test_strips_name_what_lanes_are_for(straight: RoadMap) -> None:
    kinds = {strip.lane_id: strip.kind for strip in straight.strips()}
    assert kinds == {2: "parking", 1: "driving", -1: "driving", -2: "parking", -3: "sidewalk", -4: "other"}


def test_strips_of_a_map_of_ours_follow_each_other_without_gaps(road_map: RoadMap) -> None:
    ends: dict[tuple[int, int], list[Strip]] = {}
    for strip in road_map.strips():
        ends.setdefault((strip.road_id, strip.lane_id), []).append(strip)
    whole = {road_id: max(len(ends[key]) for key in ends if key[0] == road_id) for road_id, _ in ends}
    gaps = []
    for (road_id, _), sections in ends.items():
        if len(sections) < whole[road_id]:
            continue  # a sidewalk that a square interrupts
        # In the order of the road's sections; left lanes run against it, so their last section comes first.
        ordered = sections if sections[0].lane_id < 0 else sections[::-1]
        # Shoulders may open into a square.
        gaps += [np.linalg.norm(a.right[-1] - b.right[0]) for a, b in pairwise(ordered) if a.kind != "shoulder"]
    assert max(gaps, default=0.0) < 0.05


def test_neighbouring_strips_share_their_edge(road_map: RoadMap) -> None:
    strips = {}
    for strip in road_map.strips():
        strips.setdefault((strip.road_id, strip.lane_id), strip)
    for (road_id, lane_id), strip in strips.items():
        outer = strips.get((road_id, lane_id + (1 if lane_id > 0 else -1)))
        if outer is not None:
            assert_allclose(strip.right, outer.left, atol=0.01)


def test_every_driving_lane_leads_on(road_map: RoadMap) -> None:
    for waypoint in carla_map(road_map).generate_waypoints(2.0):
        assert waypoint.next(2.0), f"{waypoint} is a dead end"
        assert waypoint.previous(2.0), f"nothing leads to {waypoint}"


def test_lanes_continue_across_junctions_without_a_jump(road_map: RoadMap) -> None:
    steps = [
        here.transform.location.distance(there.transform.location)
        for here in carla_map(road_map).generate_waypoints(5.0)
        for there in here.next(1.0)
    ]
    assert max(steps) < 1.25  # lanes on the outside of an arc are longer than the road


def test_every_junction_connects_each_of_its_arms(road_map: RoadMap) -> None:
    arrivals: dict[int, set[int]] = {}
    departures: dict[int, set[int]] = {}
    for begin, end in carla_map(road_map).get_topology():
        if begin.is_junction:
            departures.setdefault(begin.junction_id, set()).add(end.road_id)
        elif end.is_junction:
            arrivals.setdefault(end.junction_id, set()).add(begin.road_id)
    assert len(arrivals) >= 2
    assert arrivals.keys() == departures.keys()
    for junction_id, roads in arrivals.items():
        assert len(roads | departures[junction_id]) >= 3, f"junction {junction_id} has arms {roads}"


def test_spawn_points_stand_on_driving_lanes_and_face_along_them(road_map: RoadMap) -> None:
    client = carla_map(road_map)
    points = road_map.spawn_points()
    assert len(points) >= 100
    for point in points:
        x, y, z = point.translation
        waypoint = client.get_waypoint(carla.Location(x, -y, z))
        assert waypoint.transform.location.distance(carla.Location(x, -y, z)) < 0.3  # its search is coarse
        assert not waypoint.is_junction
        assert np.cos(point.yaw_rad + np.radians(waypoint.transform.rotation.yaw)) > 0.999
        climb = np.degrees(np.arcsin(point.rotation[2, 0]))
        assert climb == pytest.approx((waypoint.transform.rotation.pitch + 180.0) % 360.0 - 180.0, abs=0.6)
    places = np.array([point.translation for point in points])
    forward = np.array([point.rotation[:, 0] for point in points])
    between = places[None] - places[:, None]
    along = np.abs(np.einsum("nmi,ni->nm", between, forward))
    across = np.linalg.norm(np.cross(forward[:, None], between), axis=-1)
    in_line = (across < 1.5) & (np.einsum("ni,mi->nm", forward, forward) > 0.9) & ~np.eye(len(points), dtype=bool)
    assert along[in_line].min() > 13.0


def test_crosswalks_of_the_city_lie_across_its_streets(maps: dict[str, RoadMap]) -> None:
    city = maps["city"]
    outlines = city.crosswalks()
    assert len(outlines) == 40
    centres = np.concatenate([middles(s)[:, :2] for s in city.strips() if s.kind == "driving" and not s.in_junction])
    for outline in outlines:
        assert outline.shape == (4, 3)
        assert np.linalg.norm(centres - outline[:, :2].mean(axis=0), axis=1).min() < 5.0


def test_a_map_without_crosswalks_has_none(straight: RoadMap) -> None:
    assert straight.crosswalks() == []


def test_maps_of_ours_are_what_their_script_writes(tmp_path: Path) -> None:
    script = MAPS.parents[1] / "tools" / "make_maps"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, capture_output=True)
    assert sorted(path.stem for path in MAPS.glob("*.xodr")) == sorted(NAMES)
    for path in MAPS.glob("*.xodr"):
        assert path.stat().st_size < 400_000
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), f"run tools/make_maps: {path.name} is stale"
