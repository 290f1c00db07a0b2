"""The bodies of a frame, gathered from the table of all actors, with what pushed them since the last one.

Bodies that physics does not move have no inverse mass, and nothing pushes them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.arrays import compiled
from scanyard.carla_server.motion.contacts import Bodies
from scanyard.carla_server.motion.table import WALKER, Rows, Table
from scanyard.carla_server.protocol.poses import Floats

LARGEST = float(np.finfo(np.float64).max)


class Pushed(NamedTuple):
    """B bodies and what acts on them in this frame."""

    bodies: Bodies
    """With their impulses."""
    push: Floats
    """(2, B) m/s² in the world."""
    spin: Floats
    """(B,) rad/s²."""
    climb: Floats
    """(B,) m/s upwards, with impulses and forces."""


def gathered(table: Table, rows: Rows, moves: NDArray[np.bool_], inertia: Floats, *, delta_s: float) -> Pushed:
    """The bodies ``rows`` (B,) of the table, those that move being ``moves`` (B,).

    ``inertia`` (B,) in kg m² is that of vehicles, and zero for all others, of which the box says it.
    """
    count = len(rows)
    rigid, push, climb = np.empty((12, count)), np.empty((3, count)), np.empty(count)
    _gather(
        (table.pose, table.velocity, table.angular_velocity), (table.impulse, table.angular_impulse),
        (table.force, table.torque), (table.mass, table.center, table.extent, table.kind),
        (rows, moves, inertia), delta_s, (rigid, push, climb),
    )  # fmt: skip
    bodies = Bodies(rigid[:3], rigid[3:6], rigid[6], rigid[7], rigid[8:10], rigid[10:12])
    return Pushed(bodies, push[:2], push[2], climb)


@compiled
def _gather(  # noqa: PLR0917  # compiled calls are cheapest by position
    motion: Any, impulses: Any, forces: Any, built: Any, chosen: Any, delta_s: float, found: Any
) -> None:
    pose, velocity, angular_velocity = motion
    impulse, angular_impulse = impulses
    force, torque = forces
    mass, center, extent, kind = built
    rows, moves, known_inertia = chosen
    rigid, push, climb = found
    for k, row in enumerate(rows):
        ex, ey = extent[row, 0], extent[row, 1]
        inertia = known_inertia[k] if known_inertia[k] > 0.0 else mass[row] * (ex**2 + ey**2) / 3.0
        rigid[0, k], rigid[1, k], rigid[2, k] = pose[row, 0], pose[row, 1], np.deg2rad(pose[row, 4])
        rigid[8, k], rigid[9, k], rigid[10, k], rigid[11, k] = center[row, 0], center[row, 1], ex, ey
        if not moves[k]:
            for axis in range(2):
                rigid[3 + axis, k] = _finite(velocity[row, axis])
            rigid[5, k] = _finite(np.deg2rad(angular_velocity[row, 2]))
            rigid[6, k] = rigid[7, k] = 0.0
            push[0, k] = push[1, k] = push[2, k] = 0.0
            climb[k] = _finite(velocity[row, 2])
            continue
        for axis in range(2):
            rigid[3 + axis, k] = _finite(velocity[row, axis] + impulse[row, axis] / mass[row])
            push[axis, k] = _finite(force[row, axis] / mass[row])
        climb[k] = _finite(velocity[row, 2] + impulse[row, 2] / mass[row] + force[row, 2] / mass[row] * delta_s)
        rigid[5, k] = _finite(np.deg2rad(angular_velocity[row, 2] + angular_impulse[row, 2] / inertia))
        push[2, k] = _finite(torque[row, 2] / inertia)
        rigid[6, k] = 1.0 / mass[row]
        rigid[7, k] = 0.0 if kind[row] == WALKER else 1.0 / inertia


@compiled
def _finite(value: float) -> float:
    return 0.0 if np.isnan(value) else min(max(value, -LARGEST), LARGEST)
