from dataclasses import replace

import numpy as np
import pytest
from toy_street import CAMERA, EGO_FROM_LIDAR, LIDAR, RIG, RIG_WITHOUT_CAMERA, SMALL, cars, street

from scanyard.boxes import Boxes
from scanyard.detect.example import prepare, visible_points
from scanyard.errors import InputError
from scanyard.frame import Frame, Sweep, points_ego
from scanyard.geometry import Transform
from scanyard.sensors import Rig


def full_turn(seed: int = 0) -> Frame:
    """Points all around, above and below."""
    points = np.random.default_rng(seed).uniform((-40, -40, -4), (40, 40, 6), (20_000, 3))
    return Frame(0, Transform.identity(), {"top": Sweep(points.astype(np.float32))})


@pytest.mark.parametrize("yaw", [0.0, 0.7, 3.0])
@pytest.mark.parametrize("lidar_roll", [0.0, 0.2])
def test_exactly_what_the_camera_sees_is_kept(yaw: float, lidar_roll: float) -> None:
    camera = replace(CAMERA, ego_from_sensor=Transform.from_xyz_rpy((1.0, 0.1, 1.6), pitch=0.05, yaw=yaw))
    lidar = replace(LIDAR, ego_from_sensor=Transform.from_xyz_rpy((0.8, 0.0, 1.7), roll=lidar_roll, yaw=0.3))
    points = points_ego(full_turn().sweeps["top"], lidar.ego_from_sensor)
    kept = visible_points(full_turn(), Rig("turned", (lidar,), (camera,)))
    expected = points[camera.sees(points)]
    assert len(kept) > 500
    assert abs(len(kept) - len(expected)) <= 2  # rounding, on the image's border
    assert len(np.setdiff1d(kept.round(3), expected.round(3))) <= 2


def test_without_a_camera_the_front_quarter_is_kept() -> None:
    kept = visible_points(full_turn(), RIG_WITHOUT_CAMERA)
    bearing = np.arctan2(*(kept[:, :2] - EGO_FROM_LIDAR.translation[:2]).T[::-1])
    assert np.abs(bearing).max() == pytest.approx(np.pi / 4, abs=0.01)
    assert len(kept) == pytest.approx(20_000 / 4, rel=0.1)


def test_labels_that_nobody_could_see_are_not_asked_for() -> None:
    behind = cars([(-10.0, 0.0, 0.0)])
    frame = street()
    frame = frame.replace(boxes=Boxes.concatenate([frame.boxes, behind]))
    assert prepare(frame, RIG, SMALL).ignored.tolist() == [False] * 4 + [True]


def test_points_in_a_region_without_labels_are_marked() -> None:
    region = np.array([[0.0, 0.0, 620.0, 375.0]])  # the left half of the image
    example = prepare(street().replace(dont_care=region), RIG, SMALL)
    left = example.points[:, 1] > 0.1 + 0.02 * example.points[:, 0]
    assert example.unlabelled[left].all()
    assert not example.unlabelled[example.points[:, 1] < -0.5].any()


def test_a_frame_without_labels_cannot_be_prepared() -> None:
    with pytest.raises(InputError, match="frame lost: no labels"):
        prepare(street(name="lost").replace(boxes=None), RIG, SMALL)


def test_a_frame_that_saw_next_to_nothing_cannot_be_prepared() -> None:
    frame = street(name="cut")
    cut = frame.replace(sweeps={"top": frame.sweeps["top"][:20]})
    with pytest.raises(InputError, match=r"frame cut: \d+ returns near the ground in view"):
        prepare(cut, RIG, SMALL)


def test_a_sweep_keeps_its_memory_small() -> None:
    example = prepare(street(), RIG, SMALL)
    assert example.points.dtype == np.float32
    assert example.points.base is None or example.points.base.nbytes <= 2 * example.points.nbytes
