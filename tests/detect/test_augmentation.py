from dataclasses import replace

import numpy as np
import pytest
from toy_street import FOUR_CARS, RIG, SMALL, cars, street

from scanyard.boxes import points_inside
from scanyard.detect.augment import augment, cut_out, mirrored, paste, scaled, thinned, turned
from scanyard.detect.example import Example, as_boxes, prepare

RECIPE = replace(SMALL, paste_boxes=8)
ELSEWHERE = street(cars([(12.0, -2.0, 1.0), (17.0, 1.0, -0.2)]), seed=5)


@pytest.fixture
def example() -> Example:
    return prepare(street(), RIG, RECIPE)


def counts(example: Example) -> np.ndarray:
    """Points (N,) inside each box."""
    return points_inside(as_boxes(example.boxes), example.points, margin_m=0.05).sum(axis=1)


def test_a_prepared_box_holds_its_returns_and_stands_on_the_ground(example: Example) -> None:
    assert (counts(example) > 100).all()
    assert np.abs(example.boxes[:, 2] - example.boxes[:, 5] / 2).max() < 0.05


@pytest.mark.parametrize("seed", range(8))
def test_points_stay_inside_their_boxes(example: Example, seed: int) -> None:
    recipe = replace(RECIPE, keep_points=1.0)
    changed = augment(example, recipe, np.random.default_rng(seed))
    assert (np.abs(counts(changed) - counts(example)) <= 0.01 * counts(example)).all()


def test_mirroring_turns_a_left_bend_into_a_right_bend(example: Example) -> None:
    changed = mirrored(example)
    assert counts(changed).tolist() == counts(example).tolist()
    assert changed.boxes[0, 1] == -example.boxes[0, 1]
    assert changed.boxes[0, 6] == -example.boxes[0, 6]


def test_turning_keeps_the_distance_to_the_sensor(example: Example) -> None:
    changed = turned(example, 0.5)
    for before, after in ((example.boxes, changed.boxes), (example.points, changed.points)):
        distances = [np.hypot(*(rows[:, :2] - example.sensor_m[:2]).T) for rows in (before, after)]
        np.testing.assert_allclose(distances[1], distances[0], rtol=1e-5)
    np.testing.assert_allclose(changed.boxes[:, 6] - example.boxes[:, 6], 0.5)


def test_scaling_changes_sizes_alike(example: Example) -> None:
    np.testing.assert_allclose(scaled(example, 1.05).boxes[:, 3:6], 1.05 * example.boxes[:, 3:6])


def test_thinning_keeps_the_share_asked_for(example: Example) -> None:
    changed = thinned(example, 0.6, np.random.default_rng(0))
    assert len(changed.points) == pytest.approx(0.6 * len(example.points), rel=0.05)
    assert len(changed.unlabelled) == len(changed.points)


def test_the_original_is_left_alone(example: Example) -> None:
    points, boxes = example.points.copy(), example.boxes.copy()
    augment(example, RECIPE, np.random.default_rng(3), cut_out([prepare(ELSEWHERE, RIG, RECIPE)]))
    assert np.array_equal(example.points, points)
    assert np.array_equal(example.boxes, boxes)


def test_pasted_cars_bring_their_points_and_hide_what_is_behind() -> None:
    empty = prepare(street(cars([(8.0, 6.0, 0.0)])), RIG, RECIPE)
    snippets = cut_out([prepare(ELSEWHERE, RIG, RECIPE)])
    changed = paste(empty, snippets, np.random.default_rng(1))
    assert len(changed.boxes) == 3
    assert (counts(changed)[1:] >= [0.9 * len(snippet.points) for snippet in snippets]).all()
    low = changed.points[:, 2] < 0.1
    nearest = changed.boxes[1:][np.argmin(changed.boxes[1:, 0])]
    ray = (nearest[:2] - empty.sensor_m[:2]) / np.hypot(*(nearest[:2] - empty.sensor_m[:2]))
    delta = changed.points[low, :2] - nearest[:2]
    along, across = delta @ ray, delta @ np.array([-ray[1], ray[0]])
    assert not ((along > 2.5) & (along < 8) & (np.abs(across) < 0.3)).any()


def test_nothing_is_pasted_onto_a_car() -> None:
    there = prepare(ELSEWHERE, RIG, RECIPE)
    here = prepare(street(), RIG, RECIPE)
    for seed in range(10):
        changed = paste(here, cut_out([there]), np.random.default_rng(seed))
        distance = np.linalg.norm(changed.boxes[:, None, :2] - changed.boxes[None, :, :2], axis=-1)
        assert distance[np.triu_indices(len(changed.boxes), 1)].min() > 4


def test_a_look_alike_and_a_thin_car_are_neither_asked_for_nor_background() -> None:
    boxes = FOUR_CARS.replace(category=["car", "van", "truck", "car"])
    frame = street(boxes)
    lonely = cars([(25.0, 9.0, 0.0)])  # labelled, but without a single return
    frame = frame.replace(boxes=type(lonely).concatenate([frame.boxes, lonely]))
    example = prepare(frame, RIG, RECIPE)
    assert example.ignored.tolist() == [False, True, False, True]
