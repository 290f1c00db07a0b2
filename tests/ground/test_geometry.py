"""Transforms are a group, and their names cancel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from scanyard.geometry import FloatArray, Transform, wrap_angle

angles = st.floats(-3.1, 3.1)
metres = st.floats(-100.0, 100.0)
vectors = st.tuples(metres, metres, metres).map(np.array)
transforms = st.builds(
    lambda xyz, roll, pitch, yaw: Transform.from_xyz_rpy(xyz, roll=roll, pitch=pitch, yaw=yaw),
    vectors,
    angles,
    angles,
    angles,
)


@given(transforms, vectors)
def test_inverse_undoes_apply(ego_from_lidar: Transform, point_lidar: FloatArray) -> None:
    point_ego = ego_from_lidar.apply(point_lidar)
    assert_allclose(ego_from_lidar.inverse().apply(point_ego), point_lidar, atol=1e-9)


@given(transforms, transforms, vectors)
def test_inner_names_cancel(world_from_ego: Transform, ego_from_lidar: Transform, point_lidar: FloatArray) -> None:
    world_from_lidar = world_from_ego @ ego_from_lidar
    assert_allclose(
        world_from_lidar.apply(point_lidar), world_from_ego.apply(ego_from_lidar.apply(point_lidar)), atol=1e-9
    )


@given(transforms)
def test_quaternion_round_trip_keeps_the_pose(transform: Transform) -> None:
    again = Transform.from_quaternion(transform.quaternion_wxyz, transform.translation)
    assert_allclose(again.matrix, transform.matrix, atol=1e-9)


@given(transforms)
def test_list_round_trip_is_exact(transform: Transform) -> None:
    assert (Transform.from_list(transform.to_list()).matrix == transform.matrix).all()


def test_yaw_turns_from_x_towards_y() -> None:
    quarter = Transform.from_xyz_rpy((0, 0, 0), yaw=np.pi / 2)
    assert_allclose(quarter.apply([1, 0, 0]), [0, 1, 0], atol=1e-12)
    assert quarter.yaw_rad == pytest.approx(np.pi / 2)


def test_positive_pitch_turns_the_nose_down() -> None:
    assert Transform.from_xyz_rpy((0, 0, 0), pitch=0.1).apply([1, 0, 0])[2] < 0


def test_rotate_does_not_move() -> None:
    assert_allclose(Transform.from_xyz_rpy((5, 6, 7)).rotate([1, 2, 3]), [1, 2, 3])


def test_a_matrix_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 4\) matrix, not \(3, 3\)"):
        Transform(np.eye(3))


@given(st.floats(-50, 50))
def test_wrapped_angles_point_the_same_way(angle: float) -> None:
    wrapped = float(wrap_angle(angle))
    assert -np.pi <= wrapped < np.pi
    assert np.cos(wrapped) == pytest.approx(np.cos(angle), abs=1e-9)
