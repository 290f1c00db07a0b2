"""The actor a call is about, and the refusals scripts match on where there is none such.

Calls that change something need a living actor.  Calls that only read are answered for those destroyed, too: Traffic
Manager asks for the box of an actor a moment after it died, and would abort its process on an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from scanyard.carla_server.protocol.wire import Refused
from scanyard.carla_server.world.actors import Actor
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.vehicles import Vehicle
from scanyard.carla_server.world.walkers import Walker

KindOfActor = TypeVar("KindOfActor", bound=Actor)

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


def _as_vehicle(actor: Actor, call: str) -> Vehicle:
    if not isinstance(actor, Vehicle):
        raise refusal(call, f"actor {actor.id} is {actor.type_id}, not a vehicle")
    return actor


def _as_walker(actor: Actor, call: str) -> Walker:
    if not isinstance(actor, Walker):
        raise refusal(call, f"actor {actor.id} is {actor.type_id}, not a walker")
    return actor
