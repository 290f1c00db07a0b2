"""OpenPCDet's layout for data of one's own.

    ROOT/points/ID.npy     (M, 4) float32: x, y, z, intensity          ROOT/ImageSets/{train,val,test}.txt
    ROOT/labels/ID.txt     x y z dx dy dz heading class                one line a box

Boxes are in the cloud's frame (see ``levelled``): x, y, z is the box's *centre*, dx its length along the heading, and
the heading turns from x towards y, all as ours.  What a stranger gets wrong: a frame whose label file is empty stops
OpenPCDet when it gathers its infos, so frames without boxes are listed in ``test`` only.  Numbers are written with all
their digits.  Track ids, velocities and the rest of a label's columns have no place here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.datasets.classes import custom_classes
from scanyard.datasets.kitti_calibration import parse_numbers, read_lines
from scanyard.datasets.levelled import (
    CONVENTION,
    LIDAR_HEIGHT_M,
    UNKNOWN_LICENCE,
    LevelFrame,
    level_cloud,
    level_from_ego,
    note_for_reading_back,
    note_of,
    number_note,
    read_image_sets,
    read_levelled,
    write_image_sets,
)
from scanyard.datasets.origin import SequenceNote, begin_export, write_origin
from scanyard.errors import FormatError, StoreError
from scanyard.sequence import SensorSequence

LAYOUT = "openpcdet"
_COLUMNS = 8


def write_dataset(root: str | Path, sequences: Sequence[SensorSequence], *, val_drives: Collection[str] = ()) -> None:
    """Write recordings into the new folder ``root``, frames numbered through; ``val_drives`` are for validation.

    FormatError if a category has no name here, StoreError if the folder is not empty or cannot be written.
    """
    folder = Path(root)
    begin_export(folder)
    notes: list[SequenceNote] = []
    listed: list[tuple[str, str, bool]] = []
    try:
        for name in ("points", "labels"):
            (folder / name).mkdir()
        for sequence in sequences:
            rig, frames = sequence.info.rig, []
            for frame in sequence:
                file = f"{len(listed):06d}"
                np.save(folder / "points" / f"{file}.npy", level_cloud(frame, rig))
                if frame.boxes is not None:
                    text = labels_to_text(frame.boxes.transformed(level_from_ego(rig)))
                    (folder / "labels" / f"{file}.txt").write_text(text, encoding="ascii")
                frames.append(note_of(file, frame, rig))
                listed.append((file, sequence.info.drive, bool(frame.boxes is not None and len(frame.boxes))))
            notes.append(note_for_reading_back(sequence, frames))
        write_image_sets(folder, listed, val_drives)
        write_origin(folder, LAYOUT, f"{CONVENTION}; box centres", notes)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}: {error.filename})") from error


def read_sequences(
    root: str | Path,
    *,
    licence: str = UNKNOWN_LICENCE,
    drive: str | None = None,
    lidar_height_m: float = LIDAR_HEIGHT_M,
) -> list[SensorSequence]:
    """Read a folder of ours or of somebody else; for the latter see ``levelled.read_levelled``.

    FormatError names the first file and line that is wrong.
    """
    folder = Path(root)
    scans = sorted((folder / "points").glob("*.npy"))
    if not scans:
        raise FormatError(f"{folder / 'points'}: holds no clouds (ID.npy)")
    missing = set(read_image_sets(folder)) - {scan.stem for scan in scans}
    if missing:
        raise FormatError(f"{folder / 'ImageSets'}: lists {sorted(missing)[:3]}, of which points/ has no cloud")
    frames = []
    for index, scan in enumerate(scans):
        labels = folder / "labels" / f"{scan.stem}.txt"
        boxes = read_labels(labels) if labels.is_file() else None
        frames.append(LevelFrame(number_note(scan.stem, index, labelled=boxes is not None), scan, boxes))
    return read_levelled(
        folder, LAYOUT, frames, read_cloud=read_cloud, licence=licence, drive=drive, lidar_height_m=lidar_height_m
    )


def read_cloud(path: Path) -> NDArray[np.float32]:
    """Read ``points/ID.npy``: x, y, z, intensity (M, 4)."""
    try:
        cloud = np.load(path, allow_pickle=False)
    except Exception as error:  # the header is Python source: a damaged one raises whatever its bytes ask for
        raise FormatError(f"{path}: is no array of numbers ({error})") from error
    if cloud.ndim != 2 or cloud.shape[1] < 4 or not np.issubdtype(cloud.dtype, np.number):
        raise FormatError(f"{path}: found {cloud.dtype} {cloud.shape}, expected (M, 4): x, y, z, intensity")
    if not np.isfinite(cloud[:, :4]).all():
        wrong = int(np.argmin(np.isfinite(cloud[:, :4]).all(axis=1)))
        raise FormatError(f"{path}: point {wrong} is {cloud[wrong].tolist()}, expected finite numbers")
    return np.asarray(cloud[:, :4], dtype=np.float32)


def labels_to_text(boxes: Boxes) -> str:
    """The label file of boxes in the level frame."""
    rows = np.column_stack([boxes.center, boxes.size, boxes.yaw_rad])
    names = custom_classes(boxes.category)
    return "".join(f"{' '.join(map(repr, row))} {name}\n" for row, name in zip(rows.tolist(), names, strict=True))


def read_labels(path: Path) -> Boxes:
    """Read ``labels/ID.txt`` as boxes in the level frame; FormatError names file and line."""
    rows, categories = [], []
    for number, line in enumerate(read_lines(path), start=1):
        where, words = f"{path}, line {number}", line.split()
        if len(words) != _COLUMNS:
            raise FormatError(f"{where}: found {len(words)} columns, expected {_COLUMNS}: x y z dx dy dz heading class")
        row = parse_numbers(words[:7], where)
        if (row[3:6] <= 0).any():
            raise FormatError(f"{where}: length, width and height are {row[3:6].tolist()}, expected metres above zero")
        rows.append(row)
        categories.append(words[7].lower())
    table = np.array(rows).reshape(-1, 7)
    return Boxes(table[:, :3], table[:, 3:6], table[:, 6], np.array(categories, dtype=np.str_))
