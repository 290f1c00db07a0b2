"""Calls about any actor: spawning, destroying, moving, pushing."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from scanyard.carla_server.calls.addressing import refuse_beyond_the_world
from scanyard.carla_server.protocol.poses import pose_of
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import (
    Actor,
    ActorDescription,
    ActorId,
    BoundingBox,
    Refused,
    Rotation,
    Transform,
    UInt8,
    Vector3D,
)
from scanyard.carla_server.world.episode import Episode

logger = logging.getLogger(__name__)


# --- who there is ----------------------------------------------------------------------------------------------------


def spectator(episode: Episode) -> Actor:
    """The actor whose place is the user's view."""
    return episode.spectator.record()


def by_id(episode: Episode, ids: tuple[ActorId, ...]) -> tuple[Actor, ...]:
    """Those of these actors that live."""
    return tuple(episode.actors[one].record() for one in ids if one in episode.actors)


def spawn(episode: Episode, description: ActorDescription, transform: Transform) -> Actor:
    """Add an actor to the world."""
    refuse_beyond_the_world(transform.location, "spawn_actor")
    return episode.spawn(description, transform).record()


def spawn_with_parent(
    episode: Episode,
    description: ActorDescription,
    transform: Transform,
    parent_id: ActorId,
    _attachment: UInt8,
    _socket_name: str,
) -> Actor:
    """Add an actor that is fixed to another.

    Every attachment is rigid: the spring arms of the reference only smooth what a spectator sees.
    """
    refuse_beyond_the_world(transform.location, "spawn_actor_with_parent")
    return episode.spawn(description, transform, parent_id).record()


def destroy(episode: Episode, actor_id: ActorId) -> bool:
    """Remove an actor and what is attached to it; false where there is none."""
    return episode.destroy(actor_id)


def bounding_box(episode: Episode, actor_id: ActorId) -> BoundingBox:
    """The box around an actor's body, in its own frame."""
    return episode.living_or_dead(actor_id, "get_actor_bounding_box").bounding_box()


# --- where it is -----------------------------------------------------------------------------------------------------


def put(episode: Episode, actor_id: ActorId, transform: Transform) -> None:
    """Set an actor's pose in the world, or relative to its parent."""
    actor = episode.actor(actor_id, "set_actor_transform")
    refuse_beyond_the_world(transform.location, "set_actor_transform")
    actor.pose = pose_of(transform)


def put_at(episode: Episode, actor_id: ActorId, location: Vector3D) -> None:
    """Set an actor's location and leave its rotation."""
    actor = episode.actor(actor_id, "set_actor_location")
    put(episode, actor_id, Transform(location, Rotation(*actor.pose[3:])))


# --- how it moves ----------------------------------------------------------------------------------------------------


def set_velocity(episode: Episode, actor_id: ActorId, velocity: Vector3D) -> None:
    """Set the velocity in m/s, world frame."""
    episode.actor(actor_id, "set_actor_target_velocity").velocity = velocity


def set_angular_velocity(episode: Episode, actor_id: ActorId, velocity: Vector3D) -> None:
    """Set the angular velocity in deg/s."""
    episode.actor(actor_id, "set_actor_target_angular_velocity").angular_velocity = velocity


def simulate_physics(episode: Episode, actor_id: ActorId, enabled: bool) -> None:
    """Let forces and velocities move the actor, or not."""
    episode.actor(actor_id, "set_actor_simulate_physics").simulates_physics = enabled


def set_collisions(episode: Episode, actor_id: ActorId, _enabled: bool) -> None:
    """Let the actor touch others, or pass through them."""
    episode.actor(actor_id, "set_actor_collisions")


def enable_gravity(episode: Episode, actor_id: ActorId, _enabled: bool) -> None:
    """Let gravity pull at the actor, or not."""
    episode.actor(actor_id, "set_actor_enable_gravity")


def set_autopilot(episode: Episode, actor_id: ActorId, _enabled: bool) -> None:
    """Accept the switch: the client's own Traffic Manager does the rest."""
    if not episode.actor(actor_id, "set_actor_autopilot").is_vehicle:
        raise Refused(f"Responding error from function set_actor_autopilot: actor {actor_id} is not a vehicle")


CALLS: Mapping[str, Handler] = {
    "get_spectator": spectator,
    "get_actors_by_id": by_id,
    "spawn_actor": spawn,
    "spawn_actor_with_parent": spawn_with_parent,
    "destroy_actor": destroy,
    "get_actor_bounding_box": bounding_box,
    "set_actor_transform": put,
    "set_actor_location": put_at,
    "set_actor_target_velocity": set_velocity,
    "set_actor_target_angular_velocity": set_angular_velocity,
    "set_actor_simulate_physics": simulate_physics,
    "set_actor_collisions": set_collisions,
    "set_actor_enable_gravity": enable_gravity,
    "set_actor_autopilot": set_autopilot,
}
