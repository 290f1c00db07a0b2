"""Calls about vehicles: driving, lamps, doors, wheels, how they are built and how they are doing.

The simulators CARLA can hand a vehicle to, CarSim and Chrono, are not on board; going back to the vehicle's own physics
is what every vehicle does already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from scanyard.carla_server.calls import addressing
from scanyard.carla_server.calls.addressing import refusal
from scanyard.carla_server.protocol.physics import (
    AckermannControllerSettings,
    VehiclePhysicsControl,
    VehicleTelemetryData,
)
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import (
    ActorId,
    UInt32,
    VehicleAckermannControl,
    VehicleControl,
    VehicleLightState,
    Within,
)
from scanyard.carla_server.world.episode import Episode

Wheel = Annotated[int, Within(0, 3)]
"""Front left, front right, rear left, rear right; of a two-wheeler 0 is the front wheel and 1 the rear."""
Door = Annotated[int, Within(0, 6)]
ALL_DOORS = 6
SINGLE_DOORS = range(6)
"""Front left, front right, rear left, rear right, hood, trunk."""


# --- driving ---------------------------------------------------------------------------------------------------------


def control(episode: Episode, actor_id: ActorId, wanted: VehicleControl) -> None:
    """Latch the pedals, the wheel and the gear."""
    addressing.vehicle(episode, actor_id, "apply_control_to_vehicle").control_vehicle(wanted)


def control_ackermann(episode: Episode, actor_id: ActorId, wanted: VehicleAckermannControl) -> None:
    """Latch a wanted speed and steering angle."""
    addressing.vehicle(episode, actor_id, "apply_ackermann_control_to_vehicle").control_ackermann(wanted)


def ackermann_settings(episode: Episode, actor_id: ActorId) -> AckermannControllerSettings:
    """The gains of the controllers behind Ackermann control."""
    return addressing.vehicle_ever(episode, actor_id, "get_ackermann_controller_settings").ackermann_settings


def set_ackermann_settings(episode: Episode, actor_id: ActorId, settings: AckermannControllerSettings) -> None:
    """Set those gains."""
    addressing.vehicle(episode, actor_id, "apply_ackermann_controller_settings").ackermann_settings = settings


# --- how it is built, how it is doing --------------------------------------------------------------------------------


def physics(episode: Episode, actor_id: ActorId) -> VehiclePhysicsControl:
    """How it is built."""
    return addressing.vehicle_ever(episode, actor_id, "get_physics_control").physics


def set_physics(episode: Episode, actor_id: ActorId, wanted: VehiclePhysicsControl) -> None:
    """Rebuild it."""
    addressing.vehicle(episode, actor_id, "apply_physics_control").apply_physics(wanted)


def telemetry(episode: Episode, actor_id: ActorId) -> VehicleTelemetryData:
    """What engine, gearbox and tyres do."""
    return addressing.vehicle_ever(episode, actor_id, "get_telemetry_data").telemetry()


def show_telemetry(episode: Episode, actor_id: ActorId, _enabled: bool) -> None:
    """Accept the switch: the reference shows telemetry on a screen, which this server has not."""
    addressing.vehicle(episode, actor_id, "show_vehicle_debug_telemetry")


# --- lamps, doors, wheels --------------------------------------------------------------------------------------------


def lights(episode: Episode, actor_id: ActorId) -> VehicleLightState:
    """Which lamps are on."""
    return VehicleLightState(addressing.vehicle_ever(episode, actor_id, "get_vehicle_light_state").lights)


def set_lights(episode: Episode, actor_id: ActorId, state: VehicleLightState) -> None:
    """Set which lamps are on."""
    addressing.vehicle(episode, actor_id, "set_vehicle_light_state").lights = state.flags


def all_lights(episode: Episode) -> tuple[tuple[ActorId, UInt32], ...]:
    """The lamps of every vehicle, with its id."""
    return tuple((one.id, one.lights) for one in episode.actors.values() if one.is_vehicle)


def open_door(episode: Episode, actor_id: ActorId, door: Door) -> None:
    """Open a door, or all of them."""
    addressing.vehicle(episode, actor_id, "open_vehicle_door").doors |= _doors(door)


def close_door(episode: Episode, actor_id: ActorId, door: Door) -> None:
    """Close a door, or all of them."""
    addressing.vehicle(episode, actor_id, "close_vehicle_door").doors -= _doors(door)


def wheel_steer(episode: Episode, actor_id: ActorId, wheel: Wheel) -> float:
    """How far a wheel is turned to the right, degrees."""
    return addressing.vehicle_ever(episode, actor_id, "get_wheel_steer_angle").wheel_steer_deg(wheel)


def set_wheel_steer(episode: Episode, actor_id: ActorId, wheel: Wheel, degrees: float) -> None:
    """Show a wheel turned; the next control shows how it truly is."""
    addressing.vehicle(episode, actor_id, "set_wheel_steer_direction").set_wheel_steer(wheel, degrees)


def wheel_pitch(episode: Episode, actor_id: ActorId, wheel: Wheel) -> float:
    """How far a wheel was rolled by ``set_wheel_pitch``, degrees."""
    return addressing.vehicle_ever(episode, actor_id, "get_wheel_pitch_angle").wheel_pitch_deg.get(wheel, 0.0)


def set_wheel_pitch(episode: Episode, actor_id: ActorId, wheel: Wheel, degrees: float) -> None:
    """Show a wheel rolled."""
    addressing.vehicle(episode, actor_id, "set_wheel_pitch_angle").wheel_pitch_deg[wheel] = degrees


# --- other simulators ------------------------------------------------------------------------------------------------


def enable_carsim(episode: Episode, actor_id: ActorId, _simfile: str) -> None:
    """Refuse to hand the vehicle to CarSim."""
    addressing.vehicle(episode, actor_id, "enable_carsim")
    raise refusal("enable_carsim", "CarSim is not on board of this server")


def use_carsim_road(episode: Episode, actor_id: ActorId, _enabled: bool) -> None:
    """Refuse CarSim's road."""
    addressing.vehicle(episode, actor_id, "use_carsim_road")
    raise refusal("use_carsim_road", "CarSim is not on board of this server")


