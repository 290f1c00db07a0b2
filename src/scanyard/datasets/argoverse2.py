"""Argoverse 2's sensor layout, read: the original's logs and those that ``argoverse2_write`` makes.

Every sweep becomes a frame, with the two roof LiDARs' returns turned back into their own frames and rings counted from
the highest beam.  Annotated sweeps have boxes; a log without annotations (the test split) has none.  Images are matched
by time, the nearest within half a sweep; their lenses' small distortion is not modelled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.boxes import Boxes
from scanyard.datasets.argoverse2_layout import (
    BOX_COLUMNS,
    EGO_FROM_VEHICLE,
    INTRINSIC_COLUMNS,
    LAYOUT,
    LICENCE,
    LIDAR_COLUMNS,
    LIDARS,
    POSE_COLUMNS,
    RING_OF_LASER,
    pose_of,
    roof_lidar,
)
from scanyard.datasets.argoverse2_write import cameras_of, first_lasers, log_name
from scanyard.datasets.classes import CATEGORY_OF_ARGOVERSE2, categories_of
from scanyard.datasets.extras import EXTRAS, columns_of
from scanyard.datasets.feather import Columns, read_table
from scanyard.datasets.images import read_image
from scanyard.datasets.kitti_calibration import OPTICAL_FROM_BODY
from scanyard.datasets.nuscenes_tables import in_rows_of
from scanyard.datasets.origin import FrameNote, SequenceNote, named, read_origin_around
from scanyard.errors import FormatError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Rig
from scanyard.sequence import SensorSequence, SequenceInfo

HALF_SWEEP_NS = 50_000_000
_LARGEST_M = 1000.0


@dataclass(frozen=True)
class Argoverse2Sequence:
    """One log; sweeps and images are read when asked for."""

    info: SequenceInfo
    log: Path
    notes: tuple[FrameNote, ...]
    boxes: Mapping[int, Boxes]
    """In our ego frame, by timestamp."""
    images: Mapping[str, Mapping[int, Path]]
    """By our camera's name and by time."""
    original: bool
    """Whether laser numbers are Argoverse's own, not those of a rig of ours."""

    def __len__(self) -> int:
        return len(self.notes)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        index = range(len(self))[index]
        with in_rows_of(f"{self.log}: sweep {self.notes[index].file}"):
            return self._read(index)

    def _read(self, index: int) -> Frame:
        note = self.notes[index]
        columns = read_table(self.log / "sensors" / "lidar" / f"{note.file}.feather", LIDAR_COLUMNS[:3])
        return Frame(
            timestamp_ns=note.timestamp_ns,
            world_from_ego=note.world_from_ego,
            sweeps=read_sweeps(columns, self.info.rig, original=self.original),
            images={name: read_image(path) for name, path in self._images_at(int(note.file)).items()},
            boxes=self.boxes.get(int(note.file), Boxes.empty()) if note.labelled else None,
            dont_care=note.dont_care,
            name=note.name,
        )

    def _images_at(self, time_ns: int) -> dict[str, Path]:
        found = {}
        for name, paths in self.images.items():
            nearest = min(paths, key=lambda time: abs(time - time_ns), default=None)
            if nearest is not None and abs(nearest - time_ns) <= HALF_SWEEP_NS:
                found[name] = paths[nearest]
        return found


def read_sequences(root: str | Path) -> list[SensorSequence]:
    """Read all logs in or below ``root``: a data set, a split, or one log.

    FormatError names the table that is wrong; EnvironmentFault says what to install where pyarrow lacks.
    """
    folder = named(root)
    logs = sorted(path.parent.parent for path in folder.glob("**/sensors/lidar"))
    if not logs:
        raise FormatError(f"{folder}: holds no LOG/sensors/lidar; expected Argoverse 2's sensor layout")
    notes = {log_name(note.info.name): note for note in read_origin_around(folder, LAYOUT, up=2) or ()}
    sequences: list[SensorSequence] = []
    for log in logs:
        with in_rows_of(str(log)):
            sequences.append(_read_log(log, notes.get(log.name)))
    return sequences


