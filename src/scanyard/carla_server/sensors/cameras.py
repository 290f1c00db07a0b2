"""Pinhole cameras: colour, depth, semantic and instance pictures of one pose from one cast.

The four kinds at one pose share the primary rays; colour adds a shadow ray per sunlit pixel.  Left-handed sensor frame:
x along the optical axis, y right, z up.  Glass is opaque to cameras: it shows the sky it mirrors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.wire import WeatherParameters
from scanyard.carla_server.scene.scene import Candidate, Hits, Placed, Scene
from scanyard.carla_server.sensors.lighting import Light, developed, fogged, shade, sky_color
from scanyard.carla_server.surfaces.materials import Tag

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]
Kind = Literal["rgb", "depth", "semantic", "instance"]

FAR_M = 1000.0  # what CARLA's depth camera reports for the sky
_NEAR_M = 0.05
_LIFT_M = 0.01  # shadow rays start this far off their surface


@dataclass(frozen=True)
class _Pinhole:
    width: int
    height: int
    fov_deg: float

    @property
    def focal_px(self) -> float:
        return self.width / (2 * float(np.tan(np.deg2rad(self.fov_deg) / 2)))


@dataclass(frozen=True)
class _View:
    """What each of H * W pixels hit, row by row from the top left."""

    rays: Array32
    """(H * W, 6), origins relative to ``anchor``."""
    anchor: Floats
    hits: Hits


def camera(
    scene: Scene,
    kind: Kind,
    attributes: Mapping[str, str],
    world_from_sensor: Floats,
    weather: WeatherParameters,
    *,
    parent_id: int = 0,
    tick: object = None,
) -> NDArray[np.uint8]:
    """The picture (H, W, 4) uint8, channels B, G, R, A, of one camera.

    ``depth``: metres along the optical axis = 1000 * (R + 256 G + 65536 B) / (2**24 - 1).  ``semantic``: R is the tag.
    ``instance``: R is the tag, G the low and B the high byte of the actor id.  Rays ignore the actor ``parent_id``.
    """
    del tick  # a picture depends on where things are, not on when
    pinhole = _Pinhole(
        int(float(attributes.get("image_size_x", "800"))), int(float(attributes.get("image_size_y", "600"))),
        float(attributes.get("fov", "90")),
    )  # fmt: skip
    pose = np.asarray(world_from_sensor, dtype=np.float64)
    view = scene.remembered((pose.tobytes(), pinhole, parent_id), lambda: _look(scene, pinhole, pose, parent_id))
    picture = np.full((pinhole.height, pinhole.width, 4), 255, np.uint8)
    flat = picture.reshape(-1, 4)
    if kind == "rgb":
        flat[:, 2::-1] = _colors(scene, view, Light.of(weather), float(attributes.get("gamma", "2.2")))
    elif kind == "depth":
        flat[:, :3] = _encoded_depth(view.hits.range_m, pose, view.rays)
    else:
        flat[:, :3] = 0
        flat[:, 2] = np.where(np.isfinite(view.hits.range_m), view.hits.tag, Tag.SKY)
        if kind == "instance":
            flat[:, 1] = view.hits.instance & 0xFF
            flat[:, 0] = (view.hits.instance >> 8) & 0xFF
    return picture


def _look(scene: Scene, pinhole: _Pinhole, pose: Floats, parent_id: int) -> _View:
    anchor = scene.anchor(pose[:3, 3])
    local = _directions(pinhole)
    turn = pose[:3, :3].astype(np.float32)
    rays = np.empty((local.shape[1], 6), np.float32)
    rays[:, :3] = (pose[:3, 3] - anchor).astype(np.float32)
    for i in range(3):
        rays[:, 3 + i] = turn[i, 0] * local[0] + turn[i, 1] * local[1] + turn[i, 2] * local[2]
    candidates = _candidates(scene.placed, pinhole, pose, parent_id)
    return _View(rays, anchor, scene.cast_near(rays, anchor, candidates, look=True))


@lru_cache(maxsize=4)
def _directions(pinhole: _Pinhole) -> Array32:
    """Unit directions (3, H * W) through the pixels' middles, sensor frame."""
    right = (np.arange(pinhole.width) + 0.5 - pinhole.width / 2) / pinhole.focal_px
    up = -(np.arange(pinhole.height) + 0.5 - pinhole.height / 2) / pinhole.focal_px
    grid = np.stack(np.broadcast_arrays(1.0, right[None, :], up[:, None])).reshape(3, -1)
    return np.asarray(grid / np.linalg.norm(grid, axis=0), dtype=np.float32)


