"""Calls about traffic lights."""

from __future__ import annotations

from collections.abc import Mapping

from scanyard.carla_server.calls.addressing import refusal
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import ActorId, UInt8
from scanyard.carla_server.world.episode import Episode


def set_state(episode: Episode, actor_id: ActorId, _state: UInt8) -> None:
    """Switch a traffic light."""
    actor = episode.actor(actor_id, "set_traffic_light_state")
    raise refusal("set_traffic_light_state", f"actor {actor_id} is {actor.type_id}, not a traffic light")


def freeze_all(_episode: Episode, _frozen: bool) -> None:
    """There are none to freeze."""


def reset_all(_episode: Episode) -> None:
    """There are none to reset."""


CALLS: Mapping[str, Handler] = {
    "set_traffic_light_state": set_state,
    "freeze_all_traffic_lights": freeze_all,
    "reset_all_traffic_lights": reset_all,
}
