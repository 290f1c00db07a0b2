"""A world for tests of the server: a straight road, flat ground, boxes for actors, sensors that say what is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.sensors.cameras import sends_pictures
from scanyard.carla_server.sensors.collision import collision
from scanyard.carla_server.sensors.context import Context, Tick
from scanyard.carla_server.sensors.gnss import gnss
from scanyard.carla_server.sensors.imu import imu
from scanyard.carla_server.sensors.senses import Senses
from scanyard.carla_server.sensors.table import IMAGES, sends_sweeps
from scanyard.carla_server.server import Server
from scanyard.carla_server.street.obstacles import Obstacles
from scanyard.carla_server.world.maps import Maps

ROAD, CAR = 1, 14

STRAIGHT_ROAD = """<?xml version="1.0"?>
<OpenDRIVE>
<header revMajor="1" revMinor="4" name="straight" version="1" north="0" south="0" east="0" west="0">
<geoReference>+proj=tmerc +lat_0=49 +lon_0=8 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m</geoReference></header>
<road name="Straight" length="200" id="1" junction="-1"><link/>
<type s="0" type="town"/>
<planView><geometry s="0" x="0" y="10" hdg="0" length="200"><line/></geometry></planView>
<elevationProfile><elevation s="0" a="0" b="0" c="0" d="0"/></elevationProfile><lateralProfile/>
<lanes><laneSection s="0">
<left><lane id="1" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></left>
<center><lane id="0" type="none" level="false"/></center>
<right><lane id="-1" type="driving" level="false"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes></road></OpenDRIVE>
"""


@dataclass(frozen=True)
class Box:
    center: tuple[float, float, float]
    extent: tuple[float, float, float]


@dataclass(frozen=True)
class ParkedCar:
    id: int = 7001
    name: str = "parked_0"
    label: int = CAR
    transform: tuple[float, ...] = (30.0, -5.0, 0.0, 0.0, 90.0, 0.0)
    box_center: tuple[float, ...] = (30.0, -5.0, 0.75)
    extent: tuple[float, ...] = (2.0, 0.9, 0.75)


@dataclass(frozen=True)
class FlatHits:
    range_m: Any
    tag: Any


@dataclass
class FlatScene:
    """Ground at z = 0; rays go through actors."""

    style: int
    parked_share: float
    environment_objects: tuple[ParkedCar, ...] = (ParkedCar(),)
    hidden: set[int] = field(default_factory=set)
    painted: dict[int, Any] = field(default_factory=dict)
    layers: int = 0xFFFF
    actor_ids: tuple[int, ...] = ()
    world_from_actor: Any = None
    ticks: list[Tick] = field(default_factory=list)

    @property
    def lamps(self) -> Any:
        return np.array([[5.0, 6.0, 7.5], [-5.0, 6.0, 7.5]])

    def enable(self, ids: Iterable[int], enabled: bool) -> None:
        (self.hidden.difference_update if enabled else self.hidden.update)(ids)

    def paint(self, ids: Iterable[int], color: tuple[float, float, float] | None) -> None:
        self.painted.update(dict.fromkeys(ids, color))

    def show_layers(self, layers: int, shown: bool) -> None:
        self.layers = self.layers | layers if shown else self.layers & ~layers

    def place(self, actor_ids: Any, shapes: Sequence[Any], world_from_actor: Any) -> None:
        assert len(actor_ids) == len(shapes) == len(world_from_actor)
        self.actor_ids = tuple(int(one) for one in actor_ids)
        self.world_from_actor = np.asarray(world_from_actor)

    def ground_below(self, points: Any) -> Any:
        return np.zeros(len(points))

    @property
    def obstacles(self) -> Obstacles:
        return Obstacles.none()

    def cast(self, origins: Any, directions: Any) -> FlatHits:
        down = -np.asarray(directions)[:, 2]
        with np.errstate(divide="ignore"):
            range_m = np.where(down > 0, np.asarray(origins)[:, 2] / down, np.inf)
        return FlatHits(range_m, np.where(np.isfinite(range_m), ROAD, 0))


def box_for(type_id: str, attributes: Mapping[str, str], definition: Mapping[str, Any]) -> Box:
    """A box of the size asked for; walkers stand around their origin, the others on it."""
    length, width, height = (
        float(attributes.get(name, "0")) or float(definition[name]) for name in ("length_m", "width_m", "height_m")
    )
    return Box((0.0, 0.0, 0.0 if type_id.startswith("walker.") else height / 2), (length / 2, width / 2, height / 2))


def actors_as_points(
    scene: FlatScene,
    attributes: Mapping[str, str],
    world_from_sensor: Any,
    *,
    parent_id: int,
    tick: Tick,
    motions: Any = None,
    sensor_id: int = 0,
    unseen_ids: frozenset[int] = frozenset(),
) -> tuple[Any, Any]:
    """Two channels: the first holds every other actor's origin in the sensor frame, the second none."""
    scene.ticks.append(tick)
    seen = [i for i, one in enumerate(scene.actor_ids) if one != parent_id and one not in unseen_ids]
    points = np.zeros(len(seen), packets.SEMANTIC_POINT)
    sensor_from_world = np.linalg.inv(world_from_sensor)
    for row, i in enumerate(seen):
        x, y, z, _ = sensor_from_world @ scene.world_from_actor[i][:, 3]
        points[row] = (x, y, z, 1.0, scene.actor_ids[i], CAR)
    return np.array([len(seen), 0], np.uint32), points


def origins_with_intensity(*what: Any, **how: Any) -> tuple[Any, Any]:
    counts, semantic = actors_as_points(*what, **how)
    points = np.zeros(len(semantic), packets.LIDAR_POINT)
    for name in ("x", "y", "z"):
        points[name] = semantic[name]
    points["intensity"] = 0.5
    return counts, points


def frame_as_colour(
    scene: FlatScene,
    kind: str,
    attributes: Mapping[str, str],
    world_from_sensor: Any,
    context: Context,
) -> Any:
    """Blue is 1, green 2, red the number of frames since the camera was spawned; the first pixel's blue is 255."""
    size = (int(float(attributes["image_size_y"])), int(float(attributes["image_size_x"])), 4)
    pixels = np.empty(size, np.uint8)
    pixels[:] = (1, 2, context.tick.frame & 0xFF, 255)
    pixels[0, 0, 0] = 255
    return pixels


def flat_scene(road_map: Any, *, style: int, parked_share: float, without: frozenset[str]) -> FlatScene:
    return FlatScene(style, parked_share)


FLAT = Senses(
    flat_scene,
    box_for,
    {
        **{kind: sends_pictures(kind, sensor_type, frame_as_colour) for kind, sensor_type in IMAGES.items()},
        "semantic_lidar": sends_sweeps(packets.SEMANTIC_LIDAR, actors_as_points),
        "lidar": sends_sweeps(packets.LIDAR, origins_with_intensity),
        "gnss": gnss,
        "imu": imu,
        "collision": collision,
    },
)


def write_maps(folder: Path) -> Maps:
    for name in ("straight", "other"):
        (folder / f"{name}.xodr").write_text(STRAIGHT_ROAD)
    return Maps([folder])


def flat_server(folder: Path) -> Server:
    """A server on free ports, started on the map ``straight``; close it."""
    server = Server(write_maps(folder), host="127.0.0.1", rpc_port=0, streaming_port=0, senses=FLAT)
    server.start("straight")
    assert server.ready.wait(10.0)
    assert server.failure is None, server.failure
    return server
