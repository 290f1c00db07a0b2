"""Every framework's results become the boxes they were made from; what is wrong in them is named."""

from __future__ import annotations

import pickle
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

sys.path.insert(0, str(Path(__file__).parents[2] / "tools" / "malformed"))
# tools are no package

import sample_results as sample

from scanyard.boxes import Boxes
from scanyard.detections import Detections, FrameDetections, write_detections
from scanyard.errors import ContractError, EvaluationError, FormatError, StoreError
from scanyard.experiment.scoring import pair_results
from scanyard.pickled import PickledArray, read_pickle
from scanyard.results import KnownFrames, open_results, write_kitti_text, write_nuscenes

KNOWN = sample.known()


def own(path: Path) -> Path:
    frames = [
        FrameDetections(one.info.name, one.index, one.name, one.cloud, sample.found(number))
        for number, one in enumerate(KNOWN.frames)
    ]
    write_detections(path, Detections("someone", tuple(frames)))
    return path


def dumped(path: Path) -> Path:
    entries = []
    for number in range(len(KNOWN.frames)):
        one = sample.mmdet3d_prediction(number)
        arrays = {key: np.array(value) for key, value in one.items() if key != "box_type_3d"}
        arrays["bboxes_3d"] = arrays["bboxes_3d"].reshape(-1, 7)
        entries.append({"pred_instances_3d": arrays, "lidar_path": f"training/velodyne/{number:06d}.bin"})
    return sample.write_pickle(path, entries)


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "scanyard_json": lambda folder: own(folder / "own.json"),
    "kitti_text": lambda folder: sample.write_kitti(folder / "data"),
    "nuscenes_json": lambda folder: sample.write_json(folder / "nuscenes.json", sample.nuscenes_results()),
    "openpcdet_pickle": lambda folder: sample.write_pickle(folder / "result.pkl", sample.openpcdet_entries()),
    "mmdet3d_pickle": lambda folder: sample.write_pickle(folder / "mm.pkl", sample.mmdet3d_entries(), protocol=2),
    "mmdet3d_json": lambda folder: sample.write_predictions(folder / "out"),
    "argoverse2_feather": lambda folder: sample.write_feather(folder / "found.feather", sample.argoverse2_rows()),
}


def read(path: Path, known: KnownFrames = KNOWN) -> dict[tuple[str, int], Boxes]:
    found = open_results(path).detections(known, sample.CLASSES)
    return {(one.sequence, one.index): one.boxes for one in found.frames}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_boxes_come_back_as_they_were(tmp_path: Path, layout: str) -> None:
    path = LAYOUTS[layout](tmp_path)
    assert open_results(path).layout == layout
    found = read(path)
    assert set(found) == {(frame.info.name, frame.index) for frame in KNOWN.frames}
    for number, frame in enumerate(KNOWN.frames):
        expected, boxes = sample.found(number), found[frame.info.name, frame.index]
        names = [name.replace("bicycle", "cyclist") for name in boxes.category.tolist()]
        assert names == expected.category.tolist()
        np.testing.assert_allclose(boxes.center, expected.center, atol=2e-3)
        np.testing.assert_allclose(boxes.size, expected.size, atol=1e-4)
        np.testing.assert_allclose(boxes.score, expected.score, atol=1e-4)
        # both frameworks take ry for -heading - pi/2, as if LiDAR and camera looked the same way; these are 0.02 apart
        apart = 0.021 if layout in ("kitti_text", "mmdet3d_pickle") else 1e-4
        assert (np.abs(np.sin(boxes.yaw_rad - expected.yaw_rad)) < apart).all()
        np.testing.assert_allclose(boxes.image_box, expected.image_box, atol=0.01)


def test_dumped_samples_of_arrays_are_read(tmp_path: Path) -> None:
    found = read(dumped(tmp_path / "dumped.pkl"))
    np.testing.assert_allclose(found["street-a", 0].center, sample.found(0).center, atol=1e-6)


