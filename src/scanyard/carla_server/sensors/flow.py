"""Optical flow: how far what each pixel shows has moved across the picture since the frame before.

Two floats per pixel, x and y, in the units of Unreal's velocity buffer, which CARLA hands out: a shift by the whole
width or height is 2; x grows to the right, y *upwards*.  In pixels, with v downwards as usual: Δu = x · W / 2 and
Δv = -y · H / 2, from where the same point was in the last frame to where it is now, whoever moved, camera or actor.
(CARLA's documentation speaks of scaling by the image size; its users measured the half and the sign, as said here.)
The sky moves by the camera's turning alone.  What was behind the camera a frame ago has no flow.  Through a bent lens
the flow is that of the ideal picture it bends.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.motions import Motions
from scanyard.carla_server.sensors.view import NEAR_M, View

Array32 = NDArray[np.float32]
Floats = NDArray[np.float64]

LARGEST = 2.0  # what a velocity buffer holds


def optical_flow(scene: Scene, view: View, motions: Motions, sensor_id: int) -> Array32:
    """The picture (H, W, 2) float32 of a flow camera, the actor ``sensor_id`` of ``motions``."""
    row = motions.row_of(sensor_id)
    before = motions.before[row] if row is not None else view.pose
    now = view.point - view.eye[:, None]
    then = now.copy()  # relative to where the camera was
    then[:, np.isfinite(view.range_m)] += (view.pose[:3, 3] - before[:3, 3]).astype(np.float32)[:, None]
    actors = view.look.actors
    if actors is not None:
        step = _steps(scene, motions)[actors.place]
        x, y, z = view.point.take(actors.rows, axis=1) + view.anchor[:, None]
        for i in range(3):
            came = step[:, i, 0] * x + step[:, i, 1] * y + step[:, i, 2] * z + step[:, i, 3]
            then[i, actors.rows] = came - before[i, 3]
    now, then = _in_frame(view.pose, now), _in_frame(before, then)
    ahead = then[0] > NEAR_M
    flow = np.zeros((view.point.shape[1], 2), np.float32)
    for axis, size in ((1, view.lens.width), (2, view.lens.height)):
        at = now[axis] / now[0]
        moved = at - np.divide(then[axis], then[0], out=at.copy(), where=ahead)
        flow[:, axis - 1] = np.clip(moved * np.float32(2 * view.lens.focal_px / size), -LARGEST, LARGEST)
    return flow.reshape(view.lens.height, view.lens.width, 2)


def _in_frame(pose: Floats, offset: Array32) -> Array32:
    """World offsets (3, M) from the camera, in its own frame."""
    turn = pose[:3, :3].astype(np.float32)
    return np.stack([turn[0, i] * offset[0] + turn[1, i] * offset[1] + turn[2, i] * offset[2] for i in range(3)])


def _steps(scene: Scene, motions: Motions) -> Floats:
    """(N, 4, 4) that take each placed actor's points, in the world, from where they are to where they were."""
    placed = scene.placed
    before = placed.world_from_actor.copy()
    for place, actor_id in enumerate(placed.actor_id.tolist()):
        row = motions.row_of(int(actor_id))
        if row is not None:
            before[place] = motions.before[row]
    return np.asarray(before @ np.linalg.inv(placed.world_from_actor))
