"""The ground of a map: lanes, kerbs, sidewalks, verges and the land beyond, and how high it is anywhere.

Everything is in CARLA's left-handed frame; the road map is right-handed, and this module is where it is turned over.
Built once per map.  ``height`` asks the very triangles that sensors see, so nothing floats or sinks.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from scanyard.carla_server.street import crossings
from scanyard.carla_server.street.relief import DEEPEST_M, Crown, resampled, rolling, roughness, unevenness
from scanyard.carla_server.street.structures import StructureLike
from scanyard.carla_server.street.traffic_signs import SignalLike
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, sheet
from scanyard.carla_server.surfaces.raycast import Surface
from scanyard.geometry import Transform

Floats = NDArray[np.float64]

KERB_M = 0.12
CELL_M = 0.5  # of the raster that knows where lanes are
LAND_CELL_M = 6.0
VERGE_STEP_M = 1.0
VERGE_REACHES_M = (0.5, 1.1, 1.8, 2.6, 3.5, 4.6, 6.0, 8.0)  # where grass beside the road is drawn: nearer, finer
VERGE_SUNK_M = 0.6
OVERLAP_M = 0.02  # of the asphalt of roads that meet
STRIP_SUNK_M = 0.06
CROWNED = ("driving", "parking", "shoulder")
LINE_M, LINE_LIFT_M = 0.13, 0.008  # width of a painted line, and how far above the road it is drawn
MARGIN_M = 150.0  # land beyond the outermost lane: as far as a LiDAR sees


class StripLike(Protocol):
    """What is asked of a strip of ``scanyard.roads``."""

    @property
    def road_id(self) -> int:
        """The OpenDRIVE road."""

    @property
    def lane_id(self) -> int:
        """The OpenDRIVE lane."""

    @property
    def kind(self) -> str:
        """driving, parking, sidewalk, shoulder or other."""

    @property
    def in_junction(self) -> bool:
        """Whether the lane belongs to a junction."""

    @property
    def left(self) -> Floats:
        """(K, 3) left edge, right-handed world, metres."""

    @property
    def right(self) -> Floats:
        """(K, 3) right edge."""


class RoadMapLike(Hashable, Protocol):
    """What is asked of ``scanyard.roads.RoadMap``."""

    @property
    def name(self) -> str:
        """The map's name; keys its scenery."""

    @property
    def signals(self) -> Sequence[SignalLike]:
        """Traffic lights and signs."""

    @property
    def structures(self) -> Sequence[StructureLike]:
        """Buildings and walls of the map itself."""

    def spawn_points(self) -> Sequence[Transform]:
        """Where vehicles may appear, right-handed."""

    def crosswalks(self) -> Sequence[Floats]:
        """Outlines (K, 3) of zebra crossings, right-handed."""

    def strips(self, step_m: float = 2.0) -> Sequence[StripLike]:
        """The lanes as pairs of polylines."""


@dataclass(frozen=True)
class Edge:
    """A stretch of road border with no lane beyond it: where the roadside begins."""

    road_id: int
    kind: str
    """Of the outermost lane: driving, parking, sidewalk, shoulder or other."""
    points: Floats
    """(K, 3) left-handed world, metres."""
    outward: Floats
    """(K, 2) unit vectors away from the road."""
    width_m: float
    """Of the outermost lane."""


@dataclass(frozen=True)
class ParkingLane:
    """The middle of a parking lane."""

    road_id: int
    points: Floats
    """(K, 3) left-handed world, metres."""
    width_m: float


