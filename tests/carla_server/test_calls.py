"""What calls about actors do to the world, without sockets, on flat ground."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from called_world import CAMERA, CAR, ORIGIN, WALKER, World

from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.bones import WalkerBonesIn
from scanyard.carla_server.protocol.poses import matrices, pose_of
from scanyard.carla_server.protocol.wire import (
    EpisodeSettings,
    Refused,
    Rotation,
    Transform,
    Vector3D,
)

GONE = "Actor could not be found in the registry.  Actor Id: "


# --- the dead ---------------------------------------------------------------------------------------------------------

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


# --- vehicles ---------------------------------------------------------------------------------------------------------


def test_doors_stay_as_they_were_left(world: World) -> None:
    car = world.spawned(CAR)

    def doors() -> Any:
        return getattr(world.episode.actors[car], "doors", None)

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


# --- parts ------------------------------------------------------------------------------------------------------------


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


# --- walkers ----------------------------------------------------------------------------------------------------------


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


def test_settings_are_told_in_the_middle_of_a_frame(world: World) -> None:
    told: list[tuple[object, ...]] = []
    asking = threading.Thread(target=lambda: told.append(world.calls["get_episode_settings"]()))
    with world.simulation.world():  # as whoever makes a frame holds it
        asking.start()
        asking.join(5.0)
        assert told == [EpisodeSettings().told()]
