"""GNSS: latitude, longitude and altitude of the sensor, with the bias and Gaussian noise its attributes ask for.

The noise of the angles is in degrees, that of the altitude in metres, as CARLA documents it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.sensors.context import Context, noise, number

AXES = ("lat", "lon", "alt")


def gnss(
    _scene: Any, attributes: Mapping[str, str], world_from_sensor: NDArray[np.float64], context: Context
) -> Sequence[Chunks]:
    """One message: where on Earth the sensor is."""
    x, y, z = world_from_sensor[:3, 3].tolist()
    spread = np.array([number(attributes, f"noise_{axis}_stddev", 0.0) for axis in AXES])
    bias = np.array([number(attributes, f"noise_{axis}_bias", 0.0) for axis in AXES])
    draw = noise("gnss", attributes, world_from_sensor, context)
    found = np.array(context.geo_reference.locate(x, y, z)) + bias + spread * draw.standard_normal(3)
    return [(context.opening(packets.GNSS), msgpack.packb(found.tolist()))]
