"""Calls about the parts of actors: components, bones, sockets, and the poses of walkers.

Relative transforms of components and sockets are relative to the actor, those of bones to the bone above.
"""

from __future__ import annotations

from collections.abc import Mapping

from scanyard.carla_server.calls import addressing
from scanyard.carla_server.calls.addressing import refusal
from scanyard.carla_server.protocol.bones import BoneTransformOut, WalkerBonesIn, WalkerBonesOut
from scanyard.carla_server.protocol.poses import Floats, matrices, poses, transform_of
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import ActorId, Transform
from scanyard.carla_server.world import rigs
from scanyard.carla_server.world.actors import Actor
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.rigs import Parts
from scanyard.carla_server.world.skeletons import NAMES, ROW, in_component, posed, standing, walking
from scanyard.carla_server.world.vehicles import Vehicle
from scanyard.carla_server.world.walkers import Walker

Names = tuple[str, ...]
Transforms = tuple[Transform, ...]


def component_names(episode: Episode, actor_id: ActorId) -> Names:
    """The names of an actor's components."""
    return tuple(rigs.components(episode.living_or_dead(actor_id, "get_actor_component_names")))


def component_in_world(episode: Episode, actor_id: ActorId, name: str) -> Transform:
    """Where a component is in the world."""
    actor = episode.living_or_dead(actor_id, "get_actor_component_world_transform")
    return _transform(_world_from(episode, actor) @ _component(actor, name, "get_actor_component_world_transform"))


def component_on_actor(episode: Episode, actor_id: ActorId, name: str) -> Transform:
    """Where a component is on its actor."""
    actor = episode.living_or_dead(actor_id, "get_actor_component_relative_transform")
    return _transform(_component(actor, name, "get_actor_component_relative_transform"))


def socket_names(episode: Episode, actor_id: ActorId) -> Names:
    """The names of an actor's sockets."""
    return tuple(rigs.sockets(episode.living_or_dead(actor_id, "get_actor_socket_names")))


def sockets_in_world(episode: Episode, actor_id: ActorId) -> Transforms:
    """Where an actor's sockets are in the world."""
    actor = episode.living_or_dead(actor_id, "get_actor_socket_world_transforms")
    return _in_world(episode, actor, rigs.sockets(actor))


def sockets_on_actor(episode: Episode, actor_id: ActorId) -> Transforms:
    """Where an actor's sockets are on it."""
    actor = episode.living_or_dead(actor_id, "get_actor_socket_relative_transforms")
    return tuple(map(_transform, rigs.sockets(actor).values()))


def bone_names(episode: Episode, actor_id: ActorId) -> Names:
    """The names of an actor's bones."""
    return tuple(_bones(episode.living_or_dead(actor_id, "get_actor_bone_names")))


def bones_in_world(episode: Episode, actor_id: ActorId) -> Transforms:
    """Where an actor's bones are in the world."""
    actor = episode.living_or_dead(actor_id, "get_actor_bone_world_transforms")
    return _in_world(episode, actor, _bones(actor))


def bones_on_bones(episode: Episode, actor_id: ActorId) -> Transforms:
    """Where an actor's bones are, each relative to the one above."""
    actor = episode.living_or_dead(actor_id, "get_actor_bone_relative_transforms")
    if isinstance(actor, Walker):
        return tuple(map(_transform, actor.skeleton()))
    return tuple(map(_transform, _bones(actor).values()))


def vehicle_bones_in_world(episode: Episode, actor_id: ActorId) -> Transforms:
    """Where a vehicle's bones are in the world."""
    actor = episode.living_or_dead(actor_id, "get_vehicle_bone_world_transforms")
    if not isinstance(actor, Vehicle):
        raise refusal("get_vehicle_bone_world_transforms", f"actor {actor_id} is {actor.type_id}, not a vehicle")
    return _in_world(episode, actor, rigs.vehicle_bones(actor))


