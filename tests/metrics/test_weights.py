"""Importance weights: one changes nothing, two is twice, and few heavy drives are warned of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scored_scenes import cars_in_a_row, detected, shifted

from scanyard.boxes import Boxes
from scanyard.errors import EvaluationError
from scanyard.metrics import ScoredFrame, evaluate_slices, evaluate_weighted
from scanyard.metrics.slices import SliceBy
from scanyard.metrics.weights import RESOLUTION, whole_copies, with_exposure, with_weights

CATEGORY = {"kitti_r40": "car", "nuscenes": "car", "argoverse2": "regular_vehicle", "waymo": "vehicle"}
EVERY = pytest.mark.parametrize("protocol", sorted(CATEGORY))


def drive(protocol: str, name: str, found: int, *, weight: float = 1.0, cars: int = 4) -> ScoredFrame:
    """A frame of four cars of which so many are found, with one false alarm, no two scores alike."""
    labels = cars_in_a_row(cars, category=CATEGORY[protocol])
    labels = labels.replace(num_points=np.full(cars, 50), velocity=np.zeros((cars, 3)))
    rng = np.random.default_rng(found + 10 * cars)
    seen = Boxes.concatenate([labels[:found], shifted(labels[:1], 3, 12)])
    seen = detected(seen, rng.random(len(seen))).replace(num_points=None)
    return ScoredFrame(
        labels, seen, name, name=name, weight=weight, metadata={"sequence": f"{name}-s", "scenario": "x"}
    )


def fleet(protocol: str, weights: list[float]) -> list[ScoredFrame]:
    return [drive(protocol, f"drive {i}", 1 + i % 4, weight=weight) for i, weight in enumerate(weights)]


@EVERY
def test_weights_of_one_change_nothing(protocol: str) -> None:
    for weight in (1.0, 0.3):
        found = evaluate_weighted(fleet(protocol, [weight] * 5), protocol, resamples=20)
        assert [one.weighted for one in found.scores] == [one.raw for one in found.scores]
        assert found.effective_drives == pytest.approx(5)
        assert found.warning == ""


@EVERY
def test_twice_the_weight_is_listed_twice(protocol: str) -> None:
    frames = fleet(protocol, [1, 1, 2, 1, 1])
    listed = [*frames, replace(frames[2], name="again")]
    weighted = evaluate_weighted(frames, protocol, resamples=1).scores[0]
    twice = evaluate_weighted([replace(frame, weight=1) for frame in listed], protocol, resamples=1).scores[0]
    assert weighted.weighted.value == pytest.approx(twice.raw.value)
    assert weighted.weighted.value != pytest.approx(weighted.raw.value)


@EVERY
def test_resampled_weights_are_those_of_the_frames_listed_so_often(protocol: str) -> None:
    """The interval is that of the longer list: copies of a frame stay in its drive."""
    frames = fleet(protocol, [1, 3, 2, 1, 1])
    listed = [replace(frame, weight=1, name=f"{frame.name} {k}") for frame in frames for k in range(int(frame.weight))]
    weighted = evaluate_weighted(frames, protocol, resamples=40).scores[0].weighted
    expected = evaluate_weighted(listed, protocol, resamples=40).scores[0].raw
    assert (weighted.low, weighted.high) == pytest.approx((expected.low, expected.high))


def test_frames_of_one_drive_may_weigh_differently() -> None:
    light, heavy = drive("kitti_r40", "a", 1), drive("kitti_r40", "a", 4, weight=3.0)
    heavy = replace(heavy, name="b")
    found = evaluate_weighted([light, heavy, drive("kitti_r40", "c", 2)], resamples=1).scores[0]
    listed = [light, *(replace(heavy, name=f"{k}", weight=1) for k in range(3)), drive("kitti_r40", "c", 2)]
    assert found.weighted.value == pytest.approx(evaluate_weighted(listed, resamples=1).scores[0].raw.value)


def test_a_weight_of_zero_leaves_a_drive_out() -> None:
    frames = fleet("kitti_r40", [1, 0, 1, 1])
    found = evaluate_weighted(frames, resamples=1).scores[0].weighted.value
    assert found == pytest.approx(evaluate_weighted([frames[i] for i in (0, 2, 3)], resamples=1).scores[0].raw.value)


def test_few_heavy_drives_are_warned_of() -> None:
    found = evaluate_weighted(fleet("kitti_r40", [100, *[1] * 19]), resamples=2)
    assert found.effective_drives == pytest.approx(119**2 / (100**2 + 19))
    assert found.largest_share == pytest.approx(100 / 119)
    assert "1.4 effective drives of 20, the heaviest alone has 84% of the weight" in found.warning
    assert evaluate_weighted(fleet("kitti_r40", [1.5, *[1] * 19]), resamples=2).warning == ""


@pytest.mark.parametrize("weights", [[1, -1], [1, float("nan")], [0, 0]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(EvaluationError, match="weight"):
        evaluate_weighted(fleet("kitti_r40", weights), resamples=1)


def test_weights_are_found_by_sequence_then_drive_then_scenario() -> None:
    frames = fleet("kitti_r40", [1, 1, 1])
    named = with_weights(frames, {"drive 0-s": 5, "drive 1": 4, "x": 3})
    assert [frame.weight for frame in named] == [5, 4, 3]
    with pytest.raises(EvaluationError, match="no weight for its sequence 'drive 0-s', drive 'drive 0'"):
        with_weights(frames, {"drive 1": 1})
    with pytest.raises(EvaluationError, match=r"\['y'\]: no frame is of such"):
        with_weights(frames, {"x": 1, "y": 2})


def test_scores_that_are_not_weighted_take_no_notice() -> None:
    frames = fleet("kitti_r40", [9, 1, 1])
    ones = [replace(frame, weight=1) for frame in frames]
    by = [SliceBy("range")]
    assert evaluate_slices(frames, by=by, resamples=5) == evaluate_slices(ones, by=by, resamples=5)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.floats(1e-3, 1e3))
def test_whole_weights_become_themselves_whatever_the_scale(whole: list[int], scale: float) -> None:
    found = whole_copies(np.array(whole) * scale)
    assert_allclose(found * np.gcd.reduce(whole), whole)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=8))
def test_other_weights_are_kept_to_a_ten_thousandth_of_the_mean(weights: list[float]) -> None:
    found = whole_copies(np.array(weights))
    mean = np.mean(weights)
    assert_allclose(
        found / found.sum(), np.array(weights) / np.sum(weights), atol=2 / RESOLUTION / len(weights) * 1.01 + 1e-8
    )
    assert (found > 0).all()
    assert mean > 0


def recording(name: str, scenario: str, found: int, **exposure: object) -> list[ScoredFrame]:
    metadata = {"sequence": name, "scenario": scenario, **{f"exposure_{key}": one for key, one in exposure.items()}}
    return [replace(drive("kitti_r40", name, found), metadata=metadata, name=f"{name}/{k}") for k in range(2)]


def test_what_happens_often_and_was_recorded_seldom_weighs_most() -> None:
    frames = recording("a", "cut_in", 4, per_hour=3, source="a count")
    for k in range(3):
        frames += recording(f"b{k}", "wrong_way", 1, per_hour=1.0, source="estimate")
    weighed, origin = with_exposure(frames)
    assert [frame.weight for frame in weighed] == pytest.approx([3.0] * 2 + [1 / 3] * 6)
    assert origin == (
        "cut_in: 3 an hour (a count), 1 of 4 recordings",
        "wrong_way: 1 an hour (estimate), 3 of 4 recordings",
    )
    found = evaluate_weighted(weighed, resamples=1)
    by_hand = with_weights(frames, {"cut_in": 9.0, "wrong_way": 1.0})
    assert found.scores[0].weighted.value == pytest.approx(
        evaluate_weighted(by_hand, resamples=1).scores[0].weighted.value
    )
    assert found.effective_drives == pytest.approx((9 + 3) ** 2 / (81 + 3))


def test_scenarios_recorded_as_often_as_they_happen_weigh_alike() -> None:
    frames = recording("a", "x", 4, per_hour=0.2) + recording("b", "x", 3, per_hour=0.2)
    frames += recording("c", "y", 2, per_hour=0.1)
    assert [frame.weight for frame in with_exposure(frames)[0]] == pytest.approx([1.0] * 6)


def test_no_weight_is_made_up_where_no_scenario_states_one() -> None:
    with pytest.raises(EvaluationError, match="recording b: its scenario 'y' states no exposure; add exposure"):
        with_exposure(recording("a", "x", 4, per_hour=0.2) + recording("b", "y", 2))
    with pytest.raises(EvaluationError, match="recording b: its scenario 'y' states no exposure"):
        with_exposure(recording("b", "y", 2, per_hour=-1.0))


def test_two_figures_for_one_scenario_are_not_mixed() -> None:
    with pytest.raises(EvaluationError, match=r"'x': happens 0\.2 times an hour by one recording and 0\.3 by b"):
        with_exposure(recording("a", "x", 4, per_hour=0.2) + recording("b", "x", 2, per_hour=0.3))
