"""Motion as clients meet it: spawned, driven, measured and destroyed in an episode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flat_carla_world import FLAT, FlatScene, write_maps
from numpy.testing import assert_allclose

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.wire import (
    STRING,
    ActorAttributeValue,
    ActorDescription,
    Refused,
    Rotation,
    Transform,
    Vector3D,
    VehicleControl,
    WalkerControl,
)
from scanyard.carla_server.scene.scene import shape_for
from scanyard.carla_server.street.obstacles import Obstacles
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.vehicles import Vehicle
from scanyard.carla_server.world.walkers import Walker

CAR, BIKE, WALKER = "vehicle.tesla.model3", "vehicle.bh.crossbike", "walker.pedestrian.0001"
WALL_ID = 77


class WalledScene(FlatScene):
    """A wall across x = 30."""

    @property
    def obstacles(self) -> Obstacles:
        return Obstacles(
            np.array([[30.0, 0.0]]), np.array([[0.1, 20.0]]), np.zeros(1), np.zeros(1), np.full(1, 3.0),
            np.array([4], np.uint8), np.array([WALL_ID], np.uint64),
        )  # fmt: skip


def walled(_road_map: Any, *, style: int, parked_share: float, **_: Any) -> WalledScene:
    return WalledScene(style, parked_share)


class Told:
    """A reader that keeps the last snapshot."""

    def snapshot(self, message: packets.Chunks, /) -> None:
        self.records = np.frombuffer(b"".join(message)[84:], packets.ACTOR_STATE)

    def reads(self, stream_id: int, /) -> bool:
        return False

    def sensed(self, stream_id: int, message: packets.Chunks, /) -> None:
        raise AssertionError("nobody reads")

    def of(self, actor: Any) -> Any:
        return self.records[self.records["id"] == actor.id][0]


class World:
    """An episode with a clock."""

    def __init__(self, folder: Path) -> None:
        senses = replace(FLAT, scene=walled, shape_for=shape_for)
        self.episode = Episode(1, write_maps(folder).load("straight"), senses, open_stream=lambda: (2, b""))
        self.told = Told()
        self._frame = 0

    def spawn(self, blueprint: str, x: float = 0.0, y: float = 0.0, z: float = 0.0, **attributes: str) -> Any:
        given = tuple(ActorAttributeValue(name, STRING, value) for name, value in attributes.items())
        return self.episode.spawn(ActorDescription(1, blueprint, given), Transform(Vector3D(x, y, z), Rotation()))

    def run(self, seconds: float, step_s: float = 0.05) -> None:
        for _ in range(round(seconds / step_s)):
            self._frame += 1
            self.episode.advance(self._frame, step_s, self.told, platform_time_s=0.0)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_nothing_is_spawned_inside_the_street(world: World) -> None:
    with pytest.raises(Refused, match=r"^Spawn failed because of collision at spawn position$"):
        world.spawn(CAR, x=28.5)
    with pytest.raises(Refused, match="collision"):
        world.spawn(WALKER, x=30.0, z=1.0)
    world.spawn(CAR, x=24.0)
    world.spawn(CAR, x=28.5, z=5.0)  # above it
    world.episode.enable_environment_objects([WALL_ID], False)
    world.spawn(WALKER, x=30.0, z=1.0)


def test_the_snapshot_says_gear_pedals_and_speed_limit(world: World) -> None:
    car = world.spawn(CAR)
    car.control_vehicle(VehicleControl(0.75, -0.25, 0.0))
    world.run(0.5)
    throttle, steer, brake, hand, reverse, manual, gear, limit, light, at_light, _, failure = (
        packets.VEHICLE_STATE.unpack(world.told.of(car)["by_type"].tobytes())
    )
    assert (throttle, steer, brake, hand, reverse, manual, gear) == (0.75, -0.25, 0.0, False, False, False, 1)
    assert (light, at_light, failure) == (packets.GREEN, False, 0)
    assert limit > 0.0


def test_collisions_of_a_frame_are_told_and_gone_in_the_next(world: World) -> None:
    car = world.spawn(CAR, x=20.0)
    world.run(0.1)
    car.velocity = (20.0, 0.0, 0.0)
    hits = []
    for _ in range(40):
        world.run(0.05)
        hits += world.episode.collisions
    assert {(hit.actor_id, hit.other_id, hit.other_tag) for hit in hits} == {(car.id, 0, 4)}
    world.run(2.0)
    assert world.episode.collisions == []


def test_friction_trigger_changes_tyres_inside_and_physics_control_says_so(world: World) -> None:
    car = world.spawn(CAR)
    world.spawn("static.trigger.friction", x=15.0, friction="0.2", extent_x="500.0", extent_y="500.0", extent_z="500.0")
    world.run(0.1)
    assert [wheel.tire_friction for wheel in car.physics.wheels] == [3.5] * 4
    car.place((15.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    world.run(0.1)
    assert [round(wheel.tire_friction, 6) for wheel in car.physics.wheels] == [0.2] * 4
    car.velocity = (5.0, 0.0, 0.0)
    car.control_vehicle(VehicleControl(brake=1.0))
    world.run(0.2)
    assert car.velocity[0] > 4.7
    car.place((0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    world.run(0.4)
    assert car.velocity[0] < 2.5
    assert [wheel.tire_friction for wheel in car.physics.wheels] == [3.5] * 4


def test_physics_control_comes_back_as_it_was_given_with_wheels_in_the_world(world: World) -> None:
    car = world.spawn(CAR, x=10.0, y=5.0)
    physics = car.physics
    assert len(physics.wheels) == 4
    front_left, front_right, rear_left, _ = (wheel.position for wheel in physics.wheels)
    assert front_left[0] > 1000.0 > rear_left[0]  # centimetres, the car stands at x = 10 m
    assert front_left[1] < 500.0 < front_right[1]
    car.apply_physics(physics._replace(mass=999.0, max_rpm=4321.0))
    assert car.physics.mass == 999.0
    assert car.physics._replace(mass=physics.mass, max_rpm=physics.max_rpm) == physics
    world.run(0.5)
    assert world.episode.table.mass[car.row] == 999.0


def test_telemetry_adds_up(world: World) -> None:
    car = world.spawn(CAR)
    car.control_vehicle(VehicleControl(throttle=0.6))
    world.run(2.0)
    telemetry = car.telemetry()
    assert telemetry.speed == pytest.approx(car.velocity[0], rel=1e-6)
    assert len(telemetry.wheels) == 4
    assert sum(wheel.tire_load for wheel in telemetry.wheels) == pytest.approx(car.physics.mass * 9.81, rel=0.01)
    assert sum(wheel.long_force for wheel in telemetry.wheels) > 0.0
    assert telemetry.engine_rpm > 500.0
    assert telemetry.gear >= 1
    assert telemetry.wheels[0].omega == pytest.approx(telemetry.speed / (car.physics.wheels[0].radius / 100), rel=0.02)


def test_inner_wheel_turns_further_than_the_outer_one(world: World) -> None:
    car = world.spawn(CAR)
    car.control_vehicle(VehicleControl(steer=0.5))
    world.run(0.5)
    left, right, rear, _ = (car.wheel_steer_deg(wheel) for wheel in range(4))
    assert right > left > 20.0  # turning right, the right wheel is inside
    assert right == pytest.approx(35.0, abs=1.5)
    assert rear == 0.0
    bike = world.spawn(BIKE, y=6.0)
    assert [bike.wheel_steer_deg(wheel) for wheel in range(4)] == [0.0] * 4


def test_the_dead_still_answer(world: World) -> None:
    first, car, walker = world.spawn(CAR, y=9.0), world.spawn(CAR), world.spawn(WALKER, y=20.0, z=1.0)
    later = world.spawn(CAR, y=-9.0)
    world.run(0.2)
    pose, mass = car.pose, car.physics.mass
    for one in (car, walker, first):
        assert world.episode.destroy(one.id)
    later.control_vehicle(VehicleControl(throttle=1.0))
    world.run(1.0)
    assert car.pose == pose
    assert car.physics.mass == mass
    assert car.telemetry().speed == 0.0
    assert walker.walked_m == 0.0
    assert later.velocity[0] > 1.0  # rows moved up, and everyone still is who they were
    assert isinstance(later, Vehicle)
    assert isinstance(walker, Walker)


def test_who_is_controlled_stays_the_same_when_others_go(world: World) -> None:
    cars = [world.spawn(CAR, y=8.0 * i) for i in range(5)]
    for car in cars[::2]:
        world.episode.destroy(car.id)
    cars[3].control_vehicle(VehicleControl(throttle=1.0))
    world.run(1.0)
    assert cars[1].velocity == (0.0, 0.0, 0.0)
    assert cars[3].velocity[0] > 2.0
    assert_allclose(world.told.of(cars[3])["velocity"], cars[3].velocity, rtol=1e-6)


def test_push_at_a_place_turns_and_through_the_middle_does_not(world: World) -> None:
    car, other = world.spawn(CAR), world.spawn(CAR, y=10.0)
    world.run(0.2)
    car.add_impulse(Vector3D(0.0, 9000.0, 0.0), at=Vector3D(1.5, 0.0, 0.0))
    other.add_impulse(Vector3D(9000.0, 0.0, 0.0))
    world.run(0.05)
    assert car.angular_velocity[2] > 10.0
    assert other.angular_velocity[2] == pytest.approx(0.0, abs=1e-9)
    assert other.velocity[0] > 3.0


def test_walker_carried_by_navigation_stands_on_the_ground_and_strides(world: World) -> None:
    walker = world.spawn(WALKER, z=1.0)
    looks = set()
    for step in range(20):
        walker.walk_to(Vector3D(0.08 * step, 3.0, 0.3), 0.0, 1.6)
        world.run(0.05)
        looks.add(id(walker.look))
    half = float(walker.shape.extent[2])
    assert walker.pose[2] == pytest.approx(half)  # the foot point lay in the air
    assert walker.pose[0] == pytest.approx(0.08 * 19)
    assert walker.velocity[:2] == pytest.approx((1.6, 0.0))
    assert walker.walked_m == pytest.approx(0.08 * 19)
    assert len(looks) > 4
    walker.control_walker(WalkerControl(Vector3D(1.0, 0.0, 0.0), 0.0))
    world.run(0.2)
    assert walker.look is walker.shape


def test_jump_leaves_the_ground_and_comes_back(world: World) -> None:
    walker = world.spawn(WALKER, z=1.0)
    world.run(1.0)
    rest = walker.pose[2]
    walker.control_walker(WalkerControl(Vector3D(1.0, 0.0, 0.0), 0.0, jump=True))
    highest = rest
    for _ in range(30):
        world.run(0.05)
        highest = max(highest, walker.pose[2])
    assert 0.5 < highest - rest < 1.2
    assert walker.pose[2] == rest


def test_teleport_keeps_velocity(world: World) -> None:
    car = world.spawn(CAR)
    world.run(0.1)
    car.velocity = (12.0, 0.0, 0.0)
    car.place((-50.0, 4.0, 0.0, 0.0, 0.0, 0.0))
    world.run(0.05)
    assert car.velocity[0] == pytest.approx(12.0, abs=0.2)
    assert car.pose[0] == pytest.approx(-49.4, abs=0.05)
