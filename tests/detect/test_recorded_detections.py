import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from toy_street import FOUR_CARS, RIG, recording, street

from scanyard.boxes import Boxes
from scanyard.detect import (
    Detections,
    FixedDetector,
    FrameDetections,
    OracleDetector,
    RecordedDetections,
    detect_all,
    read_detections,
    write_detections,
)
from scanyard.errors import EvaluationError, FormatError, InputError

place, length, share = st.floats(-1e4, 1e4), st.floats(1e-6, 100.0), st.floats(0.0, 1.0)
boxes = st.integers(0, 3).flatmap(
    lambda n: st.builds(
        Boxes,
        center=arrays(np.float64, (n, 3), elements=place),
        size=arrays(np.float64, (n, 3), elements=length),
        yaw_rad=arrays(np.float64, n, elements=st.floats(-12.5, 12.5)),
        category=arrays("<U16", n, elements=st.sampled_from(["car", "person_sitting"])),
        score=arrays(np.float64, n, elements=share),
        image_box=st.none() | arrays(np.float64, (n, 4), elements=place).map(lambda box: np.sort(box, axis=1)),
        num_points=st.none() | arrays(np.int64, n, elements=st.integers(0, 2**62)),
    )
)


@settings(max_examples=40, deadline=None)
@given(boxes, st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 10**6))
def test_what_is_written_is_read_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, found: Boxes, name: str, index: int
) -> None:
    path = tmp_path_factory.mktemp("detections") / "d.json"
    write_detections(path, Detections(name, (FrameDetections("drive", index, name, "0" * 16, found),)))
    (frame,) = read_detections(path).frames
    assert (frame.sequence, frame.index, frame.name) == ("drive", index, name)
    for column in fields(Boxes):
        before, after = getattr(found, column.name), getattr(frame.boxes, column.name)
        assert (before is None) == (after is None)
        assert before is None or np.array_equal(before, after)


def test_recorded_boxes_belong_to_their_scan() -> None:
    one, other = street(seed=1), street(seed=2)
    recorded = RecordedDetections(detect_all(OracleDetector(), [recording([one, other])]))
    np.testing.assert_array_equal(recorded.detect(other, RIG).center, FOUR_CARS.center)
    with pytest.raises(EvaluationError, match="not recorded on this scan"):
        recorded.detect(street(seed=3), RIG)
    with pytest.raises(InputError, match="no sweep"):
        recorded.detect(one.replace(sweeps={}), RIG)


def test_every_frame_is_recorded_in_order_with_progress() -> None:
    seen: list[tuple[int, int]] = []
    recordings = [recording([street(seed=1, name="a"), street(seed=2, name="b")]), recording([street(seed=3)])]
    detections = detect_all(FixedDetector(), recordings, lambda *progress: seen.append(progress))
    assert [(frame.index, frame.name) for frame in detections.frames] == [(0, "a"), (1, "b"), (0, "")]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_the_oracle_returns_the_labels_it_is_asked_for() -> None:
    frame = street(FOUR_CARS.replace(category=["car", "van", "car", "pedestrian"]))
    found = OracleDetector(("car",)).detect(frame, RIG)
    np.testing.assert_array_equal(found.center, FOUR_CARS.center[[0, 2]])
    assert found.score.tolist() == [1, 1]
    with pytest.raises(EvaluationError, match="no labels"):
        OracleDetector().detect(frame.replace(boxes=None), RIG)


def written(path: Path, change: dict[str, object], *, frame: dict[str, object] | None = None) -> Path:
    write_detections(path, detect_all(OracleDetector(), [recording([street()])]))
    data = json.loads(path.read_text()) | change
    if frame is not None:
        data["frames"][0] |= frame
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("change", "frame", "complaint"),
    [
        ({"format": "coco"}, None, "format is 'coco'"),
        ({"frames": {}}, None, "expected the keys"),
        ({"detector": None}, None, "expected the keys"),
        ({"frames": [3]}, None, "frame 0: sequence is missing"),
        ({}, {"index": "first"}, "frame 0: index is missing or not int"),
        ({}, {"boxes": {}}, "frame 0: columns"),
        ({}, {"boxes": {"colour": []}}, "colour"),
        ({}, {"boxes": {"center": [[1, 2]], "size": [[1, 1, 1]], "yaw_rad": [0], "category": ["car"], "score": [1]}},
         "frame 0: "),
        ({}, {"boxes": {"center": [[1, 2, float("nan")]], "size": [[1, 1, 1]], "yaw_rad": [0], "category": ["car"],
                        "score": [1]}}, r"line 1: found NaN"),
    ],
)  # fmt: skip
def test_an_odd_file_is_refused_by_name_and_frame(
    tmp_path: Path, change: dict[str, object], frame: dict[str, object] | None, complaint: str
) -> None:
    with pytest.raises(FormatError, match=complaint) as trouble:
        read_detections(written(tmp_path / "d.json", change, frame=frame))
    assert "d.json" in str(trouble.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00\xff", "[" * 100_000])
def test_what_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.json").write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=r"d\.json"):
        read_detections(tmp_path / "d.json")


def test_a_missing_file_of_detections_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file"):
        read_detections(tmp_path / "d.json")
