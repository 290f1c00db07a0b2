"""Every actor of an episode as one row: where it is, how it moves, and what kind of body it has.

``pose`` is in the world, or relative to the parent of an attached actor, as clients set and read it; ``world_poses``
says where everything is in the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.columns import Columns
from scanyard.carla_server.protocol import packets
from scanyard.carla_server.protocol.poses import Floats, matrices, poses

Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]

BODILESS, VEHICLE, WALKER, PROP = range(4)
"""What ``Table.kind`` says of an actor: sensors, lights and the spectator have no body that could move."""

_NOTHING = np.zeros(3)


class Table(Columns):
    """N actors in the order of spawning."""

    BLANK: ClassVar[Mapping[str, NDArray[Any]]] = {
        "ids": np.array(0, np.uint32),
        "parent": np.array(-1, np.int64),
        "kind": np.array(BODILESS, np.int8),
        "pose": np.zeros(6),
        "velocity": _NOTHING,
        "last_velocity": _NOTHING,
        "angular_velocity": _NOTHING,
        "impulse": _NOTHING,
        "angular_impulse": _NOTHING,
        "force": _NOTHING,
        "torque": _NOTHING,
        "mass": np.array(1.0),
        "center": _NOTHING,
        "extent": _NOTHING,
        "simulates": np.array(False),
        "collides": np.array(True),
        "gravity": np.array(True),
        "state": np.zeros((), packets.ACTOR_STATE["by_type"]),
        "frames": np.array(0, np.int64),
        "age_s": np.array(0.0),
    }
    ids: NDArray[np.uint32]
    """(N,)"""
    parent: Rows
    """(N,) row of the actor it is attached to, -1 for none; parents come before their children."""
    kind: NDArray[np.int8]
    """(N,)"""
    pose: Floats
    """(N, 6) metres and degrees: in the world, or relative to the parent."""
    velocity: Floats
    """(N, 3) m/s, world."""
    last_velocity: Floats
    """(N, 3) what the frame before reported."""
    angular_velocity: Floats
    """(N, 3) degrees/s about the world's axes."""
    impulse: Floats
    """(N, 3) N s, world: given since the last frame."""
    angular_impulse: Floats
    """(N, 3) kg m² degrees/s."""
    force: Floats
    """(N, 3) N, world: acts during the next frame."""
    torque: Floats
    """(N, 3) N m."""
    mass: Floats
    """(N,) kg."""
    center: Floats
    """(N, 3) middle of the bounding box in the actor's frame."""
    extent: Floats
    """(N, 3) half sizes of the box; zero for what has no body."""
    simulates: Bools
    """(N,) whether physics moves it."""
    collides: Bools
    """(N,)"""
    gravity: Bools
    """(N,)"""
    state: NDArray[np.void]
    """(N,) the 54 bytes of a snapshot record that depend on the type."""
    frames: NDArray[np.int64]
    """(N,) frames it has lived through."""
    age_s: Floats
    """(N,) simulation time it has lived through; summed, so that it does not depend on when it was spawned."""

    def remove(self, row: int) -> None:
        """Take an actor out; nobody may be attached to it any more."""
        super().remove(row)
        self.parent[self.parent > row] -= 1

    def world_poses(self) -> Floats:
        """(N, 6) where everything is in the world."""
        found, attached = self.pose.copy(), self.parent >= 0
        if attached.any():
            found[attached] = poses(self.world_from_actor()[attached])
        return found

    def world_from_actor(self) -> Floats:
        """(N, 4, 4) the same as matrices.

        Those of attached actors are composed and not made from their poses: looking straight down, a pose no longer
        says which way is up.
        """
        world, ready = matrices(self.pose), self.parent < 0
        waiting = np.flatnonzero(~ready)
        while len(waiting):  # generation after generation: parents may be attached too
            born = waiting[ready[self.parent[waiting]]]
            world[born] = np.matmul(world[self.parent[born]], world[born])
            ready[born] = True
            waiting = waiting[~ready[waiting]]
        return world

    def records(self, world_poses: Floats, delta_s: float) -> NDArray[Any]:
        """The snapshot records (N,) at these poses (N, 6)."""
        found = np.empty(len(self), dtype=packets.ACTOR_STATE)
        found["id"] = self.ids
        found["state"] = packets.ACTIVE
        found["pose"] = world_poses
        found["velocity"] = self.velocity
        found["angular_velocity"] = self.angular_velocity
        found["acceleration"] = (self.velocity - self.last_velocity) / max(delta_s, 1e-6)
        found["by_type"] = self.state
        return found
