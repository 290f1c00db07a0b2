"""Many runs measured once give the numbers that they give one by one."""

from dataclasses import replace

import numpy as np
import pytest
from scored_scenes import random_frames
from test_score_intervals import drives

from scanyard.errors import ContractError, EvaluationError
from scanyard.metrics import evaluate_mean, paired_difference, side_by_side

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
