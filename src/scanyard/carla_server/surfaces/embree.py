"""Embree, sixteen rays at a time: the library that the package ``embreex`` ships, called from a compiled loop.

Open3D and embreex hand Embree one ray after another.  Rays of a sensor go almost the same way, and sixteen that are
traced together (a *packet*, marked as coherent) cost a quarter: an HDL-64E sweep of 138,000 rays into 312,000
triangles takes 11 ms on one core, where both take 42.  The loop lets go of the interpreter lock, so threads help, and
a server answers calls while it casts.

What a stranger would get wrong: which rays share a packet can decide, in rare ties, which of two faces is met, so
packets are counted off from the first ray and never depend on how many threads there are.

Names, layouts and numbers are those of Embree 4's C interface (embree4/rtcore.h).
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from typing import Any, cast

import numpy as np
from llvmlite.binding import load_library_permanently
from numba import njit, types
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.mesh import Mesh

Array32 = NDArray[np.float32]
Words = NDArray[np.uint32]

PACKET = 16
PART = 1024 * PACKET
"""Rays a thread takes at a time; whole packets."""

ROBUST = 1 << 2  # RTC_SCENE_FLAG_ROBUST: rays do not slip through between two triangles
_COHERENT = 1 << 16  # RTC_RAY_QUERY_FLAG_COHERENT
EVERY_BIT = 0xFFFFFFFF
_INDEX_BUFFER, _VERTEX_BUFFER = 0, 1
_UINT3, _FLOAT3 = 0x5003, 0x9003
NOTHING = 0xFFFFFFFF  # RTC_INVALID_GEOMETRY_ID

# Rows of RTCRayHit16, which is 16 wide: RTCRay16, then RTCHit16.
ORIGIN, NEAR, DIRECTION, FAR, MASK, NORMAL, FACE, GEOMETRY, INSTANCE = 0, 3, 4, 8, 9, 12, 17, 18, 19
ROWS = 21  # the last, instPrimID, since 4.3
_ALIGNMENT = 64


class _Arguments(ctypes.Structure):
    """RTCIntersectArguments, and the same for RTCOccludedArguments."""

    _fields_ = (
        ("flags", ctypes.c_uint),
        ("feature_mask", ctypes.c_uint),
        ("context", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
        ("intersect", ctypes.c_void_p),
        ("min_width_distance_factor", ctypes.c_float),
    )


_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "rtcNewDevice": (ctypes.c_void_p, (ctypes.c_char_p,)),
    "rtcGetDeviceError": (ctypes.c_int, (ctypes.c_void_p,)),
    "rtcNewScene": (ctypes.c_void_p, (ctypes.c_void_p,)),
    "rtcSetSceneFlags": (None, (ctypes.c_void_p, ctypes.c_int)),
    "rtcCommitScene": (None, (ctypes.c_void_p,)),
    "rtcReleaseScene": (None, (ctypes.c_void_p,)),
    "rtcNewGeometry": (ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)),
    "rtcSetSharedGeometryBuffer": (
        None,
        (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, *[ctypes.c_size_t] * 3),
    ),
    "rtcCommitGeometry": (None, (ctypes.c_void_p,)),
    "rtcAttachGeometry": (ctypes.c_uint, (ctypes.c_void_p, ctypes.c_void_p)),
    "rtcReleaseGeometry": (None, (ctypes.c_void_p,)),
    "rtcAttachGeometryByID": (None, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint)),
    "rtcSetGeometryInstancedScene": (None, (ctypes.c_void_p, ctypes.c_void_p)),
    "rtcSetGeometryTransform": (None, (ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)),
}

_ADDRESSES = (types.intp, types.intp, types.intp, types.intp)
intersect16 = types.ExternalFunction("rtcIntersect16", types.void(*_ADDRESSES))
occluded16 = types.ExternalFunction("rtcOccluded16", types.void(*_ADDRESSES))


@cache
def load_embree() -> tuple[ctypes.CDLL, int]:
    """The library and the device everything is made on; ImportError where the package or its library is missing."""
    try:
        shipped = [file for file in files("embreex") or () if "embree4" in file.name]
    except PackageNotFoundError as error:
        raise ImportError("the package embreex, which ships Embree, is not installed") from error
    if not shipped:
        raise ImportError("the package embreex ships no library named embree4; its version is not one known here")
    path = str(shipped[0].locate())
    try:
        library = ctypes.CDLL(path)
        load_library_permanently(path)  # so that compiled loops find it by name
    except (OSError, RuntimeError) as error:
        raise ImportError(f"Embree does not load: {error}") from error
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    device = library.rtcNewDevice(b"threads=1")  # how a BVH comes out must not depend on threads
    if not device:
        raise ImportError("Embree gives no device on this machine")
    return library, device


class Bvh:
    """The triangles of a mesh, ready to be cast at."""

    def __init__(self, mesh: Mesh, *, threads: int) -> None:
        """Build it; ``threads`` share every cast."""
        library, device = load_embree()
        self.threads = threads
        self._faces = len(mesh.faces)
        # Embree reads sixteen bytes at each vertex: one more, so that the last is not the end of the memory.
        self._vertices = np.zeros((len(mesh.vertices) + 1, 3), np.float32)
        self._vertices[:-1] = mesh.vertices
        self._indices = np.ascontiguousarray(mesh.faces, dtype=np.uint32)
        self.scene: int = library.rtcNewScene(device)
        weakref.finalize(self, library.rtcReleaseScene, self.scene)
        library.rtcSetSceneFlags(self.scene, ROBUST)
        geometry = library.rtcNewGeometry(device, 0)  # RTC_GEOMETRY_TYPE_TRIANGLE
        library.rtcSetSharedGeometryBuffer(
            geometry, _VERTEX_BUFFER, 0, _FLOAT3, self._vertices.ctypes.data, 0, 12, len(mesh.vertices)
        )
        library.rtcSetSharedGeometryBuffer(
            geometry, _INDEX_BUFFER, 0, _UINT3, self._indices.ctypes.data, 0, 12, self._faces
        )
        library.rtcCommitGeometry(geometry)
        library.rtcAttachGeometry(self.scene, geometry)
        library.rtcReleaseGeometry(geometry)
        library.rtcCommitScene(self.scene)
        if error := library.rtcGetDeviceError(device):
            raise MemoryError(f"Embree cannot build a scene of {self._faces} triangles, its error is {error}")

    def cast(self, rays: Array32, reach_m: float = np.inf) -> tuple[Array32, Words, Array32]:
        """Range (M,), face (M,) and unit normal (M, 3) where rays (M, 6) meet a face first, within ``reach_m``.

        Where nothing is met: infinity, the number of faces, and zero.
        """
        count = len(rays)
        range_m, face = np.empty(count, np.float32), np.empty(count, np.uint32)
        normal = np.empty((count, 3), np.float32)

        def cast_part(part: slice) -> None:
            packet, where = packet_memory()
            _cast(
                self.scene, where, rays[part], np.float32(reach_m), self._faces, packet, packet.view(np.uint32),
                range_m[part], face[part], normal[part],
            )  # fmt: skip

        share(cast_part, count, PART, self.threads)
        return range_m, face, normal

    def blocked(self, rays: Array32, reach_m: float = np.inf) -> NDArray[np.bool_]:
        """Whether rays (M, 6) meet any face within ``reach_m``."""
        met = np.empty(len(rays), np.bool_)

        def cast_part(part: slice) -> None:
            packet, where = packet_memory()
            _block(self.scene, where, rays[part], np.float32(reach_m), packet, packet.view(np.uint32), met[part])

        share(cast_part, len(rays), PART, self.threads)
        return met


def share(work: Callable[[slice], None], count: int, size: int, threads: int) -> None:
    """Call ``work`` with all parts, ``size`` long, of ``count`` things; ``threads`` share them."""
    parts = [slice(start, min(start + size, count)) for start in range(0, count, size)]
    if threads == 1 or len(parts) == 1:
        for part in parts:
            work(part)
    else:
        list(_pool(threads).map(work, parts))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="cast")


def packet_memory(*, coherent: bool = True) -> tuple[Array32, tuple[int, int, int]]:
    """Memory for one packet, (21, 16), and the addresses of its mask, of itself and of the arguments.

    ``coherent`` says that its rays will go almost the same way; those that do not take four times as long for it.
    Everything lies in one array, which keeps it alive and aligned as Embree wants it.
    """
    memory = np.zeros((ROWS + 2) * PACKET + _ALIGNMENT // 4, np.float32)
    first = -memory.ctypes.data // 4 % (_ALIGNMENT // 4)
    packet = memory[first : first + (ROWS + 2) * PACKET].reshape(-1, PACKET)
    start = packet.ctypes.data
    mask, arguments = (start + row * PACKET * 4 for row in (ROWS, ROWS + 1))
    _Arguments.from_address(arguments).flags = _COHERENT if coherent else 0
    _Arguments.from_address(arguments).feature_mask = EVERY_BIT
    return packet, (mask, start, arguments)


def _cast_packets(  # noqa: PLR0917  # compiled calls are cheapest by position
    scene: int,
    where: tuple[int, int, int],
    rays: Array32,
    reach_m: np.float32,
    nothing: int,
    packet: Array32,
    words: Words,
    range_m: Array32,
    face: Words,
    normal: Array32,
) -> None:
    mask, start, arguments = where
    count = len(rays)
    for first in range(0, count, PACKET):
        _load(rays, first, min(PACKET, count - first), reach_m, packet, words)
        intersect16(mask, scene, start, arguments)
        for i in range(min(PACKET, count - first)):
            ray = first + i
            if words[GEOMETRY, i] == NOTHING:
                range_m[ray], face[ray] = np.inf, nothing
                normal[ray, 0] = normal[ray, 1] = normal[ray, 2] = 0.0
                continue
            range_m[ray], face[ray] = packet[FAR, i], words[FACE, i]
            x, y, z = packet[NORMAL, i], packet[NORMAL + 1, i], packet[NORMAL + 2, i]
            length = np.sqrt(x * x + y * y + z * z)
            scale = np.float32(1.0) / length if length > 0 else np.float32(0.0)
            normal[ray, 0], normal[ray, 1], normal[ray, 2] = x * scale, y * scale, z * scale


def _block_packets(  # noqa: PLR0917
    scene: int,
    where: tuple[int, int, int],
    rays: Array32,
    reach_m: np.float32,
    packet: Array32,
    words: Words,
    met: NDArray[np.bool_],
) -> None:
    mask, start, arguments = where
    count = len(rays)
    for first in range(0, count, PACKET):
        _load(rays, first, min(PACKET, count - first), reach_m, packet, words)
        occluded16(mask, scene, start, arguments)
        for i in range(min(PACKET, count - first)):
            met[first + i] = packet[FAR, i] == -np.inf


def _load_packet(  # noqa: PLR0917
    rays: Array32, first: int, count: int, reach_m: np.float32, packet: Array32, words: Words
) -> None:
    """Fill a packet with ``count`` rays, and switch off its other places."""
    for i in range(PACKET):
        ray = first + min(i, count - 1)
        for axis in range(3):
            packet[ORIGIN + axis, i] = rays[ray, axis]
            packet[DIRECTION + axis, i] = rays[ray, 3 + axis]
        packet[NEAR, i] = 0.0
        packet[FAR, i] = reach_m
        words[MASK, i] = EVERY_BIT
        words[GEOMETRY, i] = NOTHING
        words[ROWS, i] = 0xFFFFFFFF if i < count else 0


compiled = njit(nogil=True, cache=True, error_model="numpy")
_load = compiled(_load_packet)
_cast = cast(Callable[..., None], compiled(_cast_packets))
_block = cast(Callable[..., None], compiled(_block_packets))