class Ground:
    """The ground of one map."""

    def __init__(self, road_map: RoadMapLike) -> None:
        strips = [_Lane(strip) for strip in road_map.strips() if len(strip.left) > 1]
        self._cover = _Cover(strips)
        self.edges = [edge for lane in strips for edge in self._borders(lane)]
        self.parking = [
            ParkingLane(lane.road_id, (lane.left + lane.right) / 2, lane.width_m)
            for lane in strips
            if lane.kind == "parking"
        ]
        self.appearances = np.array([_left_handed_place(one) for one in road_map.spawn_points()]).reshape(-1, 3)
        """(K, 3) x, y and heading in radians where vehicles may appear: nothing is put in their way."""
        known = np.concatenate([np.concatenate([lane.left, lane.right]) for lane in strips])
        self._heights = cKDTree(known[:, :2]), known[:, 2]
        crown = Crown(
            [lane.left for lane in strips if abs(lane.lane_id) == 1 and not lane.in_junction],
            [side for lane in strips if lane.in_junction for side in (lane.left, lane.right)],
        )
        parts = [part for lane in strips for part in _lane_sheets(lane, crown)]
        parts += [self._verge(edge) for edge in self.edges]
        parts.append(self._land(known))
        parts += crossings.zebras(
            crossings.left_handed(road_map.crosswalks()), lambda xy: unevenness(xy) + crown.at(xy)
        )
        parts += crossings.stop_lines(road_map.signals, lambda xy: unevenness(xy) + crown.at(xy))
        self.mesh = Mesh.joined(parts)
        corners = self.mesh.vertices[self.mesh.faces]
        self.face_center: NDArray[np.float32] = corners[..., :2].mean(axis=1)
        self._surface = Surface(self.mesh)

    def height(self, x: Floats | float, y: Floats | float) -> Floats:
        """Height of the ground at ``x``, ``y`` (...), metres; beyond the land's end, that of the nearest lane."""
        x, y = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        top = float(self.mesh.high[2]) + 1.0
        rays = np.zeros((x.size, 6), np.float32)
        rays[:, 0], rays[:, 1], rays[:, 2], rays[:, 5] = x.ravel(), y.ravel(), top, -1.0
        range_m = self._surface.cast(rays).range_m.astype(np.float64)
        found = top - range_m
        beyond = ~np.isfinite(range_m)
        if beyond.any():
            tree, heights = self._heights
            found[beyond] = heights[tree.query(rays[beyond, :2])[1]]
        return found.reshape(x.shape)

    def below(self, points: Floats) -> Floats:
        """Height (M,) of the first ground straight below points (M, 3), so under a bridge that of the road there.

        Where a point has none below, the ground above it, if there is any; -inf beyond the land's end.
        """
        rays = np.zeros((len(points), 6), np.float32)
        rays[:, :3], rays[:, 5] = points, -1.0
        found = rays[:, 2].astype(np.float64) - self._surface.cast(rays).range_m
        sunk = np.flatnonzero(~np.isfinite(found))
        if len(sunk):
            rays[sunk, 2] = float(self.mesh.high[2]) + 1.0
            found[sunk] = rays[sunk, 2] - self._surface.cast(rays[sunk]).range_m
        return found

    def clearance(self, x: Floats, y: Floats) -> Floats:
        """Distance from ``x``, ``y`` (...) to the nearest lane of any kind, 0 upon it, metres (to half a metre)."""
        return self._cover.distance(x, y)

    def clearance_of(self, x: float, y: float) -> float:
        """The same for a single place: roadsides ask for thousands, one by one."""
        return self._cover.distance_of(x, y)

    def _borders(self, lane: _Lane) -> list[Edge]:
        """The pieces of a lane's two edges with nothing beyond."""
        if lane.in_junction:
            return []
        found = []
        for points, across in ((lane.left, lane.left - lane.right), (lane.right, lane.right - lane.left)):
            outward = across[:, :2] / np.maximum(np.linalg.norm(across[:, :2], axis=1, keepdims=True), 1e-6)
            probe = points[:, :2] + 1.2 * outward
            free = self._cover.distance(probe[:, 0], probe[:, 1]) > 0.4
            for run in _runs(free):
                if len(run) > 1:
                    found.append(Edge(lane.road_id, lane.kind, points[run], outward[run], lane.width_m))
        return found

    def _verge(self, edge: Edge) -> Mesh:
        """Grass from the road's border down to the land."""
        line = resampled(np.c_[edge.points, edge.outward], VERGE_STEP_M)
        points, outward = line[:, :3], line[:, 3:]
        inner = points + np.array([0, 0, -0.03 - DEEPEST_M if edge.kind != "sidewalk" else KERB_M - 0.02])
        rows = [inner]
        for reach in VERGE_REACHES_M:
            xy = points[:, :2] + reach * outward
            z = points[:, 2] + rolling(xy) * reach / 8.0 - (0.04 * reach if reach < 8 else 0.6)
            if edge.kind != "sidewalk":
                z -= DEEPEST_M * max(0.0, 1.0 - reach / 2.0)
            # Beside a junction or a bend a verge may reach other lanes: there it goes under.
            crossed = np.clip((reach - self._cover.distance(*xy.T) - 0.6) / 1.5, 0.0, 1.0)
            rows.append(np.c_[xy, z + min(0.015 + 0.02 * reach, 0.06) * roughness(xy) - VERGE_SUNK_M * crossed])
        return sheet(np.stack(rows), Material.GRASS)

    def _land(self, known: Floats) -> Mesh:
        """A coarse grid that follows the roads' heights, sunk where lanes cover it."""
        low, high = known[:, :2].min(axis=0) - MARGIN_M, known[:, :2].max(axis=0) + MARGIN_M
        xs, ys = (np.arange(low[i], high[i] + LAND_CELL_M, LAND_CELL_M) for i in (0, 1))
        grid = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1)
        tree, heights = self._heights
        distance, nearest = tree.query(grid.reshape(-1, 2), k=8)
        weight = 1.0 / (distance + 1.0) ** 2
        z = (heights[nearest] * weight).sum(axis=1) / weight.sum(axis=1)
        clear = self._cover.distance(grid[..., 0].ravel(), grid[..., 1].ravel())
        away = np.clip((clear - LAND_CELL_M) / 12.0, 0.0, 1.0)
        z += (
            away * (rolling(grid.reshape(-1, 2)) * 2.0 + 0.08 * roughness(grid.reshape(-1, 2)))
            - (1 - away) * 0.45
            - 0.08
        )
        return sheet(np.concatenate([grid, z.reshape(*grid.shape[:2], 1)], axis=-1), Material.GRASS)


