"""Intervals hold the truth about as often as they say: a few hundred of the trials of ``tools/bench coverage``."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scored_scenes import cars_in_a_row, detected, shifted

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "coverage"))

from detectors import World, detect, draw_roads, true_precision
from trials import (
    block_interval,
    compare_blocks,
    compare_drives,
    compared,
    covered,
    drive_interval,
    frame_interval,
    score,
)

from scanyard.boxes import Boxes
from scanyard.metrics import ScoredFrame, evaluate

MANY_DRIVES = World(skill=0.85)
ONE_DRIVE = World(skill=0.943, drift=0.8, drift_spread=1.0).one_drive()


@cache
def truth(world: World) -> float:
    return true_precision(world, one_drive=world == ONE_DRIVE)


def test_intervals_over_nine_drives_hold_the_truth_nine_times_in_ten() -> None:
    inside = covered(drive_interval, MANY_DRIVES, truth(MANY_DRIVES), trials=range(300), drives=9, resamples=300)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.05)  # three standard errors of so few trials


def test_intervals_over_one_drives_blocks_hold_the_truth_nine_times_in_ten() -> None:
    inside = covered(block_interval, ONE_DRIVE, truth(ONE_DRIVE), trials=range(80), drives=1, frames=400, resamples=200)
    given = [one for one in inside if one is not None]
    assert len(given) > 60
    assert np.mean(given) == pytest.approx(0.9, abs=0.1)


@pytest.mark.parametrize(("world", "drives", "frames"), [(MANY_DRIVES, 9, None), (ONE_DRIVE, 1, 400)])
def test_drawing_frames_one_by_one_fails_both(world: World, drives: int, frames: int | None) -> None:
    inside = covered(frame_interval, world, truth(world), trials=range(80), drives=drives, frames=frames, resamples=200)
    assert np.mean(inside) < 0.75


def test_equal_detectors_are_not_told_apart_over_drives() -> None:
    found = compared(compare_drives, MANY_DRIVES, trials=range(300), drives=9, resamples=100)
    assert np.mean([one.p <= 0.05 for one in found]) <= 0.088  # 0.05 and three standard errors


def test_equal_detectors_are_not_told_apart_over_blocks() -> None:
    found = compared(compare_blocks, ONE_DRIVE, trials=range(50), drives=1, frames=400, resamples=100)
    assert len(found) > 35
    assert np.mean([one.p <= 0.05 for one in found]) <= 0.14


def test_a_better_detector_is_told_apart() -> None:
    found = compared(compare_drives, MANY_DRIVES, trials=range(60), drives=15, better=1.5, resamples=300)
    assert np.mean([one.p <= 0.05 for one in found]) > 0.8


def test_simulated_matching_is_that_of_the_boxes_it_stands_for() -> None:
    random = np.random.default_rng(0)
    roads = draw_roads(random, MANY_DRIVES, 4)
    found = detect(random, MANY_DRIVES, roads)
    frames = []
    for index, drive in enumerate(roads.frame_drive):
        labels = cars_in_a_row(int(roads.cars[index])) if roads.cars[index] else Boxes.empty()
        hits, false = found.hit_score[found.hit_frame == index], found.false_score[found.false_frame == index]
        alarms = shifted(cars_in_a_row(len(false)), 0.0, 20.0) if len(false) else Boxes.empty()
        boxes = [detected(labels[: len(hits)], hits), detected(alarms, false)]
        frames.append(ScoredFrame(labels, Boxes.concatenate(boxes), str(drive), name=str(index)))
    expected = evaluate(frames, split="s", domain="synthetic", resamples=1, check=False).score("3d", 0.7, "moderate")
    matches = found.matches(roads.frame_drive, roads.cars)
    assert score(matches, np.ones((1, 4), dtype=np.int64))[0] == pytest.approx(expected.value)
