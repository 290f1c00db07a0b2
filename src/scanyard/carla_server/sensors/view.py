"""What one camera sees in one frame, cast once and shared by every picture taken from there.

Colour, depth, semantic and instance cameras are usually mounted at one spot; they share a ``View`` as long as pose,
lens and carrier are the same and nothing in the scene has moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.look import Look
from scanyard.carla_server.scene.placed import Candidate, Placed
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.faces import Faces, KnownFaces
from scanyard.carla_server.sensors.lens import Lens

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]

NEAR_M = 0.05
_KNOWN = KnownFaces()


@dataclass(frozen=True)
class View:
    """What each of M = H * W pixels met, row by row from the top left."""

    lens: Lens
    pose: Floats
    """(4, 4) world from sensor."""
    anchor: Floats
    """(3,) world metres; points are relative to it, so that single precision does."""
    direction: Array32
    """(3, M) unit vectors in the world."""
    look: Look
    faces: Faces

    @property
    def shape(self) -> tuple[int, int]:
        """H, W."""
        return self.lens.height, self.lens.width

    @property
    def eye(self) -> Array32:
        """(3,) where the camera is, relative to ``anchor``."""
        return np.asarray(self.pose[:3, 3] - self.anchor, dtype=np.float32)

    @property
    def range_m(self) -> Array32:
        """(M,) metres along the ray, inf in the sky."""
        return self.look.range_m

    @cached_property
    def point(self) -> Array32:
        """(3, M) what was met, relative to ``anchor``; far away in the sky."""
        reach = np.minimum(self.range_m, np.float32(1e4))
        point = self.direction * reach
        point += self.eye[:, None]
        return point

    @cached_property
    def facing(self) -> Array32:
        """(F + 1,) sign that turns each face's normal towards the camera."""
        return self.faces.toward(self.eye)


def view_from(
    scene: Scene, lens: Lens, world_from_sensor: Floats, *, ignored_ids: frozenset[int] = frozenset()
) -> View:
    """What a camera sees, the actors ``ignored_ids`` being invisible to it.

    Remembered while the scene stays as it is.
    """
    pose = np.asarray(world_from_sensor, dtype=np.float64)
    view: View = scene.remembered(
        ("view", pose.tobytes(), lens, ignored_ids), lambda: _cast(scene, lens, pose, ignored_ids)
    )
    return view


def _cast(scene: Scene, lens: Lens, pose: Floats, ignored_ids: frozenset[int]) -> View:
    anchor = scene.anchor(pose[:3, 3])
    direction = turned(pose, lens.directions())
    find = _pixel_candidates if lens.is_ideal else _cone_candidates
    candidates = find(scene.placed, lens, pose, ignored_ids)
    shape = lens.height, lens.width
    eye = (pose[:3, 3] - anchor).astype(np.float32)
    look = scene.look(eye, direction, anchor, shape, candidates, ignored_ids=ignored_ids)
    return View(lens, pose, anchor, direction, look, _KNOWN.of(look.region))


def turned(pose: Floats, direction: Array32) -> Array32:
    """Directions (3, M) of a pose's own frame, in the world.  Written out: BLAS may round by the number of threads."""
    turn = pose[:3, :3].astype(np.float32)
    found = np.empty_like(direction)
    part = np.empty_like(direction[0])
    for i in range(3):
        np.multiply(direction[0], turn[i, 0], out=found[i])
        for j in (1, 2):
            np.multiply(direction[j], turn[i, j], out=part)
            found[i] += part
    return found


def _pixel_candidates(placed: Placed, lens: Lens, pose: Floats, ignored_ids: frozenset[int]) -> Iterator[Candidate]:
    """For each actor, the pixels its box projects into: the rectangle around it, cut at its slanted sides."""
    if not len(placed.actor_id):
        return
    corners = (placed.corners - pose[:3, 3]) @ pose[:3, :3]
    ahead = corners[..., 0]
    middle = corners.mean(axis=1)
    nearest = np.linalg.norm(middle, axis=1) - np.linalg.norm(corners - middle[:, None], axis=2).max(axis=1) - 1e-3
    for k in np.flatnonzero((ahead.max(axis=1) > NEAR_M) & _seen(placed, ignored_ids)):
        left, top, right, bottom = 0, 0, lens.width, lens.height
        if ahead[k].min() > NEAR_M:  # else part of it is behind the image plane: any pixel may see it
            u = lens.width / 2 + lens.focal_px * corners[k, :, 1] / ahead[k]
            v = lens.height / 2 - lens.focal_px * corners[k, :, 2] / ahead[k]
            left, right = max(left, int(u.min()) - 1), min(right, int(u.max()) + 2)
            top, bottom = max(top, int(v.min()) - 1), min(bottom, int(v.max()) + 2)
        if left < right and top < bottom:
            rows = (np.arange(top, bottom)[:, None] * lens.width + np.arange(left, right)[None]).ravel()
            yield Candidate(int(k), rows, float(nearest[k]))


def _cone_candidates(placed: Placed, lens: Lens, pose: Floats, ignored_ids: frozenset[int]) -> Iterator[Candidate]:
    """For each actor, the pixels that look into the cone around its box's ball: for lenses that bend."""
    directions = lens.directions()
    middle = (placed.corners.mean(axis=1) - pose[:3, 3]) @ pose[:3, :3]
    radius = np.linalg.norm(placed.corners[:, 0] - placed.corners[:, 7], axis=1) / 2
    away = np.linalg.norm(middle, axis=1)
    for k in np.flatnonzero(_seen(placed, ignored_ids)):
        rows = np.arange(directions.shape[1])
        if away[k] > radius[k]:
            toward = (middle[k] / away[k]).astype(np.float32)
            along = directions[0] * toward[0] + directions[1] * toward[1] + directions[2] * toward[2]
            rows = np.flatnonzero(along >= np.float32(np.sqrt(1 - (radius[k] / away[k]) ** 2) - 1e-6))
        if len(rows):
            yield Candidate(int(k), rows, float(away[k] - radius[k]) - 1e-3)


def _seen(placed: Placed, ignored_ids: frozenset[int]) -> NDArray[np.bool_]:
    return ~np.isin(placed.actor_id, list(ignored_ids)) if ignored_ids else np.ones(len(placed.actor_id), bool)
