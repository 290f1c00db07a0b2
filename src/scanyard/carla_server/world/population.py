"""Who is in the world: actors by id, their rows in the arrays that move them, and those that were destroyed.

Ids begin at 1 with the spectator and are never used twice, so the order of ids is the order of spawning and that of the
rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from scanyard.carla_server.motion import boxes
from scanyard.carla_server.motion.meeting import CLEARANCE_M
from scanyard.carla_server.motion.stepping import Motion
from scanyard.carla_server.motion.table import BODILESS, PROP, VEHICLE, WALKER
from scanyard.carla_server.protocol.poses import Floats, Pose, matrices
from scanyard.carla_server.protocol.wire import ActorDescription
from scanyard.carla_server.sensors.senses import Shape
from scanyard.carla_server.world.actors import Actor
from scanyard.carla_server.world.blueprints import Blueprint
from scanyard.carla_server.world.vehicles import Vehicle
from scanyard.carla_server.world.walkers import Walker

FRICTION_TRIGGER = "static.trigger.friction"
DEAD_KEPT, DEAD_BODILESS_KEPT = 2000, 200
"""Clients ask after those that were destroyed a moment ago, not for ever; after sensors, which some scripts spawn and
destroy for hours, less than after the vehicles of Traffic Manager."""
ADULT_KG, ADULT_M = 72.0, 1.72
PROP_KG_M3 = 110.0
"""Of a prop's box: boxes, cones and furniture are mostly air."""
HIGH_UP_M = 60.0
"""So far above the ground nothing of the street is in the way."""


class Population:
    """The actors of one episode."""

    def __init__(self, motion: Motion) -> None:
        self.motion = motion
        self.actors: dict[int, Actor] = {}
        self.dead: dict[int, Actor] = {}
        self._dead_bodiless: deque[int] = deque()
        self._next_id = 1

    def add(
        self,
        description: ActorDescription,
        pose: Pose,
        *,
        blueprint: Blueprint | None = None,
        attributes: Mapping[str, str] | None = None,
        shape: Shape | None = None,
        parent_id: int = 0,
    ) -> Actor:
        """Add an actor at a pose in the world, or relative to its parent."""
        kind = _kind(description.id, shape)
        center, extent = (shape.center, shape.extent) if shape is not None else (np.zeros(3), np.zeros(3))
        row = self.motion.table.append(
            ids=self._next_id,
            parent=self.actors[parent_id].row if parent_id else -1,
            kind=kind,
            pose=pose,
            center=center,
            extent=extent,
            mass=_mass(kind, np.asarray(extent, dtype=np.float64)),
            simulates=kind != PROP,
        )
        make = {VEHICLE: Vehicle, WALKER: Walker}.get(kind, Actor)
        actor = make(description, blueprint, attributes or {}, shape, motion=self.motion, row=row, parent_id=parent_id)
        if description.id == FRICTION_TRIGGER:
            self._lay_trigger(actor)
        self.actors[actor.id] = actor
        self._next_id += 1
        return actor

    def remove(self, actor_id: int) -> bool:
        """Take an actor and all that is attached to it away; false where there is none."""
        actor = self.actors.get(actor_id)
        if actor is None:
            return False
        table = self.motion.table
        for child in table.ids[table.parent == actor.row].tolist():
            self.remove(child)
        del self.actors[actor_id]
        row = actor.row
        bodiless = table.kind[row] == BODILESS
        actor.bury()
        self._remember(actor, bodiless=bool(bodiless))
        self.motion.remove(row)
        for other in self.actors.values():
            if other.row > row:
                other.row -= 1
        return True

    def _remember(self, dead: Actor, *, bodiless: bool) -> None:
        self.dead[dead.id] = dead
        if bodiless:
            self._dead_bodiless.append(dead.id)
            if len(self._dead_bodiless) > DEAD_BODILESS_KEPT:
                self.dead.pop(self._dead_bodiless.popleft(), None)
        while len(self.dead) > DEAD_KEPT:
            del self.dead[next(iter(self.dead))]

    def is_free(self, shape: Shape, pose: Pose) -> bool:
        """Whether a body could stand at ``pose`` without entering another actor or the street."""
        table, rigid = self.motion.table, _upright(shape, pose)
        reach = _reach(table.center, table.extent) + _reach(np.asarray(shape.center), np.asarray(shape.extent))
        near = (np.abs(table.pose[:, :2] - np.array(pose[:2])) < reach[:, None]).all(axis=1)
        solid = np.flatnonzero(near & (table.extent[:, 0] > 0.0) & (table.parent < 0) & table.collides)
        z, half_z = _heights(*(np.asarray(one, dtype=np.float64)[None] for one in (pose, shape.center, shape.extent)))
        if len(solid):
            others = _rectangles(table.pose[solid], table.center[solid], table.extent[solid])
            middle, half = _heights(table.pose[solid], table.center[solid], table.extent[solid])
            beside = np.abs(middle - z) < half + half_z
            lie = boxes.gap(_repeated(rigid, len(solid)), others)
            if bool((beside & (lie.depth > 0.0)).any()):
                return False
        low, high = float(z[0] - half_z[0]) + CLEARANCE_M, float(z[0] + half_z[0])
        ground = float(self.motion.ground_below(np.array([[pose[0], pose[1], high]]))[0])
        if low > ground + HIGH_UP_M:
            return True
        return not len(self.motion.grid.meeting(rigid, low, high))

    def _lay_trigger(self, actor: Actor) -> None:
        # Half sizes come in centimetres, as everything that reaches Unreal unconverted.
        extent = [float(actor.attributes.get(f"extent_{axis}", "100") or 0.0) / 100.0 for axis in "xyz"]
        friction = float(actor.attributes.get("friction", "3.5") or 0.0)
        self.motion.zones.append(actor=actor.id, extent=extent, friction=friction)


