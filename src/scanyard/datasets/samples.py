"""Loose scans of real sensors with their boxes in JSON beside them, as developers keep them for looking at.

    nuscenes/labels.json, *.pcd.bin, *.jpg                          one key frame in the frame of its LiDAR
    argoverse2/LOG/NS.feather, NS_labels.json, egovehicle_SE3_sensor.json      sweeps in the vehicle frame
    sustech/ID.bin, ID_labels.json                                  scans of a 40-beam LiDAR in a levelled frame

The original layouts are read by ``nuscenes`` and ``argoverse2``; here there are no tables, no poses and no times but
those in file names.  A box is ``{"category", "center_m", "size_lwh_m", "yaw_rad" or "rotation_xyz_rad", "track"}``.

What a stranger gets wrong: each of the three looks another way.  nuScenes' LiDAR looks along y, Argoverse's vehicle
along x, and SUSTechPOINTS' car drove along *minus y*: between its two scans walls and parked cars move 9 m towards
plus y, and oncoming traffic, which is on the left in China, is at plus x.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.datasets import argoverse2, nuscenes_tables
from scanyard.datasets.argoverse2_layout import EGO_FROM_VEHICLE, LICENCE, LIDARS
from scanyard.datasets.classes import CATEGORY_OF_ARGOVERSE2, SUSTECH_CATEGORIES, VOCABULARY, categories_of
from scanyard.datasets.feather import read_table
from scanyard.datasets.images import image_size, read_image
from scanyard.datasets.kitti_calibration import OPTICAL_FROM_BODY
from scanyard.datasets.nuscenes import nuscenes_lidar, read_scan
from scanyard.datasets.nuscenes_tables import in_rows_of
from scanyard.datasets.origin import named
from scanyard.errors import FormatError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import SensorSequence, SequenceInfo

SUSTECH_EGO_FROM_LIDAR = Transform.from_xyz_rpy((0.0, 0.0, 1.77), yaw=np.pi / 2)
"""Forward is minus y; the road below lies 1.77 m under the sensor in both scans (a plane through returns within 12 m).
How far behind it the rear axle is nobody says."""
SUSTECH_LICENCE = "unknown"
"""The repository's GPL-3.0 is for its code; nothing is said of the example scans, so nothing may be assumed."""
SUSTECH_SCAN_RATE_HZ = 10.0
_NUSCENES_SPECIAL = {"motorcycle": "motorcycle", "ignore": "misc"}
"""``ignore`` is what the developers' converter calls a class that no detector looks for."""


@dataclass(frozen=True)
class SampleFrame:
    """What is known of one scan without reading it."""

    name: str
    timestamp_ns: int
    scan: Path
    boxes: Boxes
    images: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True)
class SampleSequence:
    """Scans of one place, read when asked for."""

    info: SequenceInfo
    frames: tuple[SampleFrame, ...]
    read_sweeps: Callable[[Path, Rig], dict[str, Sweep]]

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        frame = self.frames[index]
        with in_rows_of(str(frame.scan)):
            return Frame(
                timestamp_ns=frame.timestamp_ns,
                world_from_ego=Transform.identity(),
                sweeps=self.read_sweeps(frame.scan, self.info.rig),
                images={name: read_image(path) for name, path in frame.images},
                boxes=frame.boxes,
                name=frame.name,
            )


def read_sequences(root: str | Path) -> list[SensorSequence]:
    """Read every sample in or below ``root``.

    FormatError if there is none, or one is damaged; EnvironmentFault where Argoverse's need pyarrow, which lacks.
    """
    folder, found = named(root), list[SensorSequence]()
    for path in sorted(folder.glob("**/labels.json")):
        with in_rows_of(str(path)):
            found.append(_nuscenes(path.parent))
    labels = sorted(folder.glob("**/*_labels.json"))
    for place in dict.fromkeys(path.parent for path in labels):
        here = [path for path in labels if path.parent == place]
        read = _argoverse2 if (place / "egovehicle_SE3_sensor.json").is_file() else _sustech
        with in_rows_of(str(place)):
            found.append(read(place, here))
    if not found:
        raise FormatError(f"{folder}: holds no labels.json and no *_labels.json beside scans")
    return found


