"""Poses and matrices, left-handed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from scanyard.carla_server.protocol.poses import matrices, poses

metres, turn, tilt = st.floats(-1e4, 1e4), st.floats(-179.0, 179.0), st.floats(-89.0, 89.0)


def test_yaw_turns_x_towards_y_which_is_right() -> None:
    assert_allclose(matrices((0, 0, 0, 0, 90, 0))[:3, 0], [0, 1, 0], atol=1e-12)


def test_pitch_lifts_the_nose() -> None:
    assert_allclose(matrices((0, 0, 0, 90, 0, 0))[:3, 0], [0, 0, 1], atol=1e-12)


def test_roll_lowers_the_right_side() -> None:
    assert_allclose(matrices((0, 0, 0, 0, 0, 90))[:3, 1], [0, 0, -1], atol=1e-12)


@given(st.tuples(metres, metres, metres, tilt, turn, turn))
def test_matrix_gives_its_pose_back(pose: tuple[float, ...]) -> None:
    assert_allclose(poses(matrices(pose)), pose, atol=1e-6)


@given(st.lists(st.tuples(metres, metres, metres, tilt, turn, turn), min_size=1, max_size=5))
def test_many_at_once_are_the_same_as_one_by_one(many: list[tuple[float, ...]]) -> None:
    assert_allclose(matrices(many), np.stack([matrices(one) for one in many]))
