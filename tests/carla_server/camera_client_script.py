"""What the official client makes of every camera's messages: python camera_client_script.py PORT; prints JSON.

The client can abort its process, so it never runs inside pytest.
"""

from __future__ import annotations

import queue
import sys
from typing import Any

import carla
import numpy as np
from farewell import say_and_leave

WIDTH, HEIGHT = 160, 90


def main(port: int) -> dict[str, Any]:
    client = carla.Client("127.0.0.1", port)
    client.set_timeout(60.0)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.1
    world.apply_settings(settings)
    library = world.get_blueprint_library()
    found: dict[str, Any] = {"blueprints": sorted(one.id for one in library.filter("sensor.camera.*"))}
    spot = carla.Transform(carla.Location(20.0, -8.25, 1.6))
    car = world.spawn_actor(library.filter("vehicle.*")[0], carla.Transform(carla.Location(36.0, -8.25, 0.5)))
    car.set_simulate_physics(False)
    world.tick()
    cameras, packets = [], {}
    for blueprint in library.filter("sensor.camera.*"):
        blueprint.set_attribute("image_size_x", str(WIDTH))
        blueprint.set_attribute("image_size_y", str(HEIGHT))
        cameras.append(world.spawn_actor(blueprint, spot))
        packets[blueprint.id.rsplit(".", 1)[-1]] = queue.Queue()
        cameras[-1].listen(packets[blueprint.id.rsplit(".", 1)[-1]].put)
    world.debug.draw_point(carla.Location(30.0, -10.25, 1.6), 0.5, carla.Color(255, 0, 255), 0.0)
    first: dict[str, Any] = {}
    for step in range(3):
        car.set_transform(carla.Transform(carla.Location(36.0, -8.25 + 0.4 * step, 0.2)))
        frame = world.tick()
        got = {kind: packet.get(timeout=30.0) for kind, packet in packets.items()}
        assert all(one.frame == frame for one in got.values())
        first = first or got
    raw = {kind: np.frombuffer(one.raw_data, np.uint8) for kind, one in got.items() if kind != "dvs"}
    pictures = {kind: data.reshape(HEIGHT, WIDTH, 4) for kind, data in raw.items() if kind != "optical_flow"}
    flow = raw["optical_flow"].view("<f4").reshape(HEIGHT, WIDTH, 2)
    mine = pictures["instance_segmentation"][..., :2] == (car.id >> 8, car.id & 255)
    ink = (pictures["rgb"][..., :3] == (255, 0, 255)).all(axis=-1)
    coded = got["optical_flow"].get_color_coded_flow()
    found |= {
        "car_px": int(mine.all(axis=-1).sum()),
        "control_of_car": np.unique(pictures["cosmos_visualization"][mine.all(axis=-1)][:, 2::-1], axis=0).tolist(),
        "control_of_sky": np.unique(pictures["cosmos_visualization"][0, :, 2::-1], axis=0).tolist(),
        "car_labels": np.unique(pictures["semantic_segmentation"][mine.all(axis=-1)][:, 2]).tolist(),
        "flow_of_car": float(np.median(flow[mine.all(axis=-1)][:, 0])),
        "flow_of_street": float(np.abs(flow[~mine.all(axis=-1)]).max()),
        "coded": [coded.width, coded.height],
        "ink": [int(ink.sum()), float(np.nonzero(ink)[1].mean()) if ink.any() else -1.0],
        "events": [len(first["dvs"]), len(got["dvs"])],
        "event": [got["dvs"][0].x, got["dvs"][0].y, got["dvs"][0].t > 0, got["dvs"][0].pol in (True, False)],
        "dvs_size": [got["dvs"].width, got["dvs"].height],
        "normal_up": pictures["normals"][-1, WIDTH // 2, :3].tolist(),
        "types": sorted({type(one).__name__ for one in got.values()}),
        "mean": float(pictures["rgb"][..., :3].mean()),
    }
    got["depth"].convert(carla.ColorConverter.LogarithmicDepth)
    got["semantic_segmentation"].convert(carla.ColorConverter.CityScapesPalette)
    for camera in cameras:
        camera.stop()
        camera.destroy()
    return found


if __name__ == "__main__":
    say_and_leave(main(int(sys.argv[1])))
