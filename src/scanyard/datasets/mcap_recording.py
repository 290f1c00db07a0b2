"""MCAP recordings, for Foxglove and whatever else reads its message schemas; written, not read.

    /tf                        foxglove.FrameTransforms     world -> ego, ego -> each sensor
    /lidar/NAME                foxglove.PointCloud          x, y, z, intensity; ring and time offset where known
    /camera/NAME               foxglove.CompressedImage     JPEG
    /camera/NAME/calibration   foxglove.CameraCalibration
    /labels                    foxglove.SceneUpdate         a cube and a text a box, in the ego frame

Messages are JSON, so that nothing but the ``mcap`` package is needed and any reader understands them.  Camera frames
are optical here (x right, y down, z forward), as Foxglove expects.  Each box says the whole frame again: what was there
before is deleted, so that a viewer shows the boxes of one moment wherever it jumps to.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as PillowImage
from pyquaternion import Quaternion

from scanyard.boxes import Boxes
from scanyard.datasets.kitti_calibration import OPTICAL_FROM_BODY
from scanyard.datasets.mcap_schemas import SCHEMAS
from scanyard.datasets.origin import (
    LICENCE_FILE,
    licence_text,
    non_commercial,
    write_recordings,
)
from scanyard.errors import EnvironmentFault, FormatError
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Rig
from scanyard.sequence import SensorSequence, SequenceInfo

if TYPE_CHECKING:
    from mcap.writer import Writer

LAYOUT = "mcap"
CONVENTION = (
    "right-handed metres; clouds in their lidar's frame and boxes in the ego's: x forward, y left, z up; box centres; "
    "cameras optical"
)
LABELS = "/labels"
BOX_COLOR = {"r": 0.2, "g": 0.8, "b": 0.3, "a": 0.35}
_WHITE = {"r": 1.0, "g": 1.0, "b": 1.0, "a": 1.0}
_JPEG_QUALITY = 90
_SECOND_NS = 1_000_000_000
_TYPES = {"float32": 7, "uint8": 1, "int32": 6}
"""Foxglove's numbers for numeric types."""

Message = tuple[str, str, dict[str, Any]]
"""Topic, schema, body."""


def write_dataset(root: str | Path, sequences: Sequence[SensorSequence]) -> None:
    """Write one ``NAME.mcap`` a recording into the new folder ``root``.

    EnvironmentFault says what to install where the package lacks; StoreError if the folder cannot be written.
    """
    _require_mcap()
    write_recordings(Path(root), sequences, write_recording, suffix="mcap", layout=LAYOUT, convention=CONVENTION)


def write_recording(path: Path, sequence: SensorSequence) -> None:
    """Write one recording; its licence is in the file, as metadata and as an attachment."""
    writer_class, compression = _require_mcap()
    with path.open("wb") as stream:
        writer = writer_class(stream, compression=compression)
        writer.start(profile="", library="scanyard")
        _write_licence(writer, sequence.info)
        schemas: dict[str, int] = {}
        channels: dict[str, int] = {}
        for number, frame in enumerate(sequence):
            if frame.timestamp_ns < 0:
                raise FormatError(
                    f"sequence {sequence.info.name!r}, frame {number}: time {frame.timestamp_ns} is negative"
                )
            for topic, schema, body in messages_of(frame, sequence.info.rig, clears=LABELS in channels):
                if topic not in channels:
                    if schema not in schemas:
                        text = json.dumps(SCHEMAS[schema]).encode()
                        schemas[schema] = writer.register_schema(schema, encoding="jsonschema", data=text)
                    channels[topic] = writer.register_channel(topic, "json", schemas[schema])
                data = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
                writer.add_message(channels[topic], frame.timestamp_ns, data, frame.timestamp_ns, number)
        writer.finish()


def messages_of(frame: Frame, rig: Rig, *, clears: bool = False) -> Iterator[Message]:
    """All messages of one frame; one that nobody labelled ``clears`` the boxes of the frame before, which stay else."""
    time = _time(frame.timestamp_ns)
    yield "/tf", "foxglove.FrameTransforms", {"transforms": list(_transforms(frame, rig, time))}
    for lidar in rig.lidars:
        yield f"/lidar/{lidar.name}", "foxglove.PointCloud", _cloud(frame.sweeps[lidar.name], lidar.name, time)
    for camera in rig.cameras:
        if camera.name in frame.images:
            yield (
                f"/camera/{camera.name}",
                "foxglove.CompressedImage",
                {
                    "timestamp": time,
                    "frame_id": camera.name,
                    "data": base64.b64encode(jpeg(frame.images[camera.name])).decode(),
                    "format": "jpeg",
                },
            )
            yield f"/camera/{camera.name}/calibration", "foxglove.CameraCalibration", _calibration(camera, time)
    if frame.boxes is not None or clears:
        yield LABELS, "foxglove.SceneUpdate", _scene(frame.boxes or Boxes.empty(), time)


