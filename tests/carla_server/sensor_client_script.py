"""What the official client hears of every sensor: python sensor_client_script.py NAME PORT, in a process of its own.

Prints one JSON value, as ``carla_client_script`` does.
"""

from __future__ import annotations

import hashlib
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import carla
import numpy as np
from carla_client_script import connected, place, synchronous
from farewell import say_and_leave

FRAMES = 14
DELTA_S = 0.1
EGO_MPS = 9.0


def road(x: float, y: float = -8.25, z: float = 0.3, yaw: float = 0.0) -> Any:
    return place(x, y, yaw, z)


SMALL = {
    "sensor.camera": {"image_size_x": "96", "image_size_y": "48"},
    "sensor.lidar": {"range": "60", "points_per_second": "20000", "channels": "16"},
    "sensor.other.obstacle": {"distance": "40"},
}


def noisy(blueprint: Any) -> Any:
    """The same sensor, small, and with noise wherever it takes any."""
    for start, values in SMALL.items():
        if blueprint.id.startswith(start):
            for name, value in values.items():
                blueprint.set_attribute(name, value)
    for attribute in blueprint:
        if "stddev" in attribute.id or "bias" in attribute.id or attribute.id.startswith("sigma_"):
            blueprint.set_attribute(attribute.id, "0.01")
        elif attribute.id == "noise_seed":
            blueprint.set_attribute("noise_seed", "5")
    return blueprint


