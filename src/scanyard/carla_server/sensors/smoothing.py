"""Normals that turn smoothly over curved bodies, so that a car of flat faces shines like sheet metal.

A corner of a face takes the mean normal, by area, of the faces that share its vertex and are bent against it by less
than ``CREASE_DEG``; within the face the corners' normals are blended.  Depth, outlines and shadows keep to the flat
faces.  Winding carries no meaning in our meshes, so normals are turned to one side before they are averaged.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh

Array32 = NDArray[np.float32]

CREASE_DEG = 38.0
"""Sheet metal is bent more sharply only where there is an edge to be seen."""
KEPT_MESHES = 768
_ENDINGS = ("_PAINT", "_GLASS", "_METAL", "SKIN", "TOP", "TROUSERS", "HAIR", "COAT", "JEANS", "KHAKI", "FUR", "HELMET",
            "CHROME", "_TYRE", "_CANVAS")  # fmt: skip

CURVED = np.array([material.name.endswith(_ENDINGS) for material in Material])
"""(K,) whether faces of each material stand for something curved."""


class CornerNormals:
    """Those of the meshes used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[Mesh, Array32]] = OrderedDict()
        self._joined: tuple[Mesh, Array32] | None = None

    def of(self, mesh: Mesh) -> Array32:
        """Unit normals (F, 3, 3) at the three corners of each face; zero where faces are not curved."""
        found = self._kept.get(id(mesh))
        if found is None or found[0] is not mesh:
            found = mesh, corner_normals(mesh)
        self._kept[id(mesh)] = found
        self._kept.move_to_end(id(mesh))
        while len(self._kept) > KEPT_MESHES:
            self._kept.popitem(last=False)
        return found[1]

    def of_all(self, meshes: Sequence[Mesh], whole: Mesh) -> Array32:
        """Those of several meshes, one after the other, which make up ``whole``; kept until ``whole`` is another."""
        if self._joined is None or self._joined[0] is not whole:
            self._joined = whole, np.concatenate([self.of(mesh) for mesh in meshes])
        return self._joined[1]


def corner_normals(mesh: Mesh) -> Array32:
    """Unit normals (F, 3, 3) at the three corners of each face; zero where faces are not curved."""
    found = np.zeros((len(mesh.faces), 3, 3), np.float32)
    curved = np.flatnonzero(CURVED[mesh.material])
    if len(curved):
        faces = mesh.faces[curved].astype(np.int64)
        corners = mesh.vertices[faces]
        edge, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        cross = np.stack([edge[:, i] * other[:, j] - edge[:, j] * other[:, i] for i, j in ((1, 2), (2, 0), (0, 1))], 1)
        smooth = np.zeros((len(curved), 3, 3), np.float32)
        _average(
            faces, cross.astype(np.float32), len(mesh.vertices), np.float32(np.cos(np.deg2rad(CREASE_DEG))), smooth
        )
        found[curved] = smooth
    return found


def blend(mesh: Mesh, corners: Array32, face: NDArray[np.int64], point: Array32, normal: Array32) -> None:
    """Replace ``normal`` (3, K) by the blended one, on the same side, where the face (K,) is curved.

    ``point`` (3, K) is where on the face; ``corners`` (F, 3, 3) are the normals at the faces' corners; everything is in
    the mesh's frame.
    """
    _blend(mesh.vertices, mesh.faces, corners, face, point, normal)


def _average_corners(
    faces: NDArray[np.int64], cross: Array32, vertex_count: int, least_cosine: np.float32, smooth: Array32
) -> None:
    count = len(faces)
    first = np.zeros(vertex_count + 1, np.int64)
    for f in range(count):
        for corner in range(3):
            first[faces[f, corner] + 1] += 1
    for vertex in range(vertex_count):
        first[vertex + 1] += first[vertex]
    at = first[:-1].copy()
    sharing = np.empty(3 * count, np.int64)
    for f in range(count):
        for corner in range(3):
            vertex = faces[f, corner]
            sharing[at[vertex]] = f
            at[vertex] += 1
    length = np.empty(count, np.float32)
    for f in range(count):
        length[f] = np.sqrt(cross[f, 0] ** 2 + cross[f, 1] ** 2 + cross[f, 2] ** 2)
    for f in range(count):
        if length[f] <= 0:
            continue
        for corner in range(3):
            vertex = faces[f, corner]
            x = y = z = np.float32(0)
            for n in range(first[vertex], first[vertex + 1]):
                g = sharing[n]
                if length[g] <= 0:
                    continue
                dot = cross[f, 0] * cross[g, 0] + cross[f, 1] * cross[g, 1] + cross[f, 2] * cross[g, 2]
                if abs(dot) >= least_cosine * length[f] * length[g]:
                    side = np.float32(1) if dot > 0 else np.float32(-1)
                    x += side * cross[g, 0]
                    y += side * cross[g, 1]
                    z += side * cross[g, 2]
            scale = np.float32(1) / np.sqrt(x * x + y * y + z * z)
            smooth[f, corner, 0], smooth[f, corner, 1], smooth[f, corner, 2] = x * scale, y * scale, z * scale


def _blend_normals(  # noqa: PLR0917  # compiled calls are cheapest by position
    vertices: Array32,
    faces: NDArray[np.uint32],
    corners: Array32,
    face: NDArray[np.integer],
    point: Array32,
    normal: Array32,
) -> None:
    for k in range(len(face)):
        f = face[k]
        if corners[f, 0, 0] == 0 and corners[f, 0, 1] == 0 and corners[f, 0, 2] == 0:
            continue
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        d00 = d01 = d11 = d20 = d21 = np.float32(0)
        for i in range(3):
            e, g, h = vertices[b, i] - vertices[a, i], vertices[c, i] - vertices[a, i], point[i, k] - vertices[a, i]
            d00 += e * e
            d01 += e * g
            d11 += g * g
            d20 += h * e
            d21 += h * g
        area = d00 * d11 - d01 * d01
        if area <= 0:
            continue
        v = min(max((d11 * d20 - d01 * d21) / area, np.float32(0)), np.float32(1))
        w = min(max((d00 * d21 - d01 * d20) / area, np.float32(0)), np.float32(1) - v)
        u = np.float32(1) - v - w
        x = u * corners[f, 0, 0] + v * corners[f, 1, 0] + w * corners[f, 2, 0]
        y = u * corners[f, 0, 1] + v * corners[f, 1, 1] + w * corners[f, 2, 1]
        z = u * corners[f, 0, 2] + v * corners[f, 1, 2] + w * corners[f, 2, 2]
        side = np.float32(1) if x * normal[0, k] + y * normal[1, k] + z * normal[2, k] > 0 else np.float32(-1)
        scale = side / np.sqrt(x * x + y * y + z * z)
        normal[0, k], normal[1, k], normal[2, k] = x * scale, y * scale, z * scale


_compiled = njit(nogil=True, cache=True, error_model="numpy")
_average = cast(Callable[..., None], _compiled(_average_corners))
_blend = cast(Callable[..., None], _compiled(_blend_normals))
