"""What clients switch at single sensors: whom they do not see, their G-buffers, and their ROS topics.

A G-buffer is a second picture from the camera's place, on a stream of its own.  The reference server hands out what its
renderer keeps anyway; here those four that a ray caster knows are made by the camera that looks for the same thing.
There is no ROS on board: the switch is kept and told, so that scripts which set it run, and nothing is published.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

GBUFFER_KINDS = {0: "rgb", 1: "depth", 2: "semantic", 3: "normals"}
"""What a camera senses for each G-buffer: scene colour, depth, stencil (the semantic label), and GBufferA (normals)."""


@dataclass
class SensorSwitches:
    """The switches of one sensor."""

    ignored_ids: frozenset[int] = frozenset()
    """Actors it does not see."""
    has_gbuffers: bool = False
    gbuffers: dict[int, int] = field(default_factory=dict)
    """Those that were asked for, by id: their streams."""
    is_on_ros: bool = False

    def gbuffers_to_send(self) -> list[tuple[str, int]]:
        """What is sensed for each G-buffer that is on, and its stream."""
        return (
            [(GBUFFER_KINDS[one], stream_id) for one, stream_id in self.gbuffers.items()] if self.has_gbuffers else []
        )


_UNTOUCHED = SensorSwitches()


class Switches:
    """Of all sensors of an episode, by actor id; most are never touched."""

    def __init__(self) -> None:
        self.annotates_through_glass = False
        """Whether semantic pictures show what is behind glass; of all cameras alike."""
        self._touched: dict[int, SensorSwitches] = {}

    def of(self, sensor_id: int) -> SensorSwitches:
        """How a sensor is switched; not to be changed."""
        return self._touched.get(sensor_id, _UNTOUCHED)

    def touch(self, sensor_id: int) -> SensorSwitches:
        """The switches of a sensor, to be changed."""
        return self._touched.setdefault(sensor_id, SensorSwitches())

    def keep(self, alive: Container[int]) -> None:
        """Forget the switches of sensors that are gone."""
        for sensor_id in [one for one in self._touched if one not in alive]:
            del self._touched[sensor_id]
