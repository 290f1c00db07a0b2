"""The contract on real KITTI labels: each mistake planted and named, honest detectors of all kinds let through."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scored_scenes import cars_in_a_row, detected, random_frames

from scanyard.boxes import Boxes
from scanyard.datasets.kitti import KittiSequence, read_sequences
from scanyard.errors import ContractError, EvaluationError
from scanyard.metrics import NamedBoxes, ScoredFrame, check_claim, check_contract, evaluate, load_protocol, pair_frames
from scanyard.metrics.contract import check_contract as check

KITTI = Path(__file__).parents[3] / "shared" / "real" / "kitti"
real = pytest.mark.skipif(not KITTI.is_dir(), reason="the licensed KITTI frames are not beside the repository")
R40 = load_protocol("kitti_r40")

Change = Callable[[Boxes], Boxes]


@cache
def kitti_labels() -> tuple[ScoredFrame, ...]:
    """Every labelled frame, without detections."""
    frames = []
    for subset in ("training", "training_fov"):
        for sequence in read_sequences(KITTI, subset):
            assert isinstance(sequence, KittiSequence)
            for frame in sequence.frames:
                boxes = frame.labels.boxes
                frames.append(ScoredFrame(boxes, Boxes.empty(), sequence.info.drive, name=f"{subset}-{frame.name}"))
    return tuple(frames)


def honest(
    seed: int = 0,
    *,
    place_m: float = 0.15,
    size: float = 0.05,
    yaw_rad: float = 0.05,
    found: float = 0.8,
    false_alarms: float = 0.3,
) -> list[ScoredFrame]:
    """Detections as a detector of some quality would make them on the real labels."""
    rng = np.random.default_rng(seed)
    return [
        replace(frame, detections=noisy(rng, frame.labels, place_m, size, yaw_rad, found, false_alarms))
        for frame in kitti_labels()
    ]


def noisy(  # noqa: PLR0917
    rng: np.random.Generator, labels: Boxes, place_m: float, size: float, yaw_rad: float, found: float, alarms: float
) -> Boxes:
    seen = labels[rng.random(len(labels)) < found]
    seen = seen.replace(
        center=seen.center + rng.normal(0, place_m, (len(seen), 3)),
        size=seen.size * np.exp(rng.normal(0, size, (len(seen), 3))),
        yaw_rad=seen.yaw_rad + rng.normal(0, yaw_rad, len(seen)),
    )
    false = labels[rng.random(len(labels)) < alarms]
    false = false.replace(center=false.center + rng.uniform(-15, 15, (len(false), 3)) * [1, 1, 0.02])
    both = Boxes.concatenate([seen, false])
    return detected(both, rng.random(len(both))) if len(both) else Boxes.empty()


def changed(frames: list[ScoredFrame], change: Change) -> list[ScoredFrame]:
    return [replace(f, detections=change(f.detections) if len(f.detections) else f.detections) for f in frames]


def renamed(mapping: dict[str, str]) -> Change:
    return lambda boxes: boxes.replace(
        category=np.array([mapping.get(name, name) for name in boxes.category.tolist()], dtype=np.str_)
    )


def within(range_m: float) -> Change:
    return lambda boxes: boxes[np.hypot(boxes.center[:, 0], boxes.center[:, 1]) < range_m]


MISTAKES: dict[str, tuple[str, Change]] = {
    "bottom": ("bottom_for_centre", lambda b: b.replace(center=b.center - np.c_[b.size[:, :2] * 0, b.size[:, 2] / 2])),
    "top": ("top_for_centre", lambda b: b.replace(center=b.center + np.c_[b.size[:, :2] * 0, b.size[:, 2] / 2])),
    "clockwise yaw": ("flipped_yaw", lambda b: b.replace(yaw_rad=-b.yaw_rad)),
    "KITTI's ry": ("flipped_yaw", lambda b: b.replace(yaw_rad=-b.yaw_rad - np.pi / 2)),
    "yaw from the left": ("turned_yaw", lambda b: b.replace(yaw_rad=b.yaw_rad + np.pi / 2)),
    "yaw of the rear": ("reversed_heading", lambda b: b.replace(yaw_rad=b.yaw_rad + np.pi)),
    "y to the right": ("mirrored_axes", lambda b: b.replace(center=b.center * [1, -1, 1], yaw_rad=-b.yaw_rad)),
    "y to the right, yaw kept": ("mirrored_axes", lambda b: b.replace(center=b.center * [1, -1, 1])),
    "x backwards": ("mirrored_axes", lambda b: b.replace(center=b.center * [-1, 1, 1], yaw_rad=np.pi - b.yaw_rad)),
    "x and y exchanged": ("mirrored_axes", lambda b: b.replace(center=b.center[:, [1, 0, 2]])),
    "x to the right, y forward": (
        "rotated_axes",
        lambda b: b.replace(center=b.center[:, [1, 0, 2]] * [-1, 1, 1], yaw_rad=b.yaw_rad + np.pi / 2),
    ),
    "width first": ("swapped_size_order", lambda b: b.replace(size=b.size[:, [1, 0, 2]])),
    "height, width, length": ("swapped_size_order", lambda b: b.replace(size=b.size[:, [2, 1, 0]])),
    "height first": ("swapped_size_order", lambda b: b.replace(size=b.size[:, [2, 0, 1]])),
    "capital letters": ("class_name_mismatch", renamed({"car": "Car", "cyclist": "Cyclist"})),
    "another data set's names": ("class_name_mismatch", renamed({"car": "vehicle"})),
    "names in another order": (
        "class_name_mismatch",
        renamed({"car": "cyclist", "cyclist": "car", "van": "van"}),
    ),
    "cut at 25 m": ("range_mismatch", within(25.0)),
}  # fmt: skip


@real
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_named(mistake: str, seed: int) -> None:
    name, change = MISTAKES[mistake]
    with pytest.raises(ContractError) as refused:
        check(changed(honest(seed), change), R40)
    assert refused.value.name == name
    assert len(str(refused.value)) > 80  # what was found, where, what was expected, what to do


@real
@pytest.mark.parametrize("mistake", ["bottom", "width first", "y to the right", "capital letters", "cut at 25 m"])
def test_a_mistake_in_the_labels_themselves_as_detections_is_named(mistake: str) -> None:
    name, change = MISTAKES[mistake]
    perfect = [replace(f, detections=detected(f.labels, 0.9)) for f in kitti_labels()]
    with pytest.raises(ContractError) as refused:
        evaluate(changed(perfect, change), split="test", domain="real", resamples=0)
    assert refused.value.name == name


@real
def test_a_range_that_is_meant_can_be_accepted_and_is_noted() -> None:
    near = changed(honest(0), within(25.0))
    evaluation = evaluate(near, split="test", domain="real", resamples=0, accepted=["range_mismatch"])
    assert any(
        note.startswith("accepted range mismatch: split test: detections stop at 2") for note in evaluation.notes
    )
    fits = evaluate(honest(0), split="test", domain="real", resamples=0, accepted=["range_mismatch"])
    assert not any("accepted" in note for note in fits.notes)
    with pytest.raises(ContractError, match="class name mismatch"):
        evaluate(
            changed(near, renamed({"car": "Car"})),
            split="test",
            domain="real",
            resamples=0,
            accepted=["range_mismatch"],
        )


def test_a_mistake_cannot_be_accepted() -> None:
    with pytest.raises(EvaluationError, match=r"found \['mirrored_axes'\] to be accepted"):
        check_contract([], R40, accepted=["mirrored_axes"])


def test_a_refusal_survives_the_way_between_processes() -> None:
    refusal = pickle.loads(pickle.dumps(ContractError("range_mismatch", "too far")))
    assert (refusal.name, str(refusal)) == ("range_mismatch", "range mismatch: too far")


@real
@pytest.mark.parametrize("protocol", ["kitti_r40", "kitti_r11", "kitti_image_r40"])
def test_untouched_labels_pass(protocol: str) -> None:
    perfect = [replace(f, detections=detected(f.labels, 0.9)) for f in kitti_labels()]
    check(perfect, load_protocol(protocol))
    check(list(kitti_labels()), load_protocol(protocol))


HONEST: dict[str, dict[str, float]] = {
    "good": {},
    "noisy in place": {"place_m": 0.8},
    "noisy in size": {"size": 0.4},
    "without a sense of heading": {"yaw_rad": 3.0},
    "noisy in everything": {"place_m": 0.6, "size": 0.3, "yaw_rad": 1.0, "found": 0.5, "false_alarms": 0.8},
    "nearly blind": {"found": 0.05, "false_alarms": 0.1},
    "blind, but talkative": {"found": 0.0, "false_alarms": 1.0},
}


@real
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("detector", HONEST)
def test_a_poor_but_honest_detector_passes(detector: str, seed: int) -> None:
    check(honest(seed, **HONEST[detector]), R40)


def fades(boxes: Boxes, rng: np.random.Generator) -> Boxes:
    return boxes[rng.random(len(boxes)) < np.exp(-((boxes.center[:, 0] / 25) ** 2))]


@real
@pytest.mark.parametrize("seed", range(6))
def test_detectors_with_habits_pass(seed: int) -> None:
    rng = np.random.default_rng(seed)
    habits: list[Change] = [
        lambda b: fades(b, rng),  # sees less and less far away, but is not cut off
        lambda b: b.replace(yaw_rad=np.zeros(len(b))),  # everything heads forward
        lambda b: b.replace(yaw_rad=b.yaw_rad + np.pi * rng.integers(0, 2, len(b))),  # front and rear alike
        lambda b: b.replace(yaw_rad=(b.yaw_rad + np.pi / 2) % np.pi - np.pi / 2),  # an axis, no direction
        lambda b: b.replace(size=np.tile([3.9, 1.6, 1.56], (len(b), 1))),  # one size fits all
        lambda b: b.replace(center=b.center + np.array([0, 0, 0.3])),  # a little high
        lambda b: b.replace(category=np.full(len(b), "car")),  # everything is a car
        lambda b: b[b.category == "car"],  # trained on cars alone
        lambda b: b[np.abs(b.center[:, 1]) < 10],  # looks at the road only
    ]
    for habit in habits:
        check(changed(honest(seed), habit), R40)


@pytest.mark.parametrize("seed", range(30))
def test_crowded_random_scenes_pass(seed: int) -> None:
    rng = np.random.default_rng(seed)
    check(random_frames(rng, int(rng.integers(1, 60))), R40)


@real
def test_labels_all_around_but_detections_in_the_image_are_refused() -> None:
    frames = honest(place_m=0.1)
    turned = [np.array([[1, 1, 1], [-1, 1, 1], [-1, -1, 1]])[i % 3] for i in range(len(frames))]
    around = [  # the same street ahead and behind
        replace(f, labels=Boxes.concatenate([f.labels, f.labels.replace(center=f.labels.center * turn - [1, 0, 0])]))
        for f, turn in zip(frames, turned, strict=True)
        if turn[0] < 0
    ]
    with pytest.raises(ContractError) as refused:
        check(around, R40)
    assert refused.value.name == "region_mismatch"


def named(num_frames: int) -> list[NamedBoxes]:
    return [NamedBoxes("drive", f"{i:03d}", cars_in_a_row(3)) for i in range(num_frames)]


def found(frames: list[NamedBoxes]) -> list[NamedBoxes]:
    return [replace(frame, boxes=detected(frame.boxes)) for frame in frames]


def test_frames_are_paired_by_name_whatever_their_order() -> None:
    labels = named(4)
    pairs = pair_frames(labels, found(labels)[::-1])
    assert [frame.name for frame in pairs] == ["000", "001", "002", "003"]
    check_contract(pairs, R40)


@pytest.mark.parametrize("side", ["labels", "detections"])
def test_a_missing_frame_is_named(side: str) -> None:
    labels = named(4)
    sides = {"labels": labels, "detections": found(labels)}
    del sides[side][2]
    with pytest.raises(ContractError, match=f"have no {side}, the first is '002' of drive 'drive'") as refused:
        pair_frames(**sides)
    assert refused.value.name == "missing_frame"


@pytest.mark.parametrize("side", ["labels", "detections"])
def test_a_duplicate_frame_is_named(side: str) -> None:
    labels = named(4)
    sides = {"labels": labels, "detections": found(labels)}
    sides[side].append(sides[side][1])
    with pytest.raises(ContractError, match="'001'") as refused:
        pair_frames(**sides)
    assert refused.value.name == "duplicate_frames"


def test_the_same_frame_twice_is_not_scored() -> None:
    frames = pair_frames(named(4), found(named(4)))
    with pytest.raises(ContractError) as refused:
        evaluate([*frames, frames[0]], split="test", domain="real", resamples=0)
    assert refused.value.name == "duplicate_frames"


def test_a_label_given_twice_is_named() -> None:
    labels = Boxes.concatenate([cars_in_a_row(5), cars_in_a_row(1)])
    with pytest.raises(ContractError) as refused:
        check([ScoredFrame(labels, detected(labels), "drive")], R40)
    assert refused.value.name == "duplicate_labels"


def test_an_unchecked_score_can_be_had_on_purpose() -> None:
    labels = Boxes.concatenate([cars_in_a_row(5), cars_in_a_row(1)])
    frames = [ScoredFrame(labels, detected(labels), "drive")]
    evaluate(frames, split="test", domain="real", resamples=0, check=False)
    with pytest.raises(EvaluationError):
        evaluate(frames, split="test", domain="real", resamples=0)


def scene(seed: int = 0) -> list[ScoredFrame]:
    return random_frames(np.random.default_rng(seed), 60)


def test_a_true_claim_holds() -> None:
    frames = scene()
    for protocol in ("kitti_r40", "kitti_r11"):
        check_claim(frames, evaluate(frames, protocol, split="test", domain="real", resamples=0))


@pytest.mark.parametrize(
    ("says", "is_", "name"),
    [("kitti_r40", "kitti_r11", "r11_for_r40"), ("kitti_r11", "kitti_r40", "r40_for_r11")],
)
def test_numbers_of_the_other_average_are_named(says: str, is_: str, name: str) -> None:
    frames = scene()
    claimed = replace(evaluate(frames, is_, split="test", domain="real", resamples=0), protocol=says)
    with pytest.raises(ContractError) as refused:
        check_claim(frames, claimed)
    assert refused.value.name == name


def test_nuscenes_precision_at_one_distance_is_no_mean() -> None:
    labels = cars_in_a_row(10).replace(center=cars_in_a_row(10).center * [0.4, 1, 1])
    off = detected(labels, 0.5).replace(center=labels.center + np.array([0, 0.7, 0]))
    frames = [ScoredFrame(labels, off, "drive")]
    true = evaluate(frames, "nuscenes", split="test", domain="real", resamples=0)
    check_claim(frames, true)
    at_two = true.score("ap", None, "all", distance_m=2.0).value
    scores = tuple(
        replace(s, value=at_two) if (s.metric, s.category, s.distance_m) == ("ap", "car", None) else s
        for s in true.scores
    )
    with pytest.raises(ContractError) as refused:
        check_claim(frames, replace(true, scores=scores))
    assert refused.value.name == "one_distance_for_mean"


def test_a_number_from_nowhere_is_named() -> None:
    frames = scene()
    true = evaluate(frames, split="test", domain="real", resamples=0)
    scores = (replace(true.scores[0], value=true.scores[0].value + 1.0), *true.scores[1:])
    with pytest.raises(ContractError) as refused:
        check_claim(frames, replace(true, scores=scores))
    assert refused.value.name == "other_number"


def test_labels_outside_the_image_are_no_region_that_detections_lack() -> None:
    """Simulated labels lie all around; a detector that looks at the image alone is not blamed for the others."""
    frames = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        labels = cars_in_a_row(8)
        behind = labels.replace(
            center=labels.center * [-1, 1, 1], image_box=np.zeros((len(labels), 4)), truncation=np.ones(len(labels))
        )
        found = labels.replace(score=rng.uniform(0.3, 1, len(labels)))
        frames.append(ScoredFrame(Boxes.concatenate([labels, behind]), found, f"drive {seed % 5}", name=str(seed)))
    assert check(frames, R40) == ()
    blamed = [
        replace(f, labels=f.labels.replace(image_box=np.tile([0.0, 0, 90, 90], (len(f.labels), 1)))) for f in frames
    ]
    with pytest.raises(ContractError, match="region mismatch"):
        check(blamed, R40)
