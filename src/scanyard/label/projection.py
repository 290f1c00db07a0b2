"""Where boxes fall in an image: the rectangle around each, clipped to the image, and how much of it was cut off.

The frustum is clipped before projecting, because a corner behind the camera projects to the wrong side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes, corners
from scanyard.geometry import FloatArray
from scanyard.sensors import Camera

NEAR_M = 0.1
"""Whatever is closer to the camera's plane than this is cut away before projecting."""
_EDGES = np.array([(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7)])


@dataclass(frozen=True)
class ImageExtent:
    """How N boxes appear in one camera; every array is indexed alike."""

    image_box: FloatArray
    """(N, 4) pixels left, top, right, bottom, clipped to 0 to width-1 and height-1; no area where ``seen`` is false."""
    truncation: FloatArray
    """(N,) fraction of the projected rectangle's area outside the image; 1 where nothing of it is inside."""
    seen: NDArray[np.bool_]
    """(N,) whether any of the rectangle is inside the image, occlusion aside."""
    depth_m: FloatArray
    """(N, 2) least and greatest depth of the corners."""


def image_extent(boxes: Boxes, camera: Camera) -> ImageExtent:
    """Project boxes given in the ego frame."""
    depths = camera.ego_from_sensor.inverse().apply(corners(boxes))[..., 0]  # (N, 8)
    ends = corners(boxes)[:, _EDGES]  # (N, 12, 2, 3) in the ego frame
    depth = depths[:, _EDGES]  # (N, 12, 2)
    behind, ahead = depth < NEAR_M, depth >= NEAR_M
    # Where an edge passes the near plane, its end behind it moves onto it.
    step = depth[..., ::-1] - depth
    share = np.divide(NEAR_M - depth, step, out=np.zeros_like(step), where=np.abs(step) > 0)
    clipped = np.where(behind[..., None], ends + share[..., None] * (ends[..., ::-1, :] - ends), ends)
    valid = ahead | ahead[..., ::-1]
    pixels, _ = camera.project(clipped)  # (N, 12, 2, 2)
    low = np.where(valid[..., None], pixels, np.inf).min(axis=(1, 2), initial=np.inf)
    high = np.where(valid[..., None], pixels, -np.inf).max(axis=(1, 2), initial=-np.inf)
    ahead_at_all = valid.any(axis=(1, 2))
    low[~ahead_at_all], high[~ahead_at_all] = 0.0, 0.0
    limit = np.array([camera.width_px - 1.0, camera.height_px - 1.0])
    low_in, high_in = np.clip(low, 0.0, limit), np.clip(high, 0.0, limit)
    whole, inside = np.prod(high - low, axis=1), np.prod(high_in - low_in, axis=1)
    seen = ahead_at_all & (inside > 0)
    truncation = 1.0 - np.divide(inside, whole, out=np.zeros_like(inside), where=seen)
    return ImageExtent(
        image_box=np.where(seen[:, None], np.concatenate([low_in, high_in], axis=1), 0.0),
        truncation=np.clip(truncation, 0.0, 1.0),
        seen=seen,
        depth_m=np.stack([depths.min(axis=1), depths.max(axis=1)], axis=1),
    )
