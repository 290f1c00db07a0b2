"""How well a hundred vehicles keep the rules of a town with traffic lights, driven by the client's own Traffic Manager.

The client plans, the server moves: a car that leaves its lane, runs a red light, overlaps another or stands for minutes
shows that what the server tells (lights, limits, poses, speeds) or does with the controls is wrong.  Everything is read
through the official client, ten times a second of the simulation.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from traffic import served

from scanyard.roads.client import carla

Floats = NDArray[np.float64]

TICK_S, TICKS_PER_LOOK = 0.05, 2
TOLERATED_M = 0.3
"""Beyond half a lane's width from the middle of the nearest lane, a vehicle's middle has left the road."""
STANDING_MPS = 0.1
STUCK_S = 60.0
"""Longer than any light of ours stays red."""
DEEP_M = 0.1
"""Boxes of vehicles nose to tail may touch by rounding; this deep they are in one another."""


@dataclass
class Record:
    """What was seen, in vehicles and looks."""

    looks: int = 0
    off_lane: int = 0
    off_lane_vehicles: set[int] = field(default_factory=set)
    worst_off_m: float = 0.0
    ran_red: set[tuple[int, int]] = field(default_factory=set)
    """Vehicle and look."""
    passed_lines: int = 0
    overlapping: set[tuple[int, int]] = field(default_factory=set)
    """Pairs of vehicles."""
    speeds: list[float] = field(default_factory=list)
    longest_standing_s: float = 0.0
    stuck: int = 0


class StopLines:
    """Where lanes with a light enter their junction, and who does so while the light is red.

    The client's stop waypoints lie in the middle of a light's trigger volume, not where the lane ends.
    """

    def __init__(self, lights: list[Any]) -> None:
        self.lights = lights
        lines = [(n, _lane_end(one)) for n, light in enumerate(lights) for one in light.get_stop_waypoints()]
        self.light = np.array([n for n, _ in lines], np.int64)
        transforms = [one.transform for _, one in lines]
        self.spot = np.array([_xyz(one.location) for one in transforms]).reshape(-1, 3)
        self.ahead = np.array([_xyz(one.get_forward_vector()) for one in transforms]).reshape(-1, 3)
        self.half_m = np.array([one.lane_width / 2 for _, one in lines])
        self._beyond: Floats | None = None

    def crossed(self, middle: Floats) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Rows (K,) of vehicles whose middle (V, 3) passed a line since the last look, and whether on red."""
        offset = middle[:, None] - self.spot
        along = np.einsum("vlk,lk->vl", offset, self.ahead)
        across = np.linalg.norm(offset - along[..., None] * self.ahead, axis=2)
        before, self._beyond = self._beyond, along
        if before is None or not len(self.spot):
            return np.zeros(0, np.int64), np.zeros(0, bool)
        red = np.array([light.get_state() == carla.TrafficLightState.Red for light in self.lights], bool)
        vehicle, line = np.nonzero((before < 0.0) & (along >= 0.0) & (along < 5.0) & (across < self.half_m))
        return vehicle, red[self.light[line]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/bench traffic_rules", description=__doc__)
    parser.add_argument("--map", default="city")
    parser.add_argument("--vehicles", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=120.0, help="of the simulation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=21450)
    options = parser.parse_args()
    with served(options.map, options.port):
        record, vehicles, lights = drive(options)
    off_share = record.off_lane / max(record.looks, 1)
    mean_speed = float(np.mean(record.speeds)) if record.speeds else 0.0
    rows = (
        ("vehicles", f"{vehicles}"),
        ("lights", f"{lights}"),
        ("mean speed", f"{mean_speed:.1f} m/s"),
        ("off their lane", f"{len(record.off_lane_vehicles)} vehicles, {100 * off_share:.2f} % of looks"),
        ("farthest off", f"{record.worst_off_m:.2f} m"),
        ("ran a red light", f"{len(record.ran_red)} of {record.passed_lines} passages"),
        ("in one another", f"{len(record.overlapping)} pairs"),
        ("stuck at the end", f"{record.stuck}, longest standing {record.longest_standing_s:.0f} s"),
    )
    for name, value in rows:
        print(f"{name:18}{value}")
    print(
        json.dumps(
            {
                "bench": "traffic_rules",
                "map": options.map,
                "vehicles": vehicles,
                "lights": lights,
                "mean_speed_mps": round(mean_speed, 2),
                "off_lane_vehicles": len(record.off_lane_vehicles),
                "off_lane_share": round(off_share, 5),
                "worst_off_m": round(record.worst_off_m, 2),
                "ran_red": len(record.ran_red),
                "passed_lines": record.passed_lines,
                "overlapping_pairs": len(record.overlapping),
                "stuck": record.stuck,
                "longest_standing_s": round(record.longest_standing_s, 1),
            }
        )
    )


def drive(options: argparse.Namespace) -> tuple[Record, int, int]:
    """Let the Traffic Manager drive, and watch; the record, how many vehicles there were, and how many lights."""
    client = carla.Client("127.0.0.1", options.port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, TICK_S
    world.apply_settings(settings)
    world.tick()
    manager = client.get_trafficmanager(options.port + 5)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(options.seed)
    vehicles = _spawned(client, world, options.vehicles, manager.get_port())
    for _ in range(20):
        world.tick()
    lights = list(world.get_actors().filter("traffic.traffic_light"))
    watch = Watch(world.get_map(), vehicles, StopLines(lights))
    for _ in range(int(options.seconds / TICK_S / TICKS_PER_LOOK)):
        for _ in range(TICKS_PER_LOOK):
            world.tick()
        watch.look()
    client.apply_batch_sync([carla.command.DestroyActor(one) for one in vehicles], True)
    manager.set_synchronous_mode(False)
    settings.synchronous_mode = False
    world.apply_settings(settings)
    return watch.record, len(vehicles), len(lights)


class Watch:
    """Looks at all vehicles, and keeps the record."""

    def __init__(self, town: Any, vehicles: list[Any], lines: StopLines) -> None:
        self.record = Record()
        self._town, self._vehicles, self._lines = town, vehicles, lines
        self._half = np.array([_xyz(one.bounding_box.extent)[:2] for one in vehicles]).reshape(-1, 2)
        self._standing_s = np.zeros(len(vehicles))

    def look(self) -> None:
        """Judge this moment."""
        record = self.record
        transforms = [one.get_transform() for one in self._vehicles]
        middle = np.array([_xyz(one.location) for one in transforms]).reshape(-1, 3)
        yaw = np.deg2rad([one.rotation.yaw for one in transforms])
        speed = np.array([one.get_velocity().length() for one in self._vehicles])
        record.looks += len(middle)
        record.speeds.append(float(speed.mean()))
        for row, place in enumerate(transforms):
            off_m = self._off_lane_m(place.location)
            if off_m > TOLERATED_M:
                record.off_lane += 1
                record.off_lane_vehicles.add(row)
            record.worst_off_m = max(record.worst_off_m, off_m)
        who, on_red = self._lines.crossed(middle)
        record.passed_lines += len(who)
        record.ran_red |= {(int(row), record.looks) for row in who[on_red]}
        record.overlapping |= overlapping(middle, yaw, self._half)
        self._standing_s = np.where(speed < STANDING_MPS, self._standing_s + TICK_S * TICKS_PER_LOOK, 0.0)
        record.longest_standing_s = max(record.longest_standing_s, float(self._standing_s.max(initial=0.0)))
        record.stuck = int((self._standing_s > STUCK_S).sum())

    def _off_lane_m(self, location: Any) -> float:
        """How far beyond half a lane's width from the nearest lane's middle; nothing inside junctions."""
        waypoint = self._town.get_waypoint(location)
        if waypoint.is_junction:
            return 0.0
        return float(location.distance_2d(waypoint.transform.location) - waypoint.lane_width / 2)


def overlapping(middle: Floats, yaw: Floats, half: Floats) -> set[tuple[int, int]]:
    """Pairs of upright boxes, middles (V, 3) and half sizes (V, 2), that are deeper than ``DEEP_M`` in one another."""
    axes = np.stack([np.c_[np.cos(yaw), np.sin(yaw)], np.c_[-np.sin(yaw), np.cos(yaw)]], axis=1)
    first, second = np.triu_indices(len(middle), 1)
    apart = middle[second] - middle[first]
    reach = np.linalg.norm(half, axis=1)
    near = (np.linalg.norm(apart[:, :2], axis=1) < reach[first] + reach[second]) & (np.abs(apart[:, 2]) < 1.5)
    first, second, apart = first[near], second[near], apart[near, :2]
    separated = np.zeros(len(first), bool)
    for box in (first, second):
        for k in (0, 1):
            axis = axes[box, k]
            width = sum(
                (np.abs(np.einsum("pij,pj->pi", axes[one], axis)) * half[one]).sum(axis=1) for one in (first, second)
            )
            separated |= np.abs((apart * axis).sum(axis=1)) > width - DEEP_M
    return set(zip(first[~separated].tolist(), second[~separated].tolist(), strict=True))


def _lane_end(waypoint: Any) -> Any:
    """The last waypoint before the junction ahead."""
    for _ in range(100):
        ahead = waypoint.next(0.5)
        if not ahead or ahead[0].is_junction:
            return waypoint
        waypoint = ahead[0]
    return waypoint


def _spawned(client: Any, world: Any, wanted: int, manager_port: int) -> list[Any]:
    library = [
        one for one in world.get_blueprint_library().filter("vehicle.*") if one.get_attribute("base_type") == "car"
    ]
    library.sort(key=lambda one: one.id)
    spawn_at = world.get_map().get_spawn_points()
    step = max(1, len(spawn_at) // wanted)
    batch = [
        carla.command.SpawnActor(library[n % len(library)], place).then(
            carla.command.SetAutopilot(carla.command.FutureActor, True, manager_port)
        )
        for n, place in enumerate(spawn_at[::step][:wanted])
    ]
    answers = client.apply_batch_sync(batch, True)
    return list(world.get_actors([answer.actor_id for answer in answers if not answer.has_error()]))


def _xyz(vector: Any) -> tuple[float, float, float]:
    return vector.x, vector.y, vector.z


if __name__ == "__main__":
    main()
