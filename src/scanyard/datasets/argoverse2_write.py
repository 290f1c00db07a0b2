"""Our recordings in Argoverse 2's sensor layout (see ``argoverse2_layout``), for av2's loaders.

Points and intensities are written in 64 bits, where the original rounds to 16 and 8, so that turning them into the
vehicle frame and back changes no bit; av2 reads both alike.  Images become JPEG, since av2 looks for nothing else, and
are the one thing that does not come back to the bit.  LiDARs share the 256 laser numbers: the first has those from 0,
the next those after it.  av2 asks for the poses of two LiDARs by name; where a rig has one, both names have its pose.
And it sorts files by name, so that times must have 18 digits, as the original's have: shorter ones are moved to where
its own begin, and our note keeps what they were.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from scanyard.boxes import points_inside
from scanyard.datasets.argoverse2_layout import (
    BOX_COLUMNS,
    CAMERAS,
    EGO_FROM_VEHICLE,
    LAYOUT,
    LIDARS,
    pose_rows,
)
from scanyard.datasets.classes import ARGOVERSE2_OF_CATEGORY, classes_of
from scanyard.datasets.extras import EXTRAS, extras_of
from scanyard.datasets.feather import write_table
from scanyard.datasets.kitti_calibration import OPTICAL_FROM_BODY
from scanyard.datasets.origin import FrameNote, SequenceNote, begin_export, write_origin
from scanyard.errors import FormatError, StoreError
from scanyard.frame import Frame, points_ego
from scanyard.sensors import Rig
from scanyard.sequence import SensorSequence
from scanyard.store.layout import require_file_name

CONVENTION = (
    "right-handed metres, x forward, y left, z up; points and boxes in the vehicle frame, whose origin is on the rear "
    "axle; box centres; cameras optical"
)
_JPEG_QUALITY = 95
_EPOCH_NS = 315_000_000_000_000_000
_DIGITS_NS = 10**17
_TRACKS = uuid.UUID("6f2f8a0e-54cf-4b3e-9e5c-1c2a7f0d9b11")
"""Namespace of the track ids, which must be UUIDs; any will do, but always the same."""


def write_dataset(root: str | Path, sequences: Sequence[SensorSequence], *, val_drives: Collection[str] = ()) -> None:
    """Write recordings into the new folder ``root``: a log each, below ``val`` if its drive is one of these.

    FormatError if a category has no class in Argoverse 2 or a rig does not fit, StoreError if the folder is not empty
    or cannot be written.
    """
    folder = Path(root)
    begin_export(folder)
    notes = []
    try:
        for sequence in sequences:
            split = "val" if sequence.info.drive in val_drives else "train"
            log = folder / split / log_name(require_file_name(sequence.info.name, "sequence"))
            if log.exists():
                raise FormatError(
                    f"sequences {sequence.info.name!r} and another one would both be the log {log.name!r}"
                )
            notes.append(SequenceNote(sequence.info, tuple(_write_log(log, sequence))))
        write_origin(folder, LAYOUT, CONVENTION, notes)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}: {error.filename})") from error


def log_name(sequence_name: str) -> str:
    """The folder of a recording; av2 takes what follows a dot for an ending."""
    return sequence_name.replace(".", "_")


def log_time(timestamp_ns: int) -> int:
    """A frame's time in the log."""
    return timestamp_ns if timestamp_ns >= _DIGITS_NS else timestamp_ns + _EPOCH_NS


def cameras_of(rig: Rig) -> dict[str, str]:
    """Argoverse's camera by ours: its own names are kept, the others take the free ones in order."""
    free = [name for name in CAMERAS if name not in {camera.name for camera in rig.cameras}]
    strangers = [camera.name for camera in rig.cameras if camera.name not in CAMERAS]
    if len(strangers) > len(free):
        raise FormatError(f"rig {rig.name!r} has {len(rig.cameras)} cameras; Argoverse 2 has names for {len(CAMERAS)}")
    own = {camera.name: camera.name for camera in rig.cameras if camera.name in CAMERAS}
    return {**own, **dict(zip(strangers, free, strict=False))}


def first_lasers(rig: Rig) -> dict[str, int]:
    """Each LiDAR's first laser number."""
    firsts = dict(
        zip((lidar.name for lidar in rig.lidars), np.cumsum([0, *(x.channels for x in rig.lidars)]), strict=False)
    )
    if sum(lidar.channels for lidar in rig.lidars) > 256:
        raise FormatError(
            f"rig {rig.name!r} has more than 256 beams, which laser numbers of one byte cannot tell apart"
        )
    if len(rig.lidars) > 1 and any(lidar.channels == 0 for lidar in rig.lidars):
        raise FormatError(
            f"rig {rig.name!r} has lidars without a beam table; Argoverse 2 tells them apart by laser only"
        )
    return {name: int(first) for name, first in firsts.items()}


def _write_log(log: Path, sequence: SensorSequence) -> list[FrameNote]:
    rig = sequence.info.rig
    _write_calibration(log, rig)
    notes: list[FrameNote] = []
    poses = []
    rows: dict[str, list[Any]] = {name: [] for name in (*BOX_COLUMNS, EXTRAS)}
    for frame in sequence:
        note = FrameNote.of(str(log_time(frame.timestamp_ns)), frame)
        if any(note.file == before.file for before in notes):
            raise FormatError(
                f"sequence {sequence.info.name!r} has two frames at {note.file} ns; a file is named by time"
            )
        notes.append(note)
        poses.append(frame.world_from_ego @ EGO_FROM_VEHICLE)
        _write_sweeps(log / "sensors" / "lidar" / f"{note.file}.feather", frame, rig)
        for name, image in frame.images.items():
            place = log / "sensors" / "cameras" / cameras_of(rig)[name] / f"{note.file}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            PillowImage.fromarray(image.rgb).save(place, quality=_JPEG_QUALITY, subsampling=0)
        if frame.boxes is not None:
            _add_boxes(rows, sequence.info.name, frame, rig)
    times = np.array([int(note.file) for note in notes], dtype=np.int64)
    write_table(log / "city_SE3_egovehicle.feather", {"timestamp_ns": times, **pose_rows(poses)})
    write_table(log / "annotations.feather", {name: _typed(name, values) for name, values in rows.items()})
    return notes