def jpeg(image: Image) -> bytes:
    """The picture as a JPEG file."""
    file = io.BytesIO()
    PillowImage.fromarray(image.rgb).save(file, format="JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def _require_mcap() -> tuple[type[Writer], Any]:
    try:
        from mcap.writer import CompressionType, Writer  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise EnvironmentFault(
            "MCAP recordings need the package mcap, which is not installed: pip install 'scanyard[mcap]'"
        ) from error
    return Writer, CompressionType.ZSTD


def _write_licence(writer: Writer, info: SequenceInfo) -> None:
    said = {
        "licence": info.licence,
        "non_commercial": str(non_commercial(info.licence)).lower(),
        "domain": info.domain,
        "drive": info.drive,
        "convention": CONVENTION,
    }
    writer.add_metadata("scanyard", said)
    writer.add_attachment(0, 0, LICENCE_FILE, "text/markdown", licence_text(LAYOUT, [info]).encode())


def _transforms(frame: Frame, rig: Rig, time: dict[str, int]) -> Iterator[dict[str, Any]]:
    yield _transform("world", "ego", frame.world_from_ego, time)
    for lidar in rig.lidars:
        yield _transform("ego", lidar.name, lidar.ego_from_sensor, time)
    for camera in rig.cameras:
        yield _transform("ego", camera.name, camera.ego_from_sensor @ OPTICAL_FROM_BODY.inverse(), time)


def _transform(parent: str, child: str, parent_from_child: Transform, time: dict[str, int]) -> dict[str, Any]:
    return {
        "timestamp": time,
        "parent_frame_id": parent,
        "child_frame_id": child,
        "translation": _vector(parent_from_child.translation),
        "rotation": _rotation(parent_from_child.quaternion_wxyz),
    }


def _cloud(sweep: Sweep, name: str, time: dict[str, int]) -> dict[str, Any]:
    columns: list[tuple[str, Any]] = [(axis, sweep.points[:, number]) for number, axis in enumerate("xyz")]
    for column in ("intensity", "ring", "time_offset_ns"):
        values = getattr(sweep, column)
        if values is not None:
            columns.append((column, values))
    record = np.dtype([(column, values.dtype.newbyteorder("<")) for column, values in columns])
    rows = np.empty(len(sweep), dtype=record)
    for column, values in columns:
        rows[column] = values
    return {
        "timestamp": time,
        "frame_id": name,
        "pose": {"position": _vector(np.zeros(3)), "orientation": _rotation(np.array([1.0, 0, 0, 0]))},
        "point_stride": record.itemsize,
        "fields": [
            {"name": column, "offset": record.fields[column][1], "type": _TYPES[values.dtype.name]}  # type: ignore[index]
            for column, values in columns
        ],
        "data": base64.b64encode(rows.tobytes()).decode(),
    }


def _calibration(camera: Camera, time: dict[str, int]) -> dict[str, Any]:
    f, (u, v) = camera.focal_px, camera.center_px
    return {
        "timestamp": time,
        "frame_id": camera.name,
        "width": camera.width_px,
        "height": camera.height_px,
        "distortion_model": "plumb_bob",
        "D": [0.0] * 5,
        "K": [f, 0.0, u, 0.0, f, v, 0.0, 0.0, 1.0],
        "R": np.eye(3).ravel().tolist(),
        "P": [f, 0.0, u, 0.0, 0.0, f, v, 0.0, 0.0, 0.0, 1.0, 0.0],
    }


def _scene(boxes: Boxes, time: dict[str, int]) -> dict[str, Any]:
    entities = []
    for i in range(len(boxes)):
        pose = {
            "position": _vector(boxes.center[i]),
            "orientation": _rotation(Quaternion(axis=[0, 0, 1], radians=boxes.yaw_rad[i]).elements),
        }
        above = boxes.center[i] + [0.0, 0.0, boxes.size[i, 2] / 2 + 0.3]
        name = str(boxes.category[i])
        track = i if boxes.track is None else int(boxes.track[i])
        metadata = [{"key": "category", "value": name}]
        if boxes.track is not None:
            metadata.append({"key": "track", "value": str(track)})
        entities.append({
            "timestamp": time,
            "frame_id": "ego",
            "id": f"{name}-{track}",
            "lifetime": {"sec": 0, "nsec": 0},
            "frame_locked": True,
            "metadata": metadata,
            "arrows": [], "spheres": [], "cylinders": [], "lines": [], "triangles": [], "models": [],
            "cubes": [{"pose": pose, "size": _vector(boxes.size[i]), "color": BOX_COLOR}],
            "texts": [{
                "pose": {**pose, "position": _vector(above)}, "billboard": True, "font_size": 12.0,
                "scale_invariant": True, "color": _WHITE, "text": f"{name} {track}",
            }],
        })  # fmt: skip
    return {"deletions": [{"timestamp": time, "type": 1, "id": ""}], "entities": entities}


def _time(timestamp_ns: int) -> dict[str, int]:
    return {"sec": timestamp_ns // _SECOND_NS, "nsec": timestamp_ns % _SECOND_NS}


def _vector(values: Any) -> dict[str, float]:
    return {"x": float(values[0]), "y": float(values[1]), "z": float(values[2])}


def _rotation(wxyz: Any) -> dict[str, float]:
    return {"x": float(wxyz[1]), "y": float(wxyz[2]), "z": float(wxyz[3]), "w": float(wxyz[0])}
