"""OpenPCDet's and MMDetection3D's layouts: the way back, and what a loader that follows their documentation would see.

Neither project can be installed here.  The loaders below do what their documentation and public sources say they do:
which file is read, how a box's seven numbers are meant, where its origin is.
"""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from exchanged import CAMERA, LIDAR, TURNED_LIDAR, assert_same_boxes, recording, seeds
from hypothesis import given, settings

from scanyard.boxes import Boxes, corners, points_inside
from scanyard.datasets import mmdet3d, openpcdet
from scanyard.datasets.classes import VOCABULARY
from scanyard.datasets.levelled import level_from_ego
from scanyard.errors import FormatError, StoreError
from scanyard.frame import Sweep, points_ego
from scanyard.sensors import Rig
from scanyard.sequence import InMemorySequence

LAYOUTS = pytest.mark.parametrize("layout", [openpcdet, mmdet3d], ids=["openpcdet", "mmdet3d"])
TURNED = Rig("turned", (TURNED_LIDAR,), (CAMERA,))


@dataclass(frozen=True)
class Seen:
    """What a detector is trained on: one frame."""

    points: np.ndarray
    corners: np.ndarray
    """(N, 8, 3), front first, in the order of ``signs`` below."""
    names: list[str]


def corners_of(rows: np.ndarray, origin_z: float) -> np.ndarray:
    """Corners (N, 8, 3) of x, y, z, dx, dy, dz, heading; ``origin_z`` is where z is, from 0 at the bottom to 1."""
    signs = np.array([[x, y, z] for z in (0, 1) for x, y in ((1, 1), (0, 1), (0, 0), (1, 0))], dtype=float)
    local = (signs - [0.5, 0.5, origin_z]) * rows[:, None, 3:6]
    cos, sin = np.cos(rows[:, 6]), np.sin(rows[:, 6])
    zero, one = np.zeros(len(rows)), np.ones(len(rows))
    # a heading of a quarter turn points along y
    turn = np.array([[cos, sin, zero], [-sin, cos, zero], [zero, zero, one]]).transpose(2, 0, 1)
    return np.einsum("nki,nij->nkj", local, turn) + rows[:, None, :3]


def load_openpcdet(root: Path, subset: str) -> list[Seen]:
    seen = []
    for idx in (root / "ImageSets" / f"{subset}.txt").read_text().splitlines():
        lines = [line.split(" ") for line in (root / "labels" / f"{idx}.txt").read_text().splitlines()]
        rows = np.array([words[:-1] for words in lines], dtype=np.float64)
        points = np.load(root / "points" / f"{idx}.npy")
        assert rows[:, :7].shape == (len(lines), 7)  # fails for an empty file, as OpenPCDet does
        seen.append(Seen(points, corners_of(rows, 0.5), [words[-1] for words in lines]))
    return seen


def load_mmdet3d(root: Path, subset: str) -> list[Seen]:
    info_file = pickle.loads((root / f"custom_infos_{subset}.pkl").read_bytes())
    assert {"categories", "info_version"} <= set(info_file["metainfo"])
    names = {label: name for name, label in info_file["metainfo"]["categories"].items()}
    seen = []
    for info in info_file["data_list"]:
        path = root / "points" / info["lidar_points"]["lidar_path"]
        points = np.fromfile(path, dtype=np.float32).reshape(-1, info["lidar_points"]["num_pts_feats"])
        rows = np.array([one["bbox_3d"] for one in info["instances"]]).reshape(-1, 7)
        labels = [names[one["bbox_label_3d"]] for one in info["instances"]]
        seen.append(Seen(points, corners_of(rows, 0.0), labels))
    return seen


LOADERS: dict[str, Callable[[Path, str], list[Seen]]] = {"openpcdet": load_openpcdet, "mmdet3d": load_mmdet3d}


