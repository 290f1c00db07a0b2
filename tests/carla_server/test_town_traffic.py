"""The official client in a town of ours, with its lights, its pedestrian navigation and its Traffic Manager."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from flat_carla_world import FLAT

from scanyard.carla_server.server import Server
from scanyard.carla_server.world.maps import Maps
from scanyard.carla_server.world.walk_mesh import Area, walk_mesh

SCRIPT = Path(__file__).with_name("town_client_script.py")
MAPS = Path(__file__).resolve().parents[2] / "scenarios" / "maps"
TOWN = "city"

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server(Maps([MAPS]), host="127.0.0.1", rpc_port=0, streaming_port=0, senses=FLAT)
    one.start(TOWN)
    assert one.ready.wait(30.0)
    assert one.failure is None, one.failure
    yield one
    one.close()


def told(server: Server, story: str, cache: Path) -> Any:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), story, str(server.rpc_port)],
        capture_output=True, text=True, timeout=180.0, check=False, env={**os.environ, "CARLA_CACHE_DIR": str(cache)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert server.failure is None
    return json.loads(done.stdout.splitlines()[-1])


def test_lights_and_signs_are_actors_a_client_can_use(server: Server, tmp_path: Path) -> None:
    found = told(server, "signals", tmp_path)
    assert found["first"][0] == "spectator"
    assert found["first"][1].startswith("traffic.")
    assert found["kinds"] == ["traffic.speed_limit.50", "traffic.stop", "traffic.traffic_light", "traffic.yield"]
    assert len(found["lights"]) == 24
    for light in found["lights"]:
        assert not light["in_junction"]
        assert light["stops"] == light["affected"] in {1, 2}
        assert light["group"] in {3, 4}
        assert light["boxes"] == light["affected"], "one beside the road, one more above several lanes"
        assert light["turned"] == pytest.approx(1.0, abs=1e-3)
    assert found["told"] == ["Yellow", 4.5, True, True]
    assert found["is_frozen"] is False
    assert found["survives"] is True


def test_walkers_keep_to_sidewalks_and_crosswalks(server: Server, tmp_path: Path) -> None:
    found = told(server, "pedestrians", tmp_path)
    mesh = walk_mesh(Maps([MAPS]).load(TOWN).road_map)
    allowed = shapely.union_all(shapely.polygons(mesh.vertices[mesh.triangles[mesh.area != Area.ROAD], :2])).buffer(0.5)
    places = np.array(found["places"])
    assert shapely.contains_xy(allowed, places[:, 0], places[:, 1]).all()
    assert places[:, 2] == pytest.approx(np.full(60, 0.12), abs=0.02)
    trail = np.array(found["trail"])
    walked = np.linalg.norm(np.diff(trail, axis=0), axis=2).sum(axis=0)
    assert (walked > 5.0).sum() >= len(walked) - 2  # who waits at a crosswalk for a car that never comes
    kept = shapely.contains_xy(allowed, trail[..., 0], trail[..., 1])
    assert kept.mean() > 0.99


def test_traffic_manager_reads_the_town_and_drives_in_it(server: Server, tmp_path: Path) -> None:
    found = told(server, "traffic", tmp_path)
    assert found["cars"] >= 15
    assert sum(moved > 5.0 for moved in found["moved"]) > found["cars"] / 2
    assert max(found["off"]) < 2.0
    assert found["waited"] > 0
    assert set(found["limits"]) <= {30.0, 50.0}
