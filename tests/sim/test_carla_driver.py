"""The driver against our server, through the official client: what is seen is where we say it is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanyard.boxes import corners, points_inside
from scanyard.errors import ScenarioFault
from scanyard.fleet.launch import Server, ServerCommand
from scanyard.frame import Frame, points_ego
from scanyard.scenario import ConcreteScenario, draw, load_scenario
from scanyard.scenario.concrete import Actor, Recording
from scanyard.sim.carla import CarlaSimulator
from scanyard.sim.warm_up import QUIET_TICKS, WarmUp

ROOT = Path(__file__).parents[2]
MAPS = ROOT / "scenarios" / "maps"
LEFT_CAR = Actor("left", "car", "stand", ahead_m=14.0, lateral_m=3.2, heading_deg=20.0)
RIGHT_VAN = Actor("right", "van", "stand", ahead_m=24.0, lateral_m=-3.0, heading_deg=-15.0)

MIRROR_M = 0.25


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarlaSimulator]:
    with Server.start(ServerCommand.embedded(MAPS), tmp_path_factory.mktemp("logs")) as server:
        yield CarlaSimulator("127.0.0.1", server.port, map_folders=(MAPS,))


@pytest.fixture(scope="module")
def scenario() -> ConcreteScenario:
    base = draw(load_scenario(ROOT / "scenarios" / "child_between_parked_cars.yaml"), 0, {"recording.rate_hz": 2.0})
    world = replace(base.world, parked_share=0.3, style=5)
    return replace(base, world=world, actors=(LEFT_CAR, RIGHT_VAN), recording=Recording(2.0, 1.0))


@pytest.fixture(scope="module")
def frames(simulator: CarlaSimulator, scenario: ConcreteScenario) -> list[Frame]:
    return list(simulator.simulate(scenario))


def hits_of(frame: Frame, scenario: ConcreteScenario, track: int) -> np.ndarray:
    sweep = frame.sweeps["top"]
    assert sweep.instance is not None
    return points_ego(sweep, scenario.rig.lidar("top").ego_from_sensor)[sweep.instance == track]


def test_every_return_of_an_actor_lies_in_its_box(frames: list[Frame], scenario: ConcreteScenario) -> None:
    for frame in frames:
        assert frame.actors is not None
        for track in (1, 2):
            box = frame.actors[np.flatnonzero(frame.actors.track == track)]
            hits = hits_of(frame, scenario, track)
            assert len(hits) > 100
            assert points_inside(box, hits, margin_m=0.06).mean() > 0.99


def test_left_is_left_and_right_is_right(frames: list[Frame], scenario: ConcreteScenario) -> None:
    assert hits_of(frames[0], scenario, 1)[:, 1].mean() > 2.0
    assert hits_of(frames[0], scenario, 2)[:, 1].mean() < -2.0


def test_a_mirrored_yaw_would_show(frames: list[Frame], scenario: ConcreteScenario) -> None:
    actors = frames[0].actors
    assert actors is not None
    box = actors[np.flatnonzero(actors.track == 1)]
    turned = box.replace(yaw_rad=-box.yaw_rad)
    hits = hits_of(frames[0], scenario, 1)
    assert points_inside(turned, hits, margin_m=0.06).mean() < 0.9


def test_the_road_is_at_the_ego_s_feet(frames: list[Frame], scenario: ConcreteScenario) -> None:
    sweep = frames[0].sweeps["top"]
    points = points_ego(sweep, scenario.rig.lidar("top").ego_from_sensor)
    road = points[(sweep.semantic == 1) & (np.linalg.norm(points[:, :2], axis=1) < 15)]
    assert abs(np.median(road[:, 2])) < 0.05


def test_parked_cars_are_truth_where_the_lidar_sees_cars(frames: list[Frame], scenario: ConcreteScenario) -> None:
    sweep, actors = frames[0].sweeps["top"], frames[0].actors
    assert actors is not None
    assert actors.track is not None
    points = points_ego(sweep, scenario.rig.lidar("top").ego_from_sensor)
    on_parked = points[(sweep.semantic == 14) & (sweep.instance == 0) & (np.linalg.norm(points, axis=1) < 40)]
    parked = actors[actors.track > 2**31]
    assert len(on_parked) > 200
    assert points_inside(parked, on_parked, margin_m=0.06).any(axis=0).mean() > 0.98


def test_the_camera_sees_the_car_where_its_box_projects(frames: list[Frame], scenario: ConcreteScenario) -> None:
    camera, image, actors = scenario.rig.camera("left"), frames[0].images["left"], frames[0].actors
    assert actors is not None
    assert image.instance is not None
    car = actors[np.flatnonzero(actors.track == 1)]
    mirrors = np.array([0.0, 2 * MIRROR_M, 0.0])  # they stick out of the box, as on labelled cars
    pixels, _ = camera.project(corners(car.replace(size=car.size + mirrors))[0])
    rows, columns = np.nonzero(image.instance == 1)
    assert len(rows) > 200
    assert columns.min() >= pixels[:, 0].min() - 2
    assert columns.max() <= pixels[:, 0].max() + 2
    assert rows.max() <= pixels[:, 1].max() + 2
    assert columns.max() - columns.min() > 0.5 * np.ptp(np.clip(pixels[:, 0], 0, camera.width_px))


def test_timestamps_are_a_rate_apart_and_turns_are_whole(frames: list[Frame]) -> None:
    assert [frame.timestamp_ns for frame in frames] == [0, 500_000_000]
    offset = frames[0].sweeps["top"].time_offset_ns
    assert offset is not None
    assert 0 <= offset.min() < 5_000_000
    assert 495_000_000 < offset.max() <= 500_000_000


def test_a_stock_server_s_two_lidars_make_the_same_sweep(
    simulator: CarlaSimulator, scenario: ConcreteScenario, frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our server asked as one would ask a stock one: no beam table, two laser blocks."""
    monkeypatch.setattr(simulator, "embedded", False)
    lidar_only = replace(scenario, recording=Recording(2.0, 0.5, cameras=False))
    (frame,) = simulator.simulate(lidar_only)
    stock, ours = frame.sweeps["top"], frames[0].sweeps["top"]
    assert stock.ring is not None
    assert len(np.unique(stock.ring)) > 55
    assert stock.ring.max() == 63
    assert len(stock) == pytest.approx(len(ours), rel=0.15)
    assert simulator.warm_up == WarmUp(QUIET_TICKS, settled=True)
    assert frame.actors is not None
    box = frame.actors[np.flatnonzero(frame.actors.track == 1)]
    assert points_inside(box, hits_of(frame, scenario, 1), margin_m=0.06).mean() > 0.99


def test_actors_are_gone_after_the_last_frame(simulator: CarlaSimulator, scenario: ConcreteScenario) -> None:
    playing = simulator.simulate(replace(scenario, recording=Recording(2.0, 2.0, cameras=False)))
    next(playing)
    playing.close()  # type: ignore[attr-defined]  # generators have it
    world = simulator._client.get_world()
    world.tick()
    left = [actor.type_id for actor in world.get_actors() if actor.type_id.startswith(("vehicle", "walker", "sensor"))]
    assert left == []


def test_a_lidar_that_turns_at_another_rate_is_refused(simulator: CarlaSimulator, scenario: ConcreteScenario) -> None:
    with pytest.raises(ScenarioFault, match="top turns at 2 Hz, recorded at 10 Hz"):
        list(simulator.simulate(replace(scenario, recording=Recording(10.0, 1.0))))


def test_a_map_that_is_nowhere_is_the_scenario_s_fault(simulator: CarlaSimulator, scenario: ConcreteScenario) -> None:
    lost = replace(scenario, world=replace(scenario.world, map="atlantis"))
    with pytest.raises(ScenarioFault, match="atlantis"):
        list(simulator.simulate(lost))
