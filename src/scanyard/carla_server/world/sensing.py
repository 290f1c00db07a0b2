"""Which sensors are due in a frame, and what each is told of it.

A sensor is asked only while someone reads its stream, and then at most once per ``sensor_tick``.  What moved is
remembered in every frame, read or not: a sensor that begins to be read in the middle of a drive knows how fast it goes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.drawing import DebugShape
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.protocol.wire import WeatherParameters
from scanyard.carla_server.sensors.context import Contact, Context, Sensor, Tick
from scanyard.carla_server.sensors.geolocation import GeoReference
from scanyard.carla_server.sensors.motions import History, Motions
from scanyard.carla_server.sensors.senses import FEEL, Scene
from scanyard.carla_server.sensors.street_lighting import Signals, StreetLamps
from scanyard.carla_server.world.actors import Actor
from scanyard.carla_server.world.switches import Switches

logger = logging.getLogger(__name__)

_CAMERAS = "sensor.camera."
_SLACK_S = 1e-6  # frames do not fall on a sensor_tick exactly


class Readers(Protocol):
    """Who is told what a frame brought."""

    def snapshot(self, message: Chunks, /) -> None:
        """Take the snapshot; it comes before what sensors saw."""
        ...

    def reads(self, stream_id: int, /) -> bool:
        """Whether anyone wants this stream, so that nothing is sensed for nobody."""
        ...

    def sensed(self, stream_id: int, message: Chunks, /) -> None:
        """Take one sensor's message."""
        ...


@dataclass(frozen=True)
class Moment:
    """One frame, as all sensors are told of it."""

    frame: int
    time_s: float
    delta_s: float
    actors: Mapping[int, Actor]
    """Every actor by id, in the order of spawning."""
    ids: NDArray[np.uint32]
    """(N,) of the actors, ascending."""
    world_from_actor: NDArray[np.float64]
    """(N, 4, 4), indexed alike."""
    poses: NDArray[np.float64]
    """(N, 6) x, y, z, pitch, yaw, roll, likewise."""
    weather: WeatherParameters
    gravity_mps2: float
    contacts: Sequence[Contact]
    renders: bool
    """Whether cameras see."""
    drawings: tuple[DebugShape, ...] = ()
    """What clients drew into the world."""
    street_lamps: StreetLamps = field(default_factory=StreetLamps)
    """Those that are on."""
    signals: Signals = field(default_factory=Signals)
    """Lamps of traffic lights that are on."""


class Sensing:
    """The sensors of an episode."""

    def __init__(self, sensors: Mapping[str, Sensor], geo_reference: GeoReference) -> None:
        self._sensors = sensors
        self._geo_reference = geo_reference
        self._history = History()
        self._memories: dict[int, dict[str, Any]] = {}
        self.switches = Switches()

    def sense(self, moment: Moment, scene: Scene, readers: Readers) -> list[int]:
        """Ask every sensor that is due, and tell its readers; returns the ids of those that failed."""
        motions = self._history.add(moment.ids, moment.world_from_actor, moment.delta_s)
        actors = list(moment.actors.values())
        due = [
            row
            for row, one in enumerate(actors)
            if one.stream_id and (moment.renders or not one.type_id.startswith(_CAMERAS))
            and _is_due(one) and (readers.reads(one.stream_id) or self._reads_gbuffers(one, readers))
        ]  # fmt: skip
        broken: list[int] = []
        if not due:
            return broken
        if any(_kind(actors[row]) not in FEEL for row in due):
            place_bodies(scene, actors, moment.ids, moment.world_from_actor)
        self.switches.keep(moment.actors)
        self._memories = {one: kept for one, kept in self._memories.items() if one in moment.actors}
        lights = {one.id: one.lights for one in actors if one.lights}
        for row in due:
            sensor = actors[row]
            context = self._context(sensor, moment, motions, row, lights)
            sensor.last_sensed_s = sensor.age_s
            try:
                self._tell(sensor, scene, moment.world_from_actor[row], context, readers)
            except Exception:
                # A bug, or more than there is memory for.  The world goes on for the others; whoever waits for this
                # sensor finds it destroyed.
                logger.exception("sensor %d (%s) failed: destroyed", sensor.id, sensor.type_id)
                broken.append(sensor.id)
        return broken

    def _tell(
        self,
        sensor: Actor,
        scene: Scene,
        world_from_sensor: NDArray[np.float64],
        context: Context,
        readers: Readers,
    ) -> None:
        if readers.reads(sensor.stream_id):
            for message in self._sensors[_kind(sensor)](scene, sensor.attributes, world_from_sensor, context):
                readers.sensed(sensor.stream_id, message)
        for kind, stream_id in self.switches.of(sensor.id).gbuffers_to_send():
            if readers.reads(stream_id):
                for message in self._sensors[kind](scene, sensor.attributes, world_from_sensor, context):
                    readers.sensed(stream_id, packets.as_gbuffer(message))

    def _reads_gbuffers(self, sensor: Actor, readers: Readers) -> bool:
        return any(readers.reads(stream_id) for _, stream_id in self.switches.of(sensor.id).gbuffers_to_send())

    def _context(self, sensor: Actor, moment: Moment, motions: Motions, row: int, lights: Mapping[int, int]) -> Context:
        return Context(
            Tick(sensor.frames, sensor.age_s, moment.delta_s),
            frame=moment.frame,
            time_s=moment.time_s,
            pose=moment.poses[row],
            sensor_id=sensor.id,
            parent_id=sensor.parent_id,
            carrier_ids=_carriers(sensor, moment.actors),
            weather=moment.weather,
            gravity_mps2=moment.gravity_mps2,
            motions=motions,
            contacts=moment.contacts,
            geo_reference=self._geo_reference,
            record=lambda actor_id: moment.actors[actor_id].record(),
            lights=lights,
            ignored_ids=self.switches.of(sensor.id).ignored_ids,
            annotates_through_glass=self.switches.annotates_through_glass,
            drawings=moment.drawings,
            street_lamps=moment.street_lamps,
            signals=moment.signals,
            memory=self._memories.setdefault(sensor.id, {}),
        )


def place_bodies(
    scene: Scene, actors: Sequence[Actor], ids: NDArray[np.uint32], world_from_actor: NDArray[np.float64]
) -> None:
    """Put every actor that has a body into the scene: N actors, ids (N,), poses (N, 4, 4)."""
    looks = [actor.look for actor in actors]
    with_body = [row for row, look in enumerate(looks) if look is not None]
    scene.place(ids[with_body], [looks[row] for row in with_body], world_from_actor[with_body])


def _kind(sensor: Actor) -> str:
    assert sensor.blueprint is not None
    assert sensor.blueprint.senses is not None  # else it would have no stream
    return sensor.blueprint.senses


def _is_due(sensor: Actor) -> bool:
    every_s = float(sensor.attributes.get("sensor_tick", "0") or 0.0)
    return every_s <= 0.0 or sensor.age_s - sensor.last_sensed_s >= every_s - _SLACK_S


def _carriers(sensor: Actor, actors: Mapping[int, Actor]) -> frozenset[int]:
    found = set()
    parent_id = sensor.parent_id
    while parent_id:
        found.add(parent_id)
        parent_id = actors[parent_id].parent_id
    return frozenset(found)
