"""Numbered clouds in one level frame, with times and poses in our note: what detectors' own layouts are made of.

OpenPCDet and MMDetection3D want x ahead, y to the left, z up, and the LiDAR at the origin, because their anchors stand
at a height below it.  A LiDAR that leans or looks aside would lay every label askew, so the frame has the first LiDAR's
*place* and the ego's *axes*; for KITTI's mounting that is the Velodyne's own frame.  All LiDARs of a rig go into the
one cloud.  Read back, it is the first LiDAR's sweep: which LiDAR a return came from is not kept, nor are rings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.datasets.kitti_calibration import read_lines
from scanyard.datasets.origin import FrameNote, SequenceNote, named, read_origin
from scanyard.detections import cloud_digest
from scanyard.errors import FormatError
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Lidar, Rig
from scanyard.sequence import SensorSequence, SequenceInfo

CONVENTION = "right-handed metres, x forward, y left, z up, origin at the first lidar, axes level with the ego"
UNKNOWN_LICENCE = "unknown"
LIDAR_HEIGHT_M = 1.73
"""Above the ground, for folders that do not say: KITTI's, which both projects' own settings are made for."""
FRAME_PERIOD_NS = 100_000_000


def level_from_ego(rig: Rig) -> Transform:
    """To the first LiDAR's place, without turning."""
    return Transform.from_rotation(np.eye(3), -rig.lidars[0].ego_from_sensor.translation)


def level_cloud(frame: Frame, rig: Rig) -> NDArray[np.float32]:
    """All returns (M, 4) as x, y, z, intensity (0 where a sweep has none) in the level frame."""
    clouds = []
    for lidar in rig.lidars:
        sweep = frame.sweeps[lidar.name]
        level_from_sensor = level_from_ego(rig) @ lidar.ego_from_sensor
        points = sweep.points
        if not np.array_equal(level_from_sensor.matrix, np.eye(4)):  # untouched, points stay what they are to the bit
            points = level_from_sensor.apply(points).astype(np.float32)
        intensity = np.zeros(len(sweep), dtype=np.float32) if sweep.intensity is None else sweep.intensity
        clouds.append(np.column_stack([points, intensity]))
    return np.concatenate(clouds)


@dataclass(frozen=True)
class LevelFrame:
    """The files of one frame; boxes are in the level frame."""

    note: FrameNote
    scan: Path
    boxes: Boxes | None
    images: tuple[tuple[str, Path], ...] = ()
    """Camera names with their files."""


@dataclass(frozen=True)
class LevelSequence:
    """A recording whose clouds are read when asked for."""

    info: SequenceInfo
    frames: tuple[LevelFrame, ...]
    read_cloud: Callable[[Path], NDArray[np.float32]]
    """Reads x, y, z, intensity (M, 4) of a file; a module's own function, so that the sequence can be pickled."""
    read_image: Callable[[Path], Image] | None = None

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        frame = self.frames[index]
        lidar = self.info.rig.lidars[0]
        ego_from_level = level_from_ego(self.info.rig).inverse()
        cloud = self.read_cloud(frame.scan)
        sensor_from_level = lidar.ego_from_sensor.inverse() @ ego_from_level
        points = cloud[:, :3]
        if not np.array_equal(sensor_from_level.matrix, np.eye(4)):
            points = sensor_from_level.apply(points).astype(np.float32)
        return Frame(
            timestamp_ns=frame.note.timestamp_ns,
            world_from_ego=frame.note.world_from_ego,
            sweeps={lidar.name: Sweep(points.copy(), intensity=cloud[:, 3].copy())},
            images={name: self.read_image(path) for name, path in frame.images if self.read_image is not None},
            boxes=None if frame.boxes is None else frame.boxes.transformed(ego_from_level),
            dont_care=frame.note.dont_care,
            name=frame.note.name,
        )


def note_of(file: str, frame: Frame, rig: Rig) -> FrameNote:
    """The note of ``frame``, which was written under the id ``file``.

    It has the scan's digest where one LiDAR that is not turned leaves the cloud as it was, here and on the way back.
    """
    untouched = len(rig.lidars) == 1 and np.array_equal(rig.lidars[0].ego_from_sensor.rotation, np.eye(3))
    return replace(FrameNote.of(file, frame), cloud=cloud_digest(frame, rig) if untouched else "")


