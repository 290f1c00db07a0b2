"""One loaded world: its scenery, its actors, its weather, and what a frame makes of them.

An episode knows nothing of sockets and clocks: ``advance`` is given the time that passes and hands each message to a
function.  It is called by one thread at a time.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.rehearsal import rehearse
from scanyard.carla_server.motion.stepping import Motion
from scanyard.carla_server.motion.table import Table
from scanyard.carla_server.motion.vehicles import Vehicles
from scanyard.carla_server.protocol import packets, wire
from scanyard.carla_server.protocol.poses import Floats, Pose, pose_of
from scanyard.carla_server.protocol.wire import (
    ActorDescription,
    BoundingBox,
    EnvironmentObject,
    LabelledPoint,
    LightState,
    Refused,
    Transform,
    Vector3D,
    WeatherParameters,
)
from scanyard.carla_server.sensors.context import Contact
from scanyard.carla_server.sensors.geolocation import GeoReference
from scanyard.carla_server.sensors.senses import Scene, Scenery, Senses, Shape
from scanyard.carla_server.sensors.street_lighting import Signals
from scanyard.carla_server.world.actors import Actor
from scanyard.carla_server.world.attributes import refuse_impossible
from scanyard.carla_server.world.blueprints import library
from scanyard.carla_server.world.drawings import Drawings
from scanyard.carla_server.world.later import Later
from scanyard.carla_server.world.maps import Town
from scanyard.carla_server.world.population import Population
from scanyard.carla_server.world.road_rules import RoadRules
from scanyard.carla_server.world.sensing import Moment, Readers, Sensing, place_bodies
from scanyard.carla_server.world.street_lights import StreetLights
from scanyard.carla_server.world.switches import Switches
from scanyard.carla_server.world.traffic_lights import TrafficLights

logger = logging.getLogger(__name__)

ANY_LABEL = 255
STRAY = np.repeat([2e5, 1e6, 1e6, 1e7], 3)
"""What is farther out in m, turned further in degrees, or faster in m/s or degrees/s has left the world."""
SPECTATOR_START = (0.0, 0.0, 50.0, -90.0, 0.0, 0.0)


Open = Callable[[], tuple[int, bytes]]
"""Opens a stream for a sensor: its id and token."""


class Onlooker(Protocol):
    """Who may move actors before a frame is told, and is told each frame."""

    def direct(self, delta_s: float, /) -> None:
        """Put actors elsewhere, before the snapshot."""
        ...

    def note(self, records: NDArray[Any], delta_s: float, /) -> None:
        """Take the snapshot's records (N,) of dtype ``packets.ACTOR_STATE``."""
        ...


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
        self.onlooker: Onlooker | None = None
        """Who records and replays."""
        self.time_s = 0.0
        self._senses = senses
        self._street: Later[Scene] = Later(
            lambda: senses.scene(town.road_map, style=town.style, parked_share=town.parked_share, without=town.without),
            name="street",
        )
        self._rehearsal = Later(self._rehearse, name="rehearsal")
        self._street_lights: StreetLights | None = None
        self._sensing = Sensing(senses.sensors, GeoReference.of(town.road_map.xodr))
        self._open_stream = open_stream
        self._is_first_frame = True
        self.motion = Motion(self._ground_below, lambda: self._scene.obstacles)
        self._population = Population(self.motion)
        self.actors: Mapping[int, Actor] = self._population.actors
        """Every actor by id, in the order of spawning."""
        self.spectator = self._population.add(ActorDescription(0, "spectator"), SPECTATOR_START)
        self._rules = RoadRules(town.road_map, self._population, self.motion.ground_below)

    @property
    def _scene(self) -> Scene:
        """The street and all that stands in it; who asks first may have to wait for it to be built."""
        return self._street.get()

    def _rehearse(self) -> None:
        """Have motion compiled once the street is there: until then the processor has enough to do."""
        self._street.get()
        rehearse()

    def _ground_below(self, points: Floats) -> Floats:
        return self._scene.ground_below(points)

    @property
    def street_lights(self) -> StreetLights:
        """The lamps of the street, which waits for it."""
        if self._street_lights is None:
            self._street_lights = StreetLights(self._scene.lamps)
            self._street_lights.changed = True  # clients that were told of none ask again
        return self._street_lights

    def street_light_states(self) -> tuple[LightState, ...]:
        """What the lamps of the street are told as; none while it is being built."""
        return self.street_lights.states() if self._street.is_ready else ()

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
        found = self._population.dead.get(actor_id)
        return found if found is not None else self.actor(actor_id, call)

    def spawn(
        self,
        description: ActorDescription,
        transform: Transform,
        parent_id: int | None = None,
        *,
        overlapping: bool = False,
    ) -> Actor:
        """Add an actor, ``overlapping`` others or not; Refused says why not, in the words scripts look for."""
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
        if shape is not None and parent_id is None and blueprint.id.startswith("walker."):
            pose = self._on_its_feet(shape, pose)
        needs_room = parent_id is None and not (overlapping or blueprint.id.startswith("static."))
        if shape is not None and needs_room and not self._population.is_free(shape, pose):
            raise Refused("Spawn failed because of collision at spawn position")
        actor = self._population.add(
            blueprint.description(attributes), pose, blueprint=blueprint, attributes=attributes, shape=shape,
            parent_id=parent_id or 0,
        )  # fmt: skip
        if blueprint.senses:
            actor.stream_id, actor.token = self._open_stream()
        return actor

    @property
    def vehicles(self) -> Vehicles:
        """The arrays behind all vehicles."""
        return self.motion.vehicles

    @property
    def table(self) -> Table:
        """The arrays behind all actors, in the order of ``actors``."""
        return self.motion.table

    def _on_its_feet(self, shape: Shape, pose: Pose) -> Pose:
        """A walker's pose raised so far that its feet are not in the ground: navigation's places are on the ground."""
        x, y, z, pitch, yaw, roll = pose
        foot, head = (float(shape.center[2] + side * shape.extent[2]) for side in (-1.0, 1.0))
        ground = float(self._ground_below(np.array([[x, y, z + head]]))[0])
        z = max(z, ground - foot) if ground <= z + head else z
        return x, y, z, pitch, yaw, roll

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
        stays = actor_id == self.spectator.id or actor_id in self._rules.ids
        return not stays and self._population.remove(actor_id)

    @property
    def traffic_lights(self) -> TrafficLights:
        """The lights of the map."""
        return self._rules.lights

    # --- frames ------------------------------------------------------------------------------------------------------

    def advance(
        self,
        frame: int,
        delta_s: float,
        readers: Readers,
        *,
        platform_time_s: float,
        renders: bool = True,
        max_step_s: float = 0.01,
        max_steps: int = 10,
    ) -> None:
        """Make one frame: move, tell the snapshot, then sense and tell what every stream that is read saw.

        Motion is computed in steps of at most ``max_step_s``, and at most ``max_steps`` of them.
        """
        self.time_s += delta_s
        motion, table = self.motion, self.motion.table
        motion.advance(delta_s, max_step_s=max_step_s, max_steps=max_steps)
        self._rules.advance(delta_s)
        self.collisions = motion.contacts
        self._lose_strays()
        if self.onlooker is not None:
            self.onlooker.direct(delta_s)
        poses = table.world_poses()
        records = table.records(poses, delta_s)
        readers.snapshot(
            packets.snapshot(
                records,
                episode_id=self.id,
                frame=frame,
                time_s=self.time_s,
                delta_s=delta_s,
                platform_time_s=platform_time_s,
                simulation_state=self._news(),
            )
        )
        if self.onlooker is not None:
            self.onlooker.note(records, delta_s)
        table.last_velocity[:] = table.velocity
        if not any(actor.stream_id for actor in self.actors.values()) and not self._street.is_ready:
            return  # nobody looks at it yet
        broken = self._sensing.sense(
            Moment(
                frame, self.time_s, delta_s, self.actors, table.ids, table.world_from_actor(), poses,
                self.weather, self.gravity_mps2, self.collisions, renders, self.drawings.seen_at(self.time_s),
                self.street_lights.lamps(), self._signals(),
            ),
            self._scene,
            readers,
        )  # fmt: skip
        for sensor_id in broken:
            self.destroy(sensor_id)

    def _lose_strays(self) -> None:
        """Destroy what left the world, as the reference's engine does: of all others every number can be told."""
        table = self.motion.table
        moving = np.concatenate([table.pose, table.velocity, table.angular_velocity], axis=1)
        inside = np.abs(moving) <= STRAY  # a number that is none is not less than anything
        if not inside.all():
            stray = ~inside.all(axis=1)
            for actor_id in table.ids[stray].tolist():
                logger.info("actor %d left the world: destroyed", actor_id)
                self.destroy(actor_id)
            here = self.actors.keys() | {0}
            self.collisions = [one for one in self.collisions if {one.actor_id, one.other_id} <= here]

    def _signals(self) -> Signals:
        lights = self.traffic_lights
        return Signals.shown(lights.lamps, lights.facing, lights.head_state)

    def _news(self) -> int:
        """The bits of what clients should ask for again."""
        news = packets.MAP_CHANGED if self._is_first_frame else 0
        self._is_first_frame = False
        if self._street.is_ready:
            self.street_lights.follow_sun(self.weather.sun_altitude_angle)
            news |= packets.LAMPS_CHANGED if self.street_lights.changed else 0
            self.street_lights.changed = False
        return news

    # --- scenery -----------------------------------------------------------------------------------------------------

    def environment_objects(self, label: int) -> list[EnvironmentObject]:
        """Pieces of scenery with this label, or all of them."""
        return [
            EnvironmentObject(_transform(one.transform), _world_box(one), one.id, one.name, one.label)
            for one in self._scene.environment_objects
            if label in (ANY_LABEL, one.label)
        ]

    def enable_environment_objects(self, ids: Iterable[int], enabled: bool) -> None:
        """Show or hide pieces of scenery; what is hidden is in nobody's way."""
        named = tuple(ids)
        self._scene.enable(named, enabled)
        self.motion.hide(named, not enabled)

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
        world_from_actor = self.motion.table.world_from_actor()
        place_bodies(self._scene, list(self.actors.values()), self.motion.table.ids, world_from_actor)
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
