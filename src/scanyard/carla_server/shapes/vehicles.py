"""Cars, vans and pickups, lofted from a side profile.

Each body is a row of cross-sections from nose to tail: bowed ends, barrelled sides, wheel arches, a glass band with
pillars, and seats behind the glass, because LiDAR sees them.  Every mesh is finally stretched to fill its box exactly:
the size of cars is what a detector learns first.  Frame: x forward, y right, z up, the origin on the ground below the
box's centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes, quads, tube
from scanyard.randomness import stream

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """The side view of a body; lengths are shares of the car's, from the nose; heights shares of its height."""

    cowl: float
    """Where the windscreen starts."""
    roof_front: float
    roof_rear: float
    rear_base: float
    """Where the rear window ends."""
    hood_front_z: float
    cowl_z: float
    deck_z: float
    """Height where the rear window ends."""
    belt_z: float
    """Lower edge of the side windows."""
    nose_bow_m: float = 0.24
    """How far the corners of the nose lie behind its middle."""
    tail_bow_m: float = 0.16
    roof_width: float = 0.74
    """Of the roof's edge, as a share of the full width."""
    front_axle: float = 0.19
    rear_axle: float = 0.81
    clearance: float = 0.105
    """Underside, as a share of the height."""
    windows_end: float = 1.0
    """Where the side windows end, as a share of the cabin's length; vans have none behind the driver."""
    rear_glass: bool = True


PROFILES: dict[str, Profile] = {
    "hatchback": Profile(0.27, 0.46, 0.84, 0.965, 0.47, 0.625, 0.60, 0.61),
    "sedan": Profile(0.29, 0.46, 0.70, 0.855, 0.46, 0.625, 0.66, 0.62),
    "estate": Profile(0.28, 0.44, 0.90, 0.975, 0.46, 0.62, 0.60, 0.62),
    "suv": Profile(0.25, 0.41, 0.86, 0.965, 0.54, 0.64, 0.60, 0.62, clearance=0.13, roof_width=0.78),
    "mpv": Profile(0.19, 0.38, 0.88, 0.975, 0.47, 0.60, 0.56, 0.58, roof_width=0.78),
    "coupe": Profile(0.32, 0.49, 0.68, 0.90, 0.48, 0.63, 0.68, 0.66, roof_width=0.70),
    "pickup": Profile(0.25, 0.39, 0.585, 0.61, 0.52, 0.61, 0.56, 0.60, clearance=0.15, roof_width=0.78),
    "minivan": Profile(0.15, 0.31, 0.95, 0.985, 0.44, 0.53, 0.52, 0.53, 0.20, 0.08, 0.84, 0.17, 0.80, 0.11),
    "van": Profile(
        0.13, 0.27, 0.965, 0.985, 0.42, 0.50, 0.50, 0.52, 0.20, 0.06, 0.86, 0.16, 0.80, 0.11, 0.34, rear_glass=False
    ),
}
"""By body type, read off ordinary cars of each kind."""

VARIANTS = 12  # of each body: enough that no street repeats itself, few enough to keep


@cache
def car_template(body: str, variant: int) -> Mesh:
    """A car of ``body`` (a key of ``PROFILES``), one of ``VARIANTS``, filling [-1/2, 1/2]² × [0, 1]."""
    rng = stream("vehicle", body, variant)
    base = PROFILES[body]

    def jitter(scale: float) -> float:
        return float(rng.normal(0.0, scale))

    profile = replace(
        base,
        cowl=base.cowl + jitter(0.012), roof_front=base.roof_front + jitter(0.012),
        roof_rear=base.roof_rear + jitter(0.012), rear_base=min(base.rear_base + jitter(0.008), 0.985),
        hood_front_z=base.hood_front_z + jitter(0.02), cowl_z=base.cowl_z + jitter(0.012),
        deck_z=base.deck_z + jitter(0.02), belt_z=base.belt_z + jitter(0.015),
        nose_bow_m=base.nose_bow_m * float(rng.uniform(0.6, 1.5)),
        tail_bow_m=base.tail_bow_m * float(rng.uniform(0.5, 1.7)), roof_width=base.roof_width + jitter(0.02),
    )  # fmt: skip
    profile = replace(profile, rear_base=max(profile.rear_base, profile.roof_rear + 0.015))
    length, width, height = _TYPICAL[body]
    car = Mesh.joined([_body(profile, length, width, height), *_wheels(profile, length, width, height),
                       _interior(profile, length, width, height)])  # fmt: skip
    return car.fitted((-0.5, -0.5, 0.0), (0.5, 0.5, 1.0))


_TYPICAL: dict[str, tuple[float, float, float]] = {
    "hatchback": (3.75, 1.63, 1.50), "sedan": (4.35, 1.67, 1.45), "estate": (4.4, 1.67, 1.50),
    "suv": (4.35, 1.76, 1.72), "mpv": (4.2, 1.70, 1.66), "coupe": (4.2, 1.68, 1.36), "pickup": (5.0, 1.8, 1.78),
    "minivan": (4.8, 1.86, 1.95), "van": (5.2, 1.92, 2.25),
}  # fmt: skip
"""(length, width, height) in metres that a template is drawn at before it is stretched to the size asked for."""


