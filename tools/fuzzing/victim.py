"""An official client that will be killed: python victim.py PORT SEED. Says "go" when there is something to kill.

It does what clients do when they die: ticks in synchronous mode, listens to sensors, spawns in batches, drives.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import carla


def main() -> None:
    pick = random.Random(int(sys.argv[2]))
    client = carla.Client("127.0.0.1", int(sys.argv[1]))
    client.set_timeout(20.0)
    world = client.get_world()
    library = world.get_blueprint_library()
    if pick.random() < 0.5:
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        world.apply_settings(settings)
    print("go", flush=True)
    while True:
        act(pick, client, world, library)


def act(pick: random.Random, client: Any, world: Any, library: Any) -> None:
    here = carla.Transform(carla.Location(pick.uniform(-80, 80), pick.uniform(-80, 80), 0.5))
    car = world.try_spawn_actor(pick.choice(library.filter("vehicle.*")), here)
    if car is not None:
        sensors = ("lidar.ray_cast", "lidar.ray_cast_semantic", "camera.rgb", "camera.depth", "other.gnss", "other.imu")
        blueprint = library.find(f"sensor.{pick.choice(sensors)}")
        if blueprint.has_attribute("image_size_x"):
            blueprint.set_attribute("image_size_x", "160")
            blueprint.set_attribute("image_size_y", "120")
        sensor = world.spawn_actor(blueprint, carla.Transform(carla.Location(0, 0, 2)), attach_to=car)
        sensor.listen(lambda data: data.frame)
        car.apply_control(carla.VehicleControl(throttle=0.7))
    spawn = carla.command.SpawnActor(pick.choice(library.filter("walker.*")), here)
    client.apply_batch_sync([spawn, carla.command.DestroyActor(10**6)], pick.random() < 0.5)
    for _ in range(pick.randrange(5)):
        world.tick(20.0)
    if car is not None and pick.random() < 0.7:
        sensor.destroy()
        car.destroy()


if __name__ == "__main__":
    main()
