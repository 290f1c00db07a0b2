"""One HTML page with what every sensor sees in every town, at noon, in rain and at night.

All of it through the official client: a car stands in the traffic of each town with cameras and LiDAR on its roof, a
chase camera behind it, and the picture is taken after a second of driving.
"""

from __future__ import annotations

import argparse
import math
import queue
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scanyard.fleet.launch import Server, ServerCommand

MAPS = Path(__file__).parents[2] / "scenarios" / "maps"
WIDTH, HEIGHT, FOV_DEG = 960, 540, 90.0
SETTLING_FRAMES = 12
TRAFFIC, WALKERS, NEAR_M = 30, 24, 110.0
LIGHTS = carla.VehicleLightState
WEATHERS = {
    "noon": carla.WeatherParameters(
        cloudiness=25.0, sun_altitude_angle=55.0, sun_azimuth_angle=40.0, fog_density=2.0, fog_distance=0.75
    ),
    "rain": carla.WeatherParameters(
        cloudiness=95.0, precipitation=70.0, precipitation_deposits=75.0, wetness=90.0, wind_intensity=40.0,
        sun_altitude_angle=35.0, sun_azimuth_angle=40.0, fog_density=9.0, fog_distance=0.75,
    ),
    "night": carla.WeatherParameters(
        cloudiness=30.0, sun_altitude_angle=-35.0, wetness=15.0, fog_density=2.0, fog_distance=0.75
    ),
}  # fmt: skip
CAMERAS = ("rgb", "depth", "semantic_segmentation", "instance_segmentation", "normals", "optical_flow", "dvs")
PALETTE = carla.ColorConverter.CityScapesPalette
STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; background: #f4f5f7; color: #1c2026; }
h1, h2, h3 { font-weight: 600; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #c6cbd3; }
figure { display: inline-block; margin: 0 10px 12px 0; vertical-align: top; } figcaption { color: #5a6270; }
img { width: 470px; border-radius: 4px; display: block; } .large img { width: 960px; }
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/street_views", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("street_views"), help="folder for index.html and its pictures")
    parser.add_argument("--towns", default="", help="names with commas between; all of them if empty")
    parser.add_argument("--weathers", default=",".join(WEATHERS), help="of noon, rain and night")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    towns = [name for name in options.towns.split(",") if name] or sorted(path.stem for path in MAPS.glob("*.xodr"))
    page = [
        f"<!doctype html><meta charset=utf-8><title>Street views</title><style>{STYLE}</style><h1>Street views</h1>"
    ]
    with started() as client:
        for town in towns:
            page.append(f"<h2>{town}</h2>")
            for weather in options.weathers.split(","):
                page.append(f"<h3>{weather}</h3>")
                for name, picture in views(client, town, weather).items():
                    file = f"{town}-{weather}-{name}.{'jpg' if name in ('rgb', 'chase') else 'png'}"
                    Image.fromarray(picture).save(options.out / file, quality=88)
                    large = ' class="large"' if name == "rgb" else ""
                    page.append(f'<figure{large}><img src="{file}"><figcaption>{name}</figcaption></figure>')
                print(f"{town} {weather}", flush=True)
    (options.out / "index.html").write_text("\n".join(page), encoding="utf-8")
    print(options.out / "index.html")


@contextmanager
def started() -> Iterator[Any]:
    """A client of a server of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="scanyard-views-") as logs,
        Server.start(ServerCommand.embedded(MAPS), Path(logs)) as server,
    ):
        client = carla.Client("127.0.0.1", server.port)
        client.set_timeout(120.0)
        yield client


def views(client: Any, town: str, weather: str) -> dict[str, NDArray[np.uint8]]:
    """What each sensor sees, (H, W, 3) sRGB, by name."""
    world = client.load_world(town)
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.1
    world.apply_settings(settings)
    world.set_weather(WEATHERS[weather])
    ego = crowd(world, is_dark=weather == "night")
    library = world.get_blueprint_library()
    heard: dict[str, Any] = {}
    sensors = []
    on_roof = carla.Transform(carla.Location(x=0.4, z=ego.bounding_box.extent.z * 2 + 0.35), carla.Rotation(pitch=-4))
    chasing = carla.Transform(carla.Location(x=-7.0, z=3.4), carla.Rotation(pitch=-12))
    for name in (*CAMERAS, "chase"):
        blueprint = library.find(f"sensor.camera.{'rgb' if name == 'chase' else name}")
        for attribute, value in (("image_size_x", WIDTH), ("image_size_y", HEIGHT), ("fov", FOV_DEG)):
            blueprint.set_attribute(attribute, str(value))
        sensors.append(world.spawn_actor(blueprint, chasing if name == "chase" else on_roof, attach_to=ego))
        heard[name] = queue.Queue()
        sensors[-1].listen(heard[name].put)
    lidar = library.find("sensor.lidar.ray_cast_semantic")
    for attribute, value in (("channels", 64), ("range", 100), ("points_per_second", 1_300_000), ("upper_fov", 2.0),
                             ("lower_fov", -24.8), ("rotation_frequency", 10)):  # fmt: skip
        lidar.set_attribute(attribute, str(value))
    top = carla.Transform(carla.Location(z=ego.bounding_box.extent.z * 2 + 0.4))
    sensors.append(world.spawn_actor(lidar, top, attach_to=ego))
    heard["lidar"] = queue.Queue()
    sensors[-1].listen(heard["lidar"].put)
    for _ in range(2):  # flow and events need a frame before
        world.tick()
        last = {name: messages.get(timeout=120.0) for name, messages in heard.items()}
    for sensor in sensors:
        sensor.destroy()
    return {name: shown(name, last[name]) for name in ("rgb", "chase", *CAMERAS[1:], "lidar")}


def crowd(world: Any, *, is_dark: bool) -> Any:
    """The ego vehicle, with others and people around it, after they have driven and walked a little."""
    library = world.get_blueprint_library()
    points = world.get_map().get_spawn_points()
    here = points[len(points) // 3]
    near = sorted((p for p in points if 7.0 < p.location.distance(here.location) < NEAR_M),
                  key=lambda p: p.location.distance(here.location))  # fmt: skip
    cars = [one for one in library.filter("vehicle.*") if one.get_attribute("base_type") in ("car", "van")]
    others = list(library.filter("vehicle.*"))
    draw = np.random.default_rng(7)
    ego = world.spawn_actor(library.find("vehicle.lincoln.mkz_2020"), here)
    vehicles = [ego]
    for point in near[:TRAFFIC]:
        blueprint = draw.choice(others if draw.random() < 0.3 else cars)
        colors = blueprint.get_attribute("color").recommended_values if blueprint.has_attribute("color") else []
        if colors:
            blueprint.set_attribute("color", str(draw.choice(colors)))
        other = world.try_spawn_actor(blueprint, point)
        if other:
            vehicles.append(other)
    walkers = library.filter("walker.pedestrian.*")
    forward, right = here.get_forward_vector(), here.get_right_vector()
    for _ in range(WALKERS):
        along, aside = draw.uniform(4, 45), draw.uniform(5.0, 8.5) * draw.choice((-1, 1))
        place = here.location + forward * along + right * aside
        place.z += 1.2
        heading = carla.Rotation(yaw=float(draw.uniform(-180, 180)))
        person = world.try_spawn_actor(draw.choice(walkers), carla.Transform(place, heading))
        if person:
            yaw = math.radians(heading.yaw)
            person.apply_control(carla.WalkerControl(carla.Vector3D(math.cos(yaw), math.sin(yaw)), 1.2))
    for n, vehicle in enumerate(vehicles):
        lights = LIGHTS.NONE if not is_dark else LIGHTS(int(LIGHTS.Position) | int(LIGHTS.LowBeam))
        vehicle.set_light_state(LIGHTS(int(lights) | (int(LIGHTS.Brake) if n % 3 == 1 else 0)))
        if n % 3 != 1:
            vehicle.apply_control(carla.VehicleControl(throttle=0.45))
    for _ in range(SETTLING_FRAMES):
        world.tick()
    return ego


def shown(name: str, message: Any) -> NDArray[np.uint8]:
    """A message as a picture (H, W, 3)."""
    if name == "lidar":
        return from_above(message)
    if name == "dvs":
        picture = np.full((HEIGHT, WIDTH, 3), 32, np.uint8)
        for event in message:
            picture[event.y, event.x] = (70, 160, 255) if event.pol else (255, 90, 60)
        return picture
    if name == "optical_flow":
        message = message.get_color_coded_flow()
    elif name == "depth":
        message.convert(carla.ColorConverter.LogarithmicDepth)
    elif name == "semantic_segmentation":
        message.convert(PALETTE)
    pixels = np.frombuffer(message.raw_data, np.uint8).reshape(HEIGHT, WIDTH, 4)
    if name == "instance_segmentation":  # ids look alike: spread them over the colours
        mixed = pixels[..., 0].astype(int) * 97 + pixels[..., 1].astype(int) * 57 + pixels[..., 2].astype(int) * 131
        return np.stack([mixed * factor % 211 + 30 for factor in (3, 5, 7)], axis=-1).astype(np.uint8)
    return np.ascontiguousarray(pixels[..., 2::-1])


def from_above(message: Any, reach_m: float = 48.0) -> NDArray[np.uint8]:
    """A semantic sweep seen from above, ahead to the right, coloured by label."""
    point = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("c", "<f4"), ("id", "<u4"), ("tag", "<u4")])
    points = np.frombuffer(message.raw_data, point)
    scale = HEIGHT / (2 * reach_m * HEIGHT / WIDTH)
    column = (WIDTH / 2 + points["x"] * scale).astype(int)
    row = (HEIGHT / 2 + points["y"] * scale).astype(int)
    inside = (column >= 0) & (column < WIDTH) & (row >= 0) & (row < HEIGHT)
    colors = np.random.default_rng(3).integers(70, 255, (256, 3)).astype(np.uint8)
    colors[[1, 2, 14, 12]] = (90, 90, 100), (140, 110, 140), (80, 170, 255), (255, 80, 90)
    picture = np.full((HEIGHT, WIDTH, 3), 14, np.uint8)
    picture[row[inside], column[inside]] = colors[points["tag"][inside]]
    return picture


if __name__ == "__main__":
    main()
