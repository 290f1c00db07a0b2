"""Calls about traffic lights; states and times are read from the snapshots.

The client's ``TrafficLight.freeze`` freezes all of them; the call for a single one is offered, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import ActorId, BoundingBox, Within
from scanyard.carla_server.world.episode import Episode

State = Annotated[int, Within(0, 4)]
"""Red, yellow, green, off, unknown."""


def set_state(episode: Episode, actor_id: ActorId, state: State) -> None:
    """Switch a light, until its turn changes."""
    episode.actor(actor_id, "set_traffic_light_state")
    episode.traffic_lights.set_state(actor_id, state)


def set_green_time(episode: Episode, actor_id: ActorId, seconds: float) -> None:
    """How long a light stays green."""
    episode.actor(actor_id, "set_traffic_light_green_time")
    episode.traffic_lights.set_green_time(actor_id, seconds)


def set_yellow_time(episode: Episode, actor_id: ActorId, seconds: float) -> None:
    """How long a light stays yellow."""
    episode.actor(actor_id, "set_traffic_light_yellow_time")
    episode.traffic_lights.set_yellow_time(actor_id, seconds)


def set_red_time(episode: Episode, actor_id: ActorId, seconds: float) -> None:
    """How long all lights stay red after this one."""
    episode.actor(actor_id, "set_traffic_light_red_time")
    episode.traffic_lights.set_red_time(actor_id, seconds)


def freeze(episode: Episode, actor_id: ActorId, frozen: bool) -> None:
    """Let a light stay as it is, or take its turns again."""
    episode.actor(actor_id, "freeze_traffic_light")
    episode.traffic_lights.freeze(actor_id, frozen)


def freeze_all(episode: Episode, frozen: bool) -> None:
    """Let all lights stay as they are, or take their turns again."""
    episode.traffic_lights.freeze_all(frozen)


def reset_group(episode: Episode, actor_id: ActorId) -> None:
    """Let the lights around a junction begin again."""
    episode.actor(actor_id, "reset_traffic_light_group")
    episode.traffic_lights.reset_group(actor_id)


def reset_all(episode: Episode) -> None:
    """Let all lights begin again."""
    episode.traffic_lights.reset_all()


def group(episode: Episode, actor_id: ActorId) -> tuple[ActorId, ...]:
    """The lights that take turns with this one, itself included."""
    episode.living_or_dead(actor_id, "get_group_traffic_lights")
    return episode.traffic_lights.group_of(actor_id)


def boxes(episode: Episode, actor_id: ActorId) -> tuple[BoundingBox, ...]:
    """The boxes around a light's heads, in the world."""
    episode.living_or_dead(actor_id, "get_light_boxes")
    return episode.traffic_lights.boxes(actor_id)


CALLS: Mapping[str, Handler] = {
    "set_traffic_light_state": set_state,
    "set_traffic_light_green_time": set_green_time,
    "set_traffic_light_yellow_time": set_yellow_time,
    "set_traffic_light_red_time": set_red_time,
    "freeze_traffic_light": freeze,
    "freeze_all_traffic_lights": freeze_all,
    "reset_traffic_light_group": reset_group,
    "reset_all_traffic_lights": reset_all,
    "get_group_traffic_lights": group,
    "get_light_boxes": boxes,
}
