"""Several surfaces, each where it now stands, met by one cast: the street and every actor in it.

Embree moves each packet into the frame of every surface whose box it enters (an *instance*), so what moves needs no
BVH of its own in each frame, only a new tree over the boxes: a millisecond for fifty actors.  Rays come as a picture or
a sweep has them, a grid, and are traced in tiles, whose sixteen rays stay closer together than sixteen in a row: a
tenth of the time less.

What a stranger would get wrong: the tiles are those of the grid, whoever casts them, so that threads change nothing;
and a normal is in the frame of the surface that was met.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces import embree
from scanyard.carla_server.surfaces.embree import (
    DIRECTION,
    EVERY_BIT,
    FACE,
    FAR,
    GEOMETRY,
    INSTANCE,
    MASK,
    NEAR,
    NORMAL,
    NOTHING,
    ORIGIN,
    PACKET,
    ROBUST,
    ROWS,
    compiled,
    intersect16,
    load_embree,
    occluded16,
    packet_memory,
)

Array32 = NDArray[np.float32]
Words = NDArray[np.uint32]
Floats = NDArray[np.float64]

SQUARE, WIDE, TALL = (4, 4), (2, 8), (16, 1)
"""Rows and columns of a packet: of a picture, of a sweep, whose beams lie far apart, and of rays in a single column."""
_PART = 1024
"""Packets a thread takes at a time, about."""
_INSTANCE_GEOMETRY, _COLUMNS_OF_3X4 = 121, 0x9234


class Met(NamedTuple):
    """What M rays met first; every array is indexed alike and the caller's own, to write into."""

    range_m: Array32
    """(M,) distance along the unit direction; inf where nothing was met."""
    face: Words
    """(M,) number of the face among those of all surfaces; that of nothing where nothing was met."""
    surface: Words
    """(M,) which surface; 0 where nothing was met."""
    cosine: Array32
    """(M,) cosine between ray and normal, 0 to 1, or none at all where it was not asked for."""


