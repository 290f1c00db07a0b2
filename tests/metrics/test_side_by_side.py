"""Many runs measured once give the numbers that they give one by one."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scored_scenes import random_frames
from test_score_intervals import drives

from scanyard.errors import ContractError, EvaluationError
from scanyard.metrics import (
    ScoredFrame,
    evaluate,
    evaluate_mean,
    paired_difference,
    put_in_order,
    side_by_side,
)

KEY = ("bev", "car", "moderate", 0.7, None)


def test_means_and_differences_are_those_of_runs_scored_by_themselves() -> None:
    good, poor = drives(0.7, 0.8, 0.9), drives(0.2, 0.3, 0.4)
    runs = side_by_side({("good", 0): good, ("poor", 0): poor})
    mean = evaluate_mean([good, poor], split="test", domain="real").score("bev", 0.7, "moderate")
    assert runs.mean([("good", 0), ("poor", 0)], KEY) == mean
    difference = paired_difference(good, poor, metric="bev", iou=0.7, difficulty="moderate")
    assert runs.difference([("good", 0)], [("poor", 0)], KEY) == difference
    assert runs.values(("good", 0), KEY).shape == (1001,)


def test_what_has_no_label_to_find_is_known_not_to_be_there() -> None:
    runs = side_by_side({"one": drives(0.7, 0.8, 0.9)})
    assert runs.has(["one"], KEY)
    assert not runs.has(["one"], ("bev", "pedestrian", "moderate", 0.5, None))
    with pytest.raises(EvaluationError, match="does not score"):
        runs.values("one", ("bev", "car", "moderate", 0.6, None))


def test_runs_on_other_labels_are_refused() -> None:
    frames = random_frames(np.random.default_rng(3), 12)
    with pytest.raises(EvaluationError, match="same frames alone"):
        side_by_side({"all": frames, "fewer": frames[:-1]})


def test_a_difference_of_detections_that_do_not_fit_the_labels_is_refused() -> None:
    good = drives(0.7, 0.8, 0.9)
    bottom = [replace(f, detections=f.detections.replace(center=f.detections.center - [0, 0, 0.75])) for f in good]
    choice = {"metric": "bev", "iou": 0.7, "difficulty": "moderate"}
    with pytest.raises(ContractError, match="bottom for centre: detector b, these 6 frames"):
        paired_difference(good, bottom, **choice)
    assert paired_difference(good, bottom, **choice, check=False).value == 0.0  # from above they are the same


@pytest.mark.parametrize(("protocol", "metric"), [("nuscenes", "nds"), ("nuscenes", "ap"), ("argoverse2", "cds")])
def test_means_over_categories_are_compared_like_any_other_score(protocol: str, metric: str) -> None:
    a = random_frames(np.random.default_rng(8), 20)
    b = [replace(frame, detections=frame.detections[::2]) for frame in a]
    choice = {"metric": metric, "difficulty": "all", "category": "all", "check": False}

    def less(one: list[ScoredFrame], other: list[ScoredFrame]) -> float:
        scores = [evaluate(side, protocol, split="s", domain="real", resamples=1, check=False) for side in (one, other)]
        return scores[0].score(metric, None, "all", "all").value - scores[1].score(metric, None, "all", "all").value

    found = paired_difference(a, b, protocol, **choice)
    assert found.value == pytest.approx(less(a, b))
    names = sorted({frame.drive for frame in a})
    differences = []
    for swapped in product((False, True), repeat=len(names) - 1):
        there = dict(zip(names, (*swapped, False), strict=True))
        sides = [(y, x) if there[x.drive] else (x, y) for x, y in zip(a, b, strict=True)]
        differences.append(less([one for one, _ in sides], [other for _, other in sides]))
    assert found.p_value == sum(abs(one) >= abs(found.value) - 1e-6 for one in differences) / len(differences)
    runs = {"a": [a], "b": [b]}
    order = put_in_order(runs, protocol, **choice, resamples=50)
    assert {one.name for one in order.standings} == {"a", "b"}
