"""The official client, in a process of its own, against the server on flat ground."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flat_carla_world import flat_server

from scanyard.carla_server.server import Server

SCRIPT = Path(__file__).with_name("carla_client_script.py")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    one = flat_server(tmp_path_factory.mktemp("maps"))
    yield one
    one.close()


def told(server: Server, story: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), story, str(server.rpc_port)],
        capture_output=True, text=True, timeout=60.0, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert server.failure is None
    return json.loads(done.stdout.splitlines()[-1])


def test_client_finds_its_way_around(server: Server) -> None:
    found = told(server, "look_around")
    assert found["version"] == "0.9.16"
    assert found["maps"] == ["/Game/Carla/Maps/other", "/Game/Carla/Maps/straight"]
    assert found["map"] == "straight?style=5&parked=0.5"
    assert found["is_new_episode"]
    assert found["spawn_points"] > 2
    assert found["waypoint_y"] == pytest.approx(-8.25)
    assert found["vehicles"] >= 20
    assert found["tags"] == ["model3", "tesla", "vehicle"]
    assert found["camera"] == ["fov", "gamma", "tint"]
    assert found["parked"] == [7001, "parked_0", -5.0, 90.0]
    assert found["level_boxes"] == 1
    assert found["ground"] == [3.0, 4.0, 0.0, 1]
    assert found["ray"] == [1]
    assert found["weather"]
    assert "Map 'moon' not found" in found["unknown_map"]
    assert found["actors"] == ["spectator"]


def test_fifty_ticks_make_fifty_consecutive_frames(server: Server) -> None:
    found = told(server, "tick_fifty_times")
    first = found["frames"][0]
    assert found["frames"] == list(range(first, first + 50))
    assert found["deltas"] == [pytest.approx(0.05, abs=1e-9)] * 50
    assert found["elapsed_s"] == pytest.approx(49 * 0.05)


def test_batch_is_reflected_in_what_the_client_reads(server: Server) -> None:
    found = told(server, "move_a_batch")
    assert found["refused"] == "Spawn failed because of collision at spawn position"
    assert [error for _, error in found["answers"]] == [""] * 7 + ["unable to destroy actor: not found"]
    assert [actor for actor, _ in found["answers"]][:5] == found["ids"]
    for i, (x, y, yaw) in enumerate(found["poses"]):
        assert (x, y, yaw) == pytest.approx((10.0 * i, 3.0 + i, 30.0), abs=0.02)  # one has begun to drive
    assert found["forward_y"] == pytest.approx(math.sin(math.radians(30.0)))  # yaw turns x towards +y
    assert found["velocity"] == [1.0, -2.0]
    assert found["control"] == [0.5, -0.25, True]
    assert found["lights"] == 8
    assert found["weather"] == pytest.approx([0.7, 80.0, -5.0])
    assert found["born_y"] == 7.0
    assert found["box"] == pytest.approx([1.913, 0.7765])
    assert found["destroyed"] is True
    assert found["left"] == 5
    assert found["is_alive"] == [False, True]


def test_sensor_packets_belong_to_the_tick_and_are_decoded(server: Server) -> None:
    found = told(server, "listen")
    assert found["matches"] == [[0] * 6] * 10
    # The car faces +y, so what stands 20 m that way is straight ahead of the sensor.
    assert found["semantic"] == [pytest.approx(20.0, abs=1e-3), pytest.approx(0.0, abs=1e-3), -1.5, True, 14]
    assert found["channels"] == [2, 1]
    assert found["intensity"] == 0.5
    assert found["pixels"] == [32, 64, 4, 255, 2, 1, 2]
    assert found["red"] == 10
    assert found["fov"] == 90.0
    assert found["heading"] == 90.0
    assert found["destroyed"] == [""] * 6 + [True, True]
    assert found["left"] == 1


def test_changing_modes_loses_no_tick(server: Server) -> None:
    found = told(server, "asynchronous_then_synchronous")
    assert found == {"moves_on": True, "steps": [1, 1, 1]}


def test_second_client_sees_the_same_world(server: Server) -> None:
    assert told(server, "two_worlds") == {"seen": ["vehicle.audi.a2", 6.0], "frames": 0}


def test_client_whose_streams_are_cut_comes_back_by_itself(server: Server) -> None:
    client = subprocess.Popen(
        [sys.executable, str(SCRIPT), "tick_through_cuts", str(server.rpc_port)], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    with client.stdout as stdout:
        assert stdout.readline() == "ticking\n"
        for _ in range(4):
            time.sleep(0.3)
            assert server._streams.disconnect_all() > 0
        told = json.loads(stdout.read().splitlines()[-1])
    assert client.wait(10.0) == 0
    assert told["frames"] == list(range(told["frames"][0], told["frames"][0] + len(told["frames"])))
    assert (told["last_seen"], told["snapshot"]) == (0, 0)


def test_client_killed_while_it_ticks_leaves_the_server_to_the_next(server: Server) -> None:
    victim = subprocess.Popen(
        [sys.executable, str(SCRIPT), "vanish", str(server.rpc_port)], stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    with victim.stdout as stdout:
        assert stdout.readline() == "ticking\n"
        victim.kill()
        victim.wait(10.0)
    found = told(server, "tick_fifty_times")
    assert len(set(found["frames"])) == 50
