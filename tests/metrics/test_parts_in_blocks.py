"""Slices, costs of errors and weighted scores of one drive: intervals from blocks of its frames, like the score's."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scored_scenes import cars_in_a_row, detected

from scanyard.metrics import Causes, ScoredFrame, SliceBy, evaluate, evaluate_slices, evaluate_weighted, explain
from scanyard.metrics.headline import Subject


def drive(num_frames: int = 120, *, name: str = "only", seed: int = 0, cars: int = 4) -> list[ScoredFrame]:
    """Frames of one drive; seven of ten cars are found, whatever the frame before was like."""
    random = np.random.default_rng(seed)
    frames = []
    for index in range(num_frames):
        labels = cars_in_a_row(cars)
        seen = labels[random.random(cars) < 0.7]
        found = detected(seen, random.uniform(0.3, 0.9, len(seen)))
        half = "first" if index < num_frames // 2 else "second"
        frames.append(ScoredFrame(labels, found, name, name=f"{index}", metadata={"half": half}))
    return frames


def explained(frames: list[ScoredFrame], *by: str) -> Causes:
    return explain(
        frames, split="s", domain="real", by=[SliceBy.parse(one) for one in by], errors=True, resamples=200, check=False
    )


def test_every_part_of_one_drives_score_has_an_interval_from_blocks() -> None:
    frames = [replace(frame, weight=1.0 + index % 2) for index, frame in enumerate(drive())]
    found = explained(frames, "range:0,25,80")
    assert found.weighted is not None
    (pair,) = found.weighted.scores
    (breakdown,) = found.breakdowns
    missed = next(cost for cost in breakdown.costs if cost.kind == "missed")
    for one in (*(part.score for part in found.slices), breakdown.score, pair.raw, pair.weighted, missed):
        assert one.resampled.startswith("block of ")
        assert one.low is not None
        assert one.high is not None
        assert one.low < one.value < one.high
    assert Causes.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize("protocol", ["kitti_r40", "nuscenes"])
def test_the_part_that_is_everything_has_the_interval_of_the_score(protocol: str) -> None:
    frames = drive()
    whole = evaluate(frames, protocol, split="s", domain="real", resamples=100, check=False)
    (part,) = evaluate_slices(frames, protocol, by=[SliceBy.parse("range:0,500")], resamples=100)
    (pair,) = evaluate_weighted(frames, protocol, resamples=100).scores
    assert part.score.low is not None
    for one in (part.score, pair.raw, pair.weighted):
        assert one in whole.scores


def test_a_part_whose_labels_are_in_few_blocks_has_none() -> None:
    """A sixth of the drive's frames is one or two blocks of it, which say nothing of each other."""
    frames = [replace(f, metadata={"part": "long" if i >= 20 else "short"}) for i, f in enumerate(drive())]
    found = {one.name: one.score for one in evaluate_slices(frames, by=[SliceBy("part")], resamples=100)}
    assert found["long"].low is not None
    assert (found["short"].low, found["short"].resampled) == (None, "drive")


def test_weight_that_lies_on_few_blocks_leaves_no_interval() -> None:
    frames = [replace(f, weight=50.0 if i < 10 else 1.0) for i, f in enumerate(drive())]
    (pair,) = evaluate_weighted(frames, resamples=100).scores
    assert pair.raw.low is not None
    assert pair.weighted.low is None


def test_where_drives_are_enough_no_part_is_drawn_in_blocks() -> None:
    """Intervals of one table mean one thing: a slice in three of six drives has none."""
    frames = [frame for k in range(6) for frame in drive(20, name=f"{k}", seed=k)]
    frames = [replace(f, metadata={"rain": "yes" if f.drive in "012" else "no"}) for f in frames]
    found = evaluate_slices(frames, by=[SliceBy("rain"), SliceBy.parse("range:0,500")], resamples=50)
    assert [(one.score.low is None, one.score.resampled) for one in found] == [(True, "drive")] * 2 + [(False, "drive")]


def test_drives_too_few_and_too_short_give_none() -> None:
    assert all(one.score.low is None for one in explained(drive(7), "range:0,500").slices)
    subject = Subject.of(drive(7), "kitti_r40", resamples=10)
    assert not subject.has_drives_enough
