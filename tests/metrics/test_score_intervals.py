from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scored_scenes import cars_in_a_row, detected, random_frames

from scanyard.boxes import Boxes
from scanyard.errors import EvaluationError
from scanyard.evaluation import Evaluation
from scanyard.metrics import Difference, ScoredFrame, evaluate, evaluate_mean, paired_difference
from scanyard.metrics.intervals import effective_number, resampled_drives, widened_interval


def drive(name: str, *, found: float, cars: int = 10, num_frames: int = 2) -> list[ScoredFrame]:
    """Frames of one drive in which a share of the cars is found, the far ones: the near alone would look cut off."""
    labels = cars_in_a_row(cars)
    seen = detected(labels[cars - round(found * cars) :], np.linspace(0.5, 0.9, round(found * cars)))
    return [ScoredFrame(labels, seen, name, name=f"{name}-{i}") for i in range(num_frames)]


def drives(*shares: float) -> list[ScoredFrame]:
    return [frame for i, share in enumerate(shares) for frame in drive(f"drive {i}", found=share)]


def scored(frames: list[ScoredFrame], **options: float) -> Evaluation:
    return evaluate(frames, split="s", domain="real", **options)


def test_an_interval_holds_its_value() -> None:
    score = scored(drives(0.2, 0.5, 0.6, 0.9, 1.0)).score("3d", 0.7, "moderate")
    assert score.low < score.value < score.high


def test_drives_that_are_alike_leave_no_doubt() -> None:
    score = scored(drives(0.5, 0.5, 0.5, 0.5, 0.5)).score("3d", 0.7, "moderate")
    assert score.low == score.value == score.high


def test_more_frames_of_the_same_drives_do_not_narrow_the_interval() -> None:
    few = [f for i, share in enumerate((0.2, 0.4, 0.5, 0.6, 0.9)) for f in drive(f"{i}", found=share)]
    many = [f for i, share in enumerate((0.2, 0.4, 0.5, 0.6, 0.9)) for f in drive(f"{i}", found=share, num_frames=20)]
    narrow, wide = (scored(frames).score("3d", 0.7, "easy") for frames in (many, few))
    assert_allclose(narrow.high - narrow.low, wide.high - wide.low, atol=3.0)


def test_four_drives_are_too_few_for_an_interval() -> None:
    evaluation = scored(drives(0.3, 0.5, 0.6, 0.8))
    assert {(score.low, score.high) for score in evaluation.scores} == {(None, None)}
    assert any("fewer than 5 drives" in note for note in evaluation.notes)


def test_few_drives_widen_the_interval_as_a_t_interval_would() -> None:
    """Of normal values, the widened percentiles are those of Student's t with the spread's divisor n - 1."""
    drawn = np.random.default_rng(0).normal(50.0, 3.0 * np.sqrt(8 / 9), 400_000)  # divided by n: narrower than true
    low, high = widened_interval(drawn, 0.9, 9)
    assert_allclose([low, high], 50 + 3.0 * np.array([-1.8595, 1.8595]), atol=0.05)  # t of 8 degrees of freedom, 0.95


def test_drives_that_hold_most_labels_leave_few_effective_ones() -> None:
    assert effective_number(np.full(9, 30)) == pytest.approx(9)
    assert effective_number(np.array([30, 30, 30, 0, 0])) == pytest.approx(3)
    assert 1 < effective_number(np.array([1000, 100, 50, 20, 10, 10])) < 2
    assert effective_number(np.zeros(4, dtype=int)) == 0


def test_drives_without_labels_do_not_count_as_evidence() -> None:
    empty = [ScoredFrame(Boxes.empty(), Boxes.empty(), f"empty {i}") for i in range(5)]
    score = scored(drives(0.3, 0.8) + empty).score("3d", 0.7, "easy")
    assert score.low is None


def test_a_resample_scores_what_its_copied_frames_would() -> None:
    frames = random_frames(np.random.default_rng(3), 40)
    names = sorted({frame.drive for frame in frames})
    copies = resampled_drives(len(names), 3, seed=0)
    drawn = [
        [replace(frame, drive=f"{name} {k}") for name, n in zip(names, row, strict=True) for k in range(n)
         for frame in frames if frame.drive == name]
        for row in copies
    ]  # fmt: skip
    for metric, iou, difficulty in (("3d", 0.5, "hard"), ("bev", 0.5, "moderate")):
        expected = [scored(mixture, resamples=1).score(metric, iou, difficulty).value for mixture in drawn]
        interval = scored(frames, resamples=3, seed=0).score(metric, iou, difficulty)
        alone = [scored([frame for frame in frames if frame.drive == name], resamples=1) for name in names]
        labels = np.array([one.score(metric, iou, difficulty).num_labels for one in alone])
        wanted = widened_interval(np.array(expected), 0.9, effective_number(labels))
        assert_allclose([interval.low, interval.high], wanted, atol=1e-9)


