"""What the official client does against a server, in a process of its own: python carla_client_script.py NAME PORT.

Prints one JSON value.  The client can abort its process, so it never runs inside pytest.
"""

from __future__ import annotations

import queue
import sys
import time
from typing import Any

import carla
import numpy as np
from farewell import say_and_leave


def connected(port: int) -> Any:
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(10.0)
    return client


def synchronous(world: Any, delta_s: float = 0.1) -> Any:
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = delta_s
    world.apply_settings(settings)
    return world


def place(x: float, y: float, yaw: float = 0.0, z: float = 0.0) -> Any:
    return carla.Transform(carla.Location(x, y, z), carla.Rotation(yaw=yaw))


def refusal(call: Any, *arguments: Any) -> str:
    try:
        call(*arguments)
    except RuntimeError as error:
        return str(error)
    return "done"


def look_around(client: Any) -> Any:
    world = client.get_world()
    before = world.id
    world = client.load_world("straight?style=5&parked=0.5")
    library = world.get_blueprint_library()
    [parked] = world.get_environment_objects(carla.CityObjectLabel.Car)
    hit = world.ground_projection(carla.Location(3.0, 4.0, 9.0), 20.0)
    return {
        "version": client.get_server_version(),
        "maps": client.get_available_maps(),
        "map": world.get_map().name,
        "is_new_episode": world.id != before,
        "spawn_points": len(world.get_map().get_spawn_points()),
        "waypoint_y": world.get_map().get_waypoint(carla.Location(50.0, -8.0, 0.0)).transform.location.y,
        "vehicles": len(library.filter("vehicle.*")),
        "tags": sorted(library.find("vehicle.tesla.model3").tags),
        "camera": sorted(a.id for a in library.find("sensor.camera.rgb") if a.id in ("fov", "gamma", "tint")),
        "parked": [parked.id, parked.name, parked.bounding_box.location.y, parked.transform.rotation.yaw],
        "level_boxes": len(world.get_level_bbs(carla.CityObjectLabel.Car)),
        "ground": [hit.location.x, hit.location.y, hit.location.z, int(hit.label)],
        "ray": [int(point.label) for point in world.cast_ray(carla.Location(0, 0, 5), carla.Location(0, 0, -5))],
        "weather": world.get_weather() == carla.WeatherParameters.ClearNoon,
        "unknown_map": refusal(client.load_world, "moon"),
        "actors": [actor.type_id for actor in world.get_actors()],
    }


def tick_fifty_times(client: Any) -> Any:
    world = synchronous(client.get_world(), 0.05)
    frames, deltas, seconds = [], [], []
    for _ in range(50):
        frames.append(world.tick(5.0))
        stamp = world.get_snapshot().timestamp
        deltas.append(stamp.delta_seconds)
        seconds.append(stamp.elapsed_seconds)
        assert stamp.frame == frames[-1]
    return {"frames": frames, "deltas": deltas, "elapsed_s": seconds[-1] - seconds[0]}


