"""Small frames, infos and datasets for the store's tests, and what it means for two frames to be equal."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from scanyard.boxes import Boxes
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import SequenceInfo
from scanyard.store import create_dataset

LIDAR = Lidar("top", Transform.from_xyz_rpy((0.76, 0.0, 1.73)), np.zeros(4), np.zeros(4), 100, 10.0, 1.0, 120.0)
CAMERA = Camera("left", Transform.from_xyz_rpy((1.03, 0.06, 1.65)), 6, 4, 7.0, (3.0, 2.0))
RIG = Rig("test", (LIDAR,), (CAMERA,))


def info_named(name: str = "walk-0001", *, rig: Rig = RIG, **provenance: object) -> SequenceInfo:
    return SequenceInfo(name, "synthetic", "world-1", rig, "CC0-1.0", provenance)


def dataset_at(folder: Path) -> Path:
    create_dataset(folder, name="test", licence="CC0-1.0")
    return folder


def sweep_of(rng: np.random.Generator, count: int) -> Sweep:
    return Sweep(
        points=rng.normal(0, 30, (count, 3)),
        intensity=rng.random(count),
        ring=rng.integers(0, 64, count),
        time_offset_ns=rng.integers(-50_000_000, 50_000_000, count),
        semantic=rng.integers(0, 29, count),
        instance=rng.integers(0, 3000, count),
    )


def boxes_of(rng: np.random.Generator, count: int) -> Boxes:
    return Boxes(
        center=rng.normal(0, 20, (count, 3)),
        size=rng.uniform(0.5, 5, (count, 3)),
        yaw_rad=rng.uniform(-np.pi, np.pi, count),
        category=rng.choice(["car", "pedestrian", "person_sitting"], count),
        track=rng.integers(1, 100, count),
        visibility=rng.random(count),
        velocity=rng.normal(0, 3, (count, 3)),
    )


def image_of(rng: np.random.Generator) -> Image:
    return Image(
        rgb=rng.integers(0, 256, (4, 6, 3), dtype=np.uint8),
        depth_m=rng.uniform(1, 1000, (4, 6)).astype(np.float32),
        semantic=rng.integers(0, 29, (4, 6), dtype=np.uint8),
        instance=rng.integers(0, 65536, (4, 6), dtype=np.uint16),
    )


def frame_at(index: int, *, points: int = 50, boxes: int = 3, image: bool = True) -> Frame:
    rng = np.random.default_rng(index)
    return Frame(
        timestamp_ns=index * 100_000_000,
        world_from_ego=Transform.from_xyz_rpy(rng.normal(0, 50, 3), yaw=rng.uniform(-3, 3)),
        sweeps={"top": sweep_of(rng, points)},
        images={"left": image_of(rng)} if image else {},
        boxes=boxes_of(rng, boxes),
        dont_care=rng.uniform(0, 300, (index % 3, 4)),
        name=f"{index:06d}",
    )


def frames(count: int = 3, **options: int) -> list[Frame]:
    return [frame_at(index, **options) for index in range(count)]


def assert_same_frame(found: Frame, expected: Frame) -> None:
    """Equal in every stored value, to the last bit, and in which columns there are."""
    assert found.timestamp_ns == expected.timestamp_ns
    assert found.name == expected.name
    assert_same_array(found.world_from_ego.matrix, expected.world_from_ego.matrix, "world_from_ego")
    assert_same_array(found.dont_care, expected.dont_care, "dont_care")
    assert list(found.sweeps) == list(expected.sweeps)
    for name, sweep in expected.sweeps.items():
        assert_same_columns(found.sweeps[name], sweep, without="cos_incidence")
    assert list(found.images) == list(expected.images)
    for name, image in expected.images.items():
        assert_same_columns(found.images[name], image)
    assert (found.boxes is None) == (expected.boxes is None)
    if expected.boxes is not None and found.boxes is not None:
        if len(expected.boxes):
            assert_same_columns(found.boxes, expected.boxes)
        assert len(found.boxes) == len(expected.boxes)


def assert_same_columns(found: object, expected: object, *, without: str = "") -> None:
    for field in fields(expected):  # type: ignore[arg-type]
        if field.name != without:
            assert_same_array(getattr(found, field.name), getattr(expected, field.name), field.name)


def assert_same_array(found: np.ndarray | None, expected: np.ndarray | None, what: str) -> None:
    assert (found is None) == (expected is None), what
    if expected is not None and found is not None:
        assert found.shape == expected.shape, what
        assert found.dtype.kind == expected.dtype.kind, what
        if expected.dtype.kind == "U":
            assert found.tolist() == expected.tolist(), what
        else:
            assert found.dtype == expected.dtype, what
            assert found.tobytes() == expected.tobytes(), what
