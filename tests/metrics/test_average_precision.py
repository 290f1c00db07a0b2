from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kitti_devkit import average_precision as devkit_average_precision
from numpy.testing import assert_allclose
from scored_scenes import cars_in_a_row, detected, random_frames, shifted

from scanyard.boxes import Boxes
from scanyard.errors import EvaluationError
from scanyard.evaluation import Evaluation
from scanyard.metrics import ScoredFrame, evaluate, load_protocol, protocol_names

KITTI = Path(__file__).parents[3] / "shared" / "real" / "kitti" / "training"


def scored(frames: list[ScoredFrame], protocol: str = "kitti_r40") -> Evaluation:
    return evaluate(frames, protocol, split="test", domain="real", resamples=2)


def one_frame(labels: Boxes, detections: Boxes) -> list[ScoredFrame]:
    return [ScoredFrame(labels, detections, "drive", name="000000")]


@pytest.mark.parametrize("seed", range(100))
def test_small_random_sets_agree_with_a_second_implementation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = random_frames(rng, int(rng.integers(1, 12)))
    assert agrees_with_devkit(frames, rng, how_many=6)


@pytest.mark.parametrize("seed", range(100, 106))
def test_large_random_sets_agree_with_the_development_kit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = random_frames(rng, int(rng.integers(50, 90)))
    assert max(score.num_labels for score in scored(frames).scores) > 40
    assert agrees_with_devkit(frames, rng, how_many=3, at_least=41)


@pytest.mark.parametrize("protocol", ["kitti_r11", "kitti_image_r40", "kitti_image_r11"])
@pytest.mark.parametrize("seed", range(40))
def test_other_averages_and_the_image_agree_with_a_second_implementation(seed: int, protocol: str) -> None:
    rng = np.random.default_rng(seed)
    frames = [
        replace(frame, dont_care=dont_care(rng), viewpoint=(1.5, 0.1, 1.7))
        for frame in random_frames(rng, int(rng.integers(1, 60)), most_labels=5)
    ]
    assert agrees_with_devkit(frames, rng, how_many=5, protocol=protocol)


def dont_care(rng: np.random.Generator) -> np.ndarray:
    corner = rng.uniform([0, 100], [1000, 200], (int(rng.integers(0, 4)), 2))
    return np.c_[corner, corner + rng.uniform(20, 300, corner.shape)]


def agrees_with_devkit(
    frames: list[ScoredFrame],
    rng: np.random.Generator,
    *,
    how_many: int,
    at_least: int = 1,
    protocol: str = "kitti_r40",
) -> bool:
    positions = 11 if protocol.endswith("11") else 40
    try:
        scores = [score for score in scored(frames, protocol).scores if score.num_labels >= at_least]
    except EvaluationError:  # nothing to find
        return not any(
            devkit_average_precision(frames, category, "bev", 0.5, "hard")[1]
            for category in ("car", "pedestrian", "cyclist")
        )
    for score in rng.choice(np.array(scores, dtype=object), min(how_many, len(scores)), replace=False):
        value, num_labels = devkit_average_precision(
            frames, score.category, score.metric, score.iou, score.difficulty, positions=positions
        )
        assert num_labels == score.num_labels
        assert_allclose(score.value, value, atol=1e-9, err_msg=str(score))
    return True


@pytest.mark.parametrize("num_cars", [1, 2, 7, 39, 40, 41, 42, 80, 97, 200])
def test_labels_as_detections_give_exactly_100(num_cars: int) -> None:
    labels = cars_in_a_row(num_cars)
    for score in (1.0, np.linspace(0.1, 0.9, num_cars)):
        evaluation = scored(one_frame(labels, detected(labels, score)))
        assert {s.value for s in evaluation.scores} == {100.0}


def test_no_detections_give_0() -> None:
    assert {s.value for s in scored(one_frame(cars_in_a_row(5), Boxes.empty())).scores} == {0.0}


def test_half_the_labels_found_give_half() -> None:
    labels = cars_in_a_row(40)
    found = detected(labels[20:], np.linspace(0.5, 0.9, 20))  # the far ones, or it would look cut off
    assert scored(one_frame(labels, found)).score("3d", 0.7, "easy").value == 50.0


def test_as_many_false_alarms_above_all_hits_halve_it() -> None:
    labels = cars_in_a_row(40)
    wrong = shifted(labels, 0, 50)
    detections = Boxes.concatenate([detected(labels, 0.5), detected(wrong, 0.9)])
    assert scored(one_frame(labels, detections)).score("bev", 0.7, "easy").value == 50.0


def test_a_class_without_labels_has_no_score() -> None:
    labels = cars_in_a_row(3)
    evaluation = scored(one_frame(labels, detected(labels)))
    assert {score.category for score in evaluation.scores} == {"car"}


def test_a_found_van_is_neither_right_nor_wrong() -> None:
    cars, vans = cars_in_a_row(3), cars_in_a_row(3, category="van")
    vans = shifted(vans, 0, 50)
    found = detected(Boxes.concatenate([cars, vans.replace(category=np.full(3, "car"))]))
    evaluation = scored(one_frame(Boxes.concatenate([cars, vans]), found))
    assert evaluation.score("3d", 0.7, "easy").value == 100.0
    assert evaluation.score("3d", 0.7, "easy").num_labels == 3


