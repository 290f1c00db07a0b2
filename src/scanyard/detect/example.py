"""``Example``: one frame as the network wants it, made once and kept in memory for the whole training run.

Points and boxes are in the ego frame, cropped to what is labelled (the camera's view), with z replaced by height above
the local ground.  About 200 kB a frame, so 1,500 frames fit in a third of a gigabyte.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes, points_inside
from scanyard.detect.ground import Ground, fit_ground
from scanyard.detect.recipe import TrainRecipe
from scanyard.errors import InputError
from scanyard.frame import Frame, Sweep, points_ego
from scanyard.geometry import FloatArray, Transform
from scanyard.sensors import Camera, Rig

FRONT_RAD = np.pi / 4  # half the field of view used where the rig has no camera
HEIGHT_M = (-0.6, 3.0)  # above ground; crowns and walls higher up say nothing about road users
MIN_RETURNS = 50  # a street gives thousands
ROAD_M = 0.15  # what is lower may be road

LOOK_ALIKES: dict[str, tuple[str, ...]] = {
    "car": ("van",),
    "van": ("car",),
    "pedestrian": ("person_sitting",),
    "cyclist": ("motorcyclist",),
}
"""Categories so close that KITTI's rules neither ask for nor forbid a detection; training does the same."""


@dataclass(frozen=True)
class Example:
    """One frame, flattened and cropped; N labelled boxes and M points."""

    points: NDArray[np.float32]
    """(M, 3) metres, ego frame, z above the local ground; (M, 4) with intensity, 0 to 1, where the recipe uses it."""
    unlabelled: NDArray[np.bool_]
    """(M,) whether the point lies where nobody labelled (KITTI's DontCare)."""
    boxes: FloatArray
    """(N, 7) x, y, z above ground, length, width, height in metres, yaw in radians."""
    label: NDArray[np.int64]
    """(N,) index into the recipe's categories; means nothing where ``ignored``."""
    ignored: NDArray[np.bool_]
    """(N,) look-alikes and objects with too few points: neither asked for nor background."""
    sensor_m: FloatArray
    """(3,) where the LiDAR is, ego frame; turning about it keeps the scan pattern true."""
    domain: str = "synthetic"


def visible_points(frame: Frame, rig: Rig, *, use_intensity: bool = False) -> NDArray[np.float32]:
    """The first LiDAR's returns (M, 3) in the ego frame, cut to the first camera's view, or else to the front quarter.

    Labels exist inside the image only, so training and detecting look there only.  With intensity the returns are
    (M, 4); InputError where a sweep has none.
    """
    lidar = rig.lidars[0]
    if lidar.name not in frame.sweeps:
        raise InputError(
            f"frame {frame.name or frame.timestamp_ns}: no sweep {lidar.name!r}, the first LiDAR of rig {rig.name}; "
            f"the frame has {sorted(frame.sweeps)}"
        )
    sweep, ego_from_lidar = frame.sweeps[lidar.name], lidar.ego_from_sensor
    if use_intensity and sweep.intensity is None:
        raise InputError(
            f"frame {frame.name or frame.timestamp_ns}: sweep {lidar.name!r} has no intensity, and the training recipe "
            "says use_intensity; train without it to learn from this data or to detect in it"
        )
    sweep = Sweep(sweep.points, sweep.intensity if use_intensity else None)
    if rig.cameras:
        sweep = sweep[_in_view(sweep.points, ego_from_lidar, rig.cameras[0])]
    points = points_ego(sweep, ego_from_lidar)
    if sweep.intensity is not None:
        points = np.column_stack([points, sweep.intensity])
    if rig.cameras:
        return points
    x, y = (points[:, :2] - ego_from_lidar.translation[:2].astype(np.float32)).T
    return np.asarray(points[np.abs(y) < np.tan(FRONT_RAD) * x])


