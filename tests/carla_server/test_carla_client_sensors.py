"""Every sensor through the official client: what it says, that it says it again, and what is recorded of a drive."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flat_carla_world import STRAIGHT_ROAD, write_maps
from sensor_client_script import DELTA_S, EGO_MPS, FRAMES

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("sensor_client_script.py")
MARK = '<roadMark sOffset="0" type="broken" weight="standard" color="white" width="0.12" laneChange="both"/>'
MARKED_ROAD = STRAIGHT_ROAD.replace('level="false"/>', f'level="false">{MARK}</lane>').replace(
    "</width></lane>", f"</width>{MARK}</lane>"
)


@contextlib.contextmanager
def serving(folder: Path, *, threads: str) -> Iterator[int]:
    """A server process on the straight road, with the real senses; its port."""
    write_maps(folder)
    (folder / "straight.xodr").write_text(MARKED_ROAD)
    environment = os.environ | {
        "SCANYARD_CAST_THREADS": threads, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads,
    }  # fmt: skip
    command = [sys.executable, "-m", "scanyard.carla_server", "-carla-rpc-port=0", "-carla-streaming-port=0",
               "--maps", str(folder), "--map", "straight", "--recordings", str(folder / "kept")]  # fmt: skip
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()  # "ready: straight on 127.0.0.1 port 41234, streams on 34567"
            yield int(ready.split(" port ")[1].split(",")[0])
            assert process.poll() is None
        finally:
            process.terminate()
            process.wait(10.0)


def told(port: int, story: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), story, str(port)], capture_output=True, text=True, timeout=120.0, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with serving(folder, threads="1") as one:
        yield one


@pytest.fixture(scope="module")
def drive(port: int) -> Any:
    """What each sensor said: [frame from the first, what it said]."""
    return told(port, "measurements")


def test_sensors_speak_once_a_frame_and_seldom_ones_when_their_time_has_passed(drive: Any) -> None:
    for name in ("gnss", "imu", "radar", "standing radar"):
        assert [frame for frame, _ in drive[name]] == list(range(FRAMES)), name
    assert [frame for frame, _ in drive["seldom"]] == list(range(0, FRAMES, round(0.4 / DELTA_S)))


def test_gnss_agrees_with_the_clients_map(drive: Any) -> None:
    errors = np.abs([said for _, said in drive["gnss"]])
    assert errors[:, :2].max() < 1e-7
    assert errors[:, 2].max() < 1e-3


def test_imu_feels_gravity_a_steady_drive_and_where_it_heads(drive: Any) -> None:
    """Up to the crash, from when it has its speed."""
    for _, (acceleration, turn_rate, compass) in drive["imu"][4:6]:
        assert acceleration == pytest.approx([0.0, 0.0, 9.81], abs=0.3)
        assert turn_rate == pytest.approx([0.0, 0.0, 0.0], abs=0.05)
        assert compass == pytest.approx(math.pi / 2, abs=0.01)


def test_radar_sees_what_it_drives_towards_come_nearer(drive: Any) -> None:
    _, (fastest, median, count) = drive["radar"][4]
    assert count > 50
    assert fastest == pytest.approx(-EGO_MPS, abs=0.3)
    assert -EGO_MPS - 0.3 < median < -0.8 * EGO_MPS
    assert drive["standing radar"][0][1][2] > 20


def test_the_obstacle_comes_nearer_until_there_is_a_crash(drive: Any) -> None:
    ahead = [(frame, said[2]) for frame, said in drive["obstacle"] if said[:2] == [drive["ego"], drive["target"]]]
    distances = [distance for _, distance in ahead[:4]]
    assert np.diff(distances) == pytest.approx([-EGO_MPS * DELTA_S] * 3, abs=0.15)
    crash, (actor, other, impulse) = drive["collision"][0]
    assert (actor, other) == (drive["ego"], drive["target"])
    assert impulse > 100.0
    assert 0.0 <= next(distance for frame, distance in ahead if frame == crash - 1) < 1.5 * EGO_MPS * DELTA_S


def test_a_change_of_lanes_is_heard_of_without_a_stream(port: int) -> None:
    assert sum(told(port, "lanes")) > 0


def test_a_map_without_road_marks_does_not_end_the_client(port: int) -> None:
    assert isinstance(told(port, "lanes_without_marks"), list)


def test_same_seed_same_bytes_from_every_sensor_in_another_process_with_other_threads(
    port: int, drive: Any, tmp_path: Path
) -> None:
    """The first server has served others before; the second is new, and casts with three threads."""
    first = told(port, "digests")
    with serving(tmp_path, threads="3") as another:
        second = told(another, "digests")
    assert first.keys() == second.keys()
    assert len(first) >= 15
    for name, said in first.items():
        assert said == second[name], name
        if name not in ("sensor.other.obstacle", "sensor.other.collision", "sensor.camera.dvs"):
            assert [frame for frame, _ in said] == list(range(FRAMES)), name
            assert len({digest for _, digest in said}) == FRAMES, f"{name} says the same in different frames"
        assert said, name


def test_a_recorded_drive_comes_back_as_it_was(port: int, folder: Path) -> None:
    found = told(port, "record_and_replay")
    assert found["path"] == str(folder / "kept" / "drive.log")
    for k, shown in enumerate(found["replayed"], start=1):
        for name, expected in found["driven"][k].items():
            [pose] = shown[name]
            assert pose == pytest.approx(expected, abs=2e-3), (k, name)
    assert found["left"] == 0
    ids = found["ids"]
    assert found["info"].startswith("Version: 1\nMap: straight\nDate: ")
    ego_cm = [100 * value for value in found["driven"][0]["ego"][:2]]
    created = re.search(rf" Create {ids['ego']}: vehicle.audi.a2 \(1\) at \((.*), (.*), (.*)\)", found["info"])
    assert created is not None
    assert [float(created[1]), float(created[2])] == pytest.approx(ego_cm, abs=0.1)
    assert f" Create {ids['walker']}: walker.pedestrian.0001 (2) at (3000, " in found["info"]
    assert f"Collision between {ids['ego']} and {ids['target']}" in found["info"]
    assert f"\nFrames: {FRAMES}\nDuration: {DELTA_S * (FRAMES - 1):g} seconds\n" in found["info"]
    [crash] = found["collisions"].splitlines()[5:-3]
    assert crash.split()[1:3] == ["v", "v"]
    assert "vehicle.audi.tt" in found["blocked"].splitlines()[5]
    assert "Replaying from 0 s - " in found["told"]
    assert "not found on server" in found["missing"]
