"""Radar returns lie where things are, and say how fast these come or go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from moving_sensors import SENSOR, motions_of, told
from scene_street import bare_street, pose_at, shape_of, standing

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.radar import cone, radar

DENSE = {"points_per_second": "40000", "range": "90"}
VELOCITY, AZIMUTH, ALTITUDE, DEPTH = range(4)


@pytest.fixture(scope="module")
def street() -> Scene:
    return bare_street()


def detections(scene: Scene, attributes: dict[str, str], pose: Any, **known: Any) -> Any:
    motions = known.pop("motions", None) or motions_of({SENSOR: [pose]})
    [message] = radar(scene, attributes, pose, told(motions, **known))
    assert packets.HEADER.unpack(message[0])[0] == packets.RADAR
    return np.frombuffer(message[1], "<f4").reshape(-1, 4).astype(float)


def points(found: Any) -> Any:
    flat = np.cos(found[:, ALTITUDE])
    unit = [flat * np.cos(found[:, AZIMUTH]), flat * np.sin(found[:, AZIMUTH]), np.sin(found[:, ALTITUDE])]
    return np.stack(unit, axis=1) * found[:, DEPTH : DEPTH + 1]


def test_rays_are_as_many_as_asked_for_and_crowd_in_the_middle_of_an_ellipse() -> None:
    right_up = cone(np.random.default_rng(0), 20_000, 60.0, 20.0)
    right, up = right_up[:, 1] / right_up[:, 0], right_up[:, 2] / right_up[:, 0]
    share = np.hypot(right / np.tan(np.deg2rad(30)), up / np.tan(np.deg2rad(10)))
    assert share.max() <= 1.0 + 1e-9
    np.testing.assert_allclose(np.quantile(share, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.015)
    np.testing.assert_allclose(np.linalg.norm(right_up, axis=1), 1.0)


def test_every_ray_at_the_ground_returns_where_the_ground_is(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    from scanyard.carla_server.protocol.poses import matrices

    down = matrices((0, 0, 10, -90, 0, 0))
    found = detections(street, {"points_per_second": "1500", "range": "50"}, down)
    assert len(found) == 150
    np.testing.assert_allclose(points(found)[:, 0], 10.0, atol=0.4)  # kerbs and verges are no higher
    assert (found[:, VELOCITY] == 0).all()


@pytest.mark.parametrize("speed", [-12.0, 8.0])
def test_a_car_ahead_shows_its_speed_away_from_the_radar(street: Scene, speed: float) -> None:
    car = shape_of("car")
    now = standing(car, 25.0, 0.0)
    before = now.copy()
    before[0, 3] -= speed * 0.1
    street.place([7], [car], [now])
    pose = pose_at(0, 0, 1.0)
    found = detections(street, DENSE, pose, motions=motions_of({7: [before, now], SENSOR: [pose, pose]}))
    there = points(found) + np.array([0, 0, 1.0])
    on_car = np.abs(there - [25.0, 0.0, car.extent[2]]).max(axis=1) < np.max(car.extent) + 0.2
    moving = np.abs(found[:, VELOCITY]) > 1e-3
    assert moving.sum() > 100
    assert (on_car | ~moving).all()
    np.testing.assert_allclose(found[moving, VELOCITY], speed, rtol=0.02)  # it goes along x, seen nearly head on


def test_a_radar_that_moves_sees_the_street_come_nearer(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    pose, before = pose_at(0, 0, 2.0, yaw_deg=90.0), pose_at(0, -1.5, 2.0, yaw_deg=90.0)
    found = detections(street, DENSE, pose, motions=motions_of({SENSOR: [before, pose]}))
    assert len(found) > 500
    np.testing.assert_allclose(
        found[:, VELOCITY], -15.0 * np.cos(found[:, AZIMUTH]) * np.cos(found[:, ALTITUDE]), atol=1e-3
    )


def test_a_car_that_turns_on_the_spot_comes_on_one_side_and_goes_on_the_other(street: Scene) -> None:
    bus = shape_of("bus")
    now, before = (standing(bus, 20.0, 0.0, yaw_deg=yaw) for yaw in (90.0, 80.0))
    street.place([7], [bus], [now])
    pose = pose_at(0, 0, 1.0)
    found = detections(street, DENSE, pose, motions=motions_of({7: [before, now], SENSOR: [pose, pose]}))
    moving = np.abs(found[:, VELOCITY]) > 0.5
    left, right = found[moving & (found[:, AZIMUTH] < 0)], found[moving & (found[:, AZIMUTH] > 0)]
    assert len(left) > 20
    assert len(right) > 20
    # The nose points to the right and turns away from us, towards -x.
    assert (right[:, VELOCITY] < 0).all()
    assert (left[:, VELOCITY] > 0).all()


def test_the_carrier_is_looked_through(street: Scene) -> None:
    van = shape_of("van")
    street.place([7], [van], [standing(van, 6.0, 0.0)])
    pose = pose_at(0, 0, 1.0)
    assert detections(street, DENSE, pose)[:, DEPTH].min() < 3.6
    through = detections(street, DENSE, pose, carrier_ids=frozenset({7}))
    street.place([], [], np.zeros((0, 4, 4)))
    assert through.tobytes() == detections(street, DENSE, pose).tobytes()


def test_rays_differ_from_frame_to_frame_and_by_seed_and_repeat_for_the_same(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    pose = pose_at(0, 0, 1.0)
    one = detections(street, DENSE, pose, frame=3)
    assert one.tobytes() == detections(street, DENSE, pose, frame=3).tobytes()
    assert one.tobytes() != detections(street, DENSE, pose, frame=4).tobytes()
    assert one.tobytes() != detections(street, DENSE | {"noise_seed": "9"}, pose, frame=3).tobytes()
