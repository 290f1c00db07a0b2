import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_street import FOUR_CARS, RIG, SMALL, street

from scanyard.detect.augment import mirrored, turned
from scanyard.detect.example import Example, prepare
from scanyard.detect.proposals import LARGEST_LOG, MARGIN_M, RETURNS, Proposals

NO_POINTS = np.zeros((0, 3), dtype=np.float32)
SENSOR_M = np.array([0.8, 0.0, 1.73])

rows = st.tuples(
    st.floats(3, 40), st.floats(-20, 20), st.floats(-1, 2), st.floats(1, 12), st.floats(0.5, 4), st.floats(0.5, 4),
    st.floats(-3.1, 3.1),
).map(np.array)  # fmt: skip
shifts = st.tuples(*[st.floats(-0.4, 0.4)] * 7).map(np.array)


@pytest.fixture(scope="module")
def example() -> Example:
    return prepare(street(FOUR_CARS), RIG, SMALL)


@settings(max_examples=200, deadline=None)
@given(rows, shifts)
def test_correcting_a_proposal_by_its_errors_gives_the_label(label: np.ndarray, shift: np.ndarray) -> None:
    box = label + shift * (1, 1, 1, 0, 0, 0, 1)
    box[3:6] *= np.exp(shift[3:6])
    proposals = Proposals.of(box[None], NO_POINTS, SENSOR_M)
    corrected = proposals.corrected(proposals.errors_of(label[None]))[0]
    np.testing.assert_allclose(corrected[:6], label[:6], atol=1e-9)
    assert np.sin(2 * (corrected[6] - label[6])) == pytest.approx(0, abs=1e-9)  # the same up to half a turn


@settings(max_examples=200, deadline=None)
@given(rows)
def test_the_sensor_is_ahead_and_to_the_left(box: np.ndarray) -> None:
    proposals = Proposals.of(box[None], NO_POINTS, SENSOR_M)
    assert (proposals.bearing >= 0).all()
    assert np.hypot(*proposals.bearing[0]) == pytest.approx(np.hypot(*(SENSOR_M[:2] - box[:2])))


def test_a_mirrored_street_shows_the_same(example: Example) -> None:
    other = mirrored(example)
    here = Proposals.of(example.boxes, example.points, example.sensor_m)
    there = Proposals.of(other.boxes, other.points, other.sensor_m)
    np.testing.assert_allclose(there.returns, here.returns, atol=1e-5)
    np.testing.assert_allclose(there.bearing, here.bearing, atol=1e-9)
    assert (there.flip == -here.flip).all()


def test_a_street_turned_about_the_sensor_shows_the_same(example: Example) -> None:
    other = turned(example, 0.4)
    here = Proposals.of(example.boxes, example.points, example.sensor_m)
    there = Proposals.of(other.boxes, other.points, other.sensor_m)
    np.testing.assert_allclose(there.returns, here.returns, atol=1e-4)
    np.testing.assert_allclose(there.bearing, here.bearing, atol=1e-9)


def test_a_box_the_other_way_round_shows_the_same(example: Example) -> None:
    here = Proposals.of(example.boxes, example.points, example.sensor_m)
    there = Proposals.of(example.boxes + np.array([0, 0, 0, 0, 0, 0, np.pi]), example.points, example.sensor_m)
    np.testing.assert_allclose(there.returns, here.returns, atol=1e-4)


def test_returns_are_those_in_and_around_the_box(example: Example) -> None:
    proposals = Proposals.of(example.boxes, example.points, example.sensor_m)
    within = proposals.boxes[:, None, 3:6] / 2 + MARGIN_M
    assert (np.abs(proposals.returns) <= within + 1e-4).all()
    grown = example.boxes.copy()
    grown[:, 3:6] += 2 * np.array(MARGIN_M)
    expected = [(np.abs(_local(example.points, row)) <= row[3:6] / 2).all(axis=1).sum() for row in grown]
    np.testing.assert_allclose(proposals.count, expected, atol=2)  # single precision at the rim


def _local(points: np.ndarray, row: np.ndarray) -> np.ndarray:
    d = points.astype(np.float64) - row[:3]
    cos, sin = np.cos(row[6]), np.sin(row[6])
    return np.c_[cos * d[:, 0] + sin * d[:, 1], cos * d[:, 1] - sin * d[:, 0], d[:, 2]]


def test_few_returns_are_repeated_and_many_are_spread_evenly() -> None:
    box = np.array([[10.0, 3.0, 0.75, 4.0, 1.7, 1.5, 0.0]])
    few = np.array([[10.0, 3.0, 0.5], [11.0, 3.0, 1.0]], dtype=np.float32)
    proposals = Proposals.of(box, few, SENSOR_M)
    assert proposals.count[0] == 2
    _, times = np.unique(proposals.returns[0], axis=0, return_counts=True)
    assert times.tolist() == [RETURNS / 2] * 2
    many = np.zeros((1000, 3), dtype=np.float32) + np.float32([10.0, 3.0, 0.5])
    many[:, 0] += np.linspace(-1, 1, 1000)
    along = np.sort(Proposals.of(box, many, SENSOR_M).returns[0, :, 0])
    assert np.diff(along).max() < 2.5 * 2 / RETURNS


def test_an_empty_box_is_looked_at_too() -> None:
    proposals = Proposals.of(np.array([[10.0, 3.0, 0.75, 4.0, 1.7, 1.5, 0.0]]), NO_POINTS, SENSOR_M)
    assert proposals.count.tolist() == [0]
    assert not proposals.returns.any()


def test_no_correction_changes_a_side_out_of_measure() -> None:
    proposals = Proposals.of(np.array([[10.0, 3.0, 0.75, 4.0, 1.7, 1.5, 0.0]]), NO_POINTS, SENSOR_M)
    corrected = proposals.corrected(np.full((1, 7), 9.0))
    np.testing.assert_allclose(corrected[0, 3:6], np.array([4.0, 1.7, 1.5]) * np.exp(LARGEST_LOG))