def _nuscenes(folder: Path) -> SampleSequence:
    data = _json(folder / "labels.json")
    try:
        scan = _only(folder, "*.pcd.bin")
        ego_from_lidar = Transform.from_list(data["lidar2ego"])
        cameras, images = [], []
        for name, place in (("CAM_FRONT", path) for path in sorted(folder.glob("*CAM_FRONT*.jpg"))):
            (focal, _, u), (_, _, v), _ = data[name]["cam2img"]
            ego_from_camera = (
                ego_from_lidar @ Transform.from_list(data[name]["lidar2cam"]).inverse() @ OPTICAL_FROM_BODY
            )
            cameras.append(Camera(name, ego_from_camera, *image_size(place), focal, (u, v)))
            images.append((name, place))
        known = {name: name for name in VOCABULARY} | _NUSCENES_SPECIAL
        boxes = _boxes(_rows_of(data["boxes"], folder / "labels.json"), known, ego_from_lidar, folder / "labels.json")
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise FormatError(f"{folder / 'labels.json'}: is no key frame of nuScenes ({error!r})") from error
    log, _, microseconds = scan.name.removesuffix(".pcd.bin").split("__")
    rig = Rig("nuscenes", (nuscenes_lidar("LIDAR_TOP", ego_from_lidar),), tuple(cameras))
    frame = SampleFrame(str(data["sample_token"]), int(microseconds) * 1000, scan, boxes, tuple(images))
    info = _info(
        f"nuscenes-{data['sample_token']}", log.replace("+", "_"), rig, nuscenes_tables.LICENCE, "nuscenes-sample"
    )
    return SampleSequence(info, (frame,), _nuscenes_sweeps)


def _argoverse2(folder: Path, labels: list[Path]) -> SampleSequence:
    path = folder / "egovehicle_SE3_sensor.json"
    try:
        poses = {
            str(row["sensor_name"]): Transform.from_quaternion(
                [row[name] for name in ("qw", "qx", "qy", "qz")], [row[name] for name in ("tx_m", "ty_m", "tz_m")]
            )
            for row in _json(path)
        }
        rig = argoverse2.rig_of({name: poses[name] for name in LIDARS}, {})
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: holds no poses of {list(LIDARS)} ({error!r})") from error
    frames = _frames(labels, ".feather", CATEGORY_OF_ARGOVERSE2, EGO_FROM_VEHICLE, period_ns=1)
    info = _info(f"argoverse2-{folder.name}", folder.name, rig, LICENCE, "argoverse2-sample")
    return SampleSequence(info, frames, _argoverse2_sweeps)


def _sustech(folder: Path, labels: list[Path]) -> SampleSequence:
    period_ns = round(1e9 / SUSTECH_SCAN_RATE_HZ)
    frames = _frames(labels, ".bin", SUSTECH_CATEGORIES, SUSTECH_EGO_FROM_LIDAR, period_ns=period_ns)
    rows = _rows(frames[0].scan)
    lidar = _measured_lidar("top", rows, SUSTECH_EGO_FROM_LIDAR)
    info = _info("sustech", f"sustech-{folder.name}", Rig("sustech", (lidar,)), SUSTECH_LICENCE, "sustech-sample")
    return SampleSequence(info, frames, _sustech_sweeps)


def _measured_lidar(name: str, rows: NDArray[np.float32], ego_from_lidar: Transform) -> Lidar:
    """A LiDAR whose beams are read off a scan: each ring's median angle above the horizon; ring 0 is the highest."""
    angle = np.arctan2(rows[:, 2], np.hypot(rows[:, 0], rows[:, 1]))
    rings = np.arange(int(rows[:, 4].max()) + 1)
    elevation = np.array([np.median(angle[rows[:, 4] == ring]) for ring in rings], dtype=np.float64)
    firings = int(np.ceil(max((rows[:, 4] == ring).sum() for ring in rings)))
    return Lidar(name, ego_from_lidar, elevation, np.zeros(len(rings)), firings, SUSTECH_SCAN_RATE_HZ, 0.3, 200.0)


