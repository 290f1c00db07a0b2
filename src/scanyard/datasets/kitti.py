"""KITTI's object layout, read and written exactly.

    SPLIT/velodyne/ID.bin   N × 4 float32: x forward, y left, z up, reflectance 0 to 1, in the Velodyne's frame
    SPLIT/label_2/ID.txt    see ``kitti_labels``        SPLIT/calib/ID.txt   see ``kitti_calibration``
    SPLIT/image_2/ID.png    left colour image, where there is one

Frames of one drive become one sequence, because a drive must never be divided between training and testing.  All text
files are read and checked before the first sequence is handed out, so a damaged one stops the import before it begins;
scans and images are read when a frame is asked for.  Object frames have no poses: ``world_from_ego`` is the identity.

Our own exports say beside the layout what it has no place for (``kitti_origin``): rig, times, poses, who labelled.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from scanyard.boxes import Boxes
from scanyard.datasets.images import image_size, read_image
from scanyard.datasets.kitti_calibration import EGO_FROM_VELODYNE, Calibration, read_calibration
from scanyard.datasets.kitti_drives import FrameOrigin, frame_origins
from scanyard.datasets.kitti_labels import LabelNotes, Labels, labels_to_text, read_labels
from scanyard.datasets.origin import FrameNote, SequenceNote, named
from scanyard.errors import FormatError, StoreError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.profiles import load_profile
from scanyard.sensors import Lidar, Rig
from scanyard.sequence import SensorSequence, SequenceInfo
from scanyard.store.layout import require_file_name

logger = logging.getLogger(__name__)

LICENCE = "CC-BY-NC-SA-3.0"
DEFAULT_SIZE_PX = (1242, 375)
FRAME_PERIOD_NS = 100_000_000
_POINT_BYTES = 16


@dataclass(frozen=True)
class KittiFrame:
    """The files of one frame, with what is small already read."""

    name: str
    scan: Path
    image: Path | None
    labels: Labels | None
    calibration: Calibration
    origin: FrameOrigin
    size_px: tuple[int, int]


@dataclass(frozen=True)
class KittiSequence:
    """The frames of one drive that share one calibration; scans and images are read when asked for."""

    info: SequenceInfo
    frames: tuple[KittiFrame, ...]
    crop_to_image: bool
    notes: Mapping[str, FrameNote] = field(default_factory=dict)
    """What an export of ours says of each frame, by its file; empty for KITTI's own."""

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        index = range(len(self))[index]
        frame = self.frames[index]
        sweep = read_scan(frame.scan)
        if self.crop_to_image:
            sweep = sweep[frame.calibration.in_image(sweep.points, *frame.size_px)]
        raw, note = frame.origin.raw_frame, self.notes.get(frame.name)
        lidar, camera = self.info.rig.lidars[0].name, self.info.rig.cameras[0].name
        return Frame(
            timestamp_ns=note.timestamp_ns if note else (index if raw is None else raw) * FRAME_PERIOD_NS,
            world_from_ego=note.world_from_ego if note else Transform.identity(),
            sweeps={lidar: sweep},
            images={} if frame.image is None else {camera: read_image(frame.image)},
            boxes=None if frame.labels is None else frame.labels.boxes,
            dont_care=None if frame.labels is None else frame.labels.dont_care,
            name=note.name if note else frame.name,
        )


def read_sequences(
    root: str | Path,
    subset: str | None = None,
    drives: Sequence[str] | None = None,
    *,
    crop_to_image: bool = False,
    notes: Mapping[str, SequenceNote] | None = None,
) -> list[SensorSequence]:
    """Read a split folder, or the split ``subset`` (``training`` unless given) of the folder that holds it.

    ``drives`` keeps only these.  ``crop_to_image`` keeps the returns that fall inside the image, where KITTI's labels
    are.  ``notes`` are what an export of ours says, by split folder.  Sequences are sorted by name, frames by time.
    FormatError names the first file and line that is wrong.
    """
    split = named(_split_folder(Path(root), subset))
    note = (notes or {}).get(split.name)
    origins, source = frame_origins(split)
    names = sorted(path.stem for path in (split / "velodyne").glob("*.bin"))
    if not names:
        raise FormatError(f"{split / 'velodyne'}: holds no scans (ID.bin)")
    of_frames = _notes_of(split, names, note)
    frames = [_read_frame(split, name, origins.get(name), note, of_frames.get(name)) for name in names]
    if not source:
        logger.warning("%s: no frames.csv and no devkit mapping, so each frame counts as a drive of its own", split)
    known = {frame.origin.drive for frame in frames}
    if drives is not None and set(drives) - known:
        raise FormatError(f"{split}: no frames of drives {sorted(set(drives) - known)}; there are {sorted(known)}")
    sequences: list[SensorSequence] = []
    for drive in sorted(known if drives is None else set(drives)):
        groups: dict[tuple[str, tuple[int, int]], list[KittiFrame]] = {}
        for frame in frames:
            if frame.origin.drive == drive:
                groups.setdefault((frame.calibration.to_text(), frame.size_px), []).append(frame)
        for number, members in enumerate(groups.values()):
            name = f"{split.name}-{drive}" + (f"-{number}" if len(groups) > 1 else "")
            members.sort(key=lambda frame: (frame.origin.raw_frame or 0, frame.name))
            info = _info(name, drive, members, split=split.name, source=source, crop_to_image=crop_to_image)
            if note is not None:
                info = _as_exported(info, note.info)
            sequences.append(KittiSequence(info, tuple(members), crop_to_image, of_frames))
    return sequences


