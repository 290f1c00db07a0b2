"""Fewer triangles for what is far away: corners that lie close together become one.

What a stranger gets wrong: the result is not watertight and needs not be; rays only have to meet it about where they
would have met the original, and its bounds are exactly the original's, because boxes are labels.
"""

from __future__ import annotations

import numpy as np

from scanyard.carla_server.surfaces.mesh import Mesh


def coarsened(mesh: Mesh, cell_m: float) -> Mesh:
    """``mesh`` with all corners within each cell of a grid joined in their middle, faces without area left out."""
    low, high = mesh.low, mesh.high
    cell = np.floor((mesh.vertices - low) / cell_m + 0.5).astype(np.int64)
    _, number = np.unique((cell[:, 0] * 4096 + cell[:, 1]) * 4096 + cell[:, 2], return_inverse=True)
    count = np.bincount(number)
    middle = np.stack([np.bincount(number, mesh.vertices[:, axis]) / count for axis in range(3)], axis=1)
    corners = np.sort(number[mesh.faces], axis=1)
    has_area = (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2])
    _, first = np.unique(corners[has_area], axis=0, return_index=True)
    kept = np.sort(np.flatnonzero(has_area)[first])
    return Mesh.of(middle, number[mesh.faces[kept]], mesh.material[kept]).fitted(low, high)
