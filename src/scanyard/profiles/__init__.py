"""Sensor profiles as data: beam table, firing pattern, range noise, drop-out and intensity of a real LiDAR model.

One JSON file per sensor lies beside this module, each value with its definition and source.  This room only reads
them; ``realism`` applies them to ideal sweeps, and a rig takes its beams from them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from scanyard.errors import InputError
from scanyard.geometry import FloatArray


@dataclass(frozen=True, eq=False)
class Profile:
    """What is known of one sensor model; compared by identity, so that what is made from it can be cached."""

    name: str
    source: str
    """Where the figures come from."""
    elevation_rad: FloatArray
    """(C,) radians, highest beam first."""
    z_offset_m: FloatArray
    """(C,) metres: optical centre of each beam above the sensor origin."""
    blocks: tuple[int, ...]
    """Beams per laser block."""
    firings_per_turn: int
    min_range_m: float
    max_range_m: float
    effects: Mapping[str, Any] = field(default_factory=dict)
    """What ``realism`` reads: range noise, drop-out, intensity; see the JSON file for definitions."""


@cache
def load_profile(name: str) -> Profile:
    """Read a profile that ships with scanyard; InputError lists the ones there are."""
    try:
        text = resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"no sensor profile {name!r}; there are {profile_names()}") from None
    data = json.loads(text)
    return Profile(
        name=name,
        source=data["source"],
        elevation_rad=np.deg2rad(data["elevation_deg"]),
        z_offset_m=np.asarray(data["z_offset_m"], dtype=np.float64),
        blocks=tuple(data["blocks"]),
        firings_per_turn=int(data["firings_per_turn"]),
        min_range_m=float(data["min_range_m"]),
        max_range_m=float(data["max_range_m"]),
        effects=data.get("effects", {}),
    )


def profile_names() -> list[str]:
    """Names of the profiles that ship with scanyard."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json"))
