"""Calls of the light manager, which switches the lamps of the street."""

from __future__ import annotations

from collections.abc import Mapping

from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import LightState
from scanyard.carla_server.world.episode import Episode


def query(_episode: Episode, _client: str) -> tuple[LightState, ...]:
    """The lamps of the street: it has none that switch."""
    return ()


CALLS: Mapping[str, Handler] = {"query_lights_state": query}
