from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scored_scenes import cars_in_a_row, detected, random_frames, shifted
from waymo_literal import average_precision as literal_average_precision

from scanyard.boxes import Boxes
from scanyard.errors import EvaluationError
from scanyard.evaluation import Evaluation
from scanyard.metrics import ScoredFrame, evaluate, load_protocol
from scanyard.metrics.assignment import best_assignment

OURS = {"car": "vehicle", "van": "vehicle", "truck": "vehicle", "person_sitting": "pedestrian"}


def scored(frames: list[ScoredFrame], **options: object) -> Evaluation:
    return evaluate(frames, "waymo", split="test", domain="real", **{"resamples": 0, **options})


def vehicles(num: int, *, points: int = 100) -> Boxes:
    return cars_in_a_row(num, category="vehicle").replace(num_points=np.full(num, points))


def one_frame(labels: Boxes, detections: Boxes) -> list[ScoredFrame]:
    return [ScoredFrame(labels, detections.replace(num_points=None), "drive")]


def renamed(boxes: Boxes) -> Boxes:
    return boxes.replace(category=np.array([OURS.get(name, name) for name in boxes.category.tolist()], dtype=np.str_))


def waymo_frames(rng: np.random.Generator, num_frames: int) -> list[ScoredFrame]:
    return [
        replace(
            frame,
            labels=renamed(frame.labels).replace(num_points=rng.integers(0, 12, len(frame.labels))),
            detections=renamed(frame.detections),
        )
        for frame in random_frames(rng, num_frames)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_random_sets_agree_with_a_literal_second_implementation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = waymo_frames(rng, int(rng.integers(1, 10)))
    try:
        scores = scored(frames).scores
    except EvaluationError:
        assert not any(len(f.labels) and (f.labels.num_points > 0).any() for f in frames)
        return
    for score in scores:
        value, num_labels = literal_average_precision(
            frames, score.category, score.iou, int(score.difficulty[-1]), weighted=score.metric == "aph"
        )
        assert num_labels == score.num_labels
        assert_allclose(score.value, value, atol=1e-6, err_msg=str(score))


def test_perfect_detections_have_100_and_none_have_0() -> None:
    labels = vehicles(7)
    for detections, value in ((detected(labels, 0.5), 100.0), (Boxes.empty(), 0.0)):
        assert_allclose([score.value for score in scored(one_frame(labels, detections)).scores], value)


def test_half_the_labels_found_give_half() -> None:
    labels = vehicles(40)
    assert scored(one_frame(labels, detected(labels[20:], 0.9))).score(
        "ap", 0.7, "level_2", "vehicle"
    ).value == pytest.approx(50.0)


def test_a_heading_a_quarter_turn_off_halves_aph_alone() -> None:
    labels = vehicles(4).replace(size=np.tile([2.0, 2.0, 2.0], (4, 1)))
    turned = detected(labels, 0.9).replace(yaw_rad=labels.yaw_rad + np.pi / 2)
    evaluation = scored(one_frame(labels, turned))
    assert evaluation.score("ap", 0.7, "level_1", "vehicle").value == pytest.approx(100.0)
    assert evaluation.score("aph", 0.7, "level_1", "vehicle").value == pytest.approx(50.0)


def test_a_missed_hard_label_costs_at_level_2_only() -> None:
    easy, hard = vehicles(3), shifted(vehicles(1, points=4), 0, 50)
    evaluation = scored(one_frame(Boxes.concatenate([easy, hard]), detected(easy, 0.9)))
    assert evaluation.score("ap", 0.7, "level_1", "vehicle").value == pytest.approx(100.0)
    assert evaluation.score("ap", 0.7, "level_2", "vehicle").value == pytest.approx(75.0)
    assert evaluation.score("ap", 0.7, "level_2", "vehicle").num_labels == 4


def test_a_label_without_returns_does_not_count() -> None:
    labels = Boxes.concatenate([vehicles(3), shifted(vehicles(1, points=0), 0, 50)])
    evaluation = scored(one_frame(labels, detected(labels[:3], 0.9)))
    assert evaluation.score("ap", 0.7, "level_2", "vehicle").num_labels == 3
    assert evaluation.score("ap", 0.7, "level_2", "vehicle").value == pytest.approx(100.0)


def test_scores_that_are_no_probabilities_are_refused() -> None:
    labels = vehicles(3)
    with pytest.raises(EvaluationError, match="1 of 3 scores are outside 0 to 1"):
        scored(one_frame(labels, detected(labels, [0.5, 0.6, 7.0])))


def test_a_resample_scores_what_its_copied_frames_would() -> None:
    frames = waymo_frames(np.random.default_rng(3), 30)
    names = sorted({frame.drive for frame in frames})
    twice = [replace(f, drive=f"{f.drive} {k}") for f in frames for k in range(1 + (f.drive == names[0]))]
    expected = scored(twice).score("ap", 0.7, "level_2", "vehicle").value
    from scanyard.metrics.pool import pool_frames
    from scanyard.metrics.waymo import measure_waymo

    mixtures = np.array([[2, *[1] * (len(names) - 1)]])
    measured = measure_waymo(pool_frames(frames), load_protocol("waymo"), mixtures)
    found = {one.key: one.values[0] for one in measured}
    assert_allclose(found["ap", "vehicle", "level_2", 0.7, None], expected, atol=1e-9)


def test_the_assignment_is_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        rows, columns = (int(n) for n in rng.integers(1, 5, 2))
        weight = rng.integers(0, 6, (rows, columns)) * (rng.random((rows, columns)) < 0.7).astype(float)
        chosen = best_assignment(weight)
        taken = chosen[chosen >= 0]
        assert len(set(taken.tolist())) == len(taken)
        wide = np.hstack([weight, np.zeros((rows, rows))])
        best = max(sum(wide[i, j] for i, j in enumerate(order)) for order in permutations(range(columns + rows), rows))
        assert sum(weight[i, j] for i, j in enumerate(chosen) if j >= 0) == best
