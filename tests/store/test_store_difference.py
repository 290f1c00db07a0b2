"""Two versions of a dataset, and what ``difference`` and ``sweep_staging`` make of them."""

import os
from pathlib import Path

import numpy as np
from store_frames import dataset_at, frames, info_named

from scanyard.frame import Frame
from scanyard.store import difference, sweep_staging, verify, write_sequence
from scanyard.store.disk import PARTIAL


def version(root: Path, **sequences: list[Frame]) -> Path:
    for name, recording in sequences.items():
        write_sequence(dataset_at(root), info_named(name), recording)
    return root


def test_what_is_equal_is_not_different(tmp_path: Path) -> None:
    a, b = (version(tmp_path / name, walk=frames()) for name in "ab")
    found = difference(a, b)
    assert (found.same, found.changed, found.only_a, found.only_b) == (1, (), (), ())
    assert all(left == right for left, right in found.categories.values())


def test_sequences_frames_and_labels_are_compared(tmp_path: Path) -> None:
    before = frames(3, boxes=4)
    moved = before[0].boxes.replace(center=before[0].boxes.center + np.outer([1, 0, 0, 0], [0.0, 0.5, 0.0]))
    turned = before[1].boxes.replace(yaw_rad=before[1].boxes.yaw_rad + np.array([2 * np.pi, np.pi, 0.0, 0.0]))
    fewer = before[2].boxes[:3].replace(size=before[2].boxes.size[:3] * [[1.0, 1.1, 1.0]])
    after = [frame.replace(boxes=boxes) for frame, boxes in zip(before, (moved, turned, fewer), strict=True)]
    a = version(tmp_path / "a", walk=before, gone=frames(1))
    b = version(tmp_path / "b", walk=after, new=frames(2))
    found = difference(a, b)
    assert (found.only_a, found.only_b, found.changed, found.frames) == (("gone",), ("new",), ("walk",), (4, 5))
    labels = found.labels
    assert (labels.moved, labels.turned, labels.resized, labels.removed, labels.added) == (1, 1, 3, 1, 0)
    assert labels.same == 12 - 1 - 1 - 3 - 1
    assert labels.furthest_m == 0.5


def test_without_tracks_the_nearest_of_the_same_category_is_the_same_label(tmp_path: Path) -> None:
    (frame,) = frames(1, boxes=4)
    boxes = frame.boxes.replace(track=None, center=np.arange(12.0).reshape(4, 3) * 10, category=["car"] * 4)
    shuffled = boxes[[2, 0, 3, 1]]
    shuffled = shuffled.replace(center=shuffled.center + np.outer([0.3, 0, 5.0, 0], [1.0, 0, 0]))
    a, b = (version(tmp_path / name, walk=[frame.replace(boxes=one)]) for name, one in (("a", boxes), ("b", shuffled)))
    labels = difference(a, b).labels
    assert (labels.same, labels.moved, labels.removed, labels.added) == (2, 1, 1, 1)


def test_half_written_headers_and_seals_are_swept_once_nobody_can_be_at_them(tmp_path: Path) -> None:
    root = version(tmp_path / "a", walk=frames(1))
    old, new = root / "sequences/walk" / f"{PARTIAL}seal.json.1", root / f"{PARTIAL}dataset.json.2"
    for path in (old, new):
        path.write_bytes(b"{")
    os.utime(old, (0, 0))
    assert [finding.path for finding in verify(root)] == [old]
    assert sweep_staging(root) == [old]
    assert new.exists()
    assert verify(root) == []
