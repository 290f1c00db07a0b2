"""What calls do to the world, without sockets: the table of calls on flat ground."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flat_carla_world import FLAT, write_maps

from scanyard.carla_server.calls.table import methods
from scanyard.carla_server.protocol import drawing, wire
from scanyard.carla_server.protocol.bones import WalkerBonesIn
from scanyard.carla_server.protocol.drawing import DebugShape, FloatTexture, Point, String, Texture
from scanyard.carla_server.protocol.physics import AckermannControllerSettings, VehiclePhysicsControl
from scanyard.carla_server.protocol.poses import matrices, pose_of
from scanyard.carla_server.protocol.rpc import arguments_of
from scanyard.carla_server.protocol.wire import (
    ActorDescription,
    LightState,
    Refused,
    Rotation,
    StreamToken,
    Transform,
    Vector3D,
    WeatherParameters,
    WireError,
)
from scanyard.carla_server.world.drawings import MAX_SHAPES, Drawings
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.simulation import SNAPSHOT_STREAM, Simulation

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "fuzzing"))
from stream_messages import check

GONE = "Actor could not be found in the registry.  Actor Id: "
ORIGIN = Vector3D()


@dataclass
class FakeStreams:
    expected: list[int] = field(default_factory=list)

    def token(self, stream_id: int) -> bytes:
        return stream_id.to_bytes(24, "little")

    def expect(self, stream_id: int) -> None:
        self.expected.append(stream_id)

    def forget(self, stream_id: int) -> None:
        pass


class Ear:
    """Reads everything."""

    def __init__(self) -> None:
        self.heard: dict[int, bytes] = {}
        self.snapshots: list[bytes] = []

    def snapshot(self, message: Any) -> None:
        self.snapshots.append(b"".join(message))

    def reads(self, stream_id: int) -> bool:
        return True

    def sensed(self, stream_id: int, message: Any) -> None:
        self.heard[stream_id] = b"".join(message)


class World:
    """A loaded world whose calls are made by name."""

    def __init__(self, folder: Path) -> None:
        self.streams = FakeStreams()
        self.simulation = Simulation(write_maps(folder), self.streams, FLAT, folder)  # type: ignore[arg-type]
        self.simulation.load("straight")
        self.calls: Mapping[str, Callable[..., Any]] = methods(self.simulation, self.streams)  # type: ignore[arg-type]
        self.ear = Ear()

    @property
    def episode(self) -> Episode:
        with self.simulation.world() as episode:
            return episode

    def call(self, name: str, *arguments: Any) -> Any:
        return self.calls[name](*arguments)

    def frame(self, delta_s: float = 0.1) -> None:
        self.simulation.frame += 1
        self.episode.advance(self.simulation.frame, delta_s, self.ear, platform_time_s=0.0)

    def spawned(self, blueprint: str, at: Vector3D = ORIGIN, yaw: float = 0.0, parent: int | None = None) -> int:
        where, what = Transform(at, Rotation(yaw=yaw)), ActorDescription(0, blueprint)
        if parent is None:
            return int(self.call("spawn_actor", what, where).id)
        return int(self.call("spawn_actor_with_parent", what, where, parent, 0, "").id)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    one = World(tmp_path)
    yield one
    one.simulation.close()


CAR, WALKER, CAMERA, GNSS = "vehicle.audi.a2", "walker.pedestrian.0001", "sensor.camera.rgb", "sensor.other.gnss"


# --- the dead --------------------------------------------------------------------------------------------------------

READERS = {
    "get_actor_bounding_box": (), "get_vehicle_light_state": (), "get_physics_control": (), "get_telemetry_data": (),
    "get_ackermann_controller_settings": (), "get_wheel_steer_angle": (0,), "get_wheel_pitch_angle": (0,),
    "get_actor_component_names": (), "get_actor_bone_names": (), "get_actor_socket_world_transforms": (),
    "get_vehicle_bone_world_transforms": (), "are_gbuffers_enabled": (),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_calls_that_only_read_answer_for_the_dead(world: World, name: str) -> None:
    car = world.spawned(CAR)
    alive = world.call(name, car, *READERS[name])
    world.call("destroy_actor", car)
    assert type(world.call(name, car, *READERS[name])) is type(alive)
    with pytest.raises(Refused, match=f"from function {name}: {GONE}999"):
        world.call(name, 999, *READERS[name])


CHANGERS = {
    "set_actor_transform": (Transform(),), "set_actor_location": (ORIGIN,), "set_actor_target_velocity": (ORIGIN,),
    "add_actor_impulse": (ORIGIN,), "add_actor_force_at_location": (ORIGIN, ORIGIN), "add_actor_torque": (ORIGIN,),
    "set_actor_simulate_physics": (True,), "set_actor_collisions": (True,), "set_actor_enable_gravity": (True,),
    "apply_control_to_vehicle": (wire.VehicleControl(),), "open_vehicle_door": (0,), "set_wheel_pitch_angle": (0, 1.0),
    "set_vehicle_light_state": (wire.VehicleLightState(1),), "enable_actor_constant_velocity": (ORIGIN,),
    "enable_gbuffers": (True,), "set_ignored_vehicles": ((),), "send": ("hello",), "enable_carsim": ("file",),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGERS)
def test_calls_that_change_refuse_the_dead(world: World, name: str) -> None:
    car = world.spawned(CAR)
    world.call("destroy_actor", car)
    with pytest.raises(Refused, match=GONE):
        world.call(name, car, *CHANGERS[name])


def test_call_about_a_vehicle_refuses_a_walker_and_the_other_way_round(world: World) -> None:
    car, walker = world.spawned(CAR), world.spawned(WALKER, Vector3D(9.0, 9.0, 1.0))
    with pytest.raises(Refused, match=r"is walker.pedestrian.0001, not a vehicle"):
        world.call("get_physics_control", walker)
    with pytest.raises(Refused, match=r"is vehicle.audi.a2, not a walker"):
        world.call("get_bones_transform", car)
    with pytest.raises(Refused, match="unable to find traffic light"):
        world.call("set_traffic_light_state", car, 2)


# --- vehicles --------------------------------------------------------------------------------------------------------


def test_doors_stay_as_they_were_left(world: World) -> None:
    car = world.spawned(CAR)
    doors = lambda: world.episode.actors[car].doors  # type: ignore[attr-defined]  # noqa: E731
    world.call("open_vehicle_door", car, 2)
    assert doors() == {2}
    world.call("open_vehicle_door", car, 6)
    assert doors() == {0, 1, 2, 3, 4, 5}
    world.call("close_vehicle_door", car, 5)
    assert doors() == {0, 1, 2, 3, 4}
    world.call("close_vehicle_door", car, 6)
    assert doors() == set()


def test_other_simulators_are_refused_in_clear_words(world: World) -> None:
    car = world.spawned(CAR)
    with pytest.raises(Refused, match="CarSim is not on board"):
        world.call("enable_carsim", car, "file")
    with pytest.raises(Refused, match="Chrono is not on board"):
        world.call("enable_chrono_physics", car, 1, 0.1, "", "", "", "")
    world.call("restore_physx_physics", car)
    with pytest.raises(Refused, match="no V2X"):
        world.call("send", car, "hello")


# --- parts -----------------------------------------------------------------------------------------------------------


def test_parts_move_with_their_actor(world: World) -> None:
    car = world.spawned(CAR, Vector3D(10.0, 20.0, 0.5), yaw=90.0)
    names = world.call("get_actor_socket_names", car)
    on_actor = world.call("get_actor_socket_relative_transforms", car)
    in_world = world.call("get_actor_socket_world_transforms", car)
    assert len(names) == len(set(names)) == len(on_actor) == len(in_world) > 8
    left = names.index("headlight_left")
    x, y, _ = on_actor[left].location
    assert x > 1.5
    assert y < -0.4  # y points right
    assert in_world[left].location[:2] == pytest.approx((10.0 - y, 20.0 + x), abs=1e-6)
    assert in_world[names.index("taillight_right")].rotation.yaw == pytest.approx(-90.0)


def test_component_in_the_world_is_the_actor_and_the_component(world: World) -> None:
    car = world.spawned(CAR, Vector3D(10.0, 20.0, 0.5), yaw=90.0)
    names = world.call("get_actor_component_names", car)
    assert any("Mesh" in name for name in names)
    for name in names:
        relative = world.call("get_actor_component_relative_transform", car, name)
        expected = matrices((10.0, 20.0, 0.5, 0.0, 90.0, 0.0)) @ matrices(pose_of(relative))
        found = matrices(pose_of(world.call("get_actor_component_world_transform", car, name)))
        np.testing.assert_allclose(found, expected, atol=1e-6)
    with pytest.raises(Refused, match="no component 'Wing', but VehicleMesh"):
        world.call("get_actor_component_world_transform", car, "Wing")


def test_sensor_on_a_car_has_its_component_where_the_car_carries_it(world: World) -> None:
    car = world.spawned(CAR, Vector3D(10.0, 0.0, 0.0), yaw=180.0)
    camera = world.spawned(CAMERA, Vector3D(1.0, 0.0, 2.0), parent=car)
    [name] = world.call("get_actor_component_names", camera)
    place = world.call("get_actor_component_world_transform", camera, name).location
    assert place == pytest.approx((9.0, 0.0, 2.0))


# --- walkers ---------------------------------------------------------------------------------------------------------


def wanted(bones: list[tuple[str, Transform]]) -> WalkerBonesIn:
    return WalkerBonesIn(tuple(bones))


def bone(world: World, walker: int, name: str) -> Any:
    return next(one for one in world.call("get_bones_transform", walker).bones if one.name == name)


def test_skeleton_hangs_together_and_fits_the_walker(world: World) -> None:
    walker = world.spawned(WALKER, Vector3D(5.0, 6.0, 1.0), yaw=90.0)
    bones = world.call("get_bones_transform", walker).bones
    names = [one.name for one in bones]
    assert len(names) == len(set(names)) > 60
    assert tuple(names) == world.call("get_actor_bone_names", walker)
    height = 2 * world.call("get_actor_bounding_box", walker).extent.z
    head, foot = bone(world, walker, "crl_Head__C"), bone(world, walker, "crl_foot__L")
    assert 0.85 * height < head.component.location.z < height
    assert head.world.location.z == pytest.approx(1.0 - height / 2 + head.component.location.z, abs=1e-6)
    assert foot.component.location.y < 0.0  # the left foot is on the left
    assert foot.world.location.x > 5.0  # and faces +y, so left is +x
    in_world = world.call("get_actor_bone_world_transforms", walker)[names.index("crl_Head__C")]
    assert pose_of(in_world) == pytest.approx(pose_of(head.world))


def test_pose_is_seen_as_far_as_it_is_blended_in(world: World) -> None:
    walker = world.spawned(WALKER, Vector3D(5.0, 6.0, 1.0))
    before = bone(world, walker, "crl_hand__R").component.location
    raised = Transform(bone(world, walker, "crl_arm__R").relative.location, Rotation(pitch=90.0))
    world.call("set_bones_transform", walker, wanted([("crl_arm__R", raised)]))
    assert bone(world, walker, "crl_hand__R").component.location == pytest.approx(before)
    world.call("blend_pose", walker, 1.0)
    after = bone(world, walker, "crl_hand__R").component.location
    assert after.x - before.x > 0.4
    assert after.z - before.z > 0.3  # the upper arm points forward now
    world.call("blend_pose", walker, 0.5)
    assert before.x < bone(world, walker, "crl_hand__R").component.location.x
    world.call("blend_pose", walker, 0.0)
    assert bone(world, walker, "crl_hand__R").component.location == pytest.approx(before)
    with pytest.raises(Refused, match="no bone 'tail'"):
        world.call("set_bones_transform", walker, wanted([("tail", raised)]))


def test_walking_swings_the_legs(world: World) -> None:
    walker = world.spawned(WALKER, Vector3D(5.0, 6.0, 1.0))
    world.call("apply_control_to_walker", walker, wire.WalkerControl(Vector3D(1.0, 0.0, 0.0), 1.4))
    apart = []
    for _ in range(20):
        world.frame(0.05)
        left, right = (bone(world, walker, f"crl_foot__{side}").component.location.x for side in "LR")
        apart.append(left - right)
    assert max(apart) > 0.3
    assert min(apart) < -0.3


# --- drawing ---------------------------------------------------------------------------------------------------------


def dot(life_time_s: float) -> DebugShape:
    return DebugShape(Point(ORIGIN), life_time=life_time_s)


def test_debug_shapes_last_as_long_as_they_say() -> None:
    drawings = Drawings()
    once, short, forever = dot(-1.0), dot(0.25), dot(0.0)
    for shape in (once, short, forever):
        drawings.add(shape, 1.0)
    assert drawings.seen_at(1.1) == (once, short, forever)
    assert drawings.seen_at(1.2) == (short, forever)
    assert drawings.seen_at(1.3) == (forever,)
    assert drawings.seen_at(9e9) == (forever,)


def test_texts_and_other_shapes_are_wiped_off_apart(world: World) -> None:
    text, point = DebugShape(String(ORIGIN, "hello"), life_time=0.0), dot(0.0)
    for shape in (text, point):
        world.call("draw_debug_shape", shape)
    world.call("clear_debug_string")
    assert world.episode.drawings.seen_at(0.1) == (point,)
    world.call("draw_debug_shape", text)
    world.call("clear_debug_shape")
    assert world.episode.drawings.seen_at(0.2) == (text,)


def test_who_draws_without_end_loses_the_oldest_shapes() -> None:
    drawings = Drawings()
    for i in range(MAX_SHAPES + 10):
        drawings.add(DebugShape(Point(Vector3D(float(i))), life_time=0.0), 0.0)
    seen = drawings.seen_at(1.0)
    assert len(seen) == MAX_SHAPES
    assert seen[0].primitive.location.x == 10.0  # type: ignore[union-attr]


def test_texture_gives_its_mean_colour_to_the_objects_it_names(world: World) -> None:
    pixels = np.array([[255.0, 0.0, 0.0, 255.0], [0.0, 0.0, 255.0, 255.0], [0.0, 255.0, 0.0, 0.0]])
    world.call("apply_color_texture_to_objects", ("parked_0",), drawing.DIFFUSE, Texture(3, 1, pixels))
    scene: Any = world.episode._scene
    assert scene.painted == {7001: pytest.approx((0.5, 0.0, 0.5))}  # what is transparent does not count
    world.call("apply_color_texture_to_objects", ("parked_0",), drawing.NORMAL, Texture(3, 1, pixels * 0))
    assert scene.painted == {7001: pytest.approx((0.5, 0.0, 0.5))}
    linear = np.array([[0.5, 0.0, 1.0, 1.0]])
    world.call("apply_float_color_texture_to_objects", ("parked_0",), drawing.EMISSIVE, FloatTexture(1, 1, linear))
    assert scene.painted[7001] == pytest.approx((0.5 ** (1 / 2.2), 0.0, 1.0))
    with pytest.raises(Refused, match="no object of this world is called tower"):
        world.call("apply_color_texture_to_objects", ("tower",), drawing.DIFFUSE, Texture(3, 1, pixels))
    with pytest.raises(Refused, match="3 pixels are no picture of 2 by 2"):
        world.call("apply_color_texture_to_objects", ("parked_0",), drawing.DIFFUSE, Texture(2, 2, pixels))


def test_layers_are_hidden_by_call_and_by_loading_without_them(world: World) -> None:
    world.call("unload_map_layer", 0x10)
    scene: Any = world.episode._scene
    assert scene.layers == 0xFFEF
    world.call("load_map_layer", 0x10)
    assert scene.layers == 0xFFFF
    world.call("load_new_episode", "straight", True, 0x8)
    fresh: Any = world.episode._scene
    assert fresh.layers == 0x8


# --- lamps of the street ---------------------------------------------------------------------------------------------


def test_lamps_follow_the_sun_until_they_are_switched_by_hand(world: World) -> None:
    lit = lambda: [one.active for one in world.call("query_lights_state", "me")]  # noqa: E731
    world.frame()
    assert lit() == [False, False]
    world.call("set_weather_parameters", WeatherParameters(sun_altitude_angle=-10.0))
    world.frame()
    assert lit() == [True, True]
    off = world.call("query_lights_state", "me")[0]._replace(active=False, intensity=50.0)
    world.call("update_lights_state", "me", (off, LightState(99, ORIGIN, 1.0, 2, (1, 2, 3), True)), False)
    world.frame()
    assert lit() == [False, True]
    assert world.call("query_lights_state", "me")[0].intensity == 50.0
    assert len(world.episode.street_lights.lamps().position) == 1
    world.call("update_day_night_cycle", "me", False)
    world.call("set_weather_parameters", WeatherParameters(sun_altitude_angle=45.0))
    world.frame()
    assert lit() == [False, True]
    world.call("update_day_night_cycle", "me", True)
    world.frame()
    assert lit() == [False, False]


def test_snapshot_says_when_lamps_were_switched_and_the_map_is_new(world: World) -> None:
    world.frame()
    world.frame()
    world.call("set_weather_parameters", WeatherParameters(sun_altitude_angle=-10.0))
    world.frame()
    world.frame()
    news = [int.from_bytes(one[80:84], "little") for one in world.ear.snapshots]
    assert news == [1 | 2, 0, 2, 0]


# --- files -----------------------------------------------------------------------------------------------------------


def test_only_files_that_were_listed_are_handed_out(world: World) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "straight.xodr", ""):
        with pytest.raises(Refused, match="has no file"):
            world.call("request_file", name)
    for name in world.call("get_required_files", "Nav"):
        assert len(world.call("request_file", name)) > 100
    assert world.call("get_required_files", "TM") == ()


# --- sensors ---------------------------------------------------------------------------------------------------------


def test_only_streams_of_living_sensors_have_a_token(world: World) -> None:
    camera = world.spawned(CAMERA)
    stream = world.episode.actors[camera].stream_id
    assert world.call("get_sensor_token", stream) == StreamToken(world.streams.token(stream))
    assert world.call("get_sensor_token", SNAPSHOT_STREAM)
    assert world.streams.expected == [stream, SNAPSHOT_STREAM]
    world.call("destroy_actor", camera)
    for unknown in (stream, 0, 4000):
        with pytest.raises(Refused, match="unable to find stream"):
            world.call("get_sensor_token", unknown)
    assert world.streams.expected == [stream, SNAPSHOT_STREAM]  # nobody is waited for who will not come


def test_gbuffer_is_another_picture_on_a_stream_of_its_own(world: World) -> None:
    camera = world.spawned(CAMERA, Vector3D(0.0, 0.0, 2.0))
    assert world.call("are_gbuffers_enabled", camera) is False
    token = world.call("get_gbuffer_token", camera, 1)
    assert world.call("get_gbuffer_token", camera, 1) == token
    assert world.call("are_gbuffers_enabled", camera) is True
    stream, own = int.from_bytes(token[:4], "little"), world.episode.actors[camera].stream_id
    world.frame()
    assert world.ear.heard[stream][:8] == (18).to_bytes(8, "little")
    assert world.ear.heard[own][:8] == (13).to_bytes(8, "little")
    assert len(world.ear.heard[stream]) == len(world.ear.heard[own])
    world.ear.heard.clear()
    world.call("enable_gbuffers", camera, False)
    world.frame()
    assert world.ear.heard.keys() == {own}
    with pytest.raises(Refused, match="makes the G-buffers 0, 1, 2, 3, not 9"):
        world.call("get_gbuffer_token", camera, 9)
    with pytest.raises(Refused, match="not a camera"):
        world.call("get_gbuffer_token", world.spawned(GNSS), 1)


def test_ros_switch_is_kept_by_stream(world: World) -> None:
    gnss = world.spawned(GNSS)
    stream = world.episode.actors[gnss].stream_id
    assert world.call("is_sensor_enabled_for_ros", stream) is False
    world.call("enable_sensor_for_ros", stream)
    assert world.call("is_sensor_enabled_for_ros", stream) is True
    world.call("disable_sensor_for_ros", stream)
    assert world.call("is_sensor_enabled_for_ros", stream) is False
    with pytest.raises(Refused, match="unable to find stream 0"):
        world.call("enable_sensor_for_ros", 0)


def test_sensor_does_not_see_whom_it_ignores(world: World) -> None:
    lidar = world.spawned("sensor.lidar.ray_cast_semantic", Vector3D(0.0, 0.0, 2.0))
    car, other = world.spawned(CAR, Vector3D(10.0, 0.0, 0.0)), world.spawned(CAR, Vector3D(0.0, 20.0, 0.0))
    stream = world.episode.actors[lidar].stream_id

    def seen() -> set[int]:
        world.frame()
        message = world.ear.heard[stream]
        return set(np.frombuffer(message[64:], "<u4").reshape(-1, 6)[:, 4].tolist())

    assert seen() == {car, other}
    world.call("set_ignored_vehicles", lidar, (car, 4000))
    assert seen() == {other}
    world.call("set_ignored_vehicles", lidar, ())
    assert seen() == {car, other}


def test_sensor_that_fails_is_destroyed_and_the_world_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_what: Any) -> Any:
        raise ZeroDivisionError("the lens fell off")

    camera, gnss = world.spawned(CAMERA), world.spawned(GNSS)
    world.episode._sensing._sensors = {**world.episode._sensing._sensors, "rgb": broken}
    world.frame()
    world.frame()
    assert camera not in world.episode.actors
    assert gnss in world.episode.actors
    assert len(world.ear.snapshots) == 2
    assert "the lens fell off" in caplog.text


# --- what must not get in --------------------------------------------------------------------------------------------

IMPOSSIBLE = {
    "fov": "wide", "image_size_x": "1e9", "image_size_y": "nan", "sensor_tick": "-1", "gamma": "inf", "iso": "",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in IMPOSSIBLE if name != "iso"])
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
