"""A street small enough for tests: flat ground, cars as shells of points, a LiDAR and a camera where KITTI has them."""

import numpy as np

from scanyard.boxes import Boxes, corners
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import Domain, InMemorySequence, SequenceInfo

EGO_FROM_LIDAR = Transform.from_xyz_rpy([0.8, 0.0, 1.73])
RIG = Rig(
    "small",
    (Lidar("top", EGO_FROM_LIDAR, np.deg2rad(np.linspace(2, -24, 16)), np.zeros(16), 900, 10.0, 0.9, 120.0),),
    (Camera("left", Transform.from_xyz_rpy([1.1, 0.06, 1.65]), 620, 188, 360.0, (310.0, 90.0)),),
)


def street_frame(seed: int, *, image: bool = True, semantic: bool = True) -> Frame:
    """One frame with five cars ahead; everything follows from ``seed``."""
    rng = np.random.default_rng(seed)
    cars = _cars(rng)
    ground = np.c_[rng.uniform(2, 50, (6000, 1)), rng.uniform(-15, 15, (6000, 1)), rng.normal(0, 0.01, (6000, 1))]
    shells = [_shell(cars, index, rng) for index in range(len(cars))]
    points_ego = np.concatenate([ground, *shells])
    tag = np.concatenate([np.full(len(ground), 1), *(np.full(len(shell), 14) for shell in shells)])
    actor = np.concatenate([np.zeros(len(ground)), *(np.full(len(shell), i + 100) for i, shell in enumerate(shells))])
    sweep = Sweep(
        EGO_FROM_LIDAR.inverse().apply(points_ego).astype(np.float32),
        intensity=rng.uniform(0, 1, len(points_ego)).astype(np.float32),
        semantic=tag.astype(np.uint8) if semantic else None,
        instance=actor.astype(np.uint32) if semantic else None,
    )
    pictures = {"left": Image(rng.integers(0, 255, (188, 620, 3)).astype(np.uint8))} if image else {}
    return Frame(seed * 100_000_000, Transform.identity(), {"top": sweep}, pictures, boxes=cars)


def street(
    name: str, domain: Domain = "synthetic", *, drive: str = "", frames: int = 3, seed: int = 0, image: bool = True
) -> InMemorySequence:
    """A recording of such frames; a drive of its own unless told."""
    info = SequenceInfo(name, domain, drive or name, RIG, "CC0-1.0" if domain == "synthetic" else "CC-BY-NC-SA-3.0")
    simulated = domain != "real"
    return InMemorySequence(
        info, [street_frame(seed * 100 + index, image=image, semantic=simulated) for index in range(frames)]
    )


def _cars(rng: np.random.Generator) -> Boxes:
    n = 5
    center = np.c_[np.linspace(8, 32, n) + rng.uniform(-1, 1, n), rng.uniform(-3, 3, n), np.full(n, 0.78)]
    size = np.tile([4.1, 1.7, 1.56], (n, 1))
    boxes = Boxes(center, size, rng.uniform(-0.3, 0.3, n), np.full(n, "car"))
    pixels, _ = RIG.cameras[0].project(corners(boxes))
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    edge = np.array([619.0, 187.0])
    return boxes.replace(
        track=np.arange(n) + 100,
        num_points=np.full(n, 150),
        visibility=np.ones(n),
        truncation=np.zeros(n),
        occlusion=np.zeros(n, dtype=np.int64),
        velocity=np.zeros((n, 3)),
        image_box=np.c_[np.clip(low, 0, edge), np.clip(high, 0, edge)],
    )


def _shell(cars: Boxes, index: int, rng: np.random.Generator) -> np.ndarray:
    """150 points (M, 3) of the ego frame just inside one car's surface."""
    local = rng.uniform(-0.5, 0.5, (150, 3))
    side = rng.integers(0, 3, 150)
    local[np.arange(150), side] = np.where(rng.random(150) < 0.5, -0.48, 0.48)
    pose = Transform.from_xyz_rpy(cars.center[index], yaw=float(cars.yaw_rad[index]))
    return pose.apply(local * cars.size[index])