def read_sweeps(columns: Columns, rig: Rig, *, original: bool) -> dict[str, Sweep]:
    """Each LiDAR's sweep from the columns of a merged one in the vehicle frame.

    ``original`` takes laser numbers as Argoverse's own: 32 a LiDAR, in the order of ``VLP32C_ELEVATION_DEG``.
    """
    points = np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float64)
    if not np.isfinite(points).all():
        raise FormatError("a sweep has points that are not finite; it is damaged")
    for name in ("laser_number", "offset_ns"):
        if name in columns and columns[name].dtype.kind not in "iu":
            raise FormatError(f"a sweep's {name} is {columns[name].dtype}, expected whole numbers")
    if "intensity" in columns and not np.isfinite(columns["intensity"].astype(np.float64)).all():
        raise FormatError("a sweep has intensities that are not finite; it is damaged")
    points_ego = EGO_FROM_VEHICLE.apply(points)
    laser = columns.get("laser_number")
    firsts = first_lasers(rig)
    sweeps = {}
    for lidar in rig.lidars:
        first = firsts[lidar.name]
        mine = np.ones(len(points_ego), dtype=bool)
        if laser is not None and len(rig.lidars) > 1:
            mine = (laser >= first) & (laser < first + lidar.channels)
        ring = None if laser is None else laser[mine] - np.uint8(first)
        if ring is not None and original:
            ring = RING_OF_LASER[ring]
        intensity, offset = columns.get("intensity"), columns.get("offset_ns")
        sweeps[lidar.name] = Sweep(
            lidar.ego_from_sensor.inverse().apply(points_ego[mine]).astype(np.float32),
            intensity=None if intensity is None else (intensity[mine] / np.float64(255)).astype(np.float32),
            ring=ring,
            time_offset_ns=None if offset is None else offset[mine],
        )
    return sweeps


def boxes_from_columns(columns: Columns, tracks: Mapping[str, int], where: str) -> Boxes:
    """Boxes in our ego frame from rows of an annotation table."""
    quaternion = np.stack([columns[name] for name in ("qw", "qx", "qy", "qz")], axis=1).astype(np.float64)
    size = np.stack([columns[name] for name in ("length_m", "width_m", "height_m")], axis=1).astype(np.float64)
    if not ((np.abs(quaternion) <= 1.01).all() and (np.abs(np.linalg.norm(quaternion, axis=1) - 1) < 0.01).all()):
        raise FormatError(f"{where}: holds quaternions that are no rotations")
    if not ((size > 0) & (size < _LARGEST_M)).all():
        raise FormatError(f"{where}: holds boxes whose length, width and height are not all above zero")
    w, x, y, z = (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).T
    yaw = np.arctan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z))  # of the first column of the rotation
    if EXTRAS in columns:
        known: dict[str, Any] = columns_of([json.loads(text) for text in columns[EXTRAS]])
    else:
        classes = [str(name) for name in columns["category"]]
        known = {
            "category": np.array(categories_of(classes, CATEGORY_OF_ARGOVERSE2, where), dtype=np.str_),
            "track": np.array([tracks[str(name)] for name in columns["track_uuid"]], dtype=np.int64),
            "num_points": columns["num_interior_pts"],
        }
    return Boxes(
        center=EGO_FROM_VEHICLE.apply(np.stack([columns[name] for name in ("tx_m", "ty_m", "tz_m")], axis=1)),
        size=size,
        yaw_rad=yaw,
        **known,
    )


def rig_of(poses: Mapping[str, Transform], intrinsics: Mapping[str, Mapping[str, float]]) -> Rig:
    """The rig of an original log; poses are of sensors in the vehicle frame, cameras optical."""
    cameras = []
    for name, values in intrinsics.items():
        fx, fy = float(values["fx_px"]), float(values["fy_px"])
        if abs(fx - fy) > 0.01 * fx:
            raise FormatError(f"camera {name} has focal lengths {fx:g} and {fy:g}; only square pixels are read")
        size = int(values["width_px"]), int(values["height_px"])
        center = float(values["cx_px"]), float(values["cy_px"])
        pose = EGO_FROM_VEHICLE @ poses[name] @ OPTICAL_FROM_BODY
        cameras.append(Camera(name, pose, *size, (fx + fy) / 2, center))
    lidars = tuple(roof_lidar(name, EGO_FROM_VEHICLE @ poses[name]) for name in LIDARS)
    return Rig("argoverse2", lidars, tuple(cameras))


