import numpy as np
import pytest

from scanyard.detect.example import HEIGHT_M, flatten
from scanyard.detect.ground import fit_ground


def road(num_points: int, seed: int = 0, *, reach_m: float = 45.0) -> np.ndarray:
    """Points (M, 2) scattered over the front quarter."""
    rng = np.random.default_rng(seed)
    distance, angle = rng.uniform(4, reach_m, num_points), rng.uniform(-0.75, 0.75, num_points)
    return np.c_[distance * np.cos(angle), distance * np.sin(angle)]


def test_removes_a_planted_slope() -> None:
    xy = road(8000)
    z = 0.05 * xy[:, 0] - 0.03 * xy[:, 1]
    points = np.c_[xy, z + np.random.default_rng(1).normal(0, 0.02, len(z))]
    assert np.abs(fit_ground(points).height(xy) - z).max() < 0.06


def test_removes_a_crest() -> None:
    xy = road(8000)
    z = 0.04 * xy[:, 0] - 0.0015 * xy[:, 0] ** 2
    assert np.abs(fit_ground(np.c_[xy, z]).height(xy) - z).max() < 0.1


def test_follows_a_kerb_at_its_own_scale() -> None:
    xy = road(12000)
    z = np.where(xy[:, 1] > 6, 0.2, 0.0)
    error = np.abs(fit_ground(np.c_[xy, z]).height(xy) - z)
    assert error[np.abs(xy[:, 1] - 6) > 4].max() < 0.06


def test_cars_and_walls_do_not_lift_it() -> None:
    xy = road(6000)
    rng = np.random.default_rng(2)
    wall = np.c_[rng.uniform(8, 40, 4000), rng.normal(9, 0.1, 4000), rng.uniform(0.2, 3, 4000)]
    car = np.c_[rng.uniform(13, 17, 1500), rng.uniform(-3, -1.3, 1500), rng.uniform(0.3, 1.5, 1500)]
    ground = fit_ground(np.concatenate([np.c_[xy, np.zeros(len(xy))], wall, car]))
    assert np.abs(ground.height(xy)).max() < 0.12
    assert abs(float(ground.height(np.array([15.0, -2.2])))) < 0.08


def test_a_stray_return_below_the_road_does_not_sink_it() -> None:
    xy = road(6000)
    stray = np.array([[20.0, 0.0, -2.0], [21.0, 0.5, -1.5]])
    ground = fit_ground(np.concatenate([np.c_[xy, np.zeros(len(xy))], stray]))
    assert np.abs(ground.height(xy)).max() < 0.05


@pytest.mark.parametrize("num_points", [0, 1, 5, 40])
def test_hardly_any_points_leave_flat_ground(num_points: int) -> None:
    xy = road(num_points)
    ground = fit_ground(np.c_[xy, np.zeros(num_points)])
    assert np.abs(ground.height(road(50, seed=3))).max() < 0.05


def test_a_sparse_sensor_is_flattened_too() -> None:
    xy = road(1500)
    z = 0.04 * xy[:, 0]
    assert np.abs(fit_ground(np.c_[xy, z]).height(xy) - z).max() < 0.15


def test_flattened_points_keep_their_height_above_the_road() -> None:
    xy = road(6000)
    high = np.array([[20.0, 2.0, 1.0 + 1.5], [30.0, -4.0, 1.5 + 8.0]])
    points = np.concatenate([np.c_[xy, 0.05 * xy[:, 0]], high]).astype(np.float32)
    flat, ground = flatten(points)
    assert np.abs(flat[:-1, 2]).max() < 0.1
    assert flat[-1, 2] == pytest.approx(1.5, abs=0.1)  # the other, eight metres up, is gone
    assert flat[:, 2].max() < HEIGHT_M[1]
    assert float(ground.height(high[0])) == pytest.approx(1.0, abs=0.1)
