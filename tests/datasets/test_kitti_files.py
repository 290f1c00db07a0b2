"""KITTI files mean what the benchmark says, come back digit for digit, and are refused when damaged."""

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kitti_files import CALIBRATION, DRIVES, LABELS, kitti_folder

from scanyard.boxes import Boxes
from scanyard.datasets import kitti
from scanyard.datasets.kitti import read_sequences, write_frames
from scanyard.datasets.kitti_calibration import Calibration, read_calibration
from scanyard.datasets.kitti_labels import boxes_from_rows, rows_from_boxes
from scanyard.datasets.kitti_origin import read_dataset, write_dataset, write_kitti_origin
from scanyard.datasets.kitti_tracking import read_tracking
from scanyard.datasets.origin import FrameNote, SequenceNote
from scanyard.errors import FormatError, StoreError
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import InMemorySequence, SensorSequence, SequenceInfo
from scanyard.store import create_dataset, open_sequence, write_sequence

UPRIGHT = Calibration(
    {
        "P2": (700.0, 0, 600, 0, 0, 700, 180, 0, 0, 0, 1, 0),
        "R0_rect": (1.0, 0, 0, 0, 1, 0, 0, 0, 1),
        "Tr_velo_to_cam": (0.0, -1, 0, 0, 0, 0, -1, -0.08, 1, 0, 0, -0.27),
    }
)
"""A camera that looks exactly forward."""


def row(x: float, y: float, z: float, ry: float) -> np.ndarray:
    return np.array([[0, 0, 0, 100, 100, 200, 200, 1.5, 1.6, 4.0, x, y, z, ry]])


def test_a_car_ahead_stands_where_it_is_seen_from_above() -> None:
    # 20 m before the camera, 3 m to its right, bottom 1.65 m below it, facing the way the camera looks
    boxes = boxes_from_rows(["car"], row(3.0, 1.65, 20.0, -np.pi / 2), UPRIGHT)
    np.testing.assert_allclose(boxes.center, [[0.76 + 0.27 + 20, -3.0, 1.73 - 0.08 - 1.65 + 0.75]], atol=1e-9)
    np.testing.assert_allclose(boxes.size, [[4.0, 1.6, 1.5]])
    np.testing.assert_allclose(boxes.yaw_rad, [0.0], atol=1e-9)


def test_rectification_comes_after_the_way_from_the_velodyne() -> None:
    # This rectification makes a camera that looks ahead look to the left.
    turned = Calibration({**UPRIGHT.values, "R0_rect": (0.0, 0, 1, 0, 1, 0, -1, 0, 0)})
    boxes = boxes_from_rows(["car"], row(0.0, 1.65, 20.0, -np.pi / 2), turned)
    np.testing.assert_allclose(boxes.center, [[0.76 + 0.27, 20.0, 0.75]], atol=1e-9)
    np.testing.assert_allclose(boxes.yaw_rad, [np.pi / 2], atol=1e-9)


def test_ry_turns_the_other_way_than_yaw() -> None:
    # ry = 0 faces right (the camera's x); a quarter more, -pi/2, faces ahead; a little more faces left of ahead
    boxes = boxes_from_rows(["Car"] * 2, np.concatenate([row(0, 1.6, 9, 0.0), row(0, 1.6, 9, -1.8)]), UPRIGHT)
    np.testing.assert_allclose(boxes.yaw_rad, [-np.pi / 2, 1.8 - np.pi / 2], atol=1e-9)


@given(st.floats(-40, 40), st.floats(-1, 3), st.floats(1, 70), st.floats(-3.14, 3.14), st.floats(-0.03, 0.03))
def test_rows_come_back_from_boxes_also_through_a_tilted_camera(
    x: float, y: float, z: float, ry: float, tilt: float
) -> None:
    tilted = Transform.from_xyz_rpy((0, 0, 0), roll=tilt, pitch=-tilt / 2, yaw=tilt).rotation
    calibration = Calibration({**UPRIGHT.values, "R0_rect": tuple(tilted.ravel())})
    bottom, found = rows_from_boxes(boxes_from_rows(["car"], row(x, y, z, ry), calibration), calibration)
    np.testing.assert_allclose(bottom, [[x, y, z]], atol=1e-9)
    np.testing.assert_allclose(found, [ry], atol=1e-9)


