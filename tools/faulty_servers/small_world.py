"""A world without a street for the faulty server: boxes for actors, and LiDARs that say where these are.

Faults lie in processes, ports and packets, not in what a packet shows; without scenery a server is up in a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.sensors.context import Context, Sensor
from scanyard.carla_server.sensors.senses import Senses
from scanyard.carla_server.street.obstacles import Obstacles

CAR = 14
POINTS_EACH = 10


@dataclass(frozen=True)
class Box:
    center: tuple[float, float, float]
    extent: tuple[float, float, float]


@dataclass(frozen=True)
class Ground:
    range_m: Any
    tag: Any


@dataclass
class EmptyScene:
    """Ground at z = 0 and nothing on it but actors."""

    environment_objects: tuple[Any, ...] = ()
    lamps: Any = field(default_factory=lambda: np.zeros((0, 3)))
    obstacles: Obstacles = field(default_factory=Obstacles.none)
    actor_ids: tuple[int, ...] = ()
    world_from_actor: Any = None

    def enable(self, ids: Iterable[int], enabled: bool, /) -> None:
        pass

    def paint(self, ids: Iterable[int], color: Any, /) -> None:
        pass

    def show_layers(self, layers: int, shown: bool, /) -> None:
        pass

    def place(self, actor_ids: Any, _shapes: Sequence[Any], world_from_actor: Any, /) -> None:
        self.actor_ids, self.world_from_actor = tuple(int(one) for one in actor_ids), np.asarray(world_from_actor)

    def ground_below(self, points: Any, /) -> Any:
        return np.zeros(len(points))

    def cast(self, _origins: Any, directions: Any, /) -> Ground:
        count = len(np.asarray(directions))
        return Ground(np.full(count, np.inf), np.zeros(count, np.uint8))


def small_world(*, sees_actors: bool = True) -> Senses:
    """The world; ``sees_actors`` false makes LiDARs go through everything."""

    def lidar(
        scene: EmptyScene, attributes: Mapping[str, str], world_from_sensor: Any, context: Context
    ) -> Sequence[packets.Chunks]:
        seen = [i for i, one in enumerate(scene.actor_ids) if sees_actors and one not in context.unseen_ids]
        sensor_from_world = np.linalg.inv(world_from_sensor)
        points = np.zeros(len(seen) * POINTS_EACH, packets.SEMANTIC_POINT)
        for row, i in enumerate(seen):
            x, y, z, _ = sensor_from_world @ scene.world_from_actor[i][:, 3]
            points[row * POINTS_EACH : (row + 1) * POINTS_EACH] = (x, y, z + 0.1, 1.0, scene.actor_ids[i], CAR)
        counts = np.zeros(int(float(attributes["channels"])), np.uint32)
        counts[0] = len(points)
        return [packets.sweep(context.opening(packets.SEMANTIC_LIDAR), counts, points, horizontal_angle_rad=0.0)]

    sensors: Mapping[str, Sensor] = {"semantic_lidar": lidar}
    return Senses(lambda *_, **__: EmptyScene(), _box, sensors)


def _box(type_id: str, attributes: Mapping[str, str], definition: Mapping[str, Any]) -> Box:
    length, width, height = (
        float(attributes.get(name, "0")) or float(definition[name]) for name in ("length_m", "width_m", "height_m")
    )
    return Box((0.0, 0.0, 0.0 if type_id.startswith("walker.") else height / 2), (length / 2, width / 2, height / 2))
