"""Conventions that detections may have been written in by mistake, each with the correction that would show it.

The order matters: mirrored axes hide everything else, and swapped sizes look like a turned heading.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np

from scanyard.boxes import Boxes
from scanyard.errors import ContractError
from scanyard.geometry import FloatArray
from scanyard.metrics.evidence import MIN_PAIRS, Overlay, agrees_much_better

_AXES: Mapping[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "y points right": ((1, 0), (0, -1)),
    "x points backwards": ((-1, 0), (0, 1)),
    "x and y are exchanged": ((0, 1), (1, 0)),
    "x and y are exchanged and negated": ((0, -1), (-1, 0)),
    "x points right and y forward": ((0, 1), (-1, 0)),
    "x points left and y backwards": ((0, -1), (1, 0)),
    "x points backwards and y right": ((-1, 0), (0, -1)),
}
"""What else the ground axes may be, and the matrix that brings offsets from the origin back."""
_MOVES_M = 3.0
"""A label tells about axes only if the mistake would move it by this much."""
_TURNS_RAD = 0.2
"""A label tells about headings only if the mistake would turn it by this much."""
_SIZE_NAMES = ("length", "width", "height")


def check_conventions(overlay: Overlay, where: str) -> None:
    """ContractError with the name of the convention that the detections break."""
    _check_axes(overlay, where)
    labels, found = overlay.pairs()
    _check_sizes(labels, found, where)
    _check_height(labels, found, where)
    _check_heading(labels, found, where)
    _check_direction(labels, found, where)


def _check_axes(overlay: Overlay, where: str) -> None:
    as_given = overlay.partners() >= 0
    for what, rows in _AXES.items():
        matrix = np.array(rows, dtype=np.float64)
        # a label tells only if the mistake takes it elsewhere
        tells = np.linalg.norm(overlay.label_offset @ matrix - overlay.label_offset, axis=1) > _MOVES_M
        corrected = overlay.partners(overlay.detection_offset @ matrix.T) >= 0
        now, then = int(as_given[tells].sum()), int(corrected[tells].sum())
        if then >= MIN_PAIRS and then >= 3 * now + 5 and then >= 0.3 * tells.sum():
            name = "mirrored_axes" if np.linalg.det(matrix) < 0 else "rotated_axes"
            raise ContractError(
                name,
                f"{where}: {now} of {tells.sum()} labels have a detection near them, and {then} if the detections are "
                f"read as if {what}; expected x forward, y left, z up. Convert the detections where they are read",
            )


def _check_sizes(labels: Boxes, found: Boxes, where: str) -> None:
    def disagreement(size: FloatArray) -> FloatArray:
        worst: FloatArray = np.abs(np.log(np.maximum(size, 1e-6) / np.maximum(labels.size, 1e-6))).max(axis=1)
        return worst

    as_given = disagreement(found.size)
    best: tuple[float, str, int, float, float] | None = None
    for order in list(permutations(range(3)))[1:]:
        tells = disagreement(labels.size[:, order]) > 0.3  # a factor of 1.35
        corrected = disagreement(found.size[:, order])
        if not agrees_much_better(as_given[tells], corrected[tells], well=0.25):
            continue
        left, was = float(np.median(corrected[tells])), float(np.median(as_given[tells]))
        if best is None or left < best[0]:
            written = [_SIZE_NAMES[axis] for axis in np.argsort(order)]
            best = left, ", ".join(written), int(tells.sum()), was, left
    if best is not None:
        raise ContractError(
            "swapped_size_order",
            f"{where}: sizes of {best[2]} matched pairs differ by a factor of {np.exp(best[3]):.2f} (median), and by "
            f"{np.exp(best[4]):.2f} if the detections' are read as {best[1]}; expected length, width, height along the "
            "box's x, y, z. Reorder them where they are read",
        )


def _check_height(labels: Boxes, found: Boxes, where: str) -> None:
    tall = np.maximum(labels.size[:, 2], 1e-6)
    rise = (found.center[:, 2] - labels.center[:, 2]) / tall
    for name, part, end in (("bottom_for_centre", 0.5, "bottom"), ("top_for_centre", -0.5, "top")):
        if agrees_much_better(np.abs(rise), np.abs(rise + part * found.size[:, 2] / tall), well=0.2):
            raise ContractError(
                name,
                f"{where}: detections of {len(rise)} matched pairs stand {np.median(rise * tall):+.2f} m from their "
                f"labels in height (median), half a box; the {end} was given, expected the geometric centre. "
                f"{'Add' if part > 0 else 'Subtract'} half the height where they are read",
            )


def _check_heading(labels: Boxes, found: Boxes, where: str) -> None:
    long = labels.size[:, 0] > 1.3 * labels.size[:, 1]
    label_yaw, yaw = labels.yaw_rad[long], found.yaw_rad[long]
    as_given = _axis_apart(yaw, label_yaw)
    for name, sign, turn, what in (
        ("flipped_yaw", -1.0, 0.0, "turned the other way round"),
        ("turned_yaw", 1.0, np.pi / 2, "turned by a quarter"),
        ("flipped_yaw", -1.0, np.pi / 2, "turned the other way round and by a quarter, as KITTI's ry is"),
    ):
        tells = _axis_apart(sign * label_yaw + turn, label_yaw) > _TURNS_RAD
        corrected = _axis_apart(sign * yaw + turn, label_yaw)
        if agrees_much_better(as_given[tells], corrected[tells], well=0.15):
            raise ContractError(
                name,
                f"{where}: headings of {tells.sum()} matched pairs are {np.degrees(np.median(as_given[tells])):.0f} "
                f"degrees apart (median), and {np.degrees(np.median(corrected[tells])):.0f} if the detections' are "
                f"{what}; expected yaw from x towards y. Convert it where they are read",
            )


def _check_direction(labels: Boxes, found: Boxes, where: str) -> None:
    """All headings reversed; a detector that knows no direction has half of them right on either side of the road."""
    apart = np.abs((found.yaw_rad - labels.yaw_rad + np.pi) % (2 * np.pi) - np.pi)
    ahead = np.cos(labels.yaw_rad) > 0
    reversed_ = apart > np.pi - 0.3
    if all(side.sum() >= MIN_PAIRS // 2 and reversed_[side].mean() >= 0.9 for side in (ahead, ~ahead)):
        raise ContractError(
            "reversed_heading",
            f"{where}: {reversed_.sum()} of {len(apart)} matched pairs head opposite ways; expected yaw of the front. "
            "Add half a turn where the detections are read",
        )


def _axis_apart(a: FloatArray, b: FloatArray) -> FloatArray:
    """Angle (P,) between axes, 0 to a quarter turn."""
    apart: FloatArray = np.abs((a - b + np.pi / 2) % np.pi - np.pi / 2)
    return apart