def test_labels_calibration_scan_and_image_come_back_byte_for_byte(tmp_path: Path) -> None:
    source = kitti_folder(tmp_path / "in") / "training"
    for sequence in read_sequences(source):
        write_frames(tmp_path / "out", sequence)
    for name in DRIVES:
        for file in (f"label_2/{name}.txt", f"calib/{name}.txt", f"velodyne/{name}.bin"):
            assert (tmp_path / "out" / file).read_bytes() == (source / file).read_bytes(), file
    first, second = (read_sequences(folder)[0] for folder in (source, tmp_path / "out"))
    found = next(frame for frame in second if frame.name == "000000")
    expected = next(frame for frame in first if frame.name == "000000")
    np.testing.assert_array_equal(found.images["left"].rgb, expected.images["left"].rgb)


def test_a_trip_through_the_store_loses_nothing(tmp_path: Path) -> None:
    source = kitti_folder(tmp_path / "in") / "training"
    create_dataset(tmp_path / "d", name="kitti", licence="CC-BY-NC-SA-3.0")
    for sequence in read_sequences(source):
        write_sequence(tmp_path / "d", sequence.info, sequence)
        write_frames(tmp_path / "out", open_sequence(tmp_path / "d", sequence.info.name))
    for name in DRIVES:
        for file in (f"label_2/{name}.txt", f"calib/{name}.txt", f"velodyne/{name}.bin"):
            assert (tmp_path / "out" / file).read_bytes() == (source / file).read_bytes(), file


def test_frames_are_grouped_by_drive_and_calibration_in_order_of_time(tmp_path: Path) -> None:
    root = kitti_folder(tmp_path)
    # the image of 000000 is 124×37: another rig than that of 000002
    names = {sequence.info.name: [frame.name for frame in sequence] for sequence in read_sequences(root)}
    assert names == {
        "training-drive_a-0": ["000000"],
        "training-drive_a-1": ["000002"],
        "training-drive_b": ["000001"],
    }
    (root / "training/image_2/000000.png").unlink()
    (a, b) = read_sequences(root)
    assert [frame.name for frame in a] == ["000002", "000000"]
    assert [frame.timestamp_ns for frame in a] == [400_000_000, 1_200_000_000]
    assert (a.info.drive, b.info.drive) == ("drive_a", "drive_b")
    assert (a.info.domain, a.info.licence) == ("real", "CC-BY-NC-SA-3.0")
    assert [sequence.info.drive for sequence in read_sequences(root, drives=["drive_b"])] == ["drive_b"]


def test_the_devkit_mapping_gives_the_drive_too(tmp_path: Path) -> None:
    root = kitti_folder(tmp_path)
    (root / "frames.csv").unlink()
    (root / "mapping").mkdir()
    (root / "mapping/train_rand.txt").write_text("3,1,2\n")
    lines = [f"2011_09_26 2011_09_26_drive_{drive} {raw:010d}\n" for drive, raw in (("x", 7), ("y", 8), ("x", 9))]
    (root / "mapping/train_mapping.txt").write_text("".join(lines))
    sequences = {sequence.info.drive: sequence for sequence in read_sequences(root)}
    names = {drive: [frame.name for frame in sequence] for drive, sequence in sequences.items()}
    assert names["2011_09_26_drive_y"] == ["000002"]
    assert sequences["2011_09_26_drive_y"][0].timestamp_ns == 800_000_000


def test_without_a_mapping_each_frame_is_a_drive_and_says_so(tmp_path: Path) -> None:
    root = kitti_folder(tmp_path)
    (root / "frames.csv").unlink()
    sequences = read_sequences(root)
    assert len({sequence.info.drive for sequence in sequences}) == 3
    assert "each frame" in sequences[0].info.provenance["drives_from"]


