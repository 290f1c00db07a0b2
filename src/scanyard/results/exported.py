"""The numbers that an export of ours gave its frames, which results of a detector that was run on it name them by.

OpenPCDet's and MMDetection3D's layouts want ids without a recording, so an export numbers all frames through, in the
order of recordings and not of their names.  KITTI's own names look the same, so that one id can mean two frames: which
frame got which number is in the export's ``scanyard.json`` alone.  Its clouds are also turned level (``levelled``), and
boxes found in them are in that frame, not in the LiDAR's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from scanyard.datasets import mmdet3d, openpcdet
from scanyard.datasets.origin import ORIGIN_FILE, FrameNote, SequenceNote, layout_of, read_origin
from scanyard.errors import FormatError
from scanyard.results.frames import KnownFrame, KnownFrames

NUMBERED = (openpcdet.LAYOUT, mmdet3d.LAYOUT)
"""Layouts whose exports call frames by numbers."""
NAMED = ("nuscenes", "argoverse2", "kitti")
"""Layouts whose exports call frames by what is known of them without the export."""
_SAME = 1e-6
"""Metres and parts of a turn between poses that are the same: what is left of them after a way through text."""


@dataclass(frozen=True)
class Exported:
    """What a folder that was exported into says of its frames."""

    root: Path
    recordings: tuple[SequenceNote, ...]

    def names(self, numbers: Collection[str], where: str) -> set[str]:
        """RECORDING/FRAME of each of these numbers; FormatError for one that was not given."""
        if unknown := sorted(set(numbers) - set(self._by_number)):
            raise FormatError(
                f"{where}: {unknown[:3]} are none of the {len(self._by_number)} numbers that frames have in {self.root}"
            )
        return {self._by_number[number] for number in numbers}

    def known(self, known: KnownFrames) -> KnownFrames:
        """The frames that were exported, called by their numbers where ids are such.

        FormatError where the export is of other data: it lacks a frame of a recording, or has it at another time, place
        or name, with its LiDAR elsewhere, or with other returns.
        """
        exported = {note.info.name: note for note in self.recordings}
        frames = tuple(
            self._numbered(frame, exported[frame.info.name]) for frame in known.frames if frame.info.name in exported
        )
        if known.frames and not frames:
            raise self._other_data(
                f"is of recordings {sorted(exported)[:3]}, and those to be scored are "
                f"{list(dict.fromkeys(frame.info.name for frame in known.frames))[:3]}"
            )
        return KnownFrames(frames, own_names=True)

    def _numbered(self, frame: KnownFrame, recording: SequenceNote) -> KnownFrame:
        if frame.index >= len(recording.frames):
            raise self._other_data(
                f"has {len(recording.frames)} frames of {frame.info.name!r}, and frame {frame.index} is to be scored"
            )
        if not recording.info.rig.lidars:
            raise self._other_data(f"has no lidar on the rig of {frame.info.name!r}, which every recording has")
        note = recording.frames[frame.index]
        ours = {"name": frame.name, "timestamp_ns": frame.timestamp_ns}
        theirs = {"name": _name(note, frame.index), "timestamp_ns": note.timestamp_ns}
        if ours != theirs:
            raise self._other_data(f"has {theirs} as frame {frame.index} of {frame.info.name!r}, found {ours}")
        for what, one, other in (
            ("ego", frame.world_from_ego, note.world_from_ego),
            ("first lidar", frame.ego_from_lidar, recording.info.rig.lidars[0].ego_from_sensor),
        ):
            if not np.allclose(one.matrix, other.matrix, rtol=0, atol=_SAME):
                raise self._other_data(
                    f"has the {what} of frame {frame.index} of {frame.info.name!r} at {other.translation.tolist()}, "
                    f"found {one.translation.tolist()} (or turned otherwise)"
                )
        if note.cloud and note.cloud != frame.cloud:
            raise self._other_data(
                f"has another scan as frame {frame.index} of {frame.info.name!r}: its returns' digest is {note.cloud}, "
                f"found {frame.cloud}"
            )
        return replace(frame, number=note.file)

    def _other_data(self, found: str) -> FormatError:
        return FormatError(
            f"{self.root / ORIGIN_FILE}: {found}; it is an export of other data. Name the one that the detector was "
            "run on (--exported FOLDER), or say that ids are the frames' own names (--own-names)"
        )

    @cached_property
    def _by_number(self) -> dict[str, str]:
        return {
            note.file: f"{recording.info.name}/{_name(note, index)}"
            for recording in self.recordings
            for index, note in enumerate(recording.frames)
        }


def read_exported(root: Path) -> Exported | None:
    """What the note in ``root`` says, ``None`` where frames are called as they are known without it.

    FormatError where there is no note, or of a layout that no detector reads.
    """
    layout = layout_of(root)
    if layout in NAMED:
        return None
    if layout not in NUMBERED:
        raise FormatError(f"{root}: is an export to {layout!r}, which no detector is run on; expected {NUMBERED}")
    return Exported(root, read_origin(root, layout) or ())


def exported_around(path: Path) -> Exported | None:
    """The export that numbered its frames and in which a file or folder lies, if there is one."""
    for folder in (path.absolute(), *path.absolute().parents):
        if (folder / ORIGIN_FILE).is_file() and layout_of(folder) in NUMBERED:
            return read_exported(folder)
    return None


def _name(note: FrameNote, index: int) -> str:
    return note.name or f"{index:06d}"
