"""What rays met first, whoever cast them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.materials import TAG
from scanyard.carla_server.surfaces.raycast import FaceHits, Surface

Array32 = NDArray[np.float32]


@dataclass(frozen=True)
class Hits:
    """What M rays met first; every array is indexed alike, and means nothing where the range is infinite."""

    range_m: Array32
    """(M,) metres along the ray, inf for a miss."""
    material: NDArray[np.uint8]
    """(M,) ``Material``."""
    instance: NDArray[np.uint32]
    """(M,) actor id, 0 for the street and all that stands in it."""
    cos_incidence: Array32
    """(M,) cosine between the ray and the face's normal, 0 to 1."""

    @property
    def tag(self) -> NDArray[np.uint8]:
        """(M,) CARLA's semantic tag, 0 for a miss."""
        return np.where(np.isfinite(self.range_m), TAG[self.material], np.uint8(0))

    @classmethod
    def of_street(cls, found: FaceHits, rays: Array32, street: Surface) -> Hits:
        """What rays (M, 6) met of the street alone."""
        return cls(
            found.range_m,
            street.material.take(found.face),
            np.zeros(len(rays), np.uint32),
            np.abs(np.einsum("mi,mi->m", found.normal, rays[:, 3:])),
        )