def _in_view(points: NDArray[np.float32], ego_from_lidar: Transform, camera: Camera) -> NDArray[np.bool_]:
    """``camera.sees`` (M,) for a whole sweep in its own frame.

    Pixels times depth are linear in the point, so four probes give the map; in float32 and without divisions it is ten
    times faster, and no different but for points within a hair of the image's border.
    """
    probes = camera.ego_from_sensor.apply([[1, 0, 0], [2, 0, 0], [1, 1, 0], [1, 0, 1]])
    pixels, depth = camera.project(probes)
    homogeneous = np.column_stack([pixels * depth[:, None], depth])
    probes = ego_from_lidar.inverse().apply(probes)
    linear = np.linalg.solve(np.c_[probes, np.ones(4)], homogeneous).astype(np.float32)
    x, y, z = np.ascontiguousarray(points.T)
    depth_m = linear[0, 2] * x + linear[1, 2] * y + (linear[2, 2] * z + linear[3, 2])
    seen = depth_m > 0
    for column, last in ((0, camera.width_px), (1, camera.height_px)):
        pixel = linear[0, column] * x + linear[1, column] * y + (linear[2, column] * z + linear[3, column])
        seen &= (pixel >= 0) & (pixel < np.float32(last) * depth_m)
    return np.asarray(seen)


def flatten(points: NDArray[np.float32]) -> tuple[NDArray[np.float32], Ground]:
    """Points (M', 3 or 4) with z above the local ground, those near it only, and the ground itself."""
    ground = fit_ground(points[:, :3])
    height = points[:, 2] - ground.height(points)
    keep = (height > HEIGHT_M[0]) & (height < HEIGHT_M[1])
    flat = points[keep]
    flat[:, 2] = height[keep]
    return flat, ground


def prepare(frame: Frame, rig: Rig, recipe: TrainRecipe, *, domain: str = "synthetic") -> Example:
    """Make a labelled frame ready to train on; InputError where it has no labels, or the LiDAR saw next to nothing."""
    if frame.boxes is None:
        raise InputError(f"frame {frame.name or frame.timestamp_ns}: no labels, so it cannot be trained on")
    points, ground = flatten(visible_points(frame, rig, use_intensity=recipe.use_intensity))
    if len(points) < MIN_RETURNS:
        raise InputError(
            f"frame {frame.name or frame.timestamp_ns}: {len(points)} returns near the ground in view, expected "
            f"at least {MIN_RETURNS}; the sweep is cut, or the camera looks away from what the LiDAR sees"
        )
    boxes, unlabelled = frame.boxes, np.zeros(len(points), dtype=bool)
    if frame.dont_care is not None and len(frame.dont_care) and rig.cameras:
        raised = points[:, :3].astype(np.float64)
        raised[:, 2] += ground.height(points)
        pixels, _ = rig.cameras[0].project(raised)
        u, v = pixels.T
        for left, top, right, bottom in frame.dont_care:
            unlabelled |= (u >= left) & (u <= right) & (v >= top) & (v <= bottom)
    center = boxes.center.copy()
    center[:, 2] -= ground.height(center)
    wanted = _index_of(boxes.category, recipe.categories)
    alike = np.isin(boxes.category, [name for wish in recipe.categories for name in LOOK_ALIKES.get(wish, ())])
    flat = boxes.replace(center=center)
    few = num_returns(flat, points) < recipe.min_points
    relevant = (wanted >= 0) | alike
    return Example(
        points=points,
        unlabelled=unlabelled,
        boxes=np.c_[center, boxes.size, boxes.yaw_rad][relevant],
        label=np.maximum(wanted, 0)[relevant],
        ignored=((wanted < 0) | few)[relevant],
        sensor_m=rig.lidars[0].ego_from_sensor.translation,
        domain=domain,
    )


def as_boxes(rows: FloatArray, category: Iterable[str] | None = None) -> Boxes:
    """``Boxes`` from rows (N, 7) of centre, size, yaw."""
    names = np.full(len(rows), "car") if category is None else np.array(list(category), dtype=np.str_)
    return Boxes(rows[:, :3], rows[:, 3:6], rows[:, 6], names)


def num_returns(boxes: Boxes, points: NDArray[np.float32]) -> NDArray[np.int64]:
    """Flattened points (M, 3 or 4) in each box (N,), without those of the road it stands on."""
    standing = points[points[:, 2] > ROAD_M]
    return np.asarray(points_inside(boxes, standing, margin_m=0.05).sum(axis=1))


def _index_of(category: NDArray[np.str_], categories: tuple[str, ...]) -> NDArray[np.int64]:
    """Position (N,) of each category in ``categories``; below zero where it is not there (inside this module only)."""
    index = np.full(len(category), -1, dtype=np.int64)
    for i, name in enumerate(categories):
        index[category == name] = i
    return index