def _frames(
    labels: list[Path], ending: str, classes: Mapping[str, str], ego_from_file: Transform, *, period_ns: int
) -> tuple[SampleFrame, ...]:
    """Frames named by a number, which times ``period_ns`` is their time; track ids agree among them."""
    contents = [_rows_of(_json(path), path) for path in labels]
    names = dict.fromkeys(str(box["track"]) for boxes in contents for box in boxes if "track" in box)
    tracks = {name: number for number, name in enumerate(names)}
    frames = []
    for path, rows in zip(labels, contents, strict=True):
        name = path.name.removesuffix("_labels.json")
        scan = path.with_name(f"{name}{ending}")
        if not scan.is_file() or not name.isdecimal():
            raise FormatError(f"{path}: has no scan {scan.name} beside it, named by a number")
        boxes = _boxes(rows, classes, ego_from_file, path)
        if lacking := [number for number, row in enumerate(rows) if "track" not in row]:
            raise FormatError(f"{path}: box {lacking[0]} has no 'track'; number the boxes of one object alike")
        boxes = boxes.replace(track=np.array([tracks[str(row["track"])] for row in rows], dtype=np.int64))
        frames.append(SampleFrame(name, int(name) * period_ns, scan, boxes))
    return tuple(frames)


def _rows_of(value: object, path: Path) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise FormatError(f"{path}: expected a list of boxes, each with category, center_m, size_lwh_m and a yaw")
    return value


def _boxes(rows: list[dict[str, Any]], classes: Mapping[str, str], ego_from_file: Transform, path: Path) -> Boxes:
    if not rows:
        return Boxes.empty().replace(num_points=np.zeros(0, dtype=np.int64))
    try:
        yaw = [row["yaw_rad"] if "yaw_rad" in row else row["rotation_xyz_rad"][2] for row in rows]
        boxes = Boxes(
            center=[row["center_m"] for row in rows],  # type: ignore[arg-type]  # converted to an array
            size=[row["size_lwh_m"] for row in rows],  # type: ignore[arg-type]
            yaw_rad=yaw,  # type: ignore[arg-type]
            category=np.array(categories_of([row["category"] for row in rows], classes, str(path)), dtype=np.str_),
            num_points=[row["num_points"] for row in rows],  # type: ignore[arg-type]
        )
    except (KeyError, TypeError, IndexError) as error:
        raise FormatError(f"{path}: box without {error}; expected category, center_m, size_lwh_m and a yaw") from error
    return boxes.transformed(ego_from_file)


def _nuscenes_sweeps(path: Path, rig: Rig) -> dict[str, Sweep]:
    return {rig.lidars[0].name: read_scan(path, rig.lidars[0])}


def _argoverse2_sweeps(path: Path, rig: Rig) -> dict[str, Sweep]:
    columns = read_table(path, ("x", "y", "z", "intensity", "laser_number", "offset_ns"))
    return argoverse2.read_sweeps(columns, rig, original=True)


def _sustech_sweeps(path: Path, rig: Rig) -> dict[str, Sweep]:
    rows = _rows(path)
    return {
        rig.lidars[0].name: Sweep(rows[:, :3], intensity=rows[:, 3] / np.float32(255), ring=rows[:, 4].astype(np.uint8))
    }


def _rows(path: Path) -> NDArray[np.float32]:
    """N × 5 float32: x, y, z, intensity 0 to 255, ring from above."""
    values: NDArray[np.float32] = np.fromfile(path, dtype=np.float32)
    if values.size % 5 or not np.isfinite(values).all():
        raise FormatError(f"{path}: is no list of 5 finite float32 a point; it was cut or damaged")
    return values.reshape(-1, 5)


def _info(name: str, drive: str, rig: Rig, licence: str, source: str) -> SequenceInfo:
    return SequenceInfo(name, "real", drive, rig, licence, {"format": source})


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())  # not strictly: velocities that nobody knows are NaN in nuScenes' samples
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path}: cannot be read as JSON ({error})") from error


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FormatError(f"{folder}: holds {len(found)} files {pattern}, expected one")
    return found[0]
