"""Our recordings in nuScenes' layout, for its devkit and everything built on it.

    ROOT/VERSION/TABLE.json                            see ``nuscenes_tables``
    ROOT/samples/LIDAR_TOP/NAME.pcd.bin                N × 5 float32: x, y, z, intensity 0 to 255, ring from below
    ROOT/samples/CAM_FRONT/NAME.png                    images, PNG instead of JPEG, so that nothing is lost
    ROOT/maps/none.png                                 an empty mask: the devkit asks for one

What a stranger gets wrong: sizes are width, length, height; camera frames are optical (x right, y down, z forward), and
boxes stand in the world.  Every frame becomes a key frame.  A box keeps our yaw in the *ego* frame, so it leans with a
leaning ego; that is what makes the way back exact.  Rings of -1 say that nobody knows the beam.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from pyquaternion import Quaternion

from scanyard.boxes import Boxes, points_inside
from scanyard.datasets.classes import NUSCENES_OF_CATEGORY, RIDDEN, WITH_RIDER, WITHOUT_RIDER, classes_of
from scanyard.datasets.extras import EXTRAS, extras_of
from scanyard.datasets.kitti_calibration import OPTICAL_FROM_BODY
from scanyard.datasets.nuscenes_tables import LAYOUT, VISIBILITY_LEVELS, Row, Tables, file_stem, sample_token, token
from scanyard.datasets.origin import begin_export, notes_of, write_origin
from scanyard.errors import FormatError, StoreError
from scanyard.frame import Frame, Sweep, points_ego
from scanyard.geometry import Transform
from scanyard.sensors import Lidar, Rig
from scanyard.sequence import SensorSequence
from scanyard.store.layout import require_file_name

DEFAULT_VERSION = "v1.0-trainval"
MOVING_MPS = 0.5
"""Slower is standing still: what nuScenes' detectors take as the border between attributes varies; this is walking."""
CONVENTION = (
    "right-handed metres; boxes in the world (width, length, height; centre in the middle), lidar x forward y left "
    "z up as calibrated_sensor says, cameras optical; one ego pose per sample"
)


def write_dataset(root: str | Path, sequences: Sequence[SensorSequence], *, version: str = DEFAULT_VERSION) -> None:
    """Write recordings into the new folder ``root``, one scene each, one log per drive.

    FormatError if a category has no nuScenes class, StoreError if the folder is not empty or cannot be written.
    """
    folder, tables = Path(root), Tables()
    begin_export(folder)
    tables.add_fixed()
    try:
        logs = _add_logs(tables, sequences)
        _write_map(folder, tables, list(logs.values()))
        for sequence in sequences:
            _Scene(folder, tables, sequence, logs[sequence.info.drive]).write()
        tables.write(folder / version)
        write_origin(folder, LAYOUT, CONVENTION, notes_of(sequences))
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}: {error.filename})") from error


def channels_of(rig: Rig) -> dict[str, str]:
    """nuScenes' channel by sensor name: the first LiDAR is ``LIDAR_TOP``, the first camera ``CAM_FRONT``."""
    channels = {}
    kinds = (("LIDAR", "TOP", [lidar.name for lidar in rig.lidars]), ("CAM", "FRONT", [c.name for c in rig.cameras]))
    for prefix, first, names in kinds:
        for number, name in enumerate(names):
            require_file_name(name, "sensor")
            own = f"{prefix}_{first if number == 0 else name.upper()}"
            channels[name] = name if name.startswith(f"{prefix}_") else own
    if len(set(channels.values())) != len(channels):
        raise FormatError(f"rig {rig.name!r}: its sensors become channels {sorted(channels.values())}; rename one")
    return channels


def _add_logs(tables: Tables, sequences: Sequence[SensorSequence]) -> dict[str, Row]:
    drives = dict.fromkeys(sequence.info.drive for sequence in sequences)
    return {
        drive: tables.add(
            "log", token("log", drive), logfile=drive, vehicle="ego", date_captured="1970-01-01", location="unknown"
        )
        for drive in drives
    }


def _write_map(folder: Path, tables: Tables, logs: list[Row]) -> None:
    (folder / "maps").mkdir()
    PillowImage.new("L", (1, 1)).save(folder / "maps" / "none.png")
    columns = {"category": "semantic_prior", "filename": "maps/none.png"}
    tables.add("map", token("map"), log_tokens=[log["token"] for log in logs], **columns)


