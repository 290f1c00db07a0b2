"""What benchmarks are measured against: Open3D alone, casting the same rays at the same scene, frozen.

All triangles lie in one Open3D scene that is built beforehand; nothing but the rays is cast into it.  In CARLA's
left-handed world.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.context import Tick
from scanyard.carla_server.sensors.lidar import beams_of
from scanyard.carla_server.shapes.catalogue import shape_for
from scanyard.carla_server.surfaces.open3d_library import load_open3d
from scanyard.carla_server.world.blueprints import library
from scanyard.roads import RoadMap
from scanyard.scenario import ConcreteScenario
from scanyard.sensors import Lidar
from scanyard.sim.choreography import Choreography
from scanyard.sim.packets import lidar_blocks

Floats = NDArray[np.float64]

BLUEPRINT_OF_KIND = {
    "car": "vehicle.audi.a2",
    "van": "vehicle.volkswagen.t2",
    "truck": "vehicle.carlamotors.carlacola",
    "bus": "vehicle.mitsubishi.fusorosa",
    "motorcyclist": "vehicle.kawasaki.ninja",
    "cyclist": "vehicle.bh.crossbike",
    "adult": "walker.pedestrian.0001",
    "child": "walker.pedestrian.0009",
    "cargo": "static.prop.box01",
}
_MIRROR = np.diag([1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Rate:
    """How fast Open3D alone is."""

    sweeps_per_s: float
    rays: int
    triangles: int

    @property
    def rays_per_s(self) -> float:
        return self.rays * self.sweeps_per_s


def open3d_alone(scene: Scene, rays: NDArray[np.float32], reach_m: float, repeats: int = 40) -> Rate:
    """Median rate at which ``rays`` (M, 6) are cast at all triangles within ``reach_m`` of the first one's origin."""
    open3d = load_open3d()
    vertices, faces = scene.triangles(rays[0, :3].astype(np.float64), reach_m)
    caster = open3d.t.geometry.RaycastingScene()
    caster.add_triangles(*(open3d.core.Tensor.from_numpy(np.ascontiguousarray(part)) for part in (vertices, faces)))
    tensor = open3d.core.Tensor.from_numpy(rays)
    caster.cast_rays(tensor)  # builds the BVH
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        caster.cast_rays(tensor)
        seconds.append(time.perf_counter() - began)
    return Rate(1.0 / float(np.median(seconds)), len(rays), len(faces))


def frozen_scene(scenario: ConcreteScenario, road_map: RoadMap, choreography: Choreography) -> Scene:
    """The street of ``scenario`` with all its actors where they begin."""
    scene = Scene(road_map, style=scenario.world.style, parked_share=scenario.world.parked_share)
    blueprints = [library()[BLUEPRINT_OF_KIND[track.kind]] for track in choreography.tracks]
    shapes = [shape_for(blueprint.id, {}, blueprint.shape) for blueprint in blueprints]
    poses = np.array([_MIRROR @ track.world_from_actor[0] @ _MIRROR for track in choreography.tracks])
    scene.place(list(range(1, len(shapes) + 1)), shapes, poses)
    return scene


def lidar_rays(lidar: Lidar, world_from_ego: Floats) -> NDArray[np.float32]:
    """The rays (M, 6) of one sweep of ``lidar`` on an ego at ``world_from_ego`` (4, 4), right-handed."""
    world_from_sensor = _MIRROR @ world_from_ego @ lidar.ego_from_sensor.matrix @ _MIRROR
    (block,) = lidar_blocks(lidar, has_beam_tables=True)
    beams = beams_of(block.attributes, Tick(0, 0.0, 1.0 / lidar.rotation_hz))
    starts = np.zeros((len(beams.direction[0]), 3))
    starts[:, 2] = np.repeat(beams.z_offset_m, beams.shape[1])
    return _world_rays(starts, beams.direction.T.astype(np.float64), world_from_sensor)


def camera_rays(width_px: int, height_px: int, fov_deg: float, world_from_camera: Floats) -> NDArray[np.float32]:
    """The rays (W * H, 6) through the middle of each pixel of a CARLA camera at ``world_from_camera`` (4, 4)."""
    focal = width_px / 2 / np.tan(np.radians(fov_deg) / 2)
    u, v = np.meshgrid(np.arange(width_px) + 0.5 - width_px / 2, np.arange(height_px) + 0.5 - height_px / 2)
    ahead = np.stack([np.full(u.size, focal), u.ravel(), -v.ravel()], axis=1)
    return _world_rays(np.zeros_like(ahead), ahead / np.linalg.norm(ahead, axis=1, keepdims=True), world_from_camera)


def _world_rays(starts: Floats, directions: Floats, world_from_sensor: Floats) -> NDArray[np.float32]:
    turn, at = world_from_sensor[:3, :3], world_from_sensor[:3, 3]
    return np.concatenate([starts @ turn.T + at, directions @ turn.T], axis=1).astype(np.float32)
