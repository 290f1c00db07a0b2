"""Loose scans with their boxes beside them: what is wrong with one is said with its file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanyard.datasets import samples
from scanyard.errors import FormatError

BOX = {
    "category": "Car", "center_m": [8.0, 1.0, -0.9], "size_lwh_m": [4.2, 1.8, 1.5], "yaw_rad": 0.3, "track": "7",
    "num_points": 12,
}  # fmt: skip


def scans(folder: Path, *labels: object) -> Path:
    """One scan of a LiDAR of two beams for each file of labels."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, boxes in enumerate(labels):
        rows = np.c_[rng.normal(0, 20, (40, 3)), rng.uniform(0, 255, 40), np.arange(40) % 2].astype(np.float32)
        rows.tofile(folder / f"{number:06d}.bin")
        (folder / f"{number:06d}_labels.json").write_text(json.dumps(boxes))
    return folder


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in BOX.items() if key != name}


def test_scans_without_boxes_are_frames_without_boxes(tmp_path: Path) -> None:
    (sequence,) = samples.read_sequences(scans(tmp_path / "street", [], [BOX, {**BOX, "track": "9"}], []))
    boxes = [frame.boxes for frame in sequence]
    assert [None if found is None else len(found) for found in boxes] == [0, 2, 0]
    assert boxes[1] is not None
    assert boxes[1].track is not None
    assert boxes[1].track.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ([BOX, without("track")], "box 1 has no 'track'"),
        ([without("center_m")], "box without 'center_m'"),
        ([without("num_points")], "box without 'num_points'"),
        ([{**BOX, "center_m": [1.0]}, BOX], "000001_labels.json|street"),
        ([{**BOX, "size_lwh_m": "large"}], "street"),
        ({"boxes": [BOX]}, "expected a list of boxes"),
        ([7], "expected a list of boxes"),
        (None, "expected a list of boxes"),
        ([[[[]]]], "expected a list of boxes"),
    ],
)
def test_what_is_wrong_with_a_box_is_said(labels: object, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=complaint):
        samples.read_sequences(scans(tmp_path / "street", [BOX], labels))


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000])
def test_what_is_no_json_is_said(content: str, tmp_path: Path) -> None:
    root = scans(tmp_path / "street", [BOX])
    (root / "000000_labels.json").write_text(content)
    with pytest.raises(FormatError, match=r"000000_labels\.json: cannot be read as JSON"):
        samples.read_sequences(root)


def test_a_scan_without_a_point_is_said(tmp_path: Path) -> None:
    root = scans(tmp_path / "street", [BOX])
    (root / "000000.bin").write_bytes(b"")
    with pytest.raises(FormatError, match="street"):
        samples.read_sequences(root)


def test_a_sample_is_called_after_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scans(tmp_path / "street", [BOX]))
    (sequence,) = samples.read_sequences(".")
    assert sequence.info.drive == "sustech-street"
