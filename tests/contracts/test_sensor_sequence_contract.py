"""What every ``SensorSequence`` must do; one subclass for each implementation."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from scanyard.boxes import Boxes
from scanyard.datasets import argoverse2, argoverse2_write, mmdet3d, nuscenes, nuscenes_write, openpcdet
from scanyard.datasets.kitti import read_sequences, write_frames
from scanyard.datasets.kitti_tracking import read_tracking
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import InMemorySequence, PickedFrames, SensorSequence, SequenceInfo
from scanyard.store import create_dataset, open_sequence, write_sequence

RIG = Rig(
    "r",
    (Lidar("top", Transform.identity(), np.zeros(2), np.zeros(2), 10, 10.0, 1.0, 80.0),),
    (Camera("left", Transform.identity(), 1242, 375, 700.0, (600.0, 180.0)),),
)
INFO = SequenceInfo("walk", "stand-in", "world-7", RIG, "CC0-1.0", {"seed": 7})


def walk() -> list[Frame]:
    """Four frames, with values that KITTI's two digits can hold."""
    rng = np.random.default_rng(0)
    return [
        Frame(
            timestamp_ns=index * 100_000_000,
            world_from_ego=Transform.identity(),
            sweeps={"top": Sweep(rng.normal(size=(index + 2, 3)), intensity=rng.random(index + 2))},
            boxes=Boxes(
                center=np.array([[10.0 + index, 1.0, 0.5], [20.0, -2.0, 0.5]]),
                size=np.array([[4.0, 2.0, 1.5], [0.75, 0.5, 2.0]]),
                yaw_rad=np.zeros(2),
                category=np.array(["car", "pedestrian"]),
                truncation=np.zeros(2),
                occlusion=np.zeros(2),
                image_box=np.array([[1.0, 2.0, 30.0, 40.0], [5.0, 6.0, 70.0, 80.0]]),
            ),
            dont_care=np.array([[0.0, 1.0, 2.0, 3.0]] * index).reshape(-1, 4),
            name=f"{index:06d}",
        )
        for index in range(4)
    ]


class SensorSequenceContract:
    """Subclass it, and give ``sequence``: the recording ``walk()``."""

    intensity_rtol = 0.0

    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        raise NotImplementedError

    def test_says_what_is_true_of_the_whole_recording(self, sequence: SensorSequence) -> None:
        info = sequence.info
        assert info.name
        assert info.drive
        assert info.licence
        assert info.domain in ("synthetic", "real", "stand-in")
        assert Rig.from_dict(json.loads(json.dumps(info.rig.to_dict()))).to_dict() == info.rig.to_dict()
        assert json.loads(json.dumps(dict(info.provenance))) == dict(info.provenance)

    def test_has_a_length_and_every_index_below_it(self, sequence: SensorSequence) -> None:
        assert len(sequence) == 4
        assert [sequence[index].name for index in range(4)] == ["000000", "000001", "000002", "000003"]
        assert sequence[-1].name == "000003"

    def test_iterates_in_order_and_more_than_once(self, sequence: SensorSequence) -> None:
        for _ in range(2):
            assert [frame.timestamp_ns for frame in sequence] == [0, 100_000_000, 200_000_000, 300_000_000]

    def test_an_index_beyond_the_end_is_an_index_error(self, sequence: SensorSequence) -> None:
        with pytest.raises(IndexError):
            sequence[4]

    def test_every_frame_has_the_sensors_of_the_rig(self, sequence: SensorSequence) -> None:
        rig = sequence.info.rig
        for frame in sequence:
            assert set(frame.sweeps) == {lidar.name for lidar in rig.lidars}
            assert set(frame.images) <= {camera.name for camera in rig.cameras}

    def test_reads_what_was_recorded_every_time(self, sequence: SensorSequence) -> None:
        for index, expected in enumerate(walk()):
            for _ in range(2):
                found = sequence[index]
                np.testing.assert_array_equal(found.sweeps["top"].points, expected.sweeps["top"].points)
                np.testing.assert_allclose(
                    found.sweeps["top"].intensity, expected.sweeps["top"].intensity, rtol=self.intensity_rtol, atol=0
                )
                assert found.boxes is not None
                assert expected.boxes is not None
                np.testing.assert_array_equal(found.boxes.size, expected.boxes.size)
                np.testing.assert_allclose(found.boxes.yaw_rad, expected.boxes.yaw_rad, atol=0.01)
                assert found.boxes.category.tolist() == expected.boxes.category.tolist()
                np.testing.assert_array_equal(found.dont_care, expected.dont_care)

    def test_a_column_nobody_knows_is_none(self, sequence: SensorSequence) -> None:
        frame = sequence[0]
        assert frame.sweeps["top"].ring is None
        assert frame.boxes is not None
        assert frame.boxes.velocity is None
        assert frame.boxes.score is None

    def test_can_be_handed_to_another_process(self, sequence: SensorSequence) -> None:
        copied = pickle.loads(pickle.dumps(sequence))
        assert [frame.name for frame in copied] == [frame.name for frame in sequence]


