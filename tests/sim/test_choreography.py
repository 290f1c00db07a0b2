"""Who is where, when: facts about behaviours on a straight, flat road."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from scanyard.errors import MapError
from scanyard.geometry import FloatArray, Transform
from scanyard.roads import RoadMap
from scanyard.scenario.concrete import (
    Actor,
    ConcreteScenario,
    Ego,
    Recording,
    Traffic,
    Weather,
    World,
)
from scanyard.sensors import Rig
from scanyard.sim.choreography import Choreography, choreograph
from scanyard.sim.simulator import FlatWorld
from tests.sim.straight_road import STRAIGHT_ROAD

NOBODY = Traffic()
ROAD = RoadMap.from_text("straight", STRAIGHT_ROAD)


def scenario(*actors: Actor, speed_mps: float = 8.0, seed: int = 0, traffic: Traffic = NOBODY) -> ConcreteScenario:
    return ConcreteScenario(
        name="test",
        seed=seed,
        world=World("straight", 0, 0.0, "any"),
        weather=Weather(),
        ego=Ego(speed_mps),
        actors=actors,
        traffic=traffic,
        recording=Recording(10.0, 4.0),
        rig=Rig("none", ()),
    )


def seen_from_start(choreography: Choreography, name: str) -> FloatArray:
    """Positions (T, 3) of an actor in the frame the ego had at the start."""
    start_from_world = Transform(choreography.world_from_ego[0]).inverse()
    track = next(track for track in choreography.tracks if track.name == name)
    return start_from_world.apply(track.world_from_actor[:, :3, 3])


def test_an_ego_alone_keeps_its_speed() -> None:
    played = choreograph(scenario(), ROAD)
    assert np.linalg.norm(np.diff(played.world_from_ego[:, :3, 3], axis=0), axis=1) == pytest.approx(0.8, abs=0.01)
    assert_allclose(np.linalg.norm(played.ego_velocity_mps, axis=1), 8.0, atol=0.1)


def test_left_of_the_lane_is_positive_y() -> None:
    played = choreograph(scenario(Actor("car", "car", "stand", ahead_m=20, lateral_m=3.5)), ROAD)
    assert_allclose(seen_from_start(played, "car")[0], [20, 3.5, 0], atol=0.05)


def test_an_oncoming_car_faces_us_and_comes_closer() -> None:
    played = choreograph(scenario(Actor("car", "car", "oncoming", ahead_m=60, lateral_m=3.5, speed_mps=10)), ROAD)
    path = seen_from_start(played, "car")
    assert path[-1, 0] == pytest.approx(60 - 10 * 3.9, abs=0.1)
    track = played.tracks[0]
    relative = Transform(played.world_from_ego[0]).inverse() @ Transform(track.world_from_actor[0])
    assert abs(relative.yaw_rad) == pytest.approx(np.pi, abs=1e-3)
    assert_allclose(np.linalg.norm(track.velocity_mps[5]), 10.0, atol=0.05)


def test_a_child_waits_for_the_ego_then_crosses_to_the_left() -> None:
    child = Actor("child", "child", "cross", 25, -4.0, speed_mps=2.0, lateral_to_m=4.0, trigger_gap_m=12.0)
    path = seen_from_start(choreograph(scenario(child), ROAD), "child")
    assert path[0, 1] == pytest.approx(-4.0, abs=0.05)
    assert path[5, 1] == pytest.approx(-4.0, abs=0.05)
    assert path[-1, 1] > -1.0
    assert_allclose(path[:, 0], 25.0, atol=0.05)


def test_a_crossing_child_faces_where_it_walks() -> None:
    child = Actor("child", "child", "cross", 25, -4.0, speed_mps=2.0, lateral_to_m=4.0)
    played = choreograph(scenario(child), ROAD)
    relative = Transform(played.world_from_ego[0]).inverse() @ Transform(played.tracks[0].world_from_actor[3])
    assert relative.yaw_rad == pytest.approx(np.pi / 2, abs=1e-3)


def test_a_cut_in_ends_in_our_lane_heading_straight() -> None:
    rival = Actor("rival", "car", "cut_in", 3.0, 3.5, speed_mps=11.0, manoeuvre_s=2.0)
    played = choreograph(scenario(rival), ROAD)
    path = seen_from_start(played, "rival")
    assert path[0, 1] == pytest.approx(3.5, abs=0.05)
    assert path[-1, 1] == pytest.approx(0.0, abs=0.05)
    turning = Transform(played.world_from_ego[0]).inverse() @ Transform(played.tracks[0].world_from_actor[10])
    assert turning.yaw_rad < -0.05


def test_a_turn_across_passes_from_our_left_to_our_right() -> None:
    rival = Actor("rival", "car", "turn_across", 35, 3.5, speed_mps=7.0, trigger_gap_m=28.0, manoeuvre_s=2.5)
    path = seen_from_start(choreograph(scenario(rival, speed_mps=2.0), ROAD), "rival")
    assert path[0, 1] == pytest.approx(3.5, abs=0.1)
    assert path[-1, 1] < -3.0


def test_the_ego_stops_behind_what_stands_in_its_lane() -> None:
    wall = Actor("cargo", "cargo", "stand", ahead_m=25, lateral_m=0.0)
    played = choreograph(scenario(wall, speed_mps=10.0), ROAD)
    travelled = np.linalg.norm(played.world_from_ego[-1, :3, 3] - played.world_from_ego[0, :3, 3])
    assert travelled < 25 - 3.0


def test_a_group_has_as_many_members_as_asked_for() -> None:
    group = Actor("group", "adult", "cross", 20, -5.0, speed_mps=1.4, count=4)
    assert len(choreograph(scenario(group), ROAD).tracks) == 4


def test_ambient_traffic_touches_nobody() -> None:
    played = choreograph(scenario(traffic=Traffic(vehicles=12, pedestrians=6, cyclists=3), seed=3), ROAD)
    position = np.array([track.world_from_actor[:, :2, 3] for track in played.tracks])
    assert len(position) >= 8
    for i in range(len(position)):
        for j in range(i):
            assert np.linalg.norm(position[i] - position[j], axis=-1).min() > 0.5


def test_the_same_seed_plays_the_same_and_another_does_not() -> None:
    busy = Traffic(vehicles=6, pedestrians=3)
    first, again, other = (choreograph(scenario(traffic=busy, seed=s), ROAD) for s in (1, 1, 2))
    assert all(
        (a.world_from_actor == b.world_from_actor).all() for a, b in zip(first.tracks, again.tracks, strict=True)
    )
    assert not np.array_equal(first.world_from_ego, other.world_from_ego)


def test_a_road_the_map_does_not_have_is_said() -> None:
    with pytest.raises(MapError, match="crest"):
        choreograph(replace(scenario(), world=World("straight", 0, 0.0, "crest")), ROAD)


def test_a_flat_world_shows_its_actors_to_the_lidar() -> None:
    from scanyard.sensors import Lidar

    lidar = Lidar(
        "top",
        Transform.from_xyz_rpy((0.8, 0, 1.7)),
        np.radians(np.linspace(2, -24, 16)),
        np.zeros(16),
        360,
        10.0,
        1.0,
        80.0,
    )
    ahead = replace(
        scenario(Actor("car", "car", "stand", ahead_m=12, lateral_m=3.0)),
        rig=Rig("one", (lidar,)),
        recording=Recording(10.0, 0.2),
    )
    frames = list(FlatWorld(ROAD).simulate(ahead))
    assert len(frames) == 2
    sweep = frames[0].sweeps["top"]
    hit = lidar.ego_from_sensor.apply(sweep.points[sweep.instance == 1])
    assert len(hit) > 10
    assert hit[:, 1].min() > 2.0
    assert abs(lidar.ego_from_sensor.apply(sweep.points[sweep.instance == 0])[:, 2]).max() < 1e-3


def test_an_oncoming_car_keeps_to_the_oncoming_lane_and_a_wrong_way_car_does_not() -> None:
    apart = scenario(
        Actor("right", "car", "oncoming", ahead_m=60, lateral_m=9.0, speed_mps=5),
        Actor("wrong", "car", "wrong_way", ahead_m=90, lateral_m=0.0, speed_mps=5),
    )
    played = choreograph(apart, ROAD)
    assert seen_from_start(played, "right")[0, 1] == pytest.approx(3.5, abs=0.05)
    assert seen_from_start(played, "wrong")[0, 1] == pytest.approx(0.0, abs=0.05)
