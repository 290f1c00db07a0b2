"""What a box in somebody's file may be, so that damage and mistakes are named before they become a score.

A metric takes any finite number.  A size of 1e308 overlaps everything, a score of 1e300 ranks first, and a centre on
another continent counts as an honest false alarm.  The bounds are wide: no box of a real street comes near them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.errors import FormatError

MAX_SIZE_M = 100.0
"""The longest trams have 60 m."""
MAX_DISTANCE_M = 10_000.0
"""From the ego vehicle.  What lies farther was left in a world's coordinates, or is damaged."""
MAX_YAW_RAD = 4 * np.pi
"""Angles are not always wrapped, but nobody turns more than twice; KITTI's -10 for "none" is within."""
MAX_SPEED_MPS = 200.0
MAX_PIXEL = 1e5
MAX_SCORE = 1000.0
"""Some detectors give log-odds, which only KITTI's text allows; any other score is 0 to 1."""
MAX_BOXES = 10_000
"""In one frame; nuScenes allows 500, and detectors keep a few hundred."""

_SHARES = ("visibility", "truncation")


def check_boxes(
    boxes: Boxes, where: Callable[[int], str], *, unit_score: bool = True, max_size_m: float = MAX_SIZE_M
) -> None:
    """FormatError for the first box that no sensor ever saw; ``where`` says where in which file box i is.

    Distances are from the boxes' origin, so this is for boxes of the ego frame or a sensor's.  ``unit_score`` asks for
    scores from 0 to 1.
    """
    if not len(boxes):
        return
    if len(boxes) > MAX_BOXES:
        raise FormatError(f"{where(MAX_BOXES)}: {len(boxes)} boxes in one frame, expected at most {MAX_BOXES}")
    _check(boxes.center, -MAX_DISTANCE_M, MAX_DISTANCE_M, where, f"centre {{}}, expected within {MAX_DISTANCE_M:g} m")
    _check(boxes.size, 1e-6, max_size_m, where, f"size {{}}, expected metres above 0, up to {max_size_m:g}")
    _check(boxes.yaw_rad, -MAX_YAW_RAD, MAX_YAW_RAD, where, "yaw {}, expected radians between -4 and 4 pi")
    if boxes.score is not None:
        low, high = (0.0, 1.0) if unit_score else (-MAX_SCORE, MAX_SCORE)
        _check(boxes.score, low, high, where, f"score {{}}, expected {low:g} to {high:g}")
    if boxes.velocity is not None:
        _check(
            boxes.velocity,
            -MAX_SPEED_MPS,
            MAX_SPEED_MPS,
            where,
            f"velocity {{}}, expected up to {MAX_SPEED_MPS:g} m/s",
        )
    if boxes.image_box is not None:
        _check(boxes.image_box, -MAX_PIXEL, MAX_PIXEL, where, f"image box {{}}, expected pixels within {MAX_PIXEL:g}")
        backwards = (boxes.image_box[:, 2:] < boxes.image_box[:, :2]).any(axis=1)
        if backwards.any():
            i = int(np.argmax(backwards))
            raise FormatError(
                f"{where(i)}: the image box {boxes.image_box[i].tolist()} ends before it begins; expected left, top, "
                "right, bottom"
            )
    for name in _SHARES:
        if (share := getattr(boxes, name)) is not None:
            _check(share, 0.0, 1.0, where, f"{name} {{}}, expected 0 to 1")
    if boxes.occlusion is not None:
        _check(boxes.occlusion, 0, 3, where, "occlusion {}, expected 0, 1, 2 or 3")
    if boxes.num_points is not None:
        _check(boxes.num_points, 0, np.inf, where, "{} points, expected 0 or more")


def _check(values: NDArray[Any], low: float, high: float, where: Callable[[int], str], said: str) -> None:
    rows = values.reshape(len(values), -1)
    fine = ((rows >= low) & (rows <= high)).all(axis=1)  # false for NaN
    if not fine.all():
        i = int(np.argmin(fine))
        raise FormatError(f"{where(i)}: found {said.format(values[i].tolist())}")
