"""Slices: a part of the objects scores as it would alone; what is outside is neither asked for nor blamed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scored_scenes import cars_in_a_row, detected, random_frames, shifted

from scanyard.boxes import Boxes
from scanyard.errors import EvaluationError
from scanyard.metrics import ScoredFrame, SliceBy, SliceScore, evaluate, evaluate_slices, explain
from scanyard.metrics.headline import Subject
from scanyard.metrics.slices import score_slices

CATEGORY = {"kitti_r40": "car", "nuscenes": "car", "argoverse2": "regular_vehicle", "waymo": "vehicle"}
EVERY = pytest.mark.parametrize("protocol", sorted(CATEGORY))


def street(protocol: str, name: str, *, num: int = 6, found: slice = slice(None), **metadata: str) -> ScoredFrame:
    """Cars at 10, 20, ... metres; some of them are found."""
    labels = cars_in_a_row(num, category=CATEGORY[protocol]).replace(
        num_points=np.arange(num, 0, -1) * 10, velocity=np.zeros((num, 3))
    )
    seen = detected(labels[found], np.linspace(0.9, 0.5, len(labels[found]))).replace(num_points=None)
    return ScoredFrame(labels, seen, f"drive {name}", name=name, metadata=metadata)


def by_name(scores: tuple[SliceScore, ...], category: str) -> dict[str, float]:
    return {one.name: one.score.value for one in scores if one.score.category == category}


def sliced(frames: list[ScoredFrame], protocol: str, *columns: str, **options: object) -> dict[str, float]:
    found = evaluate_slices(frames, protocol, by=[SliceBy.parse(one) for one in columns], resamples=2, **options)
    return by_name(found, CATEGORY[protocol])


@EVERY
def test_near_cars_found_and_far_ones_missed_score_100_and_0(protocol: str) -> None:
    frames = [street(protocol, "a", found=slice(0, 3))]  # at 10, 20 and 30 m
    assert sliced(frames, protocol, "range:0,35,100") == pytest.approx({"0 to 35 m": 100, "35 to 100 m": 0})


@EVERY
def test_a_hit_belongs_where_its_label_is(protocol: str) -> None:
    frame = street(protocol, "a")
    frame = replace(frame, detections=shifted(frame.detections, 0.2, 0))
    whole = {"0 to 30.1 m": 100, "30.1 to 100 m": 100}
    assert sliced([frame], protocol, "range:0,30.1,100") == pytest.approx(whole)


@EVERY
def test_a_false_alarm_belongs_to_the_range_it_is_at(protocol: str) -> None:
    frame = street(protocol, "a")
    alarm = shifted(frame.detections[:1], 0, 5).replace(score=[0.99])  # at 11 m
    frame = replace(frame, detections=Boxes.concatenate([frame.detections, alarm]))
    found = sliced([frame], protocol, "range:0,35,100")
    assert found["35 to 100 m"] == pytest.approx(100)
    assert found["0 to 35 m"] < 90.0


@EVERY
def test_a_false_alarm_belongs_to_every_slice_that_only_labels_know_of(protocol: str) -> None:
    frame = street(protocol, "a")
    alarm = shifted(frame.detections[:1], 0, 5).replace(score=[0.99])
    frame = replace(frame, detections=Boxes.concatenate([frame.detections, alarm]))
    found = sliced([frame], protocol, "points:1,35,100")
    assert len(found) == 2
    assert max(found.values()) < 90.0


@EVERY
def test_whoever_finds_what_is_outside_the_slice_is_no_false_alarm(protocol: str) -> None:
    frames = [street(protocol, "a", num=4)]  # everything is found
    assert sliced(frames, protocol, "points:1,25,100") == pytest.approx({"1 to 24": 100, "25 to 99": 100})


@EVERY
def test_slices_of_whole_frames_score_as_those_frames_alone(protocol: str) -> None:
    rng = np.random.default_rng(3)
    frames = [street(protocol, f"{i}", num=int(rng.integers(2, 7)), found=slice(0, int(rng.integers(1, 7))),
                     weather="fog" if i % 2 else "clear") for i in range(8)]  # fmt: skip
    stray = shifted(frames[1].detections, 0.0, 6.0)
    frames[1] = replace(frames[1], detections=Boxes.concatenate([frames[1].detections, stray]))
    found = evaluate_slices(frames, protocol, by=[SliceBy("weather")], resamples=2)
    for weather in ("fog", "clear"):
        alone = [frame for frame in frames if frame.metadata["weather"] == weather]
        expected = evaluate(alone, protocol, split="s", domain="real", resamples=2, check=False)
        for one in found:
            if one.name == weather:
                s = one.score
                same = expected.score(s.metric, s.iou, s.difficulty, s.category, distance_m=s.distance_m)
                assert (s.value, s.num_labels) == (same.value, same.num_labels)


def test_a_slice_of_crowded_frames_scores_as_if_the_rest_were_ignored() -> None:
    """KITTI's own way to ignore a label is the occlusion limit; frames where that does the slicing score alike."""
    frames = random_frames(np.random.default_rng(5), 40)
    near = evaluate_slices(frames, by=[SliceBy("occlusion")], difficulty="hard", resamples=2)
    for level in (0, 1, 2):
        others = [
            replace(f, labels=f.labels.replace(occlusion=np.where(f.labels.occlusion == level, 0, 3))) for f in frames
        ]
        expected = evaluate(others, split="s", domain="real", resamples=2, check=False)
        for one in near:
            if one.name == f"{level}":
                s = one.score
                same = expected.score(s.metric, s.iou, "hard", s.category)
                assert_allclose((s.value, s.num_labels), (same.value, same.num_labels), atol=1e-9)


