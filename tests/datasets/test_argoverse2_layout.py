"""Argoverse 2's sensor layout: the way back, the vehicle frame on the axle, the original's lasers and categories."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from exchanged import CAMERA, LIDAR, TURNED_LIDAR, assert_same_boxes, recording, seeds
from hypothesis import given, settings

from scanyard.boxes import Boxes
from scanyard.datasets.argoverse2 import read_sequences, read_sweeps
from scanyard.datasets.argoverse2_layout import (
    AXLE_HEIGHT_M,
    POSE_COLUMNS,
    RING_OF_LASER,
    VLP32C_ELEVATION_DEG,
    pose_of,
    pose_rows,
    roof_lidar,
)
from scanyard.datasets.argoverse2_write import cameras_of, write_dataset
from scanyard.datasets.classes import ARGOVERSE2_OF_CATEGORY, CATEGORY_OF_ARGOVERSE2
from scanyard.datasets.extras import EXTRAS
from scanyard.datasets.feather import read_table, write_table
from scanyard.errors import FormatError
from scanyard.frame import Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import InMemorySequence

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'scanyard[argoverse2]'")
COLUMNS = ("track", "num_points", "visibility", "truncation", "occlusion", "velocity", "image_box")
TURNED = Rig("turned", (TURNED_LIDAR,), (CAMERA,))


@settings(max_examples=12, deadline=None)
@given(seeds)
def test_what_goes_out_comes_back(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    root = tmp_path_factory.mktemp("a") / "out"
    expected = [
        recording(seed, rig=TURNED, lean=0.1, categories=sorted(ARGOVERSE2_OF_CATEGORY), name="a.b"),
        recording(seed + 1, frames=2, name="c"),
    ]
    write_dataset(root, expected, val_drives=["drive-of-c"])
    assert (root / "val/c/annotations.feather").is_file()
    found = read_sequences(root)
    assert [sequence.info.name for sequence in found] == ["a.b", "c"]
    for ours, theirs in zip(expected, found, strict=True):
        assert theirs.info.rig.to_dict() == ours.info.rig.to_dict()
        assert (theirs.info.drive, theirs.info.domain, theirs.info.licence) == (
            ours.info.drive, ours.info.domain, ours.info.licence
        )  # fmt: skip
        for frame, back in zip(ours, theirs, strict=True):
            assert (back.name, back.timestamp_ns) == (frame.name, frame.timestamp_ns)
            np.testing.assert_allclose(back.world_from_ego.matrix, frame.world_from_ego.matrix, atol=1e-9)
            assert_same_boxes(back.boxes, frame.boxes, columns=COLUMNS, atol=1e-9)
            for column in ("points", "ring", "intensity"):
                found_column, expected_column = (
                    getattr(back.sweeps["top"], column),
                    getattr(frame.sweeps["top"], column),
                )
                np.testing.assert_array_equal(found_column, expected_column, err_msg=column)
            assert back.sweeps["top"].time_offset_ns is None
            assert back.images["left"].rgb.shape == frame.images["left"].rgb.shape


def test_the_vehicle_frame_is_on_the_axle(tmp_path: Path) -> None:
    """What lies on the ground below our ego is a wheel's radius below Argoverse's."""
    base = recording(1, frames=1, rig=TURNED)
    ego = np.array([[5.0, 2.0, 0.0], [0.0, 0.0, AXLE_HEIGHT_M]])
    sweep = Sweep(TURNED_LIDAR.ego_from_sensor.inverse().apply(ego), ring=[0, 1])
    boxes = Boxes([[10.0, 2.0, 0.75]], [[4.0, 2.0, 1.5]], [np.pi / 2], ["car"])
    frame = base.frames[0].replace(sweeps={"top": sweep}, boxes=boxes)
    write_dataset(tmp_path, [InMemorySequence(base.info, [frame])])
    log = tmp_path / "train/walk"
    points = read_table(next((log / "sensors/lidar").iterdir()), ["x"])
    np.testing.assert_allclose([points[axis][0] for axis in "xyz"], [5, 2, -AXLE_HEIGHT_M], atol=1e-5)
    np.testing.assert_allclose([points[axis][1] for axis in "xyz"], [0, 0, 0], atol=1e-5)
    box = read_table(log / "annotations.feather", ["tx_m"])
    assert [box[name][0] for name in ("tx_m", "ty_m", "tz_m")] == pytest.approx([10, 2, 0.75 - AXLE_HEIGHT_M])
    assert [box[name][0] for name in ("length_m", "width_m", "height_m")] == [4.0, 2.0, 1.5]
    assert [box[name][0] for name in ("qw", "qz")] == pytest.approx([np.sqrt(0.5), np.sqrt(0.5)])
    assert box["category"][0] == "REGULAR_VEHICLE"
    pose = read_table(log / "city_SE3_egovehicle.feather", ["tx_m"])
    axle_world = frame.world_from_ego.apply([0, 0, AXLE_HEIGHT_M])
    assert [pose[name][0] for name in ("tx_m", "ty_m", "tz_m")] == pytest.approx(axle_world.tolist())


def test_two_lidars_are_told_apart_by_laser(tmp_path: Path) -> None:
    rear = Lidar.from_dict({**LIDAR.to_dict(), "name": "rear", "ego_from_sensor": np.eye(4).tolist()})
    rig = Rig("two", (LIDAR, rear), ())
    base = recording(2, frames=1, rig=rig)
    sweeps = {
        "top": Sweep(np.ones((3, 3)), ring=[0, 5, 15], time_offset_ns=[1, 2, 3]),
        "rear": Sweep(np.full((2, 3), 7.0), ring=[3, 15], time_offset_ns=[4, 5]),
    }
    frame = base.frames[0].replace(sweeps=sweeps)
    write_dataset(tmp_path, [InMemorySequence(base.info, [frame])])
    (found,) = read_sequences(tmp_path)
    for name, sweep in found[0].sweeps.items():
        np.testing.assert_allclose(sweep.points, sweeps[name].points, atol=1e-6)
        np.testing.assert_array_equal(sweep.ring, sweeps[name].ring)
        np.testing.assert_array_equal(sweep.time_offset_ns, sweeps[name].time_offset_ns)
        assert sweep.intensity is None
    blind = {name: sweep.replace(ring=None) for name, sweep in sweeps.items()}
    with pytest.raises(FormatError, match="tells lidars apart by laser only"):
        write_dataset(tmp_path / "b", [InMemorySequence(base.info, [frame.replace(sweeps=blind)])])


def original_log(root: Path, sequence: InMemorySequence) -> Path:
    """An export with everything of ours taken out, and the two roof LiDARs of Argoverse's car."""
    write_dataset(root, [sequence])
    (root / "scanyard.json").unlink()
    log = root / "train" / sequence.info.name
    boxes = read_table(log / "annotations.feather", [])
    boxes.pop(EXTRAS)
    write_table(log / "annotations.feather", boxes)
    poses = [Transform.from_xyz_rpy((1.35, 0, 1.64)), Transform.from_xyz_rpy((1.35, 0, 1.53), roll=np.pi)]
    poses.append(Transform.from_xyz_rpy((1.6, 0, 1.4), roll=-np.pi / 2, yaw=-np.pi / 2))
    names = ["up_lidar", "down_lidar", "ring_front_center"]
    write_table(log / "calibration/egovehicle_SE3_sensor.feather", {"sensor_name": names, **pose_rows(poses)})
    return log


