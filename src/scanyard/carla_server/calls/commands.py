"""The commands of ``apply_batch``: many changes to an episode in one call, each answered with an actor id or an error.

All but two name an actor and do what a call of the same name does.  The first spawns one, and then does to it what is
to be done after; one runs a command of the game engine that the reference server is made with, and is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from scanyard.carla_server.calls import actors, traffic_lights, vehicles, walkers
from scanyard.carla_server.calls.addressing import refusal, refuse_beyond_the_world, turned
from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.decoding import decode, decoder
from scanyard.carla_server.protocol.physics import VehiclePhysicsControl
from scanyard.carla_server.protocol.wire import (
    FLOAT32_MAX,
    ActorId,
    Command,
    Refused,
    SpawnActor,
    Transform,
    UInt32,
    Vector3D,
    VehicleAckermannControl,
    VehicleControl,
    VehicleLightState,
    WalkerControl,
    WireError,
)
from scanyard.carla_server.world.episode import Episode

logger = logging.getLogger(__name__)

SPAWN = 0
CONTROL = 2
CONSOLE = 20
CONTROL_LIMITS = np.array([FLOAT32_MAX] * 3 + [1.0] * 3 + [2.0**31 - 1])
_CONTROL_TYPES = [float] * 3 + [bool] * 3 + [int]
"""Of the fields of a ``VehicleControl`` as the client sends them."""


def apply(episode: Episode, commands: Sequence[Command]) -> list[Any]:
    """Carry out commands in order and return one response each."""
    answers: list[Any] = []
    for index, run in groupby((command.variant for command in commands), lambda variant: variant[0]):
        together = [fields for _, fields in run]
        driven = _driven(episode, together) if index == CONTROL and len(together) > 1 else None
        answers += [_answer(episode, index, fields) for fields in together] if driven is None else driven
    return answers


def _driven(episode: Episode, commands: list[list[Any]]) -> list[Any] | None:
    """The answers to the controls of many vehicles, latched together; None, and nothing is done, if one does not fit.

    Traffic Manager sends one for each of its vehicles in every frame: one by one they take a third of the frame.
    """
    if not all(
        len(fields) == 2
        and type(fields[0]) is int
        and type(fields[1]) is list
        and [*map(type, fields[1])] == _CONTROL_TYPES
        for fields in commands
    ):
        return None
    ids = [fields[0] for fields in commands]
    try:
        controls = np.array([fields[1] for fields in commands], dtype=np.float64)
        at = episode.motion.vehicles_of(np.array(ids, dtype=np.uint32))
    except OverflowError:
        return None
    if at is None or not (np.abs(controls) <= CONTROL_LIMITS).all():
        return None
    episode.vehicles.control_all(at, controls)
    return [wire.value(actor_id) for actor_id in ids]


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
    if index == CONSOLE:
        run_on_console(episode, *decode(tuple[str], fields))
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
    refuse_beyond_the_world(command.transform.location, "spawn_actor")
    actor = episode.spawn(command.description, turned(command.transform), parent_id)
    for after in command.do_after:
        index, fields = after.variant
        try:
            _carry_out(episode, index, fields, future_actor=actor.id)
        except (Refused, WireError) as error:  # the protocol has no place to report these to the client
            logger.warning("actor %d was spawned, but what was to follow failed: %s", actor.id, error)
    return actor.id


def destroy(episode: Episode, actor_id: ActorId) -> None:
    """Destroy an actor; Refused where there is none."""
    if not episode.destroy(actor_id):
        raise Refused("unable to destroy actor: not found")


def set_light_flags(episode: Episode, actor_id: ActorId, flags: UInt32) -> None:
    """Set which lamps of a vehicle are on."""
    vehicles.set_lights(episode, actor_id, VehicleLightState(flags))


def run_on_console(_episode: Episode, command: str) -> None:
    """Refuse a command of the reference's game engine."""
    raise refusal("console_command", f"there is no console that could run {command[:40]!r}")


_CHANGES: Mapping[int, tuple[Callable[..., None], tuple[Any, ...]]] = {
    1: (destroy, ()),
    2: (vehicles.control, (VehicleControl,)),
    3: (vehicles.control_ackermann, (VehicleAckermannControl,)),
    4: (walkers.control, (WalkerControl,)),
    5: (vehicles.set_physics, (VehiclePhysicsControl,)),
    6: (actors.put, (Transform,)),
    7: (walkers.walk_to, (Transform, float)),
    8: (actors.set_velocity, (Vector3D,)),
    9: (actors.set_angular_velocity, (Vector3D,)),
    10: (actors.add_impulse, (Vector3D,)),
    11: (actors.add_force, (Vector3D,)),
    12: (actors.add_angular_impulse, (Vector3D,)),
    13: (actors.add_torque, (Vector3D,)),
    14: (actors.simulate_physics, (bool,)),
    15: (actors.enable_gravity, (bool,)),
    16: (actors.set_autopilot, (bool,)),
    17: (vehicles.show_telemetry, (bool,)),
    18: (set_light_flags, (UInt32,)),
    19: (actors.put_at, (Vector3D,)),
    21: (traffic_lights.set_state, (traffic_lights.State,)),
}
"""What a command about an actor does, and what it is followed by on the wire."""
_COMMANDS = {index: (change, tuple(map(decoder, kinds))) for index, (change, kinds) in _CHANGES.items()}
