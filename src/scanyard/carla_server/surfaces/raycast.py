"""Rays that hit triangles: one ``Surface`` is one Embree BVH, built once and cast into many times.

Two bindings of Embree answer alike (a test holds them to 1e-4 m): ours, which casts packets of rays and needs no system
library (``embree``), and Open3D's, for machines on which ours does not load.  What a stranger gets wrong: faces have
two sides here, so a normal may point either way; callers that care turn it towards the ray.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.materials import TRANSPARENT
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.carla_server.surfaces.open3d_library import load_open3d

if TYPE_CHECKING:
    from scanyard.carla_server.surfaces.ensemble import Ensemble

logger = logging.getLogger(__name__)

_THREADS = int(os.environ.get("SCANYARD_CAST_THREADS", "0"))
"""Threads that cast, 0 for all cores; whoever starts several servers on one machine divides the cores among them."""

Array32 = NDArray[np.float32]
Binding = Literal["packets", "open3d"]


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
        self._bvh = (_BINDINGS[binding] if binding else _best_binding())(mesh)

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


def together(
    surfaces: Sequence[Surface], frame_from_surface: NDArray[np.float64], first_face: Sequence[int], nothing: int
) -> Ensemble | None:
    """N surfaces that stand at ``frame_from_surface`` (N, 4, 4), as one; None where packets of rays cannot be cast."""
    if not surfaces or not all(isinstance(surface._bvh, _PacketBvh) for surface in surfaces):
        return None
    from scanyard.carla_server.surfaces.ensemble import Ensemble  # noqa: PLC0415  # as embree below

    bvhs = [surface._bvh.bvh for surface in surfaces if isinstance(surface._bvh, _PacketBvh)]
    return Ensemble(bvhs, frame_from_surface, first_face, nothing)


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


class _PacketBvh:
    def __init__(self, mesh: Mesh) -> None:
        from scanyard.carla_server.surfaces import embree  # noqa: PLC0415  # compiles, or loads what it compiled

        self.bvh = embree.Bvh(mesh, threads=_THREADS or os.cpu_count() or 1)

    def cast(self, rays: Array32) -> FaceHits:
        return FaceHits(*self.bvh.cast(rays))

    def blocked(self, rays: Array32, reach_m: float) -> NDArray[np.bool_]:
        return self.bvh.blocked(rays, reach_m)


_BINDINGS: dict[Binding, Callable[[Mesh], _Bvh]] = {"packets": _PacketBvh, "open3d": _Open3dBvh}


@cache
def _best_binding() -> Callable[[Mesh], _Bvh]:
    try:
        load_packets()
    except ImportError as error:
        logger.warning("casting rays with Open3D, at a quarter of the speed: %s", error)
        return _Open3dBvh
    return _PacketBvh


def load_packets() -> None:
    """Load what the faster binding needs; ImportError says what is missing."""
    from scanyard.carla_server.surfaces import embree  # noqa: PLC0415  # half a second

    embree.load_embree()
