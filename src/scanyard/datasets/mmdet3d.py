"""MMDetection3D's layout for data of one's own, with info files of version 1.1.

    ROOT/points/ID.bin                          M × 4 float32: x, y, z, intensity
    ROOT/images/images_K/ID.png                 the rig's camera K
    ROOT/custom_infos_{train,val,test}.pkl      {"metainfo": ..., "data_list": [INFO, ...]}
    INFO                                        {"sample_idx", "lidar_points", "images", "instances"}

What a stranger gets wrong: ``bbox_3d`` is x, y, z, length, width, height, yaw with z at the box's *bottom*, since
``LiDARInstance3DBoxes`` puts a box's origin there unless told otherwise; the heading turns from x towards y.  An info
file is a pickle, which can run code when it is read: only plain values and arrays are let through here.
"""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from scanyard.boxes import Boxes
from scanyard.datasets.classes import custom_classes
from scanyard.datasets.images import read_image
from scanyard.datasets.kitti_calibration import OPTICAL_FROM_BODY
from scanyard.datasets.levelled import (
    CONVENTION,
    LIDAR_HEIGHT_M,
    UNKNOWN_LICENCE,
    LevelFrame,
    level_cloud,
    level_from_ego,
    note_for_reading_back,
    note_of,
    number_note,
    read_levelled,
    write_image_sets,
)
from scanyard.datasets.origin import SequenceNote, begin_export, write_origin
from scanyard.errors import FormatError, StoreError
from scanyard.frame import Frame
from scanyard.pickled import read_pickle
from scanyard.sensors import Rig
from scanyard.sequence import SensorSequence
from scanyard.store.layout import require_inside

LAYOUT = "mmdet3d"
SETS = ("train", "val", "test")
_POINT_BYTES = 16


def write_dataset(root: str | Path, sequences: Sequence[SensorSequence], *, val_drives: Collection[str] = ()) -> None:
    """Write recordings into the new folder ``root``, frames numbered through; ``val_drives`` are for validation.

    Frames nobody labelled go into the ``test`` infos.  FormatError if a category has no name here, StoreError if the
    folder is not empty or cannot be written.
    """
    folder = Path(root)
    begin_export(folder)
    notes: list[SequenceNote] = []
    infos: list[tuple[str, str, dict[str, Any]]] = []
    classes: dict[str, int] = {}
    try:
        (folder / "points").mkdir()
        for sequence in sequences:
            frames = []
            for frame in sequence:
                file = f"{len(infos):06d}"
                infos.append((file, sequence.info.drive, _write_frame(folder, file, frame, sequence.info.rig, classes)))
                frames.append(note_of(file, frame, sequence.info.rig))
            notes.append(note_for_reading_back(sequence, frames))
        write_image_sets(folder, [(file, drive, "instances" in info) for file, drive, info in infos], val_drives)
        metainfo = {"categories": classes, "dataset": "scanyard", "info_version": "1.1"}
        for name in SETS:
            listed = set((folder / "ImageSets" / f"{name}.txt").read_text(encoding="ascii").split())
            body = {"metainfo": metainfo, "data_list": [info for file, _, info in infos if file in listed]}
            (folder / f"custom_infos_{name}.pkl").write_bytes(pickle.dumps(body, protocol=4))
        write_origin(folder, LAYOUT, f"{CONVENTION}; z at the bottom of boxes", notes)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}: {error.filename})") from error


def read_sequences(
    root: str | Path,
    *,
    licence: str = UNKNOWN_LICENCE,
    drive: str | None = None,
    lidar_height_m: float = LIDAR_HEIGHT_M,
) -> list[SensorSequence]:
    """Read a folder of ours or of somebody else; for the latter see ``levelled.read_levelled``.

    FormatError names the file that is wrong, and the sample in it.
    """
    folder = Path(root)
    frames: dict[str, LevelFrame] = {}
    paths = sorted(folder.glob("*infos_*.pkl"))
    if not paths:
        raise FormatError(f"{folder}: holds no *_infos_*.pkl; expected MMDetection3D's info files")
    for path in paths:
        body = read_pickle(path)
        try:
            names = {int(label): str(name) for name, label in body["metainfo"]["categories"].items()}
            for info in body["data_list"]:
                frame = _read_frame(folder, info, names, len(frames))
                other = frames.setdefault(frame.note.file, frame)
                if other.scan != frame.scan:  # ids are file names without folders
                    raise FormatError(f"{other.scan} and {frame.scan} have one name; give each cloud its own")
                frames[frame.note.file] = frame
        except FormatError as error:
            raise FormatError(f"{path}: {error}") from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"{path}: is no info file of version 1.1 ({error!r})") from error
    return read_levelled(
        folder,
        LAYOUT,
        [frames[file] for file in sorted(frames)],
        read_cloud=read_cloud,
        read_image=read_image,
        licence=licence,
        drive=drive,
        lidar_height_m=lidar_height_m,
    )


