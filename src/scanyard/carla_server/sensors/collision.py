"""Collision detector: one event for each thing the sensor's parent touched in this frame.

Scenery is no actor; as in CARLA it is reported as a stand-in with id 0, whose type says what kind of thing it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets, wire
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.sensors.context import Context
from scanyard.carla_server.surfaces.materials import Tag


def collision(
    _scene: Any, _attributes: Mapping[str, str], _world_from_sensor: NDArray[np.float64], context: Context
) -> Sequence[Chunks]:
    """One message per contact: who touched, what it touched, and the impulse it was given, N·s in the world."""
    me = context.subject_id
    messages = []
    for contact in context.contacts:
        if contact.actor_id == me:
            other_id, push = contact.other_id, contact.normal_impulse
        elif contact.other_id == me:
            x, y, z = contact.normal_impulse
            other_id, push = contact.actor_id, (-x, -y, -z)  # action and reaction
        else:
            continue
        other = context.record(other_id) if other_id else stand_in(contact.other_tag)
        body = msgpack.packb((context.record(me), other, push))
        messages.append((context.opening(packets.COLLISION), body))
    return messages


def stand_in(tag: int) -> wire.Actor:
    """The actor that clients are shown for scenery with this semantic label."""
    name = Tag(tag).name.lower().replace("_", "") if tag in list(Tag) else "unknown"
    return wire.Actor(0, 0, wire.ActorDescription(0, f"static.{_SINGULAR.get(name, name)}"),
                      wire.BoundingBox(), bytes([tag]), b"")  # fmt: skip


_SINGULAR = {
    "roads": "road", "sidewalks": "sidewalk", "buildings": "building", "walls": "wall", "fences": "fence",
    "poles": "pole", "trafficsigns": "trafficsign", "pedestrians": "pedestrian", "roadlines": "roadline",
    "none": "unknown",
}  # fmt: skip
