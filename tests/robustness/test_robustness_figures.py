"""Resilience and corruption error are what they are said to be, with intervals from drives drawn together."""

import json
from dataclasses import replace

import numpy as np
import pytest

from scanyard.boxes import Boxes
from scanyard.corrupt import CORRUPTIONS, SEVERITIES, Corruption
from scanyard.detect import FixedDetector, OracleDetector
from scanyard.errors import ContractError, EvaluationError
from scanyard.metrics import ScoredFrame, evaluate
from scanyard.robustness import CLEAN, Figure, Run, Target, measure_robustness, robustness_of, run_detectors
from scanyard.sequence import InMemorySequence
from scanyard.split import Split
from tests.corrupt.street import street_frame
from tests.robustness.known_detectors import CountingDetector, split_of_drives

EASY = Target("bev", 0.7, "hard")


def cars(count: int) -> Boxes:
    center = np.stack([np.linspace(10, 60, count), np.zeros(count), np.full(count, 0.75)], axis=-1)
    return Boxes(
        center,
        np.tile([4.0, 1.8, 1.5], (count, 1)),
        np.zeros(count),
        np.full(count, "car"),
        truncation=np.zeros(count),
        occlusion=np.zeros(count),
        image_box=np.tile([0.0, 0.0, 100.0, 100.0], (count, 1)),
    )


def found_share(shares: list[float], drives: int = 5) -> list[ScoredFrame]:
    """A frame of 20 cars per drive, of which the detector finds that share and nothing else: AP is the share."""
    frames = []
    for drive in range(drives):
        labels = cars(20)
        share = shares[drive % len(shares)]
        found = labels[: round(20 * share)]
        frames.append(ScoredFrame(labels, found.replace(score=np.full(len(found), 0.5)), f"drive-{drive}"))
    return frames


def run_of(clean: list[float], **cells: list[list[float]]) -> Run:
    run: dict[Corruption | None, list[ScoredFrame]] = {CLEAN: found_share(clean)}
    for name, shares in cells.items():
        run |= {Corruption(name, i + 1): found_share(share) for i, share in enumerate(shares)}
    return run


def figures(run: Run, reference: Run | None = None):  # type: ignore[no-untyped-def]
    return robustness_of(
        run, EASY, detector="d", split="s", domain="real", seed=0, reference=reference,
        reference_name=None if reference is None else "r",
    )  # fmt: skip


def test_resilience_is_the_mean_score_in_percent_of_the_clean_one() -> None:
    found = figures(run_of([0.8], fog=[[0.6], [0.4], [0.2]], rain=[[0.8], [0.8]]))
    assert found.clean.value == pytest.approx(80)
    fog, rain = found.corruptions
    assert [one.value for one in fog.precision] == pytest.approx([60, 40, 20])
    assert fog.resilience.value == pytest.approx(50)
    assert rain.resilience.value == pytest.approx(100)
    assert found.mean_resilience.value == pytest.approx(75)
    assert found.mean_error is None


def test_corruption_error_is_what_is_missed_in_percent_of_what_the_reference_misses() -> None:
    mine = run_of([0.9], fog=[[0.7], [0.4]], snow=[[0.4]])
    theirs = run_of([0.9], fog=[[0.2], [0.2]], snow=[[0.75]])
    found = figures(mine, theirs)
    fog, snow = found.corruptions
    assert fog.error is not None
    assert snow.error is not None
    assert found.mean_error is not None
    assert fog.error.value == pytest.approx(100 * (30 + 60) / (80 + 80))
    assert snow.error.value == pytest.approx(240)
    assert found.mean_error.value == pytest.approx((56.25 + 240) / 2)
    assert [one.value for one in fog.reference_precision] == pytest.approx([20, 20])


def test_a_ratio_that_is_the_same_in_every_drive_is_surer_than_its_parts() -> None:
    spread = [0.4, 0.6, 0.8, 1.0, 0.2]
    found = figures(run_of(spread, fog=[[share / 2 for share in spread]]))
    assert found.clean.low is not None
    assert found.clean.high is not None
    assert found.clean.high - found.clean.low > 20
    resilience = found.corruptions[0].resilience
    assert resilience.value == pytest.approx(50)
    # up to a step or two of the 40 recall positions
    assert (resilience.low, resilience.high) == pytest.approx((50, 50), abs=4)


def test_a_ratio_that_differs_between_drives_has_an_interval_around_it() -> None:
    found = figures(run_of([1.0], fog=[[0.2, 0.9, 0.5, 0.7, 0.3]]))
    for figure in (found.corruptions[0].resilience, found.mean_resilience):
        assert figure.low is not None
        assert figure.high is not None
        assert figure.value is not None
        assert figure.low < figure.value < figure.high


