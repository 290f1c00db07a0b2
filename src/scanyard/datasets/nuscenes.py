"""nuScenes' layout, read: the original's folders and those that ``nuscenes_write`` makes.

    ROOT/VERSION/TABLE.json    ROOT/samples/CHANNEL/FILE    see ``nuscenes_tables`` and ``nuscenes_write``

Only key frames are read, since only they have labels.  nuScenes gives each sensor the ego's pose at its own moment; a
frame here has one pose, the first LiDAR's, and camera images are taken as if seen from it.  The original's LiDAR looks
along y (x is to the right); the rig says so and ``points_ego`` turns it.  Rows of our own exports bring back names,
drives, licences, the beam table and every column of the labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.datasets.classes import CATEGORY_OF_NUSCENES, RIDDEN, WITH_RIDER, categories_of
from scanyard.datasets.extras import EXTRAS, columns_of
from scanyard.datasets.images import read_image
from scanyard.datasets.kitti_calibration import OPTICAL_FROM_BODY
from scanyard.datasets.nuscenes_tables import LAYOUT, LICENCE, VISIBILITY_LEVELS, Index, Row, in_rows_of
from scanyard.datasets.origin import read_origin
from scanyard.errors import FormatError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import SensorSequence, SequenceInfo
from scanyard.store.layout import require_inside

HDL32E_ELEVATION_RAD = np.deg2rad(np.linspace(10.67, -30.67, 32))
"""Velodyne HDL-32E manual: 32 beams from +10.67 to -30.67 degrees, 1.33 apart."""
_POINT_BYTES = 20
_FARTHEST_M = 1e7
"""No place on Earth is farther from another, wherever map coordinates begin."""


@dataclass(frozen=True)
class _Annotation:
    """One row of ``sample_annotation`` with what it leads to."""

    row: Row
    category: str
    track: int


@dataclass(frozen=True)
class NuScenesSequence:
    """One scene; scans and images are read when asked for."""

    info: SequenceInfo
    root: Path
    samples: tuple[Row, ...]
    data: tuple[Mapping[str, Row], ...]
    """Rows of ``sample_data`` by sensor name, for each sample."""
    poses: tuple[Transform, ...]
    """``world_from_ego`` of each sample."""
    annotations: tuple[tuple[_Annotation, ...], ...]
    labelled: bool
    """Whether anybody labelled this version: of the test version nobody may know how."""

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        index = range(len(self))[index]
        with in_rows_of(f"{self.root}: scene {self.info.name!r}, sample {index}"):
            return self._read(index)

    def _read(self, index: int) -> Frame:
        sample, data = self.samples[index], self.data[index]
        extras = sample.get(EXTRAS, {})
        labelled = extras.get("labelled", self.labelled)
        regions = extras.get("dont_care")
        timestamp_ns = int(extras.get("timestamp_ns", sample["timestamp"] * 1000))
        if not 0 <= timestamp_ns < 2**63:
            raise FormatError(f"{self.root}: sample {sample['token']} was taken at {timestamp_ns} ns, which is no time")
        return Frame(
            timestamp_ns=timestamp_ns,
            world_from_ego=self.poses[index],
            sweeps={lidar.name: read_scan(self._file(data[lidar.name]), lidar) for lidar in self.info.rig.lidars},
            images={
                camera.name: read_image(self._file(data[camera.name]))
                for camera in self.info.rig.cameras
                if camera.name in data
            },
            boxes=_boxes(self.annotations[index], self.poses[index]) if labelled else None,
            dont_care=None if regions is None else np.asarray(regions, dtype=np.float64).reshape(-1, 4),
            name=str(extras.get("name", sample["token"])),
        )

    def _file(self, row: Row) -> Path:
        return self.root / require_inside(row["filename"], f"{self.root}: file")


def read_sequences(root: str | Path, version: str | None = None) -> list[SensorSequence]:
    """Read all scenes of ``version``, such as ``v1.0-mini``; the only one there is unless given.

    FormatError names the table or file that is wrong.
    """
    folder = Path(root)
    index = Index.read(folder / (version or _only_version(folder)))
    known = {note.info.name: note.info for note in read_origin(folder, LAYOUT) or ()}
    with in_rows_of(str(index.folder)):
        reader = _Reader(folder, index)
        scenes = sorted(index.rows("scene"), key=lambda row: str(row["name"]))
        return [reader.scene(scene, known.get(scene["name"])) for scene in scenes]


def read_scan(path: Path, lidar: Lidar) -> Sweep:
    """Read ``.pcd.bin``: rings are counted from above, as ours are, and intensity is 0 to 1."""
    try:
        values = np.fromfile(path, dtype="<f4")
        size = path.stat().st_size
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from error
    if size % _POINT_BYTES:
        raise FormatError(f"{path}: has {size} bytes, not a multiple of {_POINT_BYTES} (5 float32 a point); it was cut")
    rows = values.reshape(-1, 5)
    if not np.isfinite(rows).all():
        wrong = int(np.argmin(np.isfinite(values))) // 5
        raise FormatError(f"{path}: point {wrong} is {rows[wrong].tolist()}, expected finite numbers")
    intensity = (rows[:, 3].astype(np.float64) / 255.0).astype(np.float32)
    return Sweep(rows[:, :3].copy(), intensity=intensity, ring=_rings(rows[:, 4], lidar, path))


def _rings(from_below: NDArray[np.float32], lidar: Lidar, path: Path) -> NDArray[np.uint8] | None:
    if len(from_below) and (from_below < 0).all():
        return None
    if ((from_below < 0) | (from_below >= lidar.channels)).any():
        found = sorted(set(from_below.tolist()))
        raise FormatError(f"{path}: has rings {found[0]:g} to {found[-1]:g}, the lidar {lidar.channels} beams")
    return (lidar.channels - 1 - from_below).astype(np.uint8)


def _only_version(folder: Path) -> str:
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder")
    versions = sorted(path.parent.name for path in folder.glob("*/sample_annotation.json"))
    if len(versions) != 1:
        raise FormatError(f"{folder}: holds the versions {versions}; name one of them (--subset)")
    return versions[0]


class _Reader:
    """Tables with what belongs to each sample at hand."""

    def __init__(self, folder: Path, index: Index) -> None:
        self._folder, self._index = folder, index
        self._data: dict[str, list[Row]] = {}
        self._annotations: dict[str, list[Row]] = {}
        for row in index.rows("sample_data"):
            if row["is_key_frame"]:
                self._data.setdefault(row["sample_token"], []).append(row)
        for row in index.rows("sample_annotation"):
            self._annotations.setdefault(row["sample_token"], []).append(row)
        self._tracks = {row["token"]: number for number, row in enumerate(index.rows("instance"))}

    def scene(self, scene: Row, known: SequenceInfo | None) -> NuScenesSequence:
        """One scene; ``known`` is what an export of ours says of it."""
        index = self._index
        samples = [index.follow("sample", scene, "first_sample_token")]
        while samples[-1]["next"]:
            samples.append(index.follow("sample", samples[-1], "next"))
            if len(samples) > len(index.by_token["sample"]):
                raise FormatError(f"{index.folder}: the samples of scene {scene['name']!r} go round in a circle")
        data = [self._data_of(sample) for sample in samples]
        rig = _rig(index, str(scene["name"]), data) if known is None else known.rig
        for sample, rows in zip(samples, data, strict=True):
            missing = {lidar.name for lidar in rig.lidars} - set(rows)
            if missing:
                raise FormatError(f"{index.folder}: sample {sample['token']} has no data of {sorted(missing)}")
        poses = [index.follow("ego_pose", rows[rig.lidars[0].name], "ego_pose_token") for rows in data]
        info = known or SequenceInfo(
            name=str(scene["name"]),
            domain="real",
            drive=str(index.follow("log", scene, "log_token")["logfile"]),
            rig=rig,
            licence=LICENCE,
            provenance={"format": "nuscenes", "version": index.folder.name},
        )
        world_from_ego = tuple(_pose(pose) for pose in poses)
        annotations = tuple(
            tuple(self._annotation(row) for row in self._annotations.get(sample["token"], [])) for sample in samples
        )
        labelled = bool(self._annotations)
        return NuScenesSequence(info, self._folder, tuple(samples), tuple(data), world_from_ego, annotations, labelled)

    def _data_of(self, sample: Row) -> dict[str, Row]:
        """Key frames of LiDARs and cameras by sensor name; radars are left aside."""
        found = {}
        for row in self._data.get(sample["token"], []):
            calibrated = self._index.follow("calibrated_sensor", row, "calibrated_sensor_token")
            sensor = self._index.follow("sensor", calibrated, "sensor_token")
            if sensor["modality"] in ("lidar", "camera"):
                found[str(row.get(EXTRAS, {}).get("sensor", sensor["channel"]))] = row
        return found

    def _annotation(self, row: Row) -> _Annotation:
        index = self._index
        instance = index.follow("instance", row, "instance_token")
        name = index.follow("category", instance, "category_token")["name"]
        (category,) = categories_of([name], CATEGORY_OF_NUSCENES, f"{index.folder / 'category.json'}")
        attributes = {index.by_token["attribute"][one]["name"] for one in row["attribute_tokens"]}
        if WITH_RIDER in attributes:
            category = RIDDEN.get(category, category)
        elif "pedestrian.sitting_lying_down" in attributes and category == "pedestrian":
            category = "person_sitting"
        return _Annotation(row, category, self._tracks[instance["token"]])


def _rig(index: Index, scene: str, data: list[dict[str, Row]]) -> Rig:
    lidars, cameras = [], []
    for name, row in data[0].items():
        tokens = {rows[name]["calibrated_sensor_token"] for rows in data if name in rows}
        if len(tokens) != 1:
            raise FormatError(f"{index.folder}: scene {scene!r} has {len(tokens)} calibrations of {name}, expected one")
        calibrated = index.follow("calibrated_sensor", row, "calibrated_sensor_token")
        ego_from_file = _pose(calibrated)
        if not calibrated["camera_intrinsic"]:
            lidars.append(nuscenes_lidar(name, ego_from_file))
            continue
        (fx, _, u), (_, fy, v), _ = calibrated["camera_intrinsic"]
        if abs(fx - fy) > 0.01 * fx:
            raise FormatError(
                f"{index.folder}: {name} has focal lengths {fx:g} and {fy:g}; only square pixels are read"
            )
        size = int(row["width"]), int(row["height"])
        cameras.append(Camera(name, ego_from_file @ OPTICAL_FROM_BODY, *size, (fx + fy) / 2, (u, v)))
    if not lidars:
        raise FormatError(f"{index.folder}: scene {scene!r} has no lidar")
    return Rig("nuscenes", tuple(lidars), tuple(cameras))


def nuscenes_lidar(name: str, ego_from_sensor: Transform) -> Lidar:
    """The HDL-32E of nuScenes' cars: 20 turns a second (Caesar et al. 2020, table 2), 1,085 firings each."""
    return Lidar(name, ego_from_sensor, HDL32E_ELEVATION_RAD, np.zeros(32), 1085, 20.0, 1.0, 100.0)


