"""The obstacle detector pushes a ball forward and says what it meets."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest
from moving_sensors import SENSOR, motions_of, record_of, told
from scene_street import bare_street, pose_at, shape_of, standing

from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.obstacle import obstacle

POSE = pose_at(0, 0, 1.0)


@pytest.fixture(scope="module")
def street() -> Scene:
    return bare_street()


def event(scene: Scene, pose: Any = POSE, *, carrier_ids: frozenset[int] = frozenset(), **attributes: str) -> Any:
    record = record_of("static.prop.box01", a7="vehicle.audi.a2", a8="walker.pedestrian.0001")
    context = told(motions_of({SENSOR: [pose]}), record=record, parent_id=3, carrier_ids=carrier_ids)
    messages = obstacle(scene, attributes, pose, context)
    assert len(messages) <= 1
    return msgpack.unpackb(messages[0][1]) if messages else None


def test_the_ball_stops_at_the_tail_of_a_truck_ahead(street: Scene) -> None:
    truck = shape_of("truck")
    street.place([7], [truck], [standing(truck, 10.0, 0.0)])
    tail = 10.0 - truck.extent[0]
    me, other, distance = event(street, distance="10", hit_radius="0.5")
    assert (me[0], other[0], other[2][1]) == (3, 7, "vehicle.audi.a2")
    axis = street.cast([[0, 0, 1.0]], [[1, 0, 0]]).range_m[0]
    assert tail - 0.5 - 1e-3 <= distance <= axis - 0.5 + 0.02
    assert event(street, distance=str(distance - 0.05), hit_radius="0.5") is None


def test_a_wider_ball_meets_what_a_thin_one_passes(street: Scene) -> None:
    child = shape_of("child")
    street.place([8], [child], [standing(child, 4.0, 0.9)])
    assert event(street, distance="8", hit_radius="0.3") is None
    assert event(street, distance="8", hit_radius="0.9")[1][0] == 8


def test_nothing_ahead_says_nothing(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    assert event(street, distance="20") is None


def test_the_road_is_an_obstacle_to_a_ball_that_touches_it_and_has_a_stand_in(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    _, other, distance = event(street, pose_at(0, 0, 0.3), distance="5", hit_radius="0.5")
    assert (other[0], other[2][1], distance) == (0, "static.road", 0.0)


def test_only_dynamics_passes_over_boxes_but_not_over_people(street: Scene) -> None:
    box, adult = shape_of("prop"), shape_of("adult")
    street.place([5], [box], [standing(box, 3.0, 0.0)])
    ball = {"distance": "8", "hit_radius": "0.4"}
    low = pose_at(0, 0, 0.6)
    assert event(street, low, **ball)[1][0] == 5
    assert event(street, low, **ball, only_dynamics="true") is None
    street.place([5, 8], [box, adult], [standing(box, 3.0, 3.0), standing(adult, 5.0, 0.0)])
    assert event(street, low, **ball, only_dynamics="True")[1][0] == 8


def test_it_looks_through_those_who_carry_it(street: Scene) -> None:
    truck = shape_of("truck")
    street.place([7], [truck], [standing(truck, 3.0, 0.0)])
    assert event(street, pose_at(-1.05, 0, 1.0), distance="5")[2] == 0.0
    assert event(street, pose_at(-1.05, 0, 1.0), carrier_ids=frozenset({7}), distance="5") is None
