"""The actor a call is about, and the refusals scripts match on where there is none such.

Calls that change something need a living actor.  Calls that only read are answered for those destroyed, too: Traffic
Manager asks for the box of an actor a moment after it died, and would abort its process on an error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from scanyard.carla_server.protocol.wire import Refused, Rotation, Transform
from scanyard.carla_server.world.actors import Actor
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.vehicles import Vehicle
from scanyard.carla_server.world.walkers import Walker

KindOfActor = TypeVar("KindOfActor", bound=Actor)

MAX_MPS, MAX_DEGPS, MAX_PUSH = 1e4, 1e6, 1e9
"""Of velocities, turns, and pushes in N, N s or N m: far beyond sense, and far from what cannot be counted."""
WORLD_REACH_M = 100_000.0
"""How far from the origin things may be; maps are smaller, and further out single precision loses centimetres."""


def vehicle(episode: Episode, actor_id: int, call: str) -> Vehicle:
    """The living vehicle with this id."""
    return _as_vehicle(episode.actor(actor_id, call), call)


def walker(episode: Episode, actor_id: int, call: str) -> Walker:
    """The living walker with this id."""
    return _as_walker(episode.actor(actor_id, call), call)


def vehicle_ever(episode: Episode, actor_id: int, call: str) -> Vehicle:
    """The vehicle with this id, even if it was destroyed."""
    return _as_vehicle(episode.living_or_dead(actor_id, call), call)


def walker_ever(episode: Episode, actor_id: int, call: str) -> Walker:
    """The walker with this id, even if it was destroyed."""
    return _as_walker(episode.living_or_dead(actor_id, call), call)


def refusal(call: str, why: str) -> Refused:
    """A refusal in the form of the reference server's."""
    return Refused(f"Responding error from function {call}: {why}")


def refuse_beyond_the_world(location: Sequence[float], call: str) -> None:
    """Refuse a place so far out that nothing could be simulated there."""
    if not all(abs(value) <= WORLD_REACH_M for value in location):
        where = ", ".join(f"{value:g}" for value in location)
        raise refusal(call, f"({where}) is more than {WORLD_REACH_M / 1000:g} km from the origin")


def refuse_more_than(limit: float, vector: Sequence[float], call: str) -> None:
    """Refuse a velocity or a push after which nothing could be simulated any more."""
    if not all(abs(value) <= limit for value in vector):
        raise refusal(call, f"({', '.join(f'{value:g}' for value in vector)}) is more than {limit:g}")


def turned(transform: Transform) -> Transform:
    """The same transform with angles between -360 and 360 degrees."""
    pitch, yaw, roll = (angle if abs(angle) <= 360.0 else math.fmod(angle, 360.0) for angle in transform.rotation)
    return Transform(transform.location, Rotation(pitch, yaw, roll))


def _as_vehicle(actor: Actor, call: str) -> Vehicle:
    if not isinstance(actor, Vehicle):
        raise refusal(call, f"actor {actor.id} is {actor.type_id}, not a vehicle")
    return actor


def _as_walker(actor: Actor, call: str) -> Walker:
    if not isinstance(actor, Walker):
        raise refusal(call, f"actor {actor.id} is {actor.type_id}, not a walker")
    return actor
