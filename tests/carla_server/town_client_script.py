"""What the official client does in a town of ours: python town_client_script.py STORY PORT; prints one JSON value."""

from __future__ import annotations

import math
import sys
from typing import Any

import carla
from farewell import say_and_leave

TRAFFIC_MANAGER_PORT = 1000  # above the server's own


def synchronous(client: Any) -> Any:
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    world.tick()
    return world


def signals(client: Any) -> Any:
    """Every light and sign as the client knows it."""
    world = synchronous(client)
    town = world.get_map()
    first = [actor.type_id for actor in sorted(world.get_actors(), key=lambda actor: actor.id)][:2]
    lights = world.get_actors().filter("traffic.traffic_light")
    found = []
    for light in lights:
        volume = light.trigger_volume
        at = light.get_transform().transform(volume.location)
        stops = light.get_stop_waypoints()
        found.append({
            "in_junction": town.get_waypoint(at).is_junction,
            "stops": len(stops),
            "affected": len(light.get_affected_lane_waypoints()),
            "group": len(light.get_group_traffic_lights()),
            "boxes": len(light.get_light_boxes()),
            "turned": math.cos(math.radians(light.get_transform().rotation.yaw - stops[0].transform.rotation.yaw - 90)),
        })  # fmt: skip
    mark = town.get_all_landmarks_of_type("1000001")[0]
    one = world.get_traffic_light(mark)
    one.set_green_time(4.5)
    one.set_state(carla.TrafficLightState.Yellow)
    one.freeze(True)
    world.tick()
    told = [str(one.get_state()), one.get_green_time(), one.is_frozen(), one.get_opendrive_id() == mark.id]
    survives = not one.destroy()
    world.reset_all_traffic_lights()
    world.freeze_all_traffic_lights(False)
    world.tick()
    return {
        "first": first,
        "lights": found,
        "kinds": sorted({actor.type_id for actor in world.get_actors().filter("traffic.*")}),
        "told": told,
        "is_frozen": one.is_frozen(),
        "survives": survives,
    }


def pedestrians(client: Any) -> Any:
    """Walkers that go where navigation leads them."""
    world = synchronous(client)
    world.set_pedestrians_seed(3)
    world.set_pedestrians_cross_factor(0.0)
    places = [world.get_random_location_from_navigation() for _ in range(60)]
    library = world.get_blueprint_library()
    walkers = [world.try_spawn_actor(library.filter("walker.pedestrian.*")[0], carla.Transform(place))
               for place in places[:20]]  # fmt: skip
    walkers = [walker for walker in walkers if walker is not None][:10]
    world.tick()
    controllers = [
        world.spawn_actor(library.find("controller.ai.walker"), carla.Transform(), walker) for walker in walkers
    ]
    world.tick()
    for controller, goal in zip(controllers, places[20:], strict=False):
        controller.start()
        controller.go_to_location(goal)
        controller.set_max_speed(2.0)
    trail = []
    for frame in range(300):
        world.tick()
        if frame % 10 == 0:
            trail.append([[at.x, at.y] for at in (walker.get_location() for walker in walkers)])
    for controller in controllers:
        controller.stop()
    return {"places": [[place.x, place.y, place.z] for place in places], "trail": trail}


def traffic(client: Any) -> Any:
    """Traffic Manager drives: it must be able to read the map."""
    world = synchronous(client)
    manager = client.get_trafficmanager(int(sys.argv[2]) + TRAFFIC_MANAGER_PORT)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(1)
    library = world.get_blueprint_library()
    cars = [world.try_spawn_actor(library.find("vehicle.tesla.model3"), point)
            for point in world.get_map().get_spawn_points()[:60:3]]  # fmt: skip
    cars = [car for car in cars if car is not None]
    world.tick()
    for car in cars:
        car.set_autopilot(True, manager.get_port())
    start = [car.get_location() for car in cars]
    waited, limits = 0, set()
    for _ in range(200):
        world.tick()
        waited += sum(car.is_at_traffic_light() for car in cars)
        limits |= {car.get_speed_limit() for car in cars}
    moved = [car.get_location().distance(before) for car, before in zip(cars, start, strict=True)]
    off = [
        car.get_location().distance(world.get_map().get_waypoint(car.get_location()).transform.location) for car in cars
    ]
    manager.shut_down()
    return {"cars": len(cars), "moved": moved, "off": off, "waited": waited, "limits": sorted(limits)}


STORIES = {one.__name__: one for one in (signals, pedestrians, traffic)}

if __name__ == "__main__":
    connected = carla.Client("127.0.0.1", int(sys.argv[2]))
    connected.set_timeout(30.0)
    say_and_leave(STORIES[sys.argv[1]](connected))
