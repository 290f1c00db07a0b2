"""Boxes: corners, points inside, overlaps, and columns that travel together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from scanyard.boxes import Boxes, corners, overlap_3d, overlap_bev, points_inside
from scanyard.geometry import Transform


def car_at(x: float, y: float = 0.0, *, yaw: float = 0.0, z: float = 0.75) -> Boxes:
    return Boxes(np.array([[x, y, z]]), np.array([[4.0, 2.0, 1.5]]), np.array([yaw]), np.array(["car"]))


@st.composite
def boxes(draw: st.DrawFn, count: int = 3) -> Boxes:
    def numbers(low: float, high: float, shape: tuple[int, ...]) -> np.ndarray:
        size = int(np.prod(shape))
        return np.array(draw(st.lists(st.floats(low, high), min_size=size, max_size=size))).reshape(shape)

    return Boxes(
        numbers(-8, 8, (count, 3)), numbers(0.5, 6, (count, 3)), numbers(-3.1, 3.1, (count,)), np.array(["car"] * count)
    )


def test_corners_go_round_the_bottom_then_the_top() -> None:
    found = corners(car_at(10.0))[0]
    assert_allclose(found[0], [12, 1, 0])
    assert_allclose(found[2], [8, -1, 0])
    assert_allclose(found[4:, 2], 1.5)


def test_yaw_turns_a_box_from_x_towards_y() -> None:
    front = corners(car_at(0.0, yaw=np.pi / 2))[0][[0, 3]].mean(axis=0)
    assert_allclose(front[:2], [0, 2], atol=1e-12)


def test_points_inside_follow_the_yaw() -> None:
    turned = car_at(0.0, yaw=np.pi / 2)
    inside = points_inside(turned, [[0, 1.9, 0.5], [1.9, 0, 0.5], [0, 0, 1.6], [0, 0, 0.01]])
    assert inside.tolist() == [[True, False, False, True]]


def test_margin_grows_every_side() -> None:
    just_outside = [[2.05, 0.0, 0.5], [0.0, 0.0, 1.55]]
    assert not points_inside(car_at(0.0), just_outside).any()
    assert points_inside(car_at(0.0), just_outside, margin_m=0.1).all()


@settings(max_examples=50, deadline=None)
@given(boxes(), st.integers(0, 2**32 - 1))
def test_overlap_agrees_with_counting_random_points(some: Boxes, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-12, 12, (60_000, 3))
    inside = points_inside(some, points)
    share = 24.0**3 / len(points)
    for i in range(len(some)):
        for j in range(len(some)):
            both, either = (inside[i] & inside[j]).sum() * share, (inside[i] | inside[j]).sum() * share
            if either > 20:
                assert overlap_3d(some, some)[i, j] == pytest.approx(both / either, abs=0.12)


def test_overlap_of_half_a_car_is_a_third() -> None:
    assert overlap_bev(car_at(0.0), car_at(2.0))[0, 0] == pytest.approx(1 / 3)
    assert overlap_3d(car_at(0.0), car_at(0.0, z=1.5))[0, 0] == pytest.approx(1 / 3)


@settings(max_examples=50, deadline=None)
@given(boxes(), st.floats(-3, 3), st.floats(-20, 20))
def test_overlap_does_not_depend_on_where_the_world_begins(some: Boxes, yaw: float, x: float) -> None:
    moved = some.transformed(Transform.from_xyz_rpy((x, -x, 1.0), yaw=yaw))
    assert_allclose(overlap_3d(moved, moved), overlap_3d(some, some), atol=1e-6)


def test_transformed_turns_velocity_but_does_not_move_it() -> None:
    moving = car_at(0.0).replace(velocity=np.array([[1.0, 0.0, 0.0]]))
    turned = moving.transformed(Transform.from_xyz_rpy((5, 0, 0), yaw=np.pi / 2))
    assert_allclose(turned.velocity, [[0, 1, 0]], atol=1e-12)
    assert_allclose(turned.center, [[5, 0, 0.75]], atol=1e-12)


def test_indexing_takes_every_column() -> None:
    scored = Boxes.concatenate([car_at(0.0), car_at(9.0)]).replace(score=np.array([0.1, 0.9]))
    best = scored[scored.score > 0.5]  # type: ignore[operator]  # set one line above
    assert best.center[0, 0] == 9.0
    assert best.score is not None
    assert best.score.tolist() == [0.9]


def test_concatenate_drops_a_column_that_one_part_lacks() -> None:
    known = car_at(0.0).replace(track=np.array([7]))
    assert Boxes.concatenate([known, car_at(5.0)]).track is None
    assert Boxes.concatenate([known, Boxes.empty()]).track is not None


def test_a_column_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"score has shape \(2,\), expected \(1,\)"):
        car_at(0.0).replace(score=np.array([0.1, 0.2]))


def test_no_boxes_overlap_nothing() -> None:
    assert overlap_bev(Boxes.empty(), car_at(0.0)).shape == (0, 1)


@pytest.mark.parametrize("value", [2.5, float("nan"), float("inf"), -1e300])
def test_counts_that_are_not_whole_are_refused_instead_of_rounded(value: float) -> None:
    boxes = Boxes(np.zeros((2, 3)), np.ones((2, 3)), np.zeros(2), np.array(["car", "car"])).replace(
        num_points=[3.0, 4.0]
    )
    assert boxes.num_points is not None
    assert boxes.num_points.tolist() == [3, 4]
    with pytest.raises(ValueError, match=r"num_points holds .*, expected whole numbers"):
        boxes.replace(num_points=[3.0, value])
