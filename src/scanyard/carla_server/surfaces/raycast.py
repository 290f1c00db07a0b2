"""Rays that hit triangles: one ``Surface`` is one Embree BVH, built once and cast into many times.

Two bindings of Embree answer alike (a test holds them to 1e-4 m): Open3D, which is faster and multi-threaded, and
``embreex``, which needs no system library.  What a stranger gets wrong: faces have two sides here, so a normal may
point either way; callers that care turn it towards the ray.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.materials import TRANSPARENT
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.carla_server.surfaces.open3d_library import load_open3d

logger = logging.getLogger(__name__)

_THREADS = int(os.environ.get("SCANYARD_CAST_THREADS", "0"))
"""Threads that cast, 0 for all cores; whoever starts several servers on one machine divides the cores among them."""

Array32 = NDArray[np.float32]
Binding = Literal["open3d", "embreex"]


class FaceHits(NamedTuple):
    """Where M rays met a surface first; every array is indexed alike and the caller's own, to write into."""

    range_m: Array32
    """(M,) distance along the unit direction; inf where nothing was hit."""
    face: NDArray[np.uint32]
    """(M,) index of the face, the number of faces where nothing was hit."""
    normal: Array32
    """(M, 3) unit normal of the face, on whichever side its winding says; zero where nothing was hit."""


class _Bvh(Protocol):
    def cast(self, rays: Array32) -> FaceHits: ...

    def blocked(self, rays: Array32, reach_m: float) -> NDArray[np.bool_]: ...


class Surface:
    """A triangle mesh ready to be cast at."""

    def __init__(self, mesh: Mesh, binding: Binding | None = None) -> None:
        """Build the BVH of ``mesh``; without ``binding`` the best one this machine can load."""
        self.mesh = mesh
        self.material = np.append(mesh.material, np.uint8(0))
        """(F + 1,) ``Material`` of each face, and of nothing."""
        self.transparent = np.append(TRANSPARENT[mesh.material], False)
        """(F + 1,) whether a LiDAR may see through it."""
        self._bvh = (_BINDINGS[binding]() if binding else _best_binding())(mesh)

    def cast(self, rays: Array32) -> FaceHits:
        """First hits of rays (M, 6): origin in metres and unit direction, in the mesh's frame."""
        if not len(self.mesh.faces) or not len(rays):
            count = len(rays)
            nothing = np.full(count, np.inf, np.float32)
            return FaceHits(nothing, np.zeros(count, np.uint32), np.zeros((count, 3), np.float32))
        return self._bvh.cast(np.ascontiguousarray(rays, dtype=np.float32))

    def blocked(self, rays: Array32, reach_m: float = np.inf) -> NDArray[np.bool_]:
        """Whether rays (M, 6) meet anything within ``reach_m``: three fifths of the time of ``cast``, or less."""
        if not len(self.mesh.faces) or not len(rays):
            return np.zeros(len(rays), bool)
        return self._bvh.blocked(np.ascontiguousarray(rays, dtype=np.float32), reach_m)


class _Open3dBvh:
    def __init__(self, mesh: Mesh) -> None:
        open3d = load_open3d()
        self._tensor = open3d.core.Tensor.from_numpy
        self._scene = open3d.t.geometry.RaycastingScene()
        self._faces = np.uint32(len(mesh.faces))
        if len(mesh.faces):
            vertices = np.ascontiguousarray(mesh.vertices, dtype=np.float32)
            faces = np.ascontiguousarray(mesh.faces, dtype=np.uint32)
            self._scene.add_triangles(self._tensor(vertices), self._tensor(faces))

    def cast(self, rays: Array32) -> FaceHits:
        found = self._scene.cast_rays(self._tensor(rays), nthreads=_THREADS)
        return FaceHits(
            found["t_hit"].numpy(),
            np.minimum(found["primitive_ids"].numpy(), self._faces),
            found["primitive_normals"].numpy(),
        )

    def blocked(self, rays: Array32, reach_m: float) -> NDArray[np.bool_]:
        found = self._scene.test_occlusions(self._tensor(rays), tfar=reach_m, nthreads=_THREADS)
        return np.asarray(found.numpy(), dtype=bool)


class _EmbreexBvh:
    def __init__(self, mesh: Mesh) -> None:
        from embreex.mesh_construction import TriangleMesh  # noqa: PLC0415  # only where Open3D cannot load
        from embreex.rtcore_scene import EmbreeScene  # noqa: PLC0415

        vertices = np.ascontiguousarray(mesh.vertices, dtype=np.float32)
        corners = vertices[mesh.faces]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        unit = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
        self._normal = np.concatenate([unit, np.zeros((1, 3), np.float32)])  # the last is that of nothing
        self._scene = EmbreeScene()
        self._triangles = TriangleMesh(self._scene, vertices, np.ascontiguousarray(mesh.faces, dtype=np.int32))

    def cast(self, rays: Array32) -> FaceHits:
        found = self._scene.run(np.ascontiguousarray(rays[:, :3]), np.ascontiguousarray(rays[:, 3:]), output=True)
        missed = found["primID"] < 0
        face = np.where(missed, len(self._normal) - 1, found["primID"]).astype(np.uint32)
        range_m = np.where(missed, np.inf, found["tfar"]).astype(np.float32)
        return FaceHits(range_m, face, self._normal[face])

    def blocked(self, rays: Array32, reach_m: float) -> NDArray[np.bool_]:
        return np.asarray(self.cast(rays).range_m < reach_m)


_BINDINGS: dict[Binding, Callable[[], Callable[[Mesh], _Bvh]]] = {
    "open3d": lambda: _Open3dBvh,
    "embreex": lambda: _EmbreexBvh,
}


@cache
def _best_binding() -> Callable[[Mesh], _Bvh]:
    try:
        load_open3d()
    except (ImportError, OSError) as error:
        logger.warning("casting rays with embreex, because Open3D does not load: %s", error)
        return _EmbreexBvh
    return _Open3dBvh