def test_cropping_keeps_what_the_camera_sees(tmp_path: Path) -> None:
    root = kitti_folder(tmp_path)
    (whole,), (cropped,) = (read_sequences(root, drives=["drive_b"], crop_to_image=crop) for crop in (False, True))
    rig = whole.info.rig
    ego = rig.lidar("top").ego_from_sensor.apply(whole[0].sweeps["top"].points)
    kept = rig.camera("left").sees(ego)
    assert 0 < kept.sum() < len(kept)
    np.testing.assert_array_equal(cropped[0].sweeps["top"].points, whole[0].sweeps["top"].points[kept])


DAMAGE = {
    "14 columns": ("label_2", LABELS.replace(" -1.57\n", "\n"), r"line 2: found 14 columns, expected 15"),
    "16 columns": ("label_2", LABELS.replace(" -1.57\n", " -1.57 0.9\n"), r"line 2: found 16 columns"),
    "empty line": ("label_2", LABELS.replace("\nCar", "\n\nCar"), r"line 2: found 0 columns"),
    "unknown class": ("label_2", LABELS.replace("Cyclist", "Zebra"), r"line 5: found class 'Zebra'"),
    "negative size": ("label_2", LABELS.replace("1.60 4.00", "-1.60 4.00"), r"line 2: height, width and length"),
    "nan": ("label_2", LABELS.replace("20.00", "nan"), r"line 2: found 'nan', expected a number"),
    "infinite": ("label_2", LABELS.replace("20.00", "-inf"), r"line 2: found '-inf'"),
    "no number": ("label_2", LABELS.replace("20.00", "20,00"), r"line 2: found '20,00', expected a number"),
    "truncation": ("label_2", LABELS.replace("0.12 3", "1.12 3"), r"line 3: truncation is 1.12"),
    "occlusion": ("label_2", LABELS.replace("0.12 3", "0.12 4"), r"line 3: occlusion is 4"),
    "turned image box": ("label_2", LABELS.replace("0.00 178.74", "99.00 178.74"), r"line 5: the image box"),
    "no text": ("label_2", "Car é", r"line 1: byte 0xc3 .* is not ascii text"),
    "missing key": ("calib", CALIBRATION.replace("R0_rect:", "P1:").replace("P2:", "P3:"), r"calib|line"),
    "no P2": ("calib", CALIBRATION.replace("P2:", "P3:"), r"has no P2"),
    "cut calibration": ("calib", CALIBRATION[: CALIBRATION.index("Tr_velo") + 40], r"line 4: Tr_velo_to_cam has"),
    "swapped": ("calib", CALIBRATION.replace("-1.000000000000e+00", "7.000000000000e+00"), r"no rotation"),
    "strange key": ("calib", "hello\n" + CALIBRATION, r"line 1: found 'hello'"),
    "nan in calibration": ("calib", CALIBRATION.replace("-2.7", "nan -2.7"), r"line 4"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_text_file_stops_the_import_before_it_begins(damage: str, tmp_path: Path) -> None:
    root = kitti_folder(tmp_path)
    folder, text, complaint = DAMAGE[damage]
    file = root / "training" / folder / "000002.txt"
    assert text != file.read_text()
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=complaint) as raised:
        read_sequences(root)
    assert "000002.txt" in str(raised.value)


def test_a_cut_scan_stops_the_import_before_it_begins(tmp_path: Path) -> None:
    root = kitti_folder(tmp_path)
    scan = root / "training/velodyne/000001.bin"
    scan.write_bytes(scan.read_bytes()[:-7])
    with pytest.raises(FormatError, match=r"000001\.bin: has 3193 bytes, not a multiple of 16"):
        read_sequences(root)


@pytest.mark.parametrize("file", ["calib/000001.txt", "label_2/000001.txt"])
def test_a_missing_file_stops_the_import_before_it_begins(file: str, tmp_path: Path) -> None:
    root = kitti_folder(tmp_path)
    (root / "training" / file).unlink()
    with pytest.raises(FormatError, match=rf"{file}: is missing"):
        read_sequences(root)


def test_a_scan_with_nan_leaves_no_sequence_in_the_store(tmp_path: Path) -> None:
    root = kitti_folder(tmp_path / "in")
    scan = root / "training/velodyne/000001.bin"
    values = np.fromfile(scan, dtype=np.float32)
    values[41] = np.nan
    values.tofile(scan)
    (sequence,) = read_sequences(root, drives=["drive_b"])
    create_dataset(tmp_path / "d", name="kitti", licence="CC-BY-NC-SA-3.0")
    with pytest.raises(FormatError, match=r"000001\.bin: point 10"):
        write_sequence(tmp_path / "d", sequence.info, sequence)
    assert not list((tmp_path / "d/sequences").iterdir())


@pytest.mark.parametrize("place", ["", "empty", "nowhere"])
def test_a_folder_in_another_layout_is_a_format_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "empty/velodyne").mkdir(parents=True)
    with pytest.raises(FormatError, match=r"velodyne|no such folder"):
        read_sequences(tmp_path / place)


