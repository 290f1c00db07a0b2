"""A world on flat ground whose calls are made by name, without sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flat_carla_world import FLAT, write_maps

from scanyard.carla_server.calls.table import methods
from scanyard.carla_server.protocol.wire import (
    ActorDescription,
    Rotation,
    Transform,
    Vector3D,
)
from scanyard.carla_server.world.episode import Episode
from scanyard.carla_server.world.simulation import Simulation

ORIGIN = Vector3D()
CAR, WALKER, CAMERA, GNSS = "vehicle.audi.a2", "walker.pedestrian.0001", "sensor.camera.rgb", "sensor.other.gnss"


@dataclass
class FakeStreams:
    expected: list[int] = field(default_factory=list)

    def token(self, stream_id: int) -> bytes:
        return stream_id.to_bytes(24, "little")

    def expect(self, stream_id: int) -> None:
        self.expected.append(stream_id)

    def forget(self, stream_id: int) -> None:
        pass


class Ear:
    """Reads everything."""

    def __init__(self) -> None:
        self.heard: dict[int, bytes] = {}
        self.snapshots: list[bytes] = []

    def snapshot(self, message: Any) -> None:
        self.snapshots.append(b"".join(message))

    def reads(self, stream_id: int) -> bool:
        return True

    def sensed(self, stream_id: int, message: Any) -> None:
        self.heard[stream_id] = b"".join(message)


class World:
    """A loaded world whose calls are made by name."""

    def __init__(self, folder: Path) -> None:
        self.streams = FakeStreams()
        self.simulation = Simulation(write_maps(folder), self.streams, FLAT, folder)  # type: ignore[arg-type]
        self.simulation.load("straight")
        self.calls: Mapping[str, Callable[..., Any]] = methods(self.simulation, self.streams)  # type: ignore[arg-type]
        self.ear = Ear()

    @property
    def episode(self) -> Episode:
        with self.simulation.world() as episode:
            return episode

    def call(self, name: str, *arguments: Any) -> Any:
        return self.calls[name](*arguments)

    def frame(self, delta_s: float = 0.1) -> None:
        self.simulation.frame += 1
        self.episode.advance(self.simulation.frame, delta_s, self.ear, platform_time_s=0.0)

    def spawned(self, blueprint: str, at: Vector3D = ORIGIN, yaw: float = 0.0, parent: int | None = None) -> int:
        where, what = Transform(at, Rotation(yaw=yaw)), ActorDescription(0, blueprint)
        if parent is None:
            return int(self.call("spawn_actor", what, where).id)
        return int(self.call("spawn_actor_with_parent", what, where, parent, 0, "").id)
