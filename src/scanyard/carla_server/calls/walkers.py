"""Calls about walkers: walking, and how they hold themselves."""

from __future__ import annotations

from collections.abc import Mapping

from scanyard.carla_server.calls import addressing
from scanyard.carla_server.calls.addressing import MAX_MPS, refuse_beyond_the_world, refuse_more_than, turned
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import ActorId, Transform, WalkerControl
from scanyard.carla_server.world.episode import Episode


def control(episode: Episode, actor_id: ActorId, wanted: WalkerControl) -> None:
    """Latch where the walker goes and how fast."""
    refuse_more_than(MAX_MPS, (wanted.speed,), "apply_control_to_walker")
    addressing.walker(episode, actor_id, "apply_control_to_walker").control_walker(wanted)


def walk_to(episode: Episode, actor_id: ActorId, transform: Transform, speed_mps: float) -> None:
    """Set a walker's foot point, heading and speed, as pedestrian navigation does."""
    walker = addressing.walker(episode, actor_id, "apply_walker_state")
    refuse_beyond_the_world(transform.location, "apply_walker_state")
    refuse_more_than(MAX_MPS, (speed_mps,), "apply_walker_state")
    walker.walk_to(transform.location, turned(transform).rotation.yaw, speed_mps)


def mark_dead(episode: Episode, actor_id: ActorId) -> None:
    """Let a walker fall where it stands, as pedestrian navigation asks when one was run over."""
    addressing.walker(episode, actor_id, "set_actor_dead").mark_dead()


CALLS: Mapping[str, Handler] = {
    "apply_control_to_walker": control,
    "set_actor_dead": mark_dead,
}
