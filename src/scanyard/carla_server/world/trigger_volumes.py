"""Boxes on the lanes before lights and signs: whoever is inside one is told of it.

Left-handed world.  A client finds the lanes of a light by walking along its volume's x axis, so a volume lies across
the lanes with x and along them with y, and the actor it belongs to is turned likewise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.arrays import compiled
from scanyard.carla_server.protocol.poses import Floats, Pose
from scanyard.carla_server.protocol.wire import BoundingBox, Vector3D
from scanyard.roads import GovernedLane, Signal

LENGTH_M = 6.0
"""Of the volume that clients read: agents stop near its middle."""
BRAKING_MPS2, LATE_M, SHORTEST_M = 9.0, 2.0, 8.0
"""Traffic Manager comes to lights at the speed limit and brakes only once it is told of them, a tick late: at 14 m/s
that takes 13 m, and that long is the stretch where vehicles are told."""
HALF_HEIGHT_M = 1.5
NARROWER_M = 0.15
"""On each side of a lane, so that nobody is told of the next one's light."""
NONE = -1


@dataclass(frozen=True)
class TriggerVolumes:
    """B boxes, one for each lane that a signal governs; indexed alike."""

    signal: NDArray[np.int64]
    """(B,) which of the signals."""
    center: Floats
    """(B, 3) metres."""
    along: Floats
    """(B, 2) unit vectors of travel."""
    half: Floats
    """(B, 2) along and across, metres."""

    def containing(self, points: Floats) -> NDArray[np.int64]:
        """Which signal's volume each of P places, given by K points of it each (P, K, 3), is in; ``NONE`` for none."""
        found = np.full(len(points), NONE)
        if not (len(points) and len(self.signal)):
            return found
        _contain(np.ascontiguousarray(points), (self.signal, self.center, self.along, self.half), found)
        return found


@compiled
def _contain(points: Floats, volumes: Any, found: NDArray[np.int64]) -> None:
    signal, center, along, half = volumes
    for place in range(len(points)):
        for point in points[place]:
            for k in range(len(signal)):
                x, y, z = point[0] - center[k, 0], point[1] - center[k, 1], point[2] - center[k, 2]
                ahead, aside = x * along[k, 0] + y * along[k, 1], y * along[k, 0] - x * along[k, 1]
                if abs(ahead) <= half[k, 0] and abs(aside) <= half[k, 1] and abs(z) <= 2.0 * HALF_HEIGHT_M:
                    found[place] = signal[k]
                    break
            if found[place] != NONE:
                break


def told_from_m(limit_kmh: Floats) -> Floats:
    """How far before the stop line vehicles are told of a signal, where they may drive so fast (...)."""
    found: Floats = np.maximum((limit_kmh / 3.6) ** 2 / (2.0 * BRAKING_MPS2) + LATE_M, SHORTEST_M)
    return found


def volumes_of(signals: Sequence[Signal], length_m: Sequence[float]) -> TriggerVolumes:
    """The volumes of all lanes that ``signals`` govern, each of its signal's length before the stop line."""
    lanes = [(row, lane) for row, signal in enumerate(signals) for lane in signal.lanes]
    heading = np.array([-lane.heading_rad for _, lane in lanes])
    along = np.stack([np.cos(heading), np.sin(heading)], axis=-1).reshape(-1, 2)
    stop = np.array([lane.center for _, lane in lanes]).reshape(-1, 3) * [1.0, -1.0, 1.0]
    center = stop.copy()
    reach = np.array([length_m[row] for row, _ in lanes])
    center[:, :2] -= along * reach[:, None] / 2
    center[:, 2] += HALF_HEIGHT_M
    half = np.array([(length_m[row] / 2, lane.width_m / 2 - NARROWER_M) for row, lane in lanes]).reshape(-1, 2)
    return TriggerVolumes(np.array([row for row, _ in lanes], np.int64), center, along, half)


def actor_pose(signal: Signal) -> Pose:
    """Where a signal's actor stands, at the road's height: its x axis across the road, to the right of its traffic."""
    x, y, z = signal.position
    yaw = (math.degrees(-signal.heading_rad) + 90.0 + 180.0) % 360.0 - 180.0
    return x, -y, z, 0.0, yaw, 0.0


def box_of(signal: Signal, pose: Pose) -> BoundingBox:
    """A signal's volume over all its lanes that go the same way, in its actor's frame."""
    if not signal.lanes:
        return BoundingBox(Vector3D(), Vector3D(1.0, LENGTH_M / 2, HALF_HEIGHT_M))
    first = signal.lanes[0]
    lanes = [lane for lane in signal.lanes if math.cos(lane.heading_rad - first.heading_rad) > 0.9]
    across = np.array([[_in_frame(lane, pose)[0] + side * lane.width_m / 2 for side in (-1, 1)] for lane in lanes])
    stop_y, stop_z = (float(np.mean([_in_frame(lane, pose)[axis] for lane in lanes])) for axis in (1, 2))
    low, high = float(across.min()), float(across.max())
    # The actor's y axis points against the traffic, so before the stop line is towards +y.
    center = Vector3D((low + high) / 2, stop_y + LENGTH_M / 2, stop_z + HALF_HEIGHT_M)
    return BoundingBox(center, Vector3D((high - low) / 2, LENGTH_M / 2, HALF_HEIGHT_M))


def _in_frame(lane: GovernedLane, pose: Pose) -> tuple[float, float, float]:
    """A lane's stop point in an actor's frame."""
    x, y, z = lane.center[0] - pose[0], -lane.center[1] - pose[1], lane.center[2] - pose[2]
    yaw = math.radians(pose[4])
    cos, sin = math.cos(yaw), math.sin(yaw)
    return x * cos + y * sin, y * cos - x * sin, z