def note_for_reading_back(sequence: SensorSequence, frames: Sequence[FrameNote]) -> SequenceNote:
    """What the way back needs: the rig with the one LiDAR that the cloud will belong to."""
    rig = replace(sequence.info.rig, lidars=sequence.info.rig.lidars[:1])
    return SequenceNote(replace(sequence.info, rig=rig), tuple(frames))


def read_levelled(
    root: Path,
    layout: str,
    frames: Sequence[LevelFrame],
    *,
    read_cloud: Callable[[Path], NDArray[np.float32]],
    read_image: Callable[[Path], Image] | None = None,
    licence: str = UNKNOWN_LICENCE,
    drive: str | None = None,
    lidar_height_m: float = LIDAR_HEIGHT_M,
) -> list[SensorSequence]:
    """Group the frames of a folder into recordings, by our note where there is one.

    A folder of somebody else says nothing of drives: all frames are of ``drive`` if it is given, else each counts as a
    drive of its own, so that no split can put neighbours on both sides unnoticed.
    """
    notes = read_origin(root, layout)
    by_file = {frame.note.file: frame for frame in frames}
    if notes is not None:
        return [
            LevelSequence(
                note.info, tuple(_noted(root, by_file, known) for known in note.frames), read_cloud, read_image
            )
            for note in notes
        ]
    names = {frame.note.file: drive or f"frame-{frame.note.file}" for frame in frames}
    lidar = unknown_lidar("top", Transform.from_xyz_rpy((0.0, 0.0, lidar_height_m)))
    sequences: list[SensorSequence] = []
    for name in dict.fromkeys(names.values()):
        members = tuple(frame for frame in frames if names[frame.note.file] == name)
        rig = Rig(layout, (lidar,))
        provenance = {"format": layout, "lidar_height_m": lidar_height_m, "drives_from": "the caller" if drive else ""}
        info = SequenceInfo(f"{named(root).name}-{name}", "real", name, rig, licence, provenance)
        sequences.append(LevelSequence(info, tuple(replace(frame, images=()) for frame in members), read_cloud))
    return sequences


def unknown_lidar(name: str, ego_from_sensor: Transform) -> Lidar:
    """A LiDAR of which only the place is known: its beam table is empty."""
    return Lidar(name, ego_from_sensor, np.zeros(0), np.zeros(0), 1, 10.0, 0.0, 200.0)


def write_image_sets(root: Path, frames: Sequence[tuple[str, str, bool]], val_drives: Collection[str]) -> None:
    """Write ``ImageSets``: each (file, drive, usable) in ``val`` if the drive is one of these, else ``train``.

    Frames that cannot be used for training stand in ``test``.
    """
    unknown = sorted(set(val_drives) - {drive for _, drive, _ in frames})
    if unknown:
        drives = sorted({drive for _, drive, _ in frames})
        raise FormatError(f"validation drives {unknown} are not among those exported: {drives[:10]}")
    sets: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for file, drive, usable in frames:
        sets[("val" if drive in val_drives else "train") if usable else "test"].append(file)
    (root / "ImageSets").mkdir()
    for name, files in sets.items():
        (root / "ImageSets" / f"{name}.txt").write_text("".join(f"{file}\n" for file in files), encoding="ascii")


def read_image_sets(root: Path) -> list[str]:
    """All ids that ``ImageSets`` lists, sorted; empty if there is no such folder."""
    lines = [line for path in sorted((root / "ImageSets").glob("*.txt")) for line in read_lines(path)]
    return sorted({word for line in lines for word in line.split()})


def number_note(file: str, index: int, *, labelled: bool) -> FrameNote:
    """The note of a frame of which nothing but its number is known."""
    return FrameNote(file, file, index * FRAME_PERIOD_NS, Transform.identity(), labelled)


def _noted(root: Path, by_file: dict[str, LevelFrame], known: FrameNote) -> LevelFrame:
    if known.file not in by_file:
        raise FormatError(f"{root}: frame {known.file} is missing, which the export's own note lists; export again")
    frame = by_file[known.file]
    return replace(frame, note=known, boxes=(frame.boxes or Boxes.empty()) if known.labelled else None)