def _left_handed_place(point: Transform) -> tuple[float, float, float]:
    (x, y, _), rotation = point.translation.tolist(), point.rotation
    return x, -y, float(-np.arctan2(rotation[1, 0], rotation[0, 0]))


@lru_cache(maxsize=2)
def ground_of(road_map: RoadMapLike) -> Ground:
    """The ground of a map, made once while the map stays in use: it does not depend on the style."""
    return Ground(road_map)


class _Lane:
    """A strip in CARLA's frame."""

    def __init__(self, strip: StripLike) -> None:
        turned = np.array([1.0, -1.0, 1.0])
        self.road_id, self.lane_id, self.kind = strip.road_id, strip.lane_id, strip.kind
        self.in_junction = strip.in_junction
        self.left = np.asarray(strip.left, dtype=float) * turned
        self.right = np.asarray(strip.right, dtype=float) * turned
        self.width_m = float(np.median(np.linalg.norm(self.left - self.right, axis=1)))


class _Cover:
    """A raster of where lanes are."""

    def __init__(self, lanes: Sequence[_Lane]) -> None:
        points = np.concatenate([_scatter(lane) for lane in lanes])
        self._low: Floats = points.min(axis=0) - 60.0
        self._west, self._north = self._low.tolist()
        size = np.ceil((points.max(axis=0) + 60.0 - self._low) / CELL_M).astype(int)
        covered = np.zeros(size, dtype=bool)
        cell = ((points - self._low) / CELL_M).astype(int)
        covered[cell[:, 0], cell[:, 1]] = True
        self._distance: NDArray[np.float32] = (distance_transform_edt(~covered) * CELL_M).astype(np.float32)
        self._size: tuple[int, int] = (int(size[0]), int(size[1]))

    def distance(self, x: Floats, y: Floats) -> Floats:
        cell = np.stack([(x - self._low[0]) / CELL_M, (y - self._low[1]) / CELL_M]).astype(int)
        inside = np.clip(cell, 0, np.array(self._distance.shape).reshape(2, *[1] * (cell.ndim - 1)) - 1)
        beyond = np.abs(cell - inside).max(axis=0) * CELL_M
        return np.asarray(self._distance[inside[0], inside[1]] + beyond, dtype=np.float64)

    def distance_of(self, x: float, y: float) -> float:
        column, row = int((x - self._west) / CELL_M), int((y - self._north) / CELL_M)
        columns, rows = self._size
        i, j = min(max(column, 0), columns - 1), min(max(row, 0), rows - 1)
        return float(self._distance[i, j]) + max(abs(column - i), abs(row - j)) * CELL_M