def _wheel_radius(height: float) -> float:
    return float(np.clip(0.21 * height, 0.29, 0.37))


def _stations(profile: Profile, length: float, radius: float) -> Floats:
    """Where cross-sections stand, as shares of the length from the nose."""
    ends = [0.0, 0.012, 0.035, 0.07, 0.12, 0.90, 0.94, 0.97, 0.988, 1.0]
    cabin = [profile.cowl, profile.roof_front, profile.roof_rear, profile.rear_base]
    middle = np.linspace(profile.roof_front, profile.roof_rear, 4)[1:-1]
    arch = np.sin(np.deg2rad([-90, -60, -25, 25, 60, 90])) * (radius + 0.05) / length
    arches = np.concatenate([profile.front_axle + arch, profile.rear_axle + arch])
    pillars = [edge for pillar in _pillars(profile) for edge in pillar]
    return np.unique(np.round(np.concatenate([ends, cabin, middle, arches, pillars]), 4).clip(0, 1))


def _pillars(profile: Profile) -> list[tuple[float, float]]:
    """Where the side windows are interrupted (from, to): A, B and C pillars."""
    a, b = profile.roof_front - 0.02, profile.roof_rear
    middle = a + 0.42 * (b - a)
    return [(profile.cowl, profile.cowl + 0.05), (middle - 0.012, middle + 0.012), (b - 0.03, profile.rear_base)]


def _body(profile: Profile, length: float, width: float, height: float) -> Mesh:
    radius = _wheel_radius(height)
    s = _stations(profile, length, radius)
    half = width / 2
    top = height * np.interp(
        s,
        [0, 0.02, 0.08, profile.cowl, profile.roof_front, (profile.roof_front + profile.roof_rear) / 2,
         profile.roof_rear, profile.rear_base, 1.0],
        [profile.hood_front_z - 0.10, profile.hood_front_z, profile.hood_front_z + 0.04, profile.cowl_z, 0.965, 1.0,
         0.965, profile.deck_z, profile.deck_z - 0.04],
    )  # fmt: skip
    belt = np.minimum(height * (profile.belt_z + 0.03 * s), top - 0.04)
    cabin = np.clip((top - belt) / (height * (1 - profile.belt_z)), 0, 1)
    plan = np.interp(s, [0, 0.02, 0.07, 0.16, 0.5, 0.86, 0.95, 1.0], [0.80, 0.88, 0.94, 0.975, 1.0, 0.98, 0.94, 0.86])
    under = height * profile.clearance * np.interp(s, [0, 0.06, 0.94, 1.0], [1.3, 1.0, 1.0, 1.45])
    arch = np.zeros_like(s)
    for axle in (profile.front_axle, profile.rear_axle):
        gap = (radius + 0.05) ** 2 - ((s - axle) * length) ** 2
        arch = np.maximum(arch, np.where(gap > 0, radius + np.sqrt(np.maximum(gap, 0)), 0))
    lip = np.maximum(under + 0.02, arch)
    edge = half * plan
    roof_edge = edge * (0.88 * (1 - cabin) + profile.roof_width * cabin)
    inner = np.where(arch > 0, 0.66, 0.92) * edge
    waist = np.maximum(0.45 * belt, lip + 0.02)
    shoulder = np.maximum(0.82 * belt, waist + 0.02)
    belt = np.maximum(belt, shoulder + 0.02)
    crown = np.maximum(top - 0.05 * (0.4 + cabin), belt + 0.005)
    top = np.maximum(top, crown + 0.01)
    zero = np.zeros_like(s)
    y = np.stack(
        [zero, 0.62 * edge, inner, 0.95 * edge, edge, 0.98 * edge, 0.93 * edge, roof_edge, 0.6 * roof_edge, zero], 1
    )
    z = np.stack([under, under, lip, lip, waist, shoulder, belt, crown, top - 0.012, top], 1)
    x = (0.5 - s[:, None]) * length + zero[:, None] * y
    x += _bow(profile, s[:, None], y / half, z / height)
    ring_y, ring_z = np.hstack([y, -y[:, -2:0:-1]]), np.hstack([z, z[:, -2:0:-1]])
    rings = np.stack([np.hstack([x, x[:, -2:0:-1]]), ring_y, ring_z], axis=-1)
    count, columns = rings.shape[:2]
    material = _paint(profile, (s[1:] + s[:-1]) / 2, cabin, columns)
    faces = quads(count, columns, closed=True)
    caps = []
    for row in (0, count - 1):
        first = row * columns
        caps += [[first, first + i, first + i + 1] for i in range(1, columns - 1)]
    return Mesh.of(
        rings.reshape(-1, 3),
        np.concatenate([faces, np.array(caps)]),
        np.concatenate([np.repeat(material.reshape(-1), 2), np.full(len(caps), Material.CAR_PAINT)]),
    )


