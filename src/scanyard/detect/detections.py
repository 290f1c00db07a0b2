"""Detections kept: what a detector said about every frame of some recordings, written to one JSON file.

Numbers survive the file to the last bit, so scores computed from it agree with scores computed on the spot.  Each frame
carries a digest of its cloud: detections are only ever given back for the scan they were made from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.boxes import Boxes
from scanyard.detect.detectors import Detector
from scanyard.errors import EvaluationError, FormatError, InputError
from scanyard.frame import Frame
from scanyard.sensors import Rig
from scanyard.sequence import SensorSequence

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


@dataclass(frozen=True)
class RecordedDetections:
    """A detector that repeats what was recorded."""

    detections: Detections

    @property
    def name(self) -> str:
        """The name of the detector that was recorded."""
        return self.detections.detector

    def detect(self, frame: Frame, rig: Rig) -> Boxes:
        """The boxes recorded for this very scan; EvaluationError where there are none."""
        found = self._by_cloud.get(cloud_digest(frame, rig))
        if found is None:
            raise EvaluationError(
                f"frame {frame.name or frame.timestamp_ns}: detector {self.name} was not recorded on this scan; it was "
                f"on {len(self.detections.frames)} others. Run it on this data first."
            )
        return found

    @cached_property
    def _by_cloud(self) -> dict[str, Boxes]:
        return {frame.cloud: frame.boxes for frame in self.detections.frames}


def cloud_digest(frame: Frame, rig: Rig) -> str:
    """Sixteen hex digits that identify a frame by the returns of the rig's first LiDAR."""
    sweep = frame.sweeps.get(rig.lidars[0].name)
    if sweep is None:
        raise InputError(
            f"frame {frame.name or frame.timestamp_ns}: no sweep {rig.lidars[0].name!r}, the first LiDAR of rig "
            f"{rig.name}; the frame has {sorted(frame.sweeps)}"
        )
    return hashlib.sha256(np.ascontiguousarray(sweep.points).tobytes()).hexdigest()[:16]


def detect_all(
    detector: Detector,
    sequences: Sequence[SensorSequence],
    on_progress: Callable[[int, int], None] | None = None,
) -> Detections:
    """Run a detector over every frame; ``on_progress`` is called with frames done and frames in all."""
    total = sum(len(sequence) for sequence in sequences)
    frames: list[FrameDetections] = []
    for sequence in sequences:
        rig = sequence.info.rig
        for index, frame in enumerate(sequence):
            boxes = detector.detect(frame, rig)
            frames.append(FrameDetections(sequence.info.name, index, frame.name, cloud_digest(frame, rig), boxes))
            if on_progress is not None:
                on_progress(len(frames), total)
    return Detections(detector.name, tuple(frames))


def write_detections(path: str | Path, detections: Detections) -> None:
    """Write one JSON file; it appears only when complete."""
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
    """Undo ``write_detections``; FormatError says what in the file is wrong."""
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file; `scanyard detect` writes detections") from None
    except (UnicodeDecodeError, ValueError, RecursionError, OSError) as trouble:
        raise FormatError(f"{path}: not a detections file: {trouble}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise FormatError(f"{path}: format is {found!r}, expected {FORMAT!r}")
    rows = data.get("frames")
    if not isinstance(rows, list) or not isinstance(data.get("detector"), str):
        raise FormatError(f"{path}: expected the keys detector (text) and frames (a list)")
    return Detections(data["detector"], tuple(_frame(row, f"{path}: frame {i}") for i, row in enumerate(rows)))


def _frame(row: Any, where: str) -> FrameDetections:
    expected = {"sequence": str, "index": int, "name": str, "cloud": str, "boxes": dict}
    for key, kind in expected.items():
        if not isinstance(row, dict) or not isinstance(row.get(key), kind):
            raise FormatError(f"{where}: {key} is missing or not {kind.__name__}")
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
    tails = {"center": 3, "size": 3, "velocity": 3, "image_box": 4}
    try:
        arrays = {
            name: np.asarray(value).reshape(len(value), *((tails[name],) if name in tails else ()))
            for name, value in columns.items()
        }
        boxes = Boxes(**arrays)
        numeric = [arrays[name].astype(np.float64) for name in arrays if name != "category"]
    except (ValueError, TypeError) as trouble:
        raise FormatError(f"{where}: {trouble}") from None
    if not all(np.isfinite(values).all() for values in numeric):
        raise FormatError(f"{where}: a number is not finite")
    return boxes