def test_a_log_of_the_original_is_read(tmp_path: Path) -> None:
    expected = recording(3, categories=("car", "cyclist", "bus"))
    frames = [expected.frames[0], expected.frames[1].replace(boxes=Boxes.empty()), expected.frames[2]]
    original_log(tmp_path, InMemorySequence(expected.info, frames))
    (found,) = read_sequences(tmp_path)
    assert (found.info.domain, found.info.licence) == ("real", "CC-BY-NC-SA-4.0")
    assert [lidar.name for lidar in found.info.rig.lidars] == ["up_lidar", "down_lidar"]
    np.testing.assert_allclose(found.info.rig.lidars[1].ego_from_sensor.translation, [1.35, 0, 1.53 + AXLE_HEIGHT_M])
    camera = found.info.rig.camera("ring_front_center")
    np.testing.assert_allclose(camera.ego_from_sensor.matrix[:3, :3], np.eye(3), atol=1e-9)
    for index, (frame, back) in enumerate(zip(frames, found, strict=True)):
        if index == 1:  # nothing annotated at that time: not labelled, rather than empty
            assert back.boxes is None
            continue
        assert_same_boxes(back.boxes, frame.boxes, atol=1e-9)
        np.testing.assert_allclose(back.world_from_ego.matrix, frame.world_from_ego.matrix, atol=1e-9)
    tracks = [
        set(frame.boxes.track.tolist()) for frame in found if frame.boxes is not None and frame.boxes.track is not None
    ]
    assert len(set.union(*tracks)) == sum(len(frame.boxes or ()) for frame in (frames[0], frames[2]))


