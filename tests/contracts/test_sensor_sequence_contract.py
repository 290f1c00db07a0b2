"""What every ``SensorSequence`` must do; one subclass for each implementation."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from scanyard.boxes import Boxes
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Lidar, Rig
from scanyard.sequence import InMemorySequence, SensorSequence, SequenceInfo
from scanyard.store import create_dataset, open_sequence, write_sequence

RIG = Rig("r", (Lidar("top", Transform.identity(), np.zeros(2), np.zeros(2), 10, 10.0, 1.0, 80.0),))
INFO = SequenceInfo("walk", "stand-in", "world-7", RIG, "CC0-1.0", {"seed": 7})


def walk() -> list[Frame]:
    rng = np.random.default_rng(0)
    return [
        Frame(
            timestamp_ns=index * 100,
            world_from_ego=Transform.from_xyz_rpy((index, 0, 0)),
            sweeps={"top": Sweep(rng.normal(size=(index + 2, 3)))},
            boxes=Boxes(rng.normal(size=(2, 3)), np.ones((2, 3)), np.zeros(2), np.array(["car", "van"])),
            name=str(index),
        )
        for index in range(4)
    ]


class SensorSequenceContract:
    """Subclass it, and give ``sequence``: the recording ``walk()`` under ``INFO``."""

    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        raise NotImplementedError

    def test_says_what_is_true_of_the_whole_recording(self, sequence: SensorSequence) -> None:
        found = sequence.info
        assert (found.name, found.domain, found.drive, found.licence) == ("walk", "stand-in", "world-7", "CC0-1.0")
        assert found.rig.to_dict() == RIG.to_dict()
        assert dict(found.provenance) == {"seed": 7}

    def test_has_a_length_and_every_index_below_it(self, sequence: SensorSequence) -> None:
        assert len(sequence) == 4
        assert [sequence[index].name for index in range(4)] == ["0", "1", "2", "3"]

    def test_iterates_in_order_and_more_than_once(self, sequence: SensorSequence) -> None:
        for _ in range(2):
            assert [frame.timestamp_ns for frame in sequence] == [0, 100, 200, 300]

    def test_an_index_beyond_the_end_is_an_index_error(self, sequence: SensorSequence) -> None:
        with pytest.raises(IndexError):
            sequence[4]

    def test_reads_the_same_frame_every_time(self, sequence: SensorSequence) -> None:
        for index, expected in enumerate(walk()):
            for _ in range(2):
                found = sequence[index]
                np.testing.assert_array_equal(found.sweeps["top"].points, expected.sweeps["top"].points)
                np.testing.assert_array_equal(found.world_from_ego.matrix, expected.world_from_ego.matrix)
                assert found.boxes is not None
                assert expected.boxes is not None
                np.testing.assert_array_equal(found.boxes.center, expected.boxes.center)
                assert found.boxes.category.tolist() == expected.boxes.category.tolist()

    def test_a_column_nobody_knows_is_none(self, sequence: SensorSequence) -> None:
        frame = sequence[0]
        assert frame.sweeps["top"].intensity is None
        assert frame.boxes is not None
        assert frame.boxes.track is None
        assert frame.dont_care is None

    def test_can_be_handed_to_another_process(self, sequence: SensorSequence) -> None:
        copied = pickle.loads(pickle.dumps(sequence))
        assert [frame.name for frame in copied] == [frame.name for frame in sequence]


class TestInMemorySequence(SensorSequenceContract):
    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        return InMemorySequence(INFO, walk())


class TestStoredSequence(SensorSequenceContract):
    @pytest.fixture
    def sequence(self, tmp_path: Path) -> SensorSequence:
        create_dataset(tmp_path / "d", name="d", licence="CC0-1.0")
        write_sequence(tmp_path / "d", INFO, walk())
        return open_sequence(tmp_path / "d", "walk")
