"""The street and the actors of one tick, met by one cast.

Faces are numbered through: those of the street as in its region, then the number that means nothing, then those of the
bodies.  Every actor that is not left out may be met; rays need no candidates here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.bodies import Bodies
from scanyard.carla_server.scene.look import BodyHits, Look
from scanyard.carla_server.scene.region import Region
from scanyard.carla_server.surfaces.ensemble import SQUARE, WIDE, Ensemble, Met
from scanyard.carla_server.surfaces.materials import TRANSPARENT
from scanyard.carla_server.surfaces.panes import see_through
from scanyard.carla_server.surfaces.raycast import together

Floats = NDArray[np.float64]
Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Numbered:
    """What each of all faces, numbered through, is of."""

    region: Region
    bodies: Bodies
    material: NDArray[np.uint8]
    """(F,) ``Material``."""
    transparent: NDArray[np.bool_]
    """(F,) whether a LiDAR may see through it."""

    @classmethod
    def of(cls, region: Region, bodies: Bodies) -> Numbered:
        """Number the faces of a street and of bodies through."""
        material = np.concatenate([region.surface.material, bodies.material[:-1]])
        transparent = TRANSPARENT[material]
        transparent[len(region.part) - 1] = False
        return cls(region, bodies, material, transparent)

    @property
    def nothing(self) -> int:
        """The number of no face."""
        return len(self.region.part) - 1

    def seed_of(self, face: NDArray[np.uint32]) -> NDArray[np.uint64]:
        """The seed (K,) of what faces (K,) belong to, for its glass."""
        seed = self.region.seed_of(np.minimum(face, np.uint32(self.nothing)))
        of_bodies = np.flatnonzero(face > self.nothing)
        body = face[of_bodies] - np.uint32(self.nothing + 1)
        seed[of_bodies] = self.bodies.seed[np.searchsorted(self.bodies.first_face, body, side="right") - 1]
        return seed


@dataclass(frozen=True)
class Whole:
    """A street and the N actors in it, ready to be cast at; origins are relative to the region's center."""

    numbered: Numbered
    ensemble: Ensemble
    place: Rows
    """(1 + N,) the place in ``Placed`` of each surface; the first is the street."""
    turn: Array32
    """(9, 1 + N) how each of them stands, by rows."""

    @classmethod
    def of(cls, numbered: Numbered, world_from_actor: Floats, left_out: Collection[int]) -> Whole | None:
        """The street and the actors at ``world_from_actor`` (N, 4, 4) but for those at the places ``left_out``.

        None where packets of rays cannot be cast (``surfaces.raycast``).
        """
        bodies, region = numbered.bodies, numbered.region
        there = [place for place in range(len(world_from_actor)) if place not in left_out]
        poses = np.concatenate([np.eye(4)[None], world_from_actor[there]])
        poses[1:, :3, 3] -= region.center
        first_face = numbered.nothing + 1 + bodies.first_face[bodies.slot[there]]
        ensemble = together(
            [region.surface, *map(bodies.surface_of, there)], poses, [0, *first_face.tolist()], numbered.nothing
        )
        if ensemble is None:
            return None
        turn = poses[:, :3, :3].astype(np.float32).reshape(-1, 9).T.copy()
        return cls(numbered, ensemble, np.array([-1, *there], np.int64), turn)

    def look(self, origin: Array32, direction: Array32, shape: tuple[int, int]) -> Look:
        """What a picture of ``shape`` H, W sees from ``origin`` (3,) along ``direction`` (3, H * W); glass is solid."""
        starts = np.repeat(origin[:, None], shape[0], axis=1)
        met = self.ensemble.cast(starts, direction, tile=SQUARE)
        rows = np.flatnonzero(met.surface)
        if not len(rows):
            return Look(met.range_m, met.face, self.numbered.region, None)
        surface, bodies = met.surface[rows], self.numbered.bodies
        face = met.face[rows] - np.uint32(self.numbered.nothing + 1)
        met.face[rows] = self.numbered.nothing
        x, y, z = direction.take(rows, axis=1)
        turn = self.turn.take(surface, axis=1)
        local = np.stack([turn[i] * x + turn[3 + i] * y + turn[6 + i] * z for i in range(3)])
        actors = BodyHits(
            bodies, rows, self.place[surface], met.range_m[rows], face, bodies.normal.take(face, axis=1).T, local
        )
        return Look(met.range_m, met.face, self.numbered.region, actors)

    def sweep(self, origin: Array32, direction: Array32, *, salt: int | None) -> Met:
        """What C beams from ``origin`` (3, C) meet along ``direction`` (3, C * F); with ``salt`` beyond glass."""
        met = self.ensemble.cast(origin, direction, tile=WIDE, with_cosine=True)
        if salt is not None:
            firings = direction.shape[1] // max(origin.shape[1], 1)

            def behind(rows: Rows, past_m: Array32) -> Met:
                onward = direction.take(rows, axis=1)
                start = origin.take(rows // firings, axis=1) + onward * past_m
                return self.ensemble.cast(start, onward, with_cosine=True)

            numbered = self.numbered
            see_through(met, behind, transparent=numbered.transparent, nothing=numbered.nothing,
                        seed_of=numbered.seed_of, salt=salt)  # fmt: skip
        return met
