"""One frame of motion: everything that moves by itself, moved on, and who touched whom on the way.

A frame is cut into short steps, as CARLA's settings ask, and never so few that anything moves half a metre in one.  In
each, tyres change velocities, contacts change them again, and places follow.  Heights follow once per frame, after.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion import boxes, contacts, standing, walkers
from scanyard.carla_server.motion.chassis import GRAVITY, friction_of
from scanyard.carla_server.motion.columns import Columns
from scanyard.carla_server.motion.nearby import Grid, sweep
from scanyard.carla_server.motion.standing import GroundBelow
from scanyard.carla_server.motion.table import PROP, Rows, Table
from scanyard.carla_server.motion.vehicles import Crew, Vehicles, bounded
from scanyard.carla_server.motion.walkers import Footing, Walkers
from scanyard.carla_server.protocol.poses import Floats, matrices
from scanyard.carla_server.sensors.context import Contact
from scanyard.carla_server.street.obstacles import Obstacles

MOST_STEPS = 40
FINE_STEP_S = 0.017
"""Shorter steps change nothing that could be seen: tyre forces are solved for implicitly."""
STEP_M = 0.5
"""Nothing moves further in one step, as long as that takes no more than ``MOST_STEPS``."""
CLEARANCE_M = 0.12
"""Boxes are lifted by so much where they are asked whether they touch: wheels roll over kerbs and cables."""
SLIDING = 0.6
"""Friction of a prop on the ground."""
LEAST_IMPULSE = 1e-3
"""N s below which touching is no event."""


class FrictionZones(Columns):
    """The boxes inside which tyres grip differently (``static.trigger.friction``), and by how much."""

    BLANK: ClassVar[Mapping[str, NDArray[Any]]] = {
        "actor": np.array(0, np.uint32),
        "extent": np.zeros(3),
        "friction": np.array(0.0),
    }
    actor: NDArray[np.uint32]
    extent: Floats
    """(Z, 3) half sizes, m."""
    friction: Floats
    """(Z,) tyre friction inside."""

    def at(self, poses: Floats, places: Floats, otherwise: Floats) -> Floats:
        """(V, 2) coefficient of friction of vehicles at ``places`` (V, 3), with zones at ``poses`` (Z, 6).

        Where zones overlap, the last one spawned counts.
        """
        found = otherwise
        turned = matrices(poses)
        for zone in range(len(self)):
            offset = (places - turned[zone, :3, 3]) @ turned[zone, :3, :3]
            inside = (np.abs(offset) <= self.extent[zone]).all(axis=1)
            found = np.where(inside[:, None], friction_of(self.friction[zone]), found)
        return found


class Motion:
    """All that moves in one episode."""

    def __init__(self, ground_below: GroundBelow, obstacles: Callable[[], Obstacles]) -> None:
        self.ground_below = ground_below
        self.table = Table()
        self.vehicles = Vehicles()
        self.walkers = Walkers()
        self.zones = FrictionZones()
        self.contacts: list[Contact] = []
        """What touched in the last frame, ordered by actor."""
        self._obstacles = obstacles
        self._hidden: list[tuple[tuple[int, ...], bool]] = []

    @cached_property
    def grid(self) -> Grid:
        """What of the street is in the way; made when something first moves near it."""
        grid = Grid(self._obstacles())
        for ids, hidden in self._hidden:
            grid.hide(ids, hidden)
        return grid

    # --- who is there ------------------------------------------------------------------------------------------------

    def remove(self, row: int) -> None:
        """Take an actor out of the table and whatever else knows its row."""
        actor = self.table.ids[row]
        for group in (self.vehicles, self.walkers):
            at = np.flatnonzero(group.rows == row)
            if len(at):
                group.remove(int(at[0]))
            group.rows[group.rows > row] -= 1
        zone = np.flatnonzero(self.zones.actor == actor)
        if len(zone):
            self.zones.remove(int(zone[0]))
        self.table.remove(row)

    def hide(self, ids: Iterable[int], hidden: bool) -> None:
        """Take environment objects out of everybody's way, or put them back."""
        self._hidden.append((tuple(ids), hidden))
        if "grid" in self.__dict__:
            self.grid.hide(*self._hidden[-1])

    # --- a frame -----------------------------------------------------------------------------------------------------

    def advance(self, delta_s: float, *, max_step_s: float = 0.01, max_steps: int = 10) -> None:
        """Move everything on by ``delta_s``."""
        table = self.table
        table.frames += 1
        table.age_s += delta_s
        self.contacts = []
        if delta_s <= 0.0:
            return
        self.vehicles.settle_controls()
        free = table.simulates & (table.parent < 0)
        before = table.pose[self.walkers.rows, :2]
        if (free & (table.kind > 0)).any():
            self._move(free, delta_s, _steps(delta_s, max_step_s, max_steps))
        self._count_steps(before, delta_s)
        self._drift(free, delta_s)
        self.vehicles.expire_controls()
        for name in ("impulse", "angular_impulse", "force", "torque"):
            getattr(table, name)[:] = 0.0
        table.state[self.vehicles.rows] = self.vehicles.told.view(table.state.dtype)
        table.state[self.walkers.rows] = self.walkers.told.view(table.state.dtype)

    def _move(self, free: NDArray[np.bool_], delta_s: float, steps: int) -> None:
        table, vehicles = self.table, self.vehicles
        bodies = np.flatnonzero((table.kind > 0) & (table.parent < 0))
        moves = free[bodies]
        index = np.full(len(table), -1)
        index[bodies] = np.arange(len(bodies))
        driving = np.flatnonzero(free[vehicles.rows])
        car = index[vehicles.rows[driving]]
        afoot = np.flatnonzero(free[self.walkers.rows])
        person = index[self.walkers.rows[afoot]]
        thing = np.flatnonzero(moves & (table.kind[bodies] == PROP))

        place = table.pose[bodies][:, [0, 1, 4]].T.copy()
        place[2] = np.deg2rad(place[2])
        start = place.copy()
        mass = table.mass[bodies]
        inertia = mass * (table.extent[bodies, 0] ** 2 + table.extent[bodies, 1] ** 2) / 3.0
        inertia[car] = vehicles.chassis["yaw_inertia"][driving]
        velocity = table.velocity[bodies].T.copy()
        climb = velocity[2] + np.where(moves, table.impulse[bodies, 2] / mass, 0.0)
        climb += np.where(moves, table.force[bodies, 2] / mass * delta_s, 0.0)
        velocity[2] = np.deg2rad(table.angular_velocity[bodies, 2])
        given = table.impulse[bodies].T / mass
        velocity[:2] += np.where(moves, given[:2], 0.0)
        velocity[2] += np.where(moves, np.deg2rad(table.angular_impulse[bodies, 2]) / inertia, 0.0)
        push = np.where(moves, table.force[bodies, :2].T / mass, 0.0)
        spin = np.where(moves, table.torque[bodies, 2] / inertia, 0.0)
        velocity = bounded(np.nan_to_num(velocity))
        rigid = contacts.Bodies(
            place, velocity,
            np.where(moves, 1.0 / mass, 0.0), np.where(moves, 1.0 / inertia, 0.0),
            table.center[bodies, :2].T.copy(), table.extent[bodies, :2].T.copy(),
        )  # fmt: skip

        friction = vehicles.chassis["friction"][driving]
        if len(self.zones):
            zones = table.pose[np.searchsorted(table.ids, self.zones.actor)]
            friction = self.zones.at(zones, table.pose[bodies[car], :3], friction)
        vehicles.friction[driving] = friction
        speed = np.zeros(len(vehicles))
        forward = velocity[0, car] * np.cos(place[2, car]) + velocity[1, car] * np.sin(place[2, car])
        speed[driving] = forward
        vehicles.work_pedals(speed, delta_s)
        crew = Crew(vehicles, driving, falls=table.gravity[bodies[car]])
        crew.shift(forward, delta_s)
        self._walk(velocity, person, afoot)
        walking = velocity[:, person].copy()

        fastest = float(np.hypot(velocity[0], velocity[1])[moves].max(initial=0.0))
        steps = min(max(steps, math.ceil(fastest * delta_s / STEP_M)), MOST_STEPS)
        step_s = delta_s / steps
        pairs, rigid = self._candidates(rigid, bodies, moves, delta_s)
        place, velocity = rigid.place, rigid.velocity
        count, moved = len(bodies), np.flatnonzero(moves)
        felt: list[contacts.Touch] = []
        for _ in range(steps):
            if len(car):
                velocity[:, car] = crew.step(velocity[:, car], place[2, car], push[:, car], spin[car], step_s)
            if len(thing):
                self._slide(velocity, thing, push, spin, step_s)
            touch = contacts.resolve(rigid, pairs)
            if touch.pairs.shape[1]:
                bounded(velocity)
                felt.append(touch)
            self._roll_on(place, velocity, moved, car, crew, step_s)
        crew.put_back()
        self._fall_down(velocity, climb, walking, person, afoot, delta_s)
        self._tell_contacts(felt, bodies, pairs, count)

        rows = bodies[moved]
        turned = place[2, moved] != start[2, moved]
        table.pose[rows, :2] = place[:2, moved].T
        yaw = (np.rad2deg(place[2, moved]) + 180.0) % 360.0 - 180.0
        table.pose[rows, 4] = np.where(turned, yaw, table.pose[rows, 4])
        table.velocity[rows, :2] = velocity[:2, moved].T
        table.velocity[rows, 2] = np.nan_to_num(climb[moved])
        table.angular_velocity[rows, :2] = 0.0
        table.angular_velocity[rows, 2] = np.rad2deg(velocity[2, moved])
        self._stand_vehicles(driving, crew, delta_s)
        self._stand_walkers(afoot, delta_s)
        self._stand_props(bodies[thing], delta_s)

    def _roll_on(self, place: Floats, velocity: Floats, moved: Rows, car: Rows, crew: Crew, step_s: float) -> None:
        """Let places follow velocities; a vehicle turns about its centre of mass and not about its origin."""
        lever, yaw = crew.fleet.center_x, place[2, car]
        place[:, moved] += velocity[:, moved] * step_s
        if lever.any():
            now = place[2, car]
            place[0, car] += lever * (np.cos(yaw) - np.cos(now))
            place[1, car] += lever * (np.sin(yaw) - np.sin(now))

    def _slide(self, velocity: Floats, thing: Rows, push: Floats, spin: Floats, step_s: float) -> None:
        """Props slide to a stop."""
        now = velocity[:, thing]
        now[:2] += push[:, thing] * step_s
        now[2] += spin[thing] * step_s
        speed = np.hypot(now[0], now[1])
        lost = SLIDING * GRAVITY * step_s
        now[:2] *= np.where(speed > lost, 1.0 - lost / np.maximum(speed, lost), 0.0)
        slowed = 4.0 * lost
        now[2] = np.where(np.abs(now[2]) > slowed, now[2] - np.copysign(slowed, now[2]), 0.0)
        velocity[:, thing] = now

    # --- on foot -----------------------------------------------------------------------------------------------------

    def _walk(self, velocity: Floats, person: Rows, afoot: Rows) -> None:
        """Walkers on their feet have the velocity they want; the others slide."""
        if not len(person):
            return
        known = self.walkers
        upright = known.upright()[afoot]
        wanted = known.direction[afoot, :2] * known.speed[afoot, None]
        wanted = np.where(known.carried[afoot, None], 0.0, wanted)
        velocity[:2, person] = np.where(
            upright & known.grounded[afoot] | known.carried[afoot], wanted.T, velocity[:2, person]
        )
        velocity[2, person] = 0.0

    def _fall_down(
        self, velocity: Floats, climb: Floats, walking: Floats, person: Rows, afoot: Rows, delta_s: float
    ) -> None:
        """Whoever was hit hard is thrown; whoever lies slides to a stop, and gets up in the end."""
        if not len(person):
            return
        known = self.walkers
        hit = np.hypot(*(velocity[:2, person] - walking[:2]))
        knocked = hit > walkers.KNOCKED_MPS + np.hypot(walking[0], walking[1])  # walking into a wall is no fall
        down = known.down_s[afoot]
        down = np.where(knocked, 0.0, np.where(down >= 0.0, down + delta_s, down))
        known.down_s[afoot] = np.where((down > walkers.LYING_S) & ~known.dead[afoot], -1.0, down)
        climb[person] += np.where(knocked, np.minimum(0.25 * hit, 3.0), 0.0)
        jumps = known.jump[afoot] & known.grounded[afoot] & (down < 0.0)
        climb[person] = np.where(jumps, walkers.JUMP_MPS, climb[person])
        known.jump[afoot] = False
        speed = np.hypot(velocity[0, person], velocity[1, person])
        lost = np.where((down >= 0.0) & known.grounded[afoot], walkers.SLIDING * GRAVITY * delta_s, 0.0)
        velocity[:2, person] *= np.where(speed > lost, 1.0 - lost / np.maximum(speed, 1e-9), 0.0)

    def _count_steps(self, before: Floats, delta_s: float) -> None:
        way = np.hypot(*(self.table.pose[self.walkers.rows, :2] - before).T)
        self.walkers.walked += np.where(way <= walkers.TOP_WALK_MPS * delta_s, way, 0.0)

    # --- heights -----------------------------------------------------------------------------------------------------

    def _stand_vehicles(self, driving: Rows, crew: Crew, delta_s: float) -> None:
        if not len(driving):
            return
        table, vehicles = self.table, self.vehicles
        rows = vehicles.rows[driving]
        pose, velocity = table.pose[rows], table.velocity[rows]
        yaw = np.deg2rad(pose[:, 4])
        cos, sin = np.cos(yaw), np.sin(yaw)
        before = standing.Attitude(
            pose[:, 2], pose[:, 3], pose[:, 5], velocity[:, 2], vehicles.grounded[driving], vehicles.slope[driving].T
        )
        after = standing.follow(
            crew.fleet, before, (pose[:, 0], pose[:, 1], yaw),
            (velocity[:, 0] * cos + velocity[:, 1] * sin, velocity[:, 1] * cos - velocity[:, 0] * sin),
            self.ground_below, falls=table.gravity[rows], lean_deg=crew.lean, delta_s=delta_s,
        )  # fmt: skip
        table.pose[rows, 2], table.pose[rows, 3], table.pose[rows, 5] = after.z, after.pitch, after.roll
        still = after.grounded & (velocity[:, 0] == 0.0) & (velocity[:, 1] == 0.0)
        table.velocity[rows, 2] = np.where(still, 0.0, after.climb)
        vehicles.climb[driving], vehicles.grounded[driving] = after.climb, after.grounded
        vehicles.slope[driving] = after.slope.T

    def _stand_walkers(self, afoot: Rows, delta_s: float) -> None:
        if not len(afoot):
            return
        table, known = self.table, self.walkers
        rows = known.rows[afoot]
        pitch = table.pose[rows, 3]
        turned = np.where(
            (known.down_s[afoot] >= 0.0) | (pitch != 0.0), walkers.toppled(pitch, known.down_s[afoot], delta_s), pitch
        )
        lift = _lift(table, rows, turned)
        before = Footing(
            table.pose[rows, 2] - _lift(table, rows, pitch), table.velocity[rows, 2], known.grounded[afoot]
        )
        after = walkers.stand(
            before, table.pose[rows, 0], table.pose[rows, 1], self.ground_below,
            falls=table.gravity[rows], delta_s=delta_s,
        )  # fmt: skip
        table.pose[rows, 2], table.pose[rows, 3] = after.z + lift, turned
        table.velocity[rows, 2], known.grounded[afoot] = after.climb, after.grounded
        carried = known.carried[afoot]
        told = known.direction[afoot] * known.speed[afoot, None]
        table.velocity[rows, :2] = np.where(carried[:, None], told[:, :2], table.velocity[rows, :2])

    def _stand_props(self, rows: Rows, delta_s: float) -> None:
        if not len(rows):
            return
        table = self.table
        lift = table.extent[rows, 2] - table.center[rows, 2]
        before = Footing(table.pose[rows, 2] - lift, table.velocity[rows, 2], np.abs(table.velocity[rows, 2]) < 1e-9)
        after = walkers.stand(
            before, table.pose[rows, 0], table.pose[rows, 1], self.ground_below,
            falls=table.gravity[rows], delta_s=delta_s, step_m=0.1,
        )  # fmt: skip
        table.pose[rows, 2], table.velocity[rows, 2] = after.z + lift, after.climb

    def _drift(self, free: NDArray[np.bool_], delta_s: float) -> None:
        """What has no body goes where its velocities say: a spectator on rails."""
        table = self.table
        rows = np.flatnonzero(
            free & (table.kind == 0) & (table.velocity.any(axis=1) | table.angular_velocity.any(axis=1))
        )
        table.pose[rows, :3] += table.velocity[rows] * delta_s
        table.pose[rows, 4] = (table.pose[rows, 4] + table.angular_velocity[rows, 2] * delta_s + 180.0) % 360.0 - 180.0

    # --- contacts ----------------------------------------------------------------------------------------------------

    def _candidates(
        self, rigid: contacts.Bodies, bodies: Rows, moves: NDArray[np.bool_], delta_s: float
    ) -> tuple[Rows, contacts.Bodies]:
        """The pairs (2, P) that may touch in this frame, and the bodies with the obstacles among those at their end."""
        table = self.table
        solid = table.collides[bodies] & (table.extent[bodies, 0] > 0.0)
        x, y, _ = rigid.place
        speed = np.hypot(rigid.velocity[0], rigid.velocity[1])
        size = np.hypot(*(np.abs(rigid.center) + rigid.half))
        reach = size + speed * delta_s + 5.0 * delta_s**2
        low = table.pose[bodies, 2] + table.center[bodies, 2] - table.extent[bodies, 2] + CLEARANCE_M
        high = np.maximum(low, table.pose[bodies, 2] + table.center[bodies, 2] + table.extent[bodies, 2])

        who = np.flatnonzero(solid)
        first, second = who[sweep(x[who], y[who], reach[who])]
        may = (moves[first] | moves[second]) & (low[first] < high[second]) & (low[second] < high[first])
        between = np.stack([first[may], second[may]])

        movers = np.flatnonzero(solid & moves)
        known = self.grid.obstacles
        body, number = self.grid.near(x[movers], y[movers], reach[movers])
        body = movers[body]
        meets = (low[body] < known.high[number]) & (known.low[number] < high[body])
        body, number = body[meets], number[meets]
        self._obstacle_of, slot = np.unique(number, return_inverse=True)
        everything = _with_obstacles(rigid, known, self._obstacle_of)
        pairs = np.concatenate([between, np.stack([body, len(bodies) + slot])], axis=1)
        return self._reachable(everything, pairs, delta_s), everything

    def _reachable(self, rigid: contacts.Bodies, pairs: Rows, delta_s: float) -> Rows:
        """Those of ``pairs`` whose gap could close within the frame."""
        if not pairs.shape[1]:
            return pairs
        first, second = pairs
        lie = boxes.gap(rigid.rectangles(first), rigid.rectangles(second))
        relative = rigid.velocity[:2, first] - rigid.velocity[:2, second]
        closing = np.maximum(-(relative * lie.normal).sum(axis=0), 0.0)
        swings = sum(
            np.abs(rigid.velocity[2, one]) * np.hypot(*rigid.half[:, one]) for one in (first, second)
        ) + 0.3 * np.hypot(*relative)  # headings change within a frame
        slack = 0.05 + (closing + swings) * delta_s + 10.0 * delta_s**2
        return pairs[:, lie.depth > -slack]

    def _tell_contacts(self, felt: list[contacts.Touch], bodies: Rows, pairs: Rows, count: int) -> None:
        """Sum up what each pair felt."""
        if not felt:
            return
        touched = np.concatenate([touch.pairs for touch in felt], axis=1)
        impulse = np.concatenate([touch.impulse for touch in felt], axis=1)
        width = int(touched.max()) + 1
        keys, where = np.unique(touched[0] * width + touched[1], return_inverse=True)
        total = np.stack([np.bincount(where, axis, minlength=len(keys)) for axis in impulse])
        ids = self.table.ids[bodies]
        for key, (x, y) in zip(keys.tolist(), total.T.tolist(), strict=True):
            if math.hypot(x, y) < LEAST_IMPULSE:
                continue
            one, other = divmod(key, width)
            if other < count:
                self.contacts.append(Contact(int(ids[one]), int(ids[other]), (x, y, 0.0)))
            else:
                label = int(self.grid.obstacles.label[self._obstacle_of[other - count]])
                self.contacts.append(Contact(int(ids[one]), 0, (x, y, 0.0), label))


