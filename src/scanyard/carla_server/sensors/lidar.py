"""LiDARs: the returns of a sweep, packed as CARLA packs them, and what CARLA's plain LiDAR loses and blurs of them.

Sensor frame, left-handed: x forward, y right, z up, metres.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.packets import LIDAR_POINT as POINT
from scanyard.carla_server.protocol.packets import SEMANTIC_POINT
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.beams import Beams, beams_of
from scanyard.carla_server.sensors.context import Tick, number
from scanyard.carla_server.sensors.motions import Motions
from scanyard.carla_server.sensors.sweep import sweep
from scanyard.carla_server.surfaces.materials import TAG, Tag
from scanyard.carla_server.surfaces.panes import salt_of
from scanyard.randomness import stream

__all__ = ["POINT", "SEMANTIC_POINT", "Beams", "Tick", "beams_of", "keep_share", "lidar", "semantic_lidar"]

Floats = NDArray[np.float64]

_LIDAR_TAG = np.where(TAG == Tag.ROAD_LINES, np.uint8(Tag.ROADS), TAG)  # paint has no height: CARLA never hits it


def semantic_lidar(
    scene: Scene,
    attributes: Mapping[str, str],
    world_from_sensor: Floats,
    *,
    parent_id: int,
    tick: Tick,
    motions: Motions | None = None,
    sensor_id: int = 0,
    unseen_ids: frozenset[int] = frozenset(),
) -> tuple[NDArray[np.uint32], NDArray[np.void]]:
    """Counts per channel (C,) and the returns, ``SEMANTIC_POINT``, grouped by channel, highest beam first.

    Rays pass through the actors ``parent_id``, which carries the sensor, and ``unseen_ids``.  ``object_idx`` is the
    actor's id, 0 for the street and the cars parked in it.  Nothing is dropped and nothing is noisy, except that glass
    lets rays through (``panes``).
    """
    found = sweep(scene, attributes, world_from_sensor, parent_id=parent_id, tick=tick, motions=motions,
                  sensor_id=sensor_id, unseen_ids=unseen_ids)  # fmt: skip
    points = np.empty(len(found.ray), SEMANTIC_POINT)
    points["x"], points["y"], points["z"] = found.points(found.range_m)
    points["cos_inc"] = found.cos_incidence
    points["object_idx"] = found.instance
    points["object_tag"] = _LIDAR_TAG.take(found.material)
    return found.counts, points


def lidar(
    scene: Scene,
    attributes: Mapping[str, str],
    world_from_sensor: Floats,
    *,
    parent_id: int,
    tick: Tick,
    motions: Motions | None = None,
    sensor_id: int = 0,
    unseen_ids: frozenset[int] = frozenset(),
) -> tuple[NDArray[np.uint32], NDArray[np.void]]:
    """Counts per channel (C,) and the returns, ``POINT``, with CARLA's intensity, drop-off and noise.

    intensity = exp(-atmosphere_attenuation_rate * range), of the true range.  A share ``dropoff_general_rate`` of
    returns is lost, then of the rest all but ``keep_share``; ``noise_stddev`` metres of noise go along the ray.
    """
    found = sweep(scene, attributes, world_from_sensor, parent_id=parent_id, tick=tick, motions=motions,
                  sensor_id=sensor_id, unseen_ids=unseen_ids)  # fmt: skip
    count = len(found.ray)
    draw = stream("lidar", int(number(attributes, "noise_seed", 0.0)), tick.frame, salt_of(world_from_sensor))
    range_m = found.range_m.astype(np.float64)
    intensity = np.exp(-number(attributes, "atmosphere_attenuation_rate", 0.004) * range_m)
    alive = draw.random(count) >= number(attributes, "dropoff_general_rate", 0.45)
    alive &= draw.random(count) < keep_share(
        intensity,
        limit=number(attributes, "dropoff_intensity_limit", 0.8),
        zero_intensity=number(attributes, "dropoff_zero_intensity", 0.4),
    )
    range_m += number(attributes, "noise_stddev", 0.0) * draw.standard_normal(count)
    kept = found.where(alive)
    points = np.empty(len(kept.ray), POINT)
    points["x"], points["y"], points["z"] = kept.points(range_m[alive].astype(np.float32))
    points["intensity"] = intensity[alive]
    return kept.counts, points


def keep_share(intensity: Floats, *, limit: float, zero_intensity: float) -> Floats:
    """The share (M,) of returns of this intensity (M,) that is kept.

    All above ``limit``; below, a share that falls in a straight line to 1 - ``zero_intensity`` for the faintest.
    """
    if limit <= 0:
        return np.ones_like(intensity)
    return np.where(intensity > limit, 1.0, 1.0 - zero_intensity + zero_intensity / limit * intensity)
