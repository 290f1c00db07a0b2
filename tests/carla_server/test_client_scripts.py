"""Habits of users' scripts, by the unmodified client in a process of its own, against a server started as users do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("client_scripts.py")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    flags = ["-carla-rpc-port=0", "-carla-streaming-port=0", "--die-with-parent", "--map", "city"]
    recordings = ["--recordings", str(tmp_path_factory.mktemp("recordings"))]
    server = subprocess.Popen(
        [sys.executable, "-m", "scanyard.carla_server", *flags, *recordings],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    with server.stdout as stdout:
        ready = next((line for line in stdout if line.startswith("ready: ")), "")
        assert ready, f"the server ended with code {server.wait()}"
        yield int(ready.split(" port ")[1].split(",")[0])
        assert server.poll() is None, "a script ended the server"
        server.terminate()
        server.wait(10.0)


def seen(port: int, habit: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), habit, str(port)], capture_output=True, text=True, timeout=120.0, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_blueprints_have_the_attributes_scripts_look_up(port: int) -> None:
    found = seen(port, "blueprints")
    wanted = {
        "vehicle.": {"role_name", "number_of_wheels", "base_type", "generation", "special_type", "sticky_control"},
        "walker.pedestrian.": {"role_name", "speed", "is_invincible", "generation", "age", "gender"},
        "sensor.lidar.": {"channels", "range", "points_per_second", "rotation_frequency", "sensor_tick"},
        "sensor.camera.": {"image_size_x", "image_size_y", "fov", "sensor_tick"},
    }
    missing = {
        blueprint: names - attributes.keys()
        for start, names in wanted.items()
        for blueprint, attributes in found["attributes"].items()
        if blueprint.startswith(start) and names - attributes.keys()
    }
    assert missing == {}
    assert all(found["found_by"].values())
    speeds = [value["speed"][1] for name, value in found["attributes"].items() if name.startswith("walker.pedestrian.")]
    assert all(float(slow) <= float(fast) for _, slow, fast in speeds)


def test_everything_in_the_library_can_be_spawned_and_destroyed(port: int) -> None:
    found = seen(port, "spawning_everything")
    assert found["errors"] == found["undestroyed"] == []
    assert found["flat"] == ["static.trigger.friction"]
    assert sorted(found["spawned"]) == sorted(found["asked"])
    assert len(found["asked"]) >= 40
    assert found["left"] == 0


def test_packets_tell_the_frame_the_time_and_the_place_of_their_sensor(port: int) -> None:
    found = seen(port, "sensors_on_a_moving_car")
    assert found["wrong"] == []
    assert found["left_over"] == {}
    assert 4.0 < found["moved_m"] < 12.0
    assert found["destroyed"] is True


def test_snapshot_and_actors_say_the_same_of_who_is_where(port: int) -> None:
    found = seen(port, "snapshot_and_actors")
    assert found["errors"] == found["missing"] == found["apart"] == []
    assert found["frame"] == 0
    assert max(found["worst"]) < 0.005


def test_batch_ticks_only_when_asked_to(port: int) -> None:
    assert seen(port, "ticking_in_batches") == [0, 1, 1]


def test_every_spawn_point_has_room_for_the_longest_vehicle_and_moves_none(port: int) -> None:
    found = seen(port, "filling_every_spawn_point")
    assert found["points"] >= 100
    assert found["off_road"] == []
    for told in found["vehicles"].values():
        assert told["refused"] == 0
        assert max(told["worst"]) < 0.005


@pytest.mark.parametrize("who", ["cars", "bicycle", "walker"])
def test_crash_is_felt_by_both_and_happens_alike_again(crashes: Any, who: str) -> None:
    once, again = crashes[who]
    assert once["digest"] == again["digest"]
    for heard in once["events"]:
        assert heard["own"]
        assert heard["of_the_other"] >= 1
        assert heard["impulse"] > 100.0
    assert once["speeds"][1] < 0.8 * once["speeds"][0]
    assert 0.5 < once["closest_m"] < 6.0


@pytest.fixture(scope="module")
def crashes(port: int) -> Any:
    return seen(port, "crashing_twice")


def test_lidar_counts_agree_and_drop_off_takes_its_share(port: int) -> None:
    found = seen(port, "counting_returns")
    counts = found["counts"]
    for told in counts.values():
        assert told["by_channel"] == told["by_length"] == told["by_bytes"] > 0
        assert told["channels"] == 64
    ideal = counts["ideal"]["by_length"]
    assert counts["semantic"]["by_length"] == counts["noisy"]["by_length"] == ideal
    assert counts["half"]["by_length"] == pytest.approx(0.5 * ideal, rel=0.05)
    assert counts["default"]["by_length"] < 0.62 * ideal  # 45 % at random, and dark returns on top
    assert found["noise_m"] == pytest.approx(0.1, rel=0.1)
    assert found["brightest"] <= 1.0001


def test_every_town_loads_under_its_name_and_empty(port: int) -> None:
    found = seen(port, "loading_towns")
    assert len(found) >= 5
    for path, told in found.items():
        assert told["name"].rsplit("/", 1)[-1] == path.rsplit("/", 1)[-1]
        assert told["spawn_points"] >= 20
        assert told["topology"] > 0
        assert told["waypoints"] > 100
        assert told["opendrive"]
        assert not told["synchronous"]  # load_world resets what the visitor before set
        assert told["actors_carried_over"] == 0


def test_settings_are_kept_or_reset_as_asked(port: int) -> None:
    found = seen(port, "keeping_settings")
    assert found.pop("restoring_s") < 0.5  # a step of 0 s would be waited for, and a warning printed
    assert found == {
        "kept": [True, 0.05], "ticks": True, "reset": [False, None], "old_handle": True, "runs_by_itself": True,
    }  # fmt: skip


def test_physics_of_every_vehicle_comes_back_as_given(port: int) -> None:
    found = seen(port, "changing_physics")
    assert set(found["wheels"].values()) == {4}
    assert found["changed"] == {}


def test_brakes_hold_on_the_road_and_not_on_ice(port: int) -> None:
    found = seen(port, "coasting_without_friction")
    assert found["ice"] == pytest.approx([15.0, 15.0], abs=0.3)
    assert found["road"][1] < 0.5


def test_control_sticks_unless_the_blueprint_says_otherwise(port: int) -> None:
    found = seen(port, "holding_controls")
    assert found["default"] == pytest.approx(found["sticky"], abs=1e-3)
    assert found["default"] == pytest.approx(found["sticky_repeated"], abs=1e-3)
    assert found["default"] == pytest.approx(found["loose_repeated"], abs=1e-3)
    assert found["loose"] == pytest.approx(found["sticky_reset"], abs=1e-5)
    assert found["default"][0] > 10.0 + found["loose"][0]


def test_lights_take_turns_and_hold_when_frozen(port: int) -> None:
    found = seen(port, "waiting_at_lights")
    assert found["lights"] == found["by_landmark"] >= 4
    assert found["states"] == ["Green", "Red", "Yellow"]
    assert found["lazy"] == found["alone"] == []
    assert found["all_green_at_once"] == 0
    assert found["stops"] > 0
    assert found["stops_on_lanes"]
    assert found["affected"] > 0
    assert found["held"] == "Green"
    assert found["frozen"]
    assert found["boxes"] > 0
    assert found["trigger"]


def test_walker_walks_on_bones_that_can_be_posed(port: int) -> None:
    found = seen(port, "posing_a_walker")
    assert {"crl_root", "crl_hips__C", "crl_Head__C", "crl_hand__L", "crl_foot__R"} <= set(found["bones"])
    assert found["walked_m"] == pytest.approx(2.8, abs=0.4)
    assert found["stride_varies_m"] > 0.2
    assert 1.3 < found["tall_m"] < 2.0
    assert found["hand_moved_m"] > 0.1


def test_lanes_lead_on_and_are_where_they_say(port: int) -> None:
    found = seen(port, "following_lanes")
    assert found["leads_on"] == found["pieces"] > 0
    assert found["stuck"] == found["narrow"] == []
    assert found["off_m"] < 0.5
    assert min(found["sides"]) > 0
    assert found["there_and_back_m"] < 0.01
    assert found["crosswalk_corners"] > 0


def test_recording_plays_back_where_the_car_drove(port: int) -> None:
    found = seen(port, "recording")
    assert "Frames" in found["info"]
    assert found["replayed"] > 25
    assert 0.0 <= found["off_m"] < 0.5
    assert found["span_m"] > 5.0


def test_traffic_manager_drives_and_stays_in_lane(port: int) -> None:
    found = seen(port, "driving_with_traffic_manager")
    assert found["vehicles"] == 10
    assert sum(moved > 10.0 for moved in found["moved_m"]) >= 7
    assert found["off_lane"] == 0
