"""Whole datasets in KITTI's layout and back, with what it has no place for beside it.

KITTI's folders say neither licence nor drive, nor where the LiDAR is, nor when and where a frame was taken.  Read
without these files, a simulated recording would come back as real, non-commercial, and each of its frames as a drive of
its own.

    ROOT/SEQUENCE/velodyne, label_2, ...    ROOT/frames.csv    ROOT/scanyard.json, LICENCE.md
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from scanyard.datasets.kitti import read_sequences, write_frames
from scanyard.datasets.origin import SequenceNote, begin_export, read_origin_around, write_origin
from scanyard.errors import FormatError, StoreError
from scanyard.sequence import SensorSequence

LAYOUT = "kitti"
CONVENTION = (
    "metres; velodyne/ x forward, y left, z up; label_2/ in the camera's frame, x right, y down, z forward, "
    "at the bottom of boxes, rounded to centimetres"
)


def write_dataset(root: Path, sequences: Sequence[SensorSequence]) -> None:
    """Write recordings into the new folder ``root``, a split folder for each; errors as ``kitti.write_frames``."""
    begin_export(root)
    notes = [
        SequenceNote(sequence.info, tuple(write_frames(root / sequence.info.name, sequence))) for sequence in sequences
    ]
    write_kitti_origin(root, notes)


def write_kitti_origin(root: Path, exported: Sequence[SequenceNote]) -> None:
    """Write all three files into ``root``; frames are in the order in which they were exported."""
    try:
        with (root / "frames.csv").open("w", encoding="ascii", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["subset", "id", "drive", "raw_frame", "width", "height"])
            for note in exported:
                camera = note.info.rig.cameras[0]
                for index, frame in enumerate(note.frames):
                    row = (note.info.name, frame.file, note.info.drive, index, camera.width_px, camera.height_px)
                    table.writerow(row)
        write_origin(root, LAYOUT, CONVENTION, exported)
    except UnicodeEncodeError as error:
        raise FormatError(f"{root / 'frames.csv'}: {error.object!r} is not ASCII, which KITTI's tables are") from error
    except OSError as error:
        raise StoreError(f"{root}: cannot be written ({error.strerror}: {error.filename})") from error


def read_dataset(root: Path, subsets: Sequence[str] | None = None) -> list[SensorSequence]:
    """Read ``root``, or these split folders of it; as they were exported, where we did that.

    By default every recording that was exported, or all folders that hold labelled frames.  The note of an export lies
    in ``root``, or beside the one split folder that ``root`` is.
    """
    is_split = (root / "velodyne").is_dir()
    found = read_origin_around(root, LAYOUT, up=1 if is_split else 0)
    notes = {note.info.name: note for note in found or ()}
    folders: Sequence[str | None] = subsets or ([None] if is_split else list(notes) or _labelled_folders(root))
    return [sequence for folder in folders for sequence in read_sequences(root, folder, notes=notes)]


def _labelled_folders(root: Path) -> list[str] | list[None]:
    """The folders below ``root`` that hold labelled frames; ``None`` stands for ``root`` itself."""
    return sorted(folder.name for folder in root.glob("*") if (folder / "label_2").is_dir()) or [None]