def test_each_laser_of_the_original_becomes_the_ring_of_its_angle() -> None:
    """Fire every laser of both units at its own angle: rings must come back ordered from the highest beam."""
    up, down = Transform.from_xyz_rpy((1, 0, 2.0)), Transform.from_xyz_rpy((1, 0, 1.9), roll=np.pi)
    rig = Rig("roof", (roof_lidar("up_lidar", up), roof_lidar("down_lidar", down)))
    angle = np.deg2rad(VLP32C_ELEVATION_DEG)
    beams = 20 * np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
    in_vehicle = np.concatenate([lidar.ego_from_sensor.apply(beams) for lidar in rig.lidars]) - [0, 0, AXLE_HEIGHT_M]
    columns = {axis: in_vehicle[:, number].astype(np.float16) for number, axis in enumerate("xyz")}
    columns["laser_number"] = np.arange(64, dtype=np.uint8)
    for lidar in rig.lidars:
        sweep = read_sweeps(columns, rig, original=True)[lidar.name]
        measured = np.arctan2(sweep.points[:, 2], np.hypot(sweep.points[:, 0], sweep.points[:, 1]))
        assert sweep.ring is not None
        np.testing.assert_allclose(measured, lidar.elevation_rad[sweep.ring], atol=2e-3)  # the original's 16 bits
        assert sorted(sweep.ring.tolist()) == list(range(32))
    assert RING_OF_LASER[4] == 0  # 15 degrees
    assert RING_OF_LASER[31] == 31  # -25 degrees


def test_every_category_has_a_class_that_argoverse_knows() -> None:
    assert set(ARGOVERSE2_OF_CATEGORY.values()) <= set(CATEGORY_OF_ARGOVERSE2)
    assert len(CATEGORY_OF_ARGOVERSE2) == 30
    assert CATEGORY_OF_ARGOVERSE2["REGULAR_VEHICLE"] == "car"
    assert CATEGORY_OF_ARGOVERSE2["PEDESTRIAN"] == "pedestrian"


def test_lost_cargo_has_no_class_and_says_so(tmp_path: Path) -> None:
    base = recording(4, frames=1)
    boxes = Boxes([[10.0, 2.0, 0.75]], [[1.0, 1.0, 0.5]], [0.0], ["cargo"])
    with pytest.raises(FormatError, match=r"\['cargo'\] have no class in Argoverse 2"):
        write_dataset(tmp_path, [InMemorySequence(base.info, [base.frames[0].replace(boxes=boxes)])])


def test_frames_without_boxes_and_without_labels_stay_apart(tmp_path: Path) -> None:
    base = recording(5, frames=2)
    frames = [base.frames[0].replace(boxes=None), base.frames[1].replace(boxes=Boxes.empty())]
    write_dataset(tmp_path, [InMemorySequence(base.info, frames)])
    (found,) = read_sequences(tmp_path)
    assert found[0].boxes is None
    assert found[1].boxes is not None
    assert len(found[1].boxes) == 0


def test_a_split_or_log_of_an_export_is_no_original(tmp_path: Path) -> None:
    write_dataset(tmp_path / "out", [recording(4, frames=1)])
    (expected,) = read_sequences(tmp_path / "out")
    (log,) = (path.parent.parent for path in (tmp_path / "out").glob("**/sensors/lidar"))
    for folder in (log, log.parent):
        (found,) = read_sequences(folder)
        said = [(one.name, one.domain, one.licence, one.rig.to_dict()) for one in (found.info, expected.info)]
        assert said[0] == said[1]
    (tmp_path / "out/scanyard-unfinished").touch()
    with pytest.raises(FormatError, match="did not come to its end"):
        read_sequences(log)


