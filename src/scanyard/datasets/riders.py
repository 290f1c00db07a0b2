"""Riders and what they ride, joined: one ``cyclist`` where Argoverse 2 has a person and a bicycle.

KITTI, nuScenes and our own labels have one box for both, so that a detector trained on one of them and tested on the
other kind finds every cyclist twice or never.  A rider sits over the vehicle, so the two boxes' footprints overlap.
"""

from __future__ import annotations

import numpy as np

from scanyard.boxes import Boxes, corners, overlap_bev

RIDES = {"cyclist": "bicycle", "motorcyclist": "motorcycle"}
"""The vehicle of each rider."""
MIN_OVERLAP = 0.05
"""Of the footprints, intersection over union: side by side at a light there is none."""


def join_riders(boxes: Boxes) -> Boxes:
    """The boxes with each rider and the vehicle below made one, which has the rider's category and identity.

    Its heading and its length and width are such that it holds both; a rider without a vehicle nearby, and a vehicle
    without a rider, stay as they are.  Columns of the joined box are the rider's, but the returns of both.
    """
    overlap = overlap_bev(boxes, boxes)
    joined: dict[int, int] = {}
    for rider, vehicle in RIDES.items():
        for i in np.flatnonzero(boxes.category == rider):
            free = [j for j in np.flatnonzero(boxes.category == vehicle) if j not in joined.values()]
            best = max(free, key=lambda j: overlap[i, j], default=None)
            if best is not None and overlap[i, best] >= MIN_OVERLAP:
                joined[int(i)] = int(best)
    center, size, yaw = boxes.center.copy(), boxes.size.copy(), boxes.yaw_rad.copy()
    points = None if boxes.num_points is None else boxes.num_points.copy()
    for rider_box, vehicle_box in joined.items():
        center[rider_box], size[rider_box], yaw[rider_box] = _around(boxes[[rider_box, vehicle_box]])
        if points is not None:
            points[rider_box] += points[vehicle_box]
    kept = np.setdiff1d(np.arange(len(boxes)), list(joined.values()))
    return boxes.replace(center=center, size=size, yaw_rad=yaw, num_points=points)[kept]


def _around(pair: Boxes) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre, size and heading of the smallest box with the vehicle's heading that holds a rider and a vehicle."""
    yaw = float(pair.yaw_rad[1])
    cos, sin = np.cos(yaw), np.sin(yaw)
    along = corners(pair).reshape(-1, 3) @ np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    low, high = along.min(axis=0), along.max(axis=0)
    x, y, z = (low + high) / 2
    return np.array([cos * x - sin * y, sin * x + cos * y, z]), high - low, yaw
