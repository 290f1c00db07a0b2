"""The actors of an episode: what each is, where it is, and the snapshot record of all of them.

Poses of attached actors are relative to their parent, as clients set and read them; ``Placement`` says where everything
is in the world in one frame.  Vehicles do not obey pedals and gravity yet: they are where they are put, and move only
by a target velocity; controls are latched and echoed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol import packets, wire
from scanyard.carla_server.protocol.poses import Floats, Pose, matrices, poses
from scanyard.carla_server.protocol.wire import ActorDescription, BoundingBox, Vector3D, VehicleControl, WalkerControl
from scanyard.carla_server.sensors.senses import Shape
from scanyard.carla_server.world.blueprints import Blueprint

STILL = (0.0, 0.0, 0.0)
NO_STATE = bytes(54)


@dataclass
class Actor:
    """One actor; what a client caches is fixed, the rest changes from frame to frame."""

    id: int
    description: ActorDescription
    blueprint: Blueprint | None
    """None for the spectator, which no one spawns."""
    attributes: Mapping[str, str]
    pose: Pose
    """In the world, or relative to the parent."""
    parent_id: int = 0
    shape: Shape | None = None
    """None for what has no body."""
    stream_id: int = 0
    """0 for what does not stream."""
    token: bytes = b""

    velocity: tuple[float, float, float] = STILL
    """m/s in the world; what the snapshot reports."""
    last_velocity: tuple[float, float, float] = STILL
    angular_velocity: tuple[float, float, float] = STILL
    """deg/s."""
    state: bytes = NO_STATE
    """The 54 bytes that depend on the type."""
    simulates_physics: bool = True
    """Whether a velocity moves it; without, it is only where it is put."""
    lights: int = 0
    frames: int = 0
    """Frames it has lived through."""
    age_s: float = 0.0
    """Simulation time it has lived through."""
    last_sensed_s: float = field(default=-math.inf)

    @property
    def type_id(self) -> str:
        """The blueprint's id."""
        return self.description.id

    @property
    def is_vehicle(self) -> bool:
        """Whether clients see a carla.Vehicle."""
        return self.type_id.startswith("vehicle.")

    @property
    def is_walker(self) -> bool:
        """Whether clients see a carla.Walker."""
        return self.type_id.startswith("walker.")

    def bounding_box(self) -> BoundingBox:
        """The box around its body, in its own frame."""
        if self.shape is None:
            return BoundingBox(actor_id=self.id)
        return BoundingBox(_vector(self.shape.center), _vector(self.shape.extent), actor_id=self.id)

    def record(self) -> wire.Actor:
        """What a client learns once."""
        tags = self.blueprint.semantic_tags if self.blueprint else b""
        return wire.Actor(self.id, self.parent_id, self.description, self.bounding_box(), tags, self.token)

    def control_vehicle(self, control: VehicleControl) -> None:
        """Latch a vehicle's control."""
        self.state = packets.vehicle_state(control)

    def control_walker(self, control: WalkerControl) -> None:
        """Latch a walker's control; it walks while it simulates physics."""
        self.state = packets.walker_state(control)
        length = math.hypot(*control.direction) or 1.0
        x, y, z = control.direction
        self.velocity = (x / length * control.speed, y / length * control.speed, z / length * control.speed)

    def advance(self, delta_s: float) -> None:
        """Let the velocities move it for one frame."""
        self.frames += 1
        self.age_s += delta_s
        if not self.simulates_physics or self.parent_id:
            return
        x, y, z, pitch, yaw, roll = self.pose
        if self.velocity != STILL:
            vx, vy, vz = self.velocity
            x, y, z = x + vx * delta_s, y + vy * delta_s, z + vz * delta_s
        if self.angular_velocity != STILL:
            yaw = (yaw + self.angular_velocity[2] * delta_s + 180.0) % 360.0 - 180.0
        self.pose = (x, y, z, pitch, yaw, roll)


@dataclass(frozen=True)
class Placement:
    """Where N actors are in the world; every array is indexed alike, in the order of spawning."""

    ids: NDArray[np.uint32]
    """(N,)"""
    world_from_actor: Floats
    """(N, 4, 4)"""
    poses: Floats
    """(N, 6) metres and degrees."""

    @classmethod
    def of(cls, actors: Sequence[Actor]) -> Placement:
        """Compose attached actors with their parents, which come before them."""
        local = np.array([actor.pose for actor in actors], dtype=np.float64).reshape(-1, 6)
        world = matrices(local)
        row = {actor.id: i for i, actor in enumerate(actors)}
        attached = [i for i, actor in enumerate(actors) if actor.parent_id]
        for i in attached:
            world[i] = world[row[actors[i].parent_id]] @ world[i]
        if attached:
            local[attached] = poses(world[attached])
        return cls(np.fromiter(row, dtype=np.uint32, count=len(row)), world, local)

    def records(self, actors: Sequence[Actor], delta_s: float) -> NDArray[Any]:
        """Return the snapshot records (N,) of the same actors."""
        found = np.zeros(len(actors), dtype=packets.ACTOR_STATE)
        if not len(actors):
            return found
        found["id"] = self.ids
        found["state"] = packets.ACTIVE
        found["pose"] = self.poses
        velocity = np.array([actor.velocity for actor in actors])
        found["velocity"] = velocity
        found["angular_velocity"] = np.array([actor.angular_velocity for actor in actors])
        found["acceleration"] = (velocity - np.array([actor.last_velocity for actor in actors])) / max(delta_s, 1e-6)
        found["by_type"] = np.frombuffer(b"".join([actor.state for actor in actors]), dtype="V54")
        return found


def boxes_overlap(first: Shape, world_from_first: Floats, second: Shape, world_from_second: Floats) -> bool:
    """Whether the boxes of two shapes interpenetrate, each placed by a (4, 4).

    Separating axes in the ground plane and along z; good for actors that stand upright.
    """
    offset = _middle(second, world_from_second) - _middle(first, world_from_first)
    if abs(offset[2]) >= first.extent[2] + second.extent[2]:
        return False
    sides_a, sides_b = _ground_axes(world_from_first), _ground_axes(world_from_second)
    half_a, half_b = sides_a * np.asarray(first.extent)[:2, None], sides_b * np.asarray(second.extent)[:2, None]
    for axis in (*sides_a, *sides_b):
        reach = np.abs(half_a @ axis).sum() + np.abs(half_b @ axis).sum()
        if abs(offset[:2] @ axis) >= reach:
            return False
    return True


def _middle(shape: Shape, world_from_actor: Floats) -> Floats:
    middle: Floats = world_from_actor[:3, :3] @ np.asarray(shape.center) + world_from_actor[:3, 3]
    return middle


def _ground_axes(world_from_actor: Floats) -> Floats:
    """(2, 2): the actor's forward and right directions in the ground plane."""
    yaw = math.atan2(world_from_actor[1, 0], world_from_actor[0, 0])
    return np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])


def _vector(values: Any) -> Vector3D:
    x, y, z = (float(value) for value in values)
    return Vector3D(x, y, z)
