"""What is read is what was written, to the last bit."""

import multiprocessing
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_frames import (
    CAMERA,
    LIDAR,
    RIG,
    assert_same_frame,
    boxes_of,
    dataset_at,
    frame_at,
    frames,
    image_of,
    info_named,
    sweep_of,
)

from scanyard.boxes import Boxes
from scanyard.errors import DamagedError, StoreError
from scanyard.frame import Frame
from scanyard.geometry import Transform
from scanyard.sensors import Rig
from scanyard.store import open_dataset, open_sequence, write_sequence
from scanyard.store.array_reader import ArrayReader
from scanyard.store.array_writer import ArrayWriter

NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\"), max_size=8).filter(
    lambda name: name not in (".", "..")
)
"""What a frame may be called: what can be the name of a file."""


@st.composite
def recordings(draw: st.DrawFn) -> list[Frame]:
    """Frames that agree on their columns, with everything optional drawn."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    no_sweep = draw(st.sets(st.sampled_from(["intensity", "ring", "time_offset_ns", "semantic", "instance"])))
    no_boxes = draw(st.sets(st.sampled_from(["track", "visibility", "velocity"])))
    no_image = draw(st.sets(st.sampled_from(["depth_m", "semantic", "instance"])))
    recording = []
    for _ in range(draw(st.integers(1, 5))):
        sweep = sweep_of(rng, draw(st.integers(0, 30))).replace(**dict.fromkeys(no_sweep))
        if len(sweep) and draw(st.booleans()):
            sweep.points[0] = draw(st.sampled_from([np.nan, np.inf, -0.0, 1e-42]))
        boxes = boxes_of(rng, draw(st.integers(0, 4))).replace(**dict.fromkeys(no_boxes))
        image = image_of(rng)
        image = type(image)(**{**vars(image), **dict.fromkeys(no_image)})
        recording.append(
            Frame(
                timestamp_ns=draw(st.integers(-(2**63), 2**63 - 1)),
                world_from_ego=Transform(rng.normal(0, 1e3, (4, 4))),
                sweeps={"top": sweep},
                images=draw(st.sampled_from([{}, {"left": image}])),
                boxes=draw(st.sampled_from([None, boxes])),
                dont_care=draw(st.sampled_from([None, rng.normal(0, 300, (2, 4)), np.zeros((0, 4))])),
                name=draw(NAMES),
            )
        )
    return recording


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recordings())
def test_frames_come_back_equal(recording: list[Frame]) -> None:
    with TemporaryDirectory() as folder:
        root = dataset_at(Path(folder))
        write_sequence(root, info_named(), recording)
        stored = open_sequence(root, "walk-0001")
        assert len(stored) == len(recording)
        for found, expected in zip(stored, recording, strict=True):
            assert_same_frame(found, expected)


def test_rows_that_span_chunks_and_shards_come_back_equal(tmp_path: Path) -> None:
    # 37 does not divide 8 rows × 4 chunks, so sweeps begin and end everywhere in chunks and shards
    recording = frames(9, points=37)
    with ThreadPoolExecutor(1) as background:
        writer = ArrayWriter(
            tmp_path / "a", np.dtype("float32"), background, (3,), rows_per_chunk=8, chunks_per_shard=4
        )
        for frame in recording:
            writer.append(frame.sweeps["top"].points)
        reader = ArrayReader(tmp_path / "a", writer.close())
    assert len(writer.files) > 10
    every = np.concatenate([frame.sweeps["top"].points for frame in recording])
    for start, stop in [(0, 333), (31, 33), (32, 64), (5, 5), (63, 65), (300, 333), (333, 333)]:
        np.testing.assert_array_equal(reader.read(start, stop), every[start:stop])


def test_threads_that_read_ahead_end_with_the_iterator(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    recording = frames(9)
    write_sequence(root, info_named(), recording)
    before = threading.active_count()
    for found, expected in zip(open_sequence(root, "walk-0001"), recording[:4], strict=False):  # and leaves off
        assert_same_frame(found, expected)
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_frames_before_a_damaged_one_are_read(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    write_sequence(root, info_named(), frames(20))  # 16 images lie in one file
    stored = open_sequence(root, "walk-0001")
    (root / "sequences/walk-0001/camera/left/rgb/c.1.0.0.0").unlink()
    read = iter(stored)
    for expected in frames(16):
        assert_same_frame(next(read), expected)
    with pytest.raises(DamagedError, match="rgb"):
        next(read)


def test_info_and_rig_come_back(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    info = info_named(seed=3, scenario="child")
    write_sequence(root, info, frames())
    found = open_sequence(root, info.name).info
    assert found.rig.to_dict() == RIG.to_dict()
    assert (found.name, found.domain, found.drive, found.licence) == (info.name, info.domain, info.drive, info.licence)
    assert found.provenance == {"seed": 3, "scenario": "child"}


def test_boxes_without_frames_before_them_are_found_again(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    recording = [frame_at(0).replace(boxes=None), frame_at(1).replace(boxes=Boxes.empty()), frame_at(2)]
    write_sequence(root, info_named(), recording)
    stored = open_sequence(root, "walk-0001")
    assert stored[0].boxes is None
    assert stored[1].boxes is not None
    assert len(stored[1].boxes) == 0
    assert_same_frame(stored[2], recording[2])


def test_two_lidars_keep_apart(tmp_path: Path) -> None:
    second = type(LIDAR)(**{**vars(LIDAR), "name": "rear"})
    rng = np.random.default_rng(5)
    sweeps = {"top": sweep_of(rng, 5), "rear": sweep_of(rng, 8).replace(ring=None)}
    frame = frame_at(0, image=False).replace(sweeps=sweeps)
    root = dataset_at(tmp_path)
    write_sequence(root, info_named(rig=Rig("two", (LIDAR, second), (CAMERA,))), [frame])
    assert_same_frame(open_sequence(root, "walk-0001")[0], frame)


def test_frames_are_taken_one_at_a_time(tmp_path: Path) -> None:
    alive = []

    def recording() -> object:
        for index in range(4):
            alive.append(index)
            yield frame_at(index)

    seal = write_sequence(dataset_at(tmp_path), info_named(), recording())  # type: ignore[arg-type]
    assert seal.num_frames == len(alive) == 4


def test_negative_indices_count_from_the_end_and_others_raise(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    recording = frames(3)
    write_sequence(root, info_named(), recording)
    stored = open_sequence(root, "walk-0001")
    assert_same_frame(stored[-1], recording[2])
    with pytest.raises(IndexError, match="frame 3 of 3"):
        stored[3]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_stored_sequence_reads_in_another_process(tmp_path: Path, method: str) -> None:
    root = dataset_at(tmp_path)
    write_sequence(root, info_named(), frames())
    stored = open_sequence(root, "walk-0001")
    assert pickle.loads(pickle.dumps(stored)) == stored
    with multiprocessing.get_context(method).Pool(1) as pool:
        found = pool.map(stored.__getitem__, range(3))
    for frame, expected in zip(found, frames(), strict=True):
        assert_same_frame(frame, expected)


def test_a_dataset_knows_its_domain_and_names(tmp_path: Path) -> None:
    root = dataset_at(tmp_path)
    assert open_dataset(root).domain == "empty"
    for name in ("b", "a"):
        write_sequence(root, info_named(name), frames(1))
    dataset = open_dataset(root)
    assert list(dataset.sequences) == ["a", "b"]
    assert (dataset.name, dataset.licence, dataset.domain, dataset.num_frames) == ("test", "CC0-1.0", "synthetic", 2)


def test_a_folder_that_is_no_dataset_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"holds no dataset\.json"):
        open_dataset(tmp_path)
    with pytest.raises(StoreError, match="no such folder"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="no sequence 'x'; there are none"):
        open_sequence(dataset_at(tmp_path), "x")
