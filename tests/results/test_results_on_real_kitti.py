"""With KITTI's real calibrations, whose axes are a degree apart, results still become the boxes they were made from."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from scanyard.boxes import Boxes
from scanyard.datasets.kitti import KittiSequence, read_sequences
from scanyard.datasets.kitti_labels import CLASS_OF_CATEGORY
from scanyard.detections import FrameDetections
from scanyard.geometry import Transform
from scanyard.results import KnownFrame, KnownFrames, open_results, write_kitti_text

KITTI = Path(__file__).parents[3] / "shared" / "real" / "kitti"
pytestmark = pytest.mark.skipif(not KITTI.is_dir(), reason="the licensed KITTI frames are not beside the repository")


def labelled() -> tuple[KnownFrames, list[Boxes]]:
    """Every real frame and its labels, taken for detections."""
    known, boxes = [], []
    for sequence in read_sequences(KITTI, "training"):
        assert isinstance(sequence, KittiSequence)
        for index, frame in enumerate(sequence.frames):
            assert frame.labels is not None
            labels = frame.labels.boxes
            known.append(KnownFrame(sequence.info, index, frame.name, "", Transform.identity(), index))
            boxes.append(labels.replace(score=np.linspace(0.1, 0.9, len(labels)), truncation=None, occlusion=None))
    return KnownFrames(tuple(known)), boxes


def test_kitti_text_comes_back_to_a_millionth(tmp_path: Path) -> None:
    known, boxes = labelled()
    frames = [
        FrameDetections(frame.info.name, frame.index, frame.name, "", one)
        for frame, one in zip(known.frames, boxes, strict=True)
    ]
    write_kitti_text(tmp_path / "k", frames, known)
    back = {(one.sequence, one.index): one.boxes for one in open_results(tmp_path / "k").detections(known).frames}
    assert sum(map(len, boxes)) > 100
    for frame, one in zip(known.frames, boxes, strict=True):
        found = back[frame.info.name, frame.index]
        np.testing.assert_allclose(found.center, one.center, atol=1e-6)
        np.testing.assert_allclose(found.size, one.size, atol=1e-6)
        np.testing.assert_allclose(np.sin(found.yaw_rad - one.yaw_rad), 0, atol=1e-6)


def test_openpcdets_two_places_of_a_box_agree(tmp_path: Path) -> None:
    known, boxes = labelled()
    entries = []
    for frame, one in zip(known.frames, boxes, strict=True):
        there = one.transformed(frame.ego_from_lidar.inverse())
        calibration = frame.calibration
        # as the framework does it: the bottom taken over, heading as if both sensors looked the same way
        bottom = calibration.rect_from_velodyne.apply(there.center - np.c_[one.size[:, :2] * 0, one.size[:, 2] / 2])
        entries.append(
            {
                "name": np.array([CLASS_OF_CATEGORY[name] for name in one.category.tolist()]),
                "bbox": one.image_box,
                "location": bottom.astype(np.float32),
                "dimensions": one.size[:, [0, 2, 1]].astype(np.float32),
                "score": one.score,
                "boxes_lidar": np.c_[there.center, there.size, there.yaw_rad].astype(np.float32),
                "frame_id": frame.name,
            }
        )
    (tmp_path / "result.pkl").write_bytes(pickle.dumps(entries))
    for found, one in zip(open_results(tmp_path / "result.pkl").detections(known).frames, boxes, strict=True):
        np.testing.assert_allclose(found.boxes.center, one.center, atol=1e-4)
        np.testing.assert_allclose(np.sin(found.boxes.yaw_rad - one.yaw_rad), 0, atol=1e-4)