@pytest.mark.parametrize(
    ("column", "value", "counts_in"),
    [
        ("occlusion", 0, {"easy", "moderate", "hard"}),
        ("occlusion", 1, {"moderate", "hard"}),
        ("occlusion", 2, {"hard"}),
        ("occlusion", 3, set()),
        ("truncation", 0.15, {"easy", "moderate", "hard"}),
        ("truncation", 0.16, {"moderate", "hard"}),
        ("truncation", 0.31, {"hard"}),
        ("truncation", 0.51, set()),
        ("image_box", (0, 100, 50, 140), {"easy", "moderate", "hard"}),
        ("image_box", (0, 100, 50, 139.9), {"moderate", "hard"}),
        ("image_box", (0, 100, 50, 124.9), set()),
    ],
)
def test_difficulty_decides_which_labels_count(column: str, value: object, counts_in: set[str]) -> None:
    labels = cars_in_a_row(2)
    values = np.array(getattr(labels, column), dtype=float)
    values[0] = value
    evaluation = scored(one_frame(labels.replace(**{column: values}), Boxes.empty()))
    counted = {s.difficulty for s in evaluation.scores if s.metric == "3d" and s.iou == 0.7 and s.num_labels == 2}
    assert counted == counts_in


def test_a_false_alarm_too_low_in_the_image_is_ignored() -> None:
    labels = cars_in_a_row(3)
    low = shifted(labels, 0, 50).replace(image_box=np.tile([0.0, 100.0, 50.0, 130.0], (3, 1)))
    evaluation = scored(one_frame(labels, Boxes.concatenate([detected(labels, 0.5), detected(low, 0.9)])))
    assert evaluation.score("3d", 0.7, "easy").value == 100.0
    assert evaluation.score("3d", 0.7, "moderate").value == 50.0


def test_a_second_detection_of_one_car_is_a_false_alarm() -> None:
    labels = cars_in_a_row(1)
    twice = Boxes.concatenate([detected(labels, 0.9), detected(labels, 0.8)])
    once_more_below = scored(one_frame(labels, twice)).score("3d", 0.7, "easy").value
    assert once_more_below == 100.0  # it scores below the only threshold
    labels = cars_in_a_row(2)
    detections = Boxes.concatenate([twice, detected(labels[1:], 0.7)])
    assert scored(one_frame(labels, detections)).score("3d", 0.7, "easy").value == pytest.approx(100 * (0.5 + 1 / 3))


@pytest.mark.parametrize(
    ("side", "column"),
    [("labels", "truncation"), ("labels", "occlusion"), ("detections", "image_box"), ("detections", "score")],
)
def test_a_missing_column_is_named(side: str, column: str) -> None:
    labels = cars_in_a_row(2)
    boxes = {"labels": labels, "detections": detected(labels)}
    boxes[side] = boxes[side].replace(**{column: None})
    with pytest.raises(EvaluationError, match=f"000007.*{side}.*{column}"):
        scored([ScoredFrame(**boxes, drive="drive", name="000007")])


def test_a_score_that_is_not_a_number_is_refused() -> None:
    labels = cars_in_a_row(2)
    with pytest.raises(EvaluationError, match="1 detections is not a finite number"):
        scored(one_frame(labels, detected(labels, [0.5, np.nan])))


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="no frames"):
        scored([])
    with pytest.raises(EvaluationError, match="nothing to score"):
        scored(one_frame(cars_in_a_row(2, category="tram"), Boxes.empty()))


def test_an_unknown_protocol_lists_those_there_are() -> None:
    with pytest.raises(EvaluationError, match=r"'kitti_r12'.*kitti_r40"):
        load_protocol("kitti_r12")


def test_every_protocol_bears_the_name_of_its_file() -> None:
    assert protocol_names()
    for name in protocol_names():
        assert load_protocol(name).name == name


@pytest.mark.parametrize("name", ["kitti_r40", "kitti_r11"])
def test_kitti_protocol_is_frozen(name: str) -> None:
    protocol = load_protocol(name)
    limits = [(d.name, d.min_height_px, d.max_occlusion, d.max_truncation) for d in protocol.difficulties]
    assert limits == [("easy", 40, 0, 0.15), ("moderate", 25, 1, 0.30), ("hard", 25, 2, 0.50)]
    rules = [(c.name, c.overlaps, c.neighbours) for c in protocol.rules]
    assert rules == [
        ("car", (0.7, 0.5), ("van",)),
        ("pedestrian", (0.5, 0.25), ("person_sitting",)),
        ("cyclist", (0.5, 0.25), ()),
    ]
    assert (protocol.metrics, protocol.recall_positions) == (("3d", "bev"), 40)
    assert len(range(41)[protocol.averaged]) == (40 if name == "kitti_r40" else 11)


@pytest.mark.skipif(not KITTI.is_dir(), reason="the licensed KITTI frames are not beside the repository")
def test_kitti_labels_as_detections_give_100() -> None:
    frames = []
    for path in sorted((KITTI / "label_2").glob("*.txt")):
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        labels = kitti_labels([row for row in rows if row[0] != "DontCare"])
        frames.append(ScoredFrame(labels, detected(labels), path.stem, name=path.stem))
    evaluation = scored(frames)
    assert {score.value for score in evaluation.scores} == {100.0}
    assert evaluation.score("3d", 0.7, "moderate").num_labels == 74
    assert {score.category for score in evaluation.scores} == {"car", "pedestrian", "cyclist"}


def kitti_labels(rows: list[list[str]]) -> Boxes:
    """Good enough for scoring: the camera's axes turned upright, its origin kept."""
    values = np.array([row[1:] for row in rows], dtype=float).reshape(-1, 14)
    height, width, length = values[:, 7:10].T
    x, y, z = values[:, 10:13].T
    return Boxes(
        center=np.c_[z, -x, -y + height / 2],
        size=np.c_[length, width, height],
        yaw_rad=-values[:, 13] - np.pi / 2,
        category=np.array([row[0].lower() for row in rows]),
        truncation=values[:, 0],
        occlusion=values[:, 1].astype(int),
        image_box=values[:, 3:7],
    )