def test_velocity_over_ground_is_turned_into_the_ego_frame(tmp_path: Path) -> None:
    boxes = read(LAYOUTS["nuscenes_json"](tmp_path))["street-a", 0]
    assert boxes.velocity is not None
    back = KNOWN.frames[0].world_from_ego.rotate(boxes.velocity)
    np.testing.assert_allclose(back, np.tile([1.0, -2.0, 0.0], (5, 1)), atol=1e-9)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_way_numpy_is_pickled_is_read_without_numpy(tmp_path: Path, protocol: int) -> None:
    values = {
        "floats": np.arange(6, dtype=np.float32).reshape(2, 3),
        "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big end first": np.arange(3, dtype=">i4"),
        "names": np.array(["Car", "Cyclist"]),
        "objects": np.array(["Car", "Van"], dtype=object),
        "none": np.zeros(0),
        "a number": np.float32(0.5),
        "a name": np.array(["000007"])[0],
    }
    path = sample.write_pickle(tmp_path / "p.pkl", values, protocol)
    for name, value in read_pickle(path).items():
        read = value.values if isinstance(value, PickledArray) else value
        np.testing.assert_array_equal(read, values[name])


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def bombs(canary: Path) -> dict[str, bytes]:
    """Pickles that do harm where they are loaded; each would leave the canary, or take memory without end."""
    import os
    import subprocess

    from numpy._core.multiarray import _reconstruct

    order = f"touch {canary}"
    begun = b"\x80\x04cnumpy.core.multiarray\n_reconstruct\n"
    return {
        "os.system": pickle.dumps([Calls(os.system, order)]),
        "in an entry": pickle.dumps([{"boxes_lidar": Calls(os.system, order), "name": [], "score": []}]),
        "eval": pickle.dumps(Calls(eval, f"open({str(canary)!r}, 'w')")),
        "exec in protocol 0": pickle.dumps(Calls(exec, f"open({str(canary)!r}, 'w')"), protocol=0),
        "subprocess": pickle.dumps({"a": Calls(subprocess.call, ["touch", str(canary)])}),
        "numpy's file reader": pickle.dumps(Calls(np.fromfile, "/etc/hostname")),
        "a terabyte before its bytes": pickle.dumps(Calls(_reconstruct, np.ndarray, (2**37,), b"d")),
        "numpy.ndarray called": b"\x80\x04cnumpy\nndarray\n(J\xff\xff\xff\x7f\x85tR.",
        "a memo without end": b"\x80\x04]r\xff\xff\xff\x7f.",
        "bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
        "a name changed for the next file": begun + b"N}\x8c\x04made\x8c\x01xs\x86b.",
        "numpy's name changed": b"\x80\x04cnumpy\ndtype\nN}\x8c\x08__init__\x8c\x01xs\x86b.",
        "an instance": b"\x80\x02(cos\nsystem\n\x8c\x04trueo.",
    }


@pytest.mark.parametrize("bomb", bombs(Path("x")))
def test_no_pickle_is_run(tmp_path: Path, bomb: str) -> None:
    canary, path = tmp_path / "canary", tmp_path / "bomb.pkl"
    path.write_bytes(bombs(canary)[bomb])
    with pytest.raises(FormatError, match=r"bomb\.pkl"):
        open_results(path)
    assert not canary.exists()
    read(LAYOUTS["openpcdet_pickle"](tmp_path))  # and the next file is read as ever


def test_tensors_are_refused_with_how_to_convert_them(tmp_path: Path) -> None:
    path = tmp_path / "t.pkl"
    path.write_bytes(b"\x80\x02]q\x00ctorch._utils\n_rebuild_tensor_v2\nq\x01.")
    with pytest.raises(FormatError, match=r"torch\._utils\._rebuild_tensor_v2.*\.cpu\(\)\.numpy\(\)"):
        open_results(path)


place, size, yaw = st.floats(-80, 80), st.floats(0.1, 20), st.floats(-3.1, 3.1)
some_boxes = st.integers(0, 4).flatmap(
    lambda n: st.builds(
        Boxes,
        center=arrays(np.float64, (n, 3), elements=place),
        size=arrays(np.float64, (n, 3), elements=size),
        yaw_rad=arrays(np.float64, n, elements=yaw),
        category=arrays("<U10", n, elements=st.sampled_from(["car", "pedestrian"])),
        score=arrays(np.float64, n, elements=st.floats(0, 1)),
        image_box=arrays(np.float64, (n, 4), elements=st.floats(0, 1200)).map(lambda box: np.sort(box, axis=1)),
    )
)


@settings(max_examples=40, deadline=None)
@given(some_boxes, st.sampled_from(["kitti", "nuscenes"]))
def test_what_is_written_is_read_to_a_millionth(
    tmp_path_factory: pytest.TempPathFactory, boxes: Boxes, form: str
) -> None:
    path = tmp_path_factory.mktemp("round") / "results"
    frame = KNOWN.frames[1]
    one = [FrameDetections(frame.info.name, frame.index, frame.name, frame.cloud, boxes)]
    (write_kitti_text if form == "kitti" else write_nuscenes)(path, one, KNOWN)
    (back,) = open_results(path, form).detections(KNOWN).frames
    assert (back.sequence, back.index, back.cloud) == (frame.info.name, frame.index, frame.cloud)
    assert back.boxes.category.tolist() == boxes.category.tolist()
    for column in ("center", "size", "score") + (("image_box",) if form == "kitti" else ()):
        np.testing.assert_allclose(getattr(back.boxes, column), getattr(boxes, column), atol=1e-6)
    np.testing.assert_allclose(np.sin((back.boxes.yaw_rad - boxes.yaw_rad) / 2), 0.0, atol=1e-6)


