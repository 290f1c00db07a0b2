"""What lies beside recordings exported to KITTI's layout, and what it says when they are read again.

KITTI's folders say neither licence nor drive.  Read without these files, a simulated recording would come back as real,
non-commercial, and each of its frames as a drive of its own.

    ROOT/SEQUENCE/velodyne, label_2, ...    ROOT/frames.csv    ROOT/scanyard.json, LICENCE.md
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scanyard.datasets.kitti import KittiSequence
from scanyard.datasets.origin import SequenceNote, read_origin, write_origin
from scanyard.errors import FormatError, StoreError
from scanyard.frame import Frame
from scanyard.sequence import SensorSequence, SequenceInfo

LAYOUT = "kitti"
CONVENTION = (
    "metres; velodyne/ x forward, y left, z up; label_2/ in the camera's frame, x right, y down, z forward, "
    "at the bottom of boxes, rounded to centimetres"
)


def write_kitti_origin(root: Path, exported: Sequence[tuple[SequenceInfo, Sequence[Frame]]]) -> None:
    """Write all three files into ``root``; frames are in the order in which they were exported."""
    try:
        with (root / "frames.csv").open("w", encoding="ascii", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["subset", "id", "drive", "raw_frame", "width", "height"])
            for info, frames in exported:
                size = (info.rig.cameras[0].width_px, info.rig.cameras[0].height_px)
                for index, frame in enumerate(frames):
                    table.writerow([info.name, frame.name or f"{index:06d}", info.drive, index, *size])
        write_origin(root, LAYOUT, CONVENTION, [SequenceNote(info) for info, _ in exported])
    except UnicodeEncodeError as error:
        raise FormatError(f"{root / 'frames.csv'}: {error.object!r} is not ASCII, which KITTI's tables are") from error
    except OSError as error:
        raise StoreError(f"{root}: cannot be written ({error.strerror}: {error.filename})") from error


def as_exported(root: Path, sequences: Sequence[SensorSequence]) -> list[SensorSequence]:
    """The sequences read from ``root`` with domain, licence and source as the exported ones had them, if it says so."""
    known = {note.info.name: note.info for note in read_origin(root, LAYOUT) or ()}
    return [_as_exported(sequence, known.get(str(sequence.info.provenance["split"]))) for sequence in sequences]


def _as_exported(sequence: SensorSequence, known: SequenceInfo | None) -> SensorSequence:
    if known is None or not isinstance(sequence, KittiSequence):
        return sequence
    source = known.provenance.get("format", "scanyard")
    info = replace(
        sequence.info,
        domain=known.domain,
        licence=known.licence,
        provenance={**sequence.info.provenance, "format": source},
    )
    return replace(sequence, info=info)
