"""The packed structs of the streams, by the version of the client that reads them.

A client does not say its version, and decodes by its own: bytes of another layout end its process.  So the server picks
one version, tells it in the ``version`` call (a client of another then warns its user), and writes that one's layout.
All that is known of other versions: those after 0.9.16 have a longer message header and a longer actor record, and
``VehicleControl`` has a time stamp there.  What is not known is not guessed; a version is a row below once its bytes
were seen.

Everything is little-endian and packed, without padding.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Layout:
    """The structs of one version."""

    message_header: struct.Struct
    """Type id, frame, time in s; x, y, z, pitch, yaw, roll of the sensor in the world."""
    snapshot_header: struct.Struct
    """Episode id, wall time in s, time step in s; origin of the map, x, y, z in m; bits of what changed."""
    actor_record: np.dtype[Any]
    """One actor in a snapshot: x, y, z, pitch, yaw, roll; m/s; deg/s; m/s²; what depends on the type."""
    vehicle_state: struct.Struct
    """Throttle, steer, brake; hand brake, reverse, manual shift; gear; speed limit in km/h; state of the traffic light,
    whether at one, its id; failure."""
    walker_state: struct.Struct
    """Direction x, y, z; speed in m/s; whether it jumps."""
    image_header: struct.Struct
    """Width, height, field of view in degrees."""
    lidar_header: struct.Struct
    """Horizontal angle in radians, channels; then the points of each channel are counted."""
    lidar_point: np.dtype[Any]
    semantic_point: np.dtype[Any]
    event: np.dtype[Any]
    """Pixel x, y; time in ns; whether it became brighter."""
    token: struct.Struct
    """Stream id, port, protocol, type of address, address."""


def _xyz(*more: tuple[str, str]) -> np.dtype[Any]:
    return np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), *more])


LAYOUTS: Mapping[str, Layout] = {
    "0.9.16": Layout(
        message_header=struct.Struct("<QQd6f"),
        snapshot_header=struct.Struct("<Qdf3iI"),
        actor_record=np.dtype(
            [
                ("id", "<u4"),
                ("state", "u1"),
                ("pose", "<f4", (6,)),
                ("velocity", "<f4", (3,)),
                ("angular_velocity", "<f4", (3,)),
                ("acceleration", "<f4", (3,)),
                ("by_type", "V54"),
            ]
        ),
        vehicle_state=struct.Struct("<3f3?ifB?IB24x"),
        walker_state=struct.Struct("<4f?37x"),
        image_header=struct.Struct("<IIf"),
        lidar_header=struct.Struct("<fI"),
        lidar_point=_xyz(("intensity", "<f4")),
        semantic_point=_xyz(("cos_inc", "<f4"), ("object_idx", "<u4"), ("object_tag", "<u4")),
        event=np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("polarity", "?")]),
        token=struct.Struct("<IHBB16s"),
    ),
}