def walker_bones(episode: Episode, actor_id: ActorId) -> WalkerBonesOut:
    """Where a walker's bones are: in the world, on the ground between its feet, and on the bone above."""
    walker = addressing.walker_ever(episode, actor_id, "get_bones_transform")
    relative = walker.skeleton()
    world_from_component = _world_from(episode, walker) @ rigs.components(walker)["CharacterMesh0"]
    found = []
    for name, on_component, on_bone in zip(NAMES, in_component(relative), relative, strict=True):
        world = _transform(world_from_component @ on_component)
        found.append(BoneTransformOut(name, world, _transform(on_component), _transform(on_bone)))
    return WalkerBonesOut(tuple(found))


def set_walker_bones(episode: Episode, actor_id: ActorId, wanted: WalkerBonesIn) -> None:
    """Change some bones of the pose that ``blend_pose`` shows."""
    walker = addressing.walker(episode, actor_id, "set_bones_transform")
    unknown = [name for name, _ in wanted.bones if name not in ROW]
    if unknown:
        raise refusal("set_bones_transform", f"walkers have no bone {unknown[0]!r}")
    for _, transform in wanted.bones:
        addressing.refuse_beyond_the_world(transform.location, "set_bones_transform")
    rest = standing(walker.height_m) if walker.custom_pose is None else walker.custom_pose
    walker.custom_pose = posed(rest, wanted.bones)


def blend_pose(episode: Episode, actor_id: ActorId, share: float) -> None:
    """How much of the script's pose is to be seen: 0 is the walk alone, 1 the pose alone."""
    addressing.walker(episode, actor_id, "blend_pose").pose_share = min(max(share, 0.0), 1.0)


def keep_pose(episode: Episode, actor_id: ActorId) -> None:
    """Make how the walker now holds itself the script's pose."""
    walker = addressing.walker(episode, actor_id, "get_pose_from_animation")
    walker.custom_pose = walking(walker.height_m, walker.walked_m, walker.speed_mps)


def _bones(actor: Actor) -> Parts:
    if isinstance(actor, Walker):
        return rigs.walker_bones(actor)
    return rigs.vehicle_bones(actor) if isinstance(actor, Vehicle) else {}


def _component(actor: Actor, name: str, call: str) -> Floats:
    parts = rigs.components(actor)
    if name not in parts:
        raise refusal(call, f"actor {actor.id} has no component {name!r}, but {', '.join(parts)}")
    return parts[name]


def _in_world(episode: Episode, actor: Actor, parts: Parts) -> Transforms:
    world_from_actor = _world_from(episode, actor)
    return tuple(_transform(world_from_actor @ part) for part in parts.values())


def _world_from(episode: Episode, actor: Actor) -> Floats:
    """(4, 4) of an actor, through all it is attached to."""
    world_from_actor = matrices(actor.pose)
    while actor.parent_id in episode.actors:
        actor = episode.actors[actor.parent_id]
        world_from_actor = matrices(actor.pose) @ world_from_actor
    return world_from_actor


def _transform(matrix: Floats) -> Transform:
    x, y, z, pitch, yaw, roll = poses(matrix).tolist()
    return transform_of((x, y, z, pitch, yaw, roll))


CALLS: Mapping[str, Handler] = {
    "get_actor_component_names": component_names,
    "get_actor_component_world_transform": component_in_world,
    "get_actor_component_relative_transform": component_on_actor,
    "get_actor_socket_names": socket_names,
    "get_actor_socket_world_transforms": sockets_in_world,
    "get_actor_socket_relative_transforms": sockets_on_actor,
    "get_actor_bone_names": bone_names,
    "get_actor_bone_world_transforms": bones_in_world,
    "get_actor_bone_relative_transforms": bones_on_bones,
    "get_vehicle_bone_world_transforms": vehicle_bones_in_world,
    "get_bones_transform": walker_bones,
    "set_bones_transform": set_walker_bones,
    "blend_pose": blend_pose,
    "get_pose_from_animation": keep_pose,
}
