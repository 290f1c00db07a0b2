"""Where pedestrians can walk: sidewalks, crosswalks and roads of a map as one mesh of triangles, as Detour's files are.

The client's pedestrian navigation runs on it: it draws places from sidewalks, crosses at crosswalks, and elsewhere only
as far as the cross factor allows.  What a stranger would get wrong: two triangles are neighbours only if they share
both vertices of an edge, so all outlines are first cut at each other on one grid, and then triangulated face by face.
Everything is in CARLA's left-handed frame, until Detour's axes (x, z, y) are written.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from scanyard.carla_server.protocol.poses import Floats
from scanyard.carla_server.street.ground import KERB_M
from scanyard.roads import RoadMap, Strip

GRID_M = 0.01
"""Corners closer than this are one."""
DEVIATION_M = 0.03
LONGEST_M = 12.0
"""Of a straight edge: paths are searched from the middles of edges."""
BODY_M = 0.3
"""Half a walker's width."""
REACH_OVER_M = 0.05
"""A crosswalk reaches so far into the sidewalk, so that rounding leaves no gap."""
RAMP_M = 0.6
"""From the kerb, over which a crosswalk comes down to the road."""
ROAD_KINDS = frozenset({"driving", "parking", "shoulder"})
FORMAT = 4
"""Grows whenever the same map gives another mesh: clients keep files for ever, by their name."""


class Area(IntEnum):
    """What a polygon is for the client; its flag is ``1 << area``."""

    SIDEWALK = 1
    CROSSWALK = 2
    ROAD = 3


@dataclass(frozen=True)
class WalkMesh:
    """V vertices and T triangles."""

    vertices: Floats
    """(V, 3) left-handed world, metres."""
    triangles: NDArray[np.int64]
    """(T, 3) indices of vertices, clockwise seen from above."""
    area: NDArray[np.uint8]
    """(T,) ``Area``."""
    neighbour: NDArray[np.int64]
    """(T, 3) the triangle beyond the edge from each vertex to the next, -1 for none."""


def file_name(road_map: RoadMap) -> str:
    """The name clients keep a map's mesh under: it changes with what the map says."""
    digest = hashlib.sha256(road_map.xodr.encode()).hexdigest()[:16]
    return f"Carla/Maps/Nav/{road_map.name}-{digest}-{FORMAT}.bin"


def has_sidewalks(road_map: RoadMap) -> bool:
    """Whether pedestrians have anywhere to be: those of the client start on sidewalks only."""
    return any(strip.kind == "sidewalk" and len(strip.left) > 1 for strip in road_map.strips())


@lru_cache(maxsize=4)
def navigation_mesh(road_map: RoadMap) -> bytes:
    """A map's mesh as clients load it; empty where there are no sidewalks."""
    mesh = walk_mesh(road_map)
    return detour(mesh) if len(mesh.triangles) else b""


def walk_mesh(road_map: RoadMap) -> WalkMesh:
    """Triangulate where one can walk."""
    strips = [strip for strip in road_map.strips() if len(strip.left) > 1]
    if not has_sidewalks(road_map):
        none = np.zeros((0, 3), np.int64)
        return WalkMesh(np.zeros((0, 3)), none, np.zeros(0, np.uint8), none)
    sidewalks = _union(_outlines([strip for strip in strips if strip.kind == "sidewalk"]))
    roads = _union(_outlines([strip for strip in strips if strip.kind in ROAD_KINDS]))
    zebras = _union(shapely.Polygon(corners[:, :2] * [1.0, -1.0]) for corners in road_map.crosswalks())
    # A walker's middle stays off walls and kerbs; what that leaves beside a kerb counts as road.
    everything = _shrunk(shapely.union(sidewalks, roads, grid_size=GRID_M))
    sidewalks = _shrunk(sidewalks)
    zebras = shapely.intersection(
        zebras.buffer(BODY_M + REACH_OVER_M, join_style="mitre"), everything, grid_size=GRID_M
    )
    zebras = shapely.difference(zebras, sidewalks, grid_size=GRID_M)
    roads = shapely.difference(everything, shapely.union(sidewalks, zebras, grid_size=GRID_M), grid_size=GRID_M)
    ramp = shapely.difference(zebras, sidewalks.buffer(RAMP_M, quad_segs=2), grid_size=GRID_M)
    lines = [shapely.boundary(region) for region in (sidewalks, zebras, roads, ramp)]
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(lines, grid_size=GRID_M)]))
    faces, area = _labelled(faces, {Area.SIDEWALK: sidewalks, Area.CROSSWALK: zebras, Area.ROAD: roads})
    vertices, triangles, face = _triangulated(faces)
    area = area[face]
    on_kerb = np.zeros(len(vertices), bool)
    on_kerb[triangles[area == Area.SIDEWALK]] = True
    heights = _heights(strips, vertices) + KERB_M * on_kerb
    return WalkMesh(np.c_[vertices, heights], triangles, area, _neighbours(triangles))


