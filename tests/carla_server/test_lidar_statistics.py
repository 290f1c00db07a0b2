"""CARLA's documented LiDAR: how many rays, which part of a turn, and which returns are lost or blurred."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scene_street import bare_street, lidar_attributes, pose_at

from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors.beams import beam_table, beams_of
from scanyard.carla_server.sensors.context import Tick
from scanyard.carla_server.sensors.lidar import keep_share, lidar

POSE = pose_at(0, 0, 1.8)
QUIET = {"dropoff_general_rate": "0", "dropoff_intensity_limit": "0", "atmosphere_attenuation_rate": "0.03"}


@pytest.fixture(scope="module")
def street() -> Scene:
    return bare_street()


def points(scene: Scene, *, frame: int = 7, **changes: object) -> Any:
    attributes = lidar_attributes(**(QUIET | changes))
    counts, found = lidar(scene, attributes, POSE, parent_id=0, tick=Tick(frame, frame / 10, 0.1))
    assert counts.sum() == len(found)
    return found


def xyz(found: Any) -> Any:
    return np.stack([found["x"], found["y"], found["z"]], axis=1).astype(float)


@pytest.mark.parametrize(("per_second", "channels", "delta_s"), [(56000, 32, 0.05), (100_000, 16, 0.1), (10, 64, 0.1)])
def test_each_channel_fires_its_share_of_the_points_per_second(per_second: int, channels: int, delta_s: float) -> None:
    attributes = lidar_attributes(points_per_second=per_second, channels=channels, firings_per_turn=0)
    shape = beams_of(attributes, Tick(1, delta_s, delta_s)).shape
    assert shape == (channels, max(1, round(per_second * delta_s / channels)))


def test_a_narrow_view_is_swept_from_its_left_end_to_its_right() -> None:
    azimuth = np.rad2deg(beams_of(lidar_attributes(horizontal_fov=90), Tick(1, 0.1, 0.1)).azimuth_rad)
    assert azimuth[0] == pytest.approx(-45.0)
    assert azimuth[-1] == pytest.approx(45.0, abs=90 / 720 + 1e-9)
    assert (np.diff(azimuth) > 0).all()


@pytest.mark.parametrize("fov", [360.0, 120.0])
@pytest.mark.parametrize("delta_s", [0.02, 1 / 30, 0.025])
def test_parts_of_a_turn_join_to_one_turn_without_gap_or_overlap(fov: float, delta_s: float) -> None:
    attributes = lidar_attributes(rotation_frequency=10, horizontal_fov=fov, firings_per_turn=1200)
    parts = [
        beams_of(attributes, Tick(k, k * delta_s, delta_s)).azimuth_rad for k in range(1, round(0.1 / delta_s) + 1)
    ]
    turn = np.sort(np.rad2deg(np.concatenate(parts)))
    np.testing.assert_allclose(np.diff(turn), fov / 1200, atol=1e-6)
    assert turn[0] == pytest.approx(-fov / 2, abs=1e-6)


def test_frames_of_changing_length_go_on_where_the_last_one_ended() -> None:
    attributes = lidar_attributes(rotation_frequency=10, firings_per_turn=3600)
    time_s, end = 0.0, -180.0
    for k, delta_s in enumerate((0.013, 0.031, 0.008, 0.022), start=1):
        time_s += delta_s
        azimuth = np.rad2deg(beams_of(attributes, Tick(k, time_s, delta_s)).azimuth_rad)
        assert azimuth[0] == pytest.approx(end, abs=1e-4)
        end = azimuth[0] + 3600 * delta_s


def test_the_general_rate_is_the_share_of_returns_lost_whatever_their_place(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    full = len(points(street))
    for rate in (0.1, 0.45, 0.9):
        kept = np.array([len(points(street, frame=frame, dropoff_general_rate=rate)) for frame in range(1, 6)])
        sigma = math.sqrt(rate * (1 - rate) / (full * len(kept)))
        assert abs(kept.mean() / full - (1 - rate)) < 4 * sigma
    near = np.linalg.norm(xyz(points(street, dropoff_general_rate=0.45)), axis=1) < 10
    all_near = np.linalg.norm(xyz(points(street)), axis=1) < 10
    assert near.sum() / all_near.sum() == pytest.approx(0.55, abs=0.02)


def test_a_sensor_that_stands_still_does_not_lose_the_same_returns_again(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    one, two = (points(street, frame=frame, dropoff_general_rate=0.5).tobytes() for frame in (7, 8))
    assert one != two
    assert one == points(street, frame=7, dropoff_general_rate=0.5).tobytes()


def test_faint_returns_are_lost_in_proportion_as_documented(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    faint = {"dropoff_intensity_limit": "0.7", "dropoff_zero_intensity": "0.8"}
    all_intensity = points(street)["intensity"]
    kept = np.concatenate([points(street, frame=frame, **faint)["intensity"] for frame in range(1, 9)])
    edges = np.linspace(0.1, 1.0, 10)
    before, after = np.histogram(all_intensity, edges)[0] * 8, np.histogram(kept, edges)[0]
    expected = keep_share((edges[:-1] + edges[1:]) / 2, limit=0.7, zero_intensity=0.8)
    busy = before > 2000
    assert busy.sum() >= 5
    np.testing.assert_allclose((after / np.maximum(before, 1))[busy], expected[busy], atol=0.03)
    assert after[-1] == before[-1]


def test_kept_share_runs_straight_from_the_limit_to_what_is_left_at_zero() -> None:
    share = keep_share(np.array([0.0, 0.2, 0.4, 0.4001, 1.0]), limit=0.4, zero_intensity=0.6)
    np.testing.assert_allclose(share, [0.4, 0.7, 1.0, 1.0, 1.0])


def test_noise_moves_returns_along_their_rays_by_a_gaussian(street: Scene) -> None:
    street.place([], [], np.zeros((0, 4, 4)))
    ideal, noisy = xyz(points(street)), xyz(points(street, noise_stddev=0.05))
    far, moved = np.linalg.norm(ideal, axis=1), np.linalg.norm(noisy, axis=1)
    offset = moved - far
    assert offset.std() == pytest.approx(0.05, rel=0.03)
    assert abs(offset.mean()) < 0.05 * 4 / math.sqrt(len(offset))
    assert np.mean(np.abs(offset) < 0.05) == pytest.approx(0.683, abs=0.02)
    np.testing.assert_allclose(noisy / moved[:, None], ideal / far[:, None], atol=1e-5)
    np.testing.assert_array_equal(points(street)["intensity"], points(street, noise_stddev=0.05)["intensity"])


@pytest.mark.parametrize("table", ["abc", "1:2:3", "1.0", "nan:0", ";".join(["1:0"] * 5000)])
def test_a_beam_table_that_makes_no_sense_is_refused(table: str) -> None:
    with pytest.raises(ValueError, match=r"beam_table|could not convert"):
        beam_table(table)
