"""What people's scripts do with a server, one habit per function: python client_scripts.py HABIT PORT.

Prints one JSON value, which test_client_scripts.py judges.  Places are taken from the map's spawn points, so that every
habit works in every town.
"""

from __future__ import annotations

import hashlib
import math
import queue
import sys
import time
from collections.abc import Callable
from typing import Any

import carla
import numpy as np
from farewell import say_and_leave
from numpy.typing import NDArray

TICK_S = 0.05
WAIT_S = 20.0


def connected(port: int) -> Any:
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(WAIT_S)
    return client


def synchronous(world: Any) -> Any:
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = TICK_S
    world.apply_settings(settings)
    return world


TOWN = "city"


def fresh(client: Any) -> Any:
    """The town, empty, whatever was loaded before, with its mode kept."""
    synchronous(client.get_world())
    return client.load_world(TOWN, False)


def ahead(pose: Any, distance_m: float, *, turned_deg: float = 0.0, up_m: float = 0.0) -> Any:
    forward = pose.get_forward_vector()
    location = pose.location + carla.Location(forward.x * distance_m, forward.y * distance_m, up_m)
    return carla.Transform(location, carla.Rotation(pose.rotation.pitch, pose.rotation.yaw + turned_deg, 0.0))


def numbers(pose: Any) -> list[float]:
    at, turned = pose.location, pose.rotation
    return [at.x, at.y, at.z, turned.pitch, turned.yaw, turned.roll]


def spawned(client: Any, blueprints: list[Any], poses: list[Any], *, tick: bool = False) -> list[Any]:
    commands = [carla.command.SpawnActor(*pair) for pair in zip(blueprints, poses, strict=True)]
    return list(client.apply_batch_sync(commands, tick))


def open_stretch(world: Any, length_m: float) -> Any:
    """The spawn point with the straightest lane ahead."""
    town = world.get_map()

    def bend(pose: Any) -> float:
        ahead_of_it = town.get_waypoint(pose.location).next(length_m)
        if not ahead_of_it:
            return math.inf
        end = ahead_of_it[0].transform
        off = abs((end.rotation.yaw - pose.rotation.yaw + 180.0) % 360.0 - 180.0)
        return float(off + abs(end.location.distance(pose.location) - length_m))

    return min(town.get_spawn_points(), key=bend)


def blueprints(client: Any) -> Any:
    library = client.get_world().get_blueprint_library()
    return {
        "attributes": {
            one.id: {item.id: [str(item.type), item.recommended_values, item.is_modifiable] for item in one}
            for one in library
        },
        "found_by": {
            word: [one.id for one in library.filter(word)]
            for word in ("tt", "a2", "prius", "mkz_2017", "gazelle", "*charger_2020", "model3", "*lincoln*", "vehicle")
        },
    }


def spawning_everything(client: Any) -> Any:
    world = fresh(client)
    library = [one for one in world.get_blueprint_library() if one.id.split(".")[0] in ("vehicle", "walker", "static")]
    start = world.get_map().get_spawn_points()[0]
    # One above the other, as scripts do that want to see each once: nobody stands there.
    poses = [ahead(start, 0.0, up_m=100.0 * i) for i in range(len(library))]
    answers = spawned(client, library, poses)
    world.tick()
    present = {actor.id: actor for actor in world.get_actors()}
    sizes = [present[answer.actor_id].bounding_box.extent for answer in answers if not answer.error]
    kinds = [present[answer.actor_id].type_id for answer in answers if not answer.error]
    destroyed = client.apply_batch_sync([carla.command.DestroyActor(one.actor_id) for one in answers], True)
    return {
        "asked": [one.id for one in library],
        "spawned": kinds,
        "errors": [answer.error for answer in answers if answer.error],
        "flat": [kind for kind, size in zip(kinds, sizes, strict=True) if min(size.x, size.y, size.z) <= 0.0],
        "undestroyed": [answer.error for answer in destroyed if answer.error],
        "left": len([one for one in world.get_actors() if one.id in {answer.actor_id for answer in answers}]),
    }


