"""Sensors and where they sit on the ego vehicle: ``Lidar``, ``Camera`` and the ``Rig`` that holds them.

Every sensor frame is x forward, y left, z up, cameras too: ``Camera.project`` is the only place that knows the optical
axes.  The ego origin is the rear axle's centre projected to the ground.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.geometry import FloatArray, Transform
from scanyard.profiles import Profile


@dataclass(frozen=True)
class Lidar:
    """A spinning LiDAR: C beams, each with its own elevation and optical centre, fired F times per turn."""

    name: str
    ego_from_sensor: Transform
    elevation_rad: FloatArray
    """(C,) radians above the horizon, highest beam first."""
    z_offset_m: FloatArray
    """(C,) metres: height of each beam's optical centre above the sensor origin."""
    firings_per_turn: int
    rotation_hz: float
    min_range_m: float
    max_range_m: float
    blocks: tuple[int, ...] = ()
    """Beams per laser block, adding up to C; a stock CARLA server plays one evenly spaced LiDAR per block."""
    profile: str | None = None
    """Name of the sensor profile (``profiles``) whose noise and drop-out it has; ``None`` for an ideal sensor."""

    def __post_init__(self) -> None:
        elevation = np.asarray(self.elevation_rad, dtype=np.float64)
        offset = np.asarray(self.z_offset_m, dtype=np.float64)
        if elevation.ndim != 1 or elevation.shape != offset.shape:
            raise ValueError(
                f"lidar {self.name}: elevations {elevation.shape} and z offsets {offset.shape} must both be (C,)"
            )
        blocks = self.blocks or (len(elevation),)
        if sum(blocks) != len(elevation):
            raise ValueError(f"lidar {self.name}: blocks {blocks} do not add up to {len(elevation)} beams")
        object.__setattr__(self, "elevation_rad", elevation)
        object.__setattr__(self, "z_offset_m", offset)
        object.__setattr__(self, "blocks", tuple(blocks))

    @classmethod
    def of_profile(cls, name: str, profile: Profile, ego_from_sensor: Transform, *, rotation_hz: float) -> Lidar:
        """The sensor a profile describes, mounted somewhere and turning at some rate."""
        return cls(
            name=name,
            ego_from_sensor=ego_from_sensor,
            elevation_rad=profile.elevation_rad,
            z_offset_m=profile.z_offset_m,
            firings_per_turn=profile.firings_per_turn,
            rotation_hz=rotation_hz,
            min_range_m=profile.min_range_m,
            max_range_m=profile.max_range_m,
            blocks=profile.blocks,
            profile=profile.name,
        )

    @property
    def channels(self) -> int:
        """Number of beams C."""
        return len(self.elevation_rad)

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {
            "name": self.name,
            "ego_from_sensor": self.ego_from_sensor.to_list(),
            "elevation_rad": self.elevation_rad.tolist(),
            "z_offset_m": self.z_offset_m.tolist(),
            "firings_per_turn": self.firings_per_turn,
            "rotation_hz": self.rotation_hz,
            "min_range_m": self.min_range_m,
            "max_range_m": self.max_range_m,
            "blocks": list(self.blocks),
            "profile": self.profile,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Lidar:
        """Undo ``to_dict``."""
        fields = dict(data)
        fields["ego_from_sensor"] = Transform.from_list(fields["ego_from_sensor"])
        fields["blocks"] = tuple(fields["blocks"])
        return cls(**fields)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels; its frame is x forward, y left, z up like everything else."""

    name: str
    ego_from_sensor: Transform
    width_px: int
    height_px: int
    focal_px: float
    center_px: tuple[float, float]
    """Principal point (u, v): pixels right of and below the image's top left corner."""

    def project(self, points_ego: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Project points (..., 3) of the ego frame: pixels (..., 2) as (u, v), and depth (...) in metres.

        Where depth is not positive the pixels mean nothing.
        """
        points = self.ego_from_sensor.inverse().apply(points_ego)
        depth = points[..., 0]
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        u = self.center_px[0] - self.focal_px * points[..., 1] / safe
        v = self.center_px[1] - self.focal_px * points[..., 2] / safe
        return np.stack([u, v], axis=-1), depth

    def sees(self, points_ego: ArrayLike) -> NDArray[np.bool_]:
        """Which points (..., 3) of the ego frame fall inside the image, occlusion aside."""
        pixels, depth = self.project(points_ego)
        inside = (pixels >= 0) & (pixels < (self.width_px, self.height_px))
        return np.asarray((depth > 0) & inside.all(axis=-1))

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {
            "name": self.name,
            "ego_from_sensor": self.ego_from_sensor.to_list(),
            "width_px": self.width_px,
            "height_px": self.height_px,
            "focal_px": self.focal_px,
            "center_px": list(self.center_px),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Camera:
        """Undo ``to_dict``."""
        fields = dict(data)
        fields["ego_from_sensor"] = Transform.from_list(fields["ego_from_sensor"])
        fields["center_px"] = (float(fields["center_px"][0]), float(fields["center_px"][1]))
        return cls(**fields)


_S = TypeVar("_S", bound=Lidar | Camera)


@dataclass(frozen=True)
class Rig:
    """The sensors of one vehicle, by name."""

    name: str
    lidars: tuple[Lidar, ...]
    cameras: tuple[Camera, ...] = ()

    def __post_init__(self) -> None:
        names = [lidar.name for lidar in self.lidars] + [camera.name for camera in self.cameras]
        if len(set(names)) != len(names):
            raise ValueError(f"rig {self.name}: sensor names must differ, found {names}")

    def lidar(self, name: str) -> Lidar:
        """The LiDAR called ``name``; KeyError lists the names there are."""
        return _named(self.lidars, name, f"rig {self.name} has no lidar")

    def camera(self, name: str) -> Camera:
        """The camera called ``name``; KeyError lists the names there are."""
        return _named(self.cameras, name, f"rig {self.name} has no camera")

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return {
            "name": self.name,
            "lidars": [lidar.to_dict() for lidar in self.lidars],
            "cameras": [camera.to_dict() for camera in self.cameras],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Rig:
        """Undo ``to_dict``."""
        return cls(
            name=data["name"],
            lidars=tuple(Lidar.from_dict(lidar) for lidar in data["lidars"]),
            cameras=tuple(Camera.from_dict(camera) for camera in data["cameras"]),
        )


def _named(sensors: tuple[_S, ...], name: str, complaint: str) -> _S:
    names = [sensor.name for sensor in sensors]
    if name not in names:
        raise KeyError(f"{complaint} {name!r}; it has {names}")
    return sensors[names.index(name)]
