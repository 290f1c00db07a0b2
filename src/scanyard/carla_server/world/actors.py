"""The actors of an episode: what each is, and where; vehicles and walkers are their own kinds.

An actor is a name for one row of ``motion.Table``: what moves it are arrays over all actors, and what is read here is
read from them.  Poses of attached actors are relative to their parent, as clients set and read them.  An actor that was
destroyed keeps a row of its own, because clients ask after the dead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from scanyard.carla_server.motion.stepping import Motion
from scanyard.carla_server.motion.table import Table
from scanyard.carla_server.protocol import wire
from scanyard.carla_server.protocol.poses import Floats, Pose
from scanyard.carla_server.protocol.wire import ActorDescription, BoundingBox, Vector3D
from scanyard.carla_server.sensors.senses import Shape
from scanyard.carla_server.world.blueprints import Blueprint

Triple = tuple[float, float, float]


class Actor:
    """One actor; what a client caches is fixed, the rest changes from frame to frame."""

    def __init__(
        self,
        description: ActorDescription,
        blueprint: Blueprint | None,
        attributes: Mapping[str, str],
        shape: Shape | None,
        *,
        motion: Motion,
        row: int,
        parent_id: int = 0,
    ) -> None:
        self.description = description
        self.blueprint = blueprint
        """None for the spectator, which no one spawns."""
        self.attributes = attributes
        self.shape = shape
        """None for what has no body."""
        self.parent_id = parent_id
        self.type_id = description.id
        self.is_vehicle = self.type_id.startswith("vehicle.")
        """Whether clients see a carla.Vehicle."""
        self.is_walker = self.type_id.startswith("walker.")
        self.stream_id = 0
        """0 for what does not stream."""
        self.token = b""
        self.lights = 0
        self.last_sensed_s = -math.inf
        self.trigger_volume: BoundingBox | None = None
        """Of a traffic light or sign: the place on the road where it counts, which clients read as its box."""
        self.tags = b""
        """Semantic labels of what has no blueprint."""
        self.row = row
        """Its row in the table."""
        self._motion = motion
        self._table: Table = motion.table
        self.id = int(self._table.ids[row])

    # --- what it is --------------------------------------------------------------------------------------------------

    def bounding_box(self) -> BoundingBox:
        """The box around its body, in its own frame."""
        if self.trigger_volume is not None:
            return self.trigger_volume
        if self.shape is None:
            return BoundingBox(actor_id=self.id)
        return BoundingBox(_vector(self.shape.center), _vector(self.shape.extent), actor_id=self.id)

    def record(self) -> wire.Actor:
        """What a client learns once."""
        tags = self.blueprint.semantic_tags if self.blueprint else self.tags
        return wire.Actor(self.id, self.parent_id, self.description, self.bounding_box(), tags, self.token)

    @property
    def look(self) -> Shape | None:
        """The shape it shows in this frame."""
        return self.shape

    def bury(self) -> None:
        """Keep what is known of it in a row of its own, before its row goes."""
        self._table, self.row = self._table.alone(self.row), 0

    # --- where it is and how it moves --------------------------------------------------------------------------------

    @property
    def pose(self) -> Pose:
        """x, y, z in metres, pitch, yaw, roll in degrees: in the world, or relative to the parent."""
        x, y, z, pitch, yaw, roll = self._table.pose[self.row].tolist()
        return x, y, z, pitch, yaw, roll

    @pose.setter
    def pose(self, pose: Pose) -> None:
        self._table.pose[self.row] = pose

    def place(self, pose: Pose) -> None:
        """Put it somewhere else; as in CARLA, it keeps its velocity."""
        self.pose = pose

    @property
    def velocity(self) -> Triple:
        """m/s in the world; what the snapshot reports."""
        return _triple(self._table.velocity[self.row])

    @velocity.setter
    def velocity(self, velocity: Triple) -> None:
        self._table.velocity[self.row] = velocity

    @property
    def angular_velocity(self) -> Triple:
        """Degrees/s about the world's axes."""
        return _triple(self._table.angular_velocity[self.row])

    @angular_velocity.setter
    def angular_velocity(self, velocity: Triple) -> None:
        self._table.angular_velocity[self.row] = velocity

    @property
    def state(self) -> bytes:
        """The 54 bytes of a snapshot record that depend on the type."""
        return bytes(self._table.state[self.row])

    @state.setter
    def state(self, state: bytes) -> None:
        self._table.state[self.row] = np.void(state)

    @property
    def simulates_physics(self) -> bool:
        """Whether forces and velocities move it; without, it is only where it is put."""
        return bool(self._table.simulates[self.row])

    @simulates_physics.setter
    def simulates_physics(self, enabled: bool) -> None:
        self._table.simulates[self.row] = enabled

    @property
    def collides(self) -> bool:
        """Whether it touches others, or passes through them."""
        return bool(self._table.collides[self.row])

    @collides.setter
    def collides(self, enabled: bool) -> None:
        self._table.collides[self.row] = enabled

    @property
    def gravity(self) -> bool:
        """Whether it falls."""
        return bool(self._table.gravity[self.row])

    @gravity.setter
    def gravity(self, enabled: bool) -> None:
        self._table.gravity[self.row] = enabled

    @property
    def frames(self) -> int:
        """Frames it has lived through."""
        return int(self._table.frames[self.row])

    @property
    def age_s(self) -> float:
        """Simulation time it has lived through."""
        return float(self._table.age_s[self.row])

    # --- pushes ------------------------------------------------------------------------------------------------------

    def add_impulse(self, impulse: Vector3D, at: Vector3D | None = None) -> None:
        """Give it N s in the world's frame, ``at`` a place in the world or through its middle."""
        self._table.impulse[self.row] += impulse
        if at is not None:
            # Radians into degrees: angular impulses of clients are in kg m² deg/s.
            self._table.angular_impulse[self.row] += np.rad2deg(self._lever(at, impulse))

    def add_force(self, force: Vector3D, at: Vector3D | None = None) -> None:
        """Push it with N during the next frame."""
        self._table.force[self.row] += force
        if at is not None:
            self._table.torque[self.row] += self._lever(at, force)

    def add_angular_impulse(self, impulse: Vector3D) -> None:
        """Turn it: kg m² deg/s about the world's axes, of which only the upright one turns anything here."""
        self._table.angular_impulse[self.row] += impulse

    def add_torque(self, torque: Vector3D) -> None:
        """Turn it with N m during the next frame."""
        self._table.torque[self.row] += torque

    def _lever(self, at: Vector3D, push: Vector3D) -> Floats:
        arm = np.subtract(at, self._table.pose[self.row, :3])
        return np.asarray(np.cross(arm, push))


def _triple(values: Floats) -> Triple:
    x, y, z = values.tolist()
    return x, y, z


def _vector(values: Any) -> Vector3D:
    x, y, z = (float(value) for value in values)
    return Vector3D(x, y, z)