def sensors_on_a_moving_car(client: Any) -> Any:
    """Every packet of a tick tells the tick's frame, time, and where its own sensor stood."""
    world = fresh(client)
    library = world.get_blueprint_library()
    car = world.spawn_actor(library.find("vehicle.ford.mustang"), open_stretch(world, 60.0))
    mount = carla.Transform(carla.Location(x=1.6, z=1.7))
    sensors: dict[str, Any] = {}
    packets: dict[str, queue.Queue[Any]] = {}
    for kind in (
        "lidar.ray_cast", "lidar.ray_cast_semantic", "other.gnss", "other.radar", "other.imu", "camera.rgb",
        "camera.depth", "camera.semantic_segmentation", "camera.instance_segmentation",
    ):  # fmt: skip
        blueprint = library.find(f"sensor.{kind}")
        if kind.startswith("camera"):
            blueprint.set_attribute("image_size_x", "80")
            blueprint.set_attribute("image_size_y", "60")
        sensors[kind] = world.spawn_actor(blueprint, mount, attach_to=car)
        packets[kind] = queue.Queue()
        sensors[kind].listen(packets[kind].put)
    world.tick()  # before a first tick clients know no place
    for waiting in packets.values():
        waiting.get(timeout=WAIT_S)
    start = car.get_location()
    car.set_target_velocity(10.0 * car.get_transform().get_forward_vector())
    wrong = []
    for _ in range(20):
        frame = world.tick()
        seconds = world.get_snapshot().timestamp.elapsed_seconds
        for kind, waiting in packets.items():
            packet = waiting.get(timeout=WAIT_S)
            if packet.frame != frame or packet.timestamp != seconds:
                wrong.append([kind, "frame", packet.frame - frame])
            if packet.transform != sensors[kind].get_transform():
                wrong.append([kind, numbers(packet.transform), numbers(sensors[kind].get_transform())])
    moved_m = car.get_location().distance(start)
    left_over = {kind: waiting.qsize() for kind, waiting in packets.items() if waiting.qsize()}
    for sensor in sensors.values():
        sensor.stop()
        sensor.destroy()
    return {"wrong": wrong, "left_over": left_over, "moved_m": moved_m, "destroyed": car.destroy()}


def snapshot_and_actors(client: Any) -> Any:
    world = fresh(client)
    cars = list(world.get_blueprint_library().filter("vehicle.*"))
    poses = world.get_map().get_spawn_points()[:20]
    answers = spawned(client, [cars[i % len(cars)] for i in range(len(poses))], poses, tick=True)
    frame = world.tick()
    snapshot = world.get_snapshot()
    actors = world.get_actors()
    off = [
        [
            abs(a - b)
            for a, b in zip(numbers(snapshot.find(answer.actor_id).get_transform()), numbers(pose), strict=True)
        ]
        for answer, pose in zip(answers, poses, strict=True)
    ]
    apart = [
        actor.id
        for actor in actors
        if not snapshot.has_actor(actor.id) or snapshot.find(actor.id).get_transform() != actor.get_transform()
    ]
    return {
        "errors": [answer.error for answer in answers if answer.error],
        "frame": snapshot.timestamp.frame - frame,
        "missing": sorted({one.id for one in snapshot} ^ {one.id for one in actors}),
        "apart": apart,
        # Height is left out: what was put a little above the road settles.
        "worst": np.max(np.delete(np.asarray(off), 2, axis=1), axis=0).tolist(),
    }


def ticking_in_batches(client: Any) -> Any:
    world = fresh(client)
    car = world.get_blueprint_library().filter("vehicle.*")[0]
    pose = world.get_map().get_spawn_points()[0]
    world.tick()

    def steps(*, with_batch: bool, after: bool) -> int:
        before = world.get_snapshot().frame
        [answer] = spawned(client, [car], [pose], tick=with_batch)
        if after:
            world.tick()
        passed = world.get_snapshot().frame - before
        client.apply_batch_sync([carla.command.DestroyActor(answer.actor_id)])
        return int(passed)

    return [
        steps(with_batch=False, after=False),
        steps(with_batch=True, after=False),
        steps(with_batch=False, after=True),
    ]


