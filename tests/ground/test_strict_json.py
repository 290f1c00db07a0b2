"""JSON is read strictly, and what a box may be is bounded: each refusal has its line, entry or box."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanyard.boxes import Boxes
from scanyard.errors import FormatError
from scanyard.plausible import check_boxes
from scanyard.strict_json import numbers, read_json


def written(folder: Path, data: str | bytes) -> Path:
    path = folder / "x.json"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('{"a": 1,\n "a": 2}', r'line 2: key "a" is there twice'),
        ('{"a": {"b": 1},\n\n "c": [{"b": 1, "b": 2}]}', r'line 3: key "b" is there twice'),
        ('{"a": "NaN",\n "b": NaN}', "line 2: found NaN"),
        ("[1,\n-Infinity]", "line 2: found -Infinity"),
        ("[1,\n" + "9" * 5000 + "]", "line 2: a number has 5000 digits"),
        ("\n" + "[" * 100_000, "line 2: values are nested more than 32 deep"),
        ('{"a": 1,\n "b": ]', "line 2: not JSON, expecting value at column 7"),
        ("", "line 1: not JSON"),
        ('{"a": 1}\n{}', "line 2: not JSON, extra data"),
        (b'\n{"a": "\xff"}', "line 2: byte 0xff at offset 8 is not utf-8"),
        ('{"a": 1}'.encode("utf-16"), "line 1: byte 0xff"),
        ('{"a": 1}'.encode("utf-8-sig"), "line 1: not JSON, unexpected UTF-8 BOM"),
    ],
)
def test_what_python_lets_through_or_stumbles_over_is_refused_with_its_line(
    tmp_path: Path, data: str | bytes, says: str
) -> None:
    with pytest.raises(FormatError, match=says) as trouble:
        read_json(written(tmp_path, data))
    assert "x.json" in str(trouble.value)


def test_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for path, says in (
        (tmp_path, "directory"),
        (tmp_path / "loop", "symbolic links"),
        (tmp_path / "no", "no such file"),
    ):
        with pytest.raises(FormatError, match=says):
            read_json(path)


@pytest.mark.parametrize(
    ("value", "tail", "says"),
    [
        ([1, True], (), "entry 1: found true or false"),
        ([1, "2"], (), "entry 1: found text '2'"),
        ([1, None], (), "entry 1: found null"),
        ([[1, 2, 3], [1, 2]], (3,), "entry 1: found 2 values, expected 3 numbers"),
        ([[1, 2, 3], 4], (3,), "entry 1: found a number"),
        ([[1, 2, 3], [1, 2, 1e999]], (3,), "entry 1: found inf"),
        ([10**400], (), "a whole number is too large"),
        ({}, (), "found an object, expected a list"),
    ],
)
def test_numbers_are_numbers(value: Any, tail: tuple[int, ...], says: str) -> None:
    with pytest.raises(FormatError, match=says):
        numbers(value, tail, "here")


def test_no_numbers_have_their_shape() -> None:
    assert numbers([], (3,), "here").shape == (0, 3)


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("center", [1e308, 0, 0], "centre"),
        ("size", [1, 1e308, 1], "size"),
        ("size", [1, 0, 1], "size"),
        ("yaw_rad", 1e6, "yaw"),
        ("score", 1.01, "score"),
        ("score", float("nan"), "score"),
        ("velocity", [0, 1e9, 0], "velocity"),
        ("image_box", [5, 5, 4, 9], "ends before it begins"),
        ("image_box", [0, 0, 1e9, 9], "image box"),
        ("truncation", 2.0, "truncation"),
        ("visibility", -0.1, "visibility"),
        ("occlusion", 4, "occlusion"),
        ("num_points", -1, "points"),
    ],
)
def test_boxes_no_sensor_ever_saw_are_refused_by_their_place(column: str, value: Any, says: str) -> None:
    fine = Boxes(np.zeros((2, 3)), np.ones((2, 3)), np.zeros(2), np.array(["car", "car"]), score=np.ones(2))
    check_boxes(fine, str)
    fitting: Any = [[0, 0, 1, 1], value] if column == "image_box" else [np.ones_like(value), value]
    with pytest.raises(FormatError, match=f"box 1: .*{says}"):
        check_boxes(fine.replace(**{column: np.array(fitting)}), lambda i: f"box {i}")
