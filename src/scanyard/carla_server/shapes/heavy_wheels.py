"""What trucks and buses share: wheels on a row of axles, and the last stretch to the box asked for.

Frame: x forward, y right, z up, the origin on the ground below the box's centre.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanyard.carla_server.shapes.wheels import Wheel
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, tube

Made = tuple[Mesh, tuple[Wheel, ...]]
Point = tuple[float, float, float]
TYRE_M = 0.30
MIRRORS = (Material.TRUCK_MIRROR, Material.TRUCK_MIRROR_SHELL, Material.BUS_MIRROR, Material.BUS_MIRROR_SHELL)
"""What the box leaves out."""


def mirror_on_arm(root: Point, tip: Point, size: Point, glass: Material, shell: Material) -> list[Mesh]:
    """A mirror of ``size`` that hangs from the end of an arm, its glass to the rear."""
    middle = (tip[0], tip[1], tip[2] - 0.4 * size[2])
    behind = (middle[0] - size[0] / 2 - 0.006, middle[1], middle[2])
    return [
        tube(root, tip, 0.022, shell, 4),
        box(middle, size, shell),
        box(behind, (0.01, 0.9 * size[1], 0.9 * size[2]), glass),
    ]


def wheels_on(axles: Sequence[float], width: float, radius: float) -> tuple[Wheel, ...]:
    """Two wheels on each of the axles (x, front first), left before right; the first axle steers."""
    y = width / 2 - 0.03 - TYRE_M / 2
    return tuple(
        Wheel((x, side * y, radius), radius, TYRE_M, number == 0) for number, x in enumerate(axles) for side in (-1, 1)
    )


def to_size(mesh: Mesh, size: Sequence[float]) -> Mesh:
    """The mesh stretched, by a few per cent at most, so that all but its mirrors fill the box exactly."""
    mirror = np.isin(mesh.material, MIRRORS)
    within = mesh.where(~mirror)
    length, width, height = size
    low, high = np.array([-length / 2, -width / 2, 0.0]), np.array([length / 2, width / 2, height])
    scale = (high - low) / (within.high.astype(float) - within.low.astype(float))

    def placed(part: Mesh) -> Mesh:
        vertices = low + (part.vertices - within.low.astype(float)) * scale
        return Mesh(vertices.astype(np.float32), part.faces, part.material)

    return Mesh.joined([within.fitted(low, high), placed(mesh.where(mirror))])
