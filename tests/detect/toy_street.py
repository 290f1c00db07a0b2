"""A street small enough to reason about: sloped ground, cars as boxes whose near faces and roof return points."""

from collections.abc import Sequence

import numpy as np

from scanyard.boxes import Boxes, points_inside
from scanyard.detect import Source, TrainRecipe
from scanyard.frame import Frame, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import InMemorySequence, SequenceInfo

EGO_FROM_LIDAR = Transform.from_xyz_rpy((0.8, 0.0, 1.73))
LIDAR = Lidar("top", EGO_FROM_LIDAR, np.zeros(2), np.zeros(2), 1800, 10.0, 1.0, 80.0)
CAMERA = Camera("left", Transform.from_xyz_rpy((1.0, 0.1, 1.65)), 1242, 375, 721.5, (609.6, 172.9))
RIG = Rig("toy", (LIDAR,), (CAMERA,))
RIG_WITHOUT_CAMERA = Rig("toy blind", (LIDAR,))

SMALL = TrainRecipe(steps=160, batch_size=2, area_m=(2.0, -12.8, 27.6, 12.8), learning_rate=4e-3, paste_boxes=0)
"""A quarter of the usual area, so that a step takes milliseconds."""


def cars(rows: Sequence[tuple[float, float, float]], category: str = "car") -> Boxes:
    """Cars at (x, y, yaw) standing on flat ground."""
    x, y, yaw = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    size = np.tile([4.0, 1.7, 1.5], (len(rows), 1))
    return Boxes(np.c_[x, y, np.full(len(rows), 0.75)], size, yaw, np.full(len(rows), category))


FOUR_CARS = cars([(10.0, 3.0, 0.5), (15.0, -4.0, -0.6), (20.0, 5.0, 1.3), (22.0, -1.0, 0.1)])


def street(boxes: Boxes = FOUR_CARS, *, seed: int = 0, slope: float = 0.0, name: str = "", points: int = 6000) -> Frame:
    """A frame of that street; ``slope`` lifts ground and boxes by that much per metre ahead."""
    rng = np.random.default_rng(seed)
    distance, angle = rng.uniform(4, 34, points), rng.uniform(-0.7, 0.7, points)
    ground = np.c_[distance * np.cos(angle), distance * np.sin(angle), rng.normal(0, 0.01, points)]
    ground = ground[~points_inside(boxes, ground, margin_m=0.3).any(axis=0)]
    cloud = np.concatenate([ground, *[_returns(boxes, i, rng) for i in range(len(boxes))]])
    cloud[:, 2] += slope * cloud[:, 0]
    center = boxes.center.copy()
    center[:, 2] += slope * center[:, 0]
    sweep = Sweep(EGO_FROM_LIDAR.inverse().apply(cloud).astype(np.float32))
    return Frame(0, Transform.identity(), {"top": sweep}, boxes=boxes.replace(center=center), name=name)


def _returns(boxes: Boxes, i: int, rng: np.random.Generator) -> np.ndarray:
    """Points (K, 3) just inside the two sides of a box that face the sensor, and its roof."""
    n = max(int(4000 / np.hypot(*boxes.center[i, :2])), 10)
    inside = rng.uniform(-0.49, 0.49, (n, 3))
    yaw = boxes.yaw_rad[i]
    cos, sin = np.cos(yaw), np.sin(yaw)
    view = np.array([[cos, sin], [-sin, cos]]) @ (EGO_FROM_LIDAR.translation[:2] - boxes.center[i, :2])
    face = rng.integers(0, 3, n)
    inside[face == 0, 0] = 0.49 * np.sign(view[0])
    inside[face == 1, 1] = 0.49 * np.sign(view[1])
    inside[face == 2, 2] = 0.49
    local = inside * boxes.size[i]
    turned = np.c_[cos * local[:, 0] - sin * local[:, 1], sin * local[:, 0] + cos * local[:, 1], local[:, 2]]
    return turned + boxes.center[i]


def recording(frames: Sequence[Frame], *, domain: str = "synthetic", rig: Rig = RIG) -> InMemorySequence:
    """The frames as a recording."""
    return InMemorySequence(SequenceInfo("toy", domain, "toy-drive", rig, "CC0-1.0"), list(frames))


def source(*frames: Frame, weight: float = 1.0, domain: str = "synthetic", rig: Rig = RIG) -> Source:
    """A source of one recording."""
    return Source((recording(frames, domain=domain, rig=rig),), weight)
