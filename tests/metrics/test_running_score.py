"""A score in batches and processes is the score at once, to the last bit."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scored_scenes import random_frames

from scanyard.errors import EvaluationError
from scanyard.metrics import RunningScore, ScoredFrame, evaluate

FRAMES = random_frames(np.random.default_rng(1), 24)
OPTIONS = {"split": "s", "domain": "real", "resamples": 20, "check": False}
EXPECTED = {name: evaluate(FRAMES, name, **OPTIONS) for name in ("kitti_r40", "nuscenes")}
few = settings(max_examples=10, deadline=None)
protocols = st.sampled_from(sorted(EXPECTED))


def running(protocol: str = "kitti_r40", **changes: object) -> RunningScore:
    return RunningScore(protocol, **{**OPTIONS, **changes})


@few
@given(protocols, st.lists(st.integers(1, len(FRAMES) - 1), max_size=6))
def test_whatever_the_batches(protocol: str, cuts: list[int]) -> None:
    score = running(protocol)
    edges = [0, *sorted(set(cuts)), len(FRAMES)]
    for start, end in pairwise(edges):
        score.update(FRAMES[start:end])
    assert len(score) == len(FRAMES)
    assert score.compute() == EXPECTED[protocol]


@few
@given(protocols, st.integers(1, 5))
def test_whoever_took_turns(protocol: str, workers: int) -> None:
    """As DistributedSampler deals frames out: every so-manyth, and the first ones again to fill up."""
    padded = [*range(len(FRAMES)), *range(-len(FRAMES) % workers)]
    parts = []
    for worker in range(workers):
        part = running(protocol)
        for place in padded[worker::workers]:
            part.update([FRAMES[place]], places=[place])
        parts.append(pickle.loads(pickle.dumps(part)))
    last = parts.pop()
    last.merge(parts)
    assert last.compute() == EXPECTED[protocol]


def test_reset_forgets() -> None:
    score = running()
    score.update(FRAMES[:5])
    score.compute()
    score.reset()
    with pytest.raises(EvaluationError, match="no frames to score"):
        score.compute()
    score.update(FRAMES)
    assert score.compute() == EXPECTED["kitti_r40"]


def test_computing_between_batches_changes_nothing() -> None:
    score = running()
    score.update(FRAMES[:12])
    assert score.compute() == evaluate(FRAMES[:12], **OPTIONS)
    score.update(FRAMES[12:])
    assert score.compute() == EXPECTED["kitti_r40"]


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no protocol 'kiti'"):
        running("kiti")
    score = running()
    score.update(FRAMES[:2])
    with pytest.raises(EvaluationError, match="some without"):
        score.update(FRAMES[2:3], places=[2])
    with pytest.raises(EvaluationError, match="1 places"):
        running().update(FRAMES[:2], places=[2])
    with pytest.raises(EvaluationError, match="make all with the same arguments"):
        score.merge([running("nuscenes")])
    twice = running()
    twice.update([FRAMES[0], ScoredFrame(FRAMES[1].labels, FRAMES[1].detections, "other", name="b")], places=[0, 0])
    with pytest.raises(EvaluationError, match="place 0 is given to"):
        twice.compute()