class _Scene:
    """Writes one recording, and carries what links a frame to the one before."""

    def __init__(self, folder: Path, tables: Tables, sequence: SensorSequence, log: Row) -> None:
        self._folder, self._tables, self._sequence = folder, tables, sequence
        self._name, self._rig = require_file_name(sequence.info.name, "sequence"), sequence.info.rig
        self._channels = channels_of(self._rig)
        self._row = tables.add("scene", token("scene", self._name), name=self._name, log_token=log["token"])
        self._calibrated: dict[str, Row] = {}
        self._last: dict[str, Row] = {}
        self._instances: dict[str, Row] = {}

    def write(self) -> None:
        """All files and rows of the recording."""
        for lidar in self._rig.lidars:
            self._add_sensor(lidar.name, "lidar", lidar.ego_from_sensor, [])
        for camera in self._rig.cameras:
            u, v = camera.center_px
            intrinsic = [[camera.focal_px, 0.0, u], [0.0, camera.focal_px, v], [0.0, 0.0, 1.0]]
            ego_from_optical = camera.ego_from_sensor @ OPTICAL_FROM_BODY.inverse()
            self._add_sensor(camera.name, "camera", ego_from_optical, intrinsic)
        samples = [self._add_frame(index, frame) for index, frame in enumerate(self._sequence)]
        if not samples:
            raise FormatError(f"sequence {self._name!r} has no frames; a scene has at least one")
        self._row.update(
            nbr_samples=len(samples),
            first_sample_token=samples[0]["token"],
            last_sample_token=samples[-1]["token"],
            description=f"{self._sequence.info.domain}, licence {self._sequence.info.licence}",
        )

    def _add_sensor(self, name: str, modality: str, ego_from_file: Transform, intrinsic: list[list[float]]) -> None:
        channel = self._channels[name]
        (self._folder / "samples" / channel).mkdir(parents=True, exist_ok=True)
        sensor = token("sensor", channel)
        if all(row["token"] != sensor for row in self._tables.rows["sensor"]):
            self._tables.add("sensor", sensor, channel=channel, modality=modality)
        self._calibrated[name] = self._tables.add(
            "calibrated_sensor",
            token("calibrated", self._name, name),
            sensor_token=sensor,
            translation=ego_from_file.translation.tolist(),
            rotation=ego_from_file.quaternion_wxyz.tolist(),
            camera_intrinsic=intrinsic,
        )

    def _add_frame(self, index: int, frame: Frame) -> Row:
        extras = {
            "name": frame.name,
            "timestamp_ns": frame.timestamp_ns,
            "labelled": frame.boxes is not None,
            "dont_care": None if frame.dont_care is None else np.asarray(frame.dont_care).tolist(),
        }
        sample = self._tables.add(
            "sample",
            sample_token(self._name, index),
            timestamp=frame.timestamp_ns // 1000,
            scene_token=self._row["token"],
            **{EXTRAS: extras},
        )
        self._link("sample", sample)
        pose = self._tables.add(
            "ego_pose",
            token("pose", sample["token"]),
            timestamp=sample["timestamp"],
            translation=frame.world_from_ego.translation.tolist(),
            rotation=frame.world_from_ego.quaternion_wxyz.tolist(),
        )
        for lidar in self._rig.lidars:
            path = self._add_data(sample, pose, lidar.name, "pcd", (0, 0))
            _write_sweep(path, frame.sweeps[lidar.name], lidar)
        for name, image in frame.images.items():
            path = self._add_data(sample, pose, name, "png", image.rgb.shape[:2])
            PillowImage.fromarray(image.rgb).save(path, compress_level=1)
        if frame.boxes is not None:
            self._add_annotations(sample, frame, frame.boxes)
        return sample

    def _add_data(self, sample: Row, pose: Row, sensor: str, file_format: str, size_hw: tuple[int, ...]) -> Path:
        """Add the row and return the path of its file, which the caller writes."""
        channel, time = self._channels[sensor], sample["timestamp"]
        ending = {"pcd": "pcd.bin", "png": "png"}[file_format]
        path = self._folder / "samples" / channel / f"{file_stem(self._name, channel, time)}.{ending}"
        if path.exists():
            raise FormatError(f"sequence {self._name!r} has two frames at {time} µs; nuScenes tells them apart by time")
        row = self._tables.add(
            "sample_data",
            token("data", sample["token"], sensor),
            sample_token=sample["token"],
            ego_pose_token=pose["token"],
            calibrated_sensor_token=self._calibrated[sensor]["token"],
            timestamp=time,
            fileformat=file_format,
            is_key_frame=True,
            height=size_hw[0],
            width=size_hw[1],
            filename=path.relative_to(self._folder).as_posix(),
            **{EXTRAS: {"sensor": sensor}},
        )
        self._link(f"data {sensor}", row)
        return path

    def _add_annotations(self, sample: Row, frame: Frame, boxes: Boxes) -> None:
        classes = classes_of(boxes.category, NUSCENES_OF_CATEGORY, "nuScenes")
        center = frame.world_from_ego.apply(boxes.center)
        world_from_ego = Quaternion(frame.world_from_ego.quaternion_wxyz)
        points = boxes.num_points if boxes.num_points is not None else self._count_points(frame, boxes)
        for i, name in enumerate(classes):
            key = [sample["token"], i] if boxes.track is None else [boxes.category[i], int(boxes.track[i])]
            instance = self._instance(token("instance", self._name, *key), name)
            turned = world_from_ego * Quaternion(axis=[0, 0, 1], radians=boxes.yaw_rad[i])
            row = self._tables.add(
                "sample_annotation",
                token("annotation", sample["token"], i),
                sample_token=sample["token"],
                instance_token=instance["token"],
                visibility_token="" if boxes.visibility is None else _visibility_token(float(boxes.visibility[i])),
                attribute_tokens=[token("attribute", word) for word in _attributes(boxes, i)],
                translation=center[i].tolist(),
                size=boxes.size[i, [1, 0, 2]].tolist(),
                rotation=turned.elements.tolist(),
                num_lidar_pts=int(points[i]),
                num_radar_pts=0,
                **{EXTRAS: extras_of(boxes, i)},
            )
            self._link(f"instance {instance['token']}", row)
            instance["nbr_annotations"] += 1
            instance["first_annotation_token"] = instance["first_annotation_token"] or row["token"]
            instance["last_annotation_token"] = row["token"]

    def _instance(self, instance: str, name: str) -> Row:
        if instance not in self._instances:
            self._instances[instance] = self._tables.add(
                "instance",
                instance,
                category_token=token("category", name),
                nbr_annotations=0,
                first_annotation_token="",
                last_annotation_token="",
            )
        return self._instances[instance]

    def _count_points(self, frame: Frame, boxes: Boxes) -> NDArray[np.int64]:
        clouds = [points_ego(frame.sweeps[lidar.name], lidar.ego_from_sensor) for lidar in self._rig.lidars]
        return np.asarray(points_inside(boxes, np.concatenate(clouds)).sum(axis=1))

    def _link(self, what: str, row: Row) -> None:
        """Give the row its ``prev``, and the one before it its ``next``."""
        before = self._last.get(what)
        row.update(prev="" if before is None else before["token"], next="")
        if before is not None:
            before["next"] = row["token"]
        self._last[what] = row


