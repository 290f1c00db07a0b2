"""Who may meet whom in a frame, and what they felt when they did: from the arrays of all actors to pairs and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion import boxes
from scanyard.carla_server.motion.contacts import Bodies, Touch
from scanyard.carla_server.motion.nearby import Grid, sweep
from scanyard.carla_server.motion.table import Rows, Table
from scanyard.carla_server.protocol.poses import Floats
from scanyard.carla_server.sensors.context import Contact
from scanyard.carla_server.street.obstacles import Obstacles

CLEARANCE_M = 0.12
"""Boxes are lifted by so much where they are asked whether they touch: wheels roll over kerbs and cables."""
HARD_MPS2 = 20.0
"""No tyre and no hand brake makes two approach faster within a frame than they did, by more than this."""
MARGIN_M = 0.05
LEAST_IMPULSE = 1e-3
"""N s below which touching is no event."""


@dataclass(frozen=True)
class Meeting:
    """B bodies and the obstacles near them, and the pairs of those that may touch in this frame."""

    everything: Bodies
    """The bodies first, then obstacles."""
    pairs: Rows
    """(2, P) into ``everything``."""
    obstacles: Rows
    """(O,) which obstacles of the map those after the bodies are."""

    @classmethod
    def of(
        cls, rigid: Bodies, rows: Rows, moves: NDArray[np.bool_], table: Table, grid: Grid, *, delta_s: float
    ) -> Meeting:
        """Of the bodies ``rows`` (B,) of the table, those that move being ``moves`` (B,)."""
        solid = table.collides[rows] & (table.extent[rows, 0] > 0.0)
        x, y, _ = rigid.place
        speed = np.hypot(rigid.velocity[0], rigid.velocity[1])
        reach = np.hypot(*(np.abs(rigid.center) + rigid.half)) + speed * delta_s + HARD_MPS2 / 2 * delta_s**2 + MARGIN_M
        middle = table.pose[rows, 2] + table.center[rows, 2]
        low, high = middle - table.extent[rows, 2] + CLEARANCE_M, middle + table.extent[rows, 2]

        who = np.flatnonzero(solid)
        first, second = who[sweep(x[who], y[who], reach[who])]
        may = (moves[first] | moves[second]) & (low[first] < high[second]) & (low[second] < high[first])
        movers = np.flatnonzero(solid & moves)
        body, number = grid.near(x[movers], y[movers], reach[movers])
        body, known = movers[body], grid.obstacles
        meets = (low[body] < known.high[number]) & (known.low[number] < high[body])
        obstacles, slot = np.unique(number[meets], return_inverse=True)
        everything = _with_obstacles(rigid, known, obstacles)
        pairs = np.concatenate([np.stack([first[may], second[may]]), np.stack([body[meets], len(rows) + slot])], axis=1)
        return cls(everything, _reachable(everything, pairs, delta_s), obstacles)

    def told(self, felt: Sequence[Touch], ids: NDArray[np.uint32], labels: NDArray[np.uint8]) -> list[Contact]:
        """Sum up what pairs felt in the steps of a frame, ordered by actor: ``ids`` (B,), ``labels`` of obstacles."""
        if not felt:
            return []
        pairs = np.concatenate([touch.pairs for touch in felt], axis=1)
        impulse = np.concatenate([touch.impulse for touch in felt], axis=1)
        width = self.everything.place.shape[1]
        keys, where = np.unique(pairs[0] * width + pairs[1], return_inverse=True)
        total = np.stack([np.bincount(where, axis, minlength=len(keys)) for axis in impulse])
        found = []
        for key, (x, y) in zip(keys.tolist(), total.T.tolist(), strict=True):
            if math.hypot(x, y) < LEAST_IMPULSE:
                continue
            one, other = divmod(key, width)
            if other < len(ids):
                found.append(Contact(int(ids[one]), int(ids[other]), (x, y, 0.0)))
            else:
                found.append(Contact(int(ids[one]), 0, (x, y, 0.0), int(labels[self.obstacles[other - len(ids)]])))
        return found


def _reachable(bodies: Bodies, pairs: Rows, delta_s: float) -> Rows:
    """Those of ``pairs`` (2, P) whose gap could close within the frame."""
    if not pairs.shape[1]:
        return pairs
    first, second = pairs
    lie = boxes.gap(bodies.rectangles(first), bodies.rectangles(second))
    relative = bodies.velocity[:2, first] - bodies.velocity[:2, second]
    closing = np.maximum(-(relative * lie.normal).sum(axis=0), 0.0)
    swings = sum(np.abs(bodies.velocity[2, one]) * np.hypot(*bodies.half[:, one]) for one in (first, second))
    turned = 0.3 * np.hypot(*relative)  # headings, and with them velocities, turn within a frame
    slack = MARGIN_M + (closing + swings + turned) * delta_s + HARD_MPS2 / 2 * delta_s**2
    return pairs[:, lie.depth > -slack]


def _with_obstacles(rigid: Bodies, known: Obstacles, chosen: Rows) -> Bodies:
    """The bodies, and after them the chosen obstacles, which nothing moves."""
    if not len(chosen):
        return rigid
    still, count = np.zeros(len(chosen)), len(chosen)
    where: Floats = np.stack([known.middle[chosen, 0], known.middle[chosen, 1], known.yaw[chosen]])
    return Bodies(
        np.concatenate([rigid.place, where], axis=1),
        np.concatenate([rigid.velocity, np.zeros((3, count))], axis=1),
        np.concatenate([rigid.inverse_mass, still]),
        np.concatenate([rigid.inverse_inertia, still]),
        np.concatenate([rigid.center, np.zeros((2, count))], axis=1),
        np.concatenate([rigid.half, known.half[chosen].T], axis=1),
    )