def _boxes(annotations: tuple[_Annotation, ...], world_from_ego: Transform) -> Boxes:
    if not annotations:
        return Boxes.empty()
    rows = [annotation.row for annotation in annotations]
    ego_from_world = world_from_ego.inverse()
    headings = np.array([_pose(row).rotation[:, 0] for row in rows])  # where each box's x axis points
    sizes = np.array([row["size"] for row in rows], dtype=np.float64)
    if not ((sizes > 0) & (sizes < _FARTHEST_M)).all():
        raise FormatError(f"boxes of {sizes.tolist()} m, expected width, length and height above zero")
    heading_ego = ego_from_world.rotate(headings)
    if all(EXTRAS in row for row in rows):
        columns = columns_of([row[EXTRAS] for row in rows])
    else:
        seen = [VISIBILITY_LEVELS.get(str(row["visibility_token"]), ("", np.nan))[1] for row in rows]
        columns = {
            "category": np.array([annotation.category for annotation in annotations]),
            "track": np.array([annotation.track for annotation in annotations]),
            "num_points": np.array([row["num_lidar_pts"] for row in rows]),
            "visibility": np.array(seen) if np.isfinite(seen).all() else None,
        }
    return Boxes(
        center=ego_from_world.apply([row["translation"] for row in rows]),
        size=sizes[:, [1, 0, 2]],
        yaw_rad=np.arctan2(heading_ego[:, 1], heading_ego[:, 0]),
        **columns,
    )


def _pose(row: Row) -> Transform:
    """The transform of a row with rotation and translation."""
    wxyz, xyz = np.array(row["rotation"], dtype=np.float64), np.array(row["translation"], dtype=np.float64)
    bounded = (
        wxyz.shape == (4,) and xyz.shape == (3,) and np.abs(wxyz).max() <= 1.01 and np.abs(xyz).max() < _FARTHEST_M
    )
    if not bounded or abs(np.linalg.norm(wxyz) - 1) > 0.01:
        raise FormatError(
            f"row {row['token']}: rotation {row['rotation']} and translation {row['translation']} are no pose"
        )
    return Transform.from_quaternion(wxyz, xyz)