def _shrunk(region: shapely.Geometry) -> shapely.Geometry:
    inner = shapely.segmentize(region.buffer(-BODY_M, join_style="mitre"), LONGEST_M)
    return shapely.set_precision(inner, GRID_M)


def _outlines(strips: Sequence[Strip]) -> NDArray[np.object_]:
    """The lanes' outlines, left-handed, with as many corners as their bends and lengths need."""
    edges = shapely.linestrings(
        np.concatenate([edge[:, :2] * [1.0, -1.0] for strip in strips for edge in (strip.left, strip.right)]),
        indices=np.repeat(np.arange(2 * len(strips)), np.repeat([len(strip.left) for strip in strips], 2)),
    )
    edges = shapely.segmentize(shapely.simplify(edges, DEVIATION_M), LONGEST_M)
    coordinates, edge = shapely.get_coordinates(edges, return_index=True)
    pieces = np.split(coordinates, np.searchsorted(edge, np.arange(1, 2 * len(strips))))
    rings = [np.concatenate([left, right[::-1]]) for left, right in zip(pieces[::2], pieces[1::2], strict=True)]
    lengths = [len(ring) for ring in rings]
    outlines: NDArray[np.object_] = shapely.polygons(
        shapely.linearrings(np.concatenate(rings), indices=np.repeat(np.arange(len(rings)), lengths))
    )
    return outlines


def _union(outlines: Iterable[shapely.Polygon]) -> shapely.Geometry:
    return shapely.union_all(shapely.make_valid(np.array(list(outlines), dtype=object)), grid_size=GRID_M)


def _labelled(
    faces: NDArray[np.object_], regions: dict[Area, shapely.Geometry]
) -> tuple[NDArray[np.object_], NDArray[np.uint8]]:
    """The faces that lie in a region, and which."""
    inside = shapely.point_on_surface(faces)
    area = np.zeros(len(faces), np.uint8)
    for which, region in regions.items():
        shapely.prepare(region)
        area[(area == 0) & shapely.contains(region, inside)] = which
    return faces[area > 0], area[area > 0]


def _triangulated(faces: NDArray[np.object_]) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Vertices (V, 2), triangles (T, 3) clockwise seen from above, and the face each triangle is of."""
    parts, face = shapely.get_parts(shapely.constrained_delaunay_triangles(faces), return_index=True)
    corners = shapely.get_coordinates(parts).reshape(-1, 4, 2)[:, :3]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    doubled = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    corners[doubled > 0] = corners[doubled > 0][:, ::-1]
    keep = np.abs(doubled) > GRID_M**2
    cells = np.round(corners[keep].reshape(-1, 2) / GRID_M).astype(np.int64)
    distinct, index = np.unique(cells, axis=0, return_inverse=True)
    return distinct * GRID_M, index.reshape(-1, 3), face[keep]


def _heights(strips: Iterable[Strip], places: Floats) -> Floats:
    """(V,) height of the roads at places (V, 2): between the lane edges nearest to them."""
    edges = np.concatenate([part for strip in strips for part in (strip.left, strip.right)]) * [1.0, -1.0, 1.0]
    distance, nearest = cKDTree(edges[:, :2]).query(places, k=min(3, len(edges)))
    weight = 1.0 / (distance + 1e-3) ** 2
    found: Floats = (edges[nearest, 2] * weight).sum(axis=1) / weight.sum(axis=1)
    return found


def _neighbours(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """(T, 3) the triangle beyond each edge."""
    starts, ends = triangles, np.roll(triangles, -1, axis=1)
    low, high = np.minimum(starts, ends).ravel(), np.maximum(starts, ends).ravel()
    order = np.lexsort((high, low))
    same = (low[order][1:] == low[order][:-1]) & (high[order][1:] == high[order][:-1])
    first, second = order[:-1][same], order[1:][same]
    found = np.full(triangles.size, -1)
    found[first], found[second] = second // 3, first // 3
    return found.reshape(-1, 3)


# --- Detour ----------------------------------------------------------------------------------------------------------

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


def detour(mesh: WalkMesh) -> bytes:
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
    scale = MOST / float((high - low).max())
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
