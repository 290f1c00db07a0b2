"""The bodies of all actors in one BVH, so that one cast meets them all, however many they are.

Every distinct shape, and every phase of the stride of whoever walks, stands unturned in a slot of its own, far enough
from the next that the balls around them do not touch.  A ray that may meet an actor is moved into the slot of that
actor's shape and starts at the ball around it.  What a stranger would get wrong: a ray that misses its own shape may
fly on and meet the shape of another slot; such a hit means nothing, so every hit is asked whose face it is.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Hashable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes.catalogue import Shape, gait
from scanyard.carla_server.surfaces.mesh import Mesh, normals
from scanyard.carla_server.surfaces.panes import Glazed
from scanyard.carla_server.surfaces.raycast import FaceHits, Surface

Array32 = NDArray[np.float32]
Places = NDArray[np.int64]

GAP_M = 1.0  # between the balls of neighbours
_SLACK_M = 0.01  # a ball is so much larger than the box it encloses: hits come after the start


class Bodies:
    """The distinct shapes of N actors, side by side."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        families = [gait(shape) for shape in shapes]
        distinct = {_name(family[0]): family for family in families}
        kinds = [shape for family in distinct.values() for shape in family]
        first = np.cumsum([0, *(len(family) for family in distinct.values())])[:-1]
        self._first_slot = dict(zip(distinct, first.tolist(), strict=True))
        self._kinds = tuple(kinds)
        self._wear(shapes, families)
        self._middle = np.array([kind.center for kind in kinds], np.float32).reshape(-1, 3).T.copy()
        self._radius = (
            np.linalg.norm(np.reshape([kind.extent for kind in kinds], (-1, 3)), axis=1).astype(np.float32) + _SLACK_M
        )
        self._slot_from_shape = _grid(len(kinds), 2 * float(self._radius.max(initial=0.0)) + GAP_M) - self._middle
        meshes = [kind.mesh.moved(shift) for kind, shift in zip(kinds, self._slot_from_shape.T, strict=True)]
        self.mesh = Mesh.joined(meshes)
        """All distinct shapes, each in its slot."""
        self._glazed = cache(lambda: Glazed(self.mesh))  # shared by all who wear the same
        self._alone = cache(lambda slot: Surface(kinds[slot].mesh))
        self.first_face = np.cumsum([0, *(len(mesh.faces) for mesh in meshes)])
        """(S + 1,) where the faces of each slot begin in ``mesh``."""
        self._normals = cache(lambda: np.concatenate([normals(kind.mesh) for kind in kinds], axis=1))
        self._seed = np.array([kind.seed for kind in kinds], np.uint64)
        self._color = np.array([kind.color for kind in kinds], np.float32)
        owner = np.repeat(np.arange(len(kinds)), [len(mesh.faces) for mesh in meshes])
        self._owner = np.append(owner, -1)
        self.material = np.append(self.mesh.material, np.uint8(0))
        """(F + 1,) ``Material`` of each face, and of nothing."""

    def worn_by(self, shapes: Sequence[Shape]) -> Bodies | None:
        """The same bodies for actors that now have ``shapes`` (N,), or None where they are not exactly of these kinds.

        Whoever walks changes from phase to phase of a stride, and all phases stand ready.
        """
        if len(shapes) == len(self.shapes) and all(map(operator.is_, self.shapes, shapes)):
            return self
        families = [gait(shape) for shape in shapes]
        if list(dict.fromkeys(_name(family[0]) for family in families)) != list(self._first_slot):
            return None
        changed = copy.copy(self)
        changed._wear(shapes, families)
        return changed

    def _wear(self, shapes: Sequence[Shape], families: Sequence[tuple[Shape, ...]]) -> None:
        phase = [
            next((number for number, one in enumerate(family) if one.mesh is shape.mesh), 0)
            for shape, family in zip(shapes, families, strict=True)
        ]
        self.shapes = tuple(shapes)
        first = [self._first_slot[_name(family[0])] for family in families]
        self._slot = np.array(first, np.int64) + np.array(phase, np.int64)

    @property
    def distinct(self) -> tuple[Shape, ...]:
        """Each shape once, in the order of slots and of the faces of ``mesh``."""
        return self._kinds

    @property
    def slot(self) -> Places:
        """(N,) the slot of each actor's shape."""
        return self._slot

    @property
    def seed(self) -> NDArray[np.uint64]:
        """(S,) decides what the glass of each slot's shape returns."""
        return self._seed

    def surface_of(self, place: int) -> Surface:
        """The shape of the actor at ``place`` by itself, in the actor's own frame."""
        found: Surface = self._alone(int(self._slot[place]))
        return found

    @property
    def normal(self) -> Array32:
        """(3, F) unit normal of each face of ``mesh`` in its actor's frame, on either side."""
        return self._normals()

    def shift_of(self, place: Places) -> Array32:
        """(3, K) from the frames of the actors at ``place`` (K,) to that of ``mesh``."""
        return np.asarray(self._slot_from_shape.take(self._slot[place], axis=1))

    def color_of(self, place: Places) -> Array32:
        """sRGB (K, 3), 0 to 1, of what is painted or worn by the actors at ``place`` (K,)."""
        return np.asarray(self._color[self._slot[place]])

    def cast(self, rays: Array32, place: Places, *, ray_index: Places, salt: int | None) -> FaceHits:
        """First hits of rays (6, K), by component, each at the actor ``place`` (K,) alone, in that actor's own frame.

        With ``salt`` glass lets rays through (``panes``); ``ray_index`` (K,) is the index of each ray in its sensor.
        Those lost behind it have no face, but the range at which they went in.
        """
        slot = self._slot[place]
        origin, direction = rays[:3], rays[3:]
        ahead = (self._middle.take(slot, axis=1) - origin) * direction
        skipped = np.maximum(ahead[0] + ahead[1] + ahead[2] - self._radius[slot], np.float32(0))
        moved = np.empty((len(slot), 6), np.float32)
        moved[:, :3] = (origin + skipped * direction + self._slot_from_shape.take(slot, axis=1)).T
        moved[:, 3:] = direction.T
        lost: Places = np.zeros(0, np.int64)
        if salt is None:
            found = self._glazed().surface.cast(moved)
        else:
            found, lost = self._glazed().cast_through(
                moved, ray_index=ray_index, seed=self._seed[slot], start_m=skipped, salt=salt
            )
        range_m = np.where(self._owner[found.face] == slot, found.range_m + skipped, np.float32(np.inf))
        found.face[lost] = len(self.mesh.faces)
        return found._replace(range_m=range_m)


def _name(shape: Shape) -> Hashable:
    """What tells distinct shapes apart: what they were made of, whenever that was."""
    return shape.recipe or id(shape)


def _grid(count: int, pitch_m: float) -> Array32:
    """``count`` places (3, count) on a square grid around the origin, where single precision is finest."""
    side = int(np.ceil(np.sqrt(count)))
    row, column = np.divmod(np.arange(count), side)
    middle = (side - 1) / 2
    return np.stack([(column - middle) * pitch_m, (row - middle) * pitch_m, np.zeros(count)]).astype(np.float32)


def seen_from(rays: Array32, turn: Array32, shift: Array32) -> Array32:
    """Rays (6, K), each in the frame of an actor that stands at ``shift`` (3, K), turned by ``turn`` (9, K), by rows.

    Written out, because BLAS may round differently with another number of threads.
    """
    seen = np.empty(rays.shape, np.float32)
    for x, y, z, to in ((*(rays[:3] - shift), seen[:3]), (*rays[3:], seen[3:])):
        for i in range(3):
            to[i] = turn[i] * x + turn[3 + i] * y + turn[6 + i] * z
    return seen