class TestInMemorySequence(SensorSequenceContract):
    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        return InMemorySequence(INFO, walk())


class TestPickedFrames(SensorSequenceContract):
    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        frames = walk()
        return PickedFrames(InMemorySequence(INFO, [frames[0], *frames]), (0, 2, 3, 4))


class TestStoredSequence(SensorSequenceContract):
    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        create_dataset(tmp_path / "d", name="d", licence="CC0-1.0")
        write_sequence(tmp_path / "d", INFO, walk())
        return open_sequence(tmp_path / "d", "walk")


class TestKittiSequence(SensorSequenceContract):
    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        write_frames(tmp_path / "training", InMemorySequence(INFO, walk()))
        rows = [f"training,{frame.name},a,{index}\n" for index, frame in enumerate(walk())]
        (tmp_path / "frames.csv").write_text("subset,id,drive,raw_frame\n" + "".join(rows))
        (found,) = read_sequences(tmp_path)
        return found


class TestKittiTrackingSequence(SensorSequenceContract):
    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        write_frames(tmp_path / "object", InMemorySequence(INFO, walk()))
        for folder in ("velodyne", "label_02", "calib"):
            (tmp_path / folder).mkdir()
        (tmp_path / "object/velodyne").rename(tmp_path / "velodyne/0000")
        (tmp_path / "object/calib/000000.txt").rename(tmp_path / "calib/0000.txt")
        lines = [
            f"{int(path.stem)} {track} {line}\n"
            for path in sorted((tmp_path / "object/label_2").iterdir())
            for track, line in enumerate(path.read_text().splitlines())
        ]
        (tmp_path / "label_02/0000.txt").write_text("".join(lines))
        return read_tracking(tmp_path, "0000")


class TestNuScenesSequence(SensorSequenceContract):
    intensity_rtol = 1e-7  # 32 bits of 0 to 255 are not 32 bits of 0 to 1

    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        nuscenes_write.write_dataset(tmp_path / "out", [InMemorySequence(INFO, walk())])
        (found,) = nuscenes.read_sequences(tmp_path / "out")
        return found


class TestArgoverse2Sequence(SensorSequenceContract):
    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'scanyard[argoverse2]'")
        argoverse2_write.write_dataset(tmp_path / "out", [InMemorySequence(INFO, walk())])
        (found,) = argoverse2.read_sequences(tmp_path / "out")
        return found


class TestOpenPcdetSequence(SensorSequenceContract):
    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        openpcdet.write_dataset(tmp_path / "out", [InMemorySequence(INFO, walk())])
        (found,) = openpcdet.read_sequences(tmp_path / "out")
        return found


class TestMmdet3dSequence(SensorSequenceContract):
    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        mmdet3d.write_dataset(tmp_path / "out", [InMemorySequence(INFO, walk())])
        (found,) = mmdet3d.read_sequences(tmp_path / "out")
        return found
