"""Which drive a KITTI object frame was taken from.

The object benchmark's ids are shuffled, and neighbours in a drive show the same street: without this mapping a split
by frame leaks.  It comes from a ``frames.csv`` (columns subset, id, drive, raw_frame, width, height), or from the
devkit's ``train_rand.txt`` and ``train_mapping.txt``; without either, each frame is a drive of its own.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scanyard.datasets.kitti_calibration import read_lines
from scanyard.errors import FormatError

_DIGITS = re.compile(r"\d{1,10}")
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
    reader = csv.DictReader(read_lines(path), strict=True)
    origins: dict[str, FrameOrigin] = {}
    try:
        missing = [name for name in ("subset", "id", "drive", "raw_frame") if name not in (reader.fieldnames or [])]
        if missing:
            raise FormatError(f"{path}, line 1: has no column {missing}; found {reader.fieldnames}")
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                raise FormatError(f"{where}: has not one value for each of {reader.fieldnames}")
            if row["subset"] != subset:
                continue
            if not row["id"] or not row["drive"] or row["id"] in origins:
                raise FormatError(f"{where}: frame {row['id']!r} of drive {row['drive']!r} is nameless or there twice")
            size = None
            if row.get("width") and row.get("height"):
                size = (_whole(row["width"], where, 1), _whole(row["height"], where, 1))
            origins[row["id"]] = FrameOrigin(row["drive"], _whole(row["raw_frame"], where, 0), size)
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: is no table ({error})") from None
    return origins


def _from_devkit(mapping: Path, order: Path) -> dict[str, FrameOrigin]:
    """``train_rand`` gives for each frame the line, counted from 1, of ``train_mapping``: date, drive, raw frame."""
    lines = read_lines(mapping)
    origins: dict[str, FrameOrigin] = {}
    taken: dict[int, int] = {}
    for index, word in enumerate("".join(read_lines(order)).split(",")):
        where = f"{order}, entry {index + 1}"
        number = _whole(word.strip(), where, 1)
        if number > len(lines) or number in taken:
            found = f"also entry {taken[number]}" if number in taken else f"{mapping.name} has {len(lines)} lines"
            raise FormatError(f"{where}: leads to line {number}, but {found}")
        taken[number] = index + 1
        words, where = lines[number - 1].split(), f"{mapping}, line {number}"
        if len(words) != 3:
            raise FormatError(f"{where}: found {len(words)} columns, expected date, drive and frame")
        origins[f"{index:06d}"] = FrameOrigin(words[1], _whole(words[2], where, 0))
    return origins


def _whole(word: str, where: str, least: int) -> int:
    if not _DIGITS.fullmatch(word) or int(word) < least:
        raise FormatError(f"{where}: found {word[:40]!r}, expected a whole number from {least}")
    return int(word)
