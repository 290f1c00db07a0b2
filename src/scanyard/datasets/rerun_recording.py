"""Rerun recordings (.rrd), to look at frames in its viewer; written, not read.

    world                  right-handed, z up          world/ego                  its pose, frame by frame
    world/ego/LIDAR        Points3D, coloured by intensity, in the sensor's frame
    world/ego/CAMERA       Pinhole and pictures        world/ego/labels           Boxes3D with category and track
    licence                what may be done with the frames

Timelines: ``frame`` counts, ``time`` is the frame's timestamp.  Camera frames are optical, as Rerun's pinholes are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.datasets.kitti_calibration import OPTICAL_FROM_BODY
from scanyard.datasets.mcap_recording import jpeg
from scanyard.datasets.origin import licence_text, write_recordings
from scanyard.errors import EnvironmentFault
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Rig
from scanyard.sequence import SensorSequence

LAYOUT = "rerun"
CONVENTION = (
    "right-handed metres; clouds in their lidar's frame and boxes in the ego's: x forward, y left, z up; box centres; "
    "cameras optical"
)
BOX_COLOR = (60, 200, 90)
_DARK, _BRIGHT = np.array([40.0, 60.0, 120.0]), np.array([255.0, 240.0, 140.0])


def write_dataset(root: str | Path, sequences: Sequence[SensorSequence]) -> None:
    """Write one ``NAME.rrd`` a recording into the new folder ``root``.

    EnvironmentFault says what to install where the package lacks; StoreError if the folder cannot be written.
    """
    _rerun()
    write_recordings(Path(root), sequences, write_recording, suffix="rrd", layout=LAYOUT, convention=CONVENTION)


def write_recording(path: Path, sequence: SensorSequence) -> None:
    """Write one recording, its licence in it as a document."""
    rerun, info = _rerun(), sequence.info
    recording = rerun.RecordingStream("scanyard", recording_id=info.name)
    recording.set_log_time_enabled(False)  # when somebody exported it says nothing of the frames
    recording.set_log_tick_enabled(False)
    recording.save(str(path))
    recording.send_recording_name(info.name)
    text = licence_text(LAYOUT, [info])
    recording.log("licence", rerun.TextDocument(text, media_type=rerun.MediaType.MARKDOWN), static=True)
    recording.log("world", rerun.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
    _log_rig(rerun, recording, info.rig)
    for number, frame in enumerate(sequence):
        recording.set_time("frame", sequence=number)
        recording.set_time("time", timestamp=np.datetime64(frame.timestamp_ns, "ns"))
        _log_frame(rerun, recording, frame, info.rig)
    recording.flush()
    recording.disconnect()


def _rerun() -> Any:
    try:
        import rerun  # noqa: PLC0415  # an extra, and slow to import
    except ImportError as error:
        raise EnvironmentFault(
            "Rerun recordings need the package rerun-sdk, which is not installed: pip install 'scanyard[rerun]'"
        ) from error
    return rerun


def _log_rig(rerun: Any, recording: Any, rig: Rig) -> None:
    for lidar in rig.lidars:
        recording.log(f"world/ego/{lidar.name}", _pose(rerun, lidar.ego_from_sensor), static=True)
    for camera in rig.cameras:
        place = f"world/ego/{camera.name}"
        recording.log(place, _pose(rerun, camera.ego_from_sensor @ OPTICAL_FROM_BODY.inverse()), static=True)
        pinhole = rerun.Pinhole(
            focal_length=camera.focal_px,
            principal_point=camera.center_px,
            width=camera.width_px,
            height=camera.height_px,
            camera_xyz=rerun.ViewCoordinates.RDF,
        )
        recording.log(place, pinhole, static=True)


def _log_frame(rerun: Any, recording: Any, frame: Frame, rig: Rig) -> None:
    recording.log("world/ego", _pose(rerun, frame.world_from_ego))
    for lidar in rig.lidars:
        sweep = frame.sweeps[lidar.name]
        recording.log(f"world/ego/{lidar.name}", rerun.Points3D(sweep.points, colors=intensity_colors(sweep)))
    for name, image in frame.images.items():
        recording.log(f"world/ego/{name}", rerun.EncodedImage(contents=jpeg(image), media_type="image/jpeg"))
    if frame.boxes is None:
        recording.log("world/ego/labels", rerun.Clear(recursive=False))  # or a viewer keeps showing the last ones
    else:
        recording.log("world/ego/labels", _boxes(rerun, frame.boxes))


def intensity_colors(sweep: Sweep) -> NDArray[np.uint8]:
    """Colours (M, 3) from dark blue to pale yellow; the middle one where a sweep has no intensity."""
    share = np.full(len(sweep), 0.5) if sweep.intensity is None else np.sqrt(np.clip(sweep.intensity, 0, 1))
    return np.asarray(_DARK + share[:, None] * (_BRIGHT - _DARK), dtype=np.uint8)


def _pose(rerun: Any, parent_from_child: Transform) -> Any:
    w, x, y, z = parent_from_child.quaternion_wxyz
    return rerun.Transform3D(translation=parent_from_child.translation, quaternion=rerun.Quaternion(xyzw=[x, y, z, w]))


def _boxes(rerun: Any, boxes: Boxes) -> Any:
    tracks = [""] * len(boxes) if boxes.track is None else [f" {track}" for track in boxes.track]
    half = boxes.yaw_rad / 2
    zero = np.zeros(len(boxes))
    return rerun.Boxes3D(
        centers=boxes.center,
        half_sizes=boxes.size / 2,
        quaternions=np.stack([zero, zero, np.sin(half), np.cos(half)], axis=1),
        labels=[f"{name}{track}" for name, track in zip(boxes.category, tracks, strict=True)],
        colors=[BOX_COLOR] * len(boxes),
    )
