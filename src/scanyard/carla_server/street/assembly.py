"""Many copies of a few meshes, each stretched, turned and put somewhere, in one mesh.

All copies are made at once: a region of the street is some thousand of them, and a handful of numpy calls for each
would take longer than everything else.  Written without matrix products, because BLAS may round differently with
another number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.mesh import Mesh

Floats = NDArray[np.float64]


def assembled(
    meshes: Sequence[Mesh], source: NDArray[np.int64], linear: Floats, offset: Floats
) -> tuple[Mesh, NDArray[np.int32]]:
    """Copies of ``meshes``, and whose each of the F faces is.

    Copy n of N is the mesh number ``source[n]``, its vertices multiplied by ``linear[n]`` (N, 3, 3) and shifted by
    ``offset[n]`` (N, 3).  Copies are numbered in the second value (F,), and stand in their order in the first.
    """
    if not len(source):
        return Mesh.empty(), np.zeros(0, np.int32)
    stock = Mesh.joined(meshes)
    vertices, first_vertex = _copied([len(mesh.vertices) for mesh in meshes], source)
    faces, first_face = _copied([len(mesh.faces) for mesh in meshes], source)
    of_vertex = np.repeat(np.arange(len(source)), np.diff(first_vertex))
    owner = np.repeat(np.arange(len(source), dtype=np.int32), np.diff(first_face))
    placed = np.empty((len(vertices), 3), np.float32)
    drawn = stock.vertices.take(vertices, axis=0)
    by_row, shift = linear.astype(np.float32), offset.astype(np.float32)
    for row in range(3):
        to = shift[:, row].take(of_vertex)
        for column in range(3):
            to += by_row[:, row, column].take(of_vertex) * drawn[:, column]
        placed[:, row] = to
    starts = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    moved_by = (first_vertex[:-1] - starts[source]).astype(np.int64)
    corners = stock.faces.take(faces, axis=0).astype(np.int64) + moved_by.take(owner)[:, None]
    return Mesh(placed, corners.astype(np.uint32), stock.material.take(faces)), owner


def _copied(counts: Sequence[int], source: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of a stock to take, so many of each source as ``counts`` says, and where each copy's begin (N + 1,)."""
    size = np.asarray(counts, np.int64)
    starts = np.concatenate([[0], np.cumsum(size)[:-1]])
    first = np.concatenate([[0], np.cumsum(size[source])])
    return np.repeat(starts[source] - first[:-1], size[source]) + np.arange(first[-1]), first
