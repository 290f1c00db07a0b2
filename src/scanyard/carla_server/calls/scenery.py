"""Calls about the static world: what stands there, what a ray meets."""

from __future__ import annotations

import math
from collections.abc import Mapping

from scanyard.carla_server.calls.addressing import refuse_beyond_the_world
from scanyard.carla_server.protocol.rpc import Handler
from scanyard.carla_server.protocol.wire import (
    BoundingBox,
    EnvironmentObject,
    LabelledPoint,
    UInt8,
    UInt16,
    UInt64,
    Vector3D,
)
from scanyard.carla_server.world.episode import ANY_LABEL, Episode


def objects(episode: Episode, label: UInt8) -> tuple[EnvironmentObject, ...]:
    """The pieces of scenery with a label, hidden ones too."""
    return tuple(episode.environment_objects(label))


def enable_objects(episode: Episode, ids: tuple[UInt64, ...], enabled: bool) -> None:
    """Show or hide pieces of scenery."""
    episode.enable_environment_objects(ids, enabled)


def boxes(episode: Episode, label: UInt8) -> tuple[BoundingBox, ...]:
    """The boxes, in the world, of the scenery with a label."""
    return tuple(episode.level_boxes(label))


def load_layers(episode: Episode, layers: UInt16) -> None:
    """Show the scenery of map layers."""
    episode.show_layers(layers, True)


def unload_layers(episode: Episode, layers: UInt16) -> None:
    """Hide the scenery of map layers."""
    episode.show_layers(layers, False)


def names(episode: Episode) -> tuple[str, ...]:
    """The names of all pieces of scenery."""
    return tuple(one.name for one in episode.environment_objects(ANY_LABEL))


def cast_ray(episode: Episode, start: Vector3D, end: Vector3D) -> tuple[LabelledPoint, ...]:
    """What stands first between two points, if anything."""
    refuse_beyond_the_world(start, "cast_ray")
    direction = Vector3D(end.x - start.x, end.y - start.y, end.z - start.z)
    hit = episode.first_hit(start, direction, math.hypot(*direction))
    return () if hit is None else (hit,)


def project_point(
    episode: Episode, start: Vector3D, direction: Vector3D, distance: float
) -> tuple[bool, LabelledPoint]:
    """What stands first in a direction within a distance, and whether anything does."""
    refuse_beyond_the_world(start, "project_point")
    hit = episode.first_hit(start, direction, distance)
    return hit is not None, hit or LabelledPoint(Vector3D(), 0)


CALLS: Mapping[str, Handler] = {
    "get_environment_objects": objects,
    "enable_environment_objects": enable_objects,
    "get_all_level_BBs": boxes,
    "load_map_layer": load_layers,
    "unload_map_layer": unload_layers,
    "get_names_of_all_objects": names,
    "cast_ray": cast_ray,
    "project_point": project_point,
}