def filling_every_spawn_point(client: Any) -> Any:
    """The longest and the widest vehicle at all spawn points of a town at once, none refused, none moved."""
    world = fresh(client)
    points = world.get_map().get_spawn_points()
    told = {}
    for kind in ("vehicle.mitsubishi.fusorosa", "vehicle.carlamotors.firetruck", "vehicle.gazelle.omafiets"):
        blueprint = world.get_blueprint_library().find(kind)
        answers = spawned(client, [blueprint] * len(points), points)
        world.tick()
        snapshot = world.get_snapshot()
        off = [
            [
                abs(a - b)
                for a, b in zip(numbers(snapshot.find(one.actor_id).get_transform()), numbers(pose), strict=True)
            ]
            for one, pose in zip(answers, points, strict=True)
            if not one.error
        ]
        told[kind] = {
            "refused": len([one for one in answers if one.error]),
            "worst": np.max(np.delete(np.asarray(off), 2, axis=1), axis=0).tolist(),
        }
        client.apply_batch_sync([carla.command.DestroyActor(one.actor_id) for one in answers], True)
    off_road = [
        numbers(pose) for pose in points if world.get_map().get_waypoint(pose.location, project_to_road=False) is None
    ]
    return {"points": len(points), "vehicles": told, "off_road": off_road}


def crashing(client: Any, kinds: tuple[str, str], gap_m: float, speed_mps: float) -> Any:
    """Two actors face each other on a straight road; what each meets is told by its own collision sensor."""
    world = fresh(client)
    library = world.get_blueprint_library()
    start = open_stretch(world, gap_m)
    up_m = [1.0 if kind.startswith("walker") else 0.05 for kind in kinds]
    poses = [ahead(start, 0.0, up_m=up_m[0]), ahead(start, gap_m, turned_deg=180.0, up_m=up_m[1])]
    both = [world.spawn_actor(library.find(kind), pose) for kind, pose in zip(kinds, poses, strict=True)]
    events: list[queue.Queue[Any]] = [queue.Queue(), queue.Queue()]
    watches = [
        world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=one) for one in both
    ]
    for watch, heard in zip(watches, events, strict=True):
        watch.listen(heard.put)
    world.tick()
    for one, pose in zip(both, poses, strict=True):
        if one.type_id.startswith("vehicle"):
            one.set_target_velocity(speed_mps * pose.get_forward_vector())
    states = []
    for _ in range(60):
        world.tick()
        for one in both:
            at, speed, turning = one.get_transform(), one.get_velocity(), one.get_angular_velocity()
            states.append([*numbers(at), speed.x, speed.y, speed.z, turning.x, turning.y, turning.z])
    time.sleep(0.2)  # events travel on connections of their own
    heard_of = []
    for one, other, heard in zip(both, reversed(both), events, strict=True):
        mine = [heard.get() for _ in range(heard.qsize())]
        heard_of.append(
            {
                "times": len(mine),
                "of_the_other": sum(event.other_actor.id == other.id for event in mine),
                "own": all(event.actor.id == one.id for event in mine),
                "impulse": max((event.normal_impulse.length() for event in mine), default=0.0),
            }
        )
    for watch in watches:
        watch.destroy()
    table = np.asarray(states).reshape(60, 2, 12)
    return {
        "digest": hashlib.sha256(table.tobytes()).hexdigest(),
        "events": heard_of,
        "closest_m": float(np.min(np.linalg.norm(table[:, 0, :3] - table[:, 1, :3], axis=1))),
        "speeds": [float(np.linalg.norm(table[i, 0, 6:9])) for i in (1, -1)],
        "highest_m": float(np.max(table[:, :, 2]) - min(pose.location.z for pose in poses)),
    }


def crashing_twice(client: Any) -> Any:
    told = {}
    for name, kinds, gap_m, speed_mps in (
        ("cars", ("vehicle.audi.tt", "vehicle.lincoln.mkz_2017"), 50.0, 20.0),
        ("bicycle", ("vehicle.lincoln.mkz_2017", "vehicle.gazelle.omafiets"), 40.0, 12.0),
        ("walker", ("vehicle.lincoln.mkz_2017", "walker.pedestrian.0007"), 30.0, 15.0),
    ):
        told[name] = [crashing(client, kinds, gap_m, speed_mps) for _ in range(2)]
    return told