def _write_calibration(log: Path, rig: Rig) -> None:
    names = cameras_of(rig)
    poses = {lidar.name: lidar.ego_from_sensor for lidar in rig.lidars}
    for number, name in enumerate(LIDARS):
        poses.setdefault(name, rig.lidars[min(number, len(rig.lidars) - 1)].ego_from_sensor)
    for camera in rig.cameras:
        poses[names[camera.name]] = camera.ego_from_sensor @ OPTICAL_FROM_BODY.inverse()
    in_vehicle = [EGO_FROM_VEHICLE.inverse() @ pose for pose in poses.values()]
    write_table(
        log / "calibration" / "egovehicle_SE3_sensor.feather", {"sensor_name": list(poses), **pose_rows(in_vehicle)}
    )
    focal = np.array([camera.focal_px for camera in rig.cameras], dtype=np.float64)
    zero = np.zeros(len(rig.cameras))
    intrinsics: dict[str, NDArray[Any] | list[str]] = {
        "sensor_name": [names[camera.name] for camera in rig.cameras],
        "fx_px": focal,
        "fy_px": focal,
        "cx_px": np.array([camera.center_px[0] for camera in rig.cameras], dtype=np.float64),
        "cy_px": np.array([camera.center_px[1] for camera in rig.cameras], dtype=np.float64),
        **{f"k{number}": zero for number in (1, 2, 3)},
        "height_px": np.array([camera.height_px for camera in rig.cameras], dtype=np.int64),
        "width_px": np.array([camera.width_px for camera in rig.cameras], dtype=np.int64),
    }
    write_table(log / "calibration" / "intrinsics.feather", intrinsics)


def _write_sweeps(path: Path, frame: Frame, rig: Rig) -> None:
    clouds, unknown = [], []
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in ("intensity", "laser_number", "offset_ns")}
    firsts = first_lasers(rig)
    for lidar in rig.lidars:
        sweep = frame.sweeps[lidar.name]
        vehicle_from_sensor = EGO_FROM_VEHICLE.inverse() @ lidar.ego_from_sensor
        clouds.append(vehicle_from_sensor.apply(sweep.points))
        known = {
            "intensity": None if sweep.intensity is None else sweep.intensity.astype(np.float64) * 255.0,
            "laser_number": None if sweep.ring is None else sweep.ring.astype(np.int64) + firsts[lidar.name],
            "offset_ns": sweep.time_offset_ns,
        }
        for name, values in known.items():
            if values is None:
                unknown.append(name)
            columns[name].append(np.zeros(len(sweep), dtype=np.int32) if values is None else values)
    if "laser_number" in unknown and len(rig.lidars) > 1:
        raise FormatError(f"rig {rig.name!r} has sweeps without rings; Argoverse 2 tells lidars apart by laser only")
    xyz = np.concatenate(clouds)
    table: dict[str, NDArray[Any]] = {name: np.ascontiguousarray(xyz[:, axis]) for axis, name in enumerate("xyz")}
    types = {"intensity": np.float64, "laser_number": np.uint8, "offset_ns": np.int32}
    table.update({name: np.concatenate(parts).astype(types[name]) for name, parts in columns.items()})
    write_table(path, table, unknown=sorted(set(unknown)))


def _add_boxes(rows: dict[str, list[Any]], sequence: str, frame: Frame, rig: Rig) -> None:
    boxes = frame.boxes
    assert boxes is not None  # the caller looked
    classes = classes_of(boxes.category, ARGOVERSE2_OF_CATEGORY, "Argoverse 2")
    center = EGO_FROM_VEHICLE.inverse().apply(boxes.center)
    clouds = [points_ego(frame.sweeps[lidar.name], lidar.ego_from_sensor) for lidar in rig.lidars]
    inside = boxes.num_points if boxes.num_points is not None else points_inside(boxes, np.concatenate(clouds)).sum(1)
    for i, name in enumerate(classes):
        track = f"{frame.timestamp_ns}/{i}" if boxes.track is None else str(boxes.track[i])
        length, width, height = boxes.size[i]
        half = boxes.yaw_rad[i] / 2
        values = (
            log_time(frame.timestamp_ns), str(uuid.uuid5(_TRACKS, f"{sequence}/{track}")), name, length, width, height,
            np.cos(half), 0.0, 0.0, np.sin(half), *center[i], int(inside[i]),
        )  # fmt: skip
        for column, value in zip(BOX_COLUMNS, values, strict=True):
            rows[column].append(value)
        rows[EXTRAS].append(json.dumps(extras_of(boxes, i)))


def _typed(name: str, values: list[Any]) -> NDArray[Any] | list[str]:
    """Columns keep their type when there is no box."""
    if name in ("track_uuid", "category", EXTRAS):
        return values
    return np.array(values, dtype=np.int64 if name in ("timestamp_ns", "num_interior_pts") else np.float64)
