"""Calls of the light manager, which switches the lamps of the street.

Every client keeps a copy of their states and sends what it changed; a bit in the snapshot makes all ask again.
"""

from __future__ import annotations

from collections.abc import Mapping

from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import LightState
from scanyard.carla_server.world.episode import Episode


def query(episode: Episode, _client: str) -> tuple[LightState, ...]:
    """All lamps of the street."""
    return episode.street_light_states()


def update(episode: Episode, _client: str, states: tuple[LightState, ...], _discard_client: bool) -> None:
    """Take what a client changed."""
    episode.street_lights.update(states)


def day_night_cycle(episode: Episode, _client: str, enabled: bool) -> None:
    """Let the lamps go on by night and off by day, or leave them to clients."""
    episode.street_lights.day_night_cycle(enabled)


CALLS: Mapping[str, Handler] = {
    "query_lights_state": query,
    "update_lights_state": update,
    "update_day_night_cycle": day_night_cycle,
}