def counting_returns(client: Any) -> Any:
    world = fresh(client)
    library = world.get_blueprint_library()
    pose = ahead(world.get_map().get_spawn_points()[0], 0.0, up_m=2.0)
    common = {"channels": "64", "range": "100", "points_per_second": "200000", "rotation_frequency": "20"}
    ideal = {"dropoff_general_rate": "0.0", "dropoff_intensity_limit": "0.0", "dropoff_zero_intensity": "0.0"}
    wanted = {
        "ideal": ("sensor.lidar.ray_cast", {**common, **ideal}),
        "default": ("sensor.lidar.ray_cast", common),
        "half": ("sensor.lidar.ray_cast", {**common, **ideal, "dropoff_general_rate": "0.5"}),
        "noisy": ("sensor.lidar.ray_cast", {**common, **ideal, "noise_stddev": "0.1", "noise_seed": "7"}),
        "semantic": ("sensor.lidar.ray_cast_semantic", common),
    }
    waiting: dict[str, queue.Queue[Any]] = {}
    sensors = []
    for name, (kind, attributes) in wanted.items():
        blueprint = library.find(kind)
        for key, value in attributes.items():
            blueprint.set_attribute(key, value)
        sensor = world.spawn_actor(blueprint, pose)
        waiting[name] = queue.Queue()
        sensor.listen(waiting[name].put)
        sensors.append(sensor)
    told: dict[str, Any] = {}
    clouds: dict[str, NDArray[np.float32]] = {}
    for _ in range(3):
        world.tick()
        for name, packets in waiting.items():
            sweep = packets.get(timeout=WAIT_S)
            width = 6 if name == "semantic" else 4
            clouds[name] = np.frombuffer(sweep.raw_data, np.float32).reshape(-1, width)
            told[name] = {
                "by_channel": sum(sweep.get_point_count(i) for i in range(sweep.channels)),
                "by_length": len(sweep),
                "by_bytes": len(clouds[name]),
                "channels": sweep.channels,
            }
    for sensor in sensors:
        sensor.destroy()
    apart = np.linalg.norm(clouds["ideal"][:, :3], axis=1) - np.linalg.norm(clouds["noisy"][:, :3], axis=1)
    ideal_m, intensity = np.linalg.norm(clouds["ideal"][:, :3], axis=1), clouds["ideal"][:, 3]
    return {
        "counts": told,
        "noise_m": float(np.std(apart)),
        # Without materials' part, CARLA's intensity is exp(-0.004 * range); ours may only be below it.
        "brightest": float(np.max(intensity / np.exp(-0.004 * ideal_m))),
    }


def loading_towns(client: Any) -> Any:
    told = {}
    for path in client.get_available_maps():
        world = client.load_world(path)
        town = world.get_map()
        points = town.get_spawn_points()
        told[path] = {
            "name": town.name,
            "spawn_points": len(points),
            "topology": len(town.get_topology()),
            "waypoints": len(town.generate_waypoints(5.0)),
            "opendrive": "<OpenDRIVE" in town.to_opendrive()[:500],
            "synchronous": world.get_settings().synchronous_mode,
            "actors_carried_over": len(world.get_actors().filter("vehicle.*")),
        }
        world.spawn_actor(world.get_blueprint_library().filter("vehicle.*")[0], points[0])
        synchronous(world)
    return told


def keeping_settings(client: Any) -> Any:
    world = synchronous(client.get_world())
    kept = client.reload_world(False).get_settings()
    frame = client.get_world().tick()
    reset = client.reload_world().get_settings()
    world_after = client.get_world()
    begun_s = time.monotonic()
    world_after.apply_settings(reset)
    restoring_s = time.monotonic() - begun_s
    still = world.get_map().name  # a handle taken before two reloads
    return {
        "kept": [kept.synchronous_mode, kept.fixed_delta_seconds],
        "ticks": frame > 0,
        "reset": [reset.synchronous_mode, reset.fixed_delta_seconds],
        "restoring_s": restoring_s,
        "old_handle": still == world_after.get_map().name,
        "runs_by_itself": world_after.wait_for_tick(WAIT_S).frame > 0,
    }


