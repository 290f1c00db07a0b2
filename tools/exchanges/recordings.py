"""Recordings to hold against official packages: a made street, and real frames where ``../shared/real`` has them.

The street is drawn, not simulated: points are strewn in and around boxes, the ego leans and turns, one LiDAR looks to
the side.  Every box has points just inside and just outside each face, so that a wrong size, centre or heading counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from scanyard.boxes import Boxes
from scanyard.datasets import kitti
from scanyard.datasets.classes import without_categories
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import InMemorySequence, SensorSequence, SequenceInfo
from scanyard.store import open_dataset

REAL = Path("../shared/real/kitti")
CATEGORIES = ("car", "van", "truck", "bus", "pedestrian", "cyclist", "motorcyclist", "bicycle", "traffic_cone")
SPREAD = np.array([0.35, 0.49, 0.51, 0.65])
"""Shares of a side at which points lie: inside, just inside, just outside, outside."""
EGO_FROM_LIDAR = Transform.from_xyz_rpy((0.9, 0.0, 1.8), roll=0.01, pitch=-0.02, yaw=-1.57)
LIDAR = Lidar("top", EGO_FROM_LIDAR, np.deg2rad(np.linspace(10, -30, 32)), np.zeros(32), 1085, 20.0, 1.0, 100.0)
CAMERA = Camera("left", Transform.from_xyz_rpy((1.5, 0.0, 1.5)), 160, 90, 120.0, (80.5, 44.5))


def recordings(datasets: Sequence[Path] = (), *, without: Collection[str] = ()) -> list[SensorSequence]:
    """Two made drives, drives of real frames with an image, and all of ``datasets``; some categories left out."""
    found: list[SensorSequence] = [
        sequence for place in datasets for sequence in open_dataset(place).sequences.values()
    ]
    if REAL.is_dir():
        found += [sequence for sequence in kitti.read_sequences(REAL, "training") if sequence[0].images][:5]
    kept = [
        [one.replace(boxes=without_categories(one.boxes, without)) for one in sequence if one.boxes]
        for sequence in found
    ]
    made = [street(name, seed) for seed, name in enumerate(("made-a", "made-b"))]
    return [*made, *(InMemorySequence(s.info, frames) for s, frames in zip(found, kept, strict=True) if frames)]


def street(name: str, seed: int, frames: int = 6) -> InMemorySequence:
    rng = np.random.default_rng(seed)
    info = SequenceInfo(name, "synthetic", name, Rig("made", (LIDAR,), (CAMERA,)), "CC0-1.0", {"seed": seed})
    return InMemorySequence(info, [frame(rng, index) for index in range(frames)])


def frame(rng: np.random.Generator, index: int) -> Frame:
    roll, pitch = rng.uniform(-0.03, 0.03, 2)
    pose = Transform.from_xyz_rpy((400.0 + 4 * index, 900.0, 1.0), roll=roll, pitch=pitch, yaw=1.2 + 0.1 * index)
    boxes = cars(rng, 20)
    lidar_from_ego = EGO_FROM_LIDAR.inverse()
    points = lidar_from_ego.apply(np.concatenate([points_about(boxes, i, rng) for i in range(len(boxes))]))
    sweep = Sweep(points, intensity=rng.random(len(points)), ring=rng.integers(0, 32, len(points)))
    image = Image(rng.integers(0, 256, (90, 160, 3), dtype=np.uint8))
    return Frame(1_000_000_000_000 + index * 500_000_000, pose, {"top": sweep}, {"left": image}, boxes=boxes)


def cars(rng: np.random.Generator, count: int) -> Boxes:
    """Boxes on a grid, so that no point is near two of them; the same tracks in every frame."""
    grid = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 2)), axis=-1).reshape(-1, 2)[:count] * 18.0 + 6.0
    return Boxes(
        center=np.c_[grid, rng.uniform(-0.5, 1.5, count)],
        size=rng.uniform([1.0, 0.6, 0.8], [6.0, 2.4, 3.0], (count, 3)),
        yaw_rad=rng.uniform(-np.pi, np.pi, count),
        category=np.array([CATEGORIES[i % len(CATEGORIES)] for i in range(count)]),
        track=np.arange(count) + 100,
        visibility=rng.random(count),
        velocity=np.zeros((count, 3)),
    )


def points_about(boxes: Boxes, i: int, rng: np.random.Generator) -> np.ndarray:
    local = rng.uniform(-0.3, 0.3, (48, 3))
    local[np.arange(48), np.tile([0, 1, 2], 16)] = np.repeat([-1, 1], 24) * rng.choice(SPREAD, 48)
    return Transform.from_xyz_rpy(boxes.center[i], yaw=float(boxes.yaw_rad[i])).apply(local * boxes.size[i])
