"""A straight street to test sensors in: flat or sloping, 240 m along x, made without any map file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.scene import Scene, Shape, shape_for
from scanyard.carla_server.sensors.lidar import Tick
from scanyard.geometry import Transform

Floats = NDArray[np.float64]

TICK = Tick(frame=7, time_s=0.7, delta_s=0.1)
SIZES = {
    "car": (3.9, 1.63, 1.53), "van": (5.0, 1.89, 2.19), "truck": (7.5, 2.4, 3.1), "bus": (11.5, 2.5, 3.0),
    "bicycle": (1.76, 0.6, 1.74), "motorcycle": (2.1, 0.8, 1.6), "adult": (0.75, 0.62, 1.76),
    "child": (0.5, 0.45, 1.2), "prop": (1.0, 0.8, 0.7),
}  # fmt: skip


@dataclass(frozen=True)
class FlatStrip:
    """A lane as ``scanyard.roads`` gives it, right-handed."""

    road_id: int
    lane_id: int
    kind: str
    in_junction: bool
    left: Floats
    right: Floats


@dataclass(frozen=True)
class Street:
    """A road map of one street with a parking lane and a sidewalk on either side."""

    name: str = "street"
    slope: float = 0.0
    two_way: bool = True
    """Otherwise only the lanes to the right of those who look along x."""
    signals: tuple[Any, ...] = ()
    structures: tuple[Any, ...] = ()

    def spawn_points(self) -> list[Transform]:
        return []

    def crosswalks(self) -> list[Floats]:
        return []

    def strips(self, step_m: float = 2.0) -> Sequence[FlatStrip]:
        x = np.arange(-120.0, 120.0 + step_m, step_m)
        borders = [(-3, "sidewalk", -5.5, -8.0), (-2, "parking", -3.5, -5.5), (-1, "driving", 0.0, -3.5),
                   (1, "driving", 0.0, 3.5), (2, "parking", 3.5, 5.5), (3, "sidewalk", 5.5, 8.0)]  # fmt: skip
        return [self._strip(x, *border) for border in borders if self.two_way or border[0] < 0]

    def _strip(self, x: Floats, lane_id: int, kind: str, left: float, right: float) -> FlatStrip:
        along = x if lane_id < 0 else x[::-1]
        edges = [np.c_[along, np.full(len(x), y), self.slope * along] for y in (left, right)]
        return FlatStrip(1, lane_id, kind, False, *edges)


def bare_street(**options: float) -> Scene:
    """A scene of the street with no car parked."""
    return Scene(Street(**options), parked_share=0.0)  # type: ignore[arg-type]


def shape_of(kind: str, *, type_id: str = "", body: str = "") -> Shape:
    length, width, height = SIZES[kind]
    definition = {"kind": kind, "length_m": length, "width_m": width, "height_m": height, "body": body}
    return shape_for(type_id or f"test.{kind}.one", {}, definition)


def pose_at(x: float, y: float, z: float = 0.0, *, yaw_deg: float = 0.0) -> Floats:
    """``world_from_actor`` in CARLA's frame: positive yaw turns x towards y, which is to the right."""
    cos, sin = np.cos(np.deg2rad(yaw_deg)), np.sin(np.deg2rad(yaw_deg))
    return np.array([[cos, -sin, 0, x], [sin, cos, 0, y], [0, 0, 1, z], [0, 0, 0, 1.0]])


def standing(shape: Shape, x: float, y: float, *, yaw_deg: float = 0.0) -> Floats:
    """A pose that puts the shape's box on z = 0."""
    return pose_at(x, y, shape.extent[2] - shape.center[2], yaw_deg=yaw_deg)


def lidar_attributes(**changes: object) -> dict[str, str]:
    """A coarse LiDAR of 32 beams by 720 firings."""
    usual: dict[str, object] = {
        "channels": 32, "range": 100.0, "upper_fov": 4.0, "lower_fov": -26.0, "rotation_frequency": 10.0,
        "firings_per_turn": 720, "points_per_second": 230400, "horizontal_fov": 360.0, "beam_table": "",
    }  # fmt: skip
    return {name: str(value) for name, value in (usual | changes).items()}
