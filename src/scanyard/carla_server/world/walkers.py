"""Walkers as clients know them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scanyard.carla_server.motion.stepping import Motion
from scanyard.carla_server.protocol.poses import Floats
from scanyard.carla_server.protocol.wire import Vector3D, WalkerControl
from scanyard.carla_server.sensors.senses import Shape
from scanyard.carla_server.shapes import catalogue, gait
from scanyard.carla_server.world import skeletons
from scanyard.carla_server.world.actors import Actor

STANDING_MPS = 0.05
"""Slower than this, legs do not stride."""


class Walker(Actor):
    """A carla.Walker."""

    def __init__(self, *what: Any, motion: Motion, row: int, parent_id: int = 0) -> None:
        super().__init__(*what, motion=motion, row=row, parent_id=parent_id)
        self.custom_pose: Floats | None = None
        """(B, 4, 4) ``parent_from_bone`` that a script set; standing at ease until then."""
        self.pose_share = 0.0
        """How much of it is to be seen, 0 to 1; the rest is the walk."""
        self._walkers = motion.walkers
        self._index = self._walkers.append(rows=row)
        self.control_walker(WalkerControl())

    @property
    def index(self) -> int:
        """Its place among the walkers."""
        rows = self._walkers.rows
        if not (self._index < len(rows) and rows[self._index] == self.row):
            self._index = int(np.searchsorted(rows, self.row))
        return self._index

    def bury(self) -> None:
        """Keep what is known of it."""
        alone = self._walkers.alone(self.index)
        super().bury()
        alone.rows[:] = self.row
        self._walkers = alone

    def control_walker(self, control: WalkerControl) -> None:
        """Latch where it goes and how fast."""
        index = self.index
        self._walkers.control(index, control)
        self._walkers.carried[index] = False

    def walk_to(self, foot: Vector3D, yaw_deg: float, speed_mps: float) -> None:
        """Put its feet on a point and turn it, as pedestrian navigation does; the speed is the one it reports.

        Whoever lies on the road is left lying.
        """
        index, walkers = self.index, self._walkers
        if walkers.down_s[index] >= 0.0:
            return
        assert self.shape is not None
        lift = float(self.shape.extent[2] - self.shape.center[2])  # origin above the feet
        self.place((foot.x, foot.y, foot.z + lift, 0.0, yaw_deg, 0.0))
        yaw = math.radians(yaw_deg)
        direction = Vector3D(math.cos(yaw), math.sin(yaw), 0.0)
        walkers.control(index, WalkerControl(direction, max(speed_mps, 0.0)))
        walkers.carried[index] = walkers.grounded[index] = True
        self.velocity = (speed_mps * direction.x, speed_mps * direction.y, 0.0)

    def mark_dead(self) -> None:
        """Let it fall, and stay where it falls."""
        index = self.index
        self._walkers.dead[index] = True
        self._walkers.down_s[index] = max(float(self._walkers.down_s[index]), 0.0)

    def skeleton(self) -> Floats:
        """(B, 4, 4) ``parent_from_bone`` as it now holds itself; bones as in ``skeletons``."""
        walk = skeletons.walking(self.height_m, self.walked_m, self.speed_mps)
        if self.pose_share <= 0.0:
            return walk
        pose = skeletons.standing(self.height_m) if self.custom_pose is None else self.custom_pose
        return skeletons.blended(walk, pose, self.pose_share)

    @property
    def height_m(self) -> float:
        """From the soles to the top of the head."""
        assert self.shape is not None
        return 2.0 * float(self.shape.extent[2])

    @property
    def look(self) -> Shape | None:
        """The phase of its stride it is in; standing, where it does not come on."""
        if not isinstance(self.shape, catalogue.Shape):
            return self.shape
        index, walkers = self.index, self._walkers
        if walkers.pace[index] < STANDING_MPS:
            return self.shape
        standing, *stride = catalogue.gait(self.shape)
        if not stride:
            return standing
        share = float(walkers.walked[index]) / gait.stride_m(2.0 * float(self.shape.extent[2]))
        return stride[int(len(stride) * share) % len(stride)]

    @property
    def walked_m(self) -> float:
        """How far it has come: decides where in its stride it is."""
        return float(self._walkers.walked[self.index])

    @property
    def speed_mps(self) -> float:
        """How fast it goes over the ground."""
        vx, vy, _ = self.velocity
        return math.hypot(vx, vy)
