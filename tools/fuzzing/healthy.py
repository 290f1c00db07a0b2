"""An official client that must not notice anything: python healthy.py PORT SECONDS. Prints one JSON line per round.

In each round it looks around, spawns sensors, ticks, waits for what they saw, and cleans up what others left behind.
What another client may do (destroy its car, change the settings) may spoil a round; three in a row may not be spoilt.
"""

from __future__ import annotations

import json
import queue
import sys
import time
from typing import Any

import carla

SENSORS = ("sensor.lidar.ray_cast", "sensor.lidar.ray_cast_semantic", "sensor.camera.rgb", "sensor.camera.depth",
           "sensor.other.gnss", "sensor.other.imu", "sensor.other.radar")  # fmt: skip
SPAWNED = ("vehicle.", "walker.", "sensor.", "static.")
ROUNDS_SPOILT = 3
CLEAN_ABOVE = 60


def main() -> None:
    client = carla.Client("127.0.0.1", int(sys.argv[1]))
    client.set_timeout(60.0)
    until_s = time.monotonic() + float(sys.argv[2])
    spoilt = rounds = 0
    while time.monotonic() < until_s:
        began_s = time.monotonic()
        try:
            frame = one_round(client, rounds)
        except (RuntimeError, queue.Empty) as error:
            spoilt += 1
            print(json.dumps({"spoilt": f"{type(error).__name__}: {error}"}), flush=True)
            if spoilt >= ROUNDS_SPOILT:
                raise
        else:
            spoilt = 0
            print(json.dumps({"round": rounds, "frame": frame, "seconds": time.monotonic() - began_s}), flush=True)
        rounds += 1


def one_round(client: Any, number: int) -> int:
    world = client.get_world()
    assert client.get_server_version() == "0.9.16"
    library = world.get_blueprint_library()
    own: list[Any] = []
    received: queue.Queue[int] = queue.Queue()
    try:
        for i in range(2):
            blueprint = library.find(SENSORS[(number + i) % len(SENSORS)])
            if blueprint.has_attribute("image_size_x"):
                blueprint.set_attribute("image_size_x", "160")
                blueprint.set_attribute("image_size_y", "120")
            own.append(world.spawn_actor(blueprint, carla.Transform(carla.Location(5.0, 0.0, 2.5 + i))))
            own[-1].listen(lambda data: received.put(data.frame))
        for _ in range(5):
            world.tick(60.0)
        for _ in own:
            received.get(timeout=30.0)
    finally:
        for sensor in own:
            sensor.stop()
        client.apply_batch_sync([carla.command.DestroyActor(one) for one in own], False)
    others = [
        one for one in world.get_actors() if one.type_id.split(".")[0] in ("vehicle", "walker", "sensor", "static")
    ]
    if len(others) > CLEAN_ABOVE:
        client.apply_batch_sync([carla.command.DestroyActor(one) for one in others], False)
    return int(world.tick(60.0))


if __name__ == "__main__":
    main()
