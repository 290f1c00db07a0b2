"""Laws that every family keeps, on random frames of well-separated objects, thousands of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scored_scenes import cars_in_a_row, detected, shifted

from scanyard.boxes import Boxes
from scanyard.geometry import Transform
from scanyard.metrics import ScoredFrame, load_protocol
from scanyard.metrics.families import measure
from scanyard.metrics.pool import pool_frames
from scanyard.metrics.protocols import KittiProtocol, Protocol

CATEGORY = {
    "kitti_r40": "car",
    "kitti_r11": "car",
    "kitti_image_r40": "car",
    "nuscenes": "car",
    "argoverse2": "regular_vehicle",
    "waymo": "vehicle",
}
seeds = st.integers(0, 2**32 - 1)
protocols = st.sampled_from(sorted(CATEGORY))
many = settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def row_of_cars(rng: np.random.Generator, protocol: str, *, ties: bool = False) -> list[ScoredFrame]:
    """Frames of well-separated cars, found more or less well, some twice, with false alarms beside them."""
    frames = []
    for index in range(int(rng.integers(1, 5))):
        labels = cars_in_a_row(int(rng.integers(1, 9)), category=CATEGORY[protocol])
        left = np.arange(len(labels)) * 150.0
        labels = labels.replace(
            center=labels.center * [0.55, 1, 1],
            num_points=rng.integers(1, 20, len(labels)),
            velocity=rng.normal(0, 1, (len(labels), 3)),
            image_box=np.c_[left, np.full(len(left), 100.0), left + 100.0, np.full(len(left), 160.0)],
        )
        parts = [
            labels.replace(
                center=labels.center + rng.normal(0, 0.15, (len(labels), 3)),
                yaw_rad=labels.yaw_rad + rng.normal(0, 0.3, len(labels)),
                image_box=labels.image_box + rng.normal(0, 3, (len(labels), 4)),
            )[rng.random(len(labels)) < share]
            for share in (0.9, 0.3)
        ]
        stray = shifted(labels, 2, 20)[rng.random(len(labels)) < 0.4]
        stray = stray.replace(image_box=stray.image_box + np.array([0, 300, 0, 300]))
        found = Boxes.concatenate([*parts, stray])
        score = rng.integers(1, 4, len(found)) / 4 if ties else rng.random(len(found))
        frames.append(ScoredFrame(labels, detected(found, score).replace(num_points=None), "drive", name=f"{index}"))
    return frames


@cache
def slim(name: str) -> Protocol:
    """The protocol; of KITTI's settings, which are scored one by one in the same way, a few."""
    protocol = load_protocol(name)
    if not isinstance(protocol, KittiProtocol):
        return protocol
    rule = replace(protocol.category("car"), overlaps=(0.5,))
    return replace(protocol, difficulties=protocol.difficulties[1:2], rules=(rule,))


def values(frames: list[ScoredFrame], protocol: str, *, precision_only: bool = False) -> list[float]:
    pool = pool_frames(frames)
    measured = measure(pool, slim(protocol), np.ones((1, len(pool.drives)), dtype=int), (CATEGORY[protocol],))
    return [float(one.values[0]) for one in measured if not precision_only or one.unit == "percent"]


def shuffled(frames: list[ScoredFrame], rng: np.random.Generator) -> list[ScoredFrame]:
    mixed = [
        replace(
            frame,
            labels=frame.labels[rng.permutation(len(frame.labels))],
            detections=frame.detections[rng.permutation(len(frame.detections))],
        )
        for frame in frames
    ]
    rng.shuffle(mixed)
    return mixed


@many
@given(seeds, protocols)
def test_order_of_frames_and_boxes_does_not_matter(seed: int, protocol: str) -> None:
    rng = np.random.default_rng(seed)
    frames = row_of_cars(rng, protocol)
    assert_allclose(values(frames, protocol), values(shuffled(frames, rng), protocol), atol=1e-9)