@EVERY
def test_one_slice_of_everything_is_the_score_itself_with_its_interval(protocol: str) -> None:
    frames = [street(protocol, f"{i}", found=slice(i, None)) for i in range(4)]
    whole = evaluate(frames, protocol, split="s", domain="real", resamples=50, check=False)
    for one in evaluate_slices(frames, protocol, by=[SliceBy("range", (0, 1000))], resamples=50):
        s = one.score
        assert s == whole.score(s.metric, s.iou, s.difficulty, s.category, distance_m=s.distance_m)


def test_speed_that_is_not_detected_sorts_labels_alone() -> None:
    frame = street("nuscenes", "a", num=4, found=slice(0, 2))
    moving = frame.labels.replace(velocity=np.outer([0.0, 0.0, 8.0, 8.0], [1.0, 0.0, 0.0]))
    frame = replace(frame, labels=moving, detections=frame.detections.replace(velocity=None))
    assert sliced([frame], "nuscenes", "speed") == pytest.approx({"0 to 0.5 m/s": 100, "5 to 10 m/s": 0})


def test_whatever_else_is_known_of_labels_can_be_sliced_by() -> None:
    frames = [street("kitti_r40", f"{i}", num=4, found=slice(0, 2)) for i in range(2)]
    columns = {"colour": np.array(["red", "red", "blue", "blue"]), "points": np.array([7, 7, 30, 30])}
    frames = [replace(frame, label_columns=columns) for frame in frames]
    assert sliced(frames, "kitti_r40", "colour") == {"blue": 0.0, "red": 100.0}
    assert sliced(frames, "kitti_r40", "points") == {"6 to 20": 100.0, "21 to 100": 0.0}
    frames[1] = replace(frames[1], label_columns={"colour": np.array(["red"])})
    with pytest.raises(EvaluationError, match="4 labels have 1 values of colour"):
        sliced(frames, "kitti_r40", "colour")


@EVERY
def test_all_slices_share_one_matching(protocol: str) -> None:
    subject = Subject.of([street(protocol, f"{i}") for i in range(3)], protocol, resamples=2)
    subject.measure()
    done = dict(subject.pool.done)
    assert done
    score_slices(subject, [SliceBy("range"), SliceBy("points"), SliceBy("drive")])
    assert subject.pool.done.keys() == done.keys()
    assert all(subject.pool.done[key] is done[key] for key in done)


def test_few_objects_are_grey() -> None:
    frames = [street("kitti_r40", f"{i}") for i in range(5)]  # 30 cars
    found = evaluate_slices(frames, by=[SliceBy("range", (0, 35, 1000)), SliceBy("range", (0, 1000))], resamples=2)
    assert [(one.score.num_labels, one.grey) for one in found] == [(15, True), (15, True), (30, False)]


def test_what_cannot_be_sliced_is_said() -> None:
    frames = [street("kitti_r40", f"{i}", weather="clear") for i in range(2)]
    frames[0] = replace(frames[0], metadata={"weather": "clear", "sun_deg": 3.0})
    cases = {
        "fog": "no frame has it; frames have ['drive', 'sun_deg', 'weather']",
        "weather:1,2": "it is text or missing in some frames",
        "length": None,
    }
    for column, message in cases.items():
        if message is None:
            assert sliced(frames, "kitti_r40", column) == {"4": 100.0}
            continue
        with pytest.raises(EvaluationError) as trouble:
            sliced(frames, "kitti_r40", column)
        assert message in str(trouble.value)
    many = [replace(street("kitti_r40", f"{i}"), metadata={"scene": i}) for i in range(21)]
    with pytest.raises(EvaluationError, match=r"21 different values.*give edges"):
        sliced(many, "kitti_r40", "scene")
    with pytest.raises(EvaluationError, match="no difficulty 'impossible'"):
        sliced(frames, "kitti_r40", "range", difficulty="impossible")


@pytest.mark.parametrize("text", ["", "range:", "range:5", "range:5,5", "range:a,b", "range:3,2,1", "range:nan,2"])
def test_a_slice_that_is_none_is_refused(text: str) -> None:
    if text == "range:":
        assert SliceBy.parse(text) == SliceBy("range")
        return
    with pytest.raises(EvaluationError, match="expected a column"):
        SliceBy.parse(text)


def test_what_nobody_looked_for_is_named_and_not_taken_apart() -> None:
    frame = street("kitti_r40", "a")
    walkers = cars_in_a_row(3, category="pedestrian").replace(num_points=np.full(3, 50), velocity=np.zeros((3, 3)))
    mixed = replace(frame, labels=Boxes.concatenate([frame.labels, walkers]))
    by, asked = [SliceBy.parse("range")], {"split": "test", "domain": "real", "check": False, "resamples": 2}

    found = explain([mixed], by=by, errors=True, **asked)
    assert found.undetected == ("pedestrian",)
    assert {one.score.category for one in (*found.slices, *found.breakdowns)} == {"car"}
    assert "pedestrian" in {one.category for one in found.evaluation.scores}  # the score itself hides nothing

    nothing = explain([replace(mixed, detections=mixed.detections[:0])], by=by, errors=True, **asked)
    assert nothing.undetected == ()
    assert {one.score.category for one in nothing.breakdowns} == {"car", "pedestrian"}