def _write_sweep(path: Path, sweep: Sweep, lidar: Lidar) -> None:
    intensity = np.zeros(len(sweep)) if sweep.intensity is None else sweep.intensity.astype(np.float64) * 255.0
    ring = np.full(len(sweep), -1.0) if sweep.ring is None else lidar.channels - 1.0 - sweep.ring
    np.column_stack([sweep.points, intensity, ring]).astype("<f4").tofile(path)


def _attributes(boxes: Boxes, i: int) -> list[str]:
    """What nuScenes says of the box besides; nothing where the source does not know."""
    category = str(boxes.category[i])
    if category in RIDDEN or category in RIDDEN.values():
        return [WITHOUT_RIDER if category in RIDDEN else WITH_RIDER]
    if category == "person_sitting":
        return ["pedestrian.sitting_lying_down"]
    kind = NUSCENES_OF_CATEGORY[category].split(".")[0]
    if boxes.velocity is None or not np.isfinite(boxes.velocity[i]).all() or kind not in ("vehicle", "human"):
        return []
    moving = np.linalg.norm(boxes.velocity[i]) > MOVING_MPS
    if kind == "vehicle":
        return ["vehicle.moving" if moving else "vehicle.stopped"]
    return ["pedestrian.moving" if moving else "pedestrian.standing"]


def _visibility_token(visible: float) -> str:
    return next(level for level, (_, most) in VISIBILITY_LEVELS.items() if visible <= most or level == "4")
