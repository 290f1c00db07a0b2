"""CARLA's world is a mirror image of ours."""

import carla
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from scanyard.geometry import Transform
from scanyard.sim.handedness import carla_transform, from_carla, mirrored, to_carla

angles = st.floats(-1.4, 1.4)
metres = st.floats(-100, 100)


def test_right_in_carla_is_negative_y_for_us() -> None:
    car = from_carla(carla.Transform(carla.Location(x=10, y=3, z=1), carla.Rotation(yaw=0)))
    assert_allclose(car.translation, [10, -3, 1], atol=1e-5)


def test_turning_right_in_carla_is_a_negative_yaw_for_us() -> None:
    car = from_carla(carla.Transform(carla.Location(), carla.Rotation(yaw=90)))
    assert_allclose(car.apply([1, 0, 0]), [0, -1, 0], atol=1e-6)
    assert car.yaw_rad == pytest.approx(-np.pi / 2)


def test_nose_up_in_carla_is_nose_up_for_us() -> None:
    car = from_carla(carla.Transform(carla.Location(), carla.Rotation(pitch=10)))
    assert car.apply([1, 0, 0])[2] > 0


@given(metres, metres, angles, angles, angles)
def test_poses_survive_the_mirror_both_ways(x: float, y: float, roll: float, pitch: float, yaw: float) -> None:
    pose = Transform.from_xyz_rpy((x, y, 1.0), roll=roll, pitch=pitch, yaw=yaw)
    assert_allclose(from_carla(carla_transform(pose.matrix)).matrix, pose.matrix, atol=2e-5)


def test_our_left_yaw_is_carla_s_negative_yaw() -> None:
    (pose,) = to_carla(Transform.from_xyz_rpy((1, 2, 3), yaw=np.radians(30)).matrix[None])
    assert pose.yaw == pytest.approx(-30)
    assert (pose.x, pose.y, pose.z) == pytest.approx((1, -2, 3))


def test_points_are_mirrored_in_the_precision_they_came_in() -> None:
    points = np.array([[1, 2, 3]], dtype=np.float32)
    assert mirrored(points).tolist() == [[1, -2, 3]]
    assert mirrored(points).dtype == np.float32
    assert points.tolist() == [[1, 2, 3]]