def test_a_folder_per_recording_tells_frames_of_one_name_apart(tmp_path: Path) -> None:
    from dataclasses import replace

    twins = KnownFrames(tuple(replace(frame, name=f"{frame.index:06d}") for frame in KNOWN.frames))
    frames = [
        FrameDetections(one.info.name, one.index, one.name, one.cloud, sample.found(number))
        for number, one in enumerate(twins.frames)
    ]
    write_kitti_text(tmp_path / "k", frames, twins)
    assert (tmp_path / "k" / "street-b" / "000000.txt").is_file()
    np.testing.assert_allclose(read(tmp_path / "k", twins)["street-b", 0].center, sample.found(2).center, atol=1e-6)
    sample.write_kitti(tmp_path / "flat")
    with pytest.raises(FormatError, match="in 2 recordings"):
        read(tmp_path / "flat", twins)


@pytest.mark.parametrize("per_recording", [False, True])
def test_no_text_is_written_outside_the_folder(per_recording: bool, tmp_path: Path) -> None:
    from dataclasses import replace

    one = KNOWN.frames[0]
    strange = replace(one, info=replace(one.info, name="..")) if per_recording else replace(one, name="../x")
    found = [FrameDetections(strange.info.name, strange.index, strange.name, strange.cloud, sample.found(0))]
    with pytest.raises(StoreError, match="cannot be a file name"):
        write_kitti_text(tmp_path / "k", found, KnownFrames((strange,)), per_recording=per_recording)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def edited(folder: Path, layout: str, edit: Callable[[Any], Any]) -> Path:
    if layout == "nuscenes_json":
        value = sample.nuscenes_results()
        return sample.write_json(folder / "n.json", edit(value) or value)
    value = sample.openpcdet_entries() if layout == "openpcdet_pickle" else sample.mmdet3d_entries()
    return sample.write_pickle(folder / "p.pkl", edit(value) or value)


