"""Recordings of a few hundred points for trials of the store: small, and with every kind of file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from scanyard.boxes import Boxes
from scanyard.errors import StoreError
from scanyard.frame import Frame, Image, Sweep
from scanyard.geometry import Transform
from scanyard.sensors import Camera, Lidar, Rig
from scanyard.sequence import SequenceInfo
from scanyard.store import open_dataset, verify

_LIDAR = Lidar("top", Transform.from_xyz_rpy((0.8, 0.0, 1.7)), np.zeros(4), np.zeros(4), 100, 10.0, 1.0, 120.0)
_CAMERA = Camera("left", Transform.from_xyz_rpy((1.0, 0.1, 1.7)), 16, 12, 7.0, (8.0, 6.0))


def info_of(name: str, *, camera: bool = True) -> SequenceInfo:
    """A sequence's info."""
    rig = Rig("trial", (_LIDAR,), (_CAMERA,) if camera else ())
    return SequenceInfo(name, "synthetic", name, rig, "CC0-1.0", {"seed": 7})


def recording(seed: int, *, frames: int = 2, points: int = 300, full: bool = True) -> Iterator[Frame]:
    """Frames; with ``full`` every column, an image and labels, else points alone."""
    for index in range(frames):
        rng = np.random.default_rng([seed, index])
        cloud = rng.normal(0.0, 30.0, (points, 3)).astype(np.float32)
        if not full:
            yield Frame(index, Transform.identity(), {"top": Sweep(cloud)})
            continue
        sweep = Sweep(
            cloud,
            intensity=rng.random(points),
            ring=rng.integers(0, 64, points),
            time_offset_ns=rng.integers(0, 1000, points),
            semantic=rng.integers(0, 29, points),
            instance=rng.integers(0, 99, points),
        )
        image = Image(
            rng.integers(0, 256, (12, 16, 3), dtype=np.uint8),
            depth_m=rng.random((12, 16), dtype=np.float32),
            semantic=rng.integers(0, 29, (12, 16), dtype=np.uint8),
            instance=rng.integers(0, 999, (12, 16), dtype=np.uint16),
        )
        boxes = Boxes(
            center=rng.normal(0.0, 20.0, (3, 3)),
            size=rng.uniform(1.0, 4.0, (3, 3)),
            yaw_rad=rng.uniform(-3.0, 3.0, 3),
            category=np.array(["car", "van", "car"]),
            track=rng.integers(1, 99, 3),
            visibility=rng.random(3),
        )
        regions = rng.uniform(0.0, 12.0, (1, 4))
        yield Frame(index, Transform.identity(), {"top": sweep}, {"left": image}, boxes, dont_care=regions, name="f")


def half_written(root: Path, digests: dict[str, str]) -> str | None:
    """What is wrong with a dataset in which each of the sequences ``digests`` may be missing, but not in part."""
    try:
        found = open_dataset(root).sequences
        for name, sequence in found.items():
            if sequence.seal.digest != digests.get(name):
                return f"{name} has digest {sequence.seal.digest[:12]}, expected {digests.get(name, 'none')[:12]}"
            for _ in sequence:
                pass
        findings = verify(root) if found else []
    except StoreError as error:
        return f"a reader was refused: {error}"
    return "; ".join(map(str, findings)) or None
