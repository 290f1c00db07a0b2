from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scored_scenes import cars_in_a_row, detected

from scanyard.errors import ContractError, EvaluationError
from scanyard.metrics import ScoredFrame, side_by_side
from scanyard.metrics.standing import Order, order_measured, put_in_order


def finding(*shares: float) -> list[list[ScoredFrame]]:
    """One training, a frame of 20 cars per drive, of which it finds these shares."""
    frames = []
    for index, share in enumerate(shares):
        labels = cars_in_a_row(20)
        seen = detected(labels[20 - round(20 * share) :], np.linspace(0.5, 0.9, round(20 * share)))
        frames.append(ScoredFrame(labels, seen, f"drive {index}", name="0"))
    return [frames]


def order_of(runs: dict[str, list[list[ScoredFrame]]]) -> Order:
    return put_in_order(runs, metric="3d", iou=0.7, difficulty="moderate", resamples=200)


GOOD, ALIKE = (0.8, 0.7, 0.9, 0.85, 0.75, 0.9, 0.8, 0.95), (0.75, 0.75, 0.9, 0.85, 0.8, 0.85, 0.8, 0.95)
POOR = tuple(share - 0.4 for share in GOOD)


def test_who_cannot_be_told_apart_shares_ranks_and_letters() -> None:
    found = order_of({"poor": finding(*POOR), "alike": finding(*ALIKE), "good": finding(*GOOD)})
    assert [one.name for one in found.standings][2] == "poor"
    assert [(one.best_rank, one.worst_rank) for one in found.standings] == [(1, 2), (1, 2), (3, 3)]
    assert [one.letters for one in found.standings] == ["a", "a", "b"]
    assert found.how_sure == "90 % intervals resampled by drive"


def test_every_pair_is_corrected_for_all_pairs() -> None:
    found = order_of({"poor": finding(*POOR), "alike": finding(*ALIKE), "good": finding(*GOOD)})
    assert len(found.pairs) == 3
    least = min(pair.difference.p_value for pair in found.pairs)
    assert least == 2 / 2**8
    assert min(pair.corrected_p for pair in found.pairs) == 3 * least


def test_the_order_they_are_given_in_changes_no_rank() -> None:
    runs = {"poor": finding(*POOR), "alike": finding(*ALIKE), "good": finding(*GOOD)}
    assert order_of(runs).standings == order_of(dict(reversed(runs.items()))).standings


def test_too_few_drives_leave_every_rank_open() -> None:
    found = order_of({"poor": finding(*POOR[:4]), "good": finding(*GOOD[:4])})
    assert [(one.best_rank, one.worst_rank, one.letters) for one in found.standings] == [(1, 2, "a")] * 2
    assert found.pairs[0].corrected_p is None


def test_runs_that_were_measured_for_something_else_are_put_in_the_same_order() -> None:
    runs = {"poor": finding(*POOR), "alike": finding(*ALIKE), "good": finding(*GOOD)}
    measured = side_by_side({name: frames for name, (frames,) in runs.items()}, resamples=200)
    found = order_measured(measured, {name: [name] for name in runs}, ("3d", "car", "moderate", 0.7, None))
    assert found == order_of(runs)