def enable_chrono(
    episode: Episode,
    actor_id: ActorId,
    _max_substeps: int,
    _max_substep_delta_s: float,
    _vehicle_json: str,
    _powertrain_json: str,
    _tire_json: str,
    _base_path: str,
) -> None:
    """Refuse to hand the vehicle to Chrono."""
    addressing.vehicle(episode, actor_id, "enable_chrono_physics")
    raise refusal("enable_chrono_physics", "Chrono is not on board of this server")


def restore_physics(episode: Episode, actor_id: ActorId) -> None:
    """Go back to the vehicle's own physics, which it has never left."""
    addressing.vehicle(episode, actor_id, "restore_physx_physics")


def _doors(door: int) -> set[int]:
    return set(SINGLE_DOORS) if door == ALL_DOORS else {door}


CALLS: Mapping[str, Handler] = {
    "apply_control_to_vehicle": control,
    "apply_ackermann_control_to_vehicle": control_ackermann,
    "get_ackermann_controller_settings": ackermann_settings,
    "apply_ackermann_controller_settings": set_ackermann_settings,
    "get_physics_control": physics,
    "apply_physics_control": set_physics,
    "get_telemetry_data": telemetry,
    "show_vehicle_debug_telemetry": show_telemetry,
    "get_vehicle_light_state": lights,
    "set_vehicle_light_state": set_lights,
    "get_vehicle_light_states": all_lights,
    "open_vehicle_door": open_door,
    "close_vehicle_door": close_door,
    "get_wheel_steer_angle": wheel_steer,
    "set_wheel_steer_direction": set_wheel_steer,
    "get_wheel_pitch_angle": wheel_pitch,
    "set_wheel_pitch_angle": set_wheel_pitch,
    "enable_carsim": enable_carsim,
    "use_carsim_road": use_carsim_road,
    "enable_chrono_physics": enable_chrono,
    "restore_physx_physics": restore_physics,
}
