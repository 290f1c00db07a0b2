"""The commands of ``apply_batch``: many changes to an episode in one call, each answered with an actor id or an error.

Impulses, forces and physics parameters are answered as refused: vehicle dynamics are not simulated, and a script should
hear that rather than wait for a push that never comes.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.decoding import decode, decoder
from scanyard.carla_server.protocol.poses import pose_of
from scanyard.carla_server.protocol.wire import (
    Command,
    Refused,
    SpawnActor,
    Transform,
    Vector3D,
    VehicleAckermannControl,
    VehicleControl,
    WalkerControl,
    WireError,
)
from scanyard.carla_server.world.actors import Actor
from scanyard.carla_server.world.episode import Episode

logger = logging.getLogger(__name__)

SPAWN = 0


def apply(episode: Episode, commands: Sequence[Command]) -> list[Any]:
    """Carry out commands in order and return one response each."""
    return [_answer(episode, *command.variant) for command in commands]


def _answer(episode: Episode, index: int, fields: list[Any]) -> Any:
    try:
        return wire.value(_carry_out(episode, index, fields))
    except Refused as refused:
        return wire.refusal(str(refused))
    except WireError as error:
        return wire.refusal(f"command {index}: {error}")


def _carry_out(episode: Episode, index: int, fields: list[Any], future_actor: int | None = None) -> int:
    if index == SPAWN:
        return _spawn(episode, decode(SpawnActor, fields))
    if index not in _COMMANDS:
        raise Refused(f"command {index} is not offered by this server")
    change, decoders = _COMMANDS[index]
    if len(fields) != 1 + len(decoders) or type(fields[0]) is not int:
        raise WireError(f"expected an actor and {len(decoders)} more, found {len(fields)} fields")
    actor_id = fields[0] or future_actor or 0
    change(episode, actor_id, *[one(field) for one, field in zip(decoders, fields[1:], strict=True)])
    return actor_id


def _spawn(episode: Episode, command: SpawnActor) -> int:
    parent_id = command.parent.value if command.parent.present else None
    actor = episode.spawn(command.description, command.transform, parent_id)
    for after in command.do_after:
        index, fields = after.variant
        try:
            _carry_out(episode, index, fields, future_actor=actor.id)
        except (Refused, WireError) as error:  # the protocol has no place to report these to the client
            logger.warning("actor %d was spawned, but what was to follow failed: %s", actor.id, error)
    return actor.id


def destroy(episode: Episode, actor_id: int) -> None:
    """Destroy an actor; Refused where there is none."""
    if not episode.destroy(actor_id):
        raise Refused("unable to destroy actor: not found")


def control_vehicle(episode: Episode, actor_id: int, control: VehicleControl) -> None:
    """Latch a vehicle's control."""
    _of_kind(episode, actor_id, "apply control", "vehicle.").control_vehicle(control)


def control_ackermann(episode: Episode, actor_id: int, _control: VehicleAckermannControl) -> None:
    """Accept a vehicle's wanted speed and steering; without dynamics nothing follows from it."""
    _of_kind(episode, actor_id, "apply ackermann control", "vehicle.")


def control_walker(episode: Episode, actor_id: int, control: WalkerControl) -> None:
    """Latch a walker's control, and let it walk."""
    if not math.isfinite(sum(control.direction) + control.speed):
        raise Refused("unable to apply control: not a finite direction and speed")
    _of_kind(episode, actor_id, "apply control", "walker.").control_walker(control)


def put(episode: Episode, actor_id: int, transform: Transform) -> None:
    """Set an actor's pose in the world, or relative to its parent."""
    actor = episode.actor(actor_id, "set actor transform")
    pose = pose_of(transform)
    if not math.isfinite(sum(pose)):
        raise Refused(f"unable to set actor transform: {pose} is not finite")
    actor.pose = pose


def put_at(episode: Episode, actor_id: int, location: Vector3D) -> None:
    """Set an actor's location and leave its rotation."""
    actor = episode.actor(actor_id, "set actor location")
    put(episode, actor_id, Transform(location, wire.Rotation(*actor.pose[3:])))


def put_walker(episode: Episode, actor_id: int, transform: Transform, speed_mps: float) -> None:
    """Set a walker's foot point, heading and speed, as pedestrian navigation does."""
    walker = _of_kind(episode, actor_id, "apply walker state", "walker.")
    x, y, z = transform.location
    assert walker.shape is not None
    feet_m = float(walker.shape.extent[2] - walker.shape.center[2])  # origin above the feet
    put(episode, actor_id, transform._replace(location=Vector3D(x, y, z + feet_m)))
    yaw = math.radians(transform.rotation.yaw)
    walker.velocity = (speed_mps * math.cos(yaw), speed_mps * math.sin(yaw), 0.0)


def set_velocity(episode: Episode, actor_id: int, velocity: Vector3D) -> None:
    """Set the velocity in m/s, world frame; it moves the actor while that simulates physics."""
    if not math.isfinite(sum(velocity)):
        raise Refused(f"unable to set target velocity: {tuple(velocity)} is not finite")
    episode.actor(actor_id, "set target velocity").velocity = velocity


def set_angular_velocity(episode: Episode, actor_id: int, velocity: Vector3D) -> None:
    """Set the angular velocity in deg/s; its z turns the actor while that simulates physics."""
    if not math.isfinite(sum(velocity)):
        raise Refused(f"unable to set target angular velocity: {tuple(velocity)} is not finite")
    episode.actor(actor_id, "set target angular velocity").angular_velocity = velocity


def simulate_physics(episode: Episode, actor_id: int, enabled: bool) -> None:
    """Let velocities move the actor, or not."""
    episode.actor(actor_id, "set actor simulate physics").simulates_physics = enabled


def enable_gravity(episode: Episode, actor_id: int, _enabled: bool) -> None:
    """Accept the switch: nothing falls in this world."""
    episode.actor(actor_id, "set actor enable gravity")


def set_autopilot(episode: Episode, actor_id: int, _enabled: bool) -> None:
    """Accept the switch: the client's own Traffic Manager does the rest."""
    _of_kind(episode, actor_id, "set autopilot", "vehicle.")


def set_lights(episode: Episode, actor_id: int, flags: int) -> None:
    """Set which lights of a vehicle are on."""
    _of_kind(episode, actor_id, "set light state", "vehicle.").lights = flags


def _of_kind(episode: Episode, actor_id: int, doing: str, prefix: str) -> Actor:
    actor = episode.actor(actor_id, doing)
    if not actor.type_id.startswith(prefix):
        raise Refused(f"unable to {doing}: actor {actor_id} is {actor.type_id}")
    return actor


_CHANGES: Mapping[int, tuple[Callable[..., None], tuple[Any, ...]]] = {
    1: (destroy, ()),
    2: (control_vehicle, (VehicleControl,)),
    3: (control_ackermann, (VehicleAckermannControl,)),
    4: (control_walker, (WalkerControl,)),
    6: (put, (Transform,)),
    7: (put_walker, (Transform, float)),
    8: (set_velocity, (Vector3D,)),
    9: (set_angular_velocity, (Vector3D,)),
    14: (simulate_physics, (bool,)),
    15: (enable_gravity, (bool,)),
    16: (set_autopilot, (bool,)),
    18: (set_lights, (int,)),
    19: (put_at, (Vector3D,)),
}
_COMMANDS = {index: (change, tuple(map(decoder, kinds))) for index, (change, kinds) in _CHANGES.items()}
