"""The file format of Detour's navigation meshes, as the client reads them: one tile of triangles in a set file.

Little-endian.  Detour's axes are (x, z, y): its y points up.
"""

from __future__ import annotations

import struct
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.poses import Floats


class WalkMeshLike(Protocol):
    """What is asked of ``walk_mesh.WalkMesh``."""

    @property
    def vertices(self) -> Floats:
        """(V, 3) left-handed world, metres."""

    @property
    def triangles(self) -> NDArray[np.int64]:
        """(T, 3) indices of vertices, clockwise seen from above."""

    @property
    def area(self) -> NDArray[np.uint8]:
        """(T,) what each is to walk on; its flag is ``1 << area``."""

    @property
    def neighbour(self) -> NDArray[np.int64]:
        """(T, 3) the triangle beyond each edge, -1 for none."""


SET_HEADER = struct.Struct("<3i5f2i")
TILE_HEADER = struct.Struct("<15i10f")
SET_MAGIC, SET_VERSION = 0x4D534554, 1
TILE_MAGIC, TILE_VERSION = 0x444E4156, 7
WALKER_M = (1.8, 0.35, 0.4)
"""Height, radius and step of who walks here, as the tile's header has them."""
MARGIN_M = 1.0

POLYGON = np.dtype(
    [
        ("link", "<u4"),
        ("vertices", "<u2", 6),
        ("neighbours", "<u2", 6),
        ("flags", "<u2"),
        ("count", "u1"),
        ("area", "u1"),
    ]
)
DETAIL = np.dtype([("vertex", "<u4"), ("triangle", "<u4"), ("vertices", "u1"), ("triangles", "u1"), ("pad", "<u2")])
NODE = np.dtype([("low", "<u2", 3), ("high", "<u2", 3), ("index", "<i4")])
LINK_BYTES = 12
OUTER_EDGES = 0b010101
"""Of a detail triangle that is its whole polygon: two bits an edge.  Detour crashes where a polygon has none marked."""
MOST = 0xFFFF
CELLS = MOST - 8
"""Of the volume tree's grid along the mesh's longest side: Detour adds one to a question's upper bound in 16 bits, and
one that wraps to 0 finds nothing near that end of the map."""


def detour(mesh: WalkMeshLike) -> bytes:
    """Return a mesh as one Detour tile in the set file the client reads."""
    if len(mesh.vertices) > MOST or len(mesh.triangles) > MOST:
        raise ValueError(
            f"a tile holds {MOST} vertices and polygons; the mesh has {len(mesh.vertices)} and {len(mesh.area)}"
        )
    points = mesh.vertices[:, [0, 2, 1]].astype("<f4")
    low, high = points.min(axis=0) - MARGIN_M, points.max(axis=0) + MARGIN_M
    count = len(mesh.triangles)
    polygons = np.zeros(count, POLYGON)
    polygons["link"] = 0xFFFFFFFF
    polygons["vertices"][:, :3] = mesh.triangles
    polygons["neighbours"][:, :3] = mesh.neighbour + 1
    polygons["flags"] = 1 << mesh.area.astype(np.uint16)
    polygons["count"], polygons["area"] = 3, mesh.area
    details = np.zeros(count, DETAIL)
    details["triangle"], details["triangles"] = np.arange(count), 1
    corners = np.tile(np.array([0, 1, 2, OUTER_EDGES], np.uint8), (count, 1))
    scale = CELLS / float((high - low).max())
    tree = _volume_tree(points[mesh.triangles], low, scale)
    links = 3 * count
    header = TILE_HEADER.pack(
        TILE_MAGIC, TILE_VERSION, 0, 0, 0, 0, count, len(points), links, count, 0, count, len(tree), 0, count,
        *WALKER_M, *low.tolist(), *high.tolist(), scale,
    )  # fmt: skip
    tile = b"".join(
        (header, points.tobytes(), polygons.tobytes(), bytes(LINK_BYTES * links), details.tobytes(), corners.tobytes(),
         tree.tobytes())
    )  # fmt: skip
    bits = max(1, (count - 1).bit_length())
    size = high - low
    opening = SET_HEADER.pack(
        SET_MAGIC, SET_VERSION, 1, *low.tolist(), float(size[0]), float(size[2]), 1, 1 << bits
    )  # fmt: skip
    return opening + struct.pack("<Ii", 1 << bits, len(tile)) + tile


def _volume_tree(corners: NDArray[np.float32], low: NDArray[np.float32], scale: float) -> NDArray[np.void]:
    """Bounding volumes of triangles (T, 3, 3), depth first: without them every question looks at every triangle.

    A leaf holds its triangle's number; any other node how far to skip where its volume is missed, as a negative number.
    """
    smallest = np.clip(np.floor((corners.min(axis=1) - low) * scale), 0, MOST).astype(np.uint16)
    largest = np.clip(np.ceil((corners.max(axis=1) - low) * scale), 0, MOST).astype(np.uint16)
    middles = smallest.astype(np.int64) + largest
    nodes = np.zeros(2 * len(corners) - 1, NODE)
    # Level by level: ``order`` holds the members of this level's nodes, one node after the other.
    order, at, sizes = np.arange(len(corners)), np.zeros(1, np.int64), np.array([len(corners)])
    while len(order):
        begins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        nodes["low"][at] = np.minimum.reduceat(smallest[order], begins)
        nodes["high"][at] = np.maximum.reduceat(largest[order], begins)
        nodes["index"][at] = np.where(sizes == 1, order[begins], 1 - 2 * sizes)
        spread = np.maximum.reduceat(middles[order], begins) - np.minimum.reduceat(middles[order], begins)
        node = np.repeat(np.arange(len(sizes)), sizes)
        order = order[np.lexsort((middles[order, spread.argmax(axis=1)[node]], node))]
        order, at, sizes = order[sizes[node] > 1], at[sizes > 1], sizes[sizes > 1]
        half = sizes // 2
        at = np.stack([at + 1, at + 2 * half], axis=1).ravel()
        sizes = np.stack([half, sizes - half], axis=1).ravel()
    return nodes
