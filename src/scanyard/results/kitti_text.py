"""KITTI's result files: a folder with a text file per frame, 16 columns, the last the score.

    DIR/ID.txt   or DIR/data/ID.txt, as the development kit has it, or a folder per recording, DIR/RECORDING/ID.txt

OpenPCDet (``final_result/data``) and MMDetection3D (``submission_prefix``) write them too.  Lines are those of labels
(``datasets.kitti_labels``): bottom centres in the rectified camera frame.  Truncation and occlusion are -1 in results
and are not kept, ``alpha`` follows from the rest.  A frame without detections is an empty file: where the file itself
is missing, nobody knows whether the detector was asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from scanyard.boxes import Boxes
from scanyard.datasets.kitti_calibration import MAX_NUMBER
from scanyard.datasets.kitti_labels import (
    CLASS_OF_CATEGORY,
    boxes_from_rows,
    observation_angle,
    read_rows,
    rows_from_boxes,
)
from scanyard.detections import FrameDetections
from scanyard.errors import FormatError, StoreError
from scanyard.geometry import FloatArray
from scanyard.label.projection import image_extent
from scanyard.plausible import MAX_YAW_RAD, check_boxes
from scanyard.results.categories import category_of
from scanyard.results.frames import KnownFrame, KnownFrames
from scanyard.store.layout import require_file_name

_COLUMNS = 16


def text_files(folder: Path) -> list[tuple[str, Path]]:
    """Name of the frame and file, for all result files of a folder, sorted."""
    for files in (folder.glob("*.txt"), (folder / "data").glob("*.txt")):
        if found := sorted(files):
            return [(path.stem, path) for path in found]
    return [(f"{path.parent.name}/{path.stem}", path) for path in sorted(folder.glob("*/*.txt"))]


def read_kitti_text(folder: Path, known: KnownFrames) -> list[FrameDetections]:
    """The detections of every frame that has a file; FormatError names file and line."""
    files = text_files(folder)
    frames = known.find_all((name, str(path)) for name, path in files)
    return [_read_file(path, frame) for frame, (_, path) in zip(frames, files, strict=True)]


def write_kitti_text(
    folder: Path, detections: Iterable[FrameDetections], known: KnownFrames, *, per_recording: bool = False
) -> None:
    """Write a file per frame, in a folder per recording where names would collide or ``per_recording`` says so.

    Eight decimals, so that what is read back is the same to a hundred-millionth.
    """
    detections = list(detections)
    frames = [(known.of(one, str(folder)), one) for one in detections]
    per_recording = per_recording or any("/" in known.called(frame) for frame, _ in frames)
    try:
        for frame, one in frames:
            place = folder / require_file_name(frame.info.name, "sequence") if per_recording else folder
            path = place / f"{require_file_name(frame.name, 'frame')}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_text(one.boxes, frame), encoding="ascii")
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}: {error.filename})") from error


def boxes_of_camera(
    names: list[str], rows: FloatArray, score: FloatArray, frame: KnownFrame, where: list[str]
) -> Boxes:
    """Detections in the ego frame from classes and KITTI's 14 numbers (N, 14); FormatError says which is no box."""
    for row, place in zip(rows, where, strict=True):
        if (row[7:10] <= 0).any():
            found = "only of the image" if (row[7:10] == -1).all() else "no box"
            raise FormatError(
                f"{place}: a detection {found}, its height, width and length are {row[7:10].tolist()}; expected metres "
                "above zero"
            )
        if not np.abs(row).max() <= MAX_NUMBER or abs(row[13]) > MAX_YAW_RAD:
            raise FormatError(f"{place}: found {row.tolist()}, expected numbers up to {MAX_NUMBER:g}, ry in radians")
    categories = [category_of(name, place) for name, place in zip(names, where, strict=True)]
    boxes = boxes_from_rows(categories, rows, frame.calibration)
    boxes = boxes.replace(truncation=None, occlusion=None, score=score)
    check_boxes(boxes, where.__getitem__, unit_score=False)
    return boxes


def with_image_boxes(boxes: Boxes, frame: KnownFrame) -> Boxes:
    """The boxes with where they appear in the rig's first camera, if it has one; no area where they do not."""
    if boxes.image_box is not None or not frame.info.rig.cameras:
        return boxes
    return boxes.replace(image_box=image_extent(boxes, frame.info.rig.cameras[0]).image_box)


def _read_file(path: Path, frame: KnownFrame) -> FrameDetections:
    lines = read_rows(path, _COLUMNS)
    rows = np.array([line.numbers for line in lines]).reshape(-1, _COLUMNS - 1)
    boxes = boxes_of_camera(
        [line.name for line in lines], rows[:, :14], rows[:, 14], frame, [one.where for one in lines]
    )
    return frame.detected(boxes)


def _text(boxes: Boxes, frame: KnownFrame) -> str:
    boxes = with_image_boxes(boxes, frame)
    where = f"frame {frame.long_name}"
    if len(boxes) and (boxes.image_box is None or boxes.score is None):
        raise FormatError(
            f"{where}: KITTI's results need image boxes and scores; the rig has no camera to project into"
        )
    unknown = sorted(set(boxes.category.tolist()) - set(CLASS_OF_CATEGORY))
    if unknown:
        raise FormatError(f"{where}: categories {unknown} have no KITTI class; there are {sorted(CLASS_OF_CATEGORY)}")
    if not len(boxes) or boxes.image_box is None or boxes.score is None:
        return ""
    bottom, ry = rows_from_boxes(boxes, frame.calibration)
    numbers = np.column_stack(
        [
            observation_angle(boxes, frame.calibration),
            boxes.image_box,
            boxes.size[:, [2, 1, 0]],
            bottom,
            ry,
            boxes.score,
        ]
    )
    return "".join(
        f"{CLASS_OF_CATEGORY[category]} -1 -1 {' '.join(f'{number:.8f}' for number in row)}\n"
        for category, row in zip(boxes.category.tolist(), numbers, strict=True)
    )