def test_cameras_get_argoverses_names() -> None:
    side = Camera.from_dict({**CAMERA.to_dict(), "name": "ring_front_center"})
    assert cameras_of(Rig("r", (), (CAMERA, side))) == {
        "ring_front_center": "ring_front_center",
        "left": "ring_front_left",
    }
    many = tuple(Camera.from_dict({**CAMERA.to_dict(), "name": f"c{i}"}) for i in range(8))
    with pytest.raises(FormatError, match="8 cameras"):
        cameras_of(Rig("r", (), many))


def test_a_sequence_can_be_handed_to_another_process(tmp_path: Path) -> None:
    write_dataset(tmp_path, [recording(6)])
    (found,) = read_sequences(tmp_path)
    assert [frame.name for frame in pickle.loads(pickle.dumps(found))] == ["f0", "f1", "f2"]


def test_short_times_get_as_many_digits_as_the_original_has(tmp_path: Path) -> None:
    """av2 sorts files by name: 900 ms must not come after 1,000 ms."""
    base = recording(9, frames=2)
    frames = [base.frames[0].replace(timestamp_ns=900_000_000), base.frames[1].replace(timestamp_ns=1_000_000_000)]
    write_dataset(tmp_path, [InMemorySequence(base.info, frames)])
    names = sorted(path.stem for path in (tmp_path / "train/walk/sensors/lidar").iterdir())
    assert [len(name) for name in names] == [18, 18]
    assert int(names[1]) - int(names[0]) == 100_000_000
    (found,) = read_sequences(tmp_path)
    assert [frame.timestamp_ns for frame in found] == [900_000_000, 1_000_000_000]
    assert_same_boxes(found[1].boxes, frames[1].boxes)
    assert list(found[1].images) == ["left"]


def test_the_licence_lies_beside(tmp_path: Path) -> None:
    write_dataset(tmp_path, [recording(7, domain="real", licence="CC-BY-NC-SA-3.0")])
    assert json.loads((tmp_path / "scanyard.json").read_text())["non_commercial"] is True
    assert "Not for commercial use" in (tmp_path / "LICENCE.md").read_text()


@pytest.mark.parametrize("wrong", [[0, 0, 0, 0, 1, 2, 3], [2, 0, 0, 0, 1, 2, 3], [1, 0, 0, 0, np.nan, 2, 3]])
def test_what_is_no_pose_is_refused(wrong: list[float]) -> None:
    columns = {name: np.array([value], dtype=float) for name, value in zip(POSE_COLUMNS, wrong, strict=True)}
    with pytest.raises(FormatError, match="row 0: "):
        pose_of(columns, 0)


@pytest.mark.parametrize(
    ("name", "values", "complaint"),
    [
        ("laser_number", [np.nan, 1.0], "laser_number is float64"),
        ("offset_ns", [0.5, 1.0], "offset_ns is float64"),
        ("intensity", [np.nan, 1.0], "intensities that are not finite"),
        ("x", [np.inf, 1.0], "points that are not finite"),
    ],
)
def test_a_damaged_sweep_is_refused(name: str, values: list[float], complaint: str) -> None:
    columns = {axis: np.zeros(2) for axis in "xyz"} | {name: np.array(values)}
    with pytest.raises(FormatError, match=complaint):
        read_sweeps(columns, TURNED, original=False)


def test_damaged_tables_are_named(tmp_path: Path) -> None:
    log = original_log(tmp_path, recording(8, frames=1))
    (log / "annotations.feather").write_bytes(b"no table")
    with pytest.raises(FormatError, match=r"annotations\.feather: is no Feather table"):
        read_sequences(tmp_path)
    write_table(log / "annotations.feather", {"tx_m": np.zeros(1)})
    with pytest.raises(FormatError, match=r"annotations\.feather: has no columns"):
        read_sequences(tmp_path)
    (log / "annotations.feather").unlink()
    (log / "city_SE3_egovehicle.feather").unlink()
    with pytest.raises(FormatError, match=r"city_SE3_egovehicle\.feather: is missing"):
        read_sequences(tmp_path)
    with pytest.raises(FormatError, match="holds no LOG/sensors/lidar"):
        read_sequences(tmp_path / "nowhere")
