"""A frame of motion that nobody sees: compiles the loops, or loads what was compiled, before a client waits for them.

On a machine where nothing was compiled yet that takes some seven seconds, else half a second.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from scanyard.carla_server.motion.chassis import chassis_of
from scanyard.carla_server.motion.physics import physics_of
from scanyard.carla_server.motion.stepping import Motion
from scanyard.carla_server.motion.table import VEHICLE
from scanyard.carla_server.street.obstacles import Obstacles

SIZE = (4.5, 1.8, 1.5)


@cache
def rehearse() -> None:
    """Let two cars run into each other beside a wall, once per process."""
    place, label = np.array([[0.0, 3.0]]), np.zeros(1, np.uint8)
    wall = Obstacles(place, np.ones((1, 2)), np.zeros(1), np.zeros(1), np.ones(1), label, np.ones(1, np.uint64))
    motion = Motion(lambda points: np.zeros(len(points)), lambda: wall)
    half = [side / 2 for side in SIZE]
    chassis = chassis_of(physics_of("car", SIZE), half)
    for number in range(2):
        row = motion.table.append(
            ids=number + 1, kind=VEHICLE, pose=(4.0 * number, 0.0, 0.0, 0.0, 0.0, 0.0), center=(0.0, 0.0, half[2]),
            extent=half, mass=chassis["mass"], simulates=True, velocity=(5.0 * (1 - number), 0.0, 0.0),
        )  # fmt: skip
        motion.vehicles.append(rows=row, chassis=chassis, friction=chassis["friction"])
    motion.advance(0.05)
    assert motion.contacts, "what touches is compiled, too"