@LAYOUTS
@settings(max_examples=12, deadline=None)
@given(seed=seeds)
def test_what_goes_out_comes_back(layout: ModuleType, tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    root = tmp_path_factory.mktemp("x") / "out"
    expected = [
        recording(seed, rig=TURNED, lean=0.1, categories=sorted(VOCABULARY), name="a"),
        recording(seed + 1, frames=2, name="b"),
    ]
    layout.write_dataset(root, expected, val_drives=["drive-of-b"])
    found = layout.read_sequences(root)
    assert [sequence.info.name for sequence in found] == ["a", "b"]
    for ours, theirs in zip(expected, found, strict=True):
        assert theirs.info.rig.to_dict() == ours.info.rig.to_dict()
        assert (theirs.info.drive, theirs.info.domain, theirs.info.licence) == (
            ours.info.drive, ours.info.domain, ours.info.licence
        )  # fmt: skip
        for frame, back in zip(ours, theirs, strict=True):
            assert (back.name, back.timestamp_ns) == (frame.name, frame.timestamp_ns)
            np.testing.assert_array_equal(back.world_from_ego.matrix, frame.world_from_ego.matrix)
            assert_same_boxes(back.boxes, frame.boxes)
            np.testing.assert_allclose(back.sweeps["top"].points, frame.sweeps["top"].points, atol=2e-5)
            np.testing.assert_array_equal(back.sweeps["top"].intensity, frame.sweeps["top"].intensity)


@pytest.mark.parametrize("path", ["../stray.bin", "/stray.bin"])
def test_infos_lead_to_no_file_outside_their_folder(path: str, tmp_path: Path) -> None:
    mmdet3d.write_dataset(tmp_path, [recording(3, rig=TURNED, name="a")])
    infos = tmp_path / "custom_infos_train.pkl"
    body = pickle.loads(infos.read_bytes())
    body["data_list"][0]["lidar_points"]["lidar_path"] = path
    infos.write_bytes(pickle.dumps(body))
    with pytest.raises(StoreError, match=f"file '{path}'"):
        mmdet3d.read_sequences(tmp_path)


def test_two_clouds_of_one_name_are_not_taken_for_one(tmp_path: Path) -> None:
    mmdet3d.write_dataset(tmp_path, [recording(3, rig=TURNED, name="a")])
    (tmp_path / "scanyard.json").unlink()
    infos = tmp_path / "custom_infos_train.pkl"
    body = pickle.loads(infos.read_bytes())
    first, *_ = body["data_list"]
    name = first["lidar_points"]["lidar_path"]
    (tmp_path / "points/other").mkdir()
    (tmp_path / "points/other" / name).write_bytes((tmp_path / "points" / name).read_bytes())
    body["data_list"].append({**first, "lidar_points": {**first["lidar_points"], "lidar_path": f"other/{name}"}})
    infos.write_bytes(pickle.dumps(body))
    with pytest.raises(FormatError, match="have one name; give each cloud its own"):
        mmdet3d.read_sequences(tmp_path)


@LAYOUTS
def test_a_documented_loader_sees_our_boxes_where_they_are(layout: ModuleType, tmp_path: Path) -> None:
    sequences = [recording(1, rig=TURNED, lean=0.05, frames=6), recording(2, name="b", frames=4)]
    layout.write_dataset(tmp_path, sequences)
    seen = LOADERS[layout.LAYOUT](tmp_path, "train")
    frames = [(frame, sequence.info.rig) for sequence in sequences for frame in sequence]
    if layout is openpcdet:
        frames = [(frame, rig) for frame, rig in frames if frame.boxes is not None and len(frame.boxes)]
    assert len(seen) == len(frames) > 5
    for one, (frame, rig) in zip(seen, frames, strict=True):
        assert frame.boxes is not None
        level = level_from_ego(rig)
        np.testing.assert_allclose(one.corners, level.apply(corners(frame.boxes)), atol=1e-9)
        assert [name.lower() for name in one.names] == frame.boxes.category.tolist()
        cloud = level.apply(points_ego(frame.sweeps["top"], rig.lidars[0].ego_from_sensor))
        np.testing.assert_allclose(one.points[:, :3], cloud, atol=3e-5)


@LAYOUTS
def test_the_level_frame_is_the_lidars_place_with_the_egos_axes(layout: ModuleType, tmp_path: Path) -> None:
    """A point 10 m ahead of a LiDAR that looks to the side is at x = 10, and the ground is at minus its height."""
    ego = np.array([[10.9, 0.0, 1.8], [0.9, 0.0, 0.0], [0.9, 5.0, 1.8]])
    points = TURNED_LIDAR.ego_from_sensor.inverse().apply(ego)
    base = recording(3, rig=TURNED, frames=1)
    boxes = Boxes([[10.9, 0.0, 1.0]], [[4.0, 2.0, 1.5]], [0.5], ["car"])
    frame = base.frames[0].replace(sweeps={"top": Sweep(points)}, boxes=boxes)
    layout.write_dataset(tmp_path, [InMemorySequence(base.info, [frame])])
    (seen,) = LOADERS[layout.LAYOUT](tmp_path, "train")
    np.testing.assert_allclose(seen.points[:, :3], [[10, 0, 0], [0, 0, -1.8], [0, 5, 0]], atol=1e-5)
    np.testing.assert_allclose(seen.corners.mean(axis=1), [[10.0, 0.0, -0.8]])
    front = seen.corners[0, [0, 3, 4, 7]].mean(axis=0)
    np.testing.assert_allclose(front, [10 + 2 * np.cos(0.5), 2 * np.sin(0.5), -0.8])


def test_mmdet3d_numbers_are_bottoms_and_openpcdets_are_centres(tmp_path: Path) -> None:
    base = recording(4, frames=1)
    boxes = Boxes([[10.8, 2.1, 2.5]], [[4.0, 2.0, 1.5]], [0.5], ["person_sitting"])
    sequence = InMemorySequence(base.info, [base.frames[0].replace(boxes=boxes)])
    openpcdet.write_dataset(tmp_path / "o", [sequence])
    mmdet3d.write_dataset(tmp_path / "m", [sequence])
    words = (tmp_path / "o/labels/000000.txt").read_text().split()
    np.testing.assert_allclose([float(word) for word in words[:7]], [10, 2, 0.8, 4, 2, 1.5, 0.5])
    assert words[7] == "Person_sitting"
    (info,) = pickle.loads((tmp_path / "m/custom_infos_train.pkl").read_bytes())["data_list"]
    np.testing.assert_allclose(info["instances"][0]["bbox_3d"], [10, 2, 0.05, 4, 2, 1.5, 0.5])


def test_mmdet3d_cameras_project_where_ours_do(tmp_path: Path) -> None:
    sequence = recording(5, rig=TURNED, frames=1)
    mmdet3d.write_dataset(tmp_path, [sequence])
    (info,) = pickle.loads((tmp_path / "custom_infos_train.pkl").read_bytes())["data_list"]
    camera = info["images"]["CAM0"]
    assert (camera["height"], camera["width"]) == (24, 40)
    assert (tmp_path / "images" / camera["img_path"]).is_file()
    ego = np.array([[8.0, 1.0, 1.0], [20.0, -3.0, 2.0]])
    level = np.c_[level_from_ego(TURNED).apply(ego), np.ones(2)]
    through = level @ np.array(camera["lidar2cam"]).T @ np.array(camera["cam2img"]).T
    whole = level @ np.array(camera["lidar2img"]).T
    expected, depth = CAMERA.project(ego)
    for found in (through, whole):
        np.testing.assert_allclose(found[:, :2] / found[:, 2:3], expected, atol=1e-9)
        np.testing.assert_allclose(found[:, 2], depth, atol=1e-9)


@LAYOUTS
def test_a_points_box_holds_the_same_points_after_the_trip(layout: ModuleType, tmp_path: Path) -> None:
    base = recording(6, frames=1)
    rng = np.random.default_rng(0)
    boxes = Boxes([[12.0, -3.0, 1.0], [-8.0, 6.0, 0.7]], [[4.0, 2.0, 1.5], [0.8, 0.6, 1.7]], [0.7, -2.4], ["car"] * 2)
    cloud = rng.uniform([-14, -8, -1], [16, 10, 3], (20000, 3)) - LIDAR.ego_from_sensor.translation
    frame = base.frames[0].replace(boxes=boxes, sweeps={"top": Sweep(cloud)})
    layout.write_dataset(tmp_path, [InMemorySequence(base.info, [frame])])
    (back,) = layout.read_sequences(tmp_path)[0]
    assert back.boxes is not None
    before = points_inside(boxes, points_ego(frame.sweeps["top"], LIDAR.ego_from_sensor)).sum(axis=1)
    after = points_inside(back.boxes, points_ego(back.sweeps["top"], LIDAR.ego_from_sensor)).sum(axis=1)
    assert before.min() > 3
    np.testing.assert_array_equal(after, before)


@LAYOUTS
def test_sets_go_by_drive_and_unlabelled_frames_are_for_testing(layout: ModuleType, tmp_path: Path) -> None:
    a, b = recording(7, name="a", frames=2), recording(8, name="b", frames=2)
    car = Boxes([[12.0, -3.0, 1.0]], [[4.0, 2.0, 1.5]], [0.7], ["car"])
    a = InMemorySequence(a.info, [a.frames[0].replace(boxes=car), a.frames[1].replace(boxes=None)])
    b = InMemorySequence(b.info, [b.frames[0].replace(boxes=car), b.frames[1].replace(boxes=Boxes.empty())])
    layout.write_dataset(tmp_path, [a, b], val_drives=["drive-of-b"])
    sets = {path.stem: path.read_text().split() for path in (tmp_path / "ImageSets").iterdir()}
    empty = "test" if layout is openpcdet else "val"  # OpenPCDet fails on a frame without boxes
    expected = {"train": ["000000"], "val": ["000002"], "test": ["000001"]}
    expected[empty] = [*expected[empty], "000003"]
    assert sets == expected
    first, second = layout.read_sequences(tmp_path)
    assert [frame.boxes is None for frame in first] == [False, True]
    assert [len(frame.boxes or ()) for frame in second] == [1, 0]
    assert second[1].boxes is not None
    with pytest.raises(FormatError, match=r"validation drives \['nowhere'\]"):
        layout.write_dataset(tmp_path / "again", [a, b], val_drives=["nowhere"])


@LAYOUTS
def test_a_folder_of_somebody_else_is_read_with_what_the_caller_knows(layout: ModuleType, tmp_path: Path) -> None:
    sequence = recording(9, frames=3)
    layout.write_dataset(tmp_path, [sequence])
    (tmp_path / "scanyard.json").unlink()
    apart = layout.read_sequences(tmp_path)
    assert [one.info.drive for one in apart] == ["frame-000000", "frame-000001", "frame-000002"]
    assert {one.info.licence for one in apart} == {"unknown"}
    (together,) = layout.read_sequences(tmp_path, drive="d", licence="CC-BY-4.0", lidar_height_m=1.7)
    assert (together.info.drive, together.info.licence, together.info.domain) == ("d", "CC-BY-4.0", "real")
    for back, frame in zip(together, sequence, strict=True):
        assert back.boxes is not None
        assert frame.boxes is not None
        np.testing.assert_allclose(back.boxes.center[:, 2], frame.boxes.center[:, 2], atol=1e-9)


@LAYOUTS
def test_a_sequence_can_be_handed_to_another_process(layout: ModuleType, tmp_path: Path) -> None:
    layout.write_dataset(tmp_path, [recording(10)])
    (found,) = layout.read_sequences(tmp_path)
    assert [frame.name for frame in pickle.loads(pickle.dumps(found))] == ["f0", "f1", "f2"]


@LAYOUTS
def test_the_licence_and_the_convention_lie_beside(layout: ModuleType, tmp_path: Path) -> None:
    layout.write_dataset(tmp_path, [recording(11, domain="real", licence="CC-BY-NC-SA-3.0")])
    assert "Not for commercial use" in (tmp_path / "LICENCE.md").read_text()
    assert "x forward, y left, z up" in json.loads((tmp_path / "scanyard.json").read_text())["convention"]


@LAYOUTS
def test_strange_categories_and_full_folders_are_refused(layout: ModuleType, tmp_path: Path) -> None:
    sequence = recording(12, frames=1)
    boxes = Boxes([[12.0, -3.0, 1.0]], [[4.0, 2.0, 1.5]], [0.7], ["unicorn"])
    with pytest.raises(FormatError, match="unicorn"):
        layout.write_dataset(
            tmp_path / "a", [InMemorySequence(sequence.info, [sequence.frames[0].replace(boxes=boxes)])]
        )
    with pytest.raises(StoreError, match="needs an empty or new folder"):
        layout.write_dataset(tmp_path, [sequence])


LABEL_DAMAGE = {
    "seven columns": ("1 2 3 4 2 1.5 Car\n", "line 1: found 7 columns, expected 8"),
    "no number": ("1 2 3 4 2 1,5 0 Car\n", "line 1"),
    "not finite": ("1 2 nan 4 2 1.5 0 Car\n", "line 1: found 'nan'"),
    "no size": ("1 2 3 4 2 1.5 0 Car\n1 2 3 0 2 1.5 0 Car\n", "line 2: length, width and height"),
}


@pytest.mark.parametrize("damage", LABEL_DAMAGE)
def test_a_damaged_label_is_named(damage: str, tmp_path: Path) -> None:
    openpcdet.write_dataset(tmp_path, [recording(13, frames=1)])
    text, complaint = LABEL_DAMAGE[damage]
    (tmp_path / "labels/000000.txt").write_text(text)
    with pytest.raises(FormatError, match=complaint):
        openpcdet.read_sequences(tmp_path)


@pytest.mark.parametrize("cloud", [np.zeros((4, 3)), np.zeros(4), np.full((2, 4), np.nan)], ids=["3", "flat", "nan"])
def test_a_damaged_cloud_is_named(cloud: np.ndarray, tmp_path: Path) -> None:
    openpcdet.write_dataset(tmp_path, [recording(14, frames=1)])
    np.save(tmp_path / "points/000000.npy", cloud)
    with pytest.raises(FormatError, match=r"000000\.npy"):
        openpcdet.read_sequences(tmp_path)[0][0]


class Harmful:
    """What a pickle from somebody else could hold."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('ran')",)


def test_an_info_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    mmdet3d.write_dataset(tmp_path, [recording(15, frames=1)])
    (tmp_path / "custom_infos_train.pkl").write_bytes(pickle.dumps({"metainfo": Harmful()}))
    with pytest.raises(FormatError, match=r"custom_infos_train\.pkl: names builtins\.exec, .* nothing of it was run"):
        mmdet3d.read_sequences(tmp_path)


@pytest.mark.parametrize("body", [b"", b"garbage", pickle.dumps([1]), pickle.dumps({"metainfo": {}})])
def test_a_damaged_info_file_is_named(body: bytes, tmp_path: Path) -> None:
    mmdet3d.write_dataset(tmp_path, [recording(16, frames=1)])
    (tmp_path / "custom_infos_train.pkl").write_bytes(body)
    with pytest.raises(FormatError, match=r"custom_infos_train\.pkl"):
        mmdet3d.read_sequences(tmp_path)


def test_an_info_file_with_arrays_is_read(tmp_path: Path) -> None:
    """Other people's converters leave numpy values in their infos."""
    sequence = recording(17, frames=2)
    mmdet3d.write_dataset(tmp_path, [sequence])
    path = tmp_path / "custom_infos_train.pkl"
    body = pickle.loads(path.read_bytes())
    for info in body["data_list"]:
        for one in info["instances"]:
            one["bbox_3d"], one["bbox_label_3d"] = np.array(one["bbox_3d"]), np.int64(one["bbox_label_3d"])
    path.write_bytes(pickle.dumps(body))
    (found,) = mmdet3d.read_sequences(tmp_path)
    for back, frame in zip(found, sequence, strict=True):
        assert_same_boxes(back.boxes, frame.boxes)