def test_cells_are_scored_as_evaluate_scores_them() -> None:
    frames = found_share([0.2, 0.9, 0.5, 0.7, 0.3])
    (expected,) = [
        score
        for score in evaluate(frames, split="s", domain="real").scores
        if (score.metric, score.iou, score.difficulty) == ("bev", 0.7, "hard")
    ]
    found = figures({CLEAN: frames, Corruption("fog", 1): frames})
    assert found.clean == Figure(expected.value, expected.low, expected.high)
    assert found.num_labels == expected.num_labels


def test_two_drives_give_no_interval_and_say_so() -> None:
    run = {CLEAN: found_share([0.5], drives=2), Corruption("fog", 1): found_share([0.25], drives=2)}
    found = figures(run)
    assert found.mean_resilience == Figure(pytest.approx(50), None, None)
    assert "no interval" in found.notes[0]


def test_what_finds_nothing_has_no_resilience_and_says_so() -> None:
    found = figures(run_of([0.0], fog=[[0.0]]))
    assert found.mean_resilience == Figure(None, None, None)
    assert "finds nothing" in found.notes[0]
    json.dumps(found.to_dict(), allow_nan=False)


def test_clean_detections_that_do_not_fit_the_labels_are_refused_and_corrupted_ones_may_be_poor() -> None:
    right = run_of([1.0], fog=[[0.5]])
    bottom = [
        replace(frame, detections=frame.detections.replace(center=frame.detections.center - [0, 0, 0.75]))
        for frame in found_share([1.0])
    ]
    with pytest.raises(ContractError, match="bottom for centre: detector d, split s"):
        figures({**right, CLEAN: bottom})
    with pytest.raises(ContractError, match=r"bottom for centre: detector r \(the reference\), split s"):
        figures(right, {**right, CLEAN: bottom})
    assert figures({**right, Corruption("fog", 1): bottom}).clean.value == pytest.approx(100)


def test_a_detector_that_ends_at_some_range_is_measured_and_says_so() -> None:
    (note,) = figures(run_of([0.5], fog=[[0.5]])).notes
    assert note.startswith("accepted range mismatch: detector d, split s: detections stop at 34 m")


def test_a_reference_without_errors_gives_no_corruption_error() -> None:
    found = figures(run_of([1.0], fog=[[0.5]]), run_of([1.0], fog=[[1.0]]))
    assert found.mean_error == Figure(None, None, None)


def test_other_labels_on_one_side_are_refused() -> None:
    run = {CLEAN: found_share([0.5]), Corruption("fog", 1): found_share([0.5])[:4]}
    with pytest.raises(EvaluationError, match="same frames"):
        figures(run)
    with pytest.raises(EvaluationError, match="same corruptions"):
        figures(run_of([0.5], fog=[[0.5]]), run_of([0.5], rain=[[0.5]]))


def test_a_score_that_the_protocol_lacks_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"does not score car moderate 3d@0\.6"):
        Target(iou=0.6)
    with pytest.raises(
        EvaluationError, match="protocol nuscenes: robustness follows a score of kitti_r40 or kitti_r11"
    ):
        Target(protocol="nuscenes")


def test_an_oracle_is_untouched_by_any_weather() -> None:
    how = [Corruption(name, 5) for name in CORRUPTIONS]
    found, _ = measure_robustness(CountingDetector(0, name="oracle"), split_of_drives(), how, target=EASY)
    assert found.detector == "oracle"
    assert found.clean.value == pytest.approx(100)
    assert found.mean_resilience.value == pytest.approx(100)
    assert [one.name for one in found.corruptions] == list(CORRUPTIONS)


def test_a_detector_that_needs_returns_suffers_where_they_are_lost() -> None:
    how = [Corruption("incomplete_echo", severity) for severity in SEVERITIES]
    found, runs = measure_robustness(
        CountingDetector(60), split_of_drives(), how, target=EASY, reference=CountingDetector(30)
    )
    (echo,) = found.corruptions
    # each car has 120 returns; 25, 40, 55, 70, 85 % of both cars' are lost, alike
    assert [one.value for one in echo.precision] == pytest.approx([100, 100, 0, 0, 0], abs=51)
    values = [one.value or 0.0 for one in echo.precision]
    assert values == sorted(values, reverse=True)
    assert echo.precision[-1].value == 0
    assert len(runs) == 2
    assert found.mean_error is not None
    assert found.mean_error.value is not None
    assert found.mean_error.value > 100


def test_a_corruption_asked_for_twice_is_run_once_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    split = split_of_drives(drives=1)
    runs = run_detectors(
        [FixedDetector()], split, [Corruption("fog", 5)] * 2, on_progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [len(frames) for frames in runs[0].values()] == [2, 2]


def test_a_frame_without_labels_cannot_be_scored() -> None:
    (sequence,) = split_of_drives(drives=1).sequences
    unlabelled = Split("s", (InMemorySequence(sequence.info, [street_frame().replace(boxes=None)]),))
    with pytest.raises(EvaluationError, match="frame 0: it has no labels"):
        run_detectors([OracleDetector()], unlabelled, [])