def _bow(profile: Profile, s: Floats, y: Floats, z: Floats) -> Floats:
    """How far the rounded ends draw a point back (S, P), metres: y and z as shares of half width and height."""
    nose = np.clip(1 - s / 0.13, 0, 1)
    tail = np.clip(1 - (1 - s) / 0.10, 0, 1)
    bumper = 0.30
    nose_rake = 0.30 * np.clip(z - bumper, 0, 1) + 0.35 * np.clip(bumper - 0.08 - z, 0, 1)
    tail_rake = 0.16 * np.clip(z - bumper, 0, 1) + 0.40 * np.clip(bumper - 0.06 - z, 0, 1)
    return -nose * (profile.nose_bow_m * y**2 + nose_rake) + tail * (profile.tail_bow_m * y**2 + tail_rake)


def _paint(profile: Profile, middle: Floats, cabin: Floats, columns: int) -> NDArray[np.uint8]:
    """Material (S-1, columns) of each panel between two sections."""
    half = columns // 2
    panel = np.full((len(middle), half), Material.CAR_PAINT, np.uint8)
    panel[:, :3] = Material.CAR_DARK
    end = profile.roof_front + profile.windows_end * (profile.rear_base - profile.roof_front)
    side = (middle > profile.cowl) & (middle < min(profile.rear_base, end)) & (np.minimum(cabin[1:], cabin[:-1]) > 0.3)
    for start, stop in _pillars(profile):
        side &= ~((middle > start) & (middle < stop))
    panel[side, 6] = Material.CAR_GLASS
    screen = (middle > profile.cowl) & (middle < profile.roof_front)
    if profile.rear_glass:
        screen |= (middle > profile.roof_rear) & (
            middle < profile.rear_base - 0.2 * (profile.rear_base - profile.roof_rear)
        )
    panel[screen, 7:] = Material.CAR_GLASS
    panel[middle < 0.04, 4] = Material.CAR_LAMP
    panel[middle > 0.965, 5] = Material.CAR_TAIL_LAMP
    return np.hstack([panel, panel[:, ::-1]])


def _wheels(profile: Profile, length: float, width: float, height: float) -> list[Mesh]:
    radius = _wheel_radius(height)
    found = []
    for axle in (profile.front_axle, profile.rear_axle):
        x = (0.5 - axle) * length
        for side in (-1, 1):
            outer, inner = side * (width / 2 - 0.035), side * (width / 2 - 0.24)
            found.append(tube((x, inner, radius), (x, outer, radius), radius, Material.CAR_DARK, 16))
            found.append(
                tube(
                    (x, outer, radius),
                    (x, outer + side * 0.012, radius),
                    (0.62 * radius, 0.5 * radius),
                    Material.CAR_LAMP,
                    8,
                )
            )
    return found


def _interior(profile: Profile, length: float, width: float, height: float) -> Mesh:
    """Seats, dashboard, wheel, mirrors, and the aerial that makes annotators' boxes a little higher than roofs."""

    def at(share: float) -> float:
        return (0.5 - share) * length

    front = profile.roof_front + 0.10
    rear = min(profile.roof_rear - 0.02, front + 0.24)
    seat_top = min(0.80 * height, 0.62 * height + 0.25)
    floor = 0.28 * height
    seat = (seat_top + floor) / 2
    rows = [front] + ([rear] if rear - front > 0.12 and profile.windows_end >= 1 else [])
    centers, sizes = [], []
    for row in rows:
        for side in (-1, 1):
            centers += [(at(row), side * 0.21 * width, seat), (at(row - 0.05), side * 0.21 * width, 0.36 * height),
                        (at(row), side * 0.21 * width, seat_top + 0.06)]  # fmt: skip
            sizes += [(0.14, 0.27 * width, seat_top - floor), (0.45, 0.27 * width, 0.12), (0.09, 0.15 * width, 0.16)]
    centers.append((at(profile.cowl + 0.055), 0.0, 0.52 * height))
    sizes.append((0.30, 0.80 * width, 0.16))
    mirror_x, mirror_z = at(profile.cowl + 0.055), height * (profile.belt_z + 0.05)
    mirrors = [
        box((mirror_x, side * 0.475 * width, mirror_z), (0.09, 0.05 * width, 0.11), Material.CAR_PAINT)
        for side in (-1, 1)
    ]
    wheel_center = np.array([at(profile.cowl + 0.12), -0.21 * width, 0.60 * height])
    wheel = tube(wheel_center, wheel_center + np.array([0.03, 0, 0.015]), 0.18, Material.CAR_INTERIOR, 8)
    fin = box((at(profile.roof_rear - 0.05), 0.0, 1.003 * height), (0.16, 0.03, 0.03 * height), Material.CAR_DARK)
    return Mesh.joined([boxes(centers, sizes, Material.CAR_INTERIOR), wheel, fin, *mirrors])


def car(body: str, variant: int, size: Sequence[float]) -> Mesh:
    """A car that fills ``size`` (length, width, height) exactly, standing on z = 0."""
    length, width, height = size
    return car_template(body, variant % VARIANTS).fitted((-length / 2, -width / 2, 0), (length / 2, width / 2, height))