def test_progress_counts_trainings_and_pairs() -> None:
    seen: list[tuple[int, int]] = []
    put_in_order(
        {"good": finding(*GOOD) * 2, "poor": finding(*POOR) * 2},
        metric="3d", iou=0.7, difficulty="moderate", resamples=20,
        on_progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == [(done, 5) for done in range(1, 6)]


def test_what_is_not_scored_orders_nobody() -> None:
    with pytest.raises(EvaluationError, match="does not score"):
        put_in_order({"good": finding(*GOOD)}, metric="3d", iou=0.6, difficulty="moderate")


def test_what_cannot_survive_the_correction_is_not_claimed_to_be_tellable() -> None:
    """Six drives give a p of 1/32 at best, three times which shows nothing; good and alike differ in four of them."""
    runs = {"poor": finding(*POOR[:6]), "alike": finding(*ALIKE[:6]), "good": finding(*GOOD[:6])}
    found = order_of(runs)
    assert [pair.corrected_least for pair in found.pairs] == [4 / 32, 3 / 32, 3 / 32]
    assert {pair.verdict for pair in found.pairs} == {"no difference could be shown"}
    assert {pair.difference.detectable for pair in found.pairs} == {None}
    alone = order_of({"poor": finding(*POOR[:5], 0.1), "good": runs["good"]})
    assert alone.pairs[0].could_be_told_apart
    assert alone.pairs[0].difference.detectable > 0


def test_drives_that_hold_nothing_to_find_tell_nothing() -> None:
    """Labels in five drives of twelve: 1/16 is the least p there is."""
    empty = [ScoredFrame(cars_in_a_row(0), detected(cars_in_a_row(0)), f"empty {i}", name="0") for i in range(7)]
    runs = {
        name: [[*frames, *empty]] for name, (frames,) in (("good", finding(*GOOD[:5])), ("poor", finding(*POOR[:5])))
    }
    (pair,) = order_of(runs).pairs
    assert pair.difference.p_value == pair.difference.least_p == 1 / 16
    assert pair.difference.detectable is None
    assert pair.verdict == "no difference could be shown"


def test_drives_that_say_the_same_show_a_difference_and_not_how_small_a_one_they_would_show() -> None:
    (pair,) = order_of({"good": finding(*[0.8] * 8), "poor": finding(*[0.4] * 8)}).pairs
    assert pair.verdict == "good is better"
    assert pair.difference.detectable is None
    assert pair.could_be_told_apart


def test_unequal_numbers_of_trainings_are_not_tested_and_say_so() -> None:
    found = order_of({"good": finding(*GOOD) * 2, "poor": finding(*POOR), "alike": finding(*ALIKE)})
    said = {(pair.first, pair.second): (pair.verdict, pair.difference.p_value) for pair in found.pairs}
    assert said["good", "poor"] == ("not tested: 2 and 1 trainings", None)
    assert said["alike", "good"] == ("not tested: 1 and 2 trainings", None)
    assert said["alike", "poor"] == ("alike is better", 2 / 2**8)  # and corrected for no other
    assert [pair.corrected_p for pair in found.pairs if pair.corrected_p is not None] == [2 / 2**8]
    assert all(pair.difference.low is not None for pair in found.pairs)
    assert [one["verdict"] for one in found.to_dict()["pairs"]] == [pair.verdict for pair in found.pairs]


def test_too_few_drives_are_not_a_test_either() -> None:
    (pair,) = order_of({"good": finding(*GOOD[:3]), "poor": finding(*POOR[:3])}).pairs
    assert pair.verdict.startswith("not tested: labels in 3 drives, fewer than 5, and too few frames")


def with_bottoms(runs: list[list[ScoredFrame]]) -> list[list[ScoredFrame]]:
    """As a detector would report them that takes the bottom of a box for its centre."""
    return [
        [
            replace(
                frame,
                detections=frame.detections.replace(
                    center=frame.detections.center - [0, 0, 0.5] * frame.detections.size
                ),
            )
            for frame in frames
        ]
        for frames in runs
    ]


def test_detections_that_do_not_fit_the_labels_are_refused_by_their_detectors_name() -> None:
    runs = {"good": finding(*GOOD), "bottom": finding(*GOOD) + with_bottoms(finding(*GOOD))}
    with pytest.raises(ContractError, match=r"bottom for centre: detector bottom \(training 2 of 2\), these 8 frames"):
        order_of(runs)
    unasked = put_in_order(runs, metric="3d", iou=0.7, difficulty="moderate", resamples=20, check=False)
    assert unasked.standings[0].name == "good"


def test_a_mismatch_that_is_meant_is_noted_by_the_detectors_name() -> None:
    near = [[replace(f, detections=f.detections[f.detections.center[:, 0] < 100]) for f in finding(*GOOD)[0]]]
    runs = {"good": finding(*GOOD), "near": near}
    with pytest.raises(ContractError, match="range mismatch: detector near, these 8 frames"):
        order_of(runs)
    found = put_in_order(runs, metric="3d", iou=0.7, difficulty="moderate", resamples=20, accepted=("range_mismatch",))
    assert len(found.notes) == 1
    assert found.notes[0].startswith("accepted range mismatch: detector near, ")
