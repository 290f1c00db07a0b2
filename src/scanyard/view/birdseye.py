"""A frame from above: points coloured by height, labels in green, detections in orange; forward is up.

Drawn at twice the size and scaled down, which smooths lines without a plotting library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from scanyard.boxes import Boxes, corners
from scanyard.frame import Frame, points_ego
from scanyard.geometry import FloatArray
from scanyard.sensors import Rig
from scanyard.view.palette import DETECTION, EGO, GROUND, LABEL, Rgb, height_colors

_OVERSAMPLING = 2


@dataclass(frozen=True)
class Extent:
    """The piece of ground shown, in the ego frame."""

    ahead_m: tuple[float, float] = (-8.0, 60.0)
    left_m: tuple[float, float] = (-24.0, 24.0)
    pixels_per_m: float = 7.0

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the picture."""
        width = (self.left_m[1] - self.left_m[0]) * self.pixels_per_m
        height = (self.ahead_m[1] - self.ahead_m[0]) * self.pixels_per_m
        return round(width), round(height)

    def pixels(self, points: FloatArray, scale: float = 1.0) -> FloatArray:
        """Pixels (..., 2) as (column, row) of ego points (..., 2 or 3)."""
        per_m = self.pixels_per_m * scale
        return np.stack([(self.left_m[1] - points[..., 1]), (self.ahead_m[1] - points[..., 0])], axis=-1) * per_m


def all_points_ego(frame: Frame, rig: Rig) -> FloatArray:
    """Returns of all LiDARs (M, 3) in the ego frame, metres, in the rig's order."""
    clouds = [
        points_ego(frame.sweeps[lidar.name], lidar.ego_from_sensor)
        for lidar in rig.lidars
        if lidar.name in frame.sweeps
    ]
    return np.concatenate(clouds).astype(np.float64) if clouds else np.zeros((0, 3))


def draw_birdseye(
    frame: Frame,
    rig: Rig,
    *,
    detections: Boxes | None = None,
    min_score: float = 0.3,
    extent: Extent | None = None,
) -> Pillow.Image:
    """The frame from above as an RGB picture; boxes in the ego frame, detections from ``min_score`` up."""
    extent = extent or Extent()
    picture = Pillow.fromarray(_scatter(all_points_ego(frame, rig), extent))
    draw = ImageDraw.Draw(picture)
    _draw_range_rings(draw, extent)
    if frame.boxes is not None:
        _draw_boxes(draw, frame.boxes, extent, LABEL, width=4)
    if detections is not None:
        kept = detections if detections.score is None else detections[detections.score >= min_score]
        _draw_boxes(draw, kept, extent, DETECTION, width=3)
    _draw_ego(draw, extent)
    return picture.resize(extent.size_px, Pillow.Resampling.LANCZOS)


def _scatter(points: FloatArray, extent: Extent) -> np.ndarray:
    """(H, W, 3) uint8: the highest point of each pixel, brighter where more points fall."""
    width, height = (side * _OVERSAMPLING for side in extent.size_px)
    raster = np.empty((height, width, 3), dtype=np.uint8)
    raster[:] = GROUND
    column, row = np.floor(extent.pixels(points, _OVERSAMPLING)).astype(np.int64).T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row, points = column[inside], row[inside], points[inside]
    order = np.argsort(points[:, 2], kind="stable")
    colors = height_colors(points[order, 2])
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):  # a point is 2×2, one pixel of the final picture
        raster[np.minimum(row[order] + down, height - 1), np.minimum(column[order] + right, width - 1)] = colors
    return raster


def _draw_range_rings(draw: ImageDraw.ImageDraw, extent: Extent) -> None:
    for radius in (20.0, 40.0):
        left, top = extent.pixels(np.array([radius, radius]), _OVERSAMPLING)
        right, bottom = extent.pixels(np.array([-radius, -radius]), _OVERSAMPLING)
        draw.ellipse((left, top, right, bottom), outline=(44, 54, 62), width=2)


def _draw_boxes(draw: ImageDraw.ImageDraw, boxes: Boxes, extent: Extent, color: Rgb, *, width: int) -> None:
    footprints = extent.pixels(corners(boxes)[:, :4], _OVERSAMPLING)
    for ring in footprints:
        outline = [tuple(corner) for corner in ring]
        draw.line([*outline, outline[0]], fill=color, width=width, joint="curve")
        nose = (ring[0] + ring[3]) / 2
        draw.line([tuple(ring.mean(axis=0)), tuple(nose)], fill=color, width=width)


def _draw_ego(draw: ImageDraw.ImageDraw, extent: Extent) -> None:
    shape = np.array([[3.2, 0.0], [-0.9, 0.9], [-0.9, -0.9]])  # the ego origin is the rear axle
    draw.polygon([tuple(corner) for corner in extent.pixels(shape, _OVERSAMPLING)], fill=EGO)
