"""Routes: where they lead, what lies beside them, and that drawing one is repeatable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.testing import assert_allclose

from scanyard.errors import MapError
from scanyard.geometry import Transform
from scanyard.randomness import stream
from scanyard.roads import RoadKind, RoadMap, Route
from scanyard.scenario import concrete

MAPS = Path(__file__).parents[2] / "scenarios" / "maps"


def drawn(road_map: RoadMap, kind: RoadKind = "any", length_m: float = 40.0, *, seed: int = 0) -> Route:
    return road_map.route(kind, length_m, stream("route", seed))


def eastbound(road_map: RoadMap, length_m: float = 40.0) -> Route:
    routes = (drawn(road_map, length_m=length_m, seed=seed) for seed in range(50))
    return next(route for route in routes if abs(np.interp(0.0, route.s_m, route.heading_rad)) < 1.0)


def westbound(road_map: RoadMap, length_m: float = 40.0) -> Route:
    routes = (drawn(road_map, length_m=length_m, seed=seed) for seed in range(50))
    return next(route for route in routes if np.cos(np.interp(0.0, route.s_m, route.heading_rad)) < -0.5)


def test_a_pose_on_a_straight_road_moves_forward_and_left(straight: RoadMap) -> None:
    route = eastbound(straight)
    start = route.pose(0.0)
    assert_allclose(start[:3, :3], np.eye(3), atol=1e-4)
    assert start[1, 3] == pytest.approx(-1.75, abs=1e-4)
    assert_allclose((route.pose(10.0, 2.0) - start)[:3, 3], [10.0, 2.0, 0.0], atol=1e-3)


def test_traffic_keeps_to_the_right(straight: RoadMap) -> None:
    assert eastbound(straight).pose(0.0)[1, 3] == pytest.approx(-1.75, abs=1e-4)
    assert westbound(straight).pose(0.0)[1, 3] == pytest.approx(1.75, abs=1e-4)


def test_heading_turns_to_the_left_of_the_route(straight: RoadMap) -> None:
    turned = Transform(eastbound(straight).pose(5.0, 0.0, np.radians(30)))
    assert turned.yaw_rad == pytest.approx(np.radians(30), abs=1e-4)


def test_poses_on_an_arc_lie_on_the_lane_s_circle(arc: RoadMap) -> None:
    route = eastbound(arc, 30.0)
    s = np.linspace(-route.behind_m, route.ahead_m, 50)
    poses = route.pose(s)
    from_centre = poses[:, :2, 3] - [0.0, 50.0]
    assert_allclose(np.linalg.norm(from_centre, axis=1), 51.75, atol=0.002)
    radial = from_centre / 51.75
    assert_allclose(poses[1:-1, :2, 0], np.stack([-radial[:, 1], radial[:, 0]], axis=-1)[1:-1], atol=0.006)
    assert_allclose(np.diff(s) / np.diff(np.unwrap(np.arctan2(radial[:, 1], radial[:, 0]))), 51.75, rtol=1e-3)


def test_lateral_offsets_on_an_arc_go_towards_its_centre_when_left(arc: RoadMap) -> None:
    inside = eastbound(arc, 30.0).pose(10.0, 1.75)
    assert np.linalg.norm(inside[:2, 3] - [0.0, 50.0]) == pytest.approx(50.0, abs=0.002)


def test_poses_follow_the_slope_uphill_and_downhill(slope: RoadMap) -> None:
    up, down = eastbound(slope).pose(20.0), westbound(slope).pose(20.0)
    assert up[2, 3] == pytest.approx(1.0 + 0.05 * up[0, 3], abs=1e-3)
    climb = 0.05 / np.hypot(1.0, 0.05)
    assert up[2, 0] == pytest.approx(climb, abs=1e-4)
    assert down[2, 0] == pytest.approx(-climb, abs=1e-4)
    assert_allclose(np.cross(up[:3, 0], up[:3, 1]), up[:3, 2], atol=1e-12)


def test_poses_broadcast_and_are_rigid(slope: RoadMap) -> None:
    poses = drawn(slope).pose(np.linspace(-200.0, 400.0, 7)[:, None], np.array([-3.0, 0.0, 3.0]), 0.3)
    assert poses.shape == (7, 3, 4, 4)
    rotations = poses[..., :3, :3]
    assert_allclose(rotations @ np.swapaxes(rotations, -1, -2), np.broadcast_to(np.eye(3), (7, 3, 3, 3)), atol=1e-12)
    assert_allclose(np.linalg.det(rotations), 1.0)


def test_beyond_both_ends_the_road_runs_on_straight(slope: RoadMap) -> None:
    route = drawn(slope)
    for end in (-route.behind_m, route.ahead_m):
        beyond = end + np.sign(end) * 30.0
        step = route.pose(beyond)[:3, 3] - route.pose(end)[:3, 3]
        assert_allclose(step, 30.0 * np.sign(end) * route.pose(end)[:3, 0], atol=1e-9)


def test_a_route_knows_what_lies_beside_it(straight: RoadMap) -> None:
    east, west = eastbound(straight), westbound(straight)
    assert east.lane_width_m == pytest.approx(3.5)
    assert east.oncoming_lateral_m == pytest.approx(3.5, abs=1e-3)
    assert east.parking_laterals_m == pytest.approx((-2.75, 6.25), abs=1e-3)
    assert east.same_way_laterals_m == ()
    assert (east.kerb_left_m, east.kerb_right_m) == pytest.approx((7.25, -3.75), abs=1e-3)
    assert west.oncoming_lateral_m == pytest.approx(3.5, abs=1e-3)
    assert west.parking_laterals_m == pytest.approx((-2.75, 6.25), abs=1e-3)


def test_a_road_without_parking_or_sidewalk_has_its_kerb_at_the_last_lane(slope: RoadMap) -> None:
    route = drawn(slope)
    assert route.parking_laterals_m == ()
    assert (route.kerb_left_m, route.kerb_right_m) == pytest.approx((5.25, -1.75), abs=1e-3)


def test_an_avenue_has_a_second_lane_the_same_way(maps: dict[str, RoadMap]) -> None:
    city = maps["city"]
    routes = [drawn(city, seed=seed) for seed in range(20)]
    laterals = {round(lateral, 2) for route in routes for lateral in route.same_way_laterals_m}
    assert laterals == {-3.25, 3.25}


def test_a_route_is_dense_and_starts_with_road_behind_it(maps: dict[str, RoadMap]) -> None:
    for seed in range(5):
        route = drawn(maps["suburb"], length_m=100.0, seed=seed)
        assert np.diff(route.s_m).max() <= 1.0
        assert route.behind_m >= 20.0
        assert route.ahead_m >= 100.0
        assert np.abs(np.diff(route.heading_rad)).max() < 0.15  # no kink where lanes meet


OFFERED: tuple[tuple[str, RoadKind], ...] = (
    *(("suburb", kind) for kind in ("any", "straight", "curve", "junction")),
    *(("city", kind) for kind in ("any", "straight", "curve", "junction")),
    *(("hills", kind) for kind in ("any", "straight", "curve", "crest", "junction")),
    *(("harbour", kind) for kind in ("any", "straight", "curve", "junction")),
)


@pytest.mark.parametrize(("name", "kind"), OFFERED)
def test_maps_of_ours_offer_many_routes_of_the_kinds_scenarios_need(
    maps: dict[str, RoadMap], name: str, kind: RoadKind
) -> None:
    road_map = maps[name]
    starts = {tuple(drawn(road_map, kind, 150.0, seed=seed).pose(0.0)[:2, 3].round(1)) for seed in range(12)}
    assert len(starts) >= 8


def test_a_straight_is_straight_and_a_junction_is_crossed_straight(maps: dict[str, RoadMap]) -> None:
    road_map = maps["suburb"]
    for seed in range(5):
        forward = drawn(road_map, "straight", seed=seed).pose(np.linspace(0, 60, 61))[:, :2, 0]
        assert (forward @ forward[0]).min() > np.cos(np.radians(3.1))
        route = drawn(road_map, "junction", seed=seed)
        begin, end = next((a, b) for a, b in route.junctions if a >= 15.0)
        assert end <= 60.0
        assert route.pose(begin)[:3, 0] @ route.pose(end)[:3, 0] > np.cos(np.radians(10))


def test_a_curve_bends_within_sight(maps: dict[str, RoadMap]) -> None:
    route = drawn(maps["harbour"], "curve")
    forward = route.pose(np.linspace(15, 60, 91))[:, :2, 0]
    assert (forward @ forward.T).min() < np.cos(np.radians(15))


def test_a_lorry_behind_a_crest_is_hidden_by_the_road(maps: dict[str, RoadMap]) -> None:
    hills = maps["hills"]
    for seed in range(5):
        route = drawn(hills, "crest", seed=seed)
        lorry_m = np.linspace(90.0, 120.0, 31)
        eye = route.pose(0.0)[:3, 3] + [0.0, 0.0, 1.73]
        for top in route.pose(lorry_m)[:, :3, 3] + [0.0, 0.0, 3.5]:
            ground = route.pose(np.linspace(5.0, 85.0, 161))[:, :3, 3]
            share = np.linspace(5.0, 85.0, 161) / np.linspace(90.0, 120.0, 31)[0]
            assert (ground[:, 2] > eye[2] + share * (top[2] - eye[2])).any()


def test_nothing_is_hidden_on_a_level_road(straight: RoadMap) -> None:
    assert eastbound(straight).hidden_height_m([10.0, 40.0]) == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_kind_the_map_lacks_is_refused_by_name(straight: RoadMap) -> None:
    with pytest.raises(MapError, match=r"map 'straight': no route of 40 m with road kind 'crest'"):
        drawn(straight, "crest")
    with pytest.raises(MapError, match="no route of 5000 m"):
        drawn(straight, length_m=5000.0)


def test_the_same_stream_draws_the_same_route_in_another_process() -> None:
    program = (
        "from scanyard.roads import RoadMap; from scanyard.randomness import stream; import hashlib\n"
        f"route = RoadMap.load({str(MAPS / 'suburb.xodr')!r}).route('curve', 120.0, stream('route', 3))\n"
        "print(hashlib.sha256(route.points.tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                       env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(digests) == 1


def test_roads_can_be_read_where_there_is_no_home_folder() -> None:
    bare = {name: value for name, value in os.environ.items() if name != "HOME"}
    subprocess.run([sys.executable, "-c", "import scanyard.roads"], check=True, env=bare)


def test_drawing_does_not_depend_on_what_was_asked_before() -> None:
    fresh, used = (RoadMap.load(MAPS / "suburb.xodr") for _ in range(2))
    used.strips()
    drawn(used, "junction", seed=9)
    assert_allclose(drawn(fresh, seed=4).points, drawn(used, seed=4).points, rtol=0, atol=0)


def test_road_kinds_are_those_scenarios_may_ask_for() -> None:
    assert get_args(RoadKind) == get_args(concrete.RoadKind)
