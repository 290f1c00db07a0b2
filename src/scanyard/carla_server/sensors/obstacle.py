"""Obstacle detector: a ball of ``hit_radius`` pushed forward by ``distance``, and what it meets first.

The ball is a bundle of parallel rays, each from the ball's back to where its front will be; ray by ray the ball touches
where the ray does, less the ball's depth there.  What a stranger would get wrong: something thinner than the rays are
apart (a fourteenth of the ball's width) may slip through, and with ``only_dynamics`` scenery is not reported but still
hides what is behind it.  ``debug_linetrace`` draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.sensors.collision import stand_in
from scanyard.carla_server.sensors.context import Context, is_on, number
from scanyard.carla_server.sensors.rays import cast

Floats = NDArray[np.float64]

RAYS = 256
_GOLDEN_RAD = np.pi * (3 - np.sqrt(5))
DYNAMIC = ("vehicle.", "walker.")


def obstacle(
    scene: Any, attributes: Mapping[str, str], world_from_sensor: Floats, context: Context
) -> Sequence[Chunks]:
    """One message where something is ahead: who looks, what is there, and how far the ball gets, metres."""
    radius_m = max(number(attributes, "hit_radius", 0.5), 0.0)
    reach_m = max(number(attributes, "distance", 5.0), 0.0)
    across = _disc() * radius_m
    depth = np.sqrt(np.maximum(radius_m**2 - (across**2).sum(axis=1), 0.0))
    local = np.column_stack([-depth, across])
    origin = local @ world_from_sensor[:3, :3].T + world_from_sensor[:3, 3]
    direction = np.broadcast_to(world_from_sensor[:3, 0], origin.shape)
    hits = cast(scene, origin, direction, reach_m=reach_m + 2 * radius_m, but=context.carrier_ids)
    travel = np.maximum(hits.range_m - 2 * depth, 0.0)
    if is_on(attributes, "only_dynamics"):
        seen, which = np.unique(hits.instance, return_inverse=True)
        moves = [one > 0 and context.record(one).description.id.startswith(DYNAMIC) for one in seen.tolist()]
        travel = np.where(np.array(moves)[which], travel, np.inf)
    nearest = int(np.argmin(travel))
    if not travel[nearest] <= reach_m:
        return []
    other_id = int(hits.instance[nearest])
    other = context.record(other_id) if other_id else stand_in(int(hits.tag[nearest]))
    body = msgpack.packb((context.record(context.subject_id), other, float(travel[nearest])))
    return [(context.opening(packets.OBSTACLE), body)]


@cache
def _disc() -> Floats:
    """(RAYS, 2) spread evenly over the unit disc, the first in its middle (Vogel 1979)."""
    k = np.arange(RAYS)
    share = np.sqrt(k / (RAYS - 1))
    return np.stack([share * np.cos(k * _GOLDEN_RAD), share * np.sin(k * _GOLDEN_RAD)], axis=1)
