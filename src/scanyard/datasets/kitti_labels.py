"""KITTI's label lines, and the boxes they mean.

A line gives the middle of a box's *bottom*, in the rectified camera frame (x right, y down, z forward), its height,
width and length in that order, and ``ry``, which turns from the camera's x axis towards *minus* z.  We keep centres in
the ego frame and yaw from x towards y.  The two frames are a degree apart, so a box is turned by what its heading
becomes in the other frame, exactly enough that a file comes back digit for digit.

Two things in a file follow from nothing else, and ``LabelNotes`` keeps them: where ``DontCare`` lines stand among the
others, and ``alpha``, which the annotators' tool computed from numbers it then rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.boxes import Boxes
from scanyard.datasets.kitti_calibration import Calibration, parse_numbers, read_lines
from scanyard.errors import FormatError
from scanyard.geometry import FloatArray, wrap_angle
from scanyard.plausible import MAX_YAW_RAD, check_boxes

CATEGORY_OF_CLASS = {
    "Car": "car",
    "Van": "van",
    "Truck": "truck",
    "Pedestrian": "pedestrian",
    "Person_sitting": "person_sitting",
    "Cyclist": "cyclist",
    "Tram": "tram",
    "Misc": "misc",
}
CLASS_OF_CATEGORY = {
    **{category: name for name, category in CATEGORY_OF_CLASS.items()},
    "bus": "Truck",  # KITTI has no buses; its annotators' nearest
    "motorcyclist": "Misc",
    "cargo": "Misc",
}
DONT_CARE = "DontCare"
UNKNOWN_OCCLUSION = 3
_COLUMNS = 15
_DONT_CARE_LINE = "DontCare -1 -1 -10 {:.2f} {:.2f} {:.2f} {:.2f} -1 -1 -1 -1000 -1000 -1000 -10"


@dataclass(frozen=True)
class LabelNotes:
    """What a label file says that boxes and regions do not."""

    alpha_rad: Mapping[int, float] = field(default_factory=dict)
    """The file's ``alpha`` by box, where it is not what ``observation_angle`` gives to two digits."""
    dont_care_lines: tuple[int, ...] | None = None
    """Line numbers, from 0, of the ``DontCare`` lines; ``None`` puts them last."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values; only what is not as usual."""
        notes: dict[str, Any] = {}
        if self.alpha_rad:
            notes["alpha_rad"] = {str(box): alpha for box, alpha in self.alpha_rad.items()}
        if self.dont_care_lines is not None:
            notes["dont_care_lines"] = list(self.dont_care_lines)
        return notes

    @classmethod
    def from_dict(cls, notes: Mapping[str, Any]) -> LabelNotes:
        """Undo ``to_dict``."""
        lines = notes.get("dont_care_lines")
        return cls(
            {int(box): float(alpha) for box, alpha in notes.get("alpha_rad", {}).items()},
            None if lines is None else tuple(lines),
        )


@dataclass(frozen=True)
class Labels:
    """One label file: boxes in the ego frame, regions nobody labelled, and the rest."""

    boxes: Boxes
    dont_care: FloatArray
    """(K, 4) pixels left, top, right, bottom."""
    notes: LabelNotes


def read_labels(path: Path, calibration: Calibration) -> Labels:
    """Read ``label_2/ID.txt``; FormatError names file and line."""
    lines = read_rows(path, _COLUMNS)
    for line in lines:
        check_object(line)
    regions = [index for index, line in enumerate(lines) if line.name == DONT_CARE]
    objects = [line for line in lines if line.name != DONT_CARE]
    rows = np.array([line.numbers for line in objects]).reshape(-1, _COLUMNS - 1)
    boxes = boxes_from_rows([CATEGORY_OF_CLASS[line.name] for line in objects], rows, calibration)
    check_boxes(boxes, lambda box: objects[box].where)
    derived = observation_angle(boxes, calibration)
    notes = LabelNotes(
        {i: float(rows[i, 2]) for i in range(len(rows)) if f"{derived[i]:.2f}" != f"{rows[i, 2]:.2f}"},
        None if regions == list(range(len(objects), len(lines))) else tuple(regions),
    )
    region_rows = np.array([lines[index].numbers[3:7] for index in regions]).reshape(-1, 4)
    return Labels(boxes, region_rows, notes)


@dataclass(frozen=True)
class Row:
    """One line of labels or results: a class and its numbers."""

    name: str
    numbers: FloatArray
    where: str
    """File and line."""


def read_rows(path: Path, columns: int) -> list[Row]:
    """The lines of a file with that many columns, the first a name; FormatError names file and line."""
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        where, words = f"{path}, line {number}", line.split()
        if len(words) != columns:
            raise FormatError(f"{where}: found {len(words)} columns, expected {columns}")
        rows.append(Row(words[0], parse_numbers(words[1:], where), where))
    return rows


