"""Our shapes where real cars stood: the same place, heading and size, seen by the same beams through the same noise.

A twin differs from its original in nothing but its shape, so whatever two clouds of points differ in is the shape's.
Nothing stands in the way of either.  The ray casting is the server's (``bodies``, ``panes``), the noise and the
drop-out are those of every data set (``realism``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from real_cars import FLOOR_M, MARGIN_M, in_box_frame

from scanyard.carla_server.scene.bodies import Bodies
from scanyard.carla_server.sensors.lidar import Tick, beams_of
from scanyard.carla_server.shapes.catalogue import Shape
from scanyard.carla_server.surfaces.materials import TAG
from scanyard.carla_server.surfaces.panes import salt_of
from scanyard.frame import Sweep
from scanyard.geometry import Transform
from scanyard.profiles import load_profile
from scanyard.randomness import stream
from scanyard.realism import apply
from scanyard.sensors import Lidar
from scanyard.sim.packets import lidar_blocks

Floats = NDArray[np.float64]

_PROFILE = load_profile("hdl64e")
_LIDAR = Lidar.of_profile("top", _PROFILE, Transform.identity(), rotation_hz=10.0)


def seen(shape: Shape, center: Floats, yaw_rad: float, key: str, *, floor_m: float = FLOOR_M) -> Floats:
    """What the HDL-64E returns (M, 3) of ``shape``, in the frame of its own box; metres, y to the left.

    ``center`` (3,) is the middle of the box in the LiDAR's frame, right-handed.  ``key`` names the noise.
    """
    height = 2 * shape.extent[2]
    (block,) = lidar_blocks(_LIDAR, has_beam_tables=True)
    beams = beams_of(block.attributes, Tick(0, 0.0, 0.1))
    pose = np.eye(4)
    cos, sin = np.cos(-yaw_rad), np.sin(-yaw_rad)  # the server is left-handed
    pose[:2, :2] = [[cos, -sin], [sin, cos]]
    pose[:3, 3] = [center[0], -center[1], center[2] - shape.center[2]]  # people's origin is their middle

    heading = np.arctan2(pose[1, 3], pose[0, 3])
    near = max(float(np.hypot(*pose[:2, 3])), 1.0)
    aside = np.arcsin(min(1.0, float(np.hypot(shape.extent[0], shape.extent[1]) + 0.5) / near))
    channels, firings = beams.shape
    columns = np.abs((beams.azimuth_rad - heading + np.pi) % (2 * np.pi) - np.pi) <= aside
    index = np.flatnonzero(np.tile(columns, channels))
    origin = np.zeros((3, len(index)))
    origin[2] = np.repeat(beams.z_offset_m, firings)[index]
    direction = beams.direction[:, index].astype(float)
    rays = np.concatenate([pose[:3, :3].T @ (origin - pose[:3, 3:]), pose[:3, :3].T @ direction]).astype(np.float32)
    bodies = Bodies([shape])
    hits = bodies.cast(rays, np.zeros(len(index), np.int64), ray_index=index, salt=salt_of(pose))

    hit = np.isfinite(hits.range_m) & (hits.face < len(bodies.mesh.faces))  # those lost behind glass have no face
    travelled = hits.range_m[hit].astype(float)
    points = origin[:, hit] + travelled * direction[:, hit]
    normal = hits.normal[hit].astype(float)
    sweep = Sweep(
        points=(points * np.array([[1.0], [-1.0], [1.0]])).T,
        ring=(index[hit] // firings).astype(np.uint8),
        semantic=TAG[bodies.material[hits.face[hit]]],
        instance=np.ones(hit.sum(), np.uint32),
        cos_incidence=np.abs(np.einsum("mi,im->m", normal, rays[3:, hit].astype(float))),
    )
    rng = stream("twin", key)
    reported = apply(sweep, _LIDAR, _PROFILE, rng, paint_seed=int(rng.integers(2**31)))
    local = in_box_frame(reported.points.astype(float), np.asarray(center, dtype=float), yaw_rad, height)
    half = np.array(shape.extent) + MARGIN_M
    inside = (np.abs(local[:, :2]) <= half[:2]).all(axis=1) & (local[:, 2] <= height + MARGIN_M)
    return np.asarray(local[inside & (local[:, 2] > floor_m)])
