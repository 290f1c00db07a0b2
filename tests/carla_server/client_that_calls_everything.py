"""Makes the official client send every call it can, each with values that tell fields apart: PORT RECORDING.

Prints what it was answered, as one JSON value.  Whether a call succeeds is not asked here: the test looks at the bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import carla
from carla import Location, Rotation, Transform, Vector3D


def tried(call: Callable[..., Any], *arguments: Any) -> str:
    try:
        return repr(call(*arguments))
    except RuntimeError as error:
        return str(error)


def main() -> None:
    client = carla.Client("127.0.0.1", int(sys.argv[1]))
    client.set_timeout(10.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.0625
    settings.max_substeps = 12
    world.apply_settings(settings)
    library = world.get_blueprint_library()
    car = world.spawn_actor(library.find("vehicle.audi.a2"), Transform(Location(10.5, 1.5, 0.25), Rotation(1, 2, 3)))
    walker = world.spawn_actor(library.find("walker.pedestrian.0001"), Transform(Location(20, 30, 1)))
    camera = world.spawn_actor(library.find("sensor.camera.rgb"), Transform(Location(z=2)), attach_to=car)
    world.tick()
    answers = {}
    for about in (
        of_the_world(client, world),
        of_actors(car),
        of_vehicles(car),
        of_walkers(walker),
        of_sensors(camera),
        of_drawing(world),
        of_the_recorder(client),
        of_batches(client, car, walker),
    ):
        for name, call, *arguments in about:
            answers[name] = tried(call, *arguments)
            world.tick()
    answers["destroy"] = tried(walker.destroy)
    camera.destroy()
    car.destroy()
    print(json.dumps(answers))  # noqa: T201 - what the test reads


def of_the_world(client: Any, world: Any) -> list[tuple[Any, ...]]:
    manager = world.get_lightmanager()
    lamps = [one for one in manager.get_all_lights() if one.id == 2]
    weather = carla.WeatherParameters(*[float(one) for one in range(1, 15)])
    return [
        ("version", client.get_server_version),
        ("maps", client.get_available_maps),
        ("map", world.get_map),
        ("files", client.get_required_files, "Nav"),
        ("set_weather", world.set_weather, weather),
        ("weather", world.get_weather),
        ("set_gravity", world.set_imui_sensor_gravity, 3.5),
        ("gravity", world.get_imui_sensor_gravity),
        ("boxes", world.get_level_bbs, carla.CityObjectLabel.Car),
        ("objects", world.get_environment_objects, carla.CityObjectLabel.Car),
        ("enable_objects", world.enable_environment_objects, {7001}, False),
        ("load_layer", world.load_map_layer, carla.MapLayer.Walls),
        ("unload_layer", world.unload_map_layer, carla.MapLayer.Foliage),
        ("ray", world.cast_ray, Location(1, 2, 3), Location(4, 5, -6)),
        ("project", world.project_point, Location(1, 2, 3), Vector3D(0, 0, -1), 50.5),
        ("names", world.get_names_of_all_objects),
        ("light_states", world.get_vehicles_light_states),
        ("freeze", world.freeze_all_traffic_lights, True),
        ("unfreeze", world.freeze_all_traffic_lights, False),
        ("reset_lights", world.reset_all_traffic_lights),
        ("street_lights", lambda: [(one.id, one.is_on, one.intensity) for one in manager.get_all_lights()]),
        ("day_night", manager.set_day_night_cycle, False),
        ("turn_on", manager.turn_on, lamps),
        ("intensity", manager.set_intensity, lamps, 1234.5),
        ("color", manager.set_color, lamps, carla.Color(10, 20, 30)),
        ("turned_on", lambda: [one.id for one in manager.get_turned_on_lights(carla.LightGroup.Street)]),
        ("translucency", world.set_annotations_traverse_translucency, True),
    ]


def of_actors(car: Any) -> list[tuple[Any, ...]]:
    return [
        ("location", car.set_location, Location(11.5, 2.5, 0.5)),
        ("transform", car.set_transform, Transform(Location(1, 2, 3), Rotation(4, 5, 6))),
        ("velocity", car.set_target_velocity, Vector3D(1, 2, 3)),
        ("angular_velocity", car.set_target_angular_velocity, Vector3D(4, 5, 6)),
        ("constant_velocity", car.enable_constant_velocity, Vector3D(7, 8, 9)),
        ("no_constant_velocity", car.disable_constant_velocity),
        ("impulse", car.add_impulse, Vector3D(1, 2, 3)),
        ("force", car.add_force, Vector3D(4, 5, 6)),
        ("angular_impulse", car.add_angular_impulse, Vector3D(7, 8, 9)),
        ("torque", car.add_torque, Vector3D(10, 11, 12)),
        ("physics_off", car.set_simulate_physics, False),
        ("physics_on", car.set_simulate_physics, True),
        ("collisions", car.set_collisions, False),
        ("gravity_off", car.set_enable_gravity, False),
        ("box", lambda: car.bounding_box),
        ("components", car.get_component_names),
        ("component", car.get_component_world_transform, "VehicleMesh"),
        ("component_relative", car.get_component_relative_transform, "VehicleMesh"),
        ("no_component", car.get_component_world_transform, "Nonsense"),
        ("bones", car.get_bone_names),
        ("bones_world", car.get_bone_world_transforms),
        ("bones_relative", car.get_bone_relative_transforms),
        ("sockets", car.get_socket_names),
        ("sockets_world", car.get_socket_world_transforms),
        ("sockets_relative", car.get_socket_relative_transforms),
        ("vehicle_bones", car.get_vehicle_bone_world_transforms),
    ]


def of_vehicles(car: Any) -> list[tuple[Any, ...]]:
    control = carla.VehicleControl(0.5, -0.25, 0.125, True, False, True, 3)
    gains = carla.AckermannControllerSettings(1, 2, 3, 4, 5, 6)
    physics = car.get_physics_control()
    physics.mass, physics.max_rpm = 1234.5, 6543.0
    return [
        ("control", car.apply_control, control),
        ("ackermann", car.apply_ackermann_control, carla.VehicleAckermannControl(0.25, 1, 2, 3, 4)),
        ("set_gains", car.apply_ackermann_controller_settings, gains),
        ("gains", car.get_ackermann_controller_settings),
        ("set_physics", car.apply_physics_control, physics),
        ("physics", lambda: car.get_physics_control().mass),
        ("telemetry", car.get_telemetry_data),
        ("set_light", car.set_light_state, carla.VehicleLightState(carla.VehicleLightState.Brake)),
        ("open", car.open_door, carla.VehicleDoor.RL),
        ("close", car.close_door, carla.VehicleDoor.All),
        ("steer", car.set_wheel_steer_direction, carla.VehicleWheelLocation.FR_Wheel, 12.5),
        ("steer_angle", car.get_wheel_steer_angle, carla.VehicleWheelLocation.FR_Wheel),
        ("pitch", car.set_wheel_pitch_angle, carla.VehicleWheelLocation.BL_Wheel, 22.5),
        ("pitch_angle", car.get_wheel_pitch_angle, carla.VehicleWheelLocation.BL_Wheel),
        ("show_telemetry", car.show_debug_telemetry, True),
        ("carsim", car.enable_carsim, "simfile"),
        ("carsim_road", car.use_carsim_road, True),
        ("chrono", car.enable_chrono_physics, 5000, 0.002, "vehicle", "powertrain", "tire", "base"),
        ("physx", car.restore_physx_physics),
    ]


def of_walkers(walker: Any) -> list[tuple[Any, ...]]:
    pose = carla.WalkerBoneControlIn()
    pose.bone_transforms = [("crl_arm__L", Transform(Location(1, 2, 3), Rotation(4, 5, 6)))]
    return [
        ("walk", walker.apply_control, carla.WalkerControl(Vector3D(0, 1, 0), 1.5, True)),
        ("get_bones", lambda: len(walker.get_bones().bone_transforms)),
        ("walker_bones", lambda: len(walker.get_bone_names())),
        ("set_bones", walker.set_bones, pose),
        ("blend", walker.blend_pose, 0.25),
        ("show_pose", walker.show_pose),
        ("hide_pose", walker.hide_pose),
        ("animation", walker.get_pose_from_animation),
    ]


def of_sensors(camera: Any) -> list[tuple[Any, ...]]:
    depth = carla.GBufferTextureID.SceneDepth
    return [
        ("gbuffers_off", lambda: camera.enable_gbuffers),
        ("ignore", camera.set_ignored_vehicles, [1, 2]),
        ("ros", camera.enable_for_ros),
        ("is_ros", camera.is_enabled_for_ros),
        ("no_ros", camera.disable_for_ros),
        ("gbuffer", camera.listen_to_gbuffer, depth, lambda image: None),
        ("listens", camera.is_listening_gbuffer, depth),
        ("stop_gbuffer", camera.stop_gbuffer, depth),
    ]


def of_drawing(world: Any) -> list[tuple[Any, ...]]:
    debug, color = world.debug, carla.Color(1, 2, 3)
    box = carla.BoundingBox(Location(1, 2, 3), Vector3D(4, 5, 6))
    texture, floats = carla.TextureColor(2, 1), carla.TextureFloatColor(1, 1)
    texture.set(0, 0, carla.Color(10, 20, 30, 40))
    texture.set(1, 0, carla.Color(50, 60, 70, 80))
    floats.set(0, 0, carla.FloatColor(0.25, 0.5, 0.75, 1.0))
    diffuse = carla.MaterialParameter.Diffuse
    begin, end = Location(1, 2, 3), Location(4, 5, 6)
    return [
        ("point", debug.draw_point, begin, 0.25, color, 1.5),
        ("line", debug.draw_line, begin, end, 0.5, color, 0.0),
        ("arrow", debug.draw_arrow, begin, end, 0.5, 0.75, color),
        ("drawn_box", debug.draw_box, box, Rotation(7, 8, 9), 0.5, color),
        ("string", debug.draw_string, begin, "text", True, color),
        ("hud_point", debug.draw_hud_point, begin, 0.25, color),
        ("hud_line", debug.draw_hud_line, begin, end, 0.5, color),
        ("hud_arrow", debug.draw_hud_arrow, begin, end, 0.5, 0.75, color),
        ("hud_box", debug.draw_hud_box, box, Rotation(7, 8, 9), 0.5, color),
        ("clear", debug.clear_debug_shape),
        ("clear_string", debug.clear_debug_string),
        ("paint", world.apply_color_texture_to_object, "parked_0", diffuse, texture),
        ("paint_floats", world.apply_float_color_texture_to_object, "parked_0", diffuse, floats),
    ]


def of_the_recorder(client: Any) -> list[tuple[Any, ...]]:
    name = sys.argv[2]
    return [
        ("start", client.start_recorder, name, True),
        ("stop", client.stop_recorder),
        ("info", client.show_recorder_file_info, name, False),
        ("collisions_of", client.show_recorder_collisions, name, "v", "a"),
        ("blocked", client.show_recorder_actors_blocked, name, 30.5, 20.5),
        ("factor", client.set_replayer_time_factor, 2.5),
        ("hero", client.set_replayer_ignore_hero, True),
        ("spectator", client.set_replayer_ignore_spectator, False),
        ("replay", client.replay_file, "missing.log", 1.5, 2.5, 3),
        ("stop_replay", client.stop_replayer, True),
    ]


def of_batches(client: Any, car: Any, walker: Any) -> list[tuple[Any, ...]]:
    c, three, pose = carla.command, Vector3D(1, 2, 3), Transform(Location(1, 2, 3), Rotation(4, 5, 6))
    batch = [
        c.ApplyVehicleControl(car, carla.VehicleControl(throttle=0.5)),
        c.ApplyVehicleAckermannControl(car, carla.VehicleAckermannControl(speed=2.5)),
        c.ApplyWalkerControl(walker, carla.WalkerControl(three, 1.5, False)),
        c.ApplyVehiclePhysicsControl(car, car.get_physics_control()),
        c.ApplyTransform(car, pose),
        c.ApplyWalkerState(walker, pose, 1.25),
        c.ApplyTargetVelocity(car, three),
        c.ApplyTargetAngularVelocity(car, three),
        c.ApplyImpulse(car, three),
        c.ApplyForce(car, three),
        c.ApplyAngularImpulse(car, three),
        c.ApplyTorque(car, three),
        c.SetSimulatePhysics(car, True),
        c.SetEnableGravity(car, True),
        c.SetVehicleLightState(car, carla.VehicleLightState(carla.VehicleLightState.Fog)),
        c.DestroyActor(10**6),
    ]
    return [("batch", lambda: [one.error for one in client.apply_batch_sync(batch, False)])]


if __name__ == "__main__":
    main()
