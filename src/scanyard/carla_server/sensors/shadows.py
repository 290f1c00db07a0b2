"""How much of the sun and of the sky reaches what a camera sees.

Shadow rays are cast for every second pixel of every second row, sky rays for every fourth of every fourth, and what
they find is spread to the pixels between by averaging only over neighbours at a like distance: so shadows keep to the
surface they fall on.  What a stranger would get wrong: each sky ray goes into another direction of a 4 × 4 pattern, and
only the mean over such a block means anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.placed import Candidate, Placed
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors import finishes
from scanyard.carla_server.sensors.lighting import Color, Light
from scanyard.carla_server.sensors.spreading import block_mean, doubled, softened
from scanyard.carla_server.sensors.view import View

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]

LIFT_M = 0.015  # rays start so far off their surface, and a little more where it is far away
LIFT_PER_M = 4e-4
CROWD_M = 3.5  # what is farther away hides too little of the sky to be seen
SHADOW_REACH_M = 160.0
CROWD_SEEN_M = 60.0  # and what is so far away is too small in the picture
BOUNCED = 0.22  # of the sky's light reaches the deepest corner by way of its walls


@dataclass(frozen=True)
class Openness:
    """How much light reaches each of M pixels' surfaces."""

    sun: Array32 | None
    """(M,) share of the sunlight, 0 in shadow; None where the sun throws no shadows worth the name."""
    sky: Array32
    """(M,) share of the sky's light, never 0: some comes back from what hides the sky."""


def openness_of(scene: Scene, view: View, light: Light) -> Openness:
    """Cast for the shadows of a view."""
    return Openness(
        _sunlight(scene, view, light) if light.is_sunny else None,
        np.float32(BOUNCED) + np.float32(1 - BOUNCED) * _skylight(scene, view),
    )


def _sunlight(scene: Scene, view: View, light: Light) -> Array32:
    """Share (M,) of the sunlight that reaches each pixel's surface: 1 in the sun, 0 in shadow."""
    height, width = view.shape
    grid = _grid(height, width, 2)
    range_m, normal, thin = _sampled(scene, view, grid)
    cosine = normal[0] * light.to_sun[0] + normal[1] * light.to_sun[1] + normal[2] * light.to_sun[2]
    # Light comes through leaves from behind, so their rays start on the other side.
    behind = thin & (cosine < 0)
    normal *= np.where(behind, np.float32(-1), np.float32(1))
    lit_side = (cosine > 0) | behind
    asked = np.flatnonzero(lit_side & (range_m < SHADOW_REACH_M))
    start = _lifted(view, grid[asked], normal.take(asked, axis=1), range_m[asked])
    toward = np.repeat(np.array(light.to_sun, np.float32)[:, None], len(asked), axis=1)
    candidates = _in_shadow_of(scene.placed, view.anchor, light.to_sun, start)
    blocked = scene.shadowed(start, toward, view.anchor, candidates)
    lit = np.where(range_m < SHADOW_REACH_M, np.float32(0), np.float32(1))
    lit[asked] = ~blocked
    samples = -(-height // 2), -(-width // 2)
    depth = view.range_m.reshape(height, width)
    weight = lit_side.astype(np.float32).reshape(samples)
    soft = softened(lit.reshape(samples), weight, depth[::2, ::2])
    return doubled(soft, weight, depth).reshape(-1)


def _skylight(scene: Scene, view: View) -> Array32:
    """Share (M,) of the sky that nothing within a few metres hides from each pixel's surface, 0 to 1."""
    height, width = view.shape
    grid = _grid(height, width, 4)
    samples = -(-height // 4), -(-width // 4)
    range_m, normal, _ = _sampled(scene, view, grid)
    asked = np.flatnonzero(range_m < CROWD_SEEN_M)
    start = _lifted(view, grid[asked], normal.take(asked, axis=1), range_m[asked])
    point = np.full(normal.shape, np.float32(1e6))  # the sky is like nothing else
    point[:, asked] = start
    i, j = np.divmod(asked, samples[1])
    toward = _scattered(normal.take(asked, axis=1), (i % 4) * 4 + j % 4)
    near = _beside(scene.placed, view.anchor, start)
    is_open = np.ones(len(grid), np.float32)
    is_open[asked] = ~scene.shadowed(start, toward, view.anchor, near, reach_m=CROWD_M, coherent=False)
    depth = view.range_m.reshape(height, width)
    mean = block_mean(is_open.reshape(samples), point.reshape(3, *samples), normal.reshape(3, *samples))
    finer = doubled(mean, np.ones_like(mean), depth[::2, ::2])
    return doubled(finer, np.ones_like(finer), depth).reshape(-1)


def _sampled(scene: Scene, view: View, grid: Rows) -> tuple[Array32, Array32, NDArray[np.bool_]]:
    """Range (K,), normal (3, K) on the camera's side, and whether light shines through (K,), of the pixels ``grid``."""
    face = view.look.face.take(grid).astype(np.intp)
    faces = view.faces
    normal = faces.normal.take(face, axis=1)
    thin = finishes.LEAFY.take(faces.material.take(face))
    actors = view.look.actors
    if actors is not None:
        place = np.full(len(view.range_m), -1, np.int32)
        place[actors.rows] = np.arange(len(actors.rows), dtype=np.int32)
        which = place.take(grid)
        here = np.flatnonzero(which >= 0)
        which = which[here]
        turn = scene.placed.world_from_actor[:, :3, :3].astype(np.float32).reshape(-1, 9).T
        turn = turn.take(actors.place[which], axis=1)
        x, y, z = actors.normal[which].T
        for i in range(3):
            normal[i, here] = turn[3 * i] * x + turn[3 * i + 1] * y + turn[3 * i + 2] * z
        thin[here] = False
    seen = view.direction.take(grid, axis=1)
    away = normal[0] * seen[0] + normal[1] * seen[1] + normal[2] * seen[2] > 0
    normal *= np.where(away, np.float32(-1), np.float32(1))
    return view.range_m.take(grid), normal, thin


@lru_cache(maxsize=8)
def _grid(height: int, width: int, step: int) -> Rows:
    """Pixels at every ``step``-th column of every ``step``-th row."""
    return (np.arange(0, height, step)[:, None] * width + np.arange(0, width, step)[None]).ravel()


def _lifted(view: View, rows: Rows, normal: Array32, range_m: Array32) -> Array32:
    """Points (3, K) just off the surfaces that the pixels ``rows`` (K,) see, on the side of ``normal`` (3, K)."""
    point = view.direction.take(rows, axis=1)
    point *= range_m
    point += view.eye[:, None]
    point += normal * (np.float32(LIFT_M) + np.float32(LIFT_PER_M) * range_m)
    return np.asarray(point)


@lru_cache(maxsize=1)
def _pattern() -> Array32:
    """(3, 16) directions about +z, spread so that each stands for an equal share of a matt surface's light."""
    order = np.array([0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5])  # neighbours look far apart
    share = (order + 0.5) / 16
    angle = 2 * np.pi * ((order * 0.61803398875) % 1.0)
    flat = np.sqrt(share) * 0.97
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), np.sqrt(1 - flat**2)]).astype(np.float32)