def test_the_same_seed_gives_the_same_interval() -> None:
    frames = random_frames(np.random.default_rng(5), 30)
    assert scored(frames, seed=1, resamples=20) == scored(frames, seed=1, resamples=20)
    assert scored(frames, seed=1, resamples=20) != scored(frames, seed=2, resamples=20)


def test_the_mean_of_runs_has_the_interval_of_the_mean() -> None:
    good, poor = drives(0.9, 0.8, 0.7, 0.9, 0.8), drives(0.5, 0.6, 0.2, 0.7, 0.5)
    mean = evaluate_mean([good, poor, poor], split="test", domain="real").score("bev", 0.7, "moderate")
    one, other = (scored(frames).score("bev", 0.7, "moderate") for frames in (good, poor))
    assert mean.value == pytest.approx((one.value + 2 * other.value) / 3)
    assert mean.low is not None
    assert mean.high is not None
    assert other.low < mean.low < mean.value < mean.high < one.high
    same = evaluate_mean([good, good], split="test", domain="real").score("bev", 0.7, "moderate")
    assert (same.value, same.low, same.high) == (one.value, one.low, one.high)


def test_runs_on_different_labels_have_no_mean() -> None:
    with pytest.raises(EvaluationError, match="same frames alone: drives are"):
        evaluate_mean([drives(0.5, 0.5, 0.5), drives(0.5, 0.5)], split="test", domain="real")
    with pytest.raises(EvaluationError, match="same frames alone: labels per drive"):
        evaluate_mean(
            [drives(0.5, 0.5, 0.5), drives(0.5, 0.5, 0.5)[:-2] + drive("drive 2", found=0.5, cars=3)],
            split="test",
            domain="real",
        )


def test_an_evaluation_survives_json() -> None:
    evaluation = scored(drives(0.2, 0.5, 0.9))
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation


def difference(a: list[ScoredFrame], b: list[ScoredFrame], **options: object) -> Difference:
    choice = {"metric": "3d", "iou": 0.7, "difficulty": "moderate"} | options
    return paired_difference(a, b, **choice)


def test_a_detector_does_not_differ_from_itself() -> None:
    frames = drives(0.2, 0.4, 0.5, 0.7, 0.9)
    assert difference(frames, frames) == Difference(0.0, 0.0, 0.0, p_value=1.0, least_p=1.0)


def test_pairing_sees_a_small_difference_that_single_intervals_hide() -> None:
    better, worse = drives(0.2, 0.4, 0.5, 0.8, 1.0), drives(0.1, 0.3, 0.4, 0.7, 0.9)
    found = difference(better, worse)
    assert found.value == pytest.approx(10.0)
    assert 5.0 < found.low <= found.value <= found.high < 15.0
    single = scored(better).score("3d", 0.7, "moderate")
    assert single.high - single.low > 30.0