def test_a_recording_of_ours_is_written_as_kitti_and_read_back(tmp_path: Path) -> None:
    lidar = Lidar("top", Transform.from_xyz_rpy((0.76, 0, 1.73)), np.zeros(4), np.zeros(4), 100, 10.0, 1.0, 120.0)
    camera = Camera("left", Transform.from_xyz_rpy((1.03, 0.06, 1.65)), 1242, 375, 721.5, (609.5, 173.0))
    boxes = Boxes(
        center=np.array([[20.0, 3.0, 0.8], [15.0, -2.0, 0.9], [-9.0, 0.0, 0.8]]),
        size=np.array([[4.2, 1.7, 1.6], [0.6, 0.5, 1.8], [4.0, 1.8, 1.5]]),
        yaw_rad=np.array([0.3, -2.0, 1.0]),
        category=np.array(["car", "pedestrian", "bus"]),
        truncation=np.array([0.0, 0.25, 1.0]),
        occlusion=np.array([0, 2, 0]),
        image_box=np.array([[400.0, 150.0, 500.0, 210.0], [650, 140, 680, 230], [0, 0, 0, 0]]),
    )
    frame = Frame(0, Transform.identity(), {"top": Sweep(np.ones((5, 3)))}, boxes=boxes, dont_care=np.ones((1, 4)))
    info = SequenceInfo("walk", "synthetic", "w", Rig("ours", (lidar,), (camera,)), "CC0-1.0")
    write_frames(tmp_path / "training", InMemorySequence(info, [frame]))
    (sequence,) = read_sequences(tmp_path)
    found = sequence[0].boxes
    assert found is not None
    assert found.category.tolist() == ["car", "pedestrian"]  # the bus is behind the camera: KITTI does not label it
    np.testing.assert_allclose(found.center, boxes.center[:2], atol=0.011)
    np.testing.assert_allclose(found.yaw_rad, boxes.yaw_rad[:2], atol=0.006)
    np.testing.assert_allclose(found.size, boxes.size[:2], atol=0.006)
    assert sequence[0].dont_care is not None
    assert len(sequence[0].dont_care) == 1
    assert read_calibration(tmp_path / "training/calib/000000.txt").camera(1242, 375).focal_px == 721.5


def test_labels_stand_in_the_scan_whatever_the_lidar_is_mounted_on(tmp_path: Path) -> None:
    lidar = Lidar(
        "roof", Transform.from_xyz_rpy((1.9, 0.3, 2.4), yaw=0.1), np.zeros(4), np.zeros(4), 100, 10.0, 1.0, 99.0
    )
    camera = Camera("left", Transform.from_xyz_rpy((2.0, 0.2, 1.5)), 1242, 375, 721.5, (609.5, 173.0))
    middle = np.array([[20.0, 3.0, 0.8]])
    boxes = Boxes(middle, np.array([[4.2, 1.7, 1.6]]), np.array([0.3]), np.array(["car"]), image_box=[[1, 2, 30, 40]])
    frame = Frame(0, Transform.identity(), {"roof": Sweep(lidar.ego_from_sensor.inverse().apply(middle))}, boxes=boxes)
    info = SequenceInfo("walk", "synthetic", "w", Rig("truck", (lidar,), (camera,)), "CC0-1.0")
    write_frames(tmp_path / "training", InMemorySequence(info, [frame]))
    (sequence,) = read_sequences(tmp_path)
    back = sequence[0]
    assert back.boxes is not None
    point_ego = sequence.info.rig.lidars[0].ego_from_sensor.apply(back.sweeps["top"].points)
    np.testing.assert_allclose(back.boxes.center, point_ego, atol=0.011)  # KITTI prints centimetres


