"""Rigs from YAML: where each sensor sits, with beams from its sensor profile.

A LiDAR turns once per frame, so its rotation follows the recording's rate unless the file states it; a file that states
another rate is refused, because its frames would hold half a turn, or one and a half.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanyard.errors import InputError
from scanyard.geometry import Transform
from scanyard.profiles import load_profile, profile_names
from scanyard.scenario.model import CameraFile, LidarFile, Mount, RigFile
from scanyard.scenario.reading import Reading, did_you_mean, listed, read_model, refuse_same_names
from scanyard.sensors import Camera, Lidar, Rig

DEFAULT_ROTATION_HZ = 10.0


def load_rig(path: str | Path, *, rate_hz: float | None = None) -> Rig:
    """Read a rig file for recording at ``rate_hz``; ScenarioError says file, line and key.

    Without a rate, LiDARs turn as the file says, or ten times a second.
    """
    return build_rig(read_rig(path), rate_hz)


def read_rig(path: str | Path) -> Reading[RigFile]:
    """Read a rig file without settling its rotation."""
    reading = read_model(path, RigFile)
    rig = reading.model
    if not rig.lidars and not rig.cameras:
        raise reading.complaint((), "found no sensor; expected at least one lidar or camera")
    names: dict[tuple[str | int, ...], str] = {}
    names.update({("lidars", index, "name"): lidar.name for index, lidar in enumerate(rig.lidars)})
    names.update({("cameras", index, "name"): camera.name for index, camera in enumerate(rig.cameras)})
    refuse_same_names(reading, names)
    known = profile_names()
    for index, lidar in enumerate(rig.lidars):
        if lidar.profile not in known:
            raise reading.complaint(
                ("lidars", index, "profile"),
                f"found {lidar.profile!r}; expected a sensor profile: {listed(known)}"
                f"{did_you_mean(lidar.profile, known)}",
            )
    return reading


def build_rig(reading: Reading[RigFile], rate_hz: float | None) -> Rig:
    """The rig of a file, its LiDARs turning once per frame at ``rate_hz``."""
    return Rig(
        name=reading.model.name,
        lidars=tuple(_lidar(reading, index, file, rate_hz) for index, file in enumerate(reading.model.lidars)),
        cameras=tuple(_camera(file) for file in reading.model.cameras),
    )


def _lidar(reading: Reading[RigFile], index: int, file: LidarFile, rate_hz: float | None) -> Lidar:
    if rate_hz is not None and file.rotation_hz is not None and file.rotation_hz != rate_hz:
        raise reading.complaint(
            ("lidars", index, "rotation_hz"),
            f"found {file.rotation_hz:g} with a recording of {rate_hz:g} frames per second; "
            "expected one turn per frame: leave rotation_hz out, or record at that rate",
        )
    try:
        profile = load_profile(file.profile)
    except InputError as error:
        raise reading.complaint(("lidars", index, "profile"), str(error)) from None
    rotation_hz = rate_hz or file.rotation_hz or DEFAULT_ROTATION_HZ
    return Lidar.of_profile(file.name, profile, _ego_from_sensor(file), rotation_hz=rotation_hz)


def _camera(file: CameraFile) -> Camera:
    return Camera(
        name=file.name,
        ego_from_sensor=_ego_from_sensor(file),
        width_px=file.width_px,
        height_px=file.height_px,
        focal_px=file.focal_px,
        center_px=(
            file.width_px / 2 if file.center_u_px is None else file.center_u_px,
            file.height_px / 2 if file.center_v_px is None else file.center_v_px,
        ),
    )


def _ego_from_sensor(mount: Mount) -> Transform:
    return Transform.from_xyz_rpy(
        (mount.x_m, mount.y_m, mount.z_m),
        roll=np.radians(mount.roll_deg),
        pitch=np.radians(mount.pitch_deg),
        yaw=np.radians(mount.yaw_deg),
    )
