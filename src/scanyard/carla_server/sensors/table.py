"""What each kind of sensor does, by the name a blueprint gives it: one row each.

Everything here needs the real scene, so it is imported late (``Senses.real``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.sensors.cameras import event_camera, flow_camera, sends_pictures
from scanyard.carla_server.sensors.collision import collision
from scanyard.carla_server.sensors.context import Context, Sensor, number
from scanyard.carla_server.sensors.gnss import gnss
from scanyard.carla_server.sensors.imu import imu
from scanyard.carla_server.sensors.lidar import lidar, semantic_lidar
from scanyard.carla_server.sensors.obstacle import obstacle
from scanyard.carla_server.sensors.radar import radar

IMAGES = {
    "rgb": packets.RGB_CAMERA,
    "depth": packets.DEPTH_CAMERA,
    "semantic": packets.SEMANTIC_CAMERA,
    "instance": packets.INSTANCE_CAMERA,
    "control": packets.COSMOS_CAMERA,
    "normals": packets.NORMALS_CAMERA,
}
"""Type id of each kind of picture with four bytes to a pixel."""


def sends_sweeps(sensor_type: int, cast: Callable[..., tuple[NDArray[np.uint32], NDArray[Any]]]) -> Sensor:
    """Send what ``cast`` returns, which is called as ``lidar`` is."""

    def send(
        scene: Any, attributes: Mapping[str, str], world_from_sensor: NDArray[np.float64], context: Context
    ) -> Sequence[Chunks]:
        counts, points = cast(scene, attributes, world_from_sensor, parent_id=context.parent_id, tick=context.tick,
                              motions=context.motions, sensor_id=context.sensor_id,
                              unseen_ids=context.unseen_ids)  # fmt: skip
        turns = number(attributes, "rotation_frequency", 10.0) * context.tick.time_s
        angle = math.radians(number(attributes, "horizontal_fov", 360.0)) * (turns % 1.0)
        return [packets.sweep(context.opening(sensor_type), counts, points, horizontal_angle_rad=angle)]

    return send


SENSORS: Mapping[str, Sensor] = {
    **{kind: sends_pictures(kind, sensor_type) for kind, sensor_type in IMAGES.items()},
    "optical_flow": flow_camera,
    "dvs": event_camera,
    "lidar": sends_sweeps(packets.LIDAR, lidar),
    "semantic_lidar": sends_sweeps(packets.SEMANTIC_LIDAR, semantic_lidar),
    "radar": radar,
    "gnss": gnss,
    "imu": imu,
    "collision": collision,
    "obstacle": obstacle,
}