def check_object(line: Row) -> None:
    """Refuse what KITTI's annotators cannot have written; what no box can be, ``plausible`` knows."""
    row, where = line.numbers, line.where
    if row[5] < row[3] or row[6] < row[4]:
        raise FormatError(f"{where}: the image box {row[3:7].tolist()} ends before it begins")
    if line.name == DONT_CARE:
        return
    if line.name not in CATEGORY_OF_CLASS:
        raise FormatError(f"{where}: found class {line.name!r}, expected one of {[*CATEGORY_OF_CLASS, DONT_CARE]}")
    truncation, occlusion, size = row[0], row[1], row[7:10]
    if not 0 <= truncation <= 1:
        raise FormatError(f"{where}: truncation is {truncation:g}, expected 0 to 1")
    if occlusion not in (0, 1, 2, 3):
        raise FormatError(f"{where}: occlusion is {occlusion:g}, expected 0, 1, 2 or 3")
    if (size <= 0).any():
        raise FormatError(f"{where}: height, width and length are {size.tolist()}, expected metres above zero")
    if max(abs(row[2]), abs(row[13])) > MAX_YAW_RAD:
        raise FormatError(f"{where}: alpha and ry are {row[2]:g} and {row[13]:g}, expected radians")


def boxes_from_rows(categories: list[str], rows: FloatArray, calibration: Calibration) -> Boxes:
    """Boxes in the ego frame from our category and the 14 numbers of each line (N, 14)."""
    ego_from_rect = calibration.rect_from_ego.inverse()
    height, width, length = rows[:, 7], rows[:, 8], rows[:, 9]
    middle = rows[:, 10:13] - np.stack([np.zeros_like(height), height / 2, np.zeros_like(height)], axis=1)
    heading = np.stack([np.cos(rows[:, 13]), np.zeros(len(rows)), -np.sin(rows[:, 13])], axis=1)
    heading_ego = ego_from_rect.rotate(heading)
    return Boxes(
        center=ego_from_rect.apply(middle),
        size=np.stack([length, width, height], axis=1),
        yaw_rad=np.arctan2(heading_ego[:, 1], heading_ego[:, 0]),
        category=np.array(categories, dtype=np.str_),
        truncation=rows[:, 0],
        occlusion=rows[:, 1].astype(np.int64),
        image_box=rows[:, 3:7],
    )


def rows_from_boxes(boxes: Boxes, calibration: Calibration) -> tuple[FloatArray, FloatArray]:
    """Bottom centres (N, 3) in the rectified camera frame, and ``ry`` (N,)."""
    rect_from_ego = calibration.rect_from_ego
    bottom = rect_from_ego.apply(boxes.center)
    bottom[:, 1] += boxes.size[:, 2] / 2
    # The heading that lies in the camera's ground plane (y = 0) and has this yaw seen from above in the ego frame.
    rotation = rect_from_ego.rotation
    cos, sin = np.cos(boxes.yaw_rad), np.sin(boxes.yaw_rad)
    rise = -(rotation[1, 0] * cos + rotation[1, 1] * sin) / rotation[1, 2]
    heading = rect_from_ego.rotate(np.stack([cos, sin, rise], axis=1))
    return bottom, np.arctan2(-heading[:, 2], heading[:, 0])


def observation_angle(boxes: Boxes, calibration: Calibration) -> FloatArray:
    """KITTI's ``alpha`` (N,): ``ry`` less the bearing of the box, in [-pi, pi)."""
    bottom, ry = rows_from_boxes(boxes, calibration)
    return wrap_angle(ry - np.arctan2(bottom[:, 0], bottom[:, 2]))


def labels_to_text(labels: Labels, calibration: Calibration) -> str:
    """The label file; detections (``score`` set) get a sixteenth column, as KITTI's results have.

    Boxes whose image box has no area are not in the image and are left out, as KITTI labels only what is.
    """
    boxes = labels.boxes
    if boxes.image_box is None:
        raise FormatError(
            "boxes without image_box cannot be written as KITTI labels; label them with a camera in the rig"
        )
    unknown = sorted(set(boxes.category.tolist()) - set(CLASS_OF_CATEGORY))
    if unknown:
        raise FormatError(f"categories {unknown} have no KITTI class; there are {sorted(CLASS_OF_CATEGORY)}")
    bottom, ry = rows_from_boxes(boxes, calibration)
    alpha = observation_angle(boxes, calibration)
    lines = []
    for i in range(len(boxes)):
        left, top, right, bottom_px = boxes.image_box[i]
        if right <= left or bottom_px <= top:
            continue
        truncation = 0.0 if boxes.truncation is None else boxes.truncation[i]
        occlusion = UNKNOWN_OCCLUSION if boxes.occlusion is None else boxes.occlusion[i]
        length, width, height = boxes.size[i]
        numbers = (
            [labels.notes.alpha_rad.get(i, alpha[i]), left, top, right, bottom_px]
            + [height, width, length, *bottom[i], ry[i]]
            + ([] if boxes.score is None else [boxes.score[i]])
        )
        printed = " ".join(_printed(number) for number in numbers)
        lines.append(f"{CLASS_OF_CATEGORY[str(boxes.category[i])]} {truncation:.2f} {occlusion} {printed}")
    regions = [_DONT_CARE_LINE.format(*region) for region in labels.dont_care]
    if labels.notes.dont_care_lines is None:
        lines += regions
    else:
        for place, region in zip(labels.notes.dont_care_lines, regions, strict=True):
            lines.insert(place, region)
    return "".join(f"{line}\n" for line in lines)


def _printed(number: float) -> str:
    text = f"{number:.2f}"
    return "0.00" if text == "-0.00" else text
