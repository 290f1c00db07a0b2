"""What happens inside one world, on flat ground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flat_carla_world import FLAT, FlatScene, write_maps
from numpy.testing import assert_allclose

from scanyard.carla_server.calls import actors, commands, vehicles, walkers
from scanyard.carla_server.protocol import packets, wire
from scanyard.carla_server.protocol.wire import (
    ActorAttributeValue,
    ActorDescription,
    Command,
    Refused,
    Rotation,
    Transform,
    Vector3D,
)
from scanyard.carla_server.world.blueprints import library
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.population import DEAD_BODILESS_KEPT

CAR, WALKER, LIDAR, CAMERA = (
    "vehicle.audi.a2", "walker.pedestrian.0001", "sensor.lidar.ray_cast_semantic", "sensor.camera.rgb",
)  # fmt: skip


@dataclass
class Told:
    """A reader of everything, which remembers what it was told."""

    snapshots: list[Any] = field(default_factory=list)
    messages: list[tuple[int, bytes]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    deaf: bool = False

    def snapshot(self, message: packets.Chunks, /) -> None:
        self.order.append("snapshot")
        self.snapshots.append(np.frombuffer(b"".join(message)[84:], packets.ACTOR_STATE))

    def reads(self, stream_id: int, /) -> bool:
        return not self.deaf

    def sensed(self, stream_id: int, message: packets.Chunks, /) -> None:
        self.order.append("sensor")
        self.messages.append((stream_id, b"".join(message)))

    def last(self, actor_id: int) -> Any:
        return next(record for record in self.snapshots[-1] if record["id"] == actor_id)


@pytest.fixture
def episode(tmp_path: Path) -> Episode:
    streams = iter(range(2, 1000))

    def open_stream() -> tuple[int, bytes]:
        stream_id = next(streams)
        return stream_id, packets.token(stream_id, 2001)

    return Episode(1, write_maps(tmp_path).load("straight"), FLAT, open_stream=open_stream)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def tick(episode: Episode, told: Told) -> Callable[..., None]:
    frames = iter(range(1, 1000))

    def tick_once(delta_s: float = 0.1, *, renders: bool = True) -> None:
        episode.advance(next(frames), delta_s, told, platform_time_s=0.0, renders=renders)

    return tick_once


def spawn(episode: Episode, blueprint_id: str, x: float = 0.0, y: float = 0.0, yaw: float = 0.0, **more: Any) -> int:
    attributes = tuple(
        ActorAttributeValue(name, wire.STRING, text) for name, text in more.pop("attributes", {}).items()
    )
    pose = Transform(Vector3D(x, y, more.pop("z", 0.0)), Rotation(0.0, yaw, 0.0))
    return episode.spawn(ActorDescription(1, blueprint_id, attributes), pose, **more).id


Tick = Callable[..., None]


def test_spectator_is_actor_1_and_cannot_be_destroyed(episode: Episode) -> None:
    assert episode.spectator.id == 1
    assert not episode.destroy(1)


def test_every_actor_is_in_the_snapshot(episode: Episode, told: Told, tick: Tick) -> None:
    ids = [
        spawn(episode, one, x=20.0 * i)
        for i, one in enumerate((CAR, WALKER, "static.prop.box01", "controller.ai.walker"))
    ]
    tick()
    assert told.snapshots[-1]["id"].tolist() == [1, *ids]


def test_vehicle_inside_another_is_refused_in_the_words_scripts_look_for(episode: Episode) -> None:
    spawn(episode, CAR)
    with pytest.raises(Refused, match=r"^Spawn failed because of collision at spawn position$"):
        spawn(episode, CAR, x=2.0, y=1.0, yaw=45.0)


def test_vehicles_side_by_side_and_on_top_of_each_other_are_not_refused(episode: Episode) -> None:
    for place in ({}, {"y": 1.85}, {"x": 3.9}, {"z": 2.0}, {"x": 7.4, "y": 2.0, "yaw": 45.0}):
        spawn(episode, CAR, **place)
    assert len(episode.actors) == 6


def test_vehicle_where_another_was_destroyed_is_not_refused(episode: Episode) -> None:
    assert episode.destroy(spawn(episode, CAR))
    spawn(episode, CAR)


def test_those_just_destroyed_are_remembered_and_sensors_not_for_long(episode: Episode) -> None:
    car = spawn(episode, CAR)
    sensors = [spawn(episode, LIDAR) for _ in range(DEAD_BODILESS_KEPT + 5)]
    for one in (car, *sensors):
        assert episode.destroy(one)
    for one in (car, sensors[-1], sensors[5]):
        assert episode.living_or_dead(one, "get_actor").id == one
    with pytest.raises(Refused, match=f"Actor Id: {sensors[4]}"):
        episode.living_or_dead(sensors[4], "get_actor")


@pytest.mark.parametrize("blueprint_id", ["vehicle.no.such", "spectator", ""])
def test_unknown_blueprint_is_refused(episode: Episode, blueprint_id: str) -> None:
    with pytest.raises(Refused, match=r"^Spawn failed because of invalid actor description"):
        spawn(episode, blueprint_id)


def test_pose_that_is_not_finite_is_refused(episode: Episode) -> None:
    with pytest.raises(Refused):
        spawn(episode, CAR, x=float("nan"))
    car = spawn(episode, CAR)
    with pytest.raises(Refused, match="100 km from the origin"):
        actors.put(episode, car, Transform(Vector3D(float("inf"), 0, 0)))


def test_parent_must_exist(episode: Episode) -> None:
    with pytest.raises(Refused, match="parent actor not found"):
        spawn(episode, LIDAR, parent_id=77)


def test_size_attributes_set_the_bounding_box(episode: Episode) -> None:
    sized = {"length_m": "4.2", "width_m": "1.7", "height_m": "0"}
    box = episode.actors[spawn(episode, CAR, attributes=sized)].bounding_box()
    own_m = library()[CAR].shape["height_m"]  # type: ignore[index]
    assert box.extent == Vector3D(2.1, 0.85, own_m / 2)
    assert box.location == Vector3D(0.0, 0.0, own_m / 2)


def test_attached_actor_follows_its_parent(episode: Episode, told: Told, tick: Tick) -> None:
    car = spawn(episode, CAR, x=10.0, y=5.0, yaw=90.0)
    lidar = spawn(episode, LIDAR, x=1.0, y=2.0, z=3.0, yaw=10.0, parent_id=car)
    tick()
    # Yaw 90 turns x onto y and y onto -x.
    assert_allclose(told.last(lidar)["pose"], [8.0, 6.0, 3.0, 0.0, 100.0, 0.0], atol=1e-4)
    actors.put(episode, car, Transform(Vector3D(0.0, 0.0, 0.0)))
    tick()
    assert_allclose(told.last(lidar)["pose"], [1.0, 2.0, 3.0, 0.0, 10.0, 0.0], atol=1e-5)


def test_transform_of_an_attached_actor_is_relative(episode: Episode, told: Told, tick: Tick) -> None:
    car = spawn(episode, CAR, x=10.0)
    lidar = spawn(episode, LIDAR, parent_id=car)
    actors.put(episode, lidar, Transform(Vector3D(0.0, 0.0, 2.0)))
    tick()
    assert_allclose(told.last(lidar)["pose"][:3], [10.0, 0.0, 2.0])


def test_destroying_a_parent_destroys_what_is_attached(episode: Episode, told: Told, tick: Tick) -> None:
    car = spawn(episode, CAR)
    lidar = spawn(episode, LIDAR, parent_id=car)
    assert episode.destroy(car)
    assert not episode.destroy(lidar)
    tick()
    assert told.snapshots[-1]["id"].tolist() == [1]
    assert told.messages == []


def test_the_dead_still_have_a_box(episode: Episode) -> None:
    car = spawn(episode, CAR)
    episode.destroy(car)
    assert episode.living_or_dead(car, "look").bounding_box().extent.x > 1.0
    with pytest.raises(Refused, match=r"from function look: Actor could not be found in the registry.  Actor Id: "):
        episode.living_or_dead(99, "look")


def test_target_velocity_moves_a_vehicle_and_is_reported(episode: Episode, told: Told, tick: Tick) -> None:
    car = spawn(episode, CAR)
    tick(0.1)  # its wheels meet the ground
    actors.set_velocity(episode, car, Vector3D(10.0, 0.0, 0.0))
    tick(0.1)
    assert_allclose(told.last(car)["pose"][:3], [1.0, 0.0, 0.0], atol=0.02)
    assert_allclose(told.last(car)["velocity"], [10.0, 0.0, 0.0], atol=0.3)
    assert_allclose(told.last(car)["acceleration"], [100.0, 0.0, 0.0], atol=3.0)
    tick(0.1)
    assert_allclose(told.last(car)["acceleration"], 0.0, atol=3.0)


def test_without_physics_a_velocity_is_reported_but_moves_nothing(episode: Episode, told: Told, tick: Tick) -> None:
    car = spawn(episode, CAR, x=3.0)
    actors.simulate_physics(episode, car, False)
    actors.set_velocity(episode, car, Vector3D(10.0, 0.0, 0.0))
    actors.set_angular_velocity(episode, car, Vector3D(0.0, 0.0, 30.0))
    tick()
    assert told.last(car)["pose"].tolist() == [3.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert told.last(car)["velocity"].tolist() == [10.0, 0.0, 0.0]
    assert told.last(car)["angular_velocity"].tolist() == [0.0, 0.0, 30.0]


def test_angular_velocity_turns_clockwise_in_degrees(episode: Episode, told: Told, tick: Tick) -> None:
    spectator = episode.spectator
    spectator.place((0.0, 0.0, 50.0, 0.0, 170.0, 0.0))
    actors.set_angular_velocity(episode, spectator.id, Vector3D(0.0, 0.0, 40.0))
    tick(0.5)
    assert_allclose(told.last(spectator.id)["pose"][4], -170.0, atol=1e-4)


def test_walker_walks_where_its_control_says(episode: Episode, told: Told, tick: Tick) -> None:
    walker = spawn(episode, WALKER, z=1.0)
    half_m = library()[WALKER].shape["height_m"] / 2  # type: ignore[index]
    for _ in range(10):
        tick(0.1)
    assert_allclose(told.last(walker)["pose"][:3], [0.0, 0.0, half_m], rtol=1e-6)
    walkers.control(episode, walker, wire.WalkerControl(Vector3D(0.0, 2.0, 0.0), 1.5))
    tick(2.0)
    assert_allclose(told.last(walker)["pose"][:3], [0.0, 3.0, half_m], rtol=1e-6)


def test_walker_state_puts_its_feet_on_the_point(episode: Episode, told: Told, tick: Tick) -> None:
    walker = spawn(episode, WALKER, z=1.0)
    actors.simulate_physics(episode, walker, False)
    walkers.walk_to(episode, walker, Transform(Vector3D(4.0, 5.0, 0.25), Rotation(0.0, 90.0, 0.0)), 1.2)
    tick()
    half_m = library()[WALKER].shape["height_m"] / 2  # type: ignore[index]
    assert_allclose(told.last(walker)["pose"][:3], [4.0, 5.0, 0.25 + half_m], rtol=1e-6)
    assert_allclose(told.last(walker)["velocity"], [0.0, 1.2, 0.0], atol=1e-6)


def test_vehicle_control_is_latched_in_the_snapshot(episode: Episode, told: Told, tick: Tick) -> None:
    car = spawn(episode, CAR)
    control = wire.VehicleControl(0.5, -0.25, 1.0, True, False, True, 3)
    vehicles.control(episode, car, control)
    for _ in range(2):
        tick()
        assert told.last(car)["by_type"].tobytes() == packets.vehicle_state(control)


def test_snapshot_comes_before_what_sensors_saw(episode: Episode, told: Told, tick: Tick) -> None:
    spawn(episode, LIDAR)
    spawn(episode, CAMERA)
    tick()
    assert told.order == ["snapshot", "sensor", "sensor"]


def test_sensor_message_carries_the_snapshots_frame_time_and_pose(episode: Episode, told: Told, tick: Tick) -> None:
    car = spawn(episode, CAR, x=10.0, yaw=30.0)
    lidar = spawn(episode, LIDAR, z=1.7, parent_id=car)
    tick(0.25)
    _, message = told.messages[-1]
    sensor_type, frame, time_s, *pose = packets.HEADER.unpack(message[:48])
    assert (sensor_type, frame, time_s) == (packets.SEMANTIC_LIDAR, 1, 0.25)
    assert pose == told.last(lidar)["pose"].tolist()


def test_a_lidars_own_time_begins_when_it_is_spawned(tmp_path: Path, told: Told) -> None:
    """Else the frames that pass while a client connects would turn the beams."""
    scenes: list[FlatScene] = []

    def kept(*what: Any, **how: Any) -> FlatScene:
        scenes.append(FLAT.scene(*what, **how))
        return scenes[-1]

    senses = replace(FLAT, scene=kept)
    for frames_before in (0, 7):
        world = Episode(1, write_maps(tmp_path).load("straight"), senses, open_stream=lambda: (2, b""))
        for frame in range(frames_before):
            world.advance(frame, 0.033, told, platform_time_s=0.0)
        spawn(world, LIDAR)
        for frame in range(3):
            world.advance(frames_before + frame, 0.1, told, platform_time_s=0.0)
    assert scenes[0].ticks == scenes[1].ticks
    assert [tick.frame for tick in scenes[0].ticks] == [1, 2, 3]


def test_sensor_without_reader_senses_nothing(episode: Episode, told: Told, tick: Tick) -> None:
    spawn(episode, LIDAR)
    told.deaf = True
    tick()
    assert told.order == ["snapshot"]


def test_sensor_tick_spaces_messages_and_the_first_frame_has_one(episode: Episode, told: Told, tick: Tick) -> None:
    spawn(episode, LIDAR, attributes={"sensor_tick": "0.3"})
    heard = []
    for _ in range(10):
        before = len(told.messages)
        tick(0.1)
        heard.append(len(told.messages) > before)
    assert heard == [True, False, False, True, False, False, True, False, False, True]


def test_without_rendering_cameras_are_silent_and_lidars_are_not(episode: Episode, told: Told, tick: Tick) -> None:
    spawn(episode, CAMERA)
    lidar = spawn(episode, LIDAR)
    tick(renders=False)
    assert [stream for stream, _ in told.messages] == [episode.actors[lidar].stream_id]


def test_batch_answers_each_command_in_order(episode: Episode) -> None:
    car = spawn(episode, CAR)
    put = [car, [[50.0, 0.0, 0.0], [0.0, 45.0, 0.0]]]
    batch = [(6, put), (1, [99]), (99, [car, []]), (6, [car]), (1, [car])]
    answers = commands.apply(episode, [Command(one) for one in batch])
    assert [answer[0][0] for answer in answers] == [1, 0, 0, 0, 1]
    assert answers[1] == wire.refusal("unable to destroy actor: not found")
    assert list(episode.actors) == [1]


def test_many_controls_in_a_batch_do_what_each_does_by_itself(episode: Episode) -> None:
    first, second, third = (spawn(episode, CAR, x=x) for x in (0.0, 20.0, 40.0))
    episode.actors[second].set_wheel_steer(0, 12.0)  # type: ignore[attr-defined]  # a vehicle
    ahead = [0.5, 0.25, 0.0, False, False, True, 2]
    batch = [Command((2, [one, ahead])) for one in (first, second)]
    assert commands.apply(episode, batch) == [wire.value(first), wire.value(second)]
    told = episode.vehicles.told
    assert [tuple(told[i])[:7] for i in range(2)] == [(0.5, 0.25, 0.0, False, False, True, 2)] * 2
    assert episode.actors[second].wheel_steer_deg(0) != 12.0  # type: ignore[attr-defined]

    brake = [0.0, 0.0, 1.0, True, False, False, 0]
    twice = [Command((2, [third, ahead])), Command((2, [third, brake])), Command((2, [first, brake]))]
    assert [answer[0][0] for answer in commands.apply(episode, twice)] == [1, 1, 1]
    assert told["brake"].tolist() == [1.0, 0.0, 1.0], "of two for one vehicle the later holds"


@pytest.mark.parametrize("bad", [
    [99, [1.0, 0.0, 0.0, False, False, False, 0]], [1, [1.0, 0.0, 0.0, False, False, False, 0]], [2**40, [1.0]],
    [2, [float("nan"), 0.0, 0.0, False, False, False, 0]], [2, [1.0, 0.0, 0.0, False, False, False, 2**31]],
    [2, [1.0, 0.0, 0.0, 1.0, False, False, 0]], [2, 7], [2],
])  # fmt: skip
def test_a_control_that_does_not_fit_stops_no_other_of_its_batch(episode: Episode, bad: list[Any]) -> None:
    car, other = spawn(episode, CAR), spawn(episode, CAR, x=20.0)
    brake = [0, 0.0, 1.0, False, False, False, 0]  # an integer passes for a float
    batch = [Command((2, [car, brake])), Command((2, bad)), Command((2, [other, brake]))]
    answers = commands.apply(episode, batch)
    assert answers[0] == wire.value(car)
    assert answers[1][0][0] == 0
    assert answers[2] == wire.value(other)
    episode.vehicles.settle_controls()
    assert episode.vehicles.told["brake"].tolist() == [1.0, 1.0]


def test_spawn_command_does_what_follows_to_the_actor_it_spawns(episode: Episode, told: Told, tick: Tick) -> None:
    description, pose = [1, CAR, []], [[5.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    after = [[[14, [0, False]]], [[8, [0, [3.0, 0.0, 0.0]]]]]
    [answer] = commands.apply(episode, [Command((0, [description, pose, [False], 123, "", after]))])
    tick()
    assert answer == wire.value(2)
    assert told.last(2)["pose"][0] == 5.0
    assert told.last(2)["velocity"][0] == 3.0


def test_ray_hits_the_ground_and_only_within_its_length(episode: Episode) -> None:
    hit = episode.first_hit(Vector3D(1.0, 2.0, 10.0), Vector3D(0.0, 0.0, -2.0), 11.0)
    assert hit == wire.LabelledPoint(Vector3D(1.0, 2.0, 0.0), 1)
    assert episode.first_hit(Vector3D(1.0, 2.0, 10.0), Vector3D(0.0, 0.0, -1.0), 9.0) is None
    assert episode.first_hit(Vector3D(1.0, 2.0, 10.0), Vector3D(0.0, 0.0, 1.0), 1e9) is None
    assert episode.first_hit(Vector3D(1.0, 2.0, 10.0), Vector3D(0.0, 0.0, 0.0), 9.0) is None


def test_scenery_is_listed_by_label_with_boxes_in_the_world(episode: Episode) -> None:
    [car] = episode.environment_objects(14)
    assert car.bounding_box.location == Vector3D(30.0, -5.0, 0.75)
    assert car.bounding_box.rotation.yaw == 90.0
    assert episode.environment_objects(255) == [car]
    assert episode.environment_objects(12) == []
    assert episode.level_boxes(14) == [car.bounding_box]