def _read_log(log: Path, note: SequenceNote | None) -> Argoverse2Sequence:
    boxes = _read_annotations(log / "annotations.feather")
    if note is not None:
        names = {theirs: ours for ours, theirs in cameras_of(note.info.rig).items()}
        return Argoverse2Sequence(note.info, log, note.frames, boxes or {}, _find_images(log, names), original=False)
    calibration = log / "calibration"
    table = read_table(calibration / "egovehicle_SE3_sensor.feather", ("sensor_name", *POSE_COLUMNS))
    poses = {str(name): pose_of(table, row) for row, name in enumerate(table["sensor_name"])}
    missing = sorted(set(LIDARS) - set(poses))
    if missing:
        raise FormatError(f"{calibration / 'egovehicle_SE3_sensor.feather'}: has no pose of {missing}")
    lenses = read_table(calibration / "intrinsics.feather", ("sensor_name", *INTRINSIC_COLUMNS))
    intrinsics = {
        str(name): {column: lenses[column][row] for column in INTRINSIC_COLUMNS}
        for row, name in enumerate(lenses["sensor_name"])
        if (log / "sensors" / "cameras" / str(name)).is_dir()
    }
    info = SequenceInfo(
        name=log.name,
        domain="real",
        drive=log.name,
        rig=rig_of(poses, intrinsics),
        licence=LICENCE,
        provenance={"format": "argoverse2", "split": log.parent.name},
    )
    images = _find_images(log, {name: name for name in intrinsics})
    notes = _notes(log, labelled=None if boxes is None else set(boxes))
    return Argoverse2Sequence(info, log, notes, boxes or {}, images, original=True)


def _read_annotations(path: Path) -> dict[int, Boxes] | None:
    if not path.is_file():
        return None
    columns = read_table(path, BOX_COLUMNS)
    tracks = {str(name): number for number, name in enumerate(dict.fromkeys(columns["track_uuid"].tolist()))}
    found = {}
    for time in np.unique(columns["timestamp_ns"]):
        rows = np.flatnonzero(columns["timestamp_ns"] == time)
        found[int(time)] = boxes_from_columns(
            {name: values[rows] for name, values in columns.items()}, tracks, str(path)
        )
    return found


def _notes(log: Path, labelled: set[int] | None) -> tuple[FrameNote, ...]:
    """Names, times and poses of an original log; sweeps outside the annotated stretch are not labelled."""
    table = read_table(log / "city_SE3_egovehicle.feather", ("timestamp_ns", *POSE_COLUMNS))
    rows = {int(time): row for row, time in enumerate(table["timestamp_ns"])}
    notes = []
    for path in sorted((log / "sensors" / "lidar").glob("*.feather"), key=lambda path: path.stem):
        if not path.stem.isdecimal():
            raise FormatError(f"{path}: is not named by a time in nanoseconds")
        time = int(path.stem)
        if time not in rows:
            raise FormatError(f"{log / 'city_SE3_egovehicle.feather'}: has no pose at {time}, when there is a sweep")
        pose = pose_of(table, rows[time]) @ EGO_FROM_VEHICLE.inverse()
        notes.append(FrameNote(path.stem, path.stem, time, pose, labelled is not None and time in labelled))
    return tuple(notes)


def _find_images(log: Path, names: Mapping[str, str]) -> dict[str, dict[int, Path]]:
    folder = log / "sensors" / "cameras"
    return {
        ours: {int(path.stem): path for path in (folder / theirs).glob("*.jpg")}
        for theirs, ours in names.items()
        if (folder / theirs).is_dir()
    }
