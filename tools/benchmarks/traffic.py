"""How fast the embedded server ticks with a hundred vehicles under the client's own Traffic Manager, and how it starts.

Everything a user waits for is included: the client's planning, the batch of controls, motion and contacts, the snapshot
and its way back.  Nothing is sensed.  Beside the rate it says how the vehicles drove, because a rate of vehicles that
stand in a heap is worth nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from scanyard.roads.client import carla

STEP_S = 0.05
WARM_UP_TICKS = 100
LANE_HALF_M = 1.75


@dataclass(frozen=True)
class Drive:
    """What a drive of many vehicles was like."""

    ticks_per_s: float
    vehicles: int
    mean_speed_mps: float
    median_off_lane_m: float
    p95_off_lane_m: float
    """Distance of vehicles from the middle of the nearest lane, outside junctions."""
    left_lane: int
    """Times a vehicle was further from any lane's middle than half a lane, sampled once per second."""
    touched: int
    """Pairs that touched."""
    server_ms: float
    """Processor time of the server per tick."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench traffic", description=__doc__)
    parser.add_argument("--map", default="city")
    parser.add_argument("--vehicles", type=int, default=100)
    parser.add_argument("--ticks", type=int, default=1000)
    parser.add_argument("--port", type=int, default=21400)
    options = parser.parse_args()
    start_s = time_to_first_world(options.map, options.port)
    with served(options.map, options.port + 10) as server:
        drive = drive_with_traffic_manager(server, options.port + 10, options.vehicles, options.ticks)
        peak_mib = server.memory_info().rss / 2**20
    columns = f"{'map':12}{'vehicles':>9}{'ticks/s':>9}{'server ms':>11}{'m/s':>7}"
    print(f"{columns}{'off lane p95':>14}{'touched':>9}{'MiB':>7}")
    print(
        f"{options.map:12}{drive.vehicles:9d}{drive.ticks_per_s:9.1f}{drive.server_ms:11.2f}{drive.mean_speed_mps:7.2f}"
        f"{drive.p95_off_lane_m:12.2f} m{drive.touched:9d}{peak_mib:7.0f}"
    )
    print(f"from process start to the first world: {start_s:.2f} s")
    print(
        json.dumps(
            {
                "bench": "traffic",
                "tm_ticks_per_s": round(drive.ticks_per_s, 1),
                "start_s": round(start_s, 2),
                "peak_mib": round(peak_mib),
                "server_ms": round(drive.server_ms, 2),
                "vehicles": drive.vehicles,
                "mean_speed_mps": round(drive.mean_speed_mps, 2),
                "off_lane_p95_m": round(drive.p95_off_lane_m, 2),
                "left_lane": drive.left_lane,
                "touched": drive.touched,
            }
        )
    )


def ticks_per_s(town: str = "city", port: int = 21400) -> float:
    """Ticks per second of a server of its own with a hundred vehicles and no sensors, for other benchmarks."""
    with served(town, port) as server:
        return drive_with_traffic_manager(server, port, 100, 1000).ticks_per_s


def time_to_first_world(town: str, port: int) -> float:
    """Seconds from the start of a server process until ``get_world`` is answered."""
    began = time.perf_counter()
    with served(town, port):
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(30.0)
        client.get_world()
        return time.perf_counter() - began


@contextmanager
def served(town: str, port: int) -> Iterator[psutil.Process]:
    """A server process on a port, ended afterwards; it may not answer yet."""
    command = [sys.executable, "-m", "scanyard.carla_server", f"-carla-rpc-port={port}", "--map", town]
    process = subprocess.Popen([*command, "--die-with-parent"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_port(process, port)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10.0)


def drive_with_traffic_manager(server: psutil.Process, port: int, wanted: int, ticks: int) -> Drive:
    """Let the client's Traffic Manager drive ``wanted`` vehicles, or as many as there are places for."""
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    manager = client.get_trafficmanager(port + 5)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(1)
    vehicles = _spawn(client, world, wanted, manager.get_port())
    touched: set[tuple[int, int]] = set()
    for _ in range(WARM_UP_TICKS):
        world.tick()
    town = world.get_map()
    off_lane: list[float] = []
    speeds: list[float] = []
    elapsed_s, busy_s, remaining = 0.0, 0.0, ticks
    while remaining > 0:
        count = min(20, remaining)
        began, busy_before = time.perf_counter(), _busy_s(server)
        for _ in range(count):
            world.tick()
        elapsed_s += time.perf_counter() - began
        busy_s += _busy_s(server) - busy_before
        remaining -= count
        for vehicle in vehicles:
            off_lane += _off_lane(town, vehicle)
            speeds.append(vehicle.get_velocity().length())
        touched |= _overlapping(vehicles)
    client.apply_batch_sync([carla.command.DestroyActor(one) for one in vehicles], True)
    manager.set_synchronous_mode(False)
    settings.synchronous_mode = False
    world.apply_settings(settings)
    off_lane.sort()
    return Drive(
        ticks / elapsed_s,
        len(vehicles),
        sum(speeds) / len(speeds),
        off_lane[len(off_lane) // 2],
        off_lane[int(0.95 * len(off_lane))],
        sum(one > LANE_HALF_M for one in off_lane),
        len(touched),
        1e3 * busy_s / ticks,
    )


def _spawn(client: Any, world: Any, wanted: int, manager_port: int) -> list[Any]:
    library = [
        one for one in world.get_blueprint_library().filter("vehicle.*") if one.get_attribute("base_type") == "car"
    ]
    places = world.get_map().get_spawn_points()
    batch = []
    for number, place in enumerate(places[:wanted]):
        blueprint = library[number % len(library)]
        place.location.z += 0.3
        spawn = carla.command.SpawnActor(blueprint, place)
        batch.append(spawn.then(carla.command.SetAutopilot(carla.command.FutureActor, True, manager_port)))
    answers = client.apply_batch_sync(batch, True)
    return list(world.get_actors([answer.actor_id for answer in answers if not answer.has_error()]))


def _off_lane(town: Any, vehicle: Any) -> list[float]:
    """Metres from the middle of the nearest lane, none in junctions."""
    location = vehicle.get_location()
    waypoint = town.get_waypoint(location)
    if waypoint is None or waypoint.is_junction:
        return []
    middle = waypoint.transform.location
    return [math.hypot(location.x - middle.x, location.y - middle.y)]


def _overlapping(vehicles: list[Any]) -> set[tuple[int, int]]:
    """Pairs whose middles are nearer than two cars can be."""
    known = [(vehicle.id, vehicle.get_location()) for vehicle in vehicles]
    return {
        (a, b)
        for i, (a, first) in enumerate(known)
        for b, second in known[i + 1 :]
        if abs(first.x - second.x) < 1.2 and abs(first.y - second.y) < 1.2 and abs(first.z - second.z) < 1.0
    }


def _busy_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with code {process.returncode}; is port {port} free?")
        try:
            with socket.create_connection(("127.0.0.1", port), 0.2):
                return
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"no server on port {port} after a minute")


if __name__ == "__main__":
    main()
