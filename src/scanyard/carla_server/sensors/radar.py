"""Radar: rays thrown at random into a cone, each with the speed at which what it met goes away.

CARLA's cone is an ellipse in the plane across the axis: a ray's share of the half angles' tangents is uniform in
radius, so returns crowd in the middle.  Depth is metres along the ray; azimuth grows to the right and altitude upwards,
radians; a velocity below 0 comes nearer, which is how CARLA's own viewer paints it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.sensors.context import Context, noise, number
from scanyard.carla_server.sensors.rays import cast

Floats = NDArray[np.float64]

MAX_RAYS = 1_000_000


def radar(scene: Any, attributes: Mapping[str, str], world_from_sensor: Floats, context: Context) -> Sequence[Chunks]:
    """One message: velocity, azimuth, altitude and depth of each ray that met something."""
    wanted = number(attributes, "points_per_second", 1500.0) * context.tick.delta_s
    count = max(1, min(int(wanted + 1e-6), MAX_RAYS))  # as CARLA truncates, but for rounding
    draw = noise("radar", attributes, world_from_sensor, context)
    local = cone(draw, count, *(number(attributes, f"{name}_fov", 30.0) for name in ("horizontal", "vertical")))
    direction = local @ world_from_sensor[:3, :3].T
    reach_m = number(attributes, "range", 100.0)
    origin = np.broadcast_to(world_from_sensor[:3, 3], direction.shape)
    hits = cast(scene, origin, direction, reach_m=reach_m, but=context.unseen_ids)
    met = np.flatnonzero(hits.range_m <= reach_m)
    depth = hits.range_m[met].astype(np.float64)
    points = world_from_sensor[:3, 3] + direction[met] * depth[:, None]
    away = speed_away(context, hits.instance[met], points, direction[met])
    azimuth, altitude = np.arctan2(local[met, 1], local[met, 0]), np.arcsin(local[met, 2])
    detections = np.stack([away, azimuth, altitude, depth], axis=1).astype("<f4")
    return [packets.detections(context.opening(packets.RADAR), detections)]


def cone(draw: np.random.Generator, count: int, horizontal_fov_deg: float, vertical_fov_deg: float) -> Floats:
    """Unit directions (M, 3) in the sensor's frame."""
    angle, share = draw.random(count) * math.tau, draw.random(count)
    right = math.tan(math.radians(min(horizontal_fov_deg, 179.0)) / 2) * share * np.cos(angle)
    up = math.tan(math.radians(min(vertical_fov_deg, 179.0)) / 2) * share * np.sin(angle)
    aimed = np.stack([np.ones(count), right, up], axis=1)
    return np.asarray(aimed / np.linalg.norm(aimed, axis=1, keepdims=True))


def speed_away(context: Context, actor_ids: NDArray[np.integer[Any]], points: Floats, direction: Floats) -> Floats:
    """m/s (M,) at which what stands at ``points`` (M, 3) goes away along ``direction`` (M, 3).

    The body's own speed there, its turning included, less the sensor's; both over the last frame.
    """
    motions = context.motions
    sensor = motions.row_of(context.sensor_id)
    own = motions.velocity[sensor] if sensor is not None else np.zeros(3)
    moved = np.zeros_like(points)
    if len(motions.now.ids):
        rows = np.minimum(np.searchsorted(motions.now.ids, actor_ids), len(motions.now.ids) - 1)
        hit = np.flatnonzero((motions.now.ids[rows] == actor_ids) & (actor_ids > 0))
        now, before = motions.now.world_from_actor[rows[hit]], motions.before[rows[hit]]
        local = np.einsum("nji,nj->ni", now[:, :3, :3], points[hit] - now[:, :3, 3])
        was = np.einsum("nij,nj->ni", before[:, :3, :3], local) + before[:, :3, 3]
        moved[hit] = (points[hit] - was) / motions.now.delta_s
    return np.asarray(np.einsum("ni,ni->n", moved - own, direction))