def _scatter(lane: _Lane) -> Floats:
    """Points (M, 2) that leave no cell of a lane empty."""
    length = np.linalg.norm(np.diff(lane.left, axis=0), axis=1).max()
    width = np.linalg.norm(lane.left - lane.right, axis=1).max()
    along = np.linspace(0, 1, int(np.ceil(length / (0.6 * CELL_M))) + 1)[:, None, None, None]
    across = np.linspace(0, 1, int(np.ceil(width / (0.6 * CELL_M))) + 1)[None, :, None, None]
    left = lane.left[:-1, :2] * (1 - along) + lane.left[1:, :2] * along
    right = lane.right[:-1, :2] * (1 - along) + lane.right[1:, :2] * along
    return np.asarray(left * (1 - across) + right * across).reshape(-1, 2)


def _runs(keep: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Stretches of consecutive True."""
    index = np.flatnonzero(keep)
    return np.split(index, np.flatnonzero(np.diff(index) > 1) + 1) if len(index) else []


def _lane_sheets(lane: _Lane, crown: Crown) -> list[Mesh]:
    """A lane's surface, and the kerbs of a sidewalk."""
    across = np.linspace(0, 1, 3 if lane.width_m > 2.5 else 2)[:, None, None]
    rows = lane.left * (1 - across) + lane.right * across
    rows[..., 2] += unevenness(rows[..., :2])
    if lane.kind in CROWNED and not lane.in_junction:
        rows[..., 2] += crown.at(rows[..., :2])
    if lane.kind == "other":
        rows[..., 2] -= STRIP_SUNK_M  # in junctions strips of grass lie across lanes: those are on top
        return [sheet(rows, Material.GRASS)]
    if lane.kind != "sidewalk":
        return [sheet(_overlapping(rows), Material.ASPHALT), *_lines(lane, rows)]
    up = np.array([0, 0, KERB_M])
    raised = rows + up
    kerbs = [sheet(np.stack([row - up / 2, row + up]), Material.KERB) for row in (rows[0], rows[-1])]
    return [sheet(raised, Material.PAVING), *kerbs]


def _overlapping(rows: Floats) -> Floats:
    """A surface (R, K, 3) a little longer at both ends, so that none falls through the seam of two roads."""
    ends = rows[:, [0, -1]]
    onward = ends - rows[:, [1, -2]]
    onward *= OVERLAP_M / np.maximum(np.linalg.norm(onward, axis=-1, keepdims=True), 1e-6)
    first, last = np.split(ends + onward, 2, axis=1)
    return np.concatenate([first, rows, last], axis=1)


def _lines(lane: _Lane, rows: Floats) -> list[Mesh]:
    """Paint on a surface (R, K, 3), from left to right: dashes between lanes, a line along the outer edge."""
    if lane.kind != "driving" or lane.in_junction:
        return []
    wide = LINE_M / max(lane.width_m, LINE_M)
    lift = np.array([0.0, 0.0, LINE_LIFT_M])
    left, right = rows[0], rows[-1]
    outer = sheet(np.stack([right, right * (1 - wide) + left * wide]) + lift, Material.ROAD_LINE)
    if lane.lane_id == 1:  # the lane the other way has drawn the middle line
        return [outer]
    inner = np.stack([left, left * (1 - wide) + right * wide]) + lift
    painted = [sheet(inner[:, i : i + 2], Material.ROAD_LINE) for i in range(1, len(left) - 1, 4)]
    return [outer, *painted]
