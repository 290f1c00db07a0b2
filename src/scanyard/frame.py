"""One time step of a recording: ``Sweep`` (one LiDAR revolution), ``Image`` and the ``Frame`` that holds them.

Sweeps are in their sensor's frame, boxes in the ego frame.  ``actors`` is what the simulator knows is there, also
behind buildings; ``boxes`` is what we claim a sensor could see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.geometry import FloatArray, Transform


@dataclass(frozen=True)
class Sweep:
    """One revolution of one LiDAR: M returns in the sensor frame; every array is indexed alike."""

    points: NDArray[np.float32]
    """(M, 3) metres, sensor frame."""
    intensity: NDArray[np.float32] | None = None
    """(M,) reflectance, 0 to 1."""
    ring: NDArray[np.uint8] | None = None
    """(M,) beam index, highest beam first."""
    time_offset_ns: NDArray[np.int32] | None = None
    """(M,) time of firing relative to the frame's timestamp."""
    semantic: NDArray[np.uint8] | None = None
    """(M,) CARLA 0.9.14+ semantic tag; simulation only."""
    instance: NDArray[np.uint32] | None = None
    """(M,) actor id, 0 for the static world; simulation only."""
    cos_incidence: NDArray[np.float32] | None = None
    """(M,) cosine between ray and surface normal; simulation only, not stored."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if value is None:
                continue
            shape = (len(self.points), 3) if f.name == "points" else (len(self.points),)
            array: NDArray[Any] = np.asarray(value, dtype=SWEEP_DTYPES[f.name])
            if array.shape != shape:
                raise ValueError(f"sweep: {f.name} has shape {array.shape}, expected {shape}")
            object.__setattr__(self, f.name, array)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.integer] | slice) -> Sweep:
        columns: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        rows = index if isinstance(index, slice) or index.dtype != np.bool_ else np.flatnonzero(index)
        for name, value in columns.items():
            if value is not None:  # np.take is five times as fast as indexing, for points
                columns[name] = value[rows] if isinstance(rows, slice) else np.take(value, rows, axis=0)
        return Sweep(**columns)

    @classmethod
    def concatenate(cls, sweeps: Sequence[Sweep]) -> Sweep:
        """The returns of one or more sweeps one after another; all must have the same columns."""
        if len(sweeps) == 1:
            return sweeps[0]
        columns: dict[str, Any] = {}
        for f in fields(cls):
            values = [getattr(sweep, f.name) for sweep in sweeps]
            if (missing := sum(value is None for value in values)) not in (0, len(values)):
                raise ValueError(f"sweeps: {missing} of {len(values)} have no {f.name}; all or none must")
            columns[f.name] = None if missing else np.concatenate(values)
        return cls(**columns)

    def replace(self, **columns: NDArray[np.generic] | None) -> Sweep:
        """The same returns with some columns exchanged."""
        return replace(self, **columns)  # type: ignore[arg-type]  # __post_init__ converts to arrays


SWEEP_DTYPES: dict[str, type] = {
    "points": np.float32,
    "intensity": np.float32,
    "ring": np.uint8,
    "time_offset_ns": np.int32,
    "semantic": np.uint8,
    "instance": np.uint32,
    "cos_incidence": np.float32,
}


@dataclass(frozen=True)
class Image:
    """What one camera saw in one frame: H×W pixels, row-major from the top left."""

    rgb: NDArray[np.uint8]
    """(H, W, 3)."""
    depth_m: NDArray[np.float32] | None = None
    """(H, W) metres along the optical axis; 1000 where nothing was hit, as CARLA has it."""
    semantic: NDArray[np.uint8] | None = None
    """(H, W) CARLA semantic tag."""
    instance: NDArray[np.uint16] | None = None
    """(H, W) low 16 bits of the actor id, 0 for the static world."""


@dataclass(frozen=True)
class Frame:
    """One time step."""

    timestamp_ns: int
    world_from_ego: Transform
    sweeps: Mapping[str, Sweep]
    """By LiDAR name; each in its sensor's frame."""
    images: Mapping[str, Image] = field(default_factory=dict)
    """By camera name."""
    boxes: Boxes | None = None
    """Labels in the ego frame; ``None`` where nobody labelled."""
    actors: Boxes | None = None
    """What the simulator knows is there, in the ego frame; ``track`` is the actor id.  Not stored."""
    dont_care: FloatArray | None = None
    """(K, 4) image regions (left, top, right, bottom in pixels) where labels are missing, as KITTI has them."""
    name: str = ""
    """The frame's name in the format it came from, such as KITTI's six digits."""

    def replace(self, **changes: object) -> Frame:
        """The same frame with some fields exchanged."""
        return replace(self, **changes)  # type: ignore[arg-type]


def points_ego(sweep: Sweep, ego_from_sensor: Transform) -> NDArray[np.float32]:
    """The returns (M, 3) in the ego frame, metres."""
    rotation = ego_from_sensor.rotation.astype(np.float32)
    return sweep.points @ rotation.T + ego_from_sensor.translation.astype(np.float32)
