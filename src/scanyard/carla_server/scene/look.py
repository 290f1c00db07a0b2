"""What cameras learn from a cast: which face each ray met first, and nothing per ray that can be looked up per face.

A picture has half a million rays and a street some hundred thousand faces, of which what they look like depends on the
face alone.  So the street's part of a ``Look`` is a face index; only where rays met actors, a small share, is there
more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.bodies import Bodies
from scanyard.carla_server.scene.region import Region

Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class BodyHits:
    """K meetings of rays with actors, the nearest of each ray alone; every array is indexed alike.

    Two actors at exactly one distance both stay, and whichever is written last is seen.
    """

    bodies: Bodies
    rows: Rows
    """(K,) the ray."""
    place: Rows
    """(K,) the actor's place in ``Placed``."""
    range_m: Array32
    """(K,) metres along the ray."""
    face: NDArray[np.uint32]
    """(K,) face of ``bodies``."""
    normal: Array32
    """(K, 3) unit normal of the face in the actor's frame, on either side."""
    direction: Array32
    """(3, K) direction of the ray in the actor's frame, by component."""


@dataclass(frozen=True)
class Look:
    """What M rays met first."""

    range_m: Array32
    """(M,) metres along the ray, inf for a miss."""
    face: NDArray[np.uint32]
    """(M,) face of ``region.surface``, the number of its faces where the street was not met first."""
    region: Region
    actors: BodyHits | None
    """Rays that met an actor first; None where no ray could."""

    def settled(self) -> Look:
        """The same after actors have taken their rays from the street."""
        assert self.actors is not None
        if not len(self.actors.rows):
            return replace(self, actors=None)
        self.range_m[self.actors.rows] = self.actors.range_m
        self.face[self.actors.rows] = len(self.region.surface.mesh.faces)
        return self
