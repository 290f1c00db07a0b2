"""Parked vehicles: which stand where, how large they are, and their exact boxes.

Body types and sizes are those of ``shapes.population``: what KITTI's annotators saw parked and driving.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from scanyard.carla_server.shapes import trucks, vehicles
from scanyard.carla_server.shapes.catalogue import MIRRORS, palette
from scanyard.carla_server.shapes.population import CARS, VANS, draw_body
from scanyard.carla_server.street.ground import ParkingLane
from scanyard.carla_server.street.things import EnvironmentObject, object_id
from scanyard.carla_server.surfaces.coarsening import coarsened
from scanyard.carla_server.surfaces.materials import Tag
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.randomness import stream

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """Where a vehicle may be parked; its middle, on the ground plan, and its heading."""

    x: float
    y: float
    yaw: float
    """Radians, x towards y."""
    width_m: float = 2.5
    """From the vehicles that drive by to what is on the other side."""


@dataclass(frozen=True)
class Parked:
    """A parked vehicle and what is needed to draw it."""

    object: EnvironmentObject
    body: str
    variant: int
    color: tuple[float, float, float]
    pitch: float
    """Radians, nose up positive."""

    def mesh(self, *, detailed: bool = True) -> Mesh:
        """Its triangles, turned as it stands, relative to its place on the ground; fewer unless ``detailed``."""
        length, width, height = (2 * half for half in self.object.extent)
        size = (length, width, height)
        if not detailed:
            upright = _coarse(self.body, self.variant).scaled(size)
        elif self.body == "truck":
            upright = trucks.truck("", self.variant, size)[0]
        else:
            upright = vehicles.car(self.body, self.variant, size)
        return upright.moved(yaw=float(np.deg2rad(self.object.transform[4])), pitch=self.pitch)


COARSE_CELL_M = 0.18  # of lorries far away


@lru_cache(maxsize=512)
def _coarse(body: str, variant: int) -> Mesh:
    """A vehicle in few triangles, its box without mirrors stretched to one metre by one by one."""
    if body == "truck":
        drawn = coarsened(trucks.truck("", variant, TRUCK_SIZE_M)[0], COARSE_CELL_M)
    else:
        drawn = vehicles.car(body, variant, (CARS | VANS)[body].mean, coarse=True)
    return drawn.where(~np.isin(drawn.material, MIRRORS)).fitted((-0.5, -0.5, 0.0), (0.5, 0.5, 1.0))


APPEARING_HALF_M = (4.4, 1.4)
"""Half sizes of the longest and of the widest vehicle that clients can spawn, and a hand's breadth."""
LONGEST_HALF_M = 5.0  # of what is parked
VAN_SHARE = 0.09
TRUCK_SHARE = 0.015
TRUCK_SIZE_M = (6.4, 2.25, 2.9)
SPARE_M = 0.2
"""Between a lorry and the lane beside it: its corners reach out where the road bends, and drivers pass within a hand's
breadth."""


def lane_places(lane: ParkingLane, rng: np.random.Generator) -> list[Place]:
    """Places one behind the other along a parking lane, well off its ends."""
    step = np.linalg.norm(np.diff(lane.points[:, :2], axis=0), axis=1)
    along = np.r_[0.0, np.cumsum(step)]
    found = []
    s = 4.0 + float(rng.uniform(0, 2))
    while s < along[-1] - 4.0:
        x, y = (float(np.interp(s, along, lane.points[:, i])) for i in (0, 1))
        ahead = min(s + 1.0, along[-1])
        back = max(s - 1.0, 0.0)
        dx, dy = (
            float(np.interp(ahead, along, lane.points[:, i]) - np.interp(back, along, lane.points[:, i]))
            for i in (0, 1)
        )
        yaw = float(np.arctan2(dy, dx)) + (np.pi if rng.random() < 0.12 else 0.0) + float(rng.normal(0, 0.02))
        aside = float(rng.normal(0, 0.07))
        found.append(Place(x - np.sin(yaw) * aside, y + np.cos(yaw) * aside, yaw, lane.width_m))
        s += 5.4 + float(rng.gamma(1.5, 0.5))
    return found