def _scattered(normal: Array32, which: NDArray[np.integer]) -> Array32:
    """Directions (3, K) about ``normal`` (3, K), each the ``which``-th of the pattern; frames by Duff et al. (2017)."""
    x, y, z = normal
    sign = np.where(z < 0, np.float32(-1), np.float32(1))
    a = -1 / (sign + z)
    b = x * y * a
    local = _pattern().take(which, axis=1)
    return np.stack(
        [
            local[0] * (1 + sign * x * x * a) + local[1] * b + local[2] * x,
            local[0] * (sign * b) + local[1] * (sign + y * y * a) + local[2] * y,
            local[0] * (-sign * x) - local[1] * y + local[2] * z,
        ]
    )


def _in_shadow_of(placed: Placed, anchor: Floats, to_sun: Color, start: Array32) -> Iterator[Candidate]:
    """For each actor, the points (3, K) that may lie in its shadow: those near it, seen from the sun."""
    if not len(placed.actor_id):
        return
    side = np.array([-to_sun[1], to_sun[0], 0.0])
    side = side / np.linalg.norm(side) if np.linalg.norm(side) > 1e-6 else np.array([1.0, 0.0, 0.0])
    other = np.cross(to_sun, side)
    u, v = (start[0] * np.float32(a[0]) + start[1] * np.float32(a[1]) + start[2] * np.float32(a[2])
            for a in (side, other))  # fmt: skip
    corners = placed.corners - anchor
    cu, cv = corners @ side, corners @ other
    low_u, high_u, low_v, high_v = cu.min(axis=1), cu.max(axis=1), cv.min(axis=1), cv.max(axis=1)
    seen = (high_u > u.min(initial=np.inf)) & (low_u < u.max(initial=-np.inf))
    seen &= (high_v > v.min(initial=np.inf)) & (low_v < v.max(initial=-np.inf))
    for k in np.flatnonzero(seen):
        near = np.abs(u - np.float32((low_u[k] + high_u[k]) / 2)) <= np.float32((high_u[k] - low_u[k]) / 2)
        near &= np.abs(v - np.float32((low_v[k] + high_v[k]) / 2)) <= np.float32((high_v[k] - low_v[k]) / 2)
        rows = np.flatnonzero(near)
        if len(rows):
            yield Candidate(int(k), rows, 0.0)


def _beside(placed: Placed, anchor: Floats, start: Array32) -> Iterator[Candidate]:
    """For each actor, the points (3, K) from which it may hide some of the sky."""
    corners = placed.corners - anchor
    low, high = (corners.min(axis=1) - CROWD_M).astype(np.float32), (corners.max(axis=1) + CROWD_M).astype(np.float32)
    for k in range(len(corners)):
        near = (start[0] > low[k, 0]) & (start[0] < high[k, 0])
        near &= (start[1] > low[k, 1]) & (start[1] < high[k, 1])
        rows = np.flatnonzero(near)
        if len(rows):
            yield Candidate(k, rows, 0.0)
