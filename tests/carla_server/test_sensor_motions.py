"""Poses between frames, and what counts as motion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moving_sensors import motions_of

from scanyard.carla_server.protocol.poses import matrices
from scanyard.carla_server.sensors.motions import between, rotation_vectors, turned_by

angle = st.floats(-3.0, 3.0)


@given(angle, angle, angle)
def test_rotation_vectors_and_rotations_undo_each_other(x: float, y: float, z: float) -> None:
    vector = np.array([x, y, z])
    length = np.linalg.norm(vector)
    if length > 3.0:
        vector *= 3.0 / length
    turn = turned_by(vector)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(rotation_vectors(turn), vector, atol=1e-7)


def test_halfway_between_two_poses_is_half_the_way_and_half_the_turn() -> None:
    first, last = matrices((0, 0, 0, 0, 350, 0)), matrices((4, -2, 1, 0, 30, 0))
    middle = between(first, last, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(middle[1], matrices((2, -1, 0.5, 0, 10, 0)), atol=1e-12)
    np.testing.assert_allclose(middle[[0, 2]], [first, last], atol=1e-12)


def test_velocity_is_the_way_over_the_time_and_new_actors_stand() -> None:
    motions = motions_of({3: [matrices((x, 0, 0, 0, 0, 0)) for x in (0.0, 1.0, 3.0)]}, delta_s=0.05)
    np.testing.assert_allclose(motions.velocity, [[40.0, 0.0, 0.0]])
    assert motions.row_of(3) == 0
    assert motions.row_of(4) is None
    assert motions.steadied.all()
    newborn = motions_of({3: [matrices((5, 0, 0, 0, 0, 0))]})
    assert (newborn.velocity == 0).all()
    assert not newborn.steadied.any()


def test_a_jump_is_no_speed() -> None:
    poses = [matrices((x, 0, 0, 0, 0, 0)) for x in (0.0, 1.0, 300.0)]
    motions = motions_of({1: poses})
    assert (motions.velocity == 0).all()
    assert not motions.steadied.any()


def test_ids_that_come_and_go_keep_their_own_past() -> None:
    from scanyard.carla_server.sensors.motions import History

    history = History()
    history.add(np.array([1, 2, 5], np.uint32), matrices([(k, 0, 0, 0, 0, 0) for k in (10, 20, 50)]), 0.1)
    motions = history.add(np.array([2, 5, 6], np.uint32), matrices([(k, 0, 0, 0, 0, 0) for k in (21, 52, 60)]), 0.1)
    assert motions.velocity[:, 0] == pytest.approx([10.0, 20.0, 0.0])
