"""Ideal sweeps of simple things, as a ray caster would hand them over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scanyard.frame import Sweep
from scanyard.geometry import Transform
from scanyard.profiles import Profile, load_profile
from scanyard.sensors import Lidar

STATS = Path(__file__).parents[3] / "shared" / "real" / "kitti_hdl64e_stats.json"
ROAD, BUILDING, PERSON, RIDER, CAR = 1, 3, 12, 13, 14


def measured() -> dict[str, Any]:
    stats: dict[str, Any] = json.loads(STATS.read_text(encoding="utf-8"))
    return stats


def lidar_of(profile: Profile, **changes: Any) -> Lidar:
    lidar = Lidar.of_profile("top", profile, Transform.identity(), rotation_hz=10.0)
    return replace(lidar, **changes)


def only(*effects: str, name: str = "hdl64e", **others: Mapping[str, Any]) -> Profile:
    """A shipped profile with these effects alone, and others given in full."""
    profile = load_profile(name)
    kept = {effect: profile.effects[effect] for effect in ("semantic_groups", *effects)}
    return replace(profile, effects=kept | others)


def returns_at(
    range_m: ArrayLike,
    profile: Profile,
    *,
    tag: int = BUILDING,
    instance: ArrayLike = 0,
    cos: ArrayLike = 1.0,
    rings: int | None = None,
    seed: int = 0,
) -> Sweep:
    """Returns at these ranges from their beams' optical centres, over all azimuths and the first ``rings`` beams."""
    rng = np.random.default_rng(seed)
    range_m = np.atleast_1d(np.asarray(range_m, dtype=float))
    ring = rng.integers(0, rings or len(profile.elevation_rad), len(range_m))
    azimuth = rng.uniform(-np.pi, np.pi, len(range_m))
    elevation = profile.elevation_rad[ring]
    ray = np.c_[np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    return Sweep(
        points=range_m[:, None] * ray + np.c_[np.zeros((len(range_m), 2)), profile.z_offset_m[ring]],
        ring=ring,
        semantic=np.full(len(range_m), tag),
        instance=np.broadcast_to(instance, len(range_m)),
        cos_incidence=np.broadcast_to(cos, len(range_m)),
        time_offset_ns=np.arange(len(range_m)),
    )


def ranges_of(sweep: Sweep, profile: Profile) -> np.ndarray:
    """Distance (M,) from each return's optical centre."""
    points = sweep.points.astype(float)
    points[:, 2] -= profile.z_offset_m[sweep.ring]
    return np.asarray(np.linalg.norm(points, axis=1))
