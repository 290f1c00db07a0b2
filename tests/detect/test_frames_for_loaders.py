"""A ``DataLoader`` over stored sequences gives every frame once, whatever its workers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from scanyard.detect.frames import FrameDataset
from scanyard.errors import InputError
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Lidar, Rig
from scanyard.sequence import InMemorySequence, SequenceInfo
from scanyard.store import create_dataset, open_dataset, write_sequence

RIG = Rig("test", (Lidar("top", Transform.identity(), np.zeros(4), np.zeros(4), 100, 10.0, 1.0, 120.0),))


def info_named(name: str) -> SequenceInfo:
    return SequenceInfo(name, "synthetic", name, RIG, "CC0-1.0")


def frame_at(index: int) -> Frame:
    points = np.random.default_rng(index).normal(0, 30, (40 + index, 3))
    return Frame(index, Transform.identity(), {"top": Sweep(points)})


def as_tensors(frame: Frame, info: SequenceInfo) -> tuple[int, str, torch.Tensor]:
    return frame.timestamp_ns, info.name, torch.from_numpy(frame.sweeps["top"].points)


@pytest.fixture
def stored(tmp_path: Path) -> FrameDataset:
    create_dataset(tmp_path, name="test", licence="CC0-1.0")
    write_sequence(tmp_path, info_named("a"), [frame_at(index) for index in range(3)])
    write_sequence(tmp_path, info_named("b"), [frame_at(index) for index in range(3, 8)])
    return FrameDataset(list(open_dataset(tmp_path).sequences.values()), as_tensors)


@pytest.mark.parametrize(("workers", "method"), [(0, None), (2, "fork"), (2, "spawn")])
def test_every_frame_comes_once(workers: int, method: str | None, stored: FrameDataset) -> None:
    stored[0]  # opened here already, as a training script may: workers must not inherit anything that hurts
    loader = DataLoader(
        stored, batch_size=3, shuffle=True, num_workers=workers, multiprocessing_context=method, collate_fn=list
    )
    found = {time: (name, points) for batch in loader for time, name, points in batch}
    assert sorted(found) == list(range(8))
    for time, (name, points) in found.items():
        assert name == ("a" if time < 3 else "b")
        np.testing.assert_array_equal(points.numpy(), frame_at(time).sweeps["top"].points)


def test_numbers_run_through_all_sequences() -> None:
    sequences = [InMemorySequence(info_named("x"), [frame_at(0)]), InMemorySequence(info_named("y"), [frame_at(1)])]
    dataset = FrameDataset(sequences)
    assert [dataset[index].timestamp_ns for index in (0, 1, -1, -2)] == [0, 1, 1, 0]
    with pytest.raises(IndexError, match="frame 2 of 2"):
        dataset[2]
    with pytest.raises(InputError, match="no sequence"):
        FrameDataset([])
