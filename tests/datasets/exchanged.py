"""Recordings that go out in a foreign layout and must come back: every column, a leaning ego, a turned LiDAR."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from scanyard.boxes import Boxes
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform, wrap_angle
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import Domain, InMemorySequence, SequenceInfo

BEAMS = 16
LIDAR = Lidar(
    "top", Transform.from_xyz_rpy((0.8, 0.1, 1.7)), np.deg2rad(np.linspace(5, -25, BEAMS)), np.zeros(BEAMS), 900, 10.0,
    0.9, 120.0,
)  # fmt: skip
TURNED_LIDAR = Lidar(
    "top", Transform.from_xyz_rpy((0.9, 0.0, 1.8), roll=0.02, pitch=-0.01, yaw=-1.57), LIDAR.elevation_rad,
    LIDAR.z_offset_m, 900, 10.0, 0.9, 120.0,
)  # fmt: skip
CAMERA = Camera("left", Transform.from_xyz_rpy((1.1, 0.06, 1.65), pitch=0.01), 40, 24, 30.0, (20.5, 11.5))
RIG = Rig("small", (LIDAR,), (CAMERA,))


def boxes_of(
    rng: np.random.Generator, count: int, categories: Sequence[str] = ("car", "pedestrian", "cyclist")
) -> Boxes:
    """Boxes with every column filled."""
    low = rng.uniform(0, 10, (count, 2))
    return Boxes(
        center=rng.uniform(-60, 60, (count, 3)) * [1, 1, 0.03],
        size=rng.uniform(0.3, 12, (count, 3)),
        yaw_rad=rng.uniform(-np.pi, np.pi, count),
        category=rng.choice(np.array(categories), count),
        track=rng.permutation(1000)[:count],
        num_points=rng.integers(0, 500, count),
        visibility=rng.random(count),
        truncation=rng.random(count),
        occlusion=rng.integers(0, 4, count),
        velocity=rng.normal(0, 4, (count, 3)),
        image_box=np.c_[low, low + rng.uniform(1, 10, (count, 2))],
    )


def recording(  # a test's knobs
    seed: int = 0,
    frames: int = 3,
    *,
    name: str = "walk",
    domain: Domain = "synthetic",
    licence: str = "CC0-1.0",
    rig: Rig = RIG,
    lean: float = 0.0,
    categories: Sequence[str] = ("car", "pedestrian", "cyclist"),
) -> InMemorySequence:
    """A drive along a curve; ``lean`` is the largest roll and pitch of the ego."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(frames):
        roll, pitch = rng.uniform(-lean, lean, 2)
        pose = Transform.from_xyz_rpy((100.0 + 3 * index, -7.0, 0.5), roll=roll, pitch=pitch, yaw=0.4 * index - 2)
        count = int(rng.integers(3, 60))
        sweep = Sweep(
            rng.normal(0, 20, (count, 3)),
            intensity=rng.random(count),
            ring=rng.integers(0, BEAMS, count),
        )
        images = {"left": Image(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8))} if rig.cameras else {}
        boxes = boxes_of(rng, int(rng.integers(0, 7)), categories)
        made.append(
            Frame(
                1_600_000_000_000_000_000 + 100_000_123 * index,
                pose,
                dict.fromkeys((lidar.name for lidar in rig.lidars), sweep),
                images,
                boxes=boxes,
                name=f"f{index}",
            )
        )
    info = SequenceInfo(name, domain, f"drive-of-{name}", rig, licence, {"format": "scanyard", "seed": seed})
    return InMemorySequence(info, made)


seeds = st.integers(0, 2**32 - 1)


def assert_same_boxes(
    found: Boxes | None, expected: Boxes | None, *, columns: Sequence[str] = (), atol: float = 1e-6
) -> None:
    """Same boxes in the same order; ``columns`` are compared besides geometry and category."""
    assert found is not None
    assert expected is not None
    assert found.category.tolist() == expected.category.tolist()
    np.testing.assert_allclose(found.center, expected.center, atol=atol)
    np.testing.assert_allclose(found.size, expected.size, atol=atol)
    np.testing.assert_allclose(wrap_angle(found.yaw_rad - expected.yaw_rad), 0.0, atol=atol)
    for column in columns if len(expected) else ():
        np.testing.assert_allclose(getattr(found, column), getattr(expected, column), atol=atol, err_msg=column)
