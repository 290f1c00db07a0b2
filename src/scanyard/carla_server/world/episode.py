"""One loaded world: its scenery, its actors, its weather, and what a frame makes of them.

An episode knows nothing of sockets and clocks: ``advance`` is given the time that passes and hands each message to a
function.  It is called by one thread at a time.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from scanyard.carla_server.protocol import packets, wire
from scanyard.carla_server.protocol.poses import matrices, pose_of
from scanyard.carla_server.protocol.wire import (
    ActorDescription,
    BoundingBox,
    EnvironmentObject,
    LabelledPoint,
    Refused,
    Transform,
    Vector3D,
    VehicleControl,
    WalkerControl,
    WeatherParameters,
)
from scanyard.carla_server.sensors.context import Contact
from scanyard.carla_server.sensors.geolocation import GeoReference
from scanyard.carla_server.sensors.senses import Scene, Scenery, Senses, Shape
from scanyard.carla_server.world.actors import Actor, Placement, boxes_overlap
from scanyard.carla_server.world.attributes import refuse_impossible
from scanyard.carla_server.world.blueprints import library
from scanyard.carla_server.world.drawings import Drawings
from scanyard.carla_server.world.maps import Town
from scanyard.carla_server.world.sensing import Moment, Readers, Sensing, place_bodies
from scanyard.carla_server.world.switches import Switches

logger = logging.getLogger(__name__)

ANY_LABEL = 255
FAR_APART_M = 40.0
"""Between the origins of two actors: more than half the lengths of any two together."""
SPECTATOR_START = (0.0, 0.0, 50.0, -90.0, 0.0, 0.0)


Open = Callable[[], tuple[int, bytes]]
"""Opens a stream for a sensor: its id and token."""


class Episode:
    """The world between one load and the next; actor ids begin at 1 with the spectator and are never used twice."""

    def __init__(self, episode_id: int, town: Town, senses: Senses, *, open_stream: Open) -> None:
        self.id = episode_id
        self.town = town
        self.map_info = town.info()
        self.weather = WeatherParameters()
        self.gravity_mps2 = 9.81
        """What accelerometers feel at rest; clients set it."""
        self.collisions: list[Contact] = []
        """What touched in this frame."""
        self.drawings = Drawings()
        """What clients drew into the world."""
        self.time_s = 0.0
        self.actors: dict[int, Actor] = {}
        self._dead: dict[int, Actor] = {}
        self._senses = senses
        self._scene: Scene = senses.scene(town.road_map, style=town.style, parked_share=town.parked_share)
        self._sensing = Sensing(senses.sensors, GeoReference.of(town.road_map.xodr))
        self._open_stream = open_stream
        self._next_id = 1
        self._is_first_frame = True
        self.spectator = self._add(ActorDescription(0, "spectator"), pose=SPECTATOR_START)

    # --- actors ------------------------------------------------------------------------------------------------------

    def actor(self, actor_id: int, call: str) -> Actor:
        """The living actor with this id; Refused says, in the reference server's words, which call found none."""
        try:
            return self.actors[actor_id]
        except KeyError:
            why = f"Actor could not be found in the registry.  Actor Id: {actor_id}"
            raise Refused(f"Responding error from function {call}: {why}") from None

    def living_or_dead(self, actor_id: int, call: str) -> Actor:
        """The actor with this id even if it was destroyed: a refusal here would abort Traffic Manager's process."""
        found = self._dead.get(actor_id)
        return found if found is not None else self.actor(actor_id, call)

    def spawn(self, description: ActorDescription, transform: Transform, parent_id: int | None = None) -> Actor:
        """Add an actor; Refused says why not, in the words scripts look for."""
        pose = pose_of(transform)
        blueprint = library().get(description.id)
        if blueprint is None or not math.isfinite(sum(pose)):
            raise Refused("Spawn failed because of invalid actor description")
        if parent_id is not None and parent_id not in self.actors:
            raise Refused("unable to attach actor: parent actor not found")
        attributes = blueprint.attributes(description)
        refuse_impossible(blueprint.definition.attributes, attributes)
        try:
            shape = self._senses.shape_for(blueprint.id, attributes, blueprint.shape) if blueprint.shape else None
        except ValueError as error:
            raise Refused(f"Spawn failed because of invalid actor description: {error}") from error
        if shape is not None and parent_id is None and not blueprint.id.startswith("static."):
            self._refuse_collision(shape, pose)
        told = blueprint.description(attributes)
        actor = self._add(told, pose=pose, blueprint=blueprint, attributes=attributes, shape=shape)
        actor.parent_id = parent_id or 0
        if blueprint.senses:
            actor.stream_id, actor.token = self._open_stream()
        if actor.is_vehicle:
            actor.control_vehicle(VehicleControl())
        elif actor.is_walker:
            actor.control_walker(WalkerControl())
        return actor

    @property
    def switches(self) -> Switches:
        """What clients switched at single sensors."""
        return self._sensing.switches

    def open_stream(self) -> int:
        """Open one more stream, and return its id."""
        stream_id, _token = self._open_stream()
        return stream_id

    def destroy(self, actor_id: int) -> bool:
        """Remove an actor and all that is attached to it; false where there is none."""
        if actor_id not in self.actors or actor_id == self.spectator.id:
            return False
        self._dead[actor_id] = self.actors.pop(actor_id)
        for child in [one.id for one in self.actors.values() if one.parent_id == actor_id]:
            self.destroy(child)
        return True

    def _add(self, description: ActorDescription, **known: Any) -> Actor:
        actor = Actor(self._next_id, description, **({"blueprint": None, "attributes": {}} | known))
        self.actors[actor.id] = actor
        self._next_id += 1
        return actor

    def _refuse_collision(self, shape: Shape, pose: Sequence[float]) -> None:
        here = matrices(pose)
        for other in self.actors.values():
            if other.shape is None or other.parent_id or math.dist(pose[:3], other.pose[:3]) > FAR_APART_M:
                continue
            if boxes_overlap(shape, here, other.shape, matrices(other.pose)):
                raise Refused("Spawn failed because of collision at spawn position")

    # --- frames ------------------------------------------------------------------------------------------------------

    def advance(
        self, frame: int, delta_s: float, readers: Readers, *, platform_time_s: float, renders: bool = True
    ) -> None:
        """Make one frame: move, tell the snapshot, then sense and tell what every stream that is read saw."""
        self.time_s += delta_s
        for actor in self.actors.values():
            actor.advance(delta_s)
        actors = list(self.actors.values())
        placement = Placement.of(actors)
        readers.snapshot(
            packets.snapshot(
                placement.records(actors, delta_s),
                episode_id=self.id,
                frame=frame,
                time_s=self.time_s,
                delta_s=delta_s,
                platform_time_s=platform_time_s,
                simulation_state=packets.MAP_CHANGED if self._is_first_frame else 0,
            )
        )
        self._is_first_frame = False
        for actor in actors:
            actor.last_velocity = actor.velocity
        broken = self._sensing.sense(
            Moment(
                frame, self.time_s, delta_s, self.actors, placement.ids, placement.world_from_actor, placement.poses,
                self.weather, self.gravity_mps2, self.collisions, renders, self.drawings.seen_at(self.time_s),
            ),
            self._scene,
            readers,
        )  # fmt: skip
        for sensor_id in broken:
            self.destroy(sensor_id)

    # --- scenery -----------------------------------------------------------------------------------------------------

    def environment_objects(self, label: int) -> list[EnvironmentObject]:
        """Pieces of scenery with this label, or all of them."""
        return [
            EnvironmentObject(_transform(one.transform), _world_box(one), one.id, one.name, one.label)
            for one in self._scene.environment_objects
            if label in (ANY_LABEL, one.label)
        ]

    def enable_environment_objects(self, ids: Iterable[int], enabled: bool) -> None:
        """Show or hide pieces of scenery."""
        self._scene.enable(tuple(ids), enabled)

    def paint(self, names: Collection[str], color: tuple[float, float, float]) -> None:
        """Give the pieces of scenery with these names another colour, sRGB 0 to 1."""
        ids = [one.id for one in self._scene.environment_objects if one.name in names]
        if not ids:
            raise Refused(f"no object of this world is called {' or '.join(sorted(names)[:3])}")
        self._scene.paint(ids, color)

    def show_layers(self, layers: int, shown: bool) -> None:
        """Show or hide the scenery of map layers, by their bits."""
        self._scene.show_layers(layers, shown)

    def level_boxes(self, label: int) -> list[BoundingBox]:
        """World boxes of the scenery with this label."""
        return [one.bounding_box for one in self.environment_objects(label)]

    def first_hit(self, start: Vector3D, direction: Vector3D, distance_m: float) -> LabelledPoint | None:
        """What a ray meets first within a distance, scenery or actor."""
        length = math.hypot(*direction)
        if not (0.0 < length < math.inf and math.isfinite(sum(start)) and distance_m > 0.0):
            return None
        actors = list(self.actors.values())
        placement = Placement.of(actors)
        place_bodies(self._scene, actors, placement.ids, placement.world_from_actor)
        along = np.asarray(direction, dtype=np.float64) / length
        hits = self._scene.cast(np.asarray(start, dtype=np.float64)[None], along[None])
        range_m = float(hits.range_m[0])
        if not range_m <= distance_m:
            return None
        x, y, z = (np.asarray(start) + range_m * along).tolist()
        return LabelledPoint(Vector3D(x, y, z), int(hits.tag[0]))


def _transform(pose: Sequence[float]) -> Transform:
    x, y, z, pitch, yaw, roll = (float(value) for value in pose)
    return Transform(wire.Vector3D(x, y, z), wire.Rotation(pitch, yaw, roll))


def _world_box(one: Scenery) -> BoundingBox:
    transform = _transform(one.transform)
    center, extent = (Vector3D(*(float(value) for value in vector)) for vector in (one.box_center, one.extent))
    return BoundingBox(center, extent, transform.rotation)
