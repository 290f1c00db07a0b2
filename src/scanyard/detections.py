"""Detections kept: what a detector said about every frame of some recordings, and the JSON file they are kept in.

Numbers survive the file to the last bit, so scores computed from it agree with scores computed on the spot.  Each frame
carries a digest of its cloud: detections are only ever given back for the scan they were made from.  Files of other
people's detectors know no such digest; ``results`` reads them, frame by name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.errors import FormatError, InputError
from scanyard.frame import Frame
from scanyard.plausible import check_boxes
from scanyard.sensors import Rig
from scanyard.strict_json import numbers, read_json

FORMAT = "scanyard-detections-1"


@dataclass(frozen=True)
class FrameDetections:
    """What was detected in one frame."""

    sequence: str
    index: int
    """Position in the sequence."""
    name: str
    """The frame's own name, may be empty."""
    cloud: str
    """Digest of the scan, see ``cloud_digest``."""
    boxes: Boxes


@dataclass(frozen=True)
class Detections:
    """What one detector said about every frame of some recordings."""

    detector: str
    frames: tuple[FrameDetections, ...]


def cloud_digest(frame: Frame, rig: Rig) -> str:
    """Sixteen hex digits that identify a frame by the returns of the rig's first LiDAR."""
    sweep = frame.sweeps.get(rig.lidars[0].name)
    if sweep is None:
        raise InputError(
            f"frame {frame.name or frame.timestamp_ns}: no sweep {rig.lidars[0].name!r}, the first LiDAR of rig "
            f"{rig.name}; the frame has {sorted(frame.sweeps)}"
        )
    return hashlib.sha256(np.ascontiguousarray(sweep.points).tobytes()).hexdigest()[:16]


def write_detections(path: str | Path, detections: Detections) -> None:
    """Write one JSON file; it appears only when complete.

    FormatError where a box could not be read back: a score beyond 0 to 1, as KITTI's results may have, or no number.
    """
    for i, frame in enumerate(detections.frames):
        _check(frame.boxes, f"{path}: frame {i}")
    data = {
        "format": FORMAT,
        "detector": detections.detector,
        "frames": [
            {
                "sequence": frame.sequence,
                "index": frame.index,
                "name": frame.name,
                "cloud": frame.cloud,
                "boxes": _columns(frame.boxes),
            }
            for frame in detections.frames
        ],
    }
    path = Path(path)
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(data, allow_nan=False), encoding="utf-8")
    partial.replace(path)


def read_detections(path: str | Path) -> Detections:
    """Undo ``write_detections``; FormatError says what in the file is wrong, and at which line, frame and box."""
    path = Path(path)
    if not path.exists():
        raise FormatError(f"{path}: no such file; `scanyard detect` writes detections")
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise FormatError(f"{path}: format is {found!r}, expected {FORMAT!r}")
    return detections_from_json(data, path)


def detections_from_json(data: Mapping[str, Any], path: Path) -> Detections:
    """The detections in the value of a JSON file whose ``format`` is ``FORMAT``."""
    rows = data.get("frames")
    if not isinstance(rows, list) or not isinstance(data.get("detector"), str):
        raise FormatError(f"{path}: expected the keys detector (text) and frames (a list)")
    return Detections(data["detector"], tuple(_frame(row, f"{path}: frame {i}") for i, row in enumerate(rows)))


def _frame(row: Any, where: str) -> FrameDetections:
    expected = {"sequence": str, "index": int, "name": str, "cloud": str, "boxes": dict}
    for key, kind in expected.items():
        if not isinstance(row, dict) or type(row.get(key)) is not kind:
            raise FormatError(f"{where}: {key} is missing or not {kind.__name__}")
    if row["index"] < 0:
        raise FormatError(f"{where}: index is {row['index']}, expected 0 or more")
    return FrameDetections(row["sequence"], row["index"], row["name"], row["cloud"], _boxes(row["boxes"], where))


def _columns(boxes: Boxes) -> dict[str, list[Any]]:
    """The columns that are there, as lists."""
    columns = {field.name: getattr(boxes, field.name) for field in fields(boxes)}
    return {name: value.tolist() for name, value in columns.items() if value is not None}


def _boxes(columns: dict[str, Any], where: str) -> Boxes:
    known = {field.name for field in fields(Boxes)}
    required = {"center", "size", "yaw_rad", "category", "score"}
    if unfit := (set(columns) - known) | (required - set(columns)):
        raise FormatError(f"{where}: columns {sorted(unfit)} are unknown or missing; there must be {sorted(required)}")
    arrays = {name: _column(name, value, f"{where}: column {name}") for name, value in columns.items()}
    try:
        boxes = Boxes(**arrays)
    except ValueError as trouble:
        raise FormatError(f"{where}: {trouble}") from None
    _check(boxes, where)
    return boxes


def _check(boxes: Boxes, where: str) -> None:
    check_boxes(boxes, lambda box: f"{where}, box {box}", max_size_m=_MAX_SIZE_M)


def _column(name: str, value: Any, where: str) -> NDArray[Any]:
    if name == "category":
        if not isinstance(value, list) or not all(isinstance(one, str) and _CATEGORY.fullmatch(one) for one in value):
            raise FormatError(f"{where}: expected a list of names in lower case, such as 'car'")
        return np.array(value, dtype=np.str_)
    column = numbers(value, _TAILS.get(name, ()), where)
    if name not in _WHOLE:
        return column
    if not all(type(one) is int and abs(one) < 2**63 for one in value):
        raise FormatError(f"{where}: expected whole numbers")
    return np.array(value, dtype=np.int64)


_TAILS = {"center": (3,), "size": (3,), "velocity": (3,), "image_box": (4,)}
_MAX_SIZE_M = 250.0
"""What our own detector can say of a bus before it has learned anything is 221 m."""
_WHOLE = ("track", "num_points", "occlusion")
_CATEGORY = re.compile(r"[a-z0-9_]{1,64}")
