"""The same on real frames, which lie beside a developer's checkout and never in it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scanyard.boxes import Boxes, points_inside
from scanyard.datasets.kitti import read_scan, read_sequences, write_frames
from scanyard.datasets.kitti_labels import labels_to_text
from scanyard.datasets.kitti_tracking import read_tracking
from scanyard.frame import points_ego
from scanyard.sequence import SensorSequence
from scanyard.store import create_dataset, open_sequence, write_sequence

REAL = Path(__file__).parents[3] / "shared/real/kitti"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="no real KITTI frames in ../shared/real/kitti")
Near = list[tuple[np.ndarray, Boxes]]
Change = Callable[[Boxes], Boxes]
SUBSETS = ("training", "training_fov")


@pytest.mark.parametrize(("subset", "count"), [("training", 33), ("training_fov", 42)])
def test_every_label_and_calibration_comes_back_digit_for_digit(subset: str, count: int) -> None:
    frames = [frame for sequence in read_sequences(REAL, subset) for frame in sequence.frames]
    assert len(frames) == count
    for frame in frames:
        assert frame.labels is not None
        labels, calibration = (REAL / subset / folder / f"{frame.name}.txt" for folder in ("label_2", "calib"))
        assert labels_to_text(frame.labels, frame.calibration) == labels.read_text(), labels
        assert frame.calibration.to_text() == calibration.read_text(), calibration


@pytest.fixture(scope="module")
def near_boxes() -> list[tuple[np.ndarray, Boxes]]:
    """Points near the ground in the ego frame with the boxes within 40 m, frame by frame."""
    found = []
    for subset in SUBSETS:
        for sequence in read_sequences(REAL, subset):
            ego_from_lidar = sequence.info.rig.lidar("top").ego_from_sensor
            for frame in sequence.frames:
                assert frame.labels is not None
                boxes = frame.labels.boxes
                near = np.linalg.norm(boxes.center - ego_from_lidar.translation, axis=1) <= 40
                points = points_ego(read_scan(frame.scan), ego_from_lidar)
                found.append((points[np.abs(points[:, :2]).max(axis=1) < 45], boxes[near]))
    return found


def counts(near_boxes: Near, category: str, change: Change = lambda boxes: boxes) -> np.ndarray:
    inside = [
        points_inside(change(boxes[boxes.category == category]), points).sum(axis=1) for points, boxes in near_boxes
    ]
    return np.concatenate(inside)


@pytest.mark.parametrize(
    ("category", "boxes", "median"), [("car", 122, 217), ("pedestrian", 18, 69), ("cyclist", 61, 273)]
)
def test_real_boxes_hold_the_real_points(near_boxes: Near, category: str, boxes: int, median: int) -> None:
    inside = counts(near_boxes, category)
    assert len(inside) == boxes
    assert (inside >= 5).mean() > 0.98
    assert abs(np.median(inside) - median) <= 5  # counted independently, with the raw calibration


def test_a_wrong_convention_loses_points(near_boxes: Near) -> None:
    """What the test above would say of bottoms read as centres and of yaw with the other sign."""
    right = counts(near_boxes, "car").sum()
    lowered = counts(near_boxes, "car", lambda boxes: boxes.replace(center=boxes.center - [0, 0, 0.5] * boxes.size))
    mirrored = counts(near_boxes, "car", lambda boxes: boxes.replace(yaw_rad=-boxes.yaw_rad))
    assert lowered.sum() < 0.8 * right
    assert mirrored.sum() < 0.95 * right


def test_the_crop_equals_the_published_reduced_scans() -> None:
    tracking = read_tracking(REAL / "tracking_seq_0000", "0000")
    published = {frame.timestamp_ns: frame.sweeps["top"] for frame in tracking}
    (drive,) = read_sequences(REAL, "training", ["2011_09_26_drive_0005_sync"], crop_to_image=True)
    assert len(drive) == 10
    for frame in drive:
        np.testing.assert_array_equal(frame.sweeps["top"].points, published[frame.timestamp_ns].points)


def test_tracking_labels_agree_with_object_labels() -> None:
    tracked = {frame.timestamp_ns: frame.boxes for frame in read_tracking(REAL / "tracking_seq_0000", "0000")}
    (drive,) = read_sequences(REAL, "training", ["2011_09_26_drive_0005_sync"])
    for frame in drive:
        boxes, others = frame.boxes, tracked[frame.timestamp_ns]
        assert boxes is not None
        assert others is not None
        assert others.track is not None
        distance = np.linalg.norm(boxes.center[:, None] - others.center[None], axis=-1)
        assert (distance.min(axis=1) < 0.02).all()
        assert boxes.category.tolist() == others.category[distance.argmin(axis=1)].tolist()


def test_the_projected_center_lies_in_the_labelled_image_box() -> None:
    inside, boxes_seen = 0, 0
    for sequence in read_sequences(REAL, "training"):
        camera = sequence.info.rig.cameras[0]
        for frame in sequence.frames:
            assert frame.labels is not None
            boxes = frame.labels.boxes
            assert boxes.image_box is not None
            assert boxes.truncation is not None
            whole = boxes.truncation == 0
            pixels, _ = camera.project(boxes.center[whole])
            low, high = boxes.image_box[whole, :2], boxes.image_box[whole, 2:]
            inside += int((np.abs(pixels - (low + high) / 2) <= 0.35 * (high - low) / 2 + 1).all(axis=1).sum())
            boxes_seen += len(pixels)
    assert inside / boxes_seen > 0.95


def test_real_frames_survive_the_store(tmp_path: Path) -> None:
    create_dataset(tmp_path / "d", name="kitti", licence="CC-BY-NC-SA-3.0")
    sequences: list[SensorSequence] = read_sequences(REAL, "training", ["2011_09_26_drive_0001_sync"])
    for sequence in sequences:
        write_sequence(tmp_path / "d", sequence.info, sequence)
        stored = open_sequence(tmp_path / "d", sequence.info.name)
        write_frames(tmp_path / "out", stored)
        for found, expected in zip(stored, sequence, strict=True):
            name = f"{expected.name}.bin"
            assert (tmp_path / "out/velodyne" / name).read_bytes() == (REAL / "training/velodyne" / name).read_bytes()
            assert found.boxes is not None
            assert expected.boxes is not None
            assert found.boxes.center.tobytes() == expected.boxes.center.tobytes()
            assert list(found.images) == list(expected.images)
    for path in (tmp_path / "out/label_2").iterdir():
        assert path.read_bytes() == (REAL / "training/label_2" / path.name).read_bytes()