@pytest.mark.parametrize(
    ("layout", "edit", "says"),
    [
        ("nuscenes_json", lambda d: d["results"]["000000"][1].update(size=[1, -2, 1]), "'000000', box 1: found size"),
        ("nuscenes_json", lambda d: d["results"]["000000"][1].update(rotation=[0, 0, 0, 0]), "box 1: .*no unit"),
        ("nuscenes_json", lambda d: d["results"]["000000"][1].update(rotation=[0, 0.7071, 0.7071, 0]), "on its side"),
        ("nuscenes_json", lambda d: d["results"]["000000"][1].update(detection_name="Car"), "class 'Car'"),
        ("nuscenes_json", lambda d: d["results"]["000000"][1].update(detection_score=1.5), "score 1.5"),
        ("nuscenes_json", lambda d: d["results"]["000000"][1].update(sample_token="x"), "stands under another"),
        ("nuscenes_json", lambda d: d["results"].update({"000000": d["results"]["000000"] * 101}), "505 boxes"),
        ("nuscenes_json", lambda d: d.pop("meta"), "meta is missing"),
        ("nuscenes_json", lambda d: d["results"].update(x=[]), "frame 'x' is none of the 4"),
        ("openpcdet_pickle", lambda d: d[0].update(name=np.array(["Auto"] * 5)), "entry 0, box 0: found class 'Auto'"),
        ("openpcdet_pickle", lambda d: d[1].update(score=np.zeros(2)), "entry 1: has 4 boxes, 4 names and 2 scores"),
        ("openpcdet_pickle", lambda d: d[1].update(score=np.full(4, np.nan)), "score, box 0: found nan"),
        ("openpcdet_pickle", lambda d: d[1].update(location=d[1]["location"] + 1.0), "1.00 m away from its"),
        ("openpcdet_pickle", lambda d: d[1].update(dimensions=d[1]["dimensions"][:, [1, 2, 0]]), "away from its boxes"),
        ("mmdet3d_pickle", lambda d: d.append(d[3]), "2 entries without boxes"),
        ("mmdet3d_pickle", lambda d: d[3].update(bbox=[[[]]]), "entry 3, bbox"),
        ("mmdet3d_pickle", lambda d: d[3].update(name=np.zeros((1, 0))), "entry 3, name: found an array"),
        ("mmdet3d_pickle", lambda d: d[0].update(sample_id=np.arange(5)), "different values"),
        ("mmdet3d_pickle", lambda d: d[0].pop("bbox"), "entry 0: lacks some of"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, layout: str, edit: Callable[[Any], Any], says: str
) -> None:
    def keep(value: Any) -> None:
        edit(value)

    path = edited(tmp_path, layout, keep)
    with pytest.raises(FormatError, match=says) as trouble:
        read(path)
    assert path.name in str(trouble.value)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({"category": "Car"}, r"row 1: found classes \['Car'\], expected some of"),
        ({"score": 1.5}, "row 1: found score 1.5, expected 0 to 1"),
        ({"width_m": -1.8}, "row 1: found size"),
        ({"qw": 3.0}, r"row 1: .* is no unit quaternion \(qw, qx, qy, qz\)"),
        ({"qw": 0.0, "qx": 0.6, "qz": 0.0, "qy": 0.8}, "row 1: .* lays the box on its side"),
        ({"tx_m": float("nan")}, "row 1: found centre .*, expected metres from the vehicle"),
        ({"tx_m": 6.1e5}, "row 1: found centre .* a city's coordinates are not read"),
        ({"timestamp_ns": 7}, "row 1: log 'street-a' has no frame at 7 ns among the 4 to be scored, such as 'street"),
        ({"log_id": None}, "row 1: log_id is None, expected text"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_table_is_named_with_its_row(tmp_path: Path, edit: dict[str, Any], says: str) -> None:
    columns = sample.argoverse2_rows()
    for name, value in edit.items():
        columns[name][1] = value
    with pytest.raises(FormatError, match=rf"t\.feather, {says}"):
        read(sample.write_feather(tmp_path / "t.feather", columns))


def test_a_table_needs_its_columns_and_numbers_in_them(tmp_path: Path) -> None:
    columns = sample.argoverse2_rows()
    with pytest.raises(FormatError, match=r"t\.feather: has no columns \['score'\]"):
        read(sample.write_feather(tmp_path / "t.feather", {k: v for k, v in columns.items() if k != "score"}))
    with pytest.raises(FormatError, match=r"t\.feather: column timestamp_ns holds float64, expected whole nanoseconds"):
        read(sample.write_feather(tmp_path / "t.feather", columns | {"timestamp_ns": columns["tx_m"]}))
    with pytest.raises(FormatError, match=r"t\.feather: column score holds object, expected numbers"):
        read(sample.write_feather(tmp_path / "t.feather", columns | {"score": columns["category"]}))


def test_a_log_that_a_table_never_names_is_missing_and_a_sweep_without_rows_is_empty(tmp_path: Path) -> None:
    columns = sample.argoverse2_rows()
    of_a = columns["log_id"] == "street-a"
    path = sample.write_feather(tmp_path / "t.feather", {name: values[of_a] for name, values in columns.items()})
    assert set(read(path)) == {("street-a", 0), ("street-a", 1)}
    first = columns["timestamp_ns"] == sample.START_NS
    path = sample.write_feather(tmp_path / "t.feather", {name: values[first] for name, values in columns.items()})
    assert [len(boxes) for boxes in read(path).values()] == [5, 0]


def test_categories_that_pandas_keeps_as_numbers_are_read(tmp_path: Path) -> None:
    columns = sample.argoverse2_rows()
    coded = columns | {"category": pyarrow.array(columns["category"]).dictionary_encode()}
    found = read(sample.write_feather(tmp_path / "t.feather", coded))
    assert found["street-a", 0].category.tolist() == sample.found(0).category.tolist()


def test_class_numbers_need_names(tmp_path: Path) -> None:
    results = open_results(sample.write_predictions(tmp_path / "out"))
    with pytest.raises(FormatError, match=r"000000\.json, box 0: its class is the number 2; give the names"):
        results.detections(KNOWN)
    with pytest.raises(FormatError, match="2 names were given"):
        results.detections(KNOWN, ("Pedestrian", "Cyclist"))


def test_a_detection_of_the_image_alone_is_said_so(tmp_path: Path) -> None:
    folder = sample.write_kitti(tmp_path / "k")
    (folder / "000001.txt").write_text("Car -1 -1 -10 1 2 3 4 -1 -1 -1 -1000 -1000 -1000 -10 0.9\n")
    with pytest.raises(FormatError, match=r"000001\.txt, line 1: a detection only of the image"):
        read(folder)


def test_a_format_that_was_asked_for_has_to_be_there(tmp_path: Path) -> None:
    path = LAYOUTS["nuscenes_json"](tmp_path)
    assert open_results(path, "openpcdet").layout == "nuscenes_json"
    with pytest.raises(FormatError, match="is nuScenes' results JSON; --format kitti reads KITTI's text"):
        open_results(path, "kitti")
    (tmp_path / "a.feather").write_bytes(b"ARROW1\0\0")
    with pytest.raises(FormatError, match=r"a\.feather: is no Feather table"):
        read(tmp_path / "a.feather")
    with pytest.raises(FormatError, match="is Argoverse 2's detections, a Feather table; --format nuscenes reads"):
        open_results(tmp_path / "a.feather", "nuscenes")


def test_frames_meet_or_are_named(tmp_path: Path) -> None:
    folder, labelled = sample.write_kitti(tmp_path / "k"), sample.labelled()
    pairs = pair_results(open_results(folder).detections(KNOWN), labelled, "k")
    assert [(pair.drive, len(pair.detections)) for pair in pairs] == [("a", 5), ("a", 4), ("b", 3), ("b", 0)]
    (folder / "000002.txt").unlink()
    with pytest.raises(ContractError, match=r"missing frame: 1 of 4 .* '0' of drive 'street-b'"):
        pair_results(open_results(folder).detections(KNOWN), labelled, "k")
    twice = edited(tmp_path, "openpcdet_pickle", lambda entries: [*entries, entries[0]])
    with pytest.raises(ContractError, match="duplicate frames"):
        pair_results(open_results(twice).detections(KNOWN), labelled, "p")
    other = Detections("d", (FrameDetections("street-a", 0, "", "0" * 15 + "9", sample.found(0)),))
    with pytest.raises(EvaluationError, match="another scan"):
        pair_results(other, labelled, "p")


@pytest.mark.parametrize("parts", [("name", None, None), (None, ("a",), None), (None, None, {"a": 1})])
def test_a_pickled_array_of_structures_is_refused(parts: tuple[object, ...], tmp_path: Path) -> None:
    described = pickle.dumps(np.dtype("<f4"), protocol=2)
    assert described.count(b"NNN") == 1  # no type of arrays, no names, no fields
    path = tmp_path / "structures.pkl"
    pieces = b"".join(pickle.dumps(part, protocol=2)[2:-1] for part in parts)
    path.write_bytes(described.replace(b"NNN", pieces))
    with pytest.raises(FormatError, match="array of structures"):
        read_pickle(path)


_DTYPE, _ARRAY = (np.dtype, ("f4", False, True)), (np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"))
_MISDESCRIBED: dict[str, object] = {
    "begun with a name for its code": (*_ARRAY[:1], (np.ndarray, (0,), "name")),
    "begun with a list of values for its code": (*_ARRAY[:1], (np.ndarray, (0,), ("b", 1, 2))),
    "begun as another type": (*_ARRAY[:1], (np.dtype, (0,), b"b")),
    "described in another version": (*_ARRAY, (7, (1,), np.dtype("f4"), False, bytes(4))),
    "ordered by a word": (*_ARRAY, (1, (1,), np.dtype("f4"), "F", bytes(4))),
    "with a type made of a word": (np.dtype, ("f4", "name", True)),
    "with a type in another version": (*_DTYPE, (9, "<", None, None, None, -1, -1, 0)),
    "with a type in too few words": (*_DTYPE, (3, "<")),
    "with a type as wide as a word": (*_DTYPE, (3, "<", None, None, None, "w", -1, 0)),
    "with text of another width": (np.dtype, ("U3", False, True), (3, "<", None, None, None, -1, 4, 8)),
}  # fmt: skip


@pytest.mark.parametrize("how", _MISDESCRIBED)
def test_an_array_that_is_not_described_as_numpy_does_it_is_refused(how: str, tmp_path: Path) -> None:
    class Misdescribed:
        def __reduce__(self) -> object:
            return _MISDESCRIBED[how]

    path = tmp_path / "result.pkl"
    path.write_bytes(pickle.dumps(Misdescribed(), protocol=2))
    with pytest.raises(FormatError, match=r"result\.pkl: damaged, or no pickle of values and arrays \(an array"):
        read_pickle(path)


@pytest.mark.parametrize("values", [np.arange(3.0, dtype=">f4"), np.array(["a", "bcd"]), np.array(["a"], dtype=object)])
@pytest.mark.parametrize("protocol", range(6))
def test_arrays_as_numpy_describes_them_are_read(values: np.ndarray, protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "result.pkl"
    path.write_bytes(pickle.dumps(values, protocol=protocol))
    assert read_pickle(path).values.tolist() == values.tolist()
