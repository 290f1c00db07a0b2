"""One dataset and one detector, scored by protocols that call the same things by other names."""

from __future__ import annotations

import numpy as np
import pytest
from scored_scenes import cars_in_a_row, detected

from scanyard.boxes import Boxes
from scanyard.datasets.classes import ARGOVERSE2_OF_CATEGORY, NUSCENES_OF_CATEGORY
from scanyard.errors import ContractError, EvaluationError
from scanyard.metrics import ScoredFrame, evaluate, load_protocol, paired_difference, protocol_names, usual_precision

OTHERS = ("argoverse2", "argoverse2_class_range", "nuscenes", "waymo")


def named(protocol: str, categories: list[str]) -> list[ScoredFrame]:
    """Five drives in which everything is found, one label of each category in turn."""
    labels = cars_in_a_row(4).replace(category=np.array(categories), num_points=np.full(4, 50))
    labels = labels.replace(center=labels.center * [0.4, 1.0, 1.0])
    return [ScoredFrame(labels, detected(labels, 0.9), f"drive {index}") for index in range(5)]


@pytest.mark.parametrize("protocol", OTHERS)
def test_our_categories_count_as_what_the_protocol_calls_them(protocol: str) -> None:
    counts_as = load_protocol(protocol).counts_as
    for ours, theirs in counts_as.items():
        found = evaluate(named(protocol, [ours] * 4), protocol, split="s", domain="real", resamples=50)
        difficulty = "level_2" if protocol == "waymo" else "all"
        (score,) = [
            one for one in found.scores if (one.metric, one.category, one.difficulty) == ("ap", theirs, difficulty)
            and one.distance_m is None
        ]  # fmt: skip
        assert (score.value, score.num_labels) == (pytest.approx(100.0), 20)
        assert any(f"20 labels and 20 detections of {ours} as {theirs}" in note for note in found.notes)


@pytest.mark.parametrize("protocol", OTHERS)
def test_nothing_that_a_protocol_scores_by_its_own_name_gets_another(protocol: str) -> None:
    settings = load_protocol(protocol)
    assert not settings.counts_as.keys() & set(settings.categories)
    assert set(settings.counts_as.values()) <= set(settings.categories)


def test_kitti_needs_no_other_names() -> None:
    assert not any(load_protocol(name).counts_as for name in protocol_names() if name.startswith("kitti"))


def test_argoverse_2_is_scored_by_the_names_that_are_exported() -> None:
    settings = load_protocol("argoverse2")
    exported = {ours: name.lower() for ours, name in ARGOVERSE2_OF_CATEGORY.items() if name.lower() != ours}
    assert settings.counts_as == {ours: name for ours, name in exported.items() if name in settings.categories}


def test_nuscenes_is_scored_by_the_names_that_are_exported() -> None:
    settings = load_protocol("nuscenes")
    for ours, theirs in settings.counts_as.items():
        assert NUSCENES_OF_CATEGORY[ours].split(".")[1] == theirs or theirs == "pedestrian"
    for ours, name in NUSCENES_OF_CATEGORY.items():
        if name.startswith("vehicle."):
            assert settings.counts_as.get(ours, ours) == name.split(".")[1].replace("construction", ours)


def test_names_of_both_kinds_are_one_class() -> None:
    """Labels of one data set by our names, detections by the protocol's: as Argoverse 2's own files and ours meet."""
    frames = named("waymo", ["car", "van", "truck", "vehicle"])
    theirs = [
        ScoredFrame(frame.labels, frame.detections.replace(category=np.full(4, "vehicle")), frame.drive)
        for frame in frames
    ]
    found = evaluate(theirs, "waymo", split="s", domain="real", resamples=50)
    assert found.score("ap", 0.7, "level_2", "vehicle").value == pytest.approx(100.0)
    difference = paired_difference(
        theirs, frames, "waymo", metric="ap", iou=0.7, difficulty="level_2", category="car", resamples=50
    )
    assert difference.value == 0.0


def test_a_category_of_no_name_there_is_still_a_mismatch_where_it_stands_on_labels() -> None:
    frames = named("nuscenes", ["car"] * 4)
    tagged = [ScoredFrame(f.labels, f.detections.replace(category=np.full(4, "automobile")), f.drive) for f in frames]
    with pytest.raises(ContractError, match="no detection is called 'car', but 20 called 'automobile'"):
        evaluate(tagged, "nuscenes", split="s", domain="real", resamples=50)


def test_boxes_without_any_such_name_are_left_as_they_are() -> None:
    labels = cars_in_a_row(3, category="pedestrian")
    found = evaluate(
        [ScoredFrame(labels, Boxes.empty(), f"{index}") for index in range(5)],
        "nuscenes", split="s", domain="real", resamples=0,
    )  # fmt: skip
    assert not any("counted as" in note for note in found.notes)


def test_what_detectors_are_ordered_by_has_the_protocols_own_name_and_overlap() -> None:
    assert usual_precision("kitti_r40", "pedestrian") == ("bev", "pedestrian", "moderate", 0.5, None)
    assert usual_precision("kitti_image_r40", "car") == ("2d", "car", "moderate", 0.7, None)
    assert usual_precision("waymo", "car") == ("ap", "vehicle", "level_2", 0.7, None)
    assert usual_precision("nuscenes", "cyclist") == ("ap", "bicycle", "all", None, None)
    assert usual_precision("nuscenes", "all") == ("nds", "all", "all", None, None)
    assert usual_precision("argoverse2", "all") == ("cds", "all", "all", None, None)
    for protocol in ("kitti_r40", "waymo"):
        with pytest.raises(EvaluationError, match="has no mean over categories"):
            usual_precision(protocol, "all")
