"""nuScenes' layout: tables that hold together, conventions a reader of the original expects, and the way back."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchanged import CAMERA, LIDAR, RIG, TURNED_LIDAR, assert_same_boxes, recording, seeds
from hypothesis import given, settings
from pyquaternion import Quaternion

from scanyard.boxes import Boxes, corners
from scanyard.datasets.classes import CATEGORY_OF_NUSCENES, NUSCENES_OF_CATEGORY
from scanyard.datasets.extras import EXTRAS
from scanyard.datasets.nuscenes import read_sequences
from scanyard.datasets.nuscenes_tables import TABLES
from scanyard.datasets.nuscenes_write import DEFAULT_VERSION, channels_of, write_dataset
from scanyard.errors import FormatError, StoreError
from scanyard.geometry import Transform
from scanyard.sensors import Rig
from scanyard.sequence import InMemorySequence

COLUMNS = ("track", "num_points", "visibility", "truncation", "occlusion", "velocity", "image_box")
Row = dict[str, Any]


def tables_of(root: Path) -> dict[str, list[Row]]:
    return {name: json.loads((root / DEFAULT_VERSION / f"{name}.json").read_text()) for name in TABLES}


def forget_origin(root: Path) -> None:
    """Make an export of ours look like the original: no notes of ours anywhere."""
    (root / "scanyard.json").unlink()
    for name, rows in tables_of(root).items():
        for row in rows:
            row.pop(EXTRAS, None)
        (root / DEFAULT_VERSION / f"{name}.json").write_text(json.dumps(rows))


@settings(max_examples=12, deadline=None)
@given(seeds)
def test_what_goes_out_comes_back(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    root = tmp_path_factory.mktemp("n")
    rig = Rig("turned", (TURNED_LIDAR,), (CAMERA,))
    expected = recording(seed, rig=rig, lean=0.1, categories=sorted(NUSCENES_OF_CATEGORY))
    write_dataset(root, [expected])
    (found,) = read_sequences(root)
    assert found.info.rig.to_dict() == rig.to_dict()
    assert (found.info.name, found.info.drive, found.info.domain, found.info.licence, found.info.provenance) == (
        expected.info.name, expected.info.drive, expected.info.domain, expected.info.licence, expected.info.provenance
    )  # fmt: skip
    for ours, theirs in zip(expected, found, strict=True):
        assert (theirs.name, theirs.timestamp_ns) == (ours.name, ours.timestamp_ns)
        np.testing.assert_allclose(theirs.world_from_ego.matrix, ours.world_from_ego.matrix, atol=1e-12)
        assert_same_boxes(theirs.boxes, ours.boxes, columns=COLUMNS, atol=1e-9)
        np.testing.assert_array_equal(theirs.sweeps["top"].points, ours.sweeps["top"].points)
        np.testing.assert_array_equal(theirs.sweeps["top"].ring, ours.sweeps["top"].ring)
        np.testing.assert_allclose(theirs.sweeps["top"].intensity, ours.sweeps["top"].intensity, rtol=1e-6)
        np.testing.assert_array_equal(theirs.images["left"].rgb, ours.images["left"].rgb)


def test_a_reader_of_the_original_finds_the_same_boxes(tmp_path: Path) -> None:
    """Without our notes: the tables alone carry position, size, heading, rider and track."""
    expected = recording(3, lean=0.05, categories=("car", "cyclist", "bicycle", "person_sitting", "traffic_cone"))
    write_dataset(tmp_path, [expected])
    forget_origin(tmp_path)
    (found,) = read_sequences(tmp_path)
    assert (found.info.domain, found.info.licence) == ("real", "CC-BY-NC-SA-4.0")
    assert found.info.drive == expected.info.drive
    camera = found.info.rig.camera("CAM_FRONT")
    np.testing.assert_allclose(camera.ego_from_sensor.matrix, CAMERA.ego_from_sensor.matrix, atol=1e-9)
    assert (camera.focal_px, camera.center_px, camera.width_px) == (30.0, (20.5, 11.5), 40)
    for ours, theirs in zip(expected, found, strict=True):
        assert_same_boxes(theirs.boxes, ours.boxes, atol=1e-9)


def test_every_token_leads_somewhere_and_chains_are_whole(tmp_path: Path) -> None:
    sequences = [recording(1, name="a"), recording(2, frames=5, name="b")]
    write_dataset(tmp_path, sequences)
    tables = tables_of(tmp_path)
    tokens = {name: {row["token"] for row in rows} for name, rows in tables.items()}
    for name, rows in tables.items():
        assert len(tokens[name]) == len(rows), f"{name} repeats a token"
        for row in rows:
            for column, value in row.items():
                target = column.removesuffix("_token").removeprefix("first_").removeprefix("last_")
                target = {"annotation": "sample_annotation"}.get(target, target)
                if column.endswith("_token") and value:
                    assert value in tokens[target], (name, column)
    for name in ("sample", "sample_data", "sample_annotation"):
        by_token = {row["token"]: row for row in tables[name]}
        assert all(by_token[row["next"]]["prev"] == row["token"] for row in tables[name] if row["next"])
        assert all(by_token[row["prev"]]["next"] == row["token"] for row in tables[name] if row["prev"])
    assert [row["nbr_samples"] for row in tables["scene"]] == [3, 5]
    assert sum(row["nbr_annotations"] for row in tables["instance"]) == len(tables["sample_annotation"])
    assert all((tmp_path / row["filename"]).is_file() for row in tables["sample_data"] + tables["map"])


def test_sizes_are_width_first_and_boxes_stand_in_the_world(tmp_path: Path) -> None:
    sequence = recording(5, frames=1, categories=["car"])
    frame, one = sequence.frames[0], Boxes([[10.0, 2.0, 1.0]], [[4.0, 2.0, 1.5]], [0.5], ["car"])
    write_dataset(tmp_path, [InMemorySequence(sequence.info, [frame.replace(boxes=one)])])
    (row,) = tables_of(tmp_path)["sample_annotation"]
    assert row["size"] == [2.0, 4.0, 1.5]
    np.testing.assert_allclose(row["translation"], frame.world_from_ego.apply([10.0, 2.0, 1.0]))
    # the eight corners as nuScenes' devkit turns them, against ours
    local = np.array([[x, y, z] for x in (2, -2) for y in (1, -1) for z in (0.75, -0.75)], dtype=float)
    theirs = Quaternion(row["rotation"]).rotation_matrix @ local.T + np.array(row["translation"])[:, None]
    ours = frame.world_from_ego.apply(corners(one)[0])
    np.testing.assert_allclose(sorted(theirs.T.tolist()), sorted(ours.tolist()), atol=1e-9)


def test_rings_are_counted_from_below_and_intensity_goes_to_255(tmp_path: Path) -> None:
    sequence = recording(6, frames=1)
    write_dataset(tmp_path, [sequence])
    (scan,) = (tmp_path / "samples/LIDAR_TOP").iterdir()
    rows = np.fromfile(scan, dtype=np.float32).reshape(-1, 5)
    sweep = sequence.frames[0].sweeps["top"]
    assert sweep.ring is not None
    assert sweep.intensity is not None
    np.testing.assert_array_equal(rows[:, 4], LIDAR.channels - 1 - sweep.ring.astype(float))
    np.testing.assert_allclose(rows[:, 3], sweep.intensity * 255, rtol=1e-6)


def test_a_ring_nobody_knows_comes_back_as_none(tmp_path: Path) -> None:
    sequence = recording(7, frames=1)
    bare = sequence.frames[0].sweeps["top"].replace(ring=None)
    write_dataset(tmp_path, [InMemorySequence(sequence.info, [sequence.frames[0].replace(sweeps={"top": bare})])])
    (found,) = read_sequences(tmp_path)
    assert found[0].sweeps["top"].ring is None


def test_unlabelled_is_not_empty_and_columns_nobody_knows_stay_unknown(tmp_path: Path) -> None:
    sequence = recording(8, frames=3)
    boxes = Boxes([[10.0, 2.0, 1.0]], [[4.0, 2.0, 1.5]], [0.5], ["van"])
    frames = [
        sequence.frames[0].replace(boxes=None),
        sequence.frames[1].replace(boxes=Boxes.empty(), dont_care=np.ones((2, 4))),
        sequence.frames[2].replace(boxes=boxes),
    ]
    write_dataset(tmp_path, [InMemorySequence(sequence.info, frames)])
    (found,) = read_sequences(tmp_path)
    unlabelled, empty, labelled = found
    assert unlabelled.boxes is None
    assert empty.boxes is not None
    assert len(empty.boxes) == 0
    np.testing.assert_array_equal(empty.dont_care, np.ones((2, 4)))
    assert labelled.boxes is not None
    assert labelled.boxes.category.tolist() == ["van"]
    assert labelled.boxes.num_points is None  # counted for nuScenes, but nobody had said so
    assert labelled.boxes.track is None


def test_a_sequence_can_be_handed_to_another_process(tmp_path: Path) -> None:
    write_dataset(tmp_path, [recording(9)])
    (found,) = read_sequences(tmp_path)
    assert [frame.name for frame in pickle.loads(pickle.dumps(found))] == ["f0", "f1", "f2"]


def test_every_category_has_a_class_that_nuscenes_knows() -> None:
    assert set(NUSCENES_OF_CATEGORY.values()) <= set(CATEGORY_OF_NUSCENES)
    assert set(CATEGORY_OF_NUSCENES.values()) <= set(NUSCENES_OF_CATEGORY)
    assert len(CATEGORY_OF_NUSCENES) == 23


def test_a_category_without_a_class_is_refused(tmp_path: Path) -> None:
    sequence = recording(10, frames=1)
    boxes = Boxes([[10.0, 2.0, 1.0]], [[4.0, 2.0, 1.5]], [0.5], ["unicorn"])
    with pytest.raises(FormatError, match=r"\['unicorn'\] have no class in nuScenes.*--drop"):
        write_dataset(tmp_path, [InMemorySequence(sequence.info, [sequence.frames[0].replace(boxes=boxes)])])


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(StoreError, match=r"holds \['mine.txt'\]"):
        write_dataset(tmp_path, [recording()])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_two_frames_at_one_time_are_refused(tmp_path: Path) -> None:
    sequence = recording(11, frames=1)
    with pytest.raises(FormatError, match="two frames at"):
        write_dataset(tmp_path, [InMemorySequence(sequence.info, [sequence.frames[0], sequence.frames[0]])])


def test_channels_keep_nuscenes_names_and_never_collide() -> None:
    assert channels_of(RIG) == {"top": "LIDAR_TOP", "left": "CAM_FRONT"}
    back = LIDAR.from_dict({**LIDAR.to_dict(), "name": "LIDAR_TOP"})
    with pytest.raises(FormatError, match="rename one"):
        channels_of(Rig("two", (LIDAR, back)))


DAMAGE = {
    "no table": ("category", None, "is missing"),
    "no JSON": ("sample", "[{", "is no nuScenes table"),
    "no token": ("log", '[{"name": 1}]', "is no nuScenes table"),
    "no end": ("log", "[" * 100_000, "is no nuScenes table"),
    "a token that leads nowhere": ("ego_pose", "[]", "leads to ego_pose by ego_pose_token"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_tables_are_named(damage: str, tmp_path: Path) -> None:
    write_dataset(tmp_path, [recording(12)])
    table, text, complaint = DAMAGE[damage]
    path = tmp_path / DEFAULT_VERSION / f"{table}.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(FormatError, match=complaint):
        read_sequences(tmp_path)


@pytest.mark.parametrize("kind", ["samples/LIDAR_TOP", "samples/CAM"])
@pytest.mark.parametrize("lead", ["../", "/"])
def test_a_table_leads_to_no_file_outside_its_folder(kind: str, lead: str, tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", [recording(14, frames=1)])
    path = tmp_path / "d" / DEFAULT_VERSION / "sample_data.json"
    rows = json.loads(path.read_text())
    changed = [row for row in rows if row["filename"].startswith(kind)]
    for row in changed:
        row["filename"] = lead + row["filename"]
    assert changed
    path.write_text(json.dumps(rows))
    (found,) = read_sequences(tmp_path / "d")
    with pytest.raises(StoreError, match=r"d: file '.*samples/"):
        found[0]


def test_a_version_that_nobody_labelled_is_not_empty_of_things(tmp_path: Path) -> None:
    write_dataset(tmp_path, [recording(15, frames=2)])
    tables = tmp_path / DEFAULT_VERSION
    (tables / "sample_annotation.json").write_text("[]")
    samples = json.loads((tables / "sample.json").read_text())
    for row in samples:
        del row[EXTRAS]  # as in the original's test version
    (tables / "sample.json").write_text(json.dumps(samples))
    (found,) = read_sequences(tmp_path)
    assert [frame.boxes for frame in found] == [None, None]


def test_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path, [recording(16, frames=1)])
    path = tmp_path / DEFAULT_VERSION / "sample.json"
    (row,) = json.loads(path.read_text())
    del row[EXTRAS]
    path.write_text(json.dumps([row | {"timestamp": 10**30}]))
    (found,) = read_sequences(tmp_path)
    with pytest.raises(FormatError, match="which is no time"):
        found[0]


def test_a_cut_scan_and_a_ring_beyond_the_sensor_are_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path, [recording(13, frames=1)])
    (found,) = read_sequences(tmp_path)
    (scan,) = (tmp_path / "samples/LIDAR_TOP").iterdir()
    whole = scan.read_bytes()
    scan.write_bytes(whole[:-3])
    with pytest.raises(FormatError, match="it was cut"):
        found[0]
    scan.write_bytes(np.array([1, 2, 3, 4, 99], dtype=np.float32).tobytes())
    with pytest.raises(FormatError, match="rings 99 to 99, the lidar 16 beams"):
        found[0]


def test_no_folder_or_many_versions_are_said(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such folder"):
        read_sequences(tmp_path / "nowhere")
    with pytest.raises(FormatError, match=r"versions \[\]"):
        read_sequences(tmp_path)


def test_the_pose_of_an_ego_that_never_moved_is_kept(tmp_path: Path) -> None:
    sequence = recording(14, frames=1)
    write_dataset(
        tmp_path, [InMemorySequence(sequence.info, [sequence.frames[0].replace(world_from_ego=Transform.identity())])]
    )
    (found,) = read_sequences(tmp_path)
    np.testing.assert_array_equal(found[0].world_from_ego.matrix, np.eye(4))
