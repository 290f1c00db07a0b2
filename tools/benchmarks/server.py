"""The embedded server end to end at the client, beside how fast Open3D alone casts the same rays at the same scene.

An HDL-64E with its measured beam table stands on a car in a crowd of 50 actors that all move in every frame; then a
camera of 1242x375 pixels joins it (RGB, depth, semantic and instance).  A frame counts when the unmodified ``carla``
client has every packet of it.  Then: Traffic Manager drives 100 vehicles, a process is started and asked for its world,
and sensors are spawned, read and destroyed over and over while the server's memory is watched.
"""

from __future__ import annotations

import argparse
import json
import queue
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import carla
import numpy as np
import psutil
from reference import camera_rays, frozen_scene, lidar_rays, open3d_alone
from traffic import ticks_per_s

from scanyard.fleet.launch import Server, ServerCommand
from scanyard.roads import RoadMap
from scanyard.scenario import ConcreteScenario, draw, load_scenario
from scanyard.scenario.concrete import Recording, Traffic
from scanyard.sim.actors import spawn_actors, spawn_ego
from scanyard.sim.choreography import Choreography, choreograph
from scanyard.sim.handedness import carla_transform
from scanyard.sim.packets import CAMERA_KINDS, lidar_blocks

SCENARIOS = Path("scenarios")
MAPS = (SCENARIOS / "maps").resolve()
CROWD = Traffic(vehicles=60, pedestrians=40, cyclists=10)
"""What is asked for; of those that find room the first ``ACTORS`` take part."""
ACTORS = 50
WIDTH_PX, HEIGHT_PX, FOV_DEG = 1242, 375, 81.4
"""As KITTI's left colour camera."""
TOWNS = ("city", "suburb", "harbour")
PARTS = ("lidar", "camera", "traffic", "start", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench server", description=__doc__)
    parser.add_argument("--frames", type=int, default=100, help="frames measured, LiDAR alone")
    parser.add_argument("--camera-frames", type=int, default=15, help="frames measured with the camera")
    parser.add_argument("--rounds", type=int, default=1000, help="times sensors are spawned and destroyed")
    parser.add_argument("--ticks", type=int, default=10, help="ticks in each of those rounds")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure, not all")
    options = parser.parse_args()

    found: dict[str, float] = {}
    if {"lidar", "camera"} & set(options.only):
        found |= sensor_rates(options)
    if "traffic" in options.only:
        found["tm_ticks_per_s"] = round(ticks_per_s(), 1)
        print(f"100 Traffic Manager vehicles, no sensors: {found['tm_ticks_per_s']:.0f} ticks/s")
    if "start" in options.only:
        found["start_s"] = round(seconds_to_first_world(), 2)
        print(f"from process start to the first world: {found['start_s']:.2f} s")
    if "memory" in options.only:
        with started() as server:
            peak_mib, grown_mib = memory_over_rounds(server, options.rounds, options.ticks)
        found |= {"peak_mib": round(peak_mib), "grown_mib": round(grown_mib, 1)}
        print(
            f"memory over {options.rounds} rounds of sensors and {options.rounds * options.ticks} ticks: "
            f"at most {peak_mib:.0f} MiB, {grown_mib:+.1f} MiB over the last three quarters"
        )
    print(json.dumps({"bench": "server"} | found))


def sensor_rates(options: argparse.Namespace) -> dict[str, float]:
    """Frames/s with the LiDAR alone and with the camera, beside Open3D's; what is asked for of the two."""
    stage = Stage.drawn(options.frames + 10)
    found: dict[str, float] = {}
    print(f"{'':50}{'server':>10}{'Open3D alone':>14}{'ratio':>8}   (frames/s)")
    for name, title, frames in (
        ("lidar", "HDL-64E, 50 moving actors", options.frames),
        ("camera", "... and 1242x375 RGB, depth, semantic, instance", options.camera_frames),
    ):
        if name not in options.only:
            continue
        with_camera = name == "camera"
        reference = alone(stage, with_camera=with_camera)
        with started() as server:
            rate = frames_per_s(server, stage, frames, with_camera=with_camera)
        reference = max(reference, alone(stage, with_camera=with_camera))
        print(f"{title:50}{rate:10.2f}{reference:14.2f}{rate / reference:8.2f}")
        found |= {f"{name}_ratio": round(rate / reference, 3), f"{name}_frames_per_s": round(rate, 3)}
    return found


@dataclass(frozen=True)
class Stage:
    """A street and ``ACTORS`` moving actors on it."""

    scenario: ConcreteScenario
    road_map: RoadMap
    choreography: Choreography

    @classmethod
    def drawn(cls, frames: int) -> Stage:
        rig = str(SCENARIOS / "rigs" / "kitti_lidar.yaml")
        scenario = draw(load_scenario(SCENARIOS / "cut_in_short_gap.yaml"), 1, {"rig": rig})
        scenario = replace(scenario, traffic=CROWD, recording=Recording(10.0, frames / 10.0))
        road_map = RoadMap.load(MAPS / f"{scenario.world.map}.xodr")
        choreography = choreograph(scenario, road_map)
        if len(choreography.tracks) < ACTORS:
            sys.exit(f"only {len(choreography.tracks)} actors found room, {ACTORS} are promised")
        return cls(scenario, road_map, replace(choreography, tracks=choreography.tracks[:ACTORS]))


@contextmanager
def started() -> Iterator[Server]:
    """A server with all cores to itself."""
    with (
        tempfile.TemporaryDirectory(prefix="scanyard-bench-") as logs,
        Server.start(ServerCommand.embedded(MAPS), Path(logs)) as server,
    ):
        yield server


def connected(server: Server) -> Any:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(60.0)
    return client


def alone(stage: Stage, *, with_camera: bool) -> float:
    """Open3D's frames/s."""
    scene = frozen_scene(stage.scenario, stage.road_map, stage.choreography)
    lidar = stage.scenario.rig.lidars[0]
    rays = lidar_rays(lidar, stage.choreography.world_from_ego[0])
    if not with_camera:
        return open3d_alone(scene, rays, lidar.max_range_m).sweeps_per_s
    at = np.eye(4)
    at[:3, 3] = rays[0, :3]
    ego = stage.choreography.world_from_ego[0]
    at[:2, :2] = [[ego[0, 0], ego[1, 0]], [-ego[1, 0], ego[0, 0]]]  # left-handed
    pixels = camera_rays(WIDTH_PX, HEIGHT_PX, FOV_DEG, at)
    return open3d_alone(scene, np.concatenate([rays, pixels]), 120.0, repeats=15).sweeps_per_s


def frames_per_s(server: Server, stage: Stage, frames: int, *, with_camera: bool) -> float:
    """Rate at which the client gets whole frames, in the steady state."""
    client = connected(server)
    scenario = stage.scenario
    look = f"?style={scenario.world.style}&parked={scenario.world.parked_share:g}"
    world = client.load_world(scenario.world.map + look)
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.1
    world.apply_settings(settings)
    ego = spawn_ego(world, stage.choreography)
    actors = spawn_actors(client, world, scenario, stage.choreography.tracks)
    listening = [_listening(world, ego, *sensor) for sensor in _sensors(scenario, with_camera=with_camera)]
    warm_up = 5
    for index in range(frames + warm_up):
        if index == warm_up:
            began = time.perf_counter()
        frame = index % len(stage.choreography.timestamps_ns)
        there = carla.command.ApplyTransform(ego, carla_transform(stage.choreography.world_from_ego[frame]))
        client.apply_batch_sync([there, *actors.placement(frame)], False)
        world.tick(60.0)
        for _, packets in listening:
            packets.get(timeout=60.0)
    seconds = time.perf_counter() - began
    for sensor, _ in listening:
        sensor.stop()
        sensor.destroy()
    world.apply_settings(carla.WorldSettings())
    return frames / seconds


def _sensors(scenario: ConcreteScenario, *, with_camera: bool) -> Iterator[tuple[str, dict[str, str]]]:
    (block,) = lidar_blocks(scenario.rig.lidars[0], has_beam_tables=True)
    yield "sensor.lidar.ray_cast_semantic", block.attributes
    if with_camera:
        size = {"image_size_x": str(WIDTH_PX), "image_size_y": str(HEIGHT_PX), "fov": str(FOV_DEG)}
        for blueprint_id in CAMERA_KINDS.values():
            yield blueprint_id, size


def _listening(
    world: Any, ego: Any, blueprint_id: str, attributes: dict[str, str]
) -> tuple[Any, queue.SimpleQueue[Any]]:
    """A sensor, which falls silent when nobody holds it, and its packets."""
    blueprint = world.get_blueprint_library().find(blueprint_id)
    for key, value in attributes.items():
        blueprint.set_attribute(key, value)
    sensor = world.spawn_actor(blueprint, carla.Transform(carla.Location(x=0.3, z=1.73)), attach_to=ego)
    packets: queue.SimpleQueue[Any] = queue.SimpleQueue()
    sensor.listen(packets.put)
    return sensor, packets


def seconds_to_first_world() -> float:
    """From the start of the process to the first answered ``get_world``: the median of three."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        with started() as server:
            connected(server).get_world()
            seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def memory_over_rounds(server: Server, rounds: int, ticks: int) -> tuple[float, float]:
    """Peak resident MiB over every town, and what was added from the first quarter of all rounds to the last."""
    process = psutil.Process(server.pid)
    client = connected(server)
    peak = 0.0
    for town in TOWNS:
        world = client.load_world(town)
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        world.apply_settings(settings)
        _round(world, ticks)
        peak = max(peak, _mib(process))
    held = []
    last_said = time.monotonic()
    began = last_said
    for index in range(rounds):
        _round(world, ticks)
        held.append(_mib(process))
        if time.monotonic() - last_said > 5.0 and sys.stderr.isatty():
            last_said = time.monotonic()
            left = (last_said - began) / (index + 1) * (rounds - index - 1)
            print(f"\rsensors: round {index + 1} of {rounds}, {left:.0f} s left ", end="", file=sys.stderr)
    quarter = max(1, rounds // 4)
    return max(peak, *held), float(np.median(held[-quarter:]) - np.median(held[:quarter]))


def _round(world: Any, ticks: int) -> None:
    """Spawn a sensor of each of three kinds, read it for some ticks, destroy it."""
    library = world.get_blueprint_library()
    at = world.get_map().get_spawn_points()[0]
    at.location.z += 2.0
    queues, sensors = [], []
    for name in ("sensor.lidar.ray_cast", "sensor.camera.depth", "sensor.other.imu"):
        blueprint = library.find(name)
        if name.startswith("sensor.camera"):
            blueprint.set_attribute("image_size_x", "160")
            blueprint.set_attribute("image_size_y", "120")
        sensor = world.spawn_actor(blueprint, at)
        packets: queue.SimpleQueue[Any] = queue.SimpleQueue()
        sensor.listen(packets.put)
        sensors.append(sensor)
        queues.append(packets)
    for _ in range(ticks):
        world.tick(60.0)
        for packets in queues:
            packets.get(timeout=60.0)
    for sensor in sensors:
        sensor.stop()
        sensor.destroy()


def _mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 2**20)


if __name__ == "__main__":
    main()
