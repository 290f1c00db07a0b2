"""One frame of motion: everything that moves by itself, moved on, and who touched whom on the way.

A frame is cut into short steps, as CARLA's settings ask, and never so few that anything moves half a metre in one.  In
each, tyres change velocities, places follow, and contacts undo what went too far.  Heights follow once per frame.
What a stranger would get wrong: the arrays of a frame are those of the *bodies* (vehicles, walkers, props that are not
attached to anything), a subset of the table's rows, so every index belongs to one of the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion import contacts, footing
from scanyard.carla_server.motion.chassis import GRAVITY
from scanyard.carla_server.motion.crew import TOP_MPS, Crew, bounded
from scanyard.carla_server.motion.gathering import Pushed, gathered
from scanyard.carla_server.motion.meeting import Meeting
from scanyard.carla_server.motion.nearby import Grid
from scanyard.carla_server.motion.standing import GroundBelow
from scanyard.carla_server.motion.table import BODILESS, PROP, VEHICLE, Rows, Table
from scanyard.carla_server.motion.vehicles import Vehicles
from scanyard.carla_server.motion.walkers import Walkers
from scanyard.carla_server.motion.zones import FrictionZones
from scanyard.carla_server.protocol.poses import Floats
from scanyard.carla_server.sensors.context import Contact
from scanyard.carla_server.street.obstacles import Obstacles

FINE_STEP_S = 0.025
"""Shorter steps change nothing that could be seen: tyre forces are solved for implicitly."""
STEP_M = 0.5
"""Nothing moves further in one step, as long as that takes no more than ``MOST_STEPS``."""
MOST_STEPS = 40
SLIDING = 0.6
"""Friction of a prop on the ground."""


@dataclass(frozen=True)
class _Bodies:
    """Who takes part in a frame."""

    rows: Rows
    """(B,) of the table."""
    moves: NDArray[np.bool_]
    """(B,) whether physics moves it; the others are in the way."""
    cars: Rows
    """(V,) which of the bodies are vehicles that move."""
    people: Rows
    """(W,) which are walkers that move."""
    things: Rows
    """(T,) which are props that move."""


class Motion:
    """All that moves in one episode."""

    def __init__(self, ground_below: GroundBelow, obstacles: Callable[[], Obstacles]) -> None:
        self.table = Table()
        self.vehicles = Vehicles()
        self.walkers = Walkers()
        self.zones = FrictionZones()
        self.ground_below = ground_below
        self.contacts: list[Contact] = []
        """What touched in the last frame, ordered by actor."""
        self._obstacles = obstacles
        self._hidden: list[tuple[tuple[int, ...], bool]] = []

    # --- who is there ------------------------------------------------------------------------------------------------

    @cached_property
    def grid(self) -> Grid:
        """What of the street is in the way; made when something first moves near it."""
        grid = Grid(self._obstacles())
        for ids, hidden in self._hidden:
            grid.hide(ids, hidden)
        return grid

    def hide(self, ids: Iterable[int], hidden: bool) -> None:
        """Take environment objects out of everybody's way, or put them back."""
        self._hidden.append((tuple(ids), hidden))
        if "grid" in self.__dict__:
            self.grid.hide(*self._hidden[-1])

    def remove(self, row: int) -> None:
        """Take an actor out of the table and whatever else knows its row."""
        for zone in np.flatnonzero(self.zones.actor == self.table.ids[row]).tolist():
            self.zones.remove(zone)
        for group in (self.vehicles, self.walkers):
            for index in np.flatnonzero(group.rows == row).tolist():
                group.remove(index)
            group.rows[group.rows > row] -= 1
        self.table.remove(row)

    def vehicles_of(self, ids: NDArray[np.uint32]) -> Rows | None:
        """(N,) the places among the vehicles of the actors ``ids`` (N,); None where one is no vehicle of this world."""
        table, group = self.table, self.vehicles
        rows = np.minimum(np.searchsorted(table.ids, ids), len(table) - 1)
        if not ((table.ids[rows] == ids) & (table.kind[rows] == VEHICLE)).all():
            return None
        return np.searchsorted(group.rows, rows)

    # --- a frame -----------------------------------------------------------------------------------------------------

    def advance(self, delta_s: float, *, max_step_s: float = 0.01, max_steps: int = 10) -> None:
        """Move everything on by ``delta_s``, in steps of at most ``max_step_s`` and at most ``max_steps`` of them."""
        table = self.table
        table.frames += 1
        table.age_s += delta_s
        self.contacts = []
        if delta_s <= 0.0:
            return
        self.vehicles.settle_controls()
        free = table.simulates & (table.parent < 0)
        if (free & (table.kind != BODILESS)).any():
            self._move(self._bodies(free), delta_s, _steps(delta_s, max_step_s, max_steps))
        self._drift(free & (table.kind == BODILESS), delta_s)
        self.walkers.count_steps(table.pose[self.walkers.rows, :2], delta_s)
        self.vehicles.expire_controls()
        for pushes in (table.impulse, table.angular_impulse, table.force, table.torque):
            pushes[:] = 0.0
        table.state[self.vehicles.rows] = self.vehicles.told.view(table.state.dtype)
        table.state[self.walkers.rows] = self.walkers.told.view(table.state.dtype)

    def _bodies(self, free: NDArray[np.bool_]) -> _Bodies:
        table = self.table
        rows = np.flatnonzero((table.kind != BODILESS) & (table.parent < 0))
        moves = free[rows]
        cars, people = (np.searchsorted(rows, group.rows[free[group.rows]]) for group in (self.vehicles, self.walkers))
        return _Bodies(rows, moves, cars, people, np.flatnonzero(moves & (table.kind[rows] == PROP)))

    def _move(self, bodies: _Bodies, delta_s: float, steps: int) -> None:
        table = self.table
        driving = np.flatnonzero(table.simulates[self.vehicles.rows] & (table.parent[self.vehicles.rows] < 0))
        afoot = np.flatnonzero(table.simulates[self.walkers.rows] & (table.parent[self.walkers.rows] < 0))
        rigid, push, spin, climb = self._pushed(bodies, driving, delta_s)
        crew = self._crew(rigid, bodies, driving, delta_s)
        self.walkers.set_off(rigid.velocity, rigid.place[2], bodies.people, afoot, delta_s=delta_s)
        walking = rigid.velocity[:2, bodies.people].copy()

        fastest = float(np.hypot(rigid.velocity[0], rigid.velocity[1])[bodies.moves].max(initial=0.0))
        steps = min(max(steps, math.ceil(fastest * delta_s / STEP_M)), MOST_STEPS)
        step_s = delta_s / steps
        meeting = Meeting.of(rigid, bodies.rows, bodies.moves, table, self.grid, delta_s=delta_s)
        place, velocity = meeting.everything.place, meeting.everything.velocity
        headings = place[2].copy()
        moved, cars, things = np.flatnonzero(bodies.moves), bodies.cars, bodies.things
        felt: list[contacts.Touch] = []
        for _ in range(steps):
            if len(cars):
                velocity[:, cars] = crew.step(
                    velocity.take(cars, axis=1), place[2, cars], push.take(cars, axis=1), spin[cars], step_s
                )
            if len(things):
                velocity[:, things] = _slid(velocity[:, things], push[:, things], spin[things], step_s)
            bounded(velocity)
            turned_from = place[2, cars]
            place[:, moved] += velocity[:, moved] * step_s
            crew.turn_about_center(place, cars, turned_from)
            touch = contacts.resolve(meeting.everything, meeting.pairs)
            if touch.pairs.shape[1]:
                bounded(velocity)
                felt.append(touch)
        crew.put_back()
        self.walkers.fall_down(velocity, climb, walking, bodies.people, afoot, delta_s=delta_s)
        self.contacts = meeting.told(felt, table.ids[bodies.rows], self.grid.obstacles.label)

        rows = bodies.rows[moved]
        table.pose[rows, :2] = place[:2, moved].T
        yaw = (np.rad2deg(place[2, moved]) + 180.0) % 360.0 - 180.0
        table.pose[rows, 4] = np.where(place[2, moved] != headings[moved], yaw, table.pose[rows, 4])
        table.velocity[rows, :2], table.velocity[rows, 2] = velocity[:2, moved].T, climb[moved]
        table.angular_velocity[rows, :2] = 0.0
        table.angular_velocity[rows, 2] = np.rad2deg(velocity[2, moved])
        footing.stand_vehicles(table, crew, self.ground_below, delta_s)
        footing.stand_walkers(table, self.walkers, afoot, self.ground_below, delta_s)
        footing.stand_props(table, bodies.rows[things], self.ground_below, delta_s)

    def _pushed(self, bodies: _Bodies, driving: Rows, delta_s: float) -> Pushed:
        """The bodies with their impulses, how forces push and spin them, and how they climb."""
        inertia = np.zeros(len(bodies.rows))
        inertia[bodies.cars] = self.vehicles.chassis["yaw_inertia"][driving]
        found = gathered(self.table, bodies.rows, bodies.moves, inertia, delta_s=delta_s)
        bounded(found.bodies.velocity)
        return found._replace(climb=np.clip(found.climb, -TOP_MPS, TOP_MPS))

    def _crew(self, rigid: contacts.Bodies, bodies: _Bodies, driving: Rows, delta_s: float) -> Crew:
        """The vehicles that move, their pedals worked, their gears chosen, their tyres on what they stand on."""
        vehicles, table, cars = self.vehicles, self.table, bodies.cars
        friction = vehicles.chassis["friction"][driving]
        if len(self.zones):
            friction = self.zones.at(table, table.pose[bodies.rows[cars], :3], friction)
        vehicles.friction[driving] = friction
        heading, velocity = rigid.place[2, cars], rigid.velocity[:, cars]
        forward = velocity[0] * np.cos(heading) + velocity[1] * np.sin(heading)
        speed = np.zeros(len(vehicles))
        speed[driving] = forward
        vehicles.work_pedals(speed, delta_s)
        crew = Crew(vehicles, driving, falls=table.gravity[bodies.rows[cars]])
        crew.shift(forward, delta_s)
        return crew

    def _drift(self, drifting: NDArray[np.bool_], delta_s: float) -> None:
        """What has no body goes where its velocities say: a spectator on rails."""
        table = self.table
        going = table.velocity.any(axis=1) | table.angular_velocity.any(axis=1)
        rows = np.flatnonzero(drifting & going)
        if not len(rows):
            return
        table.pose[rows, :3] += table.velocity[rows] * delta_s
        table.pose[rows, 4] = (table.pose[rows, 4] + table.angular_velocity[rows, 2] * delta_s + 180.0) % 360.0 - 180.0


def _slid(velocity: Floats, push: Floats, spin: Floats, step_s: float) -> Floats:
    """Velocities (3, T) of props after a step on the ground, which stops them."""
    found = velocity + np.concatenate([push, spin[None]]) * step_s
    lost = SLIDING * GRAVITY * step_s
    speed = np.hypot(found[0], found[1])
    found[:2] *= np.where(speed > lost, 1.0 - lost / np.maximum(speed, lost), 0.0)
    slowed = 4.0 * lost  # of a box half a metre wide that turns on its underside, in rad/s
    found[2] = np.where(np.abs(found[2]) > slowed, found[2] - np.copysign(slowed, found[2]), 0.0)
    return found


def _steps(delta_s: float, max_step_s: float, max_steps: int) -> int:
    wanted = math.ceil(delta_s / max(max_step_s, FINE_STEP_S) - 1e-9)
    return max(1, min(wanted, max_steps))