class Ensemble:
    """Surfaces to be cast at together."""

    def __init__(
        self, bvhs: Sequence[embree.Bvh], frame_from_surface: Floats, first_face: Sequence[int], nothing: int
    ) -> None:
        """N surfaces that stand at ``frame_from_surface`` (N, 4, 4), without faces or with.

        Faces of each are numbered from its ``first_face`` (N,); ``nothing`` is the number where nothing is met.
        """
        library, device = load_embree()
        self._bvhs = tuple(bvhs)  # whose memory Embree reads
        self._first_face = np.array(first_face, np.uint32)
        self._nothing = nothing
        self._turn = np.ascontiguousarray(frame_from_surface[:, :3, :3], dtype=np.float32).reshape(-1, 9)
        columns = np.ascontiguousarray(frame_from_surface[:, :3, :].transpose(0, 2, 1), dtype=np.float32)
        self._scene: int = library.rtcNewScene(device)
        weakref.finalize(self, library.rtcReleaseScene, self._scene)
        library.rtcSetSceneFlags(self._scene, ROBUST)
        at, step = columns.ctypes.data, columns.strides[0]
        for place, bvh in enumerate(self._bvhs):
            geometry = library.rtcNewGeometry(device, _INSTANCE_GEOMETRY)
            library.rtcSetGeometryInstancedScene(geometry, bvh.scene)
            library.rtcSetGeometryTransform(geometry, 0, _COLUMNS_OF_3X4, at + place * step)
            library.rtcCommitGeometry(geometry)
            library.rtcAttachGeometryByID(self._scene, geometry, place)
            library.rtcReleaseGeometry(geometry)
        library.rtcCommitScene(self._scene)
        if error := library.rtcGetDeviceError(device):
            raise MemoryError(f"Embree cannot build a scene of {len(self._bvhs)} surfaces, its error is {error}")

    def cast(
        self,
        origin: Array32,
        direction: Array32,
        *,
        reach_m: float = np.inf,
        tile: tuple[int, int] = TALL,
        with_cosine: bool = False,
    ) -> Met:
        """What a grid of R rows by C columns of rays meets first, row by row.

        They start at ``origin`` (3, R), one to each row, along unit ``direction`` (3, R * C); ``tile`` says which rays
        share a packet.
        """
        rows, count = origin.shape[1], direction.shape[1]
        met = Met(
            np.empty(count, np.float32), np.empty(count, np.uint32), np.empty(count, np.uint32),
            np.empty(count if with_cosine else 0, np.float32),
        )  # fmt: skip
        if not count:
            return met
        grid = (rows, count // rows, *tile)

        def cast_part(part: slice) -> None:
            packet, where = packet_memory()
            _cast(
                self._scene, where, origin, direction, grid, (part.start, part.stop), np.float32(reach_m),
                self._first_face, self._turn, self._nothing, packet, packet.view(np.uint32), *met,
            )  # fmt: skip

        tile_rows, tile_columns = -(-rows // tile[0]), -(-grid[1] // tile[1])
        embree.share(cast_part, tile_rows, max(_PART // tile_columns, 1), self._bvhs[0].threads)
        return met

    def blocked(
        self, start: Array32, direction: Array32, reach_m: float = np.inf, *, coherent: bool = True
    ) -> NDArray[np.bool_]:
        """Whether rays from ``start`` (3, M) along ``direction`` (3, M) meet anything within ``reach_m``.

        Say where neighbours are not ``coherent``, but look all ways.
        """
        met = np.empty(start.shape[1], np.bool_)

        def cast_part(part: slice) -> None:
            packet, where = packet_memory(coherent=coherent)
            _block(
                self._scene, where, start, direction, (part.start, part.stop), np.float32(reach_m), packet,
                packet.view(np.uint32), met,
            )  # fmt: skip

        if len(met):
            embree.share(cast_part, -(-len(met) // PACKET), _PART, self._bvhs[0].threads)
        return met


def _cast_tiles(  # noqa: PLR0917  # compiled calls are cheapest by position
    scene: int,
    where: tuple[int, int, int],
    origin: Array32,
    direction: Array32,
    grid: tuple[int, int, int, int],
    part: tuple[int, int],
    reach_m: np.float32,
    first_face: Words,
    turn: Array32,
    nothing: int,
    packet: Array32,
    words: Words,
    range_m: Array32,
    face: Words,
    surface: Words,
    cosine: Array32,
) -> None:
    mask, packet_at, arguments = where
    rows, columns, tall, wide = grid
    _prepare(packet, words)
    for top in range(part[0] * tall, part[1] * tall, tall):
        for a in range(tall):
            row = min(top + a, rows - 1)
            for i in range(a * wide, (a + 1) * wide):
                for axis in range(3):
                    packet[ORIGIN + axis, i] = origin[axis, row]
        for left in range(0, columns, wide):
            for a in range(tall):
                first = min(top + a, rows - 1) * columns
                for b in range(wide):
                    i, ray = a * wide + b, first + min(left + b, columns - 1)
                    for axis in range(3):
                        packet[DIRECTION + axis, i] = direction[axis, ray]
                    packet[FAR, i] = reach_m
                    words[GEOMETRY, i] = NOTHING
                    words[ROWS, i] = EVERY_BIT if top + a < rows and left + b < columns else 0
            intersect16(mask, scene, packet_at, arguments)
            for a in range(min(tall, rows - top)):
                for b in range(min(wide, columns - left)):
                    i, ray = a * wide + b, (top + a) * columns + left + b
                    is_met = words[GEOMETRY, i] != NOTHING
                    which = words[INSTANCE, i] if is_met else np.uint32(0)
                    range_m[ray], surface[ray] = packet[FAR, i] if is_met else np.float32(np.inf), which
                    face[ray] = first_face[which] + words[FACE, i] if is_met else nothing
                    if len(cosine):
                        cosine[ray] = _cosine(packet, i, direction, ray, turn, which)


def _block_packets(  # noqa: PLR0917
    scene: int,
    where: tuple[int, int, int],
    start: Array32,
    direction: Array32,
    part: tuple[int, int],
    reach_m: np.float32,
    packet: Array32,
    words: Words,
    met: NDArray[np.bool_],
) -> None:
    mask, packet_at, arguments = where
    count = len(met)
    _prepare(packet, words)
    for first in range(part[0] * PACKET, min(part[1] * PACKET, count), PACKET):
        for i in range(PACKET):
            ray = min(first + i, count - 1)
            for axis in range(3):
                packet[ORIGIN + axis, i] = start[axis, ray]
                packet[DIRECTION + axis, i] = direction[axis, ray]
            packet[FAR, i] = reach_m
            words[ROWS, i] = EVERY_BIT if first + i < count else 0
        occluded16(mask, scene, packet_at, arguments)
        for i in range(min(PACKET, count - first)):
            met[first + i] = packet[FAR, i] == -np.inf


def _prepare_packet(packet: Array32, words: Words) -> None:
    """Fill in what Embree leaves as it is."""
    for i in range(PACKET):
        packet[NEAR, i] = 0.0
        words[MASK, i] = EVERY_BIT
        words[INSTANCE, i] = NOTHING


def _cosine_of(  # noqa: PLR0917
    packet: Array32, i: int, direction: Array32, ray: int, turn: Array32, which: int
) -> np.float32:
    """Between a ray and the normal of the face it met, which is in the frame of its surface."""
    x, y, z = packet[NORMAL, i], packet[NORMAL + 1, i], packet[NORMAL + 2, i]
    along = np.float32(0.0)
    for axis in range(3):
        along += direction[axis, ray] * (
            turn[which, 3 * axis] * x + turn[which, 3 * axis + 1] * y + turn[which, 3 * axis + 2] * z
        )
    length = np.sqrt(x * x + y * y + z * z)
    return abs(along) / length if length > 0 else np.float32(0.0)


_prepare = compiled(_prepare_packet)
_cosine = compiled(_cosine_of)
_cast = cast(Callable[..., None], compiled(_cast_tiles))
_block = cast(Callable[..., None], compiled(_block_packets))
