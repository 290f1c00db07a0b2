"""Cars, pedestrians and cyclists by one detector: each found as what it is, and none taken for another's double."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_street import RIG, SMALL, cars, source, street

from scanyard.boxes import Boxes, overlap_bev
from scanyard.detect import PillarDetector, train
from scanyard.detect.augment import Snippet, drawn
from scanyard.detect.coding import typical_sizes
from scanyard.detect.detector import without_overlaps
from scanyard.detect.network import HEAT_M, FirstLook, PillarNet
from scanyard.detect.peaks import find_peaks
from scanyard.detect.pillars import Grid

THREE = ("car", "pedestrian", "cyclist")
SIZE = {"pedestrian": (0.8, 0.6, 1.75), "cyclist": (1.75, 0.6, 1.7)}
RECIPE = replace(SMALL, categories=THREE)


def people(rows: list[tuple[float, float, float]], category: str) -> Boxes:
    """Upright boxes of a class's size at (x, y, yaw)."""
    boxes, size = cars(rows, category), np.array(SIZE[category])
    center = np.c_[boxes.center[:, :2], np.full(len(rows), size[2] / 2)]
    return boxes.replace(center=center, size=np.tile(size, (len(rows), 1)))


EVERYBODY = Boxes.concatenate(
    [
        cars([(10.0, 3.0, 0.5), (20.0, -6.0, -0.6)]),
        people([(9.0, -2.0, 0.3), (15.0, 5.0, 1.2), (18.0, -1.0, -0.4)], "pedestrian"),
        people([(12.0, -5.0, 0.2), (14.0, 1.0, 0.9), (22.0, 4.0, -0.3)], "cyclist"),
    ]
)


@pytest.fixture(scope="module")
def detector() -> PillarDetector:
    return train([source(street(EVERYBODY), street(EVERYBODY, seed=1))], RECIPE, threads=1)


def test_each_class_is_found_as_what_it_is(detector: PillarDetector) -> None:
    found = detector.detect(street(EVERYBODY, seed=7), RIG)
    overlap = overlap_bev(EVERYBODY, found)
    for name in THREE:
        own, others = found.category == name, found.category != name
        labels = EVERYBODY.category == name
        right = np.where(overlap[labels][:, own] > 0.5, found.score[own], 0).max(axis=1)
        wrong = np.where(overlap[labels][:, others] > 0.2, found.score[others], 0).max(axis=1, initial=0)
        assert (right > 0.3).all(), name
        assert (right > wrong).all(), name


def test_an_empty_street_has_none_of_them(detector: PillarDetector) -> None:
    found = detector.detect(street(cars([]), seed=8), RIG)
    assert found.score.max(initial=0) < 0.3


def test_a_better_one_of_its_own_class_takes_a_box_out_and_no_other() -> None:
    rows = [(10.0, 2.0, 0.0)]
    boxes = Boxes.concatenate([people(rows, "cyclist"), people(rows, "pedestrian"), people(rows, "cyclist")])
    kept = without_overlaps(boxes.replace(score=[0.9, 0.8, 0.7]))
    assert kept.score.tolist() == [0.9, 0.8]


def test_two_people_walking_side_by_side_are_both_kept() -> None:
    pair = people([(10.0, 2.0, 0.0), (10.0, 2.7, 0.0)], "pedestrian")
    assert len(without_overlaps(pair.replace(score=[0.9, 0.8]))) == 2


def test_people_in_neighbouring_cells_are_both_looked_at_and_cars_are_not() -> None:
    grid = Grid.of(RECIPE, HEAT_M)
    net = PillarNet.of(RECIPE).eval()
    logits = torch.full((1, 3, grid.rows, grid.columns), -6.0)
    logits[:, :, 10, 10], logits[:, :, 10, 11] = 2.0, 1.0
    look = FirstLook(torch.zeros(1, 48, grid.rows, grid.columns), logits)
    found = {
        crowds: find_peaks(net, look, typical_sizes(THREE), grid, least=0.01, most=50, crowds=crowds)
        for crowds in (False, True)
    }
    assert torch.bincount(found[False].category).tolist() == [1, 1, 1]
    assert torch.bincount(found[True].category).tolist() == [1, 2, 1]


def snippets(**numbers: int) -> list[Snippet]:
    """So many objects of each class."""
    nothing = np.zeros((0, 3), dtype=np.float32)
    return [Snippet(nothing, np.zeros(7), THREE.index(name)) for name, n in numbers.items() for _ in range(n)]


def test_rare_classes_are_pasted_as_often_as_frequent_ones() -> None:
    rng, some = np.random.default_rng(0), snippets(car=500, pedestrian=20, cyclist=5)
    labels = np.concatenate([[one.label for one in drawn(some, 9, rng)] for _ in range(400)])
    share = np.bincount(labels.astype(int), minlength=3) / len(labels)
    assert share == pytest.approx([1 / 3] * 3, abs=0.08)


def test_where_a_class_has_no_more_the_others_fill_up() -> None:
    some = snippets(car=20, cyclist=1)
    rounds = [drawn(some, 8, np.random.default_rng(seed)) for seed in range(50)]
    assert max(map(len, rounds)) == 8
    assert max(sum(one.label == THREE.index("cyclist") for one in chosen) for chosen in rounds) == 1


def test_one_class_alone_is_drawn_as_it_always_was() -> None:
    some = snippets(car=40)
    rng = np.random.default_rng(3)
    expected = rng.permutation(40)[: rng.integers(0, 9)]
    assert [id(one) for one in drawn(some, 8, np.random.default_rng(3))] == [id(some[i]) for i in expected]
