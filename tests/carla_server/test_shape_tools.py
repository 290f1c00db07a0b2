"""The tools that put our cars beside real ones measure what they say, and the cars hold up."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "real" / "kitti"
sys.path.insert(0, str(ROOT / "tools" / "shape_checks"))
# ruff: noqa: E402  # tools are no package

import car_profiles
from lidar_view import SIZE_PX, lidar_view
from real_cars import RealCar, in_box_frame, read_cars
from twins import seen

from scanyard.carla_server.shapes.catalogue import Shape, shape_for
from scanyard.randomness import stream

SIZE = (4.0, 1.7, 1.5)
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real scans are not beside the repository")


def hatchback() -> Shape:
    size = dict(zip(("length_m", "width_m", "height_m"), SIZE, strict=True))
    return shape_for("vehicle.test.twin", {}, {"kind": "car", "body": "hatchback"} | size)


def seen_from(distance: float, yaw: float = -0.4) -> np.ndarray:
    return seen(hatchback(), np.array([distance, 3.0, 0.75 - 1.73]), yaw, "test")


def test_a_twin_is_seen_within_its_box_on_the_side_that_faces_the_lidar() -> None:
    points = seen_from(10.0)
    assert len(points) > 500
    assert (np.abs(points) <= np.array([2.1, 1.1, 1.6])).all()
    assert points[:, 0].mean() < -0.5  # from behind
    assert points[:, 1].mean() < -0.1  # and from its right


def test_a_twin_returns_less_from_afar_and_the_same_when_asked_again() -> None:
    counts = [len(seen_from(distance)) for distance in (8.0, 16.0, 32.0, 64.0)]
    assert counts[0] > 3 * counts[1] > 9 * counts[2] > 18 * counts[3]
    assert seen_from(16.0).tobytes() == seen_from(16.0).tobytes()


def test_points_are_told_from_the_middle_of_the_boxs_floor() -> None:
    corner = np.array([[10.0 + 2 * np.cos(0.5), 5.0 + 2 * np.sin(0.5), 0.75]])
    local = in_box_frame(corner, np.array([10.0, 5.0, 0.0]), 0.5, 1.5)
    assert local[0] == pytest.approx([2.0, 0.0, 1.5])


def test_divergence_is_nought_of_a_thing_and_itself_and_one_of_strangers() -> None:
    here, there = np.zeros((4, 4)), np.zeros((4, 4))
    here[:2], there[2:] = 1.0, 3.0
    assert car_profiles.divergence(here, 5 * here) == pytest.approx(0.0, abs=1e-12)
    assert car_profiles.divergence(here, there) == pytest.approx(1.0)
    assert 0.0 < car_profiles.divergence(here, here + there) < 1.0


def test_flanks_and_ends_are_measured_where_they_are() -> None:
    car = RealCar("f/0", "d", SIZE, (12.0, 6.0, -1.0), 0.3, np.zeros((0, 3)))
    rng = stream("test", "ends")
    tail = np.stack([np.full(50, -0.475), rng.uniform(-0.15, 0.15, 50), rng.uniform(0.3, 0.45, 50)], axis=1)
    depth = car_profiles.MEASURES["tail depth middle 0.25-0.5 h, m"](tail, car)
    assert depth == pytest.approx(0.025 * SIZE[0], abs=1e-6)
    assert np.isnan(car_profiles.MEASURES["nose depth middle 0.25-0.5 h, m"](tail, car))


def test_a_cloud_is_drawn_point_by_point() -> None:
    blank = np.asarray(lidar_view(np.zeros((0, 3)), SIZE, 2.5)).astype(int)
    drawn = np.asarray(lidar_view(seen_from(10.0), SIZE, 2.5)).astype(int)
    assert drawn.shape == (SIZE_PX[1], SIZE_PX[0], 3)
    assert (np.abs(drawn - blank).sum(axis=2) > 30).sum() > 500


@needs_real
@pytest.mark.slow
def test_our_cars_return_points_where_real_ones_do() -> None:
    cars = read_cars(REAL)
    real = [car_profiles.normalised(car.points, car.size) for car in cars]
    ours = [car_profiles.normalised(car_profiles.twin(car, "car", 0), car.size) for car in cars]
    apart = [
        car_profiles.divergence(*[car_profiles.histograms(clouds, view).mean(axis=0) for clouds in (real, ours)])
        for view in car_profiles.VIEWS
    ]
    assert np.mean(apart) < 0.065  # two halves of the real cars are 0.065 apart
    ratio = np.log2([len(mine) / len(theirs) for mine, theirs in zip(ours, real, strict=True)])
    assert abs(np.median(ratio)) < 0.2
    far = np.array([car.range_m for car in cars]) > 30
    assert abs(np.mean(ratio[far])) < 0.5


def test_people_are_seen_from_their_feet_to_their_heads() -> None:
    size = {"length_m": 0.6, "width_m": 0.6, "height_m": 1.75}
    walker = shape_for("walker.pedestrian.test", {}, {"kind": "adult"} | size)
    points = seen(walker, np.array([8.0, 0.0, 0.875 - 1.73]), 0.0, "test", floor_m=0.0)
    assert points[:, 2].min() < 0.15
    assert points[:, 2].max() > 1.55
