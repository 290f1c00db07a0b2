"""Every camera at the official client, with the real street and its own rays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from flat_carla_world import write_maps

from scanyard.carla_server.sensors.labels import CONTROL
from scanyard.carla_server.server import Server
from scanyard.carla_server.surfaces.materials import Tag

SCRIPT = Path(__file__).with_name("camera_client_script.py")


@pytest.mark.slow
def test_the_client_understands_every_camera(tmp_path: Path) -> None:
    server = Server(write_maps(tmp_path), host="127.0.0.1", rpc_port=0, streaming_port=0)
    try:
        server.start("straight?parked=0")
        assert server.ready.wait(60.0)
        done = subprocess.run(
            [sys.executable, str(SCRIPT), str(server.rpc_port)],
            capture_output=True,
            text=True,
            timeout=120.0,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert server.failure is None
    finally:
        server.close()
    found = json.loads(done.stdout.splitlines()[-1])
    kinds = ["cosmos_visualization", "depth", "dvs", "instance_segmentation", "normals", "optical_flow", "rgb"]
    assert found["blueprints"] == [f"sensor.camera.{kind}" for kind in [*kinds, "semantic_segmentation"]]
    assert set(map(tuple, found["control_of_car"])) == {CONTROL[Tag(label)] for label in found["car_labels"]}
    assert found["control_of_sky"] == [[0, 0, 0]]
    assert found["car_px"] > 50
    assert set(found["car_labels"]) <= {Tag.CAR, Tag.TRUCK, Tag.BUS, Tag.BICYCLE, Tag.MOTORCYCLE, Tag.RIDER}
    focal, ahead = 80.0, 36.0 - 20.0
    assert found["flow_of_car"] == pytest.approx(2 / 160 * focal * 0.4 / ahead, rel=0.25)
    assert found["flow_of_street"] < 1e-3
    assert found["coded"] == [160, 90]
    assert found["ink"][0] > 3
    assert found["ink"][1] == pytest.approx(80 - focal * 2.0 / 10.0, abs=1.5)
    assert found["events"][0] == 0
    assert found["events"][1] > 20
    assert found["event"][2:] == [True, True]
    assert found["dvs_size"] == [160, 90]
    assert found["normal_up"] == pytest.approx([255, 127, 127], abs=12)
    assert found["types"] == ["DVSEventArray", "Image", "OpticalFlowImage"]
    assert 40 < found["mean"] < 210
