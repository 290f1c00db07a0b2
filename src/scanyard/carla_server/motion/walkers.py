"""People on foot: they go where their control says, stand on the ground, jump, and fall when something hits them.

A walker's origin is the middle of its box, half its height above its feet.  On its feet it has the velocity it is told
to have; hit hard enough it is thrown: it slides, lies where it comes to rest, and gets up again after a while unless it
is dead.  Arrays are (W,), one entry per walker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.motion.chassis import GRAVITY
from scanyard.carla_server.motion.columns import Columns
from scanyard.carla_server.motion.standing import BOTTOM_M, TERMINAL_MPS, Bools, GroundBelow
from scanyard.carla_server.motion.table import Rows
from scanyard.carla_server.protocol.poses import Floats
from scanyard.carla_server.protocol.wire import WalkerControl

TOLD = np.dtype(
    {
        "names": ["direction", "speed", "jump"],
        "formats": [("<f4", (3,)), "<f4", "?"],
        "offsets": [0, 12, 16],
        "itemsize": 54,
    }
)
"""A walker's part of a snapshot record: ``packets.WALKER_STATE`` as an array."""
JUMP_MPS = 4.2
"""Upwards at the start of a jump: CARLA's default for characters."""
TOP_WALK_MPS = 20.0
STEP_M = 0.35
"""Ground that falls away by at most so much is walked down and not fallen off: kerbs and stairs."""
KNOCKED_MPS = 1.5
"""A change of velocity that no one stays upright in."""
SLIDING = 0.7
"""Friction of a body on the road."""
LYING_S = 4.0
"""How long someone thrown stays down."""
FALL_DEG_PER_S = 220.0


class Walkers(Columns):
    """W walkers in the order of spawning."""

    BLANK: ClassVar[Mapping[str, NDArray[Any]]] = {
        "rows": np.array(0, np.int64),
        "told": np.zeros((), TOLD),
        "direction": np.array([1.0, 0.0, 0.0]),
        "speed": np.array(0.0),
        "jump": np.array(False),
        "carried": np.array(False),
        "climb": np.array(0.0),
        "grounded": np.array(False),
        "down_s": np.array(-1.0),
        "dead": np.array(False),
        "walked": np.array(0.0),
    }
    rows: Rows
    """(W,) row in the table of all actors."""
    told: NDArray[Any]
    """(W,) of dtype ``TOLD``."""
    direction: Floats
    """(W, 3) unit vectors, world."""
    speed: Floats
    """(W,) m/s wanted."""
    jump: Bools
    """(W,) whether to jump in the next frame."""
    carried: Bools
    """(W,) whether pedestrian navigation placed it since the last frame: then it is where it was put."""
    climb: Floats
    """(W,) m/s upwards."""
    grounded: Bools
    down_s: Floats
    """(W,) how long it has been off its feet; negative while it stands."""
    dead: Bools
    walked: Floats
    """(W,) m it has come since it was spawned: decides where in its stride it is."""

    def control(self, index: int, control: WalkerControl) -> None:
        """Latch a control; it walks in ``direction``, whose length does not matter."""
        direction = np.nan_to_num(np.array(control.direction), posinf=0.0, neginf=0.0)
        length = float(np.hypot(np.hypot(direction[0], direction[1]), direction[2]))
        told = self.told[index]
        told["direction"], told["speed"], told["jump"] = direction, control.speed, control.jump
        self.direction[index] = direction / length if length > 1e-9 else 0.0
        speed = float(control.speed)
        self.speed[index] = min(max(speed, 0.0), TOP_WALK_MPS) if np.isfinite(speed) else 0.0
        self.jump[index] = control.jump

    def upright(self) -> Bools:
        """(W,) who is on their feet."""
        return self.down_s < 0.0


class Footing(NamedTuple):
    """How W things that stand on one point do."""

    z: Floats
    """(W,) m, of that point."""
    climb: Floats
    """(W,) m/s upwards."""
    grounded: Bools


def stand(
    before: Footing,
    x: Floats,
    y: Floats,
    ground_below: GroundBelow,
    *,
    falls: Bools,
    delta_s: float,
    step_m: float = STEP_M,
) -> Footing:
    """Let heights follow the ground at x and y (W,): up steps and down, or falling freely."""
    if not len(x):
        return before
    start = before.z + step_m + 0.1 + np.maximum(-before.climb, 0.0) * delta_s
    ground = ground_below(np.stack([x, y, start], axis=1))
    known = np.isfinite(ground)
    climb = np.maximum(before.climb - np.where(falls, GRAVITY * delta_s, 0.0), -TERMINAL_MPS)
    z = before.z + (before.climb + climb) / 2 * delta_s
    gap = z - np.where(known, ground, -np.inf)
    stays = before.grounded & falls & (gap <= step_m) & (before.climb <= 0.0)
    grounded = known & ((gap <= 0.0) | stays)
    return Footing(np.where(grounded, ground, np.maximum(z, BOTTOM_M)), np.where(grounded, 0.0, climb), grounded)


def toppled(pitch: Floats, down_s: Floats, delta_s: float) -> Floats:
    """(W,) degrees: those off their feet fall on their backs, those on them stand up straight."""
    turn = FALL_DEG_PER_S * delta_s
    target = np.where(down_s >= 0.0, 90.0, 0.0)
    left = target - pitch
    return np.where(np.abs(left) <= turn, target, pitch + np.copysign(turn, left))
