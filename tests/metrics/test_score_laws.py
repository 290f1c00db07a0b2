"""Laws that any ranking metric keeps, on random frames whose scores all differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scored_scenes import cars_in_a_row, detected, shifted

from scanyard.boxes import Boxes
from scanyard.geometry import Transform
from scanyard.metrics import ScoredFrame, evaluate

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=10, deadline=None)


def row_of_cars(rng: np.random.Generator) -> list[ScoredFrame]:
    """Frames of well-separated cars, found more or less well, with false alarms between."""
    frames = []
    for _ in range(int(rng.integers(1, 6))):
        labels = cars_in_a_row(int(rng.integers(1, 15)))
        nearby = labels.replace(center=labels.center + rng.normal(0, 0.15, (len(labels), 3)))
        stray = shifted(labels, 5, 30)[rng.random(len(labels)) < 0.5]
        detections = Boxes.concatenate([nearby[rng.random(len(nearby)) < 0.8], nearby, stray])
        frames.append(ScoredFrame(labels, detected(detections, rng.random(len(detections))), "drive"))
    return frames


def values(frames: list[ScoredFrame]) -> list[float]:
    return [score.value for score in evaluate(frames, split="s", domain="real", resamples=1).scores]


@few
@given(seeds)
def test_order_of_frames_and_boxes_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = row_of_cars(rng)
    shuffled = [
        replace(
            frame,
            labels=frame.labels[rng.permutation(len(frame.labels))],
            detections=frame.detections[rng.permutation(len(frame.detections))],
        )
        for frame in frames
    ]
    rng.shuffle(shuffled)
    assert values(frames) == values(shuffled)


@few
@given(seeds)
def test_a_monotone_change_of_scores_changes_nothing(seed: int) -> None:
    frames = row_of_cars(np.random.default_rng(seed))
    rescaled = [
        replace(frame, detections=frame.detections.replace(score=np.log(frame.detections.score + 1e-3) * 7))
        for frame in frames
    ]
    assert values(frames) == values(rescaled)


@few
@given(seeds)
def test_a_lowest_scored_false_alarm_never_helps(seed: int) -> None:
    frames = row_of_cars(np.random.default_rng(seed))
    far = cars_in_a_row(1)
    stray = detected(shifted(far, 0, 200), -1.0)
    worse = [replace(frames[0], detections=Boxes.concatenate([frames[0].detections, stray])), *frames[1:]]
    assert all(after <= before for before, after in zip(values(frames), values(worse), strict=True))


@few
@given(seeds)
def test_a_false_alarm_above_all_others_always_hurts(seed: int) -> None:
    frames = row_of_cars(np.random.default_rng(seed))
    far = cars_in_a_row(1)
    stray = detected(shifted(far, 0, 200), 2.0)
    worse = [replace(frames[0], detections=Boxes.concatenate([frames[0].detections, stray])), *frames[1:]]
    assert all(after < before or before == 0 for before, after in zip(values(frames), values(worse), strict=True))


@few
@given(seeds, st.floats(-3, 3), st.floats(-100, 100))
def test_moving_everything_together_changes_nothing(seed: int, yaw: float, shift: float) -> None:
    frames = row_of_cars(np.random.default_rng(seed))
    b_from_a = Transform.from_xyz_rpy((shift, -shift, 2.0), yaw=yaw)
    moved = [
        replace(f, labels=f.labels.transformed(b_from_a), detections=f.detections.transformed(b_from_a)) for f in frames
    ]
    assert_allclose(values(moved), values(frames), atol=1e-9)
