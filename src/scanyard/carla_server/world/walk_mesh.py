"""Where pedestrians can walk: sidewalks, crosswalks and roads of a map as one mesh of triangles.

What a stranger would get wrong: two triangles are neighbours only if they share both vertices of an edge, so all
outlines are first cut at each other on one grid, and then triangulated face by face.  CARLA's left-handed frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

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


def walk_mesh(road_map: RoadMap) -> WalkMesh:
    """Triangulate where one can walk on a map that has sidewalks."""
    strips = [strip for strip in road_map.strips() if len(strip.left) > 1]
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
