"""Which drive a KITTI object frame was taken from.

The object benchmark's ids are shuffled, and neighbours in a drive show the same street: without this mapping a split
by frame leaks.  It comes from a ``frames.csv`` (columns subset, id, drive, raw_frame, width, height), or from the
devkit's ``train_rand.txt`` and ``train_mapping.txt``; without either, each frame is a drive of its own.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scanyard.datasets.kitti_calibration import read_lines
from scanyard.errors import FormatError

_DEVKIT_FOLDERS = ("", "mapping", "devkit/mapping", "devkit_object/mapping")


@dataclass(frozen=True)
class FrameOrigin:
    """Where one frame comes from."""

    drive: str
    raw_frame: int | None = None
    """Its number in the raw drive, recorded at 10 Hz."""
    size_px: tuple[int, int] | None = None
    """Width and height of its image."""


def frame_origins(split: Path) -> tuple[Mapping[str, FrameOrigin], str]:
    """Origins by frame id for the split folder, and the file that says so (empty if none does)."""
    for folder in (split, split.parent):
        table = folder / "frames.csv"
        if table.is_file():
            return _from_table(table, split.name), table.name
    if split.name == "training":
        for folder in (split, split.parent):
            for place in _DEVKIT_FOLDERS:
                mapping, order = folder / place / "train_mapping.txt", folder / place / "train_rand.txt"
                if mapping.is_file() and order.is_file():
                    return _from_devkit(mapping, order), mapping.name
    return {}, ""


def _from_table(path: Path, subset: str) -> dict[str, FrameOrigin]:
    reader = csv.DictReader(read_lines(path))
    missing = [column for column in ("subset", "id", "drive", "raw_frame") if column not in (reader.fieldnames or [])]
    if missing:
        raise FormatError(f"{path}, line 1: has no column {missing}; found {reader.fieldnames}")
    origins = {}
    for row in reader:
        if row["subset"] != subset:
            continue
        try:
            size = (int(row["width"]), int(row["height"])) if row.get("width") and row.get("height") else None
            origins[row["id"]] = FrameOrigin(row["drive"], int(row["raw_frame"]), size)
        except (TypeError, ValueError) as error:
            raise FormatError(f"{path}, line {reader.line_num}: {error}") from None
    return origins


def _from_devkit(mapping: Path, order: Path) -> dict[str, FrameOrigin]:
    """``train_rand`` gives for each frame the line, counted from 1, of ``train_mapping``: date, drive, raw frame."""
    lines = read_lines(mapping)
    origins = {}
    try:
        for index, word in enumerate("".join(read_lines(order)).split(",")):
            _, drive, raw_frame = lines[int(word) - 1].split()
            origins[f"{index:06d}"] = FrameOrigin(drive, int(raw_frame))
    except (ValueError, IndexError) as error:
        raise FormatError(
            f"{order}: entry {len(origins) + 1} does not lead to a line of {mapping.name} ({error})"
        ) from None
    return origins
