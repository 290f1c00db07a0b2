"""Calls about any actor: spawning, destroying, moving, pushing."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from scanyard.carla_server.calls import addressing
from scanyard.carla_server.calls.addressing import (
    MAX_DEGPS,
    MAX_MPS,
    MAX_PUSH,
    refuse_beyond_the_world,
    refuse_more_than,
)
from scanyard.carla_server.protocol.poses import pose_of
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import (
    Actor,
    ActorDescription,
    ActorId,
    BoundingBox,
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
    return episode.spawn(description, addressing.turned(transform)).record()


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
    return episode.spawn(description, addressing.turned(transform), parent_id).record()


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
    actor.place(pose_of(addressing.turned(transform)))


def put_at(episode: Episode, actor_id: ActorId, location: Vector3D) -> None:
    """Set an actor's location and leave its rotation."""
    actor = episode.actor(actor_id, "set_actor_location")
    put(episode, actor_id, Transform(location, Rotation(*actor.pose[3:])))


# --- how it moves ----------------------------------------------------------------------------------------------------


def set_velocity(episode: Episode, actor_id: ActorId, velocity: Vector3D) -> None:
    """Set the velocity in m/s, world frame."""
    refuse_more_than(MAX_MPS, velocity, "set_actor_target_velocity")
    episode.actor(actor_id, "set_actor_target_velocity").velocity = velocity


def set_angular_velocity(episode: Episode, actor_id: ActorId, velocity: Vector3D) -> None:
    """Set the angular velocity in deg/s."""
    refuse_more_than(MAX_DEGPS, velocity, "set_actor_target_angular_velocity")
    episode.actor(actor_id, "set_actor_target_angular_velocity").angular_velocity = velocity


def enable_constant_velocity(episode: Episode, actor_id: ActorId, velocity: Vector3D) -> None:
    """Hold a velocity in m/s, in the vehicle's own frame."""
    refuse_more_than(MAX_MPS, velocity, "enable_actor_constant_velocity")
    addressing.vehicle(episode, actor_id, "enable_actor_constant_velocity").enable_constant_velocity(velocity)


def disable_constant_velocity(episode: Episode, actor_id: ActorId) -> None:
    """Let the pedals drive again."""
    addressing.vehicle(episode, actor_id, "disable_actor_constant_velocity").disable_constant_velocity()


def simulate_physics(episode: Episode, actor_id: ActorId, enabled: bool) -> None:
    """Let forces and velocities move the actor, or not."""
    episode.actor(actor_id, "set_actor_simulate_physics").simulates_physics = enabled


def set_collisions(episode: Episode, actor_id: ActorId, enabled: bool) -> None:
    """Let the actor touch others, or pass through them."""
    episode.actor(actor_id, "set_actor_collisions").collides = enabled


def enable_gravity(episode: Episode, actor_id: ActorId, enabled: bool) -> None:
    """Let gravity pull at the actor, or not."""
    episode.actor(actor_id, "set_actor_enable_gravity").gravity = enabled


# --- pushes ----------------------------------------------------------------------------------------------------------


def add_impulse(episode: Episode, actor_id: ActorId, impulse: Vector3D) -> None:
    """Push it once, N s, world frame."""
    refuse_more_than(MAX_PUSH, impulse, "add_actor_impulse")
    episode.actor(actor_id, "add_actor_impulse").add_impulse(impulse)


def add_impulse_at(episode: Episode, actor_id: ActorId, impulse: Vector3D, location: Vector3D) -> None:
    """Push it once at a place in the world, N s."""
    refuse_more_than(MAX_PUSH, impulse, "add_actor_impulse_at_location")
    refuse_beyond_the_world(location, "add_actor_impulse_at_location")
    episode.actor(actor_id, "add_actor_impulse_at_location").add_impulse(impulse, at=location)


def add_force(episode: Episode, actor_id: ActorId, force: Vector3D) -> None:
    """Push it for one frame, N, world frame."""
    refuse_more_than(MAX_PUSH, force, "add_actor_force")
    episode.actor(actor_id, "add_actor_force").add_force(force)


def add_force_at(episode: Episode, actor_id: ActorId, force: Vector3D, location: Vector3D) -> None:
    """Push it for one frame at a place in the world, N."""
    refuse_more_than(MAX_PUSH, force, "add_actor_force_at_location")
    refuse_beyond_the_world(location, "add_actor_force_at_location")
    episode.actor(actor_id, "add_actor_force_at_location").add_force(force, at=location)


def add_angular_impulse(episode: Episode, actor_id: ActorId, impulse: Vector3D) -> None:
    """Turn it once, kg m² deg/s."""
    refuse_more_than(MAX_PUSH, impulse, "add_actor_angular_impulse")
    episode.actor(actor_id, "add_actor_angular_impulse").add_angular_impulse(impulse)


def add_torque(episode: Episode, actor_id: ActorId, torque: Vector3D) -> None:
    """Turn it for one frame, N m."""
    refuse_more_than(MAX_PUSH, torque, "add_actor_torque")
    episode.actor(actor_id, "add_actor_torque").add_torque(torque)


def set_autopilot(episode: Episode, actor_id: ActorId, _enabled: bool) -> None:
    """Accept the switch: the client's own Traffic Manager does the rest."""
    addressing.vehicle(episode, actor_id, "set_actor_autopilot")


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
    "enable_actor_constant_velocity": enable_constant_velocity,
    "disable_actor_constant_velocity": disable_constant_velocity,
    "add_actor_impulse": add_impulse,
    "add_actor_impulse_at_location": add_impulse_at,
    "add_actor_force": add_force,
    "add_actor_force_at_location": add_force_at,
    "add_actor_angular_impulse": add_angular_impulse,
    "add_actor_torque": add_torque,
    "set_actor_autopilot": set_autopilot,
}
