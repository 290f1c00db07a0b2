"""What must not get into the world, whoever sends it, and what must not get out."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
import re
import typing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from called_world import CAMERA, CAR, ORIGIN, WALKER, World
from flat_carla_world import FLAT, STRAIGHT_ROAD
from stream_messages import check

from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.physics import AckermannControllerSettings, VehiclePhysicsControl
from scanyard.carla_server.protocol.rpc import arguments_of
from scanyard.carla_server.protocol.wire import (
    ActorDescription,
    Refused,
    Rotation,
    Transform,
    Vector3D,
    WireError,
)

IMPOSSIBLE = {
    "fov": "wide", "image_size_x": "1e9", "image_size_y": "nan", "sensor_tick": "-1", "gamma": "inf", "iso": "",
}  # fmt: skip


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_attribute_that_cannot_be_is_refused_when_spawning(world: World, name: str) -> None:
    attributes = (wire.ActorAttributeValue(name, wire.FLOAT, IMPOSSIBLE[name]),)
    with pytest.raises(Refused, match=f"invalid actor description: {name} is '{IMPOSSIBLE[name]}'"):
        world.call("spawn_actor", ActorDescription(0, CAMERA, attributes), Transform())


def test_switch_that_would_make_other_clients_stumble_is_refused(world: World) -> None:
    for text, is_fine in (("True", True), ("false", True), ("1", False), ("1e999", False), ("", False)):
        attributes = (wire.ActorAttributeValue("sticky_control", wire.BOOL, text),)
        if is_fine:
            world.call("destroy_actor", world.call("spawn_actor", ActorDescription(0, CAR, attributes), Transform()).id)
        else:
            with pytest.raises(Refused, match="neither true nor false"):
                world.call("spawn_actor", ActorDescription(0, CAR, attributes), Transform())


def test_picture_of_too_many_pixels_is_refused(world: World) -> None:
    attributes = tuple(wire.ActorAttributeValue(name, wire.INT, "8192") for name in ("image_size_x", "image_size_y"))
    with pytest.raises(Refused, match="8192 by 8192', more than 16777216 pixels"):
        world.call("spawn_actor", ActorDescription(0, CAMERA, attributes), Transform())


def test_attributes_are_told_as_the_blueprint_offers_them(world: World) -> None:
    given = tuple(
        wire.ActorAttributeValue(name, 77, value)
        for name, value in (("fov", "64.0"), ("wings", "2"), ("image_size_x", "64.0"))
    )
    actor = world.call("spawn_actor", ActorDescription(999, CAMERA, given), Transform())
    told = {one.id: (one.type, one.value) for one in actor.description.attributes}
    assert told["fov"] == (wire.FLOAT, "64.0")
    assert told["image_size_x"] == (wire.INT, "64.0")
    assert "wings" not in told
    assert len(told) > 20
    assert actor.description.uid != 999


@pytest.mark.parametrize("name", ["set_actor_transform", "spawn_actor"])
@pytest.mark.parametrize("number", [math.nan, math.inf, 1e300])
def test_pose_that_is_no_number_never_gets_in(world: World, name: str, number: float) -> None:
    pose = [[0.0, number, 0.0], [0.0, 0.0, 0.0]]
    what: Any = [1, CAR, []] if name == "spawn_actor" else world.spawned(CAR)
    with pytest.raises(Refused, match="expected a finite number"):
        arguments_of(world.calls[name], [what, pose])


@pytest.mark.parametrize("steps", [(0, 0.01), (-5, 0.01), (2**31 - 1, 1e-9), (10, 0.0), (10, -1.0)])
def test_substeps_that_would_never_end_are_refused(world: World, steps: tuple[int, float]) -> None:
    settings = wire.EpisodeSettings(max_substeps=steps[0], max_substep_delta_time=steps[1])
    with pytest.raises(Refused, match="expected 1 to 256 of more than 0 s"):
        world.call("set_episode_settings", settings)


def test_place_outside_of_the_world_is_refused(world: World) -> None:
    far, car = Vector3D(2e5, 0.0, 0.0), world.spawned(CAR)
    for refused in (
        lambda: world.call("set_actor_location", car, far),
        lambda: world.call("set_actor_transform", car, Transform(far)),
        lambda: world.call("spawn_actor", ActorDescription(0, CAR), Transform(far)),
        lambda: world.call("add_actor_impulse_at_location", car, ORIGIN, far),
        lambda: world.call("cast_ray", far, ORIGIN),
        lambda: world.call("project_point", far, Vector3D(0.0, 0.0, -1.0), 5.0),
    ):
        with pytest.raises(Refused, match="100 km from the origin"):
            refused()


EXTREMES = (0.0, -0.0, 1.0, -1.0, 1e-30, 3e38, -3e38, 1e20, 1e7, -1e7, 1e4, -5.0)
GEARS = (0, 5, -3, 2**31 - 1, -(2**31))


def extreme(kind: Any, pick: random.Random) -> Any:
    """A value of a kind, made of numbers that nobody means."""
    if kind is float:
        return pick.choice(EXTREMES)
    if kind is bool:
        return pick.random() < 0.5
    if typing.get_origin(kind) is typing.Annotated:
        return pick.choice(GEARS)
    if typing.get_origin(kind) is tuple:
        return tuple(extreme(typing.get_args(kind)[0], pick) for _ in range(pick.choice((0, 1, 2, 4))))
    hints = typing.get_type_hints(kind, include_extras=True)
    return kind(*[extreme(hints[name], pick) for name in kind._fields])


PUSHES = ("set_actor_target_velocity", "set_actor_target_angular_velocity", "add_actor_impulse", "add_actor_force",
          "add_actor_angular_impulse", "add_actor_torque", "enable_actor_constant_velocity")  # fmt: skip
MEDDLING: list[tuple[str, Any]] = [(name, Vector3D) for name in PUSHES] + [
    ("apply_physics_control", VehiclePhysicsControl),
    ("apply_control_to_vehicle", wire.VehicleControl),
    ("apply_ackermann_control_to_vehicle", wire.VehicleAckermannControl),
    ("apply_ackermann_controller_settings", AckermannControllerSettings),
    ("apply_control_to_walker", wire.WalkerControl),
]


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_numbers_come_in_snapshots_and_telemetry_stay_finite(world: World, seed: int) -> None:
    pick = random.Random(seed)
    kinds = (CAR, "vehicle.kawasaki.ninja", "vehicle.carlamotors.firetruck", WALKER, "static.prop.box01")
    ids = [world.spawned(kind, Vector3D(20.0 * i, 0.0, 1.0)) for i, kind in enumerate(kinds)]
    for _ in range(60):
        ids = [one if one in world.episode.actors else world.spawned(CAR, Vector3D(0.0, 3.0 * i, 50.0 + 5.0 * i))
               for i, one in enumerate(ids)]  # fmt: skip
        name, kind = pick.choice(MEDDLING)
        with contextlib.suppress(Refused):
            world.call(name, pick.choice(ids), extreme(kind, pick))
        turn = Rotation(*[pick.choice(EXTREMES) for _ in range(3)])
        world.call(
            "set_actor_transform", pick.choice(ids), Transform(Vector3D(pick.uniform(-99.0, 99.0), 5.0, 2.0), turn)
        )
        world.frame(pick.choice((0.01, 0.05, 0.5)))
        check(world.ear.snapshots[-1])
        for car in ids[:3]:
            if world.episode.actors.get(car) is not None and world.episode.actors[car].is_vehicle:
                *own, wheels = world.call("get_telemetry_data", car)
                assert np.isfinite([*own, *itertools.chain(*wheels)]).all()


@pytest.mark.parametrize("pose", [(3e5, 0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0, math.nan, 0.0, 0.0, 0.0)])
def test_actor_that_left_the_world_is_destroyed_and_told_no_more(world: World, pose: Any) -> None:
    box, stays = (
        world.spawned("static.prop.box01", Vector3D(0.0, 0.0, 1.0)),
        world.spawned(CAR, Vector3D(0.0, 9.0, 0.5)),
    )
    world.frame()
    world.episode.actors[box].pose = pose
    world.frame()
    assert box not in world.episode.actors
    assert stays in world.episode.actors
    sizes = [len(one) for one in world.ear.snapshots]
    assert sizes[0] - sizes[1] == 119
    check(world.ear.snapshots[1])


@pytest.mark.parametrize("name", ["load_new_episode", "get_actors_by_id", "apply_batch", "set_episode_settings"])
def test_arguments_of_another_form_are_errors(world: World, name: str) -> None:
    for arguments in ([], [None], ["x"] * 5, [[[[]]]]):
        with pytest.raises(WireError):
            arguments_of(world.calls[name], arguments)


def test_map_whose_street_cannot_be_built_is_refused_and_the_old_world_stays(world: World) -> None:
    def impossible(*_what: Any, **_how: Any) -> Any:
        raise ValueError("a road as long as it is wide")

    before = world.episode
    with pytest.raises(Refused, match=r"^Map 'moon' not found; this server has other, straight$"):
        world.call("load_new_episode", "moon", True, 0xFFFF)
    world.simulation._senses = replace(FLAT, scene=impossible)
    with pytest.raises(Refused, match="map 'other': no street can be built along its roads: a road as long"):
        world.call("load_new_episode", "other", True, 0xFFFF)
    assert world.episode is before
    world.frame()


@pytest.mark.parametrize("seed", range(6))
def test_spoilt_opendrive_text_is_refused_or_loaded_and_harms_nobody(world: World, seed: int) -> None:
    pick = random.Random(seed)
    text = STRAIGHT_ROAD
    for _ in range(pick.choice((1, 2, 4))):
        value = pick.choice(list(re.finditer(r'="([^"]*)"', text)))
        spoilt = pick.choice(("nan", "inf", "-1", "1e300", "abc", "", "99999999999", "-1e-9"))
        text = text[: value.start(1)] + spoilt + text[value.end(1) :]
    world.call("copy_opendrive_to_file", text, wire.OpendriveGenerationParameters())
    with contextlib.suppress(Refused):
        world.call("load_new_episode", "OpenDriveMap", True, 0xFFFF)
    world.frame()
    check(world.ear.snapshots[-1])
