"""KITTI's calibration files, and the geometry they imply.

KITTI's labels live in the *rectified* frame of camera 0: x right, y down, z forward, turned by about a degree against
the Velodyne.  The left colour camera is camera 2: it looks the same way from 6 cm to the left, which KITTI hides in the
fourth column of P2.  What a stranger gets wrong: ``Tr_velo_to_cam`` alone leads to the unrectified frame; R0 follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.errors import FormatError
from scanyard.geometry import FloatArray, Transform
from scanyard.sensors import Camera, Rig
from scanyard.strict_json import read_text

EGO_FROM_VELODYNE = Transform.from_xyz_rpy((0.76, 0.0, 1.73))
"""Where KITTI's car carries the Velodyne (Geiger et al. 2013, figure 3), as in ``scenarios/rigs/kitti.yaml``."""
OPTICAL_FROM_BODY = Transform.from_rotation([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
"""From x forward, y left, z up to x right, y down, z forward."""
_COUNTS = {"P0": 12, "P1": 12, "P2": 12, "P3": 12, "R0_rect": 9, "Tr_velo_to_cam": 12, "Tr_imu_to_velo": 12}
_TRACKING_KEYS = {"R_rect": "R0_rect", "Tr_velo_cam": "Tr_velo_to_cam", "Tr_imu_velo": "Tr_imu_to_velo"}
"""What the tracking benchmark calls them, without a colon."""
_REQUIRED = ("P2", "R0_rect", "Tr_velo_to_cam")
MAX_NUMBER = 1e5
"""In any of KITTI's text files; the largest that is right is -1000, for a place that is not known."""
_MAX_LEVER_M = 20.0
"""From sensor to sensor; no car is longer."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


@dataclass(frozen=True)
class Calibration:
    """One calibration file."""

    values: Mapping[str, tuple[float, ...]]
    """Rows of numbers by key, in the file's order."""
    ego_from_velodyne: Transform = field(default=EGO_FROM_VELODYNE, compare=False)
    """Not in the file: where the LiDAR is, KITTI's own unless the calibration was made for another rig."""

    @property
    def rect_from_velodyne(self) -> Transform:
        """To the rectified frame of camera 0, in which labels are."""
        rectify = np.reshape(self.values["R0_rect"], (3, 3))
        unrectified = np.reshape(self.values["Tr_velo_to_cam"], (3, 4))
        product = rectify @ unrectified
        left, _, right = np.linalg.svd(product[:, :3])  # seven printed digits are not quite a rotation
        return Transform.from_rotation(left @ right, product[:, 3])

    @property
    def rect_from_ego(self) -> Transform:
        """From the ego frame to the frame in which labels are."""
        return self.rect_from_velodyne @ self.ego_from_velodyne.inverse()

    def camera(self, width_px: int, height_px: int) -> Camera:
        """The left colour camera."""
        projection = np.reshape(self.values["P2"], (3, 4))
        intrinsics = projection[:, :3]
        camera_from_rect = Transform.from_rotation(np.eye(3), np.linalg.solve(intrinsics, projection[:, 3]))
        body_from_ego = OPTICAL_FROM_BODY.inverse() @ camera_from_rect @ self.rect_from_ego
        return Camera(
            name="left",
            ego_from_sensor=body_from_ego.inverse(),
            width_px=width_px,
            height_px=height_px,
            focal_px=float(intrinsics[0, 0]),
            center_px=(float(intrinsics[0, 2]), float(intrinsics[1, 2])),
        )

    def in_image(self, points_velodyne: ArrayLike, width_px: int, height_px: int) -> NDArray[np.bool_]:
        """Which points (M, 3) of a scan fall inside the image: the crop known as *reduced* scans."""
        points = np.asarray(points_velodyne, dtype=np.float64)
        unrectified = points @ np.reshape(self.values["Tr_velo_to_cam"], (3, 4))[:, :3].T
        unrectified += np.reshape(self.values["Tr_velo_to_cam"], (3, 4))[:, 3]
        rect = unrectified @ np.reshape(self.values["R0_rect"], (3, 3)).T
        projection = np.reshape(self.values["P2"], (3, 4))
        u, v, w = (rect @ projection[:, :3].T + projection[:, 3]).T
        ahead = rect[:, 2] > 0
        u, v = (
            np.divide(u, w, where=ahead, out=np.full_like(u, -1)),
            np.divide(v, w, where=ahead, out=np.full_like(v, -1)),
        )
        return np.asarray(ahead & (u >= 0) & (u < width_px) & (v >= 0) & (v < height_px))

    @classmethod
    def of_rig(cls, rig: Rig) -> Calibration:
        """What KITTI would write for a rig of ours: its first LiDAR as the Velodyne, its first camera as camera 2.

        The rectified frame is then the camera's own, so P2 has no fourth column.
        """
        if not rig.cameras or not rig.lidars:
            raise FormatError(f"rig {rig.name!r} has no {'camera' if rig.lidars else 'lidar'}; KITTI needs one of each")
        camera, lidar = rig.cameras[0], rig.lidars[0]
        f, (u, v) = camera.focal_px, camera.center_px
        projection = (f, 0.0, u, 0.0, 0.0, f, v, 0.0, 0.0, 0.0, 1.0, 0.0)
        optical_from_lidar = OPTICAL_FROM_BODY @ camera.ego_from_sensor.inverse() @ lidar.ego_from_sensor
        return cls(
            {
                **dict.fromkeys(("P0", "P1", "P2", "P3"), projection),
                "R0_rect": tuple(np.eye(3).ravel().tolist()),
                "Tr_velo_to_cam": tuple(optical_from_lidar.matrix[:3].ravel().tolist()),
                "Tr_imu_to_velo": tuple(np.eye(4)[:3].ravel().tolist()),
            },
            lidar.ego_from_sensor,
        )

    def to_text(self) -> str:
        """The file, digit for digit as KITTI writes it."""
        rows = [f"{key}: " + " ".join(f"{value:.12e}" for value in values) for key, values in self.values.items()]
        return "\n".join(rows) + "\n\n"


def read_calibration(path: Path) -> Calibration:
    """Read ``calib/ID.txt``; FormatError names file and line."""
    values: dict[str, tuple[float, ...]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        word, *rest = line.split()
        key = _TRACKING_KEYS.get(word.rstrip(":"), word.rstrip(":"))
        if key not in _COUNTS:
            raise FormatError(
                f"{path}, line {number}: found {line[:40]!r}, expected one of {list(_COUNTS)} and a colon"
            )
        row = parse_numbers(rest, f"{path}, line {number}")
        if len(row) != _COUNTS[key]:
            raise FormatError(f"{path}, line {number}: {key} has {len(row)} numbers, expected {_COUNTS[key]}")
        if key in values:
            raise FormatError(f"{path}, line {number}: {key} is there twice; keep one")
        values[key] = tuple(row)
    missing = [key for key in _REQUIRED if key not in values]
    if missing:
        raise FormatError(f"{path}: has no {' and no '.join(missing)}; it is cut short or no object calibration")
    for key in ("R0_rect", "Tr_velo_to_cam"):
        rotation = np.reshape(values[key], (3, -1))[:, :3]
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
            raise FormatError(f"{path}: {key} is no rotation; its numbers are swapped or damaged")
    lever = np.abs(np.reshape(values["Tr_velo_to_cam"], (3, 4))[:, 3]).max()
    if lever > _MAX_LEVER_M:
        raise FormatError(f"{path}: Tr_velo_to_cam moves by {lever:g} m, expected less than {_MAX_LEVER_M:g}")
    _check_projection(np.reshape(values["P2"], (3, 4)), f"{path}: P2")
    return Calibration(values)


def _check_projection(projection: FloatArray, where: str) -> None:
    """Refuse what no rectified camera projects with: focal lengths in pixels, square pixels, a last row of 0 0 1."""
    (fx, _, u, _), (_, fy, v, _) = projection[:2]
    if not (fx > 1 and fy > 1 and 0.9 < fx / fy < 1.1 and u > 0 and v > 0):
        raise FormatError(
            f"{where} has focal lengths {fx:g} and {fy:g} and principal point {u:g}, {v:g}; expected pixels above "
            "zero, the two lengths alike"
        )
    if np.abs(projection[[0, 1], [1, 0]]).max() > 0.01 * fx or not np.allclose(projection[2, :3], (0, 0, 1), atol=1e-3):
        raise FormatError(f"{where} is no projection of a rectified camera; its numbers are swapped or damaged")
    if np.abs(np.linalg.solve(projection[:, :3], projection[:, 3])).max() > _MAX_LEVER_M:
        raise FormatError(f"{where} puts the camera farther than {_MAX_LEVER_M:g} m from camera 0")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file; FormatError if it is missing or no text."""
    if not path.exists():
        raise FormatError(f"{path}: is missing; every scan needs one")
    lines = read_text(path, "ascii").split("\n")  # not splitlines, which also splits where no editor counts a line
    return lines if lines[-1] else lines[:-1]


def parse_numbers(words: list[str], where: str) -> FloatArray:
    """Numbers (K,) as KITTI prints them; FormatError says which is none, or larger than any in such a file."""
    for word in words:
        if not _NUMBER.fullmatch(word) or not abs(float(word)) <= MAX_NUMBER:
            raise FormatError(f"{where}: found {word[:40]!r}, expected a number up to {MAX_NUMBER:g}")
    return np.array([float(word) for word in words])
