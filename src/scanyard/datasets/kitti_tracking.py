"""KITTI's tracking layout, read only: consecutive frames with track ids.

    ROOT/velodyne/SEQ/FRAME.bin    ROOT/label_02/SEQ.txt (17 columns, frame and track first)    ROOT/calib/SEQ.txt

What a stranger gets wrong: its truncation is a level (0, 1, 2), not a fraction, so the column is absent here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanyard.boxes import Boxes
from scanyard.datasets.kitti import DEFAULT_SIZE_PX, FRAME_PERIOD_NS, LICENCE, read_scan, rig_of
from scanyard.datasets.kitti_calibration import Calibration, parse_numbers, read_calibration, read_lines
from scanyard.datasets.kitti_labels import CATEGORY_OF_CLASS, DONT_CARE, Row, boxes_from_rows, check_object
from scanyard.errors import FormatError
from scanyard.frame import Frame
from scanyard.geometry import FloatArray, Transform
from scanyard.plausible import check_boxes
from scanyard.sequence import SequenceInfo

_COLUMNS = 17
_CLASSES = {"Person": "Person_sitting"}
"""What tracking calls otherwise than the object benchmark."""

_FRAME = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True)
class _Line:
    name: str
    track: int
    row: FloatArray
    """(14,) the object benchmark's numbers."""
    where: str
    """File and line."""


@dataclass(frozen=True)
class KittiTrackingSequence:
    """One tracking sequence; scans are read when asked for."""

    info: SequenceInfo
    scans: tuple[Path, ...]
    calibration: Calibration
    lines: dict[int, list[_Line]]
    """By frame number."""
    crop_to_image: bool

    def __len__(self) -> int:
        return len(self.scans)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        scan = self.scans[index]
        sweep = read_scan(scan)
        if self.crop_to_image:
            sweep = sweep[self.calibration.in_image(sweep.points, *DEFAULT_SIZE_PX)]
        boxes, regions = self.labels(int(scan.stem))
        return Frame(
            timestamp_ns=int(scan.stem) * FRAME_PERIOD_NS,
            world_from_ego=Transform.identity(),
            sweeps={"top": sweep},
            boxes=boxes,
            dont_care=regions,
            name=scan.stem,
        )

    def labels(self, number: int) -> tuple[Boxes, FloatArray]:
        """Boxes in the ego frame, and regions nobody labelled (K, 4) in pixels, of the frame of that number."""
        lines = self.lines.get(number, [])
        objects = [line for line in lines if line.name != DONT_CARE]
        regions = [line.row[3:7] for line in lines if line.name == DONT_CARE]
        rows = np.array([line.row for line in objects]).reshape(-1, 14)
        boxes = boxes_from_rows([CATEGORY_OF_CLASS[line.name] for line in objects], rows, self.calibration)
        tracks = np.array([line.track for line in objects], dtype=np.int64)
        return boxes.replace(track=tracks, truncation=None), np.array(regions).reshape(-1, 4)


def read_tracking(
    root: str | Path, sequence: str, *, drive: str | None = None, crop_to_image: bool = False
) -> KittiTrackingSequence:
    """Read tracking sequence ``sequence``, such as ``0000``; ``drive`` names the raw drive it was taken from.

    FormatError names the first file and line that is wrong.
    """
    folder = Path(root)
    scans = tuple(sorted((folder / "velodyne" / sequence).glob("*.bin")))
    if not scans:
        raise FormatError(f"{folder / 'velodyne' / sequence}: holds no scans (FRAME.bin)")
    if strange := [scan for scan in scans if not _FRAME.fullmatch(scan.stem)]:
        raise FormatError(f"{strange[0]}: is no scan; they are called by their frame, such as 000000.bin")
    calibration = read_calibration(folder / "calib" / f"{sequence}.txt")
    lines = _read_lines(folder / "label_02" / f"{sequence}.txt")
    name = f"tracking-{sequence}"
    info = SequenceInfo(
        name=name,
        domain="real",
        drive=drive or name,
        rig=rig_of(calibration, DEFAULT_SIZE_PX),
        licence=LICENCE,
        provenance={"format": "kitti-tracking", "sequence": sequence, "crop_to_image": crop_to_image},
    )
    read = KittiTrackingSequence(info, scans, calibration, lines, crop_to_image)
    for number, of_frame in lines.items():
        objects = [line for line in of_frame if line.name != DONT_CARE]
        check_boxes(read.labels(number)[0], lambda box, objects=objects: objects[box].where)  # type: ignore[misc]
    return read


def _read_lines(path: Path) -> dict[int, list[_Line]]:
    lines: dict[int, list[_Line]] = {}
    seen: set[tuple[int, int]] = set()
    for number, text in enumerate(read_lines(path), start=1):
        where, words = f"{path}, line {number}", text.split()
        if len(words) != _COLUMNS:
            raise FormatError(f"{where}: found {len(words)} columns, expected {_COLUMNS}")
        name = _CLASSES.get(words[2], words[2])
        frame, track = parse_numbers(words[:2], where).tolist()
        if frame % 1 or track % 1 or frame < 0:
            raise FormatError(f"{where}: frame and track are {frame:g} and {track:g}, expected whole numbers")
        row = parse_numbers(words[3:], where)
        line = _Line(name, int(track), row, where)
        check_object(Row(name, np.r_[0.0, row[1:]], where))
        if name != DONT_CARE and (int(frame), line.track) in seen:
            raise FormatError(f"{where}: track {line.track} is in frame {int(frame)} twice; keep one")
        seen.add((int(frame), line.track))
        lines.setdefault(int(frame), []).append(line)
    return lines
