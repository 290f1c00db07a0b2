"""The seam: something that plays a scenario and yields frames.

``sim.carla.CarlaSimulator`` drives a server; ``FlatWorld`` here is the public fake, for tests and for trying things out
without one: a flat, empty plane, straight road, actors as plain boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from scanyard.boxes import Boxes
from scanyard.frame import Frame, Sweep
from scanyard.geometry import FloatArray, Transform
from scanyard.roads import RoadMap
from scanyard.scenario.concrete import ConcreteScenario, Kind
from scanyard.sensors import Lidar
from scanyard.sim.choreography import TYPICAL_SIZE_M, Choreography, choreograph

CATEGORY_OF_KIND: dict[Kind, str] = {
    "car": "car",
    "van": "van",
    "truck": "truck",
    "bus": "bus",
    "motorcyclist": "motorcyclist",
    "cyclist": "cyclist",
    "adult": "pedestrian",
    "child": "pedestrian",
    "cargo": "cargo",
}


class Simulator(Protocol):
    """Plays scenarios, one after another."""

    def simulate(self, scenario: ConcreteScenario) -> Iterator[Frame]:
        """Yield the frames of one scenario: ideal sweeps, images, and ``actors`` in the ego frame.

        Right-handed.  Raises ScenarioFault when the scenario itself cannot be played and ServerError when the
        simulator broke.  Closing the iterator early cleans up.
        """
        ...


@dataclass(frozen=True)
class FlatWorld:
    """A plane, and the choreography's actors on it as boxes: LiDAR only, no server, no occlusion by scenery."""

    road_map: RoadMap

    def simulate(self, scenario: ConcreteScenario) -> Iterator[Frame]:
        """Yield frames whose sweeps are exact for the plane z = 0 and the actors' boxes."""
        choreography = choreograph(scenario, self.road_map)
        for index, timestamp_ns in enumerate(choreography.timestamps_ns):
            world_from_ego = Transform(choreography.world_from_ego[index])
            actors = _actors_ego(choreography, index, world_from_ego)
            sweeps = {lidar.name: _sweep(lidar, actors) for lidar in scenario.rig.lidars}
            yield Frame(timestamp_ns, world_from_ego, sweeps, actors=actors)


def _actors_ego(choreography: Choreography, index: int, world_from_ego: Transform) -> Boxes:
    tracks = choreography.tracks
    if not tracks:
        return Boxes.empty()
    size = np.array([TYPICAL_SIZE_M[track.kind] for track in tracks])
    pose = np.array([track.world_from_actor[index] for track in tracks])
    center = pose[:, :3, 3].copy()
    center[:, 2] += size[:, 2] / 2
    return Boxes(
        center=center,
        size=size,
        yaw_rad=np.arctan2(pose[:, 1, 0], pose[:, 0, 0]),
        category=np.array([CATEGORY_OF_KIND[track.kind] for track in tracks]),
        track=np.arange(1, len(tracks) + 1),
        velocity=np.array([track.velocity_mps[index] for track in tracks]),
    ).transformed(world_from_ego.inverse())


def _sweep(lidar: Lidar, actors: Boxes) -> Sweep:
    """Cast every beam at the plane z = 0 of the ego frame and at the boxes (slab test, Kay and Kajiya 1986)."""
    azimuth = np.pi - np.arange(lidar.firings_per_turn) * 2 * np.pi / lidar.firings_per_turn
    elevation, firing = np.meshgrid(lidar.elevation_rad, azimuth, indexing="ij")
    direction = np.stack(
        [np.cos(elevation) * np.cos(firing), np.cos(elevation) * np.sin(firing), np.sin(elevation)], axis=-1
    ).reshape(-1, 3)
    origin = np.zeros_like(direction)
    origin[:, 2] = np.repeat(lidar.z_offset_m, lidar.firings_per_turn)
    origin_ego, direction_ego = lidar.ego_from_sensor.apply(origin), lidar.ego_from_sensor.rotate(direction)

    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(direction_ego[:, 2] < 0, -origin_ego[:, 2] / direction_ego[:, 2], np.inf)
        instance = np.zeros(len(best), dtype=np.uint32)
        for i in range(len(actors)):
            hit = _box_entry(actors[i : i + 1], origin_ego, direction_ego)
            nearer = hit < best
            best[nearer], instance[nearer] = hit[nearer], i + 1
    seen = (best > lidar.min_range_m) & (best < lidar.max_range_m)
    index = np.flatnonzero(seen)
    points = origin[index] + direction[index] * best[index, None]
    period_ns = 1e9 / lidar.rotation_hz
    return Sweep(
        points=points.astype(np.float32),
        ring=(index // lidar.firings_per_turn).astype(np.uint8),
        time_offset_ns=((index % lidar.firings_per_turn) * (period_ns / lidar.firings_per_turn)).astype(np.int32),
        semantic=np.where(instance[index] > 0, 14, 1).astype(np.uint8),
        instance=instance[index],
        cos_incidence=np.ones(len(index), dtype=np.float32),
    )


def _box_entry(box: Boxes, origin: FloatArray, direction: FloatArray) -> FloatArray:
    """Distance (M,) to where each ray enters the box; infinite where it misses."""
    box_from_ego = Transform.from_xyz_rpy(box.center[0], yaw=float(box.yaw_rad[0])).inverse()
    start, way = box_from_ego.apply(origin), box_from_ego.rotate(direction)
    half = box.size[0] / 2
    low, high = (-half - start) / way, (half - start) / way
    enter = np.minimum(low, high).max(axis=1)
    leave = np.maximum(low, high).min(axis=1)
    return np.where((enter <= leave) & (enter > 0), enter, np.inf)
