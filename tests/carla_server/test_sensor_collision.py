"""Collision events: both who touched and who was touched hear of it, scenery by a stand-in."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
from moving_sensors import SENSOR, motions_of, record_of, told

from scanyard.carla_server.sensors.collision import collision, stand_in
from scanyard.carla_server.sensors.context import Contact
from scanyard.carla_server.surfaces.materials import Tag

CONTACTS = [Contact(1, 2, (5.0, -1.0, 0.0)), Contact(3, 1, (0.0, 7.0, 0.0)), Contact(1, 0, (0.0, 0.0, 9.0), Tag.POLES),
            Contact(2, 3, (1.0, 0.0, 0.0))]  # fmt: skip


def events(**known: Any) -> list[Any]:
    context = told(motions_of({SENSOR: [np.eye(4)]}), contacts=CONTACTS, record=record_of("vehicle.audi.a2"), **known)
    return [msgpack.unpackb(message[1]) for message in collision(None, {}, np.eye(4), context)]


def test_the_parent_hears_of_every_contact_of_its_own_and_of_no_other() -> None:
    found = events(parent_id=1)
    assert [(me[0], other[0]) for me, other, _ in found] == [(1, 2), (1, 3), (1, 0)]
    assert [push for *_, push in found] == [[5.0, -1.0, 0.0], [0.0, -7.0, 0.0], [0.0, 0.0, 9.0]]
    assert found[2][1][2][1] == "static.pole"


def test_a_sensor_without_a_parent_touches_nothing() -> None:
    assert events(parent_id=0) == []


def test_every_label_has_a_stand_in_with_three_parts_at_most_and_its_own_tag() -> None:
    for tag in Tag:
        one = stand_in(tag)
        assert one.id == 0
        assert one.semantic_tags == bytes([tag])
        assert one.description.id.split(".")[0] == "static"
    assert stand_in(Tag.BUILDINGS).description.id == "static.building"
    assert stand_in(250).description.id == "static.unknown"
