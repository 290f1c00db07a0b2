"""Where everything was in the last frames, and how fast it went: what sensors that feel motion need.

Speeds and accelerations here are differences of poses, not what actors say of themselves: an actor that a script puts
somewhere new each frame moves as truly as one that drives.  What a stranger would get wrong is a jump: a pose that lies
further away than anything drives in a frame is a new beginning, not a speed.  World frame, left-handed, metres.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

JUMP_MPS = 150.0
"""Faster than this nothing drives: a jump.  A little over 500 km/h, so that no car of CARLA's is cut off."""
_JUMP_M = 1.0  # and a step this short is no jump, however short the frame


@dataclass(frozen=True)
class Placed:
    """Where N actors are in one frame; every array is indexed alike."""

    ids: NDArray[np.uint32]
    """(N,) ascending."""
    world_from_actor: Floats
    """(N, 4, 4)."""
    delta_s: float
    """Simulation time since the frame before."""


@dataclass(frozen=True)
class Motions:
    """The last frames, newest last, at most three."""

    frames: tuple[Placed, ...]

    @classmethod
    def still(cls, ids: NDArray[np.uint32], world_from_actor: Floats, *, delta_s: float = 0.1) -> Motions:
        """Everything has always been where it is."""
        return cls((Placed(ids, world_from_actor, delta_s),))

    @property
    def now(self) -> Placed:
        """The newest frame."""
        return self.frames[-1]

    def row_of(self, actor_id: int) -> int | None:
        """The row of an actor, None where it is not among them."""
        row = int(np.searchsorted(self.now.ids, actor_id))
        return row if row < len(self.now.ids) and int(self.now.ids[row]) == actor_id else None

    @cached_property
    def before(self) -> Floats:
        """(N, 4, 4) one frame ago: the pose of now for what is new or jumped here."""
        return self._ago(1, self.now.world_from_actor)

    @cached_property
    def earlier(self) -> Floats:
        """(N, 4, 4) two frames ago, likewise."""
        return self._ago(2, self.before)

    @cached_property
    def velocity(self) -> Floats:
        """(N, 3) m/s of each actor's origin over the last frame."""
        return np.asarray((self.now.world_from_actor[:, :3, 3] - self.before[:, :3, 3]) / self.now.delta_s)

    @cached_property
    def steadied(self) -> NDArray[np.bool_]:
        """(N,) whether the last two steps are both known, so that an acceleration can be told."""
        return self._known(1) & self._known(2)

    def _ago(self, frames: int, otherwise: Floats) -> Floats:
        known = self._known(frames)
        if not known.any():
            return otherwise
        then = self.frames[-1 - frames]
        found = otherwise.copy()
        found[known] = then.world_from_actor[self._rows(frames)[known]]
        return found

    def _known(self, frames: int) -> NDArray[np.bool_]:
        """(N,) whether each actor was there so many frames ago, and came here from there without a jump."""
        count = len(self.now.ids)
        if len(self.frames) <= frames or not len(self.frames[-1 - frames].ids):
            return np.zeros(count, bool)
        then, since = self.frames[-1 - frames], self.frames[-frames]
        rows = self._rows(frames)
        found = np.asarray(then.ids[rows] == self.now.ids)
        there = self.now.world_from_actor if frames == 1 else self.before
        step = np.linalg.norm(there[:, :3, 3] - then.world_from_actor[rows][:, :3, 3], axis=1)
        return np.asarray(found & (step <= JUMP_MPS * since.delta_s + _JUMP_M))

    def _rows(self, frames: int) -> Rows:
        then = self.frames[-1 - frames]
        return np.minimum(np.searchsorted(then.ids, self.now.ids), max(len(then.ids) - 1, 0))


class History:
    """Remembers the last three frames."""

    def __init__(self) -> None:
        self._frames: deque[Placed] = deque(maxlen=3)

    def add(self, ids: NDArray[np.uint32], world_from_actor: Floats, delta_s: float) -> Motions:
        """Remember a frame: ids (N,) ascending, poses (N, 4, 4)."""
        self._frames.append(Placed(ids.copy(), world_from_actor.copy(), max(delta_s, 1e-6)))
        return Motions(tuple(self._frames))


def rotation_vectors(turn: Floats) -> Floats:
    """Axis times angle (..., 3) in radians of rotations (..., 3, 3): the logarithm, exact up to half a turn."""
    axis = np.stack(
        [turn[..., 2, 1] - turn[..., 1, 2], turn[..., 0, 2] - turn[..., 2, 0], turn[..., 1, 0] - turn[..., 0, 1]],
        axis=-1,
    )
    twice_sine = np.linalg.norm(axis, axis=-1)
    angle = np.arctan2(twice_sine, np.trace(turn, axis1=-2, axis2=-1) - 1.0)
    scale = np.where(twice_sine > 1e-12, angle / np.where(twice_sine > 1e-12, twice_sine, 1.0), 0.5)
    return np.asarray(axis * scale[..., None])


def turned_by(vectors: Floats) -> Floats:
    """Undo ``rotation_vectors`` (Rodrigues): rotations (..., 3, 3)."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*vectors.shape[:-1], 3, 3)
    small = angle < 1e-8
    safe = np.where(small, 1.0, angle)
    sine, versine = np.where(small, 1.0, np.sin(safe) / safe), np.where(small, 0.5, (1 - np.cos(safe)) / safe**2)
    return np.asarray(np.eye(3) + sine * cross + versine * (cross @ cross))


def between(first: Floats, last: Floats, share: Floats) -> Floats:
    """Poses (..., S, 4, 4) at ``share`` (S,) of the way between two (..., 4, 4): straight, turning evenly."""
    turn = rotation_vectors(np.swapaxes(first[..., :3, :3], -1, -2) @ last[..., :3, :3])
    steps = turned_by(turn[..., None, :] * share[:, None])
    found = np.zeros((*first.shape[:-2], len(share), 4, 4))
    found[..., :3, :3] = first[..., None, :3, :3] @ steps
    way = last[..., None, :3, 3] - first[..., None, :3, 3]
    found[..., :3, 3] = first[..., None, :3, 3] + way * share[:, None]
    found[..., 3, 3] = 1.0
    return found
