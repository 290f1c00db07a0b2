"""The corruptions by name, and one of them done to a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from scanyard.corrupt import displacement, faults, weather
from scanyard.errors import InputError
from scanyard.frame import Frame, Sweep
from scanyard.randomness import stream
from scanyard.sensors import Lidar, Rig

SEVERITIES = (1, 2, 3, 4, 5)
"""Mild to harsh; there is no severity 0, that is the frame itself."""

Spoil = Callable[[Frame, Lidar, int, np.random.Generator], Sweep]
"""The LiDAR's sweep of a frame at a severity, spoilt."""


@dataclass(frozen=True)
class Kind:
    """One way to spoil a sweep."""

    spoil: Spoil
    scale: tuple[float, ...]
    """What each severity means, in ``unit``; a corruption with several measures shows its first."""
    unit: str
    lasting: bool = False
    """Whether chance is drawn once for a sequence instead of once for a frame."""

    def at(self, severity: int) -> str:
        """What a severity means, with its unit."""
        return f"{self.scale[severity - 1]:g} {self.unit}"


@dataclass(frozen=True)
class Corruption:
    """A kind of corruption at a severity, by name: one cell of a robustness table."""

    name: str
    severity: int

    def __str__(self) -> str:
        return f"{self.name} {self.severity}"


CORRUPTIONS: Mapping[str, Kind] = MappingProxyType(
    {
        "fog": Kind(weather.fog, weather.FOG_VISIBILITY_M, "m visibility"),
        "rain": Kind(weather.rain, weather.RAIN_MM_PER_H, "mm/h"),
        "snow": Kind(weather.snow, weather.SNOW_MM_PER_H, "mm/h of water"),
        "beam_loss": Kind(faults.beam_loss, faults.BEAMS_LOST, "of beams dead", lasting=True),
        "motion_blur": Kind(displacement.motion_blur, displacement.SPEED_MPS, "m/s"),
        "crosstalk": Kind(faults.crosstalk, faults.FIRINGS_DISTURBED, "of firings disturbed"),
        "incomplete_echo": Kind(faults.incomplete_echo, faults.VEHICLE_RETURNS_LOST, "of vehicles' returns lost"),
        "miscalibration": Kind(displacement.miscalibration, displacement.MOUNT_ERROR_DEG, "degrees", lasting=True),
    }
)


def corruption(name: str, severity: int) -> Corruption:
    """The corruption asked for; InputError lists the names and severities there are."""
    if name not in CORRUPTIONS:
        raise InputError(f"no corruption {name!r}; there are {', '.join(CORRUPTIONS)}")
    if severity not in SEVERITIES:
        raise InputError(f"{name}: severity {severity} is none of {', '.join(map(str, SEVERITIES))}")
    return Corruption(name, severity)


def corrupt_frame(frame: Frame, rig: Rig, how: Corruption, *, seed: int, sequence: str, index: int) -> Frame:
    """The frame with every LiDAR's sweep spoilt; all else is as it was.

    ``sequence`` and ``index`` say which frame of which recording it is: with the seed, they are what chance depends on.
    """
    kind = CORRUPTIONS[how.name]
    sweeps = dict(frame.sweeps)
    for lidar in rig.lidars:
        if lidar.name in sweeps:
            key = (how.name, seed, sequence, lidar.name)
            rng = stream("corrupt", *key) if kind.lasting else stream("corrupt", *key, index)
            sweeps[lidar.name] = kind.spoil(frame, lidar, how.severity, rng)
    return frame.replace(sweeps=sweeps)
