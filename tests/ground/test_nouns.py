"""Rigs, splits, random streams and evaluations: small nouns, small facts."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from scanyard.errors import EvaluationError
from scanyard.evaluation import Evaluation, Score
from scanyard.frame import Frame, Sweep, points_ego
from scanyard.geometry import Transform
from scanyard.randomness import stream
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import InMemorySequence, SequenceInfo
from scanyard.split import Split, require_disjoint

GOLDEN_STREAM = [503810775, 3152623063, 592132509]
"""Changing this changes every dataset ever drawn from a seed."""
CAMERA = Camera("left", Transform.from_xyz_rpy((1, 0, 1.5)), 1242, 375, 721.0, (609.5, 173.0))
LIDAR = Lidar(
    "top", Transform.from_xyz_rpy((0.8, 0, 1.7)), np.radians([2.0, -10.0]), np.array([0.2, 0.1]), 2000, 10.0, 1.5, 80.0
)


def sequence(drive: str) -> InMemorySequence:
    return InMemorySequence(SequenceInfo(drive, "real", drive, Rig("r", (LIDAR,)), "CC0-1.0"), [])


def test_a_camera_sees_what_is_ahead_left_on_the_left() -> None:
    pixels, depth = CAMERA.project([[11.0, 2.0, 1.5], [11.0, 0.0, 2.5]])
    assert depth.tolist() == [10.0, 10.0]
    assert_allclose(pixels[0], [609.5 - 144.2, 173.0])
    assert_allclose(pixels[1], [609.5, 173.0 - 72.1])


def test_a_camera_does_not_see_behind_itself() -> None:
    assert CAMERA.sees([[11.0, 0.0, 1.5], [-9.0, 0.0, 1.5]]).tolist() == [True, False]


def test_a_rig_survives_json() -> None:
    rig = Rig("kitti", (LIDAR,), (CAMERA,))
    again = Rig.from_dict(json.loads(json.dumps(rig.to_dict())))
    assert again.to_dict() == rig.to_dict()
    assert again.lidar("top").channels == 2


def test_two_sensors_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="sensor names must differ"):
        Rig("twice", (LIDAR, LIDAR))


def test_blocks_must_add_up_to_the_beams() -> None:
    with pytest.raises(ValueError, match="do not add up to 2 beams"):
        Lidar("top", Transform.identity(), np.zeros(2), np.zeros(2), 100, 10.0, 1.0, 80.0, blocks=(1, 2))


def test_a_sweep_refuses_columns_that_do_not_match_its_points() -> None:
    with pytest.raises(ValueError, match=r"ring has shape \(2,\), expected \(3,\)"):
        Sweep(np.zeros((3, 3)), ring=np.zeros(2))


def test_parts_of_a_sweep_one_after_another_are_the_sweep() -> None:
    sweep = Sweep(np.arange(15.0).reshape(5, 3), ring=np.arange(5), intensity=np.linspace(0, 1, 5))
    mask = np.array([True, False, True, True, False])
    for part in (sweep[mask], sweep[np.flatnonzero(mask)]):
        np.testing.assert_array_equal(part.points, sweep.points[mask])
        np.testing.assert_array_equal(part.ring, [0, 2, 3])
        assert part.semantic is None
    whole = Sweep.concatenate([sweep[:2], sweep[2:2], sweep[2:]])
    np.testing.assert_array_equal(whole.points, sweep.points)
    np.testing.assert_array_equal(whole.intensity, sweep.intensity)
    assert whole.semantic is None
    with pytest.raises(ValueError, match="1 of 2 have no ring"):
        Sweep.concatenate([sweep, sweep.replace(ring=None)])


def test_points_ego_moves_points_by_the_mounting() -> None:
    sweep = Sweep(np.array([[1.0, 0.0, 0.0]]))
    assert_allclose(points_ego(sweep, LIDAR.ego_from_sensor), [[1.8, 0.0, 1.7]])


def test_the_same_key_names_the_same_stream_and_another_key_another() -> None:
    assert stream("a", 1).random() == stream("a", 1).random()
    assert stream("a", 1).random() != stream("a", 2).random()
    assert stream("a", "1").random() != stream("a", 1).random()


def test_a_stream_never_changes() -> None:
    assert stream("golden", 0).integers(2**32, size=3).tolist() == GOLDEN_STREAM


def test_splits_that_share_a_drive_are_refused_by_name() -> None:
    train, test = Split("train", (sequence("0001"), sequence("0005"))), Split("test", (sequence("0005"),))
    with pytest.raises(EvaluationError, match=r"split test: drives \['0005'\] are also trained on"):
        require_disjoint([train], test)
    require_disjoint([train], Split("other", (sequence("0009"),)))


def test_an_evaluation_survives_json() -> None:
    score = Score("bev", "car", "moderate", 0.7, 71.5, 60.0, 80.0, 74)
    evaluation = Evaluation("kitti_r40", "test", "real", 33, 17, 0.9, (score,))
    again = Evaluation.from_dict(json.loads(json.dumps(evaluation.to_dict())))
    assert again == evaluation
    assert again.score("bev", 0.7, "moderate").value == 71.5


def test_a_frame_is_replaced_not_changed() -> None:
    frame = Frame(0, Transform.identity(), {})
    assert frame.replace(name="000001").name == "000001"
    assert frame.name == ""
