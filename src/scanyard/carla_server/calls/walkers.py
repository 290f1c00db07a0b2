"""Calls about walkers: walking, and how they hold themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping

from scanyard.carla_server.calls import actors, addressing
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import ActorId, Transform, Vector3D, WalkerControl
from scanyard.carla_server.world.episode import Episode


def control(episode: Episode, actor_id: ActorId, wanted: WalkerControl) -> None:
    """Latch where the walker goes and how fast."""
    addressing.walker(episode, actor_id, "apply_control_to_walker").control_walker(wanted)


def walk_to(episode: Episode, actor_id: ActorId, transform: Transform, speed_mps: float) -> None:
    """Set a walker's foot point, heading and speed, as pedestrian navigation does."""
    walker = addressing.walker(episode, actor_id, "apply_walker_state")
    x, y, z = transform.location
    assert walker.shape is not None
    feet_m = float(walker.shape.extent[2] - walker.shape.center[2])  # origin above the feet
    actors.put(episode, actor_id, transform._replace(location=Vector3D(x, y, z + feet_m)))
    yaw = math.radians(transform.rotation.yaw)
    walker.velocity = (speed_mps * math.cos(yaw), speed_mps * math.sin(yaw), 0.0)


CALLS: Mapping[str, Handler] = {"apply_control_to_walker": control}