def _steps(delta_s: float, max_step_s: float, max_steps: int) -> int:
    wanted = math.ceil(delta_s / max(max_step_s, FINE_STEP_S) - 1e-9)
    return max(1, min(wanted, max_steps))


def _lift(table: Table, rows: Rows, pitch_deg: Floats) -> Floats:
    """(W,) how high a walker's origin lies above what it stands or lies on."""
    pitch = np.deg2rad(pitch_deg)
    upright = table.extent[rows, 2] * np.abs(np.cos(pitch)) + table.extent[rows, 0] * np.abs(np.sin(pitch))
    return np.asarray(upright - table.center[rows, 2])


def _with_obstacles(rigid: contacts.Bodies, known: Obstacles, chosen: Rows) -> contacts.Bodies:
    if not len(chosen):
        return rigid
    nothing = np.zeros(len(chosen))
    still = np.stack([known.middle[chosen, 0], known.middle[chosen, 1], known.yaw[chosen]])
    return contacts.Bodies(
        np.concatenate([rigid.place, still], axis=1),
        np.concatenate([rigid.velocity, np.zeros((3, len(chosen)))], axis=1),
        np.concatenate([rigid.inverse_mass, nothing]),
        np.concatenate([rigid.inverse_inertia, nothing]),
        np.concatenate([rigid.center, np.zeros((2, len(chosen)))], axis=1),
        np.concatenate([rigid.half, known.half[chosen].T], axis=1),
    )
