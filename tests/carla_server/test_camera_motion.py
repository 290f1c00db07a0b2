"""Cameras that see change: optical flow and events; and that nothing else changes a picture."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from camera_street import FOCAL_PX, HEIGHT, HIGH_M, NOBODY, SIZE, WIDTH, depth_m, shoot
from scene_street import Street, bare_street, pose_at, shape_of, standing

from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.wire import WeatherParameters
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.cameras import event_camera, flow_camera, picture
from scanyard.carla_server.sensors.context import Context, Tick
from scanyard.carla_server.sensors.events import Retina, Thresholds
from scanyard.carla_server.sensors.motions import Motions, Placed
from scanyard.randomness import stream

SENSOR_ID, VAN_ID = 5, 8


@pytest.fixture(scope="module")
def street() -> Scene:
    return bare_street()


def flow_of(scene: Scene, now: Any, before: Any, van: tuple[Any, Any] | None = None) -> np.ndarray:
    """Flow in pixels, right and down, of a camera and perhaps a van that moved from ``before`` to ``now``."""
    ids = [SENSOR_ID] + ([VAN_ID] if van else [])
    poses = [np.array([camera] + ([van[i]] if van else [])) for i, camera in enumerate((before, now))]
    motions = Motions(tuple(Placed(np.array(ids, np.uint32), pose, 0.1) for pose in poses))
    context = Context(Tick(2, 0.2, 0.1), motions=motions, sensor_id=SENSOR_ID)
    (message,) = flow_camera(scene, SIZE, now, context)
    data = b"".join(bytes(part) for part in message)
    assert packets.HEADER.unpack(data[:48])[0] == packets.OPTICAL_FLOW_CAMERA
    assert packets.IMAGE_HEADER.unpack(data[48:60])[:2] == (WIDTH, HEIGHT)
    flow = np.frombuffer(data[60:], "<f4").reshape(HEIGHT, WIDTH, 2).astype(float)
    return flow * [WIDTH / 2, -HEIGHT / 2]


def test_nothing_flows_while_nothing_moves(street: Scene) -> None:
    street.place(*NOBODY)
    here = pose_at(0, 0, HIGH_M)
    np.testing.assert_allclose(flow_of(street, here, here), 0.0, atol=1e-3)


def test_the_road_flows_by_the_pinhole_formula_as_the_camera_goes_forward(street: Scene) -> None:
    street.place(*NOBODY)
    flow = flow_of(street, pose_at(0.5, 0, HIGH_M), pose_at(0, 0, HIGH_M))
    depth = depth_m(shoot(street, "depth", pose=pose_at(0.5, 0, HIGH_M)))
    for row, column in ((100, 250), (110, 80), (90, 200)):
        ahead = depth[row, column]
        right, down = (column + 0.5 - WIDTH / 2) / FOCAL_PX * ahead, (row + 0.5 - HEIGHT / 2) / FOCAL_PX * ahead
        expected = FOCAL_PX * np.array([right, down]) * (1 / ahead - 1 / (ahead + 0.5))
        np.testing.assert_allclose(flow[row, column], expected, atol=0.02)
    assert flow[110, 60][0] < 0 < flow[110, 340][0]  # away from the middle
    assert flow[110, 200][1] > 0  # and down


def test_a_van_that_crosses_flows_alone(street: Scene) -> None:
    shape = shape_of("van")
    was, now = standing(shape, 12.0, 0.0), standing(shape, 12.0, 0.6)
    street.place([VAN_ID], [shape], [now])
    here = pose_at(0, 0, HIGH_M)
    flow = flow_of(street, here, here, (was, now))
    van = shoot(street, "instance")[..., 1] == VAN_ID
    depth = depth_m(shoot(street, "depth"))
    np.testing.assert_allclose(flow[van][:, 0], FOCAL_PX * 0.6 / depth[van], atol=0.05)
    np.testing.assert_allclose(flow[van][:, 1], 0.0, atol=0.05)
    np.testing.assert_allclose(flow[~van], 0.0, atol=1e-3)


def test_turning_moves_the_sky_too(street: Scene) -> None:
    street.place(*NOBODY)
    flow = flow_of(street, pose_at(0, 0, HIGH_M, yaw_deg=2.0), pose_at(0, 0, HIGH_M))
    assert flow[HEIGHT // 2, WIDTH // 2][0] == pytest.approx(-FOCAL_PX * np.tan(np.deg2rad(2.0)), abs=0.2)
    np.testing.assert_allclose(flow[0, WIDTH // 2], flow[HEIGHT // 2, WIDTH // 2], atol=1.5)


# --- events -----------------------------------------------------------------------------------------------------------


def retina_and(values: list[float], **changes: str) -> tuple[Retina, Thresholds]:
    thresholds = Thresholds.of({"positive_threshold": "0.1", "negative_threshold": "0.2", "use_log": "false"} | changes)
    return Retina.opened(np.array(values, np.float32), 0), thresholds


def test_a_pixel_that_brightens_fires_each_time_it_crosses_the_threshold_and_when() -> None:
    retina, thresholds = retina_and([0.0, 0.5, 0.5])
    found = retina.events(np.array([0.35, 0.5, 0.05], np.float32), 1000, 3, thresholds, stream("test"))
    assert [tuple(event)[:2] for event in found] == [(0, 0), (2, 0), (0, 0), (0, 0), (2, 0)]
    np.testing.assert_allclose(found["t"], [286, 444, 571, 857, 889], atol=1)
    assert found["polarity"].tolist() == [True, False, True, True, False]


def test_what_is_left_below_the_threshold_counts_next_time() -> None:
    retina, thresholds = retina_and([0.0])
    assert not len(retina.events(np.array([0.06], np.float32), 1000, 1, thresholds, stream("test")))
    (event,) = retina.events(np.array([0.12], np.float32), 2000, 1, thresholds, stream("test"))
    assert event["t"] == pytest.approx(1000 + 1000 * 0.04 / 0.06, abs=1)


def test_a_pixel_is_silent_for_the_refractory_period() -> None:
    retina, thresholds = retina_and([0.0], refractory_period_ns="400")
    times = retina.events(np.array([0.95], np.float32), 1000, 1, thresholds, stream("test"))["t"]
    np.testing.assert_allclose(times, [105, 526, 947], atol=1)
    (again,) = retina.events(np.array([1.45], np.float32), 2000, 1, thresholds, stream("test"))[:1]
    assert again["t"] >= 947 + 400


def test_drawn_thresholds_scatter_about_the_mean_and_are_never_tiny() -> None:
    thresholds = Thresholds.of({"sigma_positive_threshold": "0.1", "use_log": "false"})
    retina = Retina.opened(np.zeros(20_000, np.float32), 0)
    found = retina.events(np.full(20_000, 0.3, np.float32), 1000, 200, thresholds, stream("test"))
    assert len(np.unique(found["y"].astype(int) * 200 + found["x"])) == pytest.approx(10_000, rel=0.05)
    assert np.bincount(found["y"].astype(int) * 200 + found["x"]).max() <= 30


def events_of(scene: Scene, vans: list[Any], **attributes: str) -> list[np.ndarray]:
    """Events of each frame in which a van stands at the given poses."""
    shape, memory, found = shape_of("van"), {}, []
    for frame, pose in enumerate(vans):
        scene.place([VAN_ID], [shape], [pose])
        context = Context(Tick(frame + 1, 0.1 * frame, 0.1), time_s=1.0 + 0.1 * frame, memory=memory)
        (message,) = event_camera(
            scene, SIZE | {"exposure_mode": "manual"} | attributes, pose_at(0, 0, HIGH_M), context
        )
        data = b"".join(bytes(part) for part in message)
        assert packets.HEADER.unpack(data[:48])[0] == packets.DVS_CAMERA
        found.append(np.frombuffer(data[60:], packets.DVS_EVENT))
    return found


def test_events_come_from_the_edges_of_what_moves(street: Scene) -> None:
    shape = shape_of("van")
    poses = [standing(shape, 10.0, y) for y in (0.0, 0.0, 0.3)]
    first, still, moved = events_of(street, poses)
    assert len(first) == len(still) == 0
    assert len(moved) > 100
    assert packets.DVS_EVENT.itemsize == 13
    assert (np.diff(moved["t"]) >= 0).all()
    assert (moved["t"] > 1.1e9).all()
    assert (moved["t"] <= 1.2e9).all()
    near = np.zeros((HEIGHT, WIDTH), bool)
    for y in (0.0, 0.3):
        street.place([VAN_ID], [shape], [standing(shape, 10.0, y)])
        rows, columns = np.nonzero(shoot(street, "instance")[..., 1] == VAN_ID)
        near[max(rows.min() - 12, 0) : rows.max() + 40, max(columns.min() - 60, 0) : columns.max() + 60] = True
    assert near[moved["y"], moved["x"]].mean() > 0.97
    assert 0.1 < moved["polarity"].mean() < 0.9


# --- nothing else matters ---------------------------------------------------------------------------------------------


def fingerprint() -> str:
    """SHA-256 of pictures of a busy street, by day, in rain and at night."""
    scene = Scene(Street(), style=5)
    shapes = [shape_of(kind) for kind in ("car", "adult", "bicycle", "van")]
    scene.place([11, 12, 13, 14], shapes, [standing(one, 9.0 + 4 * i, 1.5 - i) for i, one in enumerate(shapes)])
    pose, digest = pose_at(0.31, 0.7, 1.73, yaw_deg=3.0), hashlib.sha256()
    size = {"image_size_x": "640", "image_size_y": "200", "fov": "80"}
    for weather in (WeatherParameters(), WeatherParameters(precipitation=80.0, cloudiness=90.0, wetness=70.0),
                    WeatherParameters(sun_altitude_angle=-30.0)):  # fmt: skip
        told = Context(Tick(3, 0.3, 0.1), weather=weather, lights={11: 3, 14: 11})
        for kind in ("rgb", "depth", "semantic", "instance", "normals"):
            digest.update(picture(scene, kind, size, pose, told).tobytes())
    return digest.hexdigest()


def test_another_number_of_threads_changes_no_byte() -> None:
    code = "from test_camera_motion import fingerprint; print(fingerprint())"
    found = set()
    for threads in ("1", "3"):
        limits = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "SCANYARD_CAST_THREADS": threads,
                  "PYTHONHASHSEED": threads}  # fmt: skip
        there = subprocess.run(
            [sys.executable, "-c", code], cwd=Path(__file__).parent, env=os.environ | limits, capture_output=True,
            text=True, check=True, timeout=120,
        )  # fmt: skip
        found.add(there.stdout.strip())
    assert len(found) == 1
    assert found != {""}


def test_actor_ids_change_no_colour(street: Scene) -> None:
    shape = shape_of("van")
    pictures = []
    for actor_id in (8, 4711):
        street.place([actor_id], [shape], [standing(shape, 9.0, 1.0)])
        pictures.append(shoot(street, "rgb", WeatherParameters(precipitation=50.0)))
    np.testing.assert_array_equal(*pictures)
