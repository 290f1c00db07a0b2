"""One HTML page with every shape the server can show: a picture, what a LiDAR sees of it at three distances, its size.

Pictures are the server's own colour camera, on an empty road; clouds are the HDL-64E's, noise included.  With
``--real`` (a folder in KITTI's object layout) the page opens with real cars, people and cyclists at about the same
distances, drawn alike; such a page holds KITTI data, whose licence forbids commercial use, so it must not be published.
"""

from __future__ import annotations

import argparse
import html
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from lidar_view import lidar_view
from numpy.typing import NDArray
from PIL import Image
from real_cars import RealCar, read_cars
from twins import seen

from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.cameras import picture
from scanyard.carla_server.sensors.context import Context, Tick
from scanyard.carla_server.shapes.catalogue import Shape, shape_for
from scanyard.carla_server.street.items import Layer
from scanyard.carla_server.world.blueprints import Blueprint, library
from scanyard.randomness import stream
from scanyard.roads import RoadMap

Floats = NDArray[np.float64]

ROOT = Path(__file__).parents[2]
LICENCE = "scanyard's own, Apache-2.0"
DISTANCES_M = (10.0, 30.0, 60.0)
BEARINGS_RAD = (2.6, 0.6, 2.9)  # from the shape to the LiDAR: from behind, from the front, almost straight behind
FOV_RAD = 0.87  # across; up and down it is two thirds of it
SENSOR_M = 1.73  # height of KITTI's LiDAR
HEADINGS = {
    "car": "Cars", "van": "Vans", "truck": "Trucks", "bus": "Buses", "motorcycle": "Motorcycles",
    "bicycle": "Bicycles", "adult": "People", "child": "Children", "prop": "Props",
}  # fmt: skip
REAL_CATEGORIES = ("car", "van", "pedestrian", "cyclist")
STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; background: #f4f5f7; color: #1c2026; }
h1, h2 { font-weight: 600; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #c6cbd3; }
.shape { display: inline-block; background: #fff; margin: 0 12px 14px 0; padding: 10px; border-radius: 6px;
  box-shadow: 0 1px 3px #0002; vertical-align: top; }
.shape img { display: inline-block; margin-right: 4px; height: 130px; } .shape .photo { height: 190px; }
.shape b { display: block; } .shape small { color: #5a6270; }
.warning { background: #fff1d6; padding: 8px 12px; border-left: 4px solid #d98d00; }
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/gallery", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gallery"), help="folder for index.html and its pictures")
    parser.add_argument("--real", type=Path, help="folder in KITTI's object layout, to compare with")
    parser.add_argument("--only", default="", help="only blueprints whose id contains this")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    page = [f"<!doctype html><meta charset=utf-8><title>Shapes</title><style>{STYLE}</style><h1>Every shape</h1>"]
    page.append(
        f"<p>All shapes are {LICENCE}: made by formula, from nobody's meshes. Each by the colour camera, and as an "
        f"HDL-64E sees it at {', '.join(f'{distance:.0f}' for distance in DISTANCES_M)} m.</p>"
    )
    bearings = BEARINGS_RAD
    if options.real:
        found = {category: _nearest(options.real, category) for category in REAL_CATEGORIES}
        page += _real_section(found, options.out)
        bearings = tuple(_bearing(car) for car in found["car"]) or BEARINGS_RAD
    studio = Studio.on(RoadMap.load(ROOT / "scenarios" / "maps" / "suburb.xodr"))
    by_kind: dict[str, list[Blueprint]] = defaultdict(list)
    for blueprint in library().values():
        if blueprint.shape and options.only in blueprint.id:
            by_kind[blueprint.shape["kind"]].append(blueprint)
    for kind in [*HEADINGS, *sorted(set(by_kind) - set(HEADINGS))]:
        if not by_kind[kind]:
            continue
        page.append(f"<h2>{HEADINGS.get(kind, kind.title())} ({len(by_kind[kind])})</h2>")
        page += [_card(blueprint, studio, bearings, options.out) for blueprint in by_kind[kind]]
    (options.out / "index.html").write_text("\n".join(page), encoding="utf-8")
    shown = sum(len(blueprints) for blueprints in by_kind.values())
    print(f"{shown} shapes: {options.out / 'index.html'}")


@dataclass(frozen=True)
class Studio:
    """A stretch of empty road to take pictures on."""

    scene: Scene
    place: Floats
    """(4, 4) world_from_actor of whoever poses."""

    @classmethod
    def on(cls, road_map: RoadMap) -> Studio:
        scene = Scene(road_map, parked_share=0.0)
        scene.show_layers(int(Layer.ALL), shown=False)
        mirror = np.diag([1.0, -1.0, 1.0, 1.0])  # maps are right-handed, the server is not
        pose = mirror @ road_map.spawn_points()[3].matrix @ mirror
        place = np.eye(4)
        forward = pose[:2, 0] / np.linalg.norm(pose[:2, 0])
        place[:2, :2] = np.array([[forward[0], -forward[1]], [forward[1], forward[0]]])
        place[:3, 3] = [*pose[:2, 3], scene.ground_height(*pose[:2, 3])]
        return cls(scene, place)

    def photo(self, shape: Shape, aside_rad: float = 0.6) -> Image.Image:
        """The shape from ahead and to its right."""
        place = self.place.copy()
        place[2, 3] += shape.extent[2] - shape.center[2]  # people's origin is their middle
        self.scene.place([1], [shape], [place])
        round_m = float(np.hypot(shape.extent[0], shape.extent[1]))
        away = max(1.4 * shape.extent[2] / np.tan(FOV_RAD / 3), 1.1 * round_m / np.tan(FOV_RAD / 2)) + 0.2 * round_m
        aim = place[:3, 3] + np.array([0, 0, shape.center[2]])
        heading = np.arctan2(place[1, 0], place[0, 0]) + aside_rad
        eye = aim + away * np.array([np.cos(heading), np.sin(heading), 0.28])
        ahead = (aim - eye) / np.linalg.norm(aim - eye)
        right = np.array([-ahead[1], ahead[0], 0.0]) / np.hypot(ahead[0], ahead[1])
        camera = np.eye(4)
        camera[:3, :3] = np.stack([ahead, right, np.cross(ahead, right)], axis=1)
        camera[:3, 3] = eye
        attributes = {"image_size_x": "600", "image_size_y": "400", "fov": f"{np.rad2deg(FOV_RAD):.1f}"}
        pixels = picture(self.scene, "rgb", attributes, camera, Context(Tick(1, 0.05, 0.05)))
        return Image.fromarray(np.ascontiguousarray(pixels[..., 2::-1]))


def _card(blueprint: Blueprint, studio: Studio, bearings: Sequence[float], out: Path) -> str:
    offered = blueprint.definition.attributes
    attributes = {attribute.id: attribute.value for attribute in offered}
    # Not everyone in white: one of the colours that scripts may draw.
    colors = next((attribute.recommended_values for attribute in offered if attribute.id == "color"), ())
    if colors:
        attributes["color"] = colors[int(stream("gallery", blueprint.id).integers(len(colors)))]
    assert blueprint.shape is not None
    shape = shape_for(blueprint.id, attributes, blueprint.shape)
    images = {"photo": studio.photo(shape)}
    size = (2 * shape.extent[0], 2 * shape.extent[1], 2 * shape.extent[2])
    for distance, bearing in zip(DISTANCES_M, bearings, strict=True):
        images[f"{distance:.0f}"] = lidar_view(_cloud(shape, distance, bearing, blueprint.id), size, bearing)
    metres = " by ".join(f"{value:.2f}" for value in size)
    text = f"{metres} m, {len(shape.mesh.faces)} triangles; {blueprint.shape.get('body', '')}"
    return _shown(blueprint.id, f"{text}<br>{LICENCE}", images, out)


def _cloud(shape: Shape, distance: float, bearing: float, key: str) -> Floats:
    center = np.array([distance, 0.0, shape.extent[2] - SENSOR_M])
    return seen(shape, center, np.pi - bearing, f"gallery {key} {distance}", floor_m=0.0)


def _nearest(root: Path, category: str) -> list[RealCar]:
    """The real object nearest to each distance."""
    found = read_cars(root, category, max_range_m=75.0, min_points=8)
    return [min(found, key=lambda car: abs(car.range_m - distance)) for distance in DISTANCES_M] if found else []


def _bearing(car: RealCar) -> float:
    return float(np.arctan2(-car.center[1], -car.center[0]) - car.yaw_rad)


def _real_section(found: Mapping[str, Iterable[RealCar]], out: Path) -> list[str]:
    page = [
        "<h2>Real ones (KITTI)</h2><p class=warning>These clouds are from KITTI (Geiger, Lenz, Stiller, Urtasun, IJRR "
        "2013; CC BY-NC-SA 3.0). Do not publish this page.</p>"
    ]
    for category, cars in found.items():
        images = {f"{car.range_m:.0f} m": lidar_view(car.points, car.size, _bearing(car)) for car in cars}
        if images:
            page.append(_shown(f"real {category}", ", ".join(images), images, out))
    return page


def _shown(title: str, text: str, images: Mapping[str, Image.Image], out: Path) -> str:
    tags = []
    for name, image in images.items():
        file = f"{title}-{name}.jpg".replace(" ", "_")
        image.save(out / file, quality=88)
        what = "photo" if name == "photo" else "cloud"
        tags.append(f'<img class={what} src="{html.escape(file)}" alt="{html.escape(title)} {name}" loading=lazy>')
    return f"<div class=shape><b>{html.escape(title)}</b><small>{text}</small><br>{''.join(tags)}</div>"


if __name__ == "__main__":
    main()