def move_a_batch(client: Any) -> Any:
    world = synchronous(client.load_world("straight"))
    library = world.get_blueprint_library()
    car = library.find("vehicle.audi.a2")
    cars = [world.spawn_actor(car, place(10.0 * i, 0.0)) for i in range(5)]
    refused = refusal(world.spawn_actor, car, place(10.0, 0.5))
    world.tick()
    commands = [carla.command.ApplyTransform(one, place(10.0 * i, 3.0 + i, 30.0)) for i, one in enumerate(cars)]
    commands.append(carla.command.ApplyTargetVelocity(cars[0], carla.Vector3D(1.0, -2.0, 0.0)))
    commands.append(carla.command.SetSimulatePhysics(cars[0], False))
    commands.append(carla.command.DestroyActor(9999))
    answers = client.apply_batch_sync(commands, False)
    lamp = carla.VehicleLightState(carla.VehicleLightState.Brake)
    cars[1].set_light_state(lamp)
    cars[2].apply_control(carla.VehicleControl(throttle=0.5, steer=-0.25, hand_brake=True))
    weather = carla.WeatherParameters(fog_falloff=0.7, wetness=80.0, sun_altitude_angle=-5.0)
    world.set_weather(weather)
    world.tick()
    poses = [one.get_transform() for one in cars]
    velocity = cars[0].get_velocity()
    control = cars[2].get_control()
    spawn = carla.command.SpawnActor(car, place(80.0, 0.0)).then(
        carla.command.ApplyTransform(carla.command.FutureActor, place(80.0, 7.0))
    )
    [born] = client.apply_batch_sync([spawn], True)
    deadline = time.monotonic() + 5.0
    while (late := world.get_actor(born.actor_id)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    box = cars[0].bounding_box
    forward = cars[0].get_transform().get_forward_vector()
    return {
        "refused": refused,
        "answers": [[answer.actor_id, answer.error] for answer in answers],
        "ids": [one.id for one in cars],
        "poses": [[pose.location.x, pose.location.y, pose.rotation.yaw] for pose in poses],
        "forward_y": forward.y,
        "velocity": [velocity.x, velocity.y],
        "control": [control.throttle, control.steer, control.hand_brake],
        "lights": int(cars[1].get_light_state()),
        "weather": [
            world.get_weather().fog_falloff,
            world.get_weather().wetness,
            world.get_weather().sun_altitude_angle,
        ],
        "born_y": late.get_transform().location.y,
        "box": [box.extent.x, box.location.z],
        "destroyed": cars[3].destroy(),
        "left": (world.tick(), len(world.get_actors().filter("vehicle.*")))[1],
        "is_alive": [cars[3].is_alive, cars[4].is_alive],
    }


def listen(client: Any) -> Any:
    world = synchronous(client.load_world("straight"))
    library = world.get_blueprint_library()
    car = world.spawn_actor(library.find("vehicle.audi.a2"), place(0.0, 0.0, 90.0))
    target = world.spawn_actor(library.find("vehicle.audi.tt"), place(0.0, 20.0))
    sensors, packets = {}, {}
    for name in ("lidar.ray_cast_semantic", "lidar.ray_cast", "camera.rgb", "camera.depth",
                 "camera.semantic_segmentation", "camera.instance_segmentation"):  # fmt: skip
        blueprint = library.find(f"sensor.{name}")
        if "camera" in name:
            blueprint.set_attribute("image_size_x", "64")
            blueprint.set_attribute("image_size_y", "32")
        sensors[name] = world.spawn_actor(blueprint, place(0.0, 0.0, 0.0, 1.5), attach_to=car)
        packets[name] = queue.Queue()
        sensors[name].listen(packets[name].put)
    matches = []
    for _ in range(10):
        frame = world.tick()
        received = {name: packet.get(timeout=5.0) for name, packet in packets.items()}
        matches.append([one.frame - frame for one in received.values()])
    semantic = next(iter(received["lidar.ray_cast_semantic"]))
    plain = next(iter(received["lidar.ray_cast"]))
    image = received["camera.rgb"]
    pixels = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
    heading = received["lidar.ray_cast_semantic"].transform.rotation.yaw
    for sensor in sensors.values():
        sensor.stop()
    world.tick()
    answers = client.apply_batch_sync([carla.command.DestroyActor(one) for one in sensors.values()], False)
    gone = [car.destroy(), target.destroy()]
    world.tick()
    return {
        "matches": matches,
        "semantic": [semantic.point.x, semantic.point.y, semantic.point.z, semantic.object_idx == target.id,
                     semantic.object_tag],
        "channels": [received["lidar.ray_cast_semantic"].channels,
                     received["lidar.ray_cast_semantic"].get_point_count(0)],
        "intensity": plain.intensity,
        "pixels": [*pixels.shape, *pixels[0, 0, :2].tolist(), *pixels[-1, -1, :2].tolist()],
        "red": int(pixels[0, 0, 2]),
        "fov": image.fov,
        "heading": heading,
        "destroyed": [answer.error for answer in answers] + gone,
        "left": len(world.get_actors()),
    }  # fmt: skip


def asynchronous_then_synchronous(client: Any) -> Any:
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode = False
    settings.fixed_delta_seconds = None
    world.apply_settings(settings)
    first = world.wait_for_tick(5.0).frame
    second = world.wait_for_tick(5.0).frame
    world.tick(5.0)
    frames = []
    for _ in range(3):
        synchronous(world, 0.1)
        a, b = world.tick(5.0), world.tick(5.0)
        frames.append(b - a)
        settings.fixed_delta_seconds = None
        world.apply_settings(settings)
        world.wait_for_tick(5.0)
    return {"moves_on": second > first, "steps": frames}


def vanish(client: Any) -> Any:
    """Listens to a sensor, ticks without end, and waits to be killed."""
    world = synchronous(client.load_world("straight"))
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    world.spawn_actor(blueprint, place(0.0, 0.0)).listen(lambda image: time.sleep(0.01))
    print("ticking", flush=True)  # noqa: T201 - the test waits for it
    while True:
        world.tick()


def tick_through_cuts(client: Any) -> Any:
    """Ticks while its stream connections are cut, and says how far it came."""
    world = synchronous(client.load_world("straight"))
    gnss = world.spawn_actor(world.get_blueprint_library().find("sensor.camera.rgb"), place(0.0, 0.0))
    seen: list[int] = []
    gnss.listen(lambda image: seen.append(image.frame))
    frames = [world.tick()]
    print("ticking", flush=True)  # noqa: T201 - the test waits for it, and cuts
    until = time.monotonic() + 2.0
    while time.monotonic() < until:
        frames.append(world.tick(10.0))
        time.sleep(0.01)
    last = world.tick()
    deadline = time.monotonic() + 5.0
    while (not seen or seen[-1] < last) and time.monotonic() < deadline:
        time.sleep(0.01)
    gnss.stop()
    gnss.destroy()
    return {"frames": frames, "last_seen": seen[-1] - last, "snapshot": world.get_snapshot().frame - last}


def two_worlds(client: Any) -> Any:
    """A second client of the same process sees what the first does."""
    other = connected(int(sys.argv[2]))
    world = synchronous(client.load_world("straight"))
    watched = other.get_world()
    car = world.spawn_actor(world.get_blueprint_library().find("vehicle.audi.a2"), place(5.0, 6.0))
    frame = world.tick()
    deadline = time.monotonic() + 5.0
    while watched.get_snapshot().frame < frame and time.monotonic() < deadline:
        time.sleep(0.005)
    seen = watched.get_actor(car.id)
    return {"seen": [seen.type_id, seen.get_transform().location.y], "frames": watched.get_snapshot().frame - frame}


STORIES = {
    one.__name__: one
    for one in (
        look_around,
        tick_fifty_times,
        move_a_batch,
        listen,
        asynchronous_then_synchronous,
        vanish,
        two_worlds,
        tick_through_cuts,
    )
}

if __name__ == "__main__":
    say_and_leave(STORIES[sys.argv[1]](connected(int(sys.argv[2]))))