def test_a_category_without_a_kitti_class_is_refused(tmp_path: Path) -> None:
    (sequence, *_) = read_sequences(kitti_folder(tmp_path / "in"))
    frame = sequence[0]
    assert frame.boxes is not None
    strange = frame.replace(boxes=frame.boxes.replace(category=["unicorn"] * len(frame.boxes)))
    with pytest.raises(FormatError, match="unicorn"):
        write_frames(tmp_path / "out", InMemorySequence(sequence.info, [strange]))


@pytest.mark.parametrize("name", ["../../out", "/tmp/out", "a/b"])
def test_a_frame_is_written_nowhere_else(name: str, tmp_path: Path) -> None:
    (sequence, *_) = read_sequences(kitti_folder(tmp_path / "in"))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(StoreError, match="cannot be a file name"):
        write_frames(tmp_path / "a/b/out", InMemorySequence(sequence.info, [sequence[0].replace(name=name)]))
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before


def test_two_frames_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    (sequence, *_) = read_sequences(kitti_folder(tmp_path / "in"))
    with pytest.raises(FormatError, match="two frames '000000'"):
        write_frames(tmp_path / "out", InMemorySequence(sequence.info, [sequence[0], sequence[0]]))


def test_a_split_is_called_after_the_folder_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [sequence.info for sequence in read_sequences(kitti_folder(tmp_path))]
    monkeypatch.chdir(tmp_path / "training")
    assert [sequence.info.name for sequence in read_sequences(".")] == [info.name for info in expected]


def test_a_name_that_kitti_cannot_write_is_said(tmp_path: Path) -> None:
    (sequence, *_) = read_sequences(kitti_folder(tmp_path / "in"))
    with pytest.raises(FormatError, match=r"frames\.csv: .*état.* is not ASCII"):
        write_kitti_origin(tmp_path, [SequenceNote(sequence.info, (FrameNote.of("état", sequence[0]),))])


def exported(folder: Path) -> list[InMemorySequence]:
    """Two recordings in KITTI's layout that are in nothing like KITTI's; of the second nobody labelled a frame."""
    lidar = Lidar("top", Transform.from_xyz_rpy((0.95, 0.1, 1.9)), np.zeros(4), np.zeros(4), 100, 20.0, 1.0, 99.0)
    camera = Camera("front", Transform.from_xyz_rpy((1.2, 0.0, 1.5)), 640, 480, 500.0, (320.0, 240.0))
    boxes = Boxes([[10.0, 1.0, 0.8]], [[4.2, 1.7, 1.6]], [0.3], ["car"], image_box=[[1, 2, 30, 40]])
    rig, rows = Rig("van", (lidar,), (camera,)), np.arange(30, dtype=np.float32).reshape(10, 3)
    frames = [
        Frame(
            index * 50_000_000,
            Transform.from_xyz_rpy((2.0 * index, 0.5, 0.0), yaw=0.01 * index),
            {"top": Sweep(rows, intensity=np.full(10, 0.5))},
            images={"front": Image(np.full((480, 640, 3), index, dtype=np.uint8))},
            boxes=None if index == 1 else boxes,
            name=f"f{index}",
        )
        for index in range(3)
    ]
    sequences = [
        InMemorySequence(SequenceInfo("a", "synthetic", "d", rig, "unknown", {"seed": 7}), frames),
        InMemorySequence(
            SequenceInfo("b", "stand-in", "e", rig, "CC0-1.0"), [frame.replace(boxes=None) for frame in frames]
        ),
    ]
    write_dataset(folder, sequences)
    return sequences


