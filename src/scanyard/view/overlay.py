"""A camera image with the LiDAR's points and the boxes drawn where they belong: the quickest check of a calibration."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from scanyard.boxes import Boxes, corners
from scanyard.frame import Frame
from scanyard.sensors import Camera, Rig
from scanyard.view.birdseye import all_points_ego
from scanyard.view.palette import DETECTION, LABEL, Rgb

_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
_NEAR_M = 0.3  # edges are cut here: behind the camera a projection means nothing
_DEPTH_RANGE_M = (3.0, 60.0)


def draw_overlay(
    frame: Frame,
    rig: Rig,
    *,
    camera: str | None = None,
    detections: Boxes | None = None,
    min_score: float = 0.3,
    points: bool = True,
) -> Pillow.Image | None:
    """The image of ``camera`` (default: the rig's first that has one) with points coloured by depth and boxes.

    ``None`` when the frame has no image.
    """
    names = [c.name for c in rig.cameras if c.name in frame.images] if camera is None else [camera]
    if not names:
        return None
    lens = rig.camera(names[0])
    picture = Pillow.fromarray(frame.images[names[0]].rgb).convert("RGB")
    if points:
        picture = _with_points(picture, frame, rig, lens)
    draw = ImageDraw.Draw(picture)
    if frame.boxes is not None:
        _draw_boxes(draw, frame.boxes, lens, LABEL)
    if detections is not None:
        kept = detections if detections.score is None else detections[detections.score >= min_score]
        _draw_boxes(draw, kept, lens, DETECTION)
    return picture


def _with_points(picture: Pillow.Image, frame: Frame, rig: Rig, camera: Camera) -> Pillow.Image:
    import matplotlib as mpl  # noqa: PLC0415  # costs 0.2 s and only coloured depth needs it

    cloud = all_points_ego(frame, rig)
    cloud = cloud[camera.sees(cloud)]
    pixels, depth = camera.project(cloud)
    near_last = np.argsort(-depth, kind="stable")
    column, row = np.floor(pixels[near_last]).astype(np.int64).T
    low, high = np.log(_DEPTH_RANGE_M)
    share = np.clip((np.log(depth[near_last]) - low) / (high - low), 0, 1)
    colors = (mpl.colormaps["turbo_r"](share)[:, :3] * 255).astype(np.uint8)
    raster = np.asarray(picture).copy()
    below = np.minimum(row + 1, raster.shape[0] - 1)
    for rows in (row, below):
        raster[rows, column] = (raster[rows, column] * 0.25 + colors * 0.75).astype(np.uint8)
    return Pillow.fromarray(raster)


def _draw_boxes(draw: ImageDraw.ImageDraw, boxes: Boxes, camera: Camera, color: Rgb) -> None:
    optical_x = camera.ego_from_sensor.inverse().apply(corners(boxes))[..., 0]
    for ring, depth in zip(corners(boxes), optical_x, strict=True):
        for a, b in _EDGES:
            edge, near = ring[[a, b]], depth[[a, b]]
            if (near <= _NEAR_M).all():
                continue
            if (near <= _NEAR_M).any():
                behind = int(near[1] <= _NEAR_M)
                share = (_NEAR_M - near[behind]) / (near[1 - behind] - near[behind])
                edge[behind] += share * (edge[1 - behind] - edge[behind])
            pixels, _ = camera.project(edge)
            draw.line([tuple(pixels[0]), tuple(pixels[1])], fill=color, width=2)
