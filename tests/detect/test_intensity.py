"""Intensity, which a recipe may ask for: it reaches the network, stays with its points, and is never made up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_street import EGO_FROM_LIDAR, RIG, RIG_WITHOUT_CAMERA, SMALL, cars, source, street

from scanyard.boxes import Boxes, overlap_bev, points_inside
from scanyard.detect import load_detector, train
from scanyard.detect.augment import augment, cut_out
from scanyard.detect.example import as_boxes, prepare
from scanyard.detect.pillars import CHANNELS, Grid, occupied_cells
from scanyard.errors import InputError
from scanyard.frame import Frame, points_ego
from scanyard.sensors import Rig

RECIPE = replace(SMALL, use_intensity=True, paste_boxes=8)
LEFT, RIGHT = [(10.0, 3.0, 0.5), (16.0, 4.0, -0.6)], [(10.0, -3.0, 0.5), (16.0, -4.0, -0.6)]


def lit(bright: list[tuple[float, float, float]] = LEFT, *, seed: int = 0) -> Frame:
    """Bright cars on one side and dull trucks on the other, of one shape, so that only intensity tells."""
    shining = cars(bright)
    frame = street(Boxes.concatenate([shining, cars(RIGHT if bright is LEFT else LEFT, "truck")]), seed=seed)
    sweep = frame.sweeps["top"]
    inside = points_inside(shining, points_ego(sweep, EGO_FROM_LIDAR), margin_m=0.01).any(axis=0)
    return frame.replace(sweeps={"top": sweep.replace(intensity=np.where(inside, 0.8, 0.1))})


@pytest.mark.parametrize("rig", [RIG, RIG_WITHOUT_CAMERA])
def test_every_point_keeps_its_own_intensity(rig: Rig) -> None:
    example = prepare(lit(), rig, RECIPE)
    bright = points_inside(as_boxes(example.boxes), example.points, margin_m=0.02).any(axis=0)
    assert 100 < bright.sum() < len(example.points)
    assert np.array_equal(example.points[:, 3] > 0.5, bright)


@pytest.mark.parametrize("seed", range(6))
def test_augmentation_moves_points_and_leaves_their_intensity(seed: int) -> None:
    example = replace(prepare(lit(), RIG, RECIPE), domain="real")
    changed = augment(example, RECIPE, np.random.default_rng(seed), cut_out([prepare(lit(seed=1), RIG, RECIPE)]))
    bright = points_inside(as_boxes(changed.boxes), changed.points, margin_m=0.05).any(axis=0)
    assert ((changed.points[:, 3] > 0.5) == bright).mean() > 0.995  # a road point may fall into a pasted box's margin


def test_a_pillar_has_the_mean_intensity_of_its_points() -> None:
    points = np.array([[2.45, -12.35, 0.2, 0.1], [2.55, -12.25, 1.0, 0.5]], dtype=np.float32)
    figures = occupied_cells([points], Grid.of(SMALL)).figures.numpy().reshape(4, CHANNELS + 1)
    assert figures[:, CHANNELS] == pytest.approx([0.3, 0, 0, 0])
    plain = occupied_cells([points[:, :3]], Grid.of(SMALL)).figures.numpy().reshape(4, CHANNELS)
    assert np.array_equal(figures[:, :CHANNELS], plain)


def test_what_only_intensity_tells_apart_is_told_apart(tmp_path: Path) -> None:
    frames = [lit(side, seed=seed) for side in (LEFT, RIGHT) for seed in (0, 1)]
    train([source(*frames)], replace(RECIPE, steps=120), threads=1).save(tmp_path / "detector")
    detector = load_detector(tmp_path / "detector")
    places = cars(LEFT + RIGHT)
    scores = []
    for side in (LEFT, RIGHT):
        found = detector.detect(lit(side, seed=2), RIG)
        there = overlap_bev(places, found) > 0.3
        scores.append(np.array([found.score[near].max(initial=0) for near in there]))
    assert (scores[0][:2] > scores[1][:2] + 0.1).all()  # the same places, bright and dull
    assert (scores[1][2:] > scores[0][2:] + 0.1).all()


def test_a_frame_without_intensity_is_refused_in_training_and_detection() -> None:
    detector = train([source(lit())], replace(RECIPE, steps=2), threads=1)
    for attempt in (
        lambda: detector.detect(street(name="dark"), RIG),
        lambda: train([source(lit()), source(street(name="dark"))], RECIPE, threads=1),
    ):
        with pytest.raises(InputError, match=r"frame dark: sweep 'top' has no intensity.*use_intensity"):
            attempt()


def test_a_recipe_without_it_sees_no_difference() -> None:
    assert prepare(lit(), RIG, SMALL).points.shape[1] == 3


def test_a_detector_is_not_trained_on_with_other_inputs() -> None:
    detector = train([source(lit())], replace(RECIPE, steps=1), threads=1)
    with pytest.raises(InputError, match="use_intensity True with a recipe that says False"):
        train([source(lit())], SMALL, start_from=detector)
