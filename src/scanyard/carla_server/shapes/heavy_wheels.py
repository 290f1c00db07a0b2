"""What trucks and buses share: wheels on a row of axles, and the last stretch to the box asked for.

Frame: x forward, y right, z up, the origin on the ground below the box's centre.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanyard.carla_server.shapes.wheels import Wheel
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh

Made = tuple[Mesh, tuple[Wheel, ...]]
TYRE_M = 0.30


def wheels_on(axles: Sequence[float], width: float, radius: float) -> tuple[Wheel, ...]:
    """Two wheels on each of the axles (x, front first), left before right; the first axle steers."""
    y = width / 2 - 0.03 - TYRE_M / 2
    return tuple(
        Wheel((x, side * y, radius), radius, TYRE_M, number == 0) for number, x in enumerate(axles) for side in (-1, 1)
    )


def to_size(mesh: Mesh, size: Sequence[float]) -> Mesh:
    """The mesh stretched, by a few per cent at most, so that all but its mirrors fill the box exactly."""
    mirror = np.isin(mesh.material, (Material.TRUCK_MIRROR, Material.BUS_MIRROR))
    within = mesh.where(~mirror)
    length, width, height = size
    low, high = np.array([-length / 2, -width / 2, 0.0]), np.array([length / 2, width / 2, height])
    scale = (high - low) / (within.high.astype(float) - within.low.astype(float))

    def placed(part: Mesh) -> Mesh:
        vertices = low + (part.vertices - within.low.astype(float)) * scale
        return Mesh(vertices.astype(np.float32), part.faces, part.material)

    return Mesh.joined([within.fitted(low, high), placed(mesh.where(mirror))])
