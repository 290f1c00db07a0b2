"""A street as one clean LiDAR turn: flat ground, a far wall, two cars; every return has an instance of its own."""

import numpy as np

from scanyard.boxes import Boxes, points_inside
from scanyard.frame import Frame, Image, Sweep, points_ego
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig

EGO_FROM_LIDAR = Transform.from_xyz_rpy([0.8, 0.0, 1.73])
ELEVATION = np.deg2rad(np.linspace(3, -24, 16))
LIDAR = Lidar("top", EGO_FROM_LIDAR, ELEVATION, np.linspace(0.2, 0.1, 16), 720, 10.0, 1.0, 80.0)
CAMERA = Camera("left", Transform.from_xyz_rpy([1.1, 0.06, 1.65]), 620, 188, 360.0, (310.0, 90.0))
RIG = Rig("small", (LIDAR,), (CAMERA,))

CARS = Boxes(
    center=np.array([[9.0, 3.0, 0.75], [16.0, -3.0, 0.75]]),
    size=np.tile([4.0, 1.8, 1.5], (2, 1)),
    yaw_rad=np.zeros(2),
    category=np.array(["car", "car"]),
    truncation=np.zeros(2),
    occlusion=np.zeros(2),
    image_box=np.array([[10.0, 20.0, 90.0, 80.0], [350.0, 60.0, 420.0, 100.0]]),
)
WALL_M = 60.0


def street_sweep() -> Sweep:
    """First returns of a turn: down to the ground, level to the wall, the highest beams to the sky."""
    column = np.arange(LIDAR.firings_per_turn)
    azimuth = np.pi - 2 * np.pi * (column + 0.5) / len(column)
    ring, azimuth = (grid.ravel() for grid in np.meshgrid(np.arange(LIDAR.channels), azimuth, indexing="ij"))
    rise = np.tan(LIDAR.elevation_rad)[ring]
    height = LIDAR.z_offset_m[ring]
    to_ground = (EGO_FROM_LIDAR.translation[2] + height) / np.maximum(-rise, 1e-9)
    reach = np.minimum(to_ground, WALL_M)
    points = np.stack([reach * np.cos(azimuth), reach * np.sin(azimuth), height + reach * rise], axis=-1)
    rng = np.random.default_rng(0)
    intensity = rng.choice([0.02, 0.1, 0.25, 0.5, 0.9], len(points))
    hidden = points_inside(CARS, EGO_FROM_LIDAR.apply(points), margin_m=0.1).any(axis=0)
    returned = (rise < np.tan(np.deg2rad(1.5))) & ~hidden
    points, ring, intensity = points[returned], ring[returned], intensity[returned]
    cars = np.concatenate([_shell(index, rng) for index in range(len(CARS))])
    points = np.concatenate([points, cars]).astype(np.float32)
    return Sweep(
        points,
        intensity=np.concatenate([intensity, np.round(rng.uniform(0, 0.6, len(cars)), 1)]),
        ring=np.concatenate([ring, np.full(len(cars), 12)]),
        time_offset_ns=np.zeros(len(points)),
        semantic=np.concatenate([np.ones(len(ring)), np.full(len(cars), 14)]),
        instance=np.arange(1, len(points) + 1),
    )


def street_frame(index: int = 0) -> Frame:
    """One labelled frame of that street."""
    return Frame(
        index * 100_000_000,
        Transform.identity(),
        {"top": street_sweep()},
        {"left": Image(np.zeros((188, 620, 3), dtype=np.uint8))},
        boxes=CARS,
        dont_care=np.zeros((0, 4)),
        name=f"{index:06d}",
    )


def on_cars(sweep: Sweep) -> np.ndarray:
    """Which returns (M,) lie in a car's box."""
    return np.asarray(points_inside(CARS, points_ego(sweep, EGO_FROM_LIDAR)).any(axis=0))


def _shell(index: int, rng: np.random.Generator) -> np.ndarray:
    local = rng.uniform(-0.5, 0.5, (120, 3))
    side = rng.integers(0, 3, 120)
    local[np.arange(120), side] = np.where(rng.random(120) < 0.5, -0.48, 0.48)
    ego = CARS.center[index] + local * CARS.size[index]
    return EGO_FROM_LIDAR.inverse().apply(ego)