def write_frames(root: str | Path, sequence: SensorSequence) -> list[FrameNote]:
    """Write ``velodyne``, ``label_2``, ``calib`` and ``image_2`` files for each frame into the split folder ``root``.

    Returns what the layout has no place for.  The files are named after the frames, or numbered if those have no names;
    FormatError where two have one name.  A sequence that came from KITTI gets its own calibration, label order and
    ``alpha`` back; any other gets a calibration made from its rig.
    """
    split, written = Path(root), dict[str, FrameNote]()
    notes: Mapping[str, Any] = sequence.info.provenance.get("kitti", {})
    calibration = calibration_of(sequence.info)
    lidar, camera = sequence.info.rig.lidars[0].name, sequence.info.rig.cameras[0].name
    try:
        for folder in ("velodyne", "calib"):
            (split / folder).mkdir(parents=True, exist_ok=True)
        for index, frame in enumerate(sequence):
            name = require_file_name(frame.name or f"{index:06d}", "frame")
            if name in written:
                raise FormatError(f"sequence {sequence.info.name!r} has two frames {name!r}; KITTI's go by their names")
            written[name] = FrameNote.of(name, frame)
            write_scan(split / "velodyne" / f"{name}.bin", frame.sweeps[lidar])
            (split / "calib" / f"{name}.txt").write_text(calibration.to_text(), encoding="ascii")
            if frame.boxes is not None:
                text = labels_to_text(_labels_of(frame, notes.get("labels", {}).get(name, {})), calibration)
                (split / "label_2").mkdir(exist_ok=True)
                (split / "label_2" / f"{name}.txt").write_text(text, encoding="ascii")
            if camera in frame.images:
                (split / "image_2").mkdir(exist_ok=True)
                PillowImage.fromarray(frame.images[camera].rgb).save(
                    split / "image_2" / f"{name}.png", compress_level=1
                )
    except OSError as error:
        raise StoreError(f"{split}: cannot be written ({error.strerror}: {error.filename})") from error
    return list(written.values())


def calibration_of(info: SequenceInfo) -> Calibration:
    """The calibration a recording came from KITTI with, or the one its rig has; FormatError where it has no camera."""
    values = info.provenance.get("kitti", {}).get("calibration")
    if values is None:
        return Calibration.of_rig(info.rig)
    return Calibration(values, info.rig.lidars[0].ego_from_sensor)


def read_scan(path: Path) -> Sweep:
    """Read ``velodyne/ID.bin``: points and reflectance, in the Velodyne's frame."""
    try:
        values = np.fromfile(path, dtype="<f4")
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from error
    if values.size % 4 or path.stat().st_size % _POINT_BYTES:
        raise FormatError(_cut_scan(path))
    rows = values.reshape(-1, 4)
    if not np.isfinite(values).all():
        wrong = int(np.argmin(np.isfinite(values))) // 4
        raise FormatError(f"{path}: point {wrong} is {rows[wrong].tolist()}, expected finite numbers")
    return Sweep(points=rows[:, :3].copy(), intensity=rows[:, 3].copy())


def write_scan(path: Path, sweep: Sweep) -> None:
    """Write ``velodyne/ID.bin``; reflectance is 0 where the sweep has none."""
    intensity = np.zeros(len(sweep), dtype=np.float32) if sweep.intensity is None else sweep.intensity
    np.concatenate([sweep.points, intensity[:, None]], axis=1).astype("<f4").tofile(path)


