"""What a sensor is told of one frame besides the scene, its own attributes and its place.

One value for all sensors, so that each is the same function: ``(scene, attributes, world_from_sensor, context)`` to the
messages it sends of this frame, none where it has nothing to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets, wire
from scanyard.carla_server.protocol.drawing import DebugShape
from scanyard.carla_server.protocol.packets import Chunks
from scanyard.carla_server.protocol.wire import WeatherParameters
from scanyard.carla_server.sensors.geolocation import GeoReference
from scanyard.carla_server.sensors.motions import Motions
from scanyard.carla_server.sensors.street_lighting import Signals, StreetLamps
from scanyard.carla_server.surfaces.panes import salt_of
from scanyard.randomness import stream


class Tick(NamedTuple):
    """The frame being sensed, in the sensor's own time.

    A LiDAR begins its first turn when it is spawned: how many frames went by before, while a client was still
    connecting, must not turn its beams, or the same scenario would not give the same points.
    """

    frame: int
    """Frames since the sensor was spawned, beginning with 1."""
    time_s: float
    """Simulation time since the sensor was spawned."""
    delta_s: float
    """Simulation time since the frame before."""


class Contact(NamedTuple):
    """Two that touched in this frame; once for each pair."""

    actor_id: int
    other_id: int
    """0 for scenery."""
    normal_impulse: tuple[float, float, float]
    """N·s in the world: what the other gave the actor."""
    other_tag: int = 0
    """Semantic label of the scenery."""


_CLEAR, _SOMEWHERE = WeatherParameters(), GeoReference()


def _no_motions() -> Motions:
    return Motions.still(np.zeros(0, np.uint32), np.zeros((0, 4, 4)))


def _unknown_actor(actor_id: int) -> wire.Actor:
    return wire.Actor(actor_id, 0, wire.ActorDescription(0, ""), wire.BoundingBox(), b"", b"")


@dataclass(frozen=True)
class Context:
    """One frame, as one sensor is told of it."""

    tick: Tick
    frame: int = 0
    """The frame's number in the simulation."""
    time_s: float = 0.0
    """Simulation time of the episode."""
    pose: Sequence[float] | NDArray[Any] = (0.0,) * 6
    """(6,) x, y, z, pitch, yaw, roll of the sensor in the world."""
    sensor_id: int = 0
    parent_id: int = 0
    """Who carries the sensor, 0 where it stands alone."""
    carrier_ids: frozenset[int] = frozenset()
    """The parent, its parent, and so on: sensors may hang on sensors."""
    weather: WeatherParameters = _CLEAR
    gravity_mps2: float = 9.81
    """What accelerometers feel at rest; clients set it."""
    motions: Motions = field(default_factory=_no_motions)
    """Of all actors."""
    contacts: Sequence[Contact] = ()
    geo_reference: GeoReference = _SOMEWHERE
    record: Callable[[int], wire.Actor] = _unknown_actor
    """What clients know of an actor, by its id."""
    lights: Mapping[int, int] = field(default_factory=dict)
    """Light flags of vehicles that show any, by id."""
    street_lamps: StreetLamps = field(default_factory=StreetLamps)
    """Those that are on."""
    signals: Signals = field(default_factory=Signals)
    """Lamps of traffic lights that are on."""
    ignored_ids: frozenset[int] = frozenset()
    """Actors that the sensor shall not see."""
    annotates_through_glass: bool = False
    """Whether semantic pictures show what is behind glass."""
    drawings: tuple[DebugShape, ...] = ()
    """What clients drew into the world, in the order of drawing."""
    memory: dict[str, Any] = field(default_factory=dict)
    """The sensor's own, kept from frame to frame while it lives."""

    def opening(self, sensor_type: int) -> bytes:
        """The 48 bytes that open a message of this type."""
        return packets.header(sensor_type, self.frame, self.time_s, self.pose)

    @property
    def unseen_ids(self) -> frozenset[int]:
        """Whom the sensor's rays pass through."""
        return self.carrier_ids | self.ignored_ids

    @property
    def subject_id(self) -> int:
        """Whom an event is reported of: the parent, or the sensor itself where it stands alone."""
        return self.parent_id or self.sensor_id


Sensor = Callable[[Any, Mapping[str, str], NDArray[np.float64], Context], Sequence[Chunks]]
"""``(scene, attributes, world_from_sensor (4, 4), context)`` gives the messages of this frame."""


def number(attributes: Mapping[str, str], name: str, default: float) -> float:
    """A number among attributes, which are text and may be empty or missing; not a number counts as missing."""
    value = attributes.get(name, "")
    found = float(value) if value else default
    return found if math.isfinite(found) else default


def is_on(attributes: Mapping[str, str], name: str) -> bool:
    """Whether a switch among attributes is on: "true" in any case, or a number other than 0."""
    value = attributes.get(name, "").strip().lower()
    return value in ("true", "1", "1.0", "yes", "on")


def noise(
    kind: str, attributes: Mapping[str, str], world_from_sensor: NDArray[np.float64], context: Context
) -> np.random.Generator:
    """The generator of one sensor's noise in one frame.

    Keyed by its ``noise_seed``, its own frames and its pose: two alike on one car differ, a sensor that stands still
    does not repeat itself, and neither actor ids nor the server's past enter.
    """
    return stream(kind, int(number(attributes, "noise_seed", 0.0)), context.tick.frame, salt_of(world_from_sensor))
