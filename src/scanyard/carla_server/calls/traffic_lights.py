"""Calls about traffic lights."""

from __future__ import annotations

from collections.abc import Mapping

from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.world.episode import Episode


def freeze_all(_episode: Episode, _frozen: bool) -> None:
    """There are none to freeze."""


def reset_all(_episode: Episode) -> None:
    """There are none to reset."""


CALLS: Mapping[str, Handler] = {
    "freeze_all_traffic_lights": freeze_all,
    "reset_all_traffic_lights": reset_all,
}
