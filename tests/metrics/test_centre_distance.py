"""nuScenes and Argoverse 2: numbers by hand, and official ones from a file (``tools/parity`` makes new ones)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scored_scenes import cars_in_a_row, detected, shifted

from scanyard.boxes import Boxes
from scanyard.evaluation import Evaluation
from scanyard.metrics import ScoredFrame, evaluate, load_protocol
from scanyard.metrics.nuscenes_curves import Ranked, curve, resampled_curves
from scanyard.metrics.pool import pool_frames

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "parities"))
import compare
import sets

OFFICIAL = json.loads((Path(__file__).parent / "official_scores.json").read_text(encoding="utf-8"))


def scored(frames: list[ScoredFrame], protocol: str = "nuscenes") -> Evaluation:
    return evaluate(frames, protocol, split="test", domain="real", resamples=0)


def one_frame(labels: Boxes, detections: Boxes) -> list[ScoredFrame]:
    return [ScoredFrame(labels, detections, "drive")]


def near_cars(num: int, category: str = "car") -> Boxes:
    """Within every range."""
    labels = cars_in_a_row(num, category=category)
    return labels.replace(center=labels.center * [0.4, 1.0, 1.0])


@pytest.mark.parametrize("family", ["nuscenes", "argoverse2"])
@pytest.mark.parametrize("seed", range(12))
def test_random_sets_have_the_official_scores(family: str, seed: int) -> None:
    frames = sets.random_set(np.random.default_rng(seed), family)
    expected = OFFICIAL[family][seed]
    ours = compare.scores_by_name(frames, family)
    if ours is None:  # nothing to find, of which the devkits make scores all the same
        assert expected.get("ap all", 0.0) == 0.0
        return
    for name, value in ours.items():
        assert_allclose(value, expected[name], atol=1e-6, err_msg=name)


def test_official_scores_are_not_all_of_empty_sets() -> None:
    assert all(sum(bool(scores) for scores in OFFICIAL[family]) >= 8 for family in ("nuscenes", "argoverse2"))


def test_nuscenes_of_labels_as_detections() -> None:
    labels = near_cars(10).replace(velocity=np.ones((10, 3)))
    frames = [
        ScoredFrame(
            labels, detected(labels, 0.5), "drive",
            label_attributes=np.full(10, "vehicle.moving"), detection_attributes=np.full(10, "vehicle.moving"),
        )
    ]  # fmt: skip
    evaluation = scored(frames)
    assert evaluation.score("ap", None, "all").value == pytest.approx(100.0)
    for error in ("ate", "ase", "aoe", "ave", "aae"):
        assert evaluation.score(error, None, "all", distance_m=2.0).value == pytest.approx(0.0, abs=1e-12)
    # one category of ten: mAP 0.1; the five errors are 0 for it and 1 for those that have them and no label
    kept = [0.1, 0.1, 1 / 9, 1 / 8, 1 / 8]
    assert evaluation.score("nds", None, "all", "all").value == pytest.approx(100 * (5 * 0.1 + sum(kept)) / 10)
    assert any("no label of truck" in note for note in evaluation.notes)


def test_nuscenes_precision_by_hand() -> None:
    labels = near_cars(10)
    off = shifted(detected(labels, 0.5), 0.0, 1.5)  # beyond 0.5 and 1 m, within 2 and 4
    evaluation = scored(one_frame(labels, off))
    values = [evaluation.score("ap", None, "all", distance_m=d).value for d in (0.5, 1.0, 2.0, 4.0)]
    assert_allclose(values, [0, 0, 100, 100])
    assert evaluation.score("ap", None, "all").value == pytest.approx(50.0)
    assert evaluation.score("ate", None, "all", distance_m=2.0).value == pytest.approx(1.5)


def test_nuscenes_counts_no_label_beyond_its_range_or_without_returns() -> None:
    labels = near_cars(3).replace(center=np.array([[49.0, 0, 1], [51.0, 0, 1], [10.0, 0, 1]]))
    evaluation = scored(one_frame(labels, Boxes.empty()))
    assert evaluation.score("ap", None, "all").num_labels == 2
    evaluation = scored(one_frame(labels.replace(num_points=np.array([1, 1, 0])), Boxes.empty()))
    assert evaluation.score("ap", None, "all").num_labels == 1


def test_barriers_may_face_either_way_and_cones_any() -> None:
    for category, error in (("barrier", 0.0), ("car", np.pi)):
        labels = near_cars(10, category)
        labels = labels.replace(center=labels.center * [0.5, 1, 1])
        turned = detected(labels, 0.5).replace(yaw_rad=labels.yaw_rad + np.pi)
        evaluation = scored(one_frame(labels, turned))
        assert evaluation.score("aoe", None, "all", category, distance_m=2.0).value == pytest.approx(error, abs=1e-9)
    cones = near_cars(5, "traffic_cone")
    with pytest.raises(KeyError, match="traffic_cone"):
        scored(one_frame(cones, detected(cones))).score("aoe", None, "all", "traffic_cone", distance_m=2.0)


def test_of_equal_scores_nuscenes_takes_the_later_and_argoverse_the_earlier() -> None:
    labels = near_cars(1).replace(category=np.array(["car"]))
    exact, off = detected(labels, 0.5), shifted(detected(labels, 0.5), 0.0, 0.4)
    for protocol, category, later_wins in (("nuscenes", "car", True), ("argoverse2", "regular_vehicle", False)):
        named = [boxes.replace(category=np.array([category])) for boxes in (labels, exact, off)]
        evaluation = scored(one_frame(named[0], Boxes.concatenate([named[1], named[2]])), protocol)
        error = evaluation.score("ate", None, "all", category, distance_m=2.0).value
        assert error == pytest.approx(0.4 if later_wins else 0.0)


def test_argoverse_of_labels_as_detections() -> None:
    labels = cars_in_a_row(10, category="regular_vehicle")
    evaluation = scored(one_frame(labels, detected(labels, 0.5)), "argoverse2")
    assert evaluation.score("cds", None, "all", "regular_vehicle").value == pytest.approx(100.0)
    assert evaluation.score("cds", None, "all", "all").value == pytest.approx(100.0 / 26)


def test_argoverse_gives_a_label_to_the_best_scored_however_far() -> None:
    labels = cars_in_a_row(1, category="regular_vehicle")
    exact, off = detected(labels, 0.4), shifted(detected(labels, 0.9), 0.0, 3.0)
    evaluation = scored(one_frame(labels, Boxes.concatenate([exact, off])), "argoverse2")
    values = [evaluation.score("ap", None, "all", "regular_vehicle", distance_m=d).value for d in (0.5, 1.0, 2.0, 4.0)]
    # the false alarm below it counts at the very last recall, one of 101
    assert_allclose(values, [0, 0, 0, 100 * (100 + 1 / 2) / 101])


def test_argoverse_ranges_by_category() -> None:
    labels = cars_in_a_row(8, category="pedestrian")  # 10 to 80 m
    for protocol, num_labels in (("argoverse2", 8), ("argoverse2_class_range", 4)):
        evaluation = scored(one_frame(labels, detected(labels)), protocol)
        assert evaluation.score("ap", None, "all", "pedestrian").num_labels == num_labels


def random_ranked(rng: np.random.Generator) -> Ranked:
    num = int(rng.integers(1, 80))
    hit = rng.random(num) < rng.choice([0.1, 0.5, 0.9, 1.0])
    errors = rng.random((int(hit.sum()), 2))
    errors[rng.random(len(errors)) < 0.3, 1] = np.nan
    return Ranked(np.sort(rng.random(num))[::-1], rng.integers(0, 4, num), hit, errors)


@pytest.mark.parametrize("seed", range(60))
def test_curves_of_a_resample_are_those_of_its_copies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ranked = random_ranked(rng)
    num_labels = int(ranked.hit.sum() + rng.integers(0, 5)) or 1
    copies = rng.integers(0, 3, 4) if seed % 2 else np.ones(4, dtype=int)
    times = copies[ranked.drive]
    if not (ranked.hit & (times > 0)).any():
        return
    drawn = Ranked(
        np.repeat(ranked.score, times), np.repeat(ranked.drive, times), np.repeat(ranked.hit, times),
        np.repeat(ranked.errors, times[ranked.hit], axis=0),
    )  # fmt: skip
    found = resampled_curves(ranked, np.array([3 * num_labels]), copies[None])
    expected = curve(drawn, 3 * num_labels)
    assert_allclose(found.precision, expected.precision, atol=1e-9)
    assert_allclose(found.score, expected.score, atol=1e-9)
    if seed % 2 == 0:  # copies have equal scores, where the two read errors off at different ends
        reached = expected.score[0] > 0
        assert_allclose(found.errors[:, :, reached], expected.errors[:, :, reached], atol=1e-9)


@pytest.mark.parametrize("protocol", ["nuscenes", "argoverse2"])
@pytest.mark.parametrize("seed", range(8))
def test_scores_of_a_mixture_are_those_of_copied_frames(protocol: str, seed: int) -> None:
    from dataclasses import replace

    from scanyard.metrics.families import measure

    rng = np.random.default_rng(seed)
    frames = compare.scored_frames(sets.random_set(rng, protocol))
    frames = [
        replace(f, drive=f"drive {i % 3}", detections=f.detections.replace(score=rng.random(len(f.detections))))
        for i, f in enumerate(frames)
    ]
    num_drives = len({f.drive for f in frames})
    twice = [replace(f, drive=f"{f.drive} {k}") for f in frames for k in range(1 + (f.drive == "drive 0"))]
    settings = load_protocol(protocol)
    mixtures = np.array([[1] * num_drives, [2, 1, 1][:num_drives]])
    found = {one.key: one.values for one in measure(pool_frames(frames), settings, mixtures)}
    as_copies = {
        one.key: one.values for one in measure(pool_frames(twice), settings, np.ones((1, num_drives + 1), int))
    }
    assert found.keys() == as_copies.keys()
    for key, values in found.items():
        # equal scores of copies: nuScenes' errors are read off at the other end
        if protocol == "argoverse2" or key[0] == "ap":
            assert_allclose(values[1], as_copies[key][0], atol=1e-6, err_msg=str(key))
