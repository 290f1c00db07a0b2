"""Parked vehicles: which stand where, how large they are, and their exact boxes.

Sizes follow the label statistics of KITTI's cars (height 1.536 ± 0.139, width 1.631 ± 0.106, length 3.882 ± 0.45 m) as
a mixture of body types, because height and length go together; the size of cars is what decides whether a detector
trained here works on real roads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes import heavy_vehicles, vehicles
from scanyard.carla_server.shapes.catalogue import palette
from scanyard.carla_server.street.ground import ParkingLane
from scanyard.carla_server.surfaces.materials import Tag
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.randomness import stream

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EnvironmentObject:
    """Something of the street that can be shown and hidden by itself: a parked vehicle."""

    id: int
    """Decided by map, style and place; fits an unsigned 64-bit integer."""
    name: str
    label: int
    """Semantic tag: car or truck."""
    transform: tuple[float, float, float, float, float, float]
    """x, y, z (metres, world, on the ground below the box) and pitch, yaw, roll (degrees)."""
    box_center: tuple[float, float, float]
    """Middle of the box, world, metres."""
    extent: tuple[float, float, float]
    """Half sizes along the vehicle's own x, y, z, metres: exactly the mesh's bounds."""


@dataclass(frozen=True)
class Place:
    """Where a vehicle may be parked; its middle, on the ground plan, and its heading."""

    x: float
    y: float
    yaw: float
    """Radians, x towards y."""


@dataclass(frozen=True)
class Parked:
    """A parked vehicle and what is needed to draw it."""

    object: EnvironmentObject
    body: str
    variant: int
    color: tuple[float, float, float]
    pitch: float
    """Radians, nose up positive."""

    def mesh(self) -> Mesh:
        """Its triangles, turned as it stands, relative to its place on the ground."""
        length, width, height = (2 * half for half in self.object.extent)
        size = (length, width, height)
        upright = (
            heavy_vehicles.truck(self.variant, size)
            if self.body == "truck"
            else vehicles.car(self.body, self.variant, size)
        )
        return upright.moved(yaw=float(np.deg2rad(self.object.transform[4])), pitch=self.pitch)


@dataclass(frozen=True)
class _Body:
    share: float
    length: tuple[float, float]
    """Mean and deviation, metres."""
    width: tuple[float, float]
    height: tuple[float, float]


_BODIES: dict[str, _Body] = {
    "hatchback": _Body(0.47, (3.58, 0.30), (1.58, 0.08), (1.49, 0.08)),
    "sedan": _Body(0.12, (4.27, 0.28), (1.66, 0.09), (1.44, 0.07)),
    "estate": _Body(0.15, (4.28, 0.28), (1.66, 0.09), (1.49, 0.07)),
    "suv": _Body(0.07, (4.20, 0.30), (1.75, 0.10), (1.76, 0.10)),
    "mpv": _Body(0.14, (3.98, 0.32), (1.67, 0.09), (1.71, 0.10)),
    "coupe": _Body(0.05, (3.98, 0.30), (1.64, 0.09), (1.36, 0.07)),
}
"""What KITTI's label "Car" is made of; the mixture has the means and deviations above (a test says so)."""
_OTHERS: dict[str, _Body] = {
    "minivan": _Body(0.55, (4.75, 0.35), (1.85, 0.10), (1.95, 0.10)),
    "van": _Body(0.45, (5.25, 0.45), (1.93, 0.12), (2.40, 0.20)),
}
"""KITTI's label "Van": height 2.19, width 1.89, length 5.0 m."""
VAN_SHARE = 0.09
TRUCK_SHARE = 0.015


def draw_car_size(rng: np.random.Generator) -> tuple[str, tuple[float, float, float]]:
    """Body type and (length, width, height) in metres of a car as KITTI's annotators saw them."""
    return _draw(_BODIES, rng)


def _draw(bodies: dict[str, _Body], rng: np.random.Generator) -> tuple[str, tuple[float, float, float]]:
    names = list(bodies)
    name = names[
        int(np.searchsorted(np.cumsum([bodies[key].share for key in names]), rng.random()).clip(0, len(names) - 1))
    ]
    body = bodies[name]
    common = float(np.clip(rng.normal(), -2, 2))  # large cars are large in every direction
    own = np.clip(rng.normal(size=3), -2, 2)
    length, width, height = (
        mean + deviation * (0.6 * common + 0.8 * float(extra))
        for (mean, deviation), extra in zip((body.length, body.width, body.height), own, strict=True)
    )
    return name, (round(length, 3), round(width, 3), round(height, 3))


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
        found.append(Place(x - np.sin(yaw) * aside, y + np.cos(yaw) * aside, yaw))
        s += 5.4 + float(rng.gamma(1.5, 0.5))
    return found


def park(place: Place, key: Sequence[str | int], heights: Floats) -> Parked:
    """Fill a place with the vehicle that ``key`` decides.

    ``heights`` (3,) is the ground at the place's middle, and 1.2 m ahead of and behind it.
    """
    rng = stream(*key, "vehicle")
    kind = rng.random()
    if kind < TRUCK_SHARE:
        body, size = "truck", (round(float(rng.normal(6.4, 0.5)), 3), 2.25, round(float(rng.normal(2.9, 0.2)), 3))
    elif kind < TRUCK_SHARE + VAN_SHARE:
        body, size = _draw(_OTHERS, rng)
    else:
        body, size = draw_car_size(rng)
    pitch = float(np.clip(np.arctan2(heights[1] - heights[2], 2.4), -0.15, 0.15))
    pitch = 0.0 if abs(pitch) < 0.02 else pitch
    z = float(heights[0])
    object_id = int.from_bytes(hashlib.sha256(repr(tuple(key)).encode()).digest()[:8], "big") >> 1
    lift = size[2] / 2
    center = (
        place.x - float(np.sin(pitch) * np.cos(place.yaw)) * lift,
        place.y - float(np.sin(pitch) * np.sin(place.yaw)) * lift,
        z + float(np.cos(pitch)) * lift,
    )
    label = Tag.TRUCK if body == "truck" else Tag.CAR
    known = EnvironmentObject(
        object_id, f"Parked_{body}_{object_id:016x}", int(label),
        (place.x, place.y, z, float(np.rad2deg(pitch)), float(np.rad2deg(place.yaw)), 0.0),
        center, (size[0] / 2, size[1] / 2, size[2] / 2),
    )  # fmt: skip
    return Parked(known, body, int(rng.integers(vehicles.VARIANTS)), palette(int(rng.integers(1000))), pitch)