def _kind(type_id: str, shape: Shape | None) -> int:
    if shape is None:
        return BODILESS
    if type_id.startswith("vehicle."):
        return VEHICLE
    return WALKER if type_id.startswith("walker.") else PROP


def _mass(kind: int, extent: Floats) -> float:
    """kg; vehicles say theirs themselves."""
    if kind == WALKER:
        return float(ADULT_KG * np.clip(2.0 * extent[2] / ADULT_M, 0.4, 1.4) ** 2.5)
    return float(np.clip(PROP_KG_M3 * 8.0 * extent.prod(), 0.5, 1e5)) if kind == PROP else 1.0


def _reach(center: Floats, extent: Floats) -> Floats:
    """How far (...) bodies reach from where they are, at most."""
    return np.asarray(np.sqrt(((np.abs(center) + extent) ** 2).sum(axis=-1)))


def _upright(shape: Any, pose: Pose) -> boxes.Rectangles:
    return _rectangles(*(np.asarray(one, dtype=np.float64)[None] for one in (pose, shape.center, shape.extent)))


def _rectangles(poses: Floats, center: Floats, extent: Floats) -> boxes.Rectangles:
    turned = matrices(poses)
    yaw = np.deg2rad(poses[:, 4])
    middle = np.einsum("nij,nj->ni", turned[:, :2, :3], center) + poses[:, :2]
    return boxes.Rectangles(middle.T, np.stack([np.cos(yaw), np.sin(yaw)]), extent[:, :2].T)


def _heights(poses: Floats, center: Floats, extent: Floats) -> tuple[Floats, Floats]:
    """Middles and half heights (N,) of boxes."""
    return poses[:, 2] + center[:, 2], extent[:, 2]


def _repeated(one: boxes.Rectangles, count: int) -> boxes.Rectangles:
    return boxes.Rectangles(*(np.repeat(values, count, axis=1) for values in one))