def assert_as_exported(found: SensorSequence, expected: SensorSequence) -> None:
    for what in ("domain", "drive", "licence"):
        assert getattr(found.info, what) == getattr(expected.info, what)
    assert found.info.rig.to_dict() == expected.info.rig.to_dict()
    for back, frame in zip(found, expected, strict=True):
        assert (back.name, back.timestamp_ns) == (frame.name, frame.timestamp_ns)
        np.testing.assert_array_equal(back.world_from_ego.matrix, frame.world_from_ego.matrix)
        np.testing.assert_array_equal(back.sweeps["top"].points, frame.sweeps["top"].points)
        np.testing.assert_array_equal(back.images["front"].rgb, frame.images["front"].rgb)
        assert (back.boxes is None) == (frame.boxes is None)
        if frame.boxes is not None and back.boxes is not None:
            np.testing.assert_allclose(back.boxes.center, frame.boxes.center, atol=0.011)  # KITTI prints centimetres
            np.testing.assert_allclose(back.boxes.yaw_rad, frame.boxes.yaw_rad, atol=0.006)


def test_an_export_comes_back_with_its_rig_times_poses_and_frames_without_labels(tmp_path: Path) -> None:
    expected = exported(tmp_path / "k")
    found = read_dataset(tmp_path / "k")
    assert [sequence.info.name for sequence in found] == ["a-d", "b-e"]
    for back, sequence in zip(found, expected, strict=True):
        assert_as_exported(back, sequence)


def test_what_came_back_can_be_exported_again(tmp_path: Path) -> None:
    expected = exported(tmp_path / "k")
    write_dataset(tmp_path / "again", read_dataset(tmp_path / "k"))
    for back, sequence in zip(read_dataset(tmp_path / "again"), expected, strict=True):
        assert_as_exported(back, sequence)
    labels = [(tmp_path / folder / "label_2/f0.txt").read_text() for folder in ("k/a", "again/a-d")]
    assert labels[0] == labels[1]


def test_one_folder_of_an_export_is_no_other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = exported(tmp_path / "k")
    (found,) = read_dataset(tmp_path / "k/a")
    assert_as_exported(found, expected[0])
    monkeypatch.chdir(tmp_path / "k/a")
    (found,) = read_dataset(Path())
    assert_as_exported(found, expected[0])


def test_an_export_that_was_cut_off_or_mixed_is_not_read_as_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "there")

    with monkeypatch.context() as patched:
        patched.setattr(kitti, "write_scan", full)
        with pytest.raises(StoreError, match="No space left"):
            exported(tmp_path / "cut")
    for read in (tmp_path / "cut", tmp_path / "cut/a"):
        with pytest.raises(FormatError, match="did not come to its end"):
            read_dataset(read)
    with pytest.raises(StoreError, match="holds an export that did not come to its end"):
        exported(tmp_path / "cut")
    exported(tmp_path / "k")
    with pytest.raises(StoreError, match="an export needs an empty or new folder"):
        exported(tmp_path / "k")
    scan = tmp_path / "k/a/velodyne/f1.bin"
    scan.rename(scan.with_name("f9.bin"))
    with pytest.raises(FormatError, match="frame f1 is missing"):
        read_dataset(tmp_path / "k")
    scan.with_name("f9.bin").rename(scan)
    scan.with_name("g.bin").write_bytes(scan.read_bytes())
    with pytest.raises(FormatError, match="frame g is none of those that were exported"):
        read_dataset(tmp_path / "k")


def test_a_tracking_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    scans = tmp_path / "velodyne/0000"
    scans.mkdir(parents=True)
    for name in ("000000", "notes"):
        (scans / f"{name}.bin").write_bytes(b"")
    with pytest.raises(FormatError, match=r"notes\.bin: is no scan"):
        read_tracking(tmp_path, "0000")
