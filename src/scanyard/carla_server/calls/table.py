"""Every RPC method by its name in the protocol; whatever is not in the table is answered as an unknown method."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from scanyard.carla_server.calls import (
    actors,
    drawing,
    rigs,
    scenery,
    sensors,
    street_lights,
    traffic_lights,
    vehicles,
    walkers,
    world,
)
from scanyard.carla_server.calls.recorder import RecorderCalls
from scanyard.carla_server.calls.sensors import SensorCalls
from scanyard.carla_server.calls.traffic_managers import TrafficManagerCalls
from scanyard.carla_server.calls.world import WorldCalls
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.streams import StreamServer
from scanyard.carla_server.world.simulation import Simulation

ABOUT_AN_EPISODE = (actors, rigs, vehicles, walkers, traffic_lights, street_lights, scenery, drawing, sensors, world)


def methods(simulation: Simulation, streams: StreamServer) -> Mapping[str, Handler]:
    """All that clients can call."""
    table: dict[str, Handler] = {}
    for module in ABOUT_AN_EPISODE:
        _unite(table, {name: between_frames(simulation, call) for name, call in module.CALLS.items()})
    world_calls, sensor_calls = WorldCalls(simulation, streams), SensorCalls(simulation, streams)
    for calls in (world_calls, sensor_calls, RecorderCalls(simulation), TrafficManagerCalls()):
        _unite(table, calls.by_name())
    return table


def between_frames(simulation: Simulation, call: Handler) -> Handler:
    """``call`` without its first argument, the episode, which it is given between two frames."""

    @functools.wraps(call)
    def called(*arguments: Any) -> Any:
        with simulation.world() as episode:
            return call(episode, *arguments)

    signature = inspect.signature(call)
    _episode, *parameters = signature.parameters.values()
    called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # what inspect reads
    return called


def _unite(table: dict[str, Handler], more: Mapping[str, Handler]) -> None:
    twice = table.keys() & more.keys()
    assert not twice, f"two calls of the name {twice}"
    table.update(more)
