"""Boxes a sensor could have seen.

The simulator knows every actor, also those behind buildings.  A detector trained on all of them learns to see through
walls, so an actor becomes a box only where enough returns came from it.  What is visible but not enough becomes a
``dont_care`` image region, as in KITTI: a detector is neither rewarded nor punished there.
"""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.frame import Frame, Image
from scanyard.geometry import FloatArray
from scanyard.label.projection import ImageExtent, image_extent
from scanyard.label.rays import OBJECT_TAGS, count_returns
from scanyard.sensors import Rig

logger = logging.getLogger(__name__)

MIN_POINTS = 5  # the floor in the usual KITTI PointPillars recipe; keeps us comparable
LEEWAY_M = 1.0  # beams start up to 0.2 m from the sensor's origin, and a reported range carries noise
MIN_PIXELS = 25  # fewer are not recognisable to a person either
PARTLY_OCCLUDED = 0.85
"""Below this visible fraction an object is KITTI level 1 (partly occluded).

Both limits are those that agree best with the annotators of 180 real KITTI objects within 50 m (78 % the same level);
their median visible fractions are 1.00, 0.79 and 0.37 for levels 0, 1 and 2.
"""
LARGELY_OCCLUDED = 0.55
"""Below this visible fraction it is level 2 (largely occluded)."""


def label_frame(frame: Frame, rig: Rig, *, min_points: int = MIN_POINTS) -> Frame:
    """Turn ``frame.actors`` into labels: ``boxes`` with all columns but ``score``, and ``dont_care`` regions.

    ``num_points`` counts the returns of all LiDARs.  ``visibility`` is own returns over own returns plus returns that
    stopped a ray in front of the box; rays that came back with nothing are in neither.  ``truncation``, ``image_box``
    and ``dont_care`` refer to the rig's first camera and are absent without one; an actor outside the image has
    truncation 1 and an image box without area.  ``track`` and ``velocity`` are the actors'.
    """
    actors = frame.actors
    if actors is None:
        raise ValueError("a frame without actors cannot be labelled: it did not come from a simulator")
    num_points, blocked = np.zeros((2, len(actors)), dtype=np.int64)
    for lidar in rig.lidars:
        seen_from_lidar = actors.transformed(lidar.ego_from_sensor.inverse())
        near = np.flatnonzero(_nearest_m(seen_from_lidar) <= lidar.max_range_m + LEEWAY_M)
        own, before = count_returns(frame.sweeps[lidar.name], seen_from_lidar[near])
        num_points[near] += own
        blocked[near] += before
    visibility = num_points / np.maximum(num_points + blocked, 1)
    labelled = num_points >= min_points
    boxes = actors.replace(num_points=num_points, visibility=visibility, occlusion=occlusion_level(visibility))
    if not rig.cameras:
        return frame.replace(boxes=boxes[labelled])
    camera = rig.cameras[0]
    extent = image_extent(actors, camera)
    boxes = boxes.replace(truncation=extent.truncation, image_box=extent.image_box)
    glimpsed = ~labelled & extent.seen & (num_points > 0)
    image = frame.images.get(camera.name)
    if image is not None:
        unsure = np.flatnonzero(~labelled & ~glimpsed & extent.seen)
        glimpsed[unsure] = [_pixels(image, actors, extent, int(i)) >= MIN_PIXELS for i in unsure]
    regions = extent.image_box[glimpsed]
    if frame.dont_care is not None:
        regions = np.concatenate([frame.dont_care, regions])
    logger.debug("%d of %d actors labelled, %d not to be cared for", labelled.sum(), len(actors), glimpsed.sum())
    return frame.replace(boxes=boxes[labelled], dont_care=regions)


def _nearest_m(boxes: Boxes) -> FloatArray:
    """At most the distance (N,) on the ground plane from the origin to each box."""
    center, size = boxes.center, boxes.size
    return np.asarray(np.hypot(center[:, 0], center[:, 1]) - np.hypot(size[:, 0], size[:, 1]) / 2)


def occlusion_level(visibility: FloatArray) -> NDArray[np.int64]:
    """KITTI's level from the visible fraction (N,): 0 fully visible, 1 partly occluded, 2 largely occluded."""
    return np.select([visibility >= PARTLY_OCCLUDED, visibility >= LARGELY_OCCLUDED], [0, 1], 2)


def _pixels(image: Image, actors: Boxes, extent: ImageExtent, i: int) -> int:
    """How many pixels show actor ``i``: by its id, or for parts of the map by tag and depth inside its image box."""
    left, top, right, bottom = np.rint(extent.image_box[i]).astype(int)
    window = np.s_[top : bottom + 1, left : right + 1]
    if image.instance is not None and actors.track is not None:
        low_bits = int(actors.track[i]) & 0xFFFF
        if int(actors.track[i]) < 2**32 and low_bits:
            return int((image.instance[window] == low_bits).sum())
    if image.semantic is None or image.depth_m is None:
        return 0
    near, far = extent.depth_m[i]
    depth = image.depth_m[window]
    own = np.isin(image.semantic[window], OBJECT_TAGS) & (depth > near) & (depth < far)
    if image.instance is not None:
        own &= image.instance[window] == 0
    return int(own.sum())