def in_the_way(parked: Sequence[Parked], appearances: Floats) -> NDArray[np.bool_]:
    """(N,) which of N parked vehicles reach into where a long one may appear, at ``appearances`` (K, 3) x, y, yaw.

    At a bend a fire engine stands across the edges of its lane.
    """
    found = np.zeros(len(parked), bool)
    if not (len(parked) and len(appearances)):
        return found
    boxes = np.array([(*one.object.transform[:2], np.deg2rad(one.object.transform[4])) for one in parked])
    halves = np.array([one.object.extent[:2] for one in parked])
    near = cKDTree(boxes[:, :2]).query_ball_point(appearances[:, :2], math.hypot(*APPEARING_HALF_M) + LONGEST_HALF_M)
    number = np.concatenate([np.asarray(one, np.int64) for one in near])
    place = appearances[np.repeat(np.arange(len(near)), [len(one) for one in near])]
    box, half = boxes[number], halves[number]
    offset, turn = place[:, :2] - box[:, :2], place[:, 2] - box[:, 2]
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    apart = np.zeros(len(number), bool)
    for yaw, own, other in ((box[:, 2], half.T, APPEARING_HALF_M), (place[:, 2], APPEARING_HALF_M, half.T)):
        along = np.abs(offset[:, 0] * np.cos(yaw) + offset[:, 1] * np.sin(yaw))
        across = np.abs(offset[:, 1] * np.cos(yaw) - offset[:, 0] * np.sin(yaw))
        apart |= along > own[0] + other[0] * cos + other[1] * sin
        apart |= across > own[1] + other[0] * sin + other[1] * cos
    found[number[~apart]] = True
    return found


def park(place: Place, key: Sequence[str | int], heights: Floats, without: frozenset[str] = frozenset()) -> Parked:
    """Fill a place with the vehicle that ``key`` decides, ``without`` sizes or variety that are right.

    ``heights`` (3,) is the ground at the place's middle, and 1.2 m ahead of and behind it.
    """
    rng = stream(*key, "vehicle")
    kind = rng.random()
    if kind < TRUCK_SHARE and place.width_m >= TRUCK_SIZE_M[1] + SPARE_M:
        body, size = "truck", _truck_size(rng)
    elif kind < TRUCK_SHARE + VAN_SHARE:
        body, size = draw_body("van", rng, without)
    else:
        body, size = draw_body("car", rng, without)
    pitch = float(np.clip(np.arctan2(heights[1] - heights[2], 2.4), -0.15, 0.15))
    pitch = 0.0 if abs(pitch) < 0.02 else pitch
    z = float(heights[0])
    number = object_id(key)
    lift = size[2] / 2
    center = (
        place.x - float(np.sin(pitch) * np.cos(place.yaw)) * lift,
        place.y - float(np.sin(pitch) * np.sin(place.yaw)) * lift,
        z + float(np.cos(pitch)) * lift,
    )
    label = Tag.TRUCK if body == "truck" else Tag.CAR
    known = EnvironmentObject(
        number, f"Parked_{body}_{number:016x}", int(label),
        (place.x, place.y, z, float(np.rad2deg(pitch)), float(np.rad2deg(place.yaw)), 0.0),
        center, (size[0] / 2, size[1] / 2, size[2] / 2),
    )  # fmt: skip
    variant = int(rng.integers(vehicles.VARIANTS))
    return Parked(known, body, 0 if "variety" in without else variant, palette(int(rng.integers(1000))), pitch)


def _truck_size(rng: np.random.Generator) -> tuple[float, float, float]:
    length, width, height = TRUCK_SIZE_M
    return round(float(rng.normal(length, 0.5)), 3), width, round(float(rng.normal(height, 0.2)), 3)


class Apart:
    """Admits vehicles whose circles along the body touch nobody admitted before."""

    CELL_M = 12.0  # longer than any of them

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], list[tuple[float, float, float, Floats]]] = {}

    def admits(self, parked: Parked) -> bool:
        """Whether it touches nobody; then it is one of them."""
        x, y, _, _, yaw, _ = parked.object.transform
        length, width, _ = parked.object.extent
        reach = max(length, width) + 0.05
        steps = np.linspace(-1, 1, 5) * max(length - width, 0.0)
        turn = np.deg2rad(yaw)
        circles = np.c_[x + steps * np.cos(turn), y + steps * np.sin(turn), np.full(5, width)]
        i, j = int(x // self.CELL_M), int(y // self.CELL_M)
        for neighbour in ((i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1)):
            for other_x, other_y, other_reach, other in self._known.get(neighbour, ()):
                if math.hypot(x - other_x, y - other_y) < reach + other_reach and _touch(circles, other):
                    return False
        self._known.setdefault((i, j), []).append((x, y, reach, circles))
        return True


def _touch(a: Floats, b: Floats) -> bool:
    """Whether any of some circles (K, 3), x, y and radius, comes within 10 cm of any of others."""
    apart = np.hypot(b[:, None, 0] - a[None, :, 0], b[:, None, 1] - a[None, :, 1])
    return bool((apart < b[:, None, 2] + a[None, :, 2] + 0.1).any())
