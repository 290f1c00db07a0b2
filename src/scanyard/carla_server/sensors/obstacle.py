"""Obstacle detector: a ball of ``hit_radius`` pushed forward by ``distance``, and what it meets first.

The ball is a bundle of parallel rays, each from the ball's back to where its front will be; ray by ray the ball touches
where the ray does, less the ball's depth there.  What touches it before it moves is found by rays from its middle, and
is at distance 0.  What a stranger would get wrong: something thinner than the rays are apart (a fourteenth of the
ball's width) may slip through, and with ``only_dynamics`` scenery is not reported but still hides what is behind it.
``debug_linetrace`` draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
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
    start, aim, spared = _bundle(radius_m)
    origin = start @ world_from_sensor[:3, :3].T + world_from_sensor[:3, 3]
    hits = cast(scene, origin, aim @ world_from_sensor[:3, :3].T, reach_m=reach_m + 2 * radius_m,
                but=context.unseen_ids)  # fmt: skip
    travel = np.maximum(hits.range_m - spared, 0.0)
    travel[:RAYS] = np.where(travel[:RAYS] > 0.0, np.inf, 0.0)  # from the middle: touched already, or not at all
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


@lru_cache(maxsize=16)
def _bundle(radius_m: float) -> tuple[Floats, Floats, Floats]:
    """Starts and aims (2 RAYS, 3) of rays in the sensor's frame, and how much of each lies in the ball (2 RAYS,).

    The first half from the middle to all sides, the others along x from the ball's back; both spread evenly, by the
    golden angle (Vogel 1979).
    """
    k = np.arange(RAYS)
    around = np.stack([np.cos(k * _GOLDEN_RAD), np.sin(k * _GOLDEN_RAD)], axis=1)
    height = 1 - (2 * k + 1) / RAYS
    sides = np.column_stack([height, np.sqrt(1 - height**2)[:, None] * around])
    across = radius_m * np.sqrt(k / (RAYS - 1))[:, None] * around
    depth = np.sqrt(np.maximum(radius_m**2 - (across**2).sum(axis=1), 0.0))
    start = np.concatenate([np.zeros((RAYS, 3)), np.column_stack([-depth, across])])
    aim = np.concatenate([sides, np.broadcast_to([1.0, 0.0, 0.0], (RAYS, 3))])
    return start, aim, np.concatenate([np.full(RAYS, radius_m), 2 * depth])
