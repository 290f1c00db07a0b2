"""Front and rear told apart, and nothing else changed by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_street import EGO_FROM_LIDAR, RIG, SMALL, cars, source, street

from scanyard.boxes import Boxes, overlap_bev
from scanyard.detect import PillarDetector, train
from scanyard.detect.example import Example, prepare
from scanyard.detect.heading import HeadingNet
from scanyard.detect.network import PillarNet
from scanyard.detect.optimise import optimise
from scanyard.detect.pillars import Grid
from scanyard.detect.proposals import Proposals
from scanyard.frame import Frame, Sweep
from scanyard.geometry import wrap_angle

PLACES = ((10.0, 3.0), (15.0, -4.0), (20.0, 5.0), (22.0, -1.0))


def with_bonnets(frame: Frame) -> Frame:
    """The street with cars whose front third is no higher than 0.9 m."""
    boxes = frame.boxes
    assert boxes is not None
    cloud = EGO_FROM_LIDAR.apply(frame.sweeps["top"].points.astype(np.float64))
    keep = np.ones(len(cloud), dtype=bool)
    for center, size, yaw in zip(boxes.center, boxes.size, boxes.yaw_rad, strict=True):
        ahead = (cloud[:, :2] - center[:2]) @ (np.cos(yaw), np.sin(yaw))
        near = np.hypot(*(cloud[:, :2] - center[:2]).T) < size[0]
        keep &= ~(near & (ahead > size[0] / 6) & (cloud[:, 2] > 0.9))
    return replace(frame, sweeps={"top": Sweep(frame.sweeps["top"].points[keep])})


def some_street(seed: int) -> Frame:
    """Four cars that look anywhere."""
    yaw = np.random.default_rng(seed).uniform(-np.pi, np.pi, len(PLACES))
    return with_bonnets(street(cars([(x, y, turn) for (x, y), turn in zip(PLACES, yaw, strict=True)]), seed=seed))


@pytest.fixture(scope="module")
def detector() -> PillarDetector:
    return train([source(*map(some_street, range(24)))], replace(SMALL, steps=240), threads=1)


def matched(found: Boxes, labels: Boxes) -> tuple[Boxes, Boxes]:
    overlap = overlap_bev(labels, found)
    best = overlap.argmax(axis=1)
    there = overlap.max(axis=1) > 0.5
    return labels[there], found[best[there]]


def test_fronts_are_found_on_streets_never_seen(detector: PillarDetector) -> None:
    right = []
    for seed in range(100, 110):
        frame = some_street(seed)
        labels, found = matched(detector.detect(frame, RIG), frame.boxes)
        right += (np.cos(labels.yaw_rad - found.yaw_rad) > 0).tolist()
    assert len(right) > 25
    assert np.mean(right) > 0.85


def test_boxes_and_scores_are_those_without_it(detector: PillarDetector) -> None:
    frame = some_street(100)
    before = detector.detect(frame, RIG)
    other = PillarNet.of(detector.recipe)
    other.load_state_dict(detector.net.state_dict())
    with torch.no_grad():
        other.heading.together[-1].weight.mul_(-1)
        other.heading.together[-1].bias.mul_(-1)
    after = replace(detector, net=other.eval()).detect(frame, RIG)
    assert np.array_equal(before.center, after.center)
    assert np.array_equal(before.size, after.size)
    assert np.array_equal(before.score, after.score)
    np.testing.assert_allclose(np.abs(wrap_angle(after.yaw_rad - before.yaw_rad)), np.pi, atol=1e-9)


def test_the_other_weights_learn_as_without_it() -> None:
    recipe = replace(SMALL, steps=10)
    example = prepare(some_street(0), RIG, recipe)
    ends = []
    for seed in (1, 2):
        torch.manual_seed(0)
        net = PillarNet(1, Grid.of(recipe).shape)
        torch.manual_seed(seed)
        net.heading = HeadingNet(1)
        optimise(net, [[example]], [1.0], recipe)
        ends.append({name: tensor for name, tensor in net.state_dict().items() if not name.startswith("heading.")})
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_an_end_is_the_front_if_the_label_looks_that_way() -> None:
    example: Example = prepare(some_street(3), RIG, SMALL)
    looking = example.boxes.copy()
    to_sensor = example.sensor_m[:2] - looking[:, :2]
    looking[:, 6] = np.arctan2(to_sensor[:, 1], to_sensor[:, 0]) + 0.3
    away = looking.copy()
    away[:, 6] += np.pi
    for boxes in (looking, away):  # the proposal's own heading has no say
        proposals = Proposals.of(boxes, example.points, example.sensor_m)
        assert proposals.faces(looking).all()
        assert not proposals.faces(away).any()
