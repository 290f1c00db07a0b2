"""Whether a server's LiDAR hits what a scene is about, tried before it is recorded.

Builds of CARLA exist whose LiDARs go through walkers, or through trucks; a detector that learns from such scenes
learns that people are made of air.  So one of each blueprint is put ten metres from a LiDAR, high above the map where
nothing else is, and must return something.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from scanyard.errors import ServerError
from scanyard.roads.client import carla
from scanyard.sim.listening import Regularity, SensorPort
from scanyard.sim.packets import SEMANTIC_POINT

DISTANCE_M = 10.0
AROUND = 8
"""Blueprints around one LiDAR: on a circle of ten metres an articulated lorry has as much room."""
HEIGHT_M, STOREY_M = 1500.0, 20.0
"""Above every map, and above the actors of a scene that wait to be placed."""
MAST_M = 1.8
CHANNELS, FIRINGS = 32, 720
"""Rays half a degree apart: a pallet of 15 cm at ten metres is nearly a degree high."""


def unseen(client: Any, world: Any, blueprint_ids: Sequence[str], wait_s: float) -> list[str]:
    """Those of ``blueprint_ids`` that returned no point at ten metres; the world must be synchronous."""
    ids = list(blueprint_ids)
    with contextlib.ExitStack() as exits:
        handles: list[Any] = []
        exits.callback(lambda: client.apply_batch_sync([carla.command.DestroyActor(one) for one in handles], False))
        actor_ids = _spawn_around(client, world, ids)
        handles += actor_ids
        regularity = Regularity(borne=10**6)  # what comes from the first tick is not waited for
        ports = []
        for storey in range(-(-len(ids) // AROUND)):
            sensor = _spawn_lidar(world, storey)
            handles.append(sensor)
            ports.append(SensorPort(sensor, f"probe/{storey}", regularity))
            exits.callback(ports[-1].stop)
        world.tick(wait_s)  # what was spawned is there from the next tick on
        frame = int(world.tick(wait_s))
        deadline = time.monotonic() + wait_s
        packets = [port.packet(frame, deadline=deadline, late_at=deadline) for port in ports]
        hit = np.unique(np.concatenate([_instances(packet) for packet in packets]))
    return [name for name, actor in zip(ids, actor_ids, strict=True) if actor not in hit]


def _spawn_around(client: Any, world: Any, ids: Sequence[str]) -> list[int]:
    """Spawn one actor per blueprint, eight to a storey, and return their ids; those that cannot be spawned are 0."""
    library = world.get_blueprint_library()
    batch = []
    for index, name in enumerate(ids):
        storey, place = divmod(index, AROUND)
        angle = 2 * np.pi * place / AROUND
        lift = 1.0 if name.startswith("walker.") else 0.0  # a walker's origin is its middle
        at = carla.Location(
            DISTANCE_M * float(np.cos(angle)), DISTANCE_M * float(np.sin(angle)), HEIGHT_M + storey * STOREY_M + lift
        )
        spawn = carla.command.SpawnActor(library.find(name), carla.Transform(at))
        batch.append(spawn.then(carla.command.SetSimulatePhysics(carla.command.FutureActor, False)))
    responses = client.apply_batch_sync(batch, False)
    failed = [f"{name}: {one.error}" for name, one in zip(ids, responses, strict=True) if one.has_error()]
    if failed:
        client.apply_batch_sync(
            [carla.command.DestroyActor(one.actor_id) for one in responses if not one.has_error()], False
        )
        raise ServerError(f"cannot spawn above the map to see whether the LiDAR hits them: {'; '.join(failed)}")
    return [int(response.actor_id) for response in responses]


def _spawn_lidar(world: Any, storey: int) -> Any:
    rate_hz = 1.0 / world.get_settings().fixed_delta_seconds
    blueprint = world.get_blueprint_library().find("sensor.lidar.ray_cast_semantic")
    attributes = {
        "channels": str(CHANNELS),
        "range": "30",
        "rotation_frequency": f"{rate_hz:.6f}",
        "points_per_second": str(round(CHANNELS * FIRINGS * rate_hz)),
        "upper_fov": "5",
        "lower_fov": "-15",
    }
    for key, value in attributes.items():
        blueprint.set_attribute(key, value)
    return world.spawn_actor(
        blueprint, carla.Transform(carla.Location(0.0, 0.0, HEIGHT_M + storey * STOREY_M + MAST_M))
    )


def _instances(packet: Any) -> np.ndarray[Any, np.dtype[np.uint32]]:
    return np.frombuffer(packet.raw_data, dtype=SEMANTIC_POINT)["instance"]