def test_a_difference_is_that_of_the_two_scores() -> None:
    frames = random_frames(np.random.default_rng(7), 30)
    other = [replace(f, detections=f.detections[: len(f.detections) // 2]) for f in frames]
    expected = [scored(side).score("bev", 0.5, "hard").value for side in (frames, other)]
    found = difference(frames, other, metric="bev", iou=0.5, difficulty="hard")
    assert found.value == pytest.approx(expected[0] - expected[1])


def test_different_frames_are_not_compared() -> None:
    with pytest.raises(EvaluationError, match="drives are"):
        difference(drives(0.5, 0.5), drives(0.5))
    with pytest.raises(EvaluationError, match="labels per drive"):
        difference(drives(0.5), drive("drive 0", found=0.5, num_frames=3))


def test_a_score_the_protocol_lacks_cannot_be_compared() -> None:
    with pytest.raises(EvaluationError, match=r"car moderate 3d@0.6.*0\.7, 0\.5"):
        difference(drives(0.5), drives(0.5), iou=0.6)


def test_a_thousand_resamples_of_forty_frames_take_about_a_second() -> None:
    frames = random_frames(np.random.default_rng(11), 40, most_labels=15)
    scored(frames, resamples=1)  # imports
    started = time.process_time()
    scored(frames, resamples=1000)
    assert time.process_time() - started < 3.0  # several times what an idle core needs, for busy machines


def drifting_drive(seed: int, *, num_frames: int = 240, shift: float = 0.0, name: str = "only") -> list[ScoredFrame]:
    """One drive, in which the share of cars found goes up and down slowly."""
    random = np.random.default_rng(seed)
    wave = 0.5 + 0.35 * np.sin(np.arange(num_frames) / 4 + random.uniform(0, 6)) + shift
    frames = []
    for index, share in enumerate(wave):
        labels = cars_in_a_row(6)
        seen = np.flatnonzero(random.random(6) < share)
        frames.append(ScoredFrame(labels, detected(labels[seen], random.random(len(seen))), name, name=f"{index}"))
    return frames


def test_one_drive_has_an_interval_from_blocks_of_its_frames_and_says_so() -> None:
    evaluation = scored(drifting_drive(0), resamples=200, check=False)
    score = evaluation.score("3d", 0.7, "moderate")
    assert score.low is not None
    assert score.high is not None
    assert score.low < score.value < score.high
    assert score.resampled.startswith("block of ")
    assert "frames of 1 drive, which says nothing of other drives" in evaluation.how_sure
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation


def test_many_drives_are_drawn_as_drives() -> None:
    evaluation = scored(drives(0.2, 0.4, 0.5, 0.7, 0.9))
    assert {score.resampled for score in evaluation.scores} == {"drive"}
    assert evaluation.how_sure == "90 % intervals resampled by drive"
    assert scored(drives(0.3, 0.8)).how_sure == "no intervals"


def test_two_detectors_on_one_drive_are_compared_by_blocks() -> None:
    frames, better = drifting_drive(0), drifting_drive(0, shift=0.12)
    found = difference(better, frames, resamples=200)
    assert found.low is not None
    assert found.low > 0
    assert found.p_value is not None
    assert found.p_value < 0.05
    assert found.resampled.startswith("block of ")


def test_p_of_a_difference_counts_the_ways_to_swap_drives() -> None:
    better, worse = drives(0.3, 0.5, 0.6, 0.7, 0.9, 1.0), drives(0.2, 0.4, 0.5, 0.6, 0.8, 0.9)
    assert difference(better, worse).p_value == 2 / 2**6  # as great a difference only as it is, and the other way round
    assert difference(worse, better).p_value == 2 / 2**6
    assert difference(better, better).p_value == 1.0


def test_swapping_drives_is_scoring_the_swapped_frames() -> None:
    a, b = random_frames(np.random.default_rng(7), 15), random_frames(np.random.default_rng(7), 15)
    b = [replace(f, detections=f.detections[: len(f.detections) // 2]) for f in b]
    names = sorted({frame.drive for frame in a})

    def score(frames: list[ScoredFrame]) -> float:
        return scored(frames, resamples=1, check=False).score("bev", 0.5, "hard").value

    found = abs(score(a) - score(b))
    as_great = 0
    for ways in range(2 ** (len(names) - 1)):  # the others are these with the two sides exchanged
        swapped = {name for k, name in enumerate(names) if ways >> k & 1}
        sides = [[(y if x.drive in swapped else x) for x, y in zip(*pair, strict=True)] for pair in ((a, b), (b, a))]
        as_great += abs(score(sides[0]) - score(sides[1])) >= found - 1e-9
    exact = difference(a, b, metric="bev", iou=0.5, difficulty="hard").p_value
    assert exact == pytest.approx(as_great / 2 ** (len(names) - 1))


def test_a_holdout_says_what_it_can_tell() -> None:
    steady = difference(drives(0.3, 0.5, 0.6, 0.7, 0.9, 1.0), drives(0.2, 0.4, 0.5, 0.6, 0.7, 0.9))
    uneven = difference(drives(0.3, 0.9, 0.6, 0.2, 0.9, 1.0), drives(0.2, 0.4, 0.5, 0.6, 0.8, 0.9))
    assert steady.detectable is not None
    assert uneven.detectable is not None
    assert steady.detectable < 8 < uneven.detectable
    five = difference(drives(0.3, 0.5, 0.6, 0.7, 0.9), drives(0.2, 0.4, 0.5, 0.6, 0.8))
    assert five.detectable is None