def told_physics(control: Any) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, carla.Vector3D):
            return [value.x, value.y, value.z]
        if isinstance(value, carla.Vector2D):
            return [value.x, value.y]
        if isinstance(value, carla.WheelPhysicsControl | carla.GearPhysicsControl):
            return fields(value)
        return value

    def fields(thing: Any) -> dict[str, Any]:
        names = [name for name in dir(thing) if not name.startswith("_") and name != "position"]
        return {name: plain(getattr(thing, name)) for name in names}

    return fields(control)


def changing_physics(client: Any) -> Any:
    world = fresh(client)
    pose = world.get_map().get_spawn_points()[0]
    told: dict[str, Any] = {"wheels": {}, "changed": {}}
    for blueprint in world.get_blueprint_library().filter("vehicle.*"):
        car = world.spawn_actor(blueprint, pose)
        control = car.get_physics_control()
        told["wheels"][blueprint.id] = len(control.wheels)
        control.mass = 1234.0
        control.drag_coefficient = 0.5
        control.torque_curve = [carla.Vector2D(0.0, 300.0), carla.Vector2D(4000.0, 250.0)]
        control.center_of_mass = carla.Vector3D(0.1, 0.0, -0.2)
        wheels = control.wheels
        for i, wheel in enumerate(wheels):
            wheel.tire_friction = 2.0 + 0.25 * i
            wheel.long_stiff_value = 900.0 + i
        control.wheels = wheels
        asked = told_physics(control)
        car.apply_physics_control(control)
        world.tick()
        world.tick()
        given = told_physics(car.get_physics_control())
        off = [name for name in asked if not close(asked[name], given[name])]
        if off:
            told["changed"][blueprint.id] = {name: [asked[name], given[name]] for name in off}
        car.destroy()
    return told