def _labels_of(frame: Frame, notes: Mapping[str, Any]) -> Labels:
    boxes = Boxes.empty() if frame.boxes is None else frame.boxes
    if not len(boxes):
        boxes = boxes.replace(image_box=np.zeros((0, 4)))
    regions = np.zeros((0, 4)) if frame.dont_care is None else frame.dont_care
    return Labels(boxes, regions, LabelNotes.from_dict(notes))


def _cut_scan(path: Path) -> str:
    return f"{path}: has {path.stat().st_size} bytes, not a multiple of {_POINT_BYTES} (4 float32 a point); it was cut"


def _split_folder(root: Path, subset: str | None) -> Path:
    if not root.is_dir():
        raise FormatError(f"{root}: no such folder")
    if subset is None and (root / "velodyne").is_dir():
        return root
    split = root / (subset or "training")
    if not (split / "velodyne").is_dir():
        raise FormatError(
            f"{root}: holds no {split.name}/velodyne; expected KITTI's object layout with velodyne, label_2 and calib"
        )
    return split


def _notes_of(split: Path, names: Sequence[str], note: SequenceNote | None) -> dict[str, FrameNote]:
    """Notes by file; FormatError where the folder has other frames than were exported into it."""
    if note is None or not note.frames:  # exports of older versions say nothing of frames
        return {}
    of_frames = {frame.file: frame for frame in note.frames}
    if differing := sorted(set(of_frames) ^ set(names)):
        what = "is missing" if differing[0] in of_frames else "is none of those that were exported"
        raise FormatError(f"{split}: frame {differing[0]} {what} (of {len(differing)} that differ); export again")
    return of_frames


def _as_exported(found: SequenceInfo, exported: SequenceInfo) -> SequenceInfo:
    """With domain, licence and source of the recording that was exported, and its rig as far as the layout goes."""
    rig = replace(exported.rig, lidars=exported.rig.lidars[:1], cameras=exported.rig.cameras[:1])
    provenance = {**found.provenance, "format": exported.provenance.get("format", "scanyard")}
    return replace(found, domain=exported.domain, licence=exported.licence, rig=rig, provenance=provenance)


def _read_frame(
    split: Path, name: str, origin: FrameOrigin | None, note: SequenceNote | None, of_frame: FrameNote | None
) -> KittiFrame:
    scan, image = split / "velodyne" / f"{name}.bin", split / "image_2" / f"{name}.png"
    if not scan.is_file():
        raise FormatError(f"{scan}: is no file, or a link that leads nowhere")
    if scan.stat().st_size % _POINT_BYTES:
        raise FormatError(_cut_scan(scan))
    origin = origin or FrameOrigin(drive=f"frame-{name}")
    size_px = origin.size_px or DEFAULT_SIZE_PX
    if image.is_file():
        size_px = image_size(image)
    calibration = read_calibration(split / "calib" / f"{name}.txt")
    if note is not None:
        calibration = replace(calibration, ego_from_velodyne=note.info.rig.lidars[0].ego_from_sensor)
    labelled = (split / "label_2").is_dir() if of_frame is None else of_frame.labelled
    return KittiFrame(
        name=name,
        scan=scan,
        image=image if image.is_file() else None,
        labels=read_labels(split / "label_2" / f"{name}.txt", calibration) if labelled else None,
        calibration=calibration,
        origin=origin,
        size_px=size_px,
    )


def _info(
    name: str, drive: str, frames: Sequence[KittiFrame], *, split: str, source: str, crop_to_image: bool
) -> SequenceInfo:
    first = frames[0]
    notes = {frame.name: frame.labels.notes.to_dict() for frame in frames if frame.labels is not None}
    provenance = {
        "format": "kitti-object",
        "split": split,
        "drives_from": source or "nothing: each frame counts as a drive of its own",
        "crop_to_image": crop_to_image,
        "kitti": {
            "calibration": {key: list(row) for key, row in first.calibration.values.items()},
            "labels": {frame: note for frame, note in notes.items() if note},
        },
    }
    return SequenceInfo(name, "real", drive, rig_of(first.calibration, first.size_px), LICENCE, provenance)


def rig_of(calibration: Calibration, size_px: tuple[int, int]) -> Rig:
    """KITTI's car: the HDL-64E as ``top`` and the left colour camera as ``left``."""
    lidar = Lidar.of_profile("top", load_profile("hdl64e"), EGO_FROM_VELODYNE, rotation_hz=10.0)
    return Rig("kitti", (lidar,), (calibration.camera(*size_px),))
