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
TURN_RAD_S = 6.0
"""How fast someone turns to where they go."""
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
        "pace": np.array(0.0),
        "seen": np.full(2, np.nan),
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
    pace: Floats
    """(W,) m/s at which it came on in the last frame."""
    seen: Floats
    """(W, 2) where it was at the end of the last frame, NaN before the first."""

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

    def set_off(self, velocity: Floats, heading: Floats, bodies: Rows, afoot: Rows, *, delta_s: float) -> None:
        """Give those on their feet the velocity they want, and let them turn to where they go.

        They are the columns ``bodies`` (A,) of ``velocity`` (3, B), which changes, and ``heading`` (B,) in rad.
        """
        if not len(afoot):
            return
        carried = self.carried[afoot]
        wanted = (self.direction[afoot, :2] * (self.speed[afoot] * ~carried)[:, None]).T
        walks = ((self.down_s[afoot] < 0.0) & self.grounded[afoot]) | carried
        velocity[:2, bodies] = np.where(walks, wanted, velocity[:2, bodies])
        aside = np.arctan2(wanted[1], wanted[0]) - heading[bodies]
        aside = (aside + np.pi) % (2.0 * np.pi) - np.pi
        turn = np.clip(aside / delta_s, -TURN_RAD_S, TURN_RAD_S)
        velocity[2, bodies] = np.where(walks & wanted.any(axis=0) & (np.abs(aside) > 1e-9), turn, 0.0)

    def fall_down(
        self, velocity: Floats, climb: Floats, walking: Floats, bodies: Rows, afoot: Rows, *, delta_s: float
    ) -> None:
        """Throw who was hit, let slide who lies, and let get up who has lain long enough; and let jump who wants to.

        ``walking`` (2, A) is how they walked before anything touched them; ``velocity`` (3, B) and ``climb`` (B,)
        change.
        """
        if not len(afoot):
            return
        hit = np.hypot(*(velocity[:2, bodies] - walking))
        knocked = hit > KNOCKED_MPS + np.hypot(*walking)  # walking into a wall is no fall
        down = self.down_s[afoot]
        down = np.where(knocked, 0.0, np.where(down >= 0.0, down + delta_s, down))
        self.down_s[afoot] = np.where((down > LYING_S) & ~self.dead[afoot], -1.0, down)
        jumps = self.jump[afoot] & self.grounded[afoot] & (down < 0.0)
        thrown = climb[bodies] + np.where(knocked, np.minimum(0.25 * hit, 3.0), 0.0)
        climb[bodies] = np.where(jumps, JUMP_MPS, thrown)
        self.jump[afoot] = False
        speed = np.hypot(velocity[0, bodies], velocity[1, bodies])
        lost = np.where((down >= 0.0) & self.grounded[afoot], SLIDING * GRAVITY * delta_s, 0.0)
        velocity[:2, bodies] *= np.where(speed > lost, 1.0 - lost / np.maximum(speed, 1e-9), 0.0)

    def count_steps(self, places: Floats, delta_s: float) -> None:
        """Remember how far they came on to ``places`` (W, 2), whoever moved them there.

        What is further than anyone runs was a jump through space.
        """
        way = np.hypot(*(places - self.seen).T)
        self.seen[:] = places
        stepped = np.where(way <= TOP_WALK_MPS * delta_s, way, 0.0)
        self.walked += stepped
        self.pace[:] = stepped / delta_s


class Footing(NamedTuple):
    """How W things that stand on one point do."""

    z: Floats
    """(W,) m, of that point."""
    climb: Floats
    """(W,) m/s upwards."""
    grounded: Bools


def stand(
    before: Footing, xy: Floats, ground_below: GroundBelow, *, falls: Bools, delta_s: float, step_m: float = STEP_M
) -> Footing:
    """Let heights follow the ground at ``xy`` (W, 2): up steps and down, or falling freely."""
    start = before.z + step_m + 0.1 + np.maximum(-before.climb, 0.0) * delta_s
    ground = ground_below(np.c_[xy, start])
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
