"""Heights after a step: vehicles on their wheels, walkers on their feet or their backs, props on their undersides."""

from __future__ import annotations

import numpy as np

from scanyard.carla_server.motion import standing, walkers
from scanyard.carla_server.motion.crew import Crew
from scanyard.carla_server.motion.standing import GroundBelow
from scanyard.carla_server.motion.table import Rows, Table
from scanyard.carla_server.motion.walkers import Footing, Walkers
from scanyard.carla_server.protocol.poses import Floats

PROP_STEP_M = 0.1
"""Ground that falls away by more lets a prop fall."""


def stand_vehicles(table: Table, crew: Crew, ground_below: GroundBelow, delta_s: float) -> None:
    """Let the heights, pitches and rolls of a crew follow the ground."""
    vehicles, driving = crew.vehicles, crew.at
    if not len(driving):
        return
    rows = vehicles.rows[driving]
    (x, y, z, pitch, yaw, roll), (vx, vy, climb) = (
        np.ascontiguousarray(one[rows].T) for one in (table.pose, table.velocity)
    )
    yaw = np.deg2rad(yaw)
    cos, sin = np.cos(yaw), np.sin(yaw)
    slope = np.ascontiguousarray(vehicles.slope[driving].T)
    after = standing.follow(
        crew.fleet, standing.Attitude(z, pitch, roll, climb, vehicles.grounded[driving], slope), (x, y, yaw),
        (vx * cos + vy * sin, vy * cos - vx * sin), ground_below,
        falls=table.gravity[rows], lean_deg=crew.lean, delta_s=delta_s,
    )  # fmt: skip
    table.pose[rows, 2], table.pose[rows, 3], table.pose[rows, 5] = after.z, after.pitch, after.roll
    table.velocity[rows, 2] = after.climb
    vehicles.grounded[driving], vehicles.slope[driving] = after.grounded, after.slope.T


def stand_walkers(table: Table, known: Walkers, afoot: Rows, ground_below: GroundBelow, delta_s: float) -> None:
    """Let walkers stand, fall and lie on the ground; those carried by navigation report the speed they were given."""
    if not len(afoot):
        return
    rows = known.rows[afoot]
    pitch = table.pose[rows, 3]
    turned = walkers.toppled(pitch, known.down_s[afoot], delta_s)
    feet = table.pose[rows, 2] - _lift(table, rows, pitch)
    after = walkers.stand(
        Footing(feet, table.velocity[rows, 2], known.grounded[afoot]), table.pose[rows, :2], ground_below,
        falls=table.gravity[rows], delta_s=delta_s,
    )  # fmt: skip
    table.pose[rows, 2], table.pose[rows, 3] = after.z + _lift(table, rows, turned), turned
    table.velocity[rows, 2], known.grounded[afoot] = after.climb, after.grounded
    told = known.direction[afoot, :2] * known.speed[afoot, None]
    table.velocity[rows, :2] = np.where(known.carried[afoot, None], told, table.velocity[rows, :2])


def stand_props(table: Table, rows: Rows, ground_below: GroundBelow, delta_s: float) -> None:
    """Let props fall and lie."""
    if not len(rows):
        return
    lift = table.extent[rows, 2] - table.center[rows, 2]
    before = Footing(table.pose[rows, 2] - lift, table.velocity[rows, 2], table.velocity[rows, 2] == 0.0)
    after = walkers.stand(
        before, table.pose[rows, :2], ground_below, falls=table.gravity[rows], delta_s=delta_s, step_m=PROP_STEP_M
    )
    table.pose[rows, 2], table.velocity[rows, 2] = after.z + lift, after.climb


def _lift(table: Table, rows: Rows, pitch_deg: Floats) -> Floats:
    """(W,) how high a walker's origin lies above what it stands or lies on."""
    pitch = np.deg2rad(pitch_deg)
    half = table.extent[rows, 2] * np.abs(np.cos(pitch)) + table.extent[rows, 0] * np.abs(np.sin(pitch))
    return np.asarray(half - table.center[rows, 2])
