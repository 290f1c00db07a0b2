"""Many copies of a few meshes, each stretched, turned and put somewhere, in one mesh.

A region of the street is some thousand copies; one compiled loop over all their corners takes a few milliseconds, where
a handful of numpy calls for each would take longer than everything else.  Sums are written out in one order, so that
the same street has the same bytes everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.mesh import Mesh

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def assembled(
    meshes: Sequence[Mesh], source: Indices, linear: Floats, offset: Floats
) -> tuple[Mesh, NDArray[np.int32]]:
    """Copies of ``meshes``, and whose each of the F faces is.

    Copy n of N is the mesh number ``source[n]``, its vertices multiplied by ``linear[n]`` (N, 3, 3) and shifted by
    ``offset[n]`` (N, 3).  Copies are numbered in the second value (F,), and stand in their order in the first.
    """
    if not len(source):
        return Mesh.empty(), np.zeros(0, np.int32)
    stock = Mesh.joined(meshes)
    corner_counts = np.array([len(mesh.vertices) for mesh in meshes], np.int64)
    face_counts = np.array([len(mesh.faces) for mesh in meshes], np.int64)
    vertices = np.empty((int(corner_counts[source].sum()), 3), np.float32)
    count = int(face_counts[source].sum())
    faces, material, owner = np.empty((count, 3), np.uint32), np.empty(count, np.uint8), np.empty(count, np.int32)
    _copy(
        (stock.vertices, stock.faces, stock.material), (_starts(corner_counts), _starts(face_counts)),
        np.ascontiguousarray(source, np.int64), (np.ascontiguousarray(linear), np.ascontiguousarray(offset)),
        (vertices, faces, material, owner),
    )  # fmt: skip
    return Mesh(vertices, faces, material), owner


def _starts(counts: Indices) -> Indices:
    """Where each of some runs begins, and where the last ends (M + 1,)."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


_compiled = njit(nogil=True, cache=True, error_model="numpy")


@_compiled  # type: ignore[untyped-decorator]
def _copy(stock: Any, starts: Any, source: Any, placed: Any, made: Any) -> None:
    corners, triangles, substance = stock
    corner_start, face_start = starts
    linear, offset = placed
    vertices, faces, material, owner = made
    v, f = 0, 0
    for n in range(len(source)):
        m = source[n]
        a, b, c = linear[n, 0], linear[n, 1], linear[n, 2]
        x0, y0, z0 = offset[n, 0], offset[n, 1], offset[n, 2]
        moved_by = v - corner_start[m]
        for i in range(corner_start[m], corner_start[m + 1]):
            x, y, z = corners[i, 0], corners[i, 1], corners[i, 2]
            vertices[v, 0] = x0 + a[0] * x + a[1] * y + a[2] * z
            vertices[v, 1] = y0 + b[0] * x + b[1] * y + b[2] * z
            vertices[v, 2] = z0 + c[0] * x + c[1] * y + c[2] * z
            v += 1
        for i in range(face_start[m], face_start[m + 1]):
            for k in range(3):
                faces[f, k] = triangles[i, k] + moved_by
            material[f] = substance[i]
            owner[f] = n
            f += 1