def read_cloud(path: Path) -> NDArray[np.float32]:
    """Read ``points/ID.bin``: x, y, z, intensity (M, 4)."""
    try:
        values = np.fromfile(path, dtype="<f4")
        size = path.stat().st_size
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from error
    if size % _POINT_BYTES:
        raise FormatError(f"{path}: has {size} bytes, not a multiple of {_POINT_BYTES} (4 float32 a point); it was cut")
    cloud = values.reshape(-1, 4)
    if not np.isfinite(cloud).all():
        wrong = int(np.argmin(np.isfinite(cloud).all(axis=1)))
        raise FormatError(f"{path}: point {wrong} is {cloud[wrong].tolist()}, expected finite numbers")
    return cloud.astype(np.float32)


def _write_frame(folder: Path, file: str, frame: Frame, rig: Rig, classes: dict[str, int]) -> dict[str, Any]:
    level_cloud(frame, rig).astype("<f4").tofile(folder / "points" / f"{file}.bin")
    info: dict[str, Any] = {
        "sample_idx": int(file),
        "timestamp": frame.timestamp_ns / 1e9,
        "lidar_points": {"lidar_path": f"{file}.bin", "num_pts_feats": 4},
        "images": {},
    }
    for number, camera in enumerate(rig.cameras):
        if camera.name not in frame.images:
            continue
        pixels = frame.images[camera.name].rgb
        place = folder / "images" / f"images_{number}" / f"{file}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(pixels).save(place, compress_level=1)
        u, v = camera.center_px
        projection = np.diag([camera.focal_px, camera.focal_px, 1.0, 1.0])
        projection[:2, 2] = u, v
        camera_from_level = OPTICAL_FROM_BODY @ camera.ego_from_sensor.inverse() @ level_from_ego(rig).inverse()
        info["images"][f"CAM{number}"] = {
            "img_path": f"images_{number}/{file}.png",
            "height": pixels.shape[0],
            "width": pixels.shape[1],
            "cam2img": projection.tolist(),
            "lidar2cam": camera_from_level.to_list(),
            "lidar2img": (projection @ camera_from_level.matrix).tolist(),
            "scanyard_camera": camera.name,
        }
    if frame.boxes is not None:
        info["instances"] = _instances(frame.boxes.transformed(level_from_ego(rig)), classes)
    return info


def _instances(boxes: Boxes, classes: dict[str, int]) -> list[dict[str, Any]]:
    bottom = boxes.center - np.stack([np.zeros(len(boxes)), np.zeros(len(boxes)), boxes.size[:, 2] / 2], axis=1)
    rows = np.column_stack([bottom, boxes.size, boxes.yaw_rad])
    labels = [classes.setdefault(name, len(classes)) for name in custom_classes(boxes.category)]
    instances = []
    for i, row in enumerate(rows):
        instance = {"bbox_3d": row.tolist(), "bbox_label_3d": labels[i], "bbox_3d_isvalid": True}
        if boxes.num_points is not None:
            instance["num_lidar_pts"] = int(boxes.num_points[i])
        if boxes.track is not None:
            instance["track_id"] = int(boxes.track[i])
        instances.append(instance)
    return instances


def _read_frame(folder: Path, info: Mapping[str, Any], names: Mapping[int, str], index: int) -> LevelFrame:
    said = f"sample {info.get('sample_idx')}: file"
    scan = folder / "points" / require_inside(info["lidar_points"]["lidar_path"], said)
    features = info["lidar_points"]["num_pts_feats"]
    if features != 4:
        raise FormatError(f"sample {info.get('sample_idx')} has points of {features} numbers, expected 4")
    if not scan.is_file():
        raise FormatError(f"sample {info.get('sample_idx')} names {scan}, which is missing")
    images = tuple(
        (str(image["scanyard_camera"]), folder / "images" / require_inside(image["img_path"], said))
        for image in info.get("images", {}).values()
        if "scanyard_camera" in image
    )
    labelled = "instances" in info
    boxes = _boxes(info["instances"], names) if labelled else None
    return LevelFrame(number_note(scan.stem, index, labelled=labelled), scan, boxes, images)


def _boxes(instances: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> Boxes:
    kept = [instance for instance in instances if instance["bbox_label_3d"] >= 0]  # -1: a class that does not count
    if not kept:
        return Boxes.empty()
    rows = np.array([instance["bbox_3d"] for instance in kept], dtype=np.float64).reshape(len(kept), -1)[
        :, :7
    ]  # velocities may follow
    columns = {
        column: np.array([instance[key] for instance in kept])
        for column, key in (("num_points", "num_lidar_pts"), ("track", "track_id"))
        if all(key in instance for instance in kept)
    }
    center = rows[:, :3] + np.stack([np.zeros(len(kept)), np.zeros(len(kept)), rows[:, 5] / 2], axis=1)
    category = np.array([names[int(instance["bbox_label_3d"])].lower() for instance in kept])
    return Boxes(center, rows[:, 3:6], rows[:, 6], category, **columns)