def _candidates(placed: Placed, pinhole: _Pinhole, pose: Floats, parent_id: int) -> Iterator[Candidate]:
    """For each actor, the rectangle of pixels its box projects into."""
    if not len(placed.actor_id):
        return
    corners = (placed.corners - pose[:3, 3]) @ pose[:3, :3]
    ahead = corners[..., 0]
    middle = corners.mean(axis=1)
    nearest = np.linalg.norm(middle, axis=1) - np.linalg.norm(corners - middle[:, None], axis=2).max(axis=1) - 1e-3
    for k in np.flatnonzero((ahead.max(axis=1) > _NEAR_M) & (placed.actor_id != parent_id)):
        left, top, right, bottom = 0, 0, pinhole.width, pinhole.height
        if ahead[k].min() > _NEAR_M:  # else part of it is behind the image plane: any pixel may see it
            u = pinhole.width / 2 + pinhole.focal_px * corners[k, :, 1] / ahead[k]
            v = pinhole.height / 2 - pinhole.focal_px * corners[k, :, 2] / ahead[k]
            left, right = max(left, int(u.min()) - 1), min(right, int(u.max()) + 2)
            top, bottom = max(top, int(v.min()) - 1), min(bottom, int(v.max()) + 2)
        if left < right and top < bottom:
            rows = (np.arange(top, bottom)[:, None] * pinhole.width + np.arange(left, right)[None]).ravel()
            yield Candidate(int(k), rows, float(nearest[k]))


def _colors(scene: Scene, view: _View, light: Light, gamma: float) -> NDArray[np.uint8]:
    """(H * W, 3) uint8, R, G, B."""
    hits = view.hits
    found = np.isfinite(hits.range_m)
    sky, rows = np.flatnonzero(~found), np.flatnonzero(found)
    color = np.empty((len(found), 3), np.float32)
    color[sky] = sky_color(light, view.rays[sky, 3:])
    direction = view.rays[rows, 3:]
    point = view.rays[rows, :3] + direction * hits.range_m[rows, None]
    lit = _in_sun(scene, view, light, rows, point)
    world = point + (view.anchor % 1000.0).astype(np.float32)
    shaded = shade(light, hits, rows, direction=direction, point=world, lit=lit)
    color[rows] = fogged(light, shaded, hits.range_m[rows])
    if light.fog_per_m > 1e-4:
        color[sky] = fogged(light, color[sky], 60.0 / np.clip(view.rays[sky, 5], 0.05, 1))
    return developed(light, color, gamma)


def _in_sun(scene: Scene, view: _View, light: Light, rows: Rows, point: Array32) -> Array32:
    """(K,) 1 where the sun reaches the hits in ``rows``, else 0."""
    lit = np.zeros(len(rows), np.float32)
    if light.sun.max() <= 0.02:
        return lit
    normal, direction = view.hits.normal[rows], view.rays[rows, 3:]
    away = np.where(np.einsum("ki,ki->k", normal, direction) > 0, np.float32(-1), np.float32(1))
    toward = (normal @ light.to_sun) * away
    open_rows = np.flatnonzero(toward > 1e-3)
    start = point[open_rows] + normal[open_rows] * (away[open_rows, None] * np.float32(_LIFT_M))
    start32: Array32 = start.astype(np.float32)
    rays = np.concatenate([start32, np.broadcast_to(light.to_sun, start32.shape)], axis=1)
    shadows = _shadow_candidates(scene.placed, view.anchor, light.to_sun, start32)
    blocked = np.isfinite(scene.cast_near(rays, view.anchor, shadows).range_m)
    lit[open_rows] = ~blocked
    return lit


def _shadow_candidates(placed: Placed, anchor: Floats, to_sun: Array32, start: Array32) -> Iterator[Candidate]:
    """For each actor, the points (K, 3) that may lie in its shadow: those near it, seen from the sun."""
    if not len(placed.actor_id):
        return
    side = np.array([-to_sun[1], to_sun[0], 0.0])
    side = side / np.linalg.norm(side) if np.linalg.norm(side) > 1e-6 else np.array([1.0, 0.0, 0.0])
    other = np.cross(to_sun, side)
    u, v = start @ side.astype(np.float32), start @ other.astype(np.float32)
    corners = placed.corners - anchor
    cu, cv = corners @ side, corners @ other
    low_u, high_u, low_v, high_v = cu.min(axis=1), cu.max(axis=1), cv.min(axis=1), cv.max(axis=1)
    for k in range(len(corners)):
        near = (u >= low_u[k]) & (u <= high_u[k])
        near &= (v >= low_v[k]) & (v <= high_v[k])
        rows = np.flatnonzero(near)
        if len(rows):
            yield Candidate(k, rows, 0.0)


def _encoded_depth(range_m: Array32, pose: Floats, rays: Array32) -> NDArray[np.uint8]:
    """(M, 3) uint8, B, G, R, of the distance along the optical axis."""
    forward = pose[:3, 0].astype(np.float32)
    ahead = rays[:, 3] * forward[0] + rays[:, 4] * forward[1] + rays[:, 5] * forward[2]
    depth = np.minimum(np.where(np.isfinite(range_m), range_m, FAR_M) * np.where(np.isfinite(range_m), ahead, 1), FAR_M)
    code = np.round(depth.astype(np.float64) / FAR_M * (2**24 - 1)).astype(np.uint32)
    return np.stack([(code >> 16) & 0xFF, (code >> 8) & 0xFF, code & 0xFF], axis=1).astype(np.uint8)