def essence(data: Any) -> bytes:
    """What of a measurement must be the same each time."""
    if isinstance(data, carla.DVSEventArray):  # its times count from the beginning of the episode, so leave them out
        events = np.frombuffer(data.raw_data, [("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("up", "?")])
        return events["x"].tobytes() + events["y"].tobytes() + events["up"].tobytes()
    if hasattr(data, "raw_data"):
        return bytes(data.raw_data)
    known = []
    for name in ("latitude", "longitude", "altitude", "compass", "distance"):
        known.append(getattr(data, name, None))
    for name in ("accelerometer", "gyroscope", "normal_impulse"):
        if hasattr(data, name):
            vector = getattr(data, name)
            known += [vector.x, vector.y, vector.z]
    if hasattr(data, "other_actor"):
        known.append(data.other_actor.type_id)
    return repr(known).encode()


class Ears:
    """Listens to sensors and keeps what they said, by name."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.heard: dict[str, list[Any]] = {}
        self.sensors: list[Any] = []

    def add(
        self, name: str, blueprint: Any, pose: Any, carrier: Any = None, keep: Callable[[Any], Any] = essence
    ) -> Any:
        sensor = self.world.spawn_actor(blueprint, pose, attach_to=carrier)
        self.heard[name] = []
        sensor.listen(lambda data: self.heard[name].append((data.frame, keep(data))))
        self.sensors.append(sensor)
        return sensor

    def tick(self, times: int) -> list[int]:
        """Frames, each heard of by everyone before the next: in synchronous mode the server waits for its readers."""
        return [self.world.tick(20.0) for _ in range(times)]

    def silence(self) -> None:
        time.sleep(0.3)
        for sensor in self.sensors:
            sensor.stop()
            sensor.destroy()


def traffic(world: Any) -> tuple[Any, Any, Any]:
    """A car that drives into another, and someone beside the road."""
    library = world.get_blueprint_library()
    ego = world.spawn_actor(library.find("vehicle.audi.a2"), road(20.0))
    target = world.spawn_actor(library.find("vehicle.audi.tt"), road(32.0))
    walker = world.spawn_actor(library.find("walker.pedestrian.0001"), road(30.0, -4.0, 1.0, 90.0))
    ego.enable_constant_velocity(carla.Vector3D(EGO_MPS, 0.0, 0.0))
    walker.apply_control(carla.WalkerControl(carla.Vector3D(0.0, 1.0, 0.0), 1.5))
    return ego, target, walker


def digests(client: Any) -> Any:
    """Every sensor there is, with noise, and what it said in each frame."""
    world = synchronous(client.load_world("straight"), DELTA_S)
    ego, _, walker = traffic(world)
    library, ears = world.get_blueprint_library(), Ears(world)
    roof, bumper = place(0.3, 0.0, 0.0, 1.9), place(2.2, 0.0, 0.0, 0.8)
    for blueprint in sorted(library.filter("sensor.*"), key=lambda one: one.id):
        if blueprint.id != "sensor.other.lane_invasion":
            ears.add(blueprint.id, noisy(blueprint), bumper if "obstacle" in blueprint.id else roof, ego)
    lidar = library.find("sensor.lidar.ray_cast_semantic")
    for name, value in (("firing_time", "true"), ("returns", "2"), ("range", "60"), ("points_per_second", "40000")):
        lidar.set_attribute(name, value)
    on_ego = ears.add("moving lidar", lidar, roof, ego)
    ears.add("imu on lidar", noisy(library.find("sensor.other.imu")), place(0, 0), on_ego)
    ears.add("gnss on walker", noisy(library.find("sensor.other.gnss")), place(0, 0), walker)
    ears.add("radar in the world", noisy(library.find("sensor.other.radar")), road(45.0, -8.0, 1.0, 180.0))
    first = ears.tick(FRAMES)[0]
    ears.silence()
    return {
        name: [[frame - first, hashlib.sha256(data).hexdigest()] for frame, data in said]
        for name, said in ears.heard.items()
    }


def measurements(client: Any) -> Any:
    """What the sensors without pictures say of a known drive."""
    world = synchronous(client.load_world("straight"), DELTA_S)
    ego, target, _ = traffic(world)
    library, ears, town = world.get_blueprint_library(), Ears(world), world.get_map()

    def located(data: Any) -> Any:
        there = town.transform_to_geolocation(data.transform.location)
        return [data.latitude - there.latitude, data.longitude - there.longitude, data.altitude - there.altitude]

    def vectors(data: Any) -> Any:
        return [[one.x, one.y, one.z] for one in (data.accelerometer, data.gyroscope)] + [data.compass]

    def detections(data: Any) -> Any:
        found = np.frombuffer(data.raw_data, "<f4").reshape(-1, 4)
        assert [found[0, 0], found[0, 1]] == [data[0].velocity, data[0].azimuth]
        return [found[:, 0].min().item(), np.median(found[np.abs(found[:, 0]) > 0.5, 0]).item(), len(found)]

    def struck(data: Any) -> Any:
        return [data.actor.id, data.other_actor.id, math.hypot(data.normal_impulse.x, data.normal_impulse.y)]

    def ahead(data: Any) -> Any:
        return [data.actor.id, data.other_actor.id, data.distance]

    bumper = place(2.2, 0.0, 0.0, 0.8)
    gnss, seldom = library.find("sensor.other.gnss"), library.find("sensor.other.gnss")
    seldom.set_attribute("sensor_tick", "0.4")
    obstacle, radar = library.find("sensor.other.obstacle"), library.find("sensor.other.radar")
    obstacle.set_attribute("distance", "30")
    ears.add("gnss", gnss, place(0, 0, 0, 1.5), ego, located)
    ears.add("seldom", seldom, place(0, 0), ego, lambda data: 1)
    ears.add("imu", library.find("sensor.other.imu"), place(0, 0), ego, vectors)
    ears.add("radar", radar, bumper, ego, detections)
    ears.add("collision", library.find("sensor.other.collision"), place(0, 0), ego, struck)
    ears.add("obstacle", obstacle, bumper, ego, ahead)
    ears.add("standing radar", radar, road(45.0, -8.0, 1.0, 180.0), None, detections)
    first = ears.tick(FRAMES)[0]
    ears.silence()
    heard = {name: [[frame - first, said] for frame, said in all_said] for name, all_said in ears.heard.items()}
    return heard | {"ego": ego.id, "target": target.id}


def lanes_without_marks(client: Any) -> Any:
    """A map that leaves its road marks out would end this process, were it told as it is."""
    return lanes(client, "other")


def lanes(client: Any, town: str = "straight") -> Any:
    """A car that changes lanes hears of the mark it crosses, without any stream."""
    world = synchronous(client.load_world(town), DELTA_S)
    library = world.get_blueprint_library()
    car = world.spawn_actor(library.find("vehicle.audi.a2"), road(20.0))
    crossed: list[int] = []
    sensor = world.spawn_actor(library.find("sensor.other.lane_invasion"), place(0, 0), attach_to=car)
    sensor.listen(lambda event: crossed.append(len(event.crossed_lane_markings)))
    for k in range(12):
        car.set_transform(road(20.0 + k, -8.25 - 0.35 * k))
        world.tick()
    time.sleep(0.5)
    sensor.stop()
    sensor.destroy()
    return crossed


def record_and_replay(client: Any) -> Any:
    """A recorded drive, played back in a world where none of it is."""
    world = synchronous(client.load_world("straight"), DELTA_S)
    path = client.start_recorder("drive.log", True)
    ego, target, walker = traffic(world)
    ids = {"ego": ego.id, "target": target.id, "walker": walker.id}
    driven = []
    for _ in range(FRAMES):
        world.tick()
        driven.append({name: pose_of(one) for name, one in (("ego", ego), ("target", target), ("walker", walker))})
    client.stop_recorder()
    info = client.show_recorder_file_info("drive.log", False)
    collisions = client.show_recorder_collisions("drive.log", "v", "v")
    blocked = client.show_recorder_actors_blocked("drive.log", 0.5, 20.0)
    world = synchronous(client.load_world("straight"), DELTA_S)
    told = client.replay_file("drive.log", 0.0, 0.0, 0)
    replayed = []
    for _ in range(FRAMES - 3):  # and stop before the end, after which actors stay
        world.tick()
        actors = world.get_actors()
        by_type = {"ego": "vehicle.audi.a2", "target": "vehicle.audi.tt", "walker": "walker.pedestrian.0001"}
        replayed.append({name: [pose_of(one) for one in actors.filter(kind)] for name, kind in by_type.items()})
    client.set_replayer_time_factor(2.0)
    client.set_replayer_ignore_hero(True)
    client.set_replayer_ignore_spectator(True)
    client.stop_replayer(False)
    world.tick()
    left = len(world.get_actors().filter("vehicle.*"))
    client.set_replayer_time_factor(1.0)
    client.set_replayer_ignore_hero(False)
    missing = client.show_recorder_file_info("nothing.log", False)
    return {"path": path, "ids": ids, "driven": driven, "info": info, "collisions": collisions, "blocked": blocked,
            "told": told, "replayed": replayed, "left": left, "missing": missing}  # fmt: skip


def pose_of(actor: Any) -> list[float]:
    pose, speed = actor.get_transform(), actor.get_velocity()
    return [pose.location.x, pose.location.y, pose.location.z, pose.rotation.yaw, speed.x, speed.y]


STORIES = {one.__name__: one for one in (digests, measurements, lanes, lanes_without_marks, record_and_replay)}

if __name__ == "__main__":
    say_and_leave(STORIES[sys.argv[1]](connected(int(sys.argv[2]))))