@many
@given(seeds, protocols.filter(lambda name: name != "waymo"), st.floats(0.1, 10), st.floats(-5, 5))
def test_rescaling_scores_changes_nothing(seed: int, protocol: str, factor: float, offset: float) -> None:
    frames = row_of_cars(np.random.default_rng(seed), protocol)
    rescaled = [
        replace(f, detections=f.detections.replace(score=f.detections.score * factor + offset))
        if len(f.detections)
        else f
        for f in frames
    ]
    if any((f.detections.score == 0).any() for f in rescaled if len(f.detections)):
        return  # nuScenes' devkit takes a score of 0 for a recall that was not reached
    assert_allclose(values(rescaled, protocol), values(frames, protocol), atol=1e-6)


@many
@given(seeds, protocols)
def test_a_lowest_scored_false_alarm_never_helps(seed: int, protocol: str) -> None:
    rng = np.random.default_rng(seed)
    frames = row_of_cars(rng, protocol, ties=bool(rng.integers(0, 2)))
    stray = detected(shifted(cars_in_a_row(1, category=CATEGORY[protocol]), 5, -30), rng.choice([0.0, 1e-9]))
    stray = stray.replace(velocity=np.zeros((1, 3)))
    worse = [replace(frames[0], detections=Boxes.concatenate([frames[0].detections, stray])), *frames[1:]]
    pairs = zip(
        values(frames, protocol, precision_only=True), values(worse, protocol, precision_only=True), strict=True
    )
    assert all(after <= before + 1e-9 for before, after in pairs)


@many
@given(seeds, protocols)
def test_a_false_alarm_above_all_others_always_hurts(seed: int, protocol: str) -> None:
    frames = row_of_cars(np.random.default_rng(seed), protocol)
    stray = detected(shifted(cars_in_a_row(1, category=CATEGORY[protocol]), 5, -30), 1.0)
    stray = stray.replace(velocity=np.zeros((1, 3)), image_box=stray.image_box + np.array([0, 400, 0, 400]))
    worse = [replace(frames[0], detections=Boxes.concatenate([frames[0].detections, stray])), *frames[1:]]
    pairs = zip(
        values(frames, protocol, precision_only=True), values(worse, protocol, precision_only=True), strict=True
    )
    assert all(after < before or before == 0 for before, after in pairs)


@many
@given(seeds, protocols, st.floats(-3, 3), st.floats(-1000, 1000))
def test_moving_everything_together_changes_nothing(seed: int, protocol: str, yaw: float, shift: float) -> None:
    frames = row_of_cars(np.random.default_rng(seed), protocol)
    b_from_a = Transform.from_xyz_rpy((shift, -shift, 2.0), yaw=yaw)
    place = tuple(b_from_a.apply([[0.0, 0.0, 0.0]])[0].tolist())
    moved = [
        replace(
            f,
            labels=f.labels.transformed(b_from_a),
            detections=f.detections.transformed(b_from_a),
            origin=place,
            viewpoint=place,
        )
        for f in frames
    ]
    assert_allclose(values(moved, protocol), values(frames, protocol), atol=1e-6)


@many
@given(seeds, protocols)
def test_equal_scores_count_as_documented(seed: int, protocol: str) -> None:
    """KITTI and Waymo do not mind the order of equals; nuScenes ranks the later first, Argoverse 2 the earlier."""
    rng = np.random.default_rng(seed)
    frames = row_of_cars(rng, protocol, ties=True)
    if protocol.startswith("kitti"):
        # one of two equals on a label may overlap it more, so their order is left; frames and labels are mixed
        other = [replace(f, labels=f.labels[rng.permutation(len(f.labels))]) for f in frames]
        rng.shuffle(other)
    elif protocol == "waymo":
        other = shuffled(frames, rng)
    else:
        step = 1e-9 if protocol == "nuscenes" else -1e-9
        places = np.cumsum([0, *(len(f.detections) for f in frames)])
        nudges = [step * (at + np.arange(len(f.detections))) for f, at in zip(frames, places, strict=False)]
        other = [
            replace(f, detections=f.detections.replace(score=f.detections.score + nudge)) if len(f.detections) else f
            for f, nudge in zip(frames, nudges, strict=True)
        ]
    assert_allclose(
        values(other, protocol, precision_only=True), values(frames, protocol, precision_only=True), atol=1e-6
    )
