"""Scenarios so small that a server plays one in a twentieth of a second: what is tried here is dying, not driving.

One straight lane each way, one car that overtakes nothing, a LiDAR of four beams.  They go through everything a real
one goes through: the server, the official client, realism, labels, the sealed store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from scanyard.geometry import Transform
from scanyard.profiles import load_profile
from scanyard.scenario.concrete import Actor, ConcreteScenario, Ego, Recording, Traffic, Weather, World
from scanyard.sensors import Lidar, Rig

MAPS = Path(__file__).parent / "maps"
RATE_HZ = 5.0


def tiny_scenarios(seeds: Iterable[int], *, frames: int = 4) -> list[ConcreteScenario]:
    """One scenario per seed, all different."""
    return [_tiny(seed, frames) for seed in seeds]


def _tiny(seed: int, frames: int) -> ConcreteScenario:
    return ConcreteScenario(
        name="tiny",
        seed=seed,
        world=World(map="lane", style=1, parked_share=0.0, road="any"),
        weather=Weather(),
        ego=Ego(speed_mps=8.0 + seed % 5),
        actors=(Actor("ahead", "car", "drive", ahead_m=20.0 + seed % 7, lateral_m=0.0, speed_mps=9.0),),
        traffic=Traffic(),
        recording=Recording(RATE_HZ, frames / RATE_HZ, cameras=False),
        rig=Rig("tiny", (_lidar(),), ()),
    )


def _lidar() -> Lidar:
    full = Lidar.of_profile(
        "top", load_profile("generic32"), Transform.from_xyz_rpy((0.9, 0.0, 1.9)), rotation_hz=RATE_HZ
    )
    return replace(
        full, elevation_rad=full.elevation_rad[::8], z_offset_m=full.z_offset_m[::8], blocks=(), firings_per_turn=180
    )