def close(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
    return bool(abs(a - b) < 1e-3)


def coasting_without_friction(client: Any) -> Any:
    """Where nothing rubs, speed stays; where tyres hold, brakes stop a car."""
    world = fresh(client)
    start = open_stretch(world, 90.0)
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    told = {}
    for name, friction in (("ice", 0.0), ("road", 3.0)):
        car = world.spawn_actor(blueprint, ahead(start, 0.0, up_m=0.1))
        for _ in range(10):
            world.tick()
        control = car.get_physics_control()
        wheels = control.wheels
        for wheel in wheels:
            wheel.tire_friction = friction
        control.wheels = wheels
        control.drag_coefficient = 0.0
        car.apply_physics_control(control)
        world.tick()
        car.set_target_velocity(15.0 * start.get_forward_vector())
        world.tick()
        at_first = car.get_velocity().length()
        car.apply_control(carla.VehicleControl(brake=1.0))
        for _ in range(60):
            world.tick()
        told[name] = [at_first, car.get_velocity().length()]
        car.destroy()
        world.tick()
    return told


def holding_controls(client: Any) -> Any:
    """sticky_control: whether the last control is kept, or has to be given each tick."""
    world = fresh(client)
    start = open_stretch(world, 90.0)
    blueprint = world.get_blueprint_library().find("vehicle.audi.a2")

    def run(sticky: str | None, *, again: Any = None) -> list[float]:
        if sticky is not None:
            blueprint.set_attribute("sticky_control", sticky)
        car = world.spawn_actor(blueprint, start)
        for _ in range(5):
            world.tick()
        client.apply_batch_sync([carla.command.ApplyVehicleControl(car, carla.VehicleControl(throttle=1.0))])
        world.tick()
        for _ in range(60):
            if again is not None:
                client.apply_batch_sync([carla.command.ApplyVehicleControl(car, again)])
            world.tick()
        gone = [car.get_location().distance(start.location), car.get_velocity().length()]
        car.destroy()
        world.tick()
        return gone

    full, none = carla.VehicleControl(throttle=1.0), carla.VehicleControl()
    return {
        "default": run(None),
        "sticky": run("True"),
        "sticky_repeated": run("True", again=full),
        "loose": run("False"),
        "loose_repeated": run("False", again=full),
        "sticky_reset": run("True", again=none),
    }


def waiting_at_lights(client: Any) -> Any:
    world = fresh(client)
    world.tick()
    lights = list(world.get_actors().filter("traffic.traffic_light"))
    if not lights:
        return {"lights": 0}
    seen: dict[int, set[str]] = {one.id: set() for one in lights}
    conflicts = 0
    together = {one.id: [other.id for other in one.get_group_traffic_lights()] for one in lights}
    for light in lights:
        light.set_green_time(2.0)
        light.set_yellow_time(1.0)
        light.set_red_time(1.0)
    for _ in range(900):
        world.tick()
        states = {one.id: str(one.get_state()) for one in lights}
        for one in lights:
            seen[one.id].add(states[one.id])
        conflicts += sum(
            1
            for one in lights
            if states[one.id] == "Green" and all(states[other] == "Green" for other in together[one.id])
        )
    light = lights[0]
    stops = light.get_stop_waypoints()
    affected = light.get_affected_lane_waypoints()
    light.set_state(carla.TrafficLightState.Green)
    world.freeze_all_traffic_lights(True)
    for _ in range(100):
        world.tick()
    held = str(light.get_state())
    elapsed = light.get_elapsed_time()
    frozen = light.is_frozen()
    world.freeze_all_traffic_lights(False)
    return {
        "lights": len(lights),
        "states": sorted({state for states in seen.values() for state in states}),
        "lazy": [i for i, states in seen.items() if "Green" not in states],
        "all_green_at_once": conflicts,
        "groups": [len(group) for group in together.values()],
        "alone": [i for i, group in together.items() if i not in group],
        "stops": len(stops),
        "stops_on_lanes": all(one.lane_type == carla.LaneType.Driving for one in stops),
        "affected": len(affected),
        "held": held,
        "frozen": frozen,
        "elapsed_s": elapsed,
        "by_landmark": len(list(world.get_map().get_all_landmarks_of_type("1000001"))),
        "boxes": len(light.get_light_boxes()),
        "trigger": light.trigger_volume.extent.x > 0.0,
    }


def posing_a_walker(client: Any) -> Any:
    world = fresh(client)
    library = world.get_blueprint_library()
    pose = world.get_map().get_spawn_points()[0]
    walker = world.spawn_actor(library.find("walker.pedestrian.0007"), ahead(pose, 0.0, up_m=1.0))
    for _ in range(5):
        world.tick()
    standing = {bone.name: bone for bone in walker.get_bones().bone_transforms}
    walker.apply_control(carla.WalkerControl(pose.get_forward_vector(), 1.4))
    strides = []
    start = walker.get_location()
    for _ in range(40):
        world.tick()
        bones = {bone.name: bone.component for bone in walker.get_bones().bone_transforms}
        strides.append(
            bones["crl_foot__L"].location.distance(bones["crl_foot__R"].location) if "crl_foot__L" in bones else 0.0
        )
    walked_m = walker.get_location().distance(start)
    walker.apply_control(carla.WalkerControl())
    feet = min(bone.world.location.z for bone in standing.values())
    head = max(bone.world.location.z for bone in standing.values())
    arm = carla.Transform(carla.Location(), carla.Rotation(roll=80.0))
    walker.set_bones(carla.WalkerBoneControlIn([("crl_arm__L", arm)]))
    walker.show_pose()
    world.tick()
    raised = {bone.name: bone for bone in walker.get_bones().bone_transforms}
    moved = raised["crl_hand__L"].component.location.distance(standing["crl_hand__L"].component.location)
    return {
        "bones": sorted(standing),
        "walked_m": walked_m,
        "stride_varies_m": max(strides) - min(strides),
        "tall_m": head - feet,
        "hand_moved_m": moved,
    }


def following_lanes(client: Any) -> Any:
    """What route planners need: every piece of the topology leads on, and lanes are where their waypoints say."""
    town = client.get_world().get_map()
    topology = town.get_topology()
    entries = {(round(a.transform.location.x), round(a.transform.location.y)) for a, _ in topology}
    leads_on = sum((round(b.transform.location.x), round(b.transform.location.y)) in entries for _, b in topology)
    stuck = [a.road_id for a, _ in topology if not a.next(1.0)]
    waypoints = town.generate_waypoints(4.0)
    off_m = max(
        town.get_waypoint(one.transform.location).transform.location.distance(one.transform.location)
        for one in waypoints[::7]
    )
    narrow = [one.lane_width for one in waypoints if not 1.0 < one.lane_width < 8.0]
    sides = [one.get_left_lane() for one in waypoints[::11]], [one.get_right_lane() for one in waypoints[::11]]
    here = carla.Location(12.0, -34.0, 5.0)
    back = town.geolocation_to_transform(town.transform_to_geolocation(here))
    return {
        "pieces": len(topology),
        "leads_on": leads_on,
        "stuck": stuck,
        "off_m": off_m,
        "narrow": narrow,
        "sides": [sum(one is not None for one in side) for side in sides],
        "there_and_back_m": back.distance(here),
        "crosswalk_corners": len(town.get_crosswalks()),
    }


def recording(client: Any) -> Any:
    world = fresh(client)
    start = open_stretch(world, 60.0)
    car = world.spawn_actor(world.get_blueprint_library().find("vehicle.tesla.model3"), start)
    world.tick()
    name = client.start_recorder("client_scripts.log", True)
    car.set_target_velocity(8.0 * start.get_forward_vector())
    driven = []
    for _ in range(40):
        world.tick()
        driven.append(numbers(car.get_transform())[:3])
    client.stop_recorder()
    car.destroy()
    world.tick()
    info = client.show_recorder_file_info(name, False)
    collisions = client.show_recorder_collisions(name, "v", "a")
    blocked = client.show_recorder_actors_blocked(name, 1.0, 10.0)
    client.replay_file(name, 0.0, 0.0, 0, False)
    replayed = []
    for _ in range(35):  # what was recorded lasts longer
        world.tick()
        cars = world.get_actors().filter("vehicle.tesla.model3")
        if cars:
            replayed.append(numbers(cars[0].get_transform())[:3])
    off = [min(math.dist(place, other) for other in driven) for place in replayed]
    client.stop_replayer(False)
    return {
        "info": info,
        "collisions": collisions,
        "blocked": blocked,
        "replayed": len(replayed),
        "off_m": max(off, default=-1.0),
        "span_m": math.dist(replayed[0], replayed[-1]) if replayed else 0.0,
    }


def driving_with_traffic_manager(client: Any) -> Any:
    world = fresh(client)
    manager = client.get_trafficmanager(int(sys.argv[2]) + 5)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(3)
    cars = [
        one for one in world.get_blueprint_library().filter("vehicle.*") if "car" in str(one.get_attribute("base_type"))
    ]
    points = world.get_map().get_spawn_points()[:10]
    commands = [
        carla.command.SpawnActor(cars[i % len(cars)], pose).then(
            carla.command.SetAutopilot(carla.command.FutureActor, True, manager.get_port())
        )
        for i, pose in enumerate(points)
    ]
    ids = [answer.actor_id for answer in client.apply_batch_sync(commands, True) if not answer.error]
    vehicles = [world.get_actor(i) for i in ids]
    starts = [one.get_location() for one in vehicles]
    town = world.get_map()
    off_lane = 0
    for _ in range(200):
        world.tick()
    for _ in range(100):
        world.tick()
        for one in vehicles:
            at = one.get_location()
            lane = town.get_waypoint(at)
            off_lane += lane.transform.location.distance(carla.Location(at.x, at.y, lane.transform.location.z)) > 2.0
    moved = [one.get_location().distance(start) for one, start in zip(vehicles, starts, strict=True)]
    manager.set_synchronous_mode(False)
    manager.shut_down()
    client.apply_batch_sync([carla.command.DestroyActor(i) for i in ids], True)
    return {"vehicles": len(vehicles), "moved_m": moved, "off_lane": off_lane}


HABITS: dict[str, Callable[[Any], Any]] = {
    habit.__name__: habit
    for habit in (
        blueprints, spawning_everything, sensors_on_a_moving_car, snapshot_and_actors, ticking_in_batches,
        filling_every_spawn_point, crashing_twice, counting_returns, loading_towns, keeping_settings, changing_physics,
        coasting_without_friction, holding_controls, waiting_at_lights, posing_a_walker, following_lanes, recording,
        driving_with_traffic_manager,
    )
}  # fmt: skip

if __name__ == "__main__":
    say_and_leave(HABITS[sys.argv[1]](connected(int(sys.argv[2]))))
