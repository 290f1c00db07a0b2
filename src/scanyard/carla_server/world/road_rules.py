"""What the road tells those who drive on it: lights and signs as actors, and each vehicle's limit and light.

Signals are there from the first frame of an episode, with ids right after the spectator's.  They have no body of their
own here: what sensors see of them is part of the street.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from scanyard.carla_server.motion.standing import GroundBelow
from scanyard.carla_server.motion.stepping import Motion
from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.poses import Floats
from scanyard.carla_server.protocol.wire import ActorDescription
from scanyard.carla_server.surfaces.materials import Tag
from scanyard.carla_server.world.population import Population
from scanyard.carla_server.world.traffic_lights import TrafficLights
from scanyard.carla_server.world.trigger_volumes import NONE, actor_pose, box_of, told_from_m, volumes_of
from scanyard.roads import RoadMap, Signal

FALL_M = 2.0
"""Posts stand on the first ground below this much above the road, kerbs included."""
OFF_ROAD_M = 8.0
"""Farther from any lane no limit is known, and the last one holds."""
USUAL_KMH = 30.0
"""What the reference server says before a vehicle has passed a sign."""
ON_OTHER_LEVEL = 3.0
"""A metre up counts as so many aside: under a bridge the road below tells the limit."""


class RoadRules:
    """The signals of one episode."""

    def __init__(self, road_map: RoadMap, population: Population, ground_below: GroundBelow) -> None:
        signals = road_map.signals
        is_light = np.array([signal.kind == "light" for signal in signals], bool)
        lights = [signal for signal in signals if signal.kind == "light"]
        self.lights = TrafficLights(lights, road_map.light_groups, lambda: _feet(lights, ground_below))
        self._population = population
        ids = [self._stand(signal) for signal in signals]
        self.lights.ids[:] = np.array(ids, np.uint32)[is_light]
        self.ids = frozenset(ids)
        """Of all signals; they stay as long as the episode."""
        limits = road_map.speed_limits
        self._kmh = limits.kmh
        self._lanes = cKDTree(_stretched(limits.points * [1.0, -1.0, 1.0])) if len(limits.kmh) else None
        self._volumes = volumes_of(lights, told_from_m(self._limits_at(_stops(lights))).tolist())
        self._show(population.motion)

    def _stand(self, signal: Signal) -> int:
        """Add a signal's actor."""
        pose = actor_pose(signal)
        actor = self._population.add(ActorDescription(0, _type_id(signal)), pose)
        actor.trigger_volume = box_of(signal, pose)._replace(actor_id=actor.id)
        actor.tags = bytes([Tag.TRAFFIC_LIGHT if signal.kind == "light" else Tag.TRAFFIC_SIGNS])
        if signal.kind != "light":
            self._population.motion.table.state[actor.row] = signal.id.encode()[:31].ljust(54, b"\0")
        return actor.id

    def advance(self, delta_s: float) -> None:
        """Let the lights go on, and tell every vehicle its limit and its light; after motion, before the snapshot."""
        self.lights.advance(delta_s)
        motion = self._population.motion
        self._show(motion)
        vehicles, table = motion.vehicles, motion.table
        if not len(vehicles.rows):
            return
        told = vehicles.told
        places = _middles_and_fronts(motion)
        light = self._volumes.containing(places)
        at_light = light != NONE
        told["at_light"] = at_light
        # Away from lights green: anything else makes Traffic Manager stop at every junction.
        told["light_state"] = packets.GREEN
        told["light_id"] = 0
        told["light_state"][at_light] = self.lights.state[light[at_light]]
        told["light_id"][at_light] = self.lights.ids[light[at_light]]
        told["speed_limit"] = self._limits_at(places[:, 0], otherwise=told["speed_limit"])
        table.state[vehicles.rows] = told.view(table.state.dtype)

    def _limits_at(self, places: Floats, otherwise: Floats | float = USUAL_KMH) -> Floats:
        """(M,) km/h at places (M, 3)."""
        found = np.full(len(places), otherwise, dtype=np.float64)
        if self._lanes is not None:
            distance, lane = self._lanes.query(_stretched(places), distance_upper_bound=OFF_ROAD_M)
            known = np.isfinite(distance)
            found[known] = self._kmh[lane[known]]
        return found

    def _show(self, motion: Motion) -> None:
        if len(self.lights):
            motion.table.state[np.searchsorted(motion.table.ids, self.lights.ids)] = self.lights.records()


def _feet(signals: Sequence[Signal], ground_below: GroundBelow) -> Floats:
    """(N, 3) where posts meet the ground, kerbs included; at the road's height where there is none."""
    feet = np.array([(x, -y, z) for x, y, z in (signal.position for signal in signals)]).reshape(-1, 3)
    below = ground_below(feet + np.array([0.0, 0.0, FALL_M]))
    feet[:, 2] = np.where(np.isfinite(below), below, feet[:, 2])
    return feet


def _stops(signals: Sequence[Signal]) -> Floats:
    """(N, 3) where the first lane of each signal has its stop line, or its post stands; left-handed world."""
    places = [signal.lanes[0].center if signal.lanes else signal.position for signal in signals]
    return np.array([(x, -y, z) for x, y, z in places]).reshape(-1, 3)


def _type_id(signal: Signal) -> str:
    if signal.kind == "light":
        return "traffic.traffic_light"
    if signal.kind == "limit":
        return f"traffic.speed_limit.{round(signal.limit_kmh or 0.0)}"
    return f"traffic.{signal.kind}"


def _middles_and_fronts(motion: Motion) -> Floats:
    """(V, 2, 3) of each vehicle the middle and the middle of the front bumper, world."""
    table, rows = motion.table, motion.vehicles.rows
    pose, center, extent = table.pose[rows], table.center[rows], table.extent[rows]
    yaw, pitch = np.deg2rad(pose[:, 4]), np.deg2rad(pose[:, 3])
    forward = np.stack([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)], axis=-1)
    middle = pose[:, :3] + forward * center[:, :1]
    return np.stack([middle, middle + forward * extent[:, :1]], axis=1)


def _stretched(points: Floats) -> Floats:
    return np.asarray(points * [1.0, 1.0, ON_OTHER_LEVEL])
