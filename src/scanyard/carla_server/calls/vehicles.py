"""Calls about vehicles: driving, lamps, doors, wheels, and how they are built."""

from __future__ import annotations

from collections.abc import Mapping

from scanyard.carla_server.calls import addressing
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import (
    ActorId,
    UInt32,
    VehicleAckermannControl,
    VehicleControl,
    VehicleLightState,
)
from scanyard.carla_server.world.episode import Episode


def control(episode: Episode, actor_id: ActorId, wanted: VehicleControl) -> None:
    """Latch the pedals, the wheel and the gear."""
    addressing.vehicle(episode, actor_id, "apply_control_to_vehicle").control_vehicle(wanted)


def control_ackermann(episode: Episode, actor_id: ActorId, _wanted: VehicleAckermannControl) -> None:
    """Latch a wanted speed and steering angle."""
    addressing.vehicle(episode, actor_id, "apply_ackermann_control_to_vehicle")


def lights(episode: Episode, actor_id: ActorId) -> VehicleLightState:
    """Which lamps are on."""
    return VehicleLightState(addressing.vehicle_ever(episode, actor_id, "get_vehicle_light_state").lights)


def set_lights(episode: Episode, actor_id: ActorId, state: VehicleLightState) -> None:
    """Set which lamps are on."""
    addressing.vehicle(episode, actor_id, "set_vehicle_light_state").lights = state.flags


def all_lights(episode: Episode) -> tuple[tuple[ActorId, UInt32], ...]:
    """The lamps of every vehicle, with its id."""
    return tuple((one.id, one.lights) for one in episode.actors.values() if one.is_vehicle)


CALLS: Mapping[str, Handler] = {
    "apply_control_to_vehicle": control,
    "apply_ackermann_control_to_vehicle": control_ackermann,
    "get_vehicle_light_state": lights,
    "set_vehicle_light_state": set_lights,
    "get_vehicle_light_states": all_lights,
}
