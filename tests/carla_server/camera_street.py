"""Cameras on the straight street of ``scene_street``, and how to read what they return."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scene_street import pose_at

from scanyard.carla_server.protocol.wire import WeatherParameters
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.cameras import picture
from scanyard.carla_server.sensors.context import Context, Tick

WIDTH, HEIGHT, FOV_DEG = 400, 120, 90.0
SIZE = {"image_size_x": str(WIDTH), "image_size_y": str(HEIGHT), "fov": str(FOV_DEG)}
FOCAL_PX = WIDTH / 2  # of 90 degrees
HIGH_M = 1.5
NOON = WeatherParameters(cloudiness=0.0, sun_altitude_angle=60.0, sun_azimuth_angle=90.0, fog_density=0.0)
MANUAL = {"exposure_mode": "manual"}
"""Pictures that can be compared: they are not exposed by what they show."""
NOBODY = ((), (), np.zeros((0, 4, 4)))


def shoot(
    scene: Scene,
    kind: str,
    weather: WeatherParameters = NOON,
    pose: Any = None,
    *,
    parent_id: int = 0,
    attributes: dict[str, str] | None = None,
    **told: Any,
) -> NDArray[np.uint8]:
    """The picture of a camera 1.5 m above the origin that looks along x, unless told otherwise."""
    context = Context(Tick(1, 0.1, 0.1), weather=weather, parent_id=parent_id, **told)
    world_from_sensor = pose_at(0, 0, HIGH_M) if pose is None else pose
    return picture(scene, kind, SIZE | (attributes or {}), world_from_sensor, context)


def depth_m(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    blue, green, red = (pixels[..., i].astype(float) for i in range(3))
    return 1000.0 * (red + 256 * green + 65536 * blue) / (2**24 - 1)


def brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return pixels[..., :3].astype(float).mean(axis=-1)
