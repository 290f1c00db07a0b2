"""What every ``Detector`` must do; one subclass for each implementation."""

from functools import cache

import numpy as np
import pytest

from scanyard.boxes import Boxes, corners
from scanyard.detect import (
    Detector,
    FixedDetector,
    OracleDetector,
    RecordedDetections,
    Source,
    TrainRecipe,
    detect_all,
    train,
)
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import InMemorySequence, SequenceInfo

LIDAR = Lidar("top", Transform.from_xyz_rpy((0.8, 0, 1.7)), np.zeros(2), np.zeros(2), 900, 10.0, 1.0, 80.0)
CAMERA = Camera("left", Transform.from_xyz_rpy((1.0, 0, 1.6)), 1242, 375, 721.5, (609.6, 172.9))
RIG = Rig("r", (LIDAR,), (CAMERA,))


def scene() -> Frame:
    """One car and one pedestrian on a flat road, and a car behind the vehicle that no image shows."""
    rng = np.random.default_rng(0)
    ground = np.c_[rng.uniform(4, 30, 3000), rng.uniform(-10, 10, 3000), np.zeros(3000)]
    center = np.array([[12.0, 2.0, 0.75], [10.0, -3.0, 0.9], [-12.0, 2.0, 0.75]])
    size = np.array([[4.0, 1.7, 1.5], [0.7, 0.7, 1.8], [4.0, 1.7, 1.5]])
    boxes = Boxes(center, size, np.zeros(3), np.array(["car", "pedestrian", "car"]))
    shells = [c + s * rng.uniform(-0.49, 0.49, (200, 3)) for c, s in zip(center, size, strict=True)]
    points = np.concatenate([ground, *shells]) - LIDAR.ego_from_sensor.translation
    return Frame(0, Transform.identity(), {"top": Sweep(points.astype(np.float32))}, boxes=boxes)


def recording() -> InMemorySequence:
    return InMemorySequence(SequenceInfo("s", "synthetic", "d", RIG, "CC0-1.0"), [scene()])


@cache
def trained() -> Detector:
    recipe = TrainRecipe(steps=25, batch_size=1, area_m=(2.0, -12.8, 27.6, 12.8))
    return train([Source((recording(),))], recipe, threads=1)


class DetectorContract:
    """Subclass it, and give ``detector``."""

    @pytest.fixture
    def detector(self) -> Detector:
        raise NotImplementedError

    @pytest.fixture
    def found(self, detector: Detector) -> Boxes:
        return detector.detect(scene(), RIG)

    def test_has_a_name_for_tables(self, detector: Detector) -> None:
        assert detector.name

    def test_scores_lie_between_0_and_1_best_first(self, found: Boxes) -> None:
        assert found.score is not None
        assert ((found.score >= 0) & (found.score <= 1)).all()
        assert (np.diff(found.score) <= 0).all()

    def test_boxes_are_finite_and_have_a_size(self, found: Boxes) -> None:
        assert np.isfinite(np.c_[found.center, found.size, found.yaw_rad]).all()
        assert (found.size > 0).all()

    def test_image_boxes_surround_the_corners_inside_the_image(self, found: Boxes) -> None:
        assert found.image_box is not None
        pixels, depth = CAMERA.project(corners(found))
        assert (depth > 0).any(axis=1).all()
        last = (CAMERA.width_px - 1, CAMERA.height_px - 1)
        for box, corner, ahead in zip(found.image_box, pixels, depth > 0.1, strict=True):
            inside = corner[ahead & ((corner >= 0) & (corner <= last)).all(axis=1)]
            assert ((inside >= box[:2] - 1e-9) & (inside <= box[2:] + 1e-9)).all()
            assert (box[:2] < box[2:]).all()

    def test_says_the_same_about_the_same_frame(self, detector: Detector, found: Boxes) -> None:
        again = detector.detect(scene(), RIG)
        np.testing.assert_array_equal(again.center, found.center)
        np.testing.assert_array_equal(again.score, found.score)


class TestPillarDetector(DetectorContract):
    @pytest.fixture
    def detector(self) -> Detector:
        return trained()


class TestOracleDetector(DetectorContract):
    @pytest.fixture
    def detector(self) -> Detector:
        return OracleDetector(("car", "pedestrian"))


class TestFixedDetector(DetectorContract):
    @pytest.fixture
    def detector(self) -> Detector:
        boxes = scene().boxes
        assert boxes is not None
        return FixedDetector(boxes.replace(score=[0.9, 0.5, 0.1]))


class TestFixedDetectorThatFindsNothing(DetectorContract):
    @pytest.fixture
    def detector(self) -> Detector:
        return FixedDetector()


class TestRecordedDetections(DetectorContract):
    @pytest.fixture
    def detector(self) -> Detector:
        return RecordedDetections(detect_all(OracleDetector(), [recording()]))
