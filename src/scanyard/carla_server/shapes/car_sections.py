"""Cross-sections of a car: where they stand, and the ring of points each is.

A section runs from the middle of the floor out over the sill, up the barrelled side, past the belt line to the roof's
middle; only its right half is drawn.  Where a wheel is, the sill is cut away up to the arch.

Frame: x forward, y right, z up, the origin on the ground below the box's centre, metres; ``s`` is a share of the
length, from the nose.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.shapes.outlines import Outline

Floats = NDArray[np.float64]
Size = tuple[float, float, float]
"""Length, width, height of the box, metres."""

SIDE = 0.965
"""Half width of the sheet metal, as a share of the box's: KITTI's boxes are so much wider (door handles reach them)."""
SILL, CREASE, WAIST, SHOULDER, BELT, WINDOW, RAIL, EDGE = range(3, 11)
"""Places in a half section, which runs from 0, the middle of the floor, to 12, that of the roof."""
POINTS = 13
"""Points in a half section."""
COARSE = (0, 2, SILL, WAIST, BELT, RAIL, EDGE, 12)
"""Those that a coarse car keeps."""


def curve(at: Floats, knots: list[float], values: list[float]) -> Floats:
    """A smooth curve through the knots that never overshoots them (Fritsch and Carlson, SIAM J. Numer. Anal. 1980)."""
    x, y = np.asarray(knots, dtype=float), np.asarray(values, dtype=float)
    step = np.diff(x)
    slope = np.diff(y) / step
    inner = np.zeros(len(x) - 2)
    same = slope[:-1] * slope[1:] > 0
    w1, w2 = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
    inner[same] = (w1 + w2)[same] / (w1[same] / slope[:-1][same] + w2[same] / slope[1:][same])
    tangent = np.concatenate([[slope[0]], inner, [slope[-1]]])
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    t = (at - x[i]) / step[i]
    h = step[i]
    return np.asarray(
        (1 + 2 * t) * (1 - t) ** 2 * y[i] + t * (1 - t) ** 2 * h * tangent[i]
        + t**2 * (3 - 2 * t) * y[i + 1] + t**2 * (t - 1) * h * tangent[i + 1]
    )  # fmt: skip


def stations(outline: Outline, size: Size) -> Floats:
    """Where cross-sections stand, shares of the length from the nose, increasing."""
    radius = outline.wheel * size[2] + outline.wheel_arch_m
    arch = np.sin(np.deg2rad([-90, -68, -45, -18, 18, 45, 68, 90])) * radius / size[0]
    places: list[ArrayLike] = [
        (0.0, 0.015, 0.04, 0.075, 0.12, 0.955, 0.985, 1.0),
        (outline.cowl, (outline.cowl + outline.header) / 2, screen_top(outline), outline.header),
        tuple(np.linspace(outline.header, outline.roof_rear, 4)[1:]),
        (rear_screen_top(outline), (outline.roof_rear + outline.rear_base) / 2, outline.rear_base),
        outline.front_axle + arch,
        outline.rear_axle + arch,
        tuple(edge for pillar in pillars(outline) for edge in pillar),
        (outline.cowl / 2 + 0.06,),
    ]
    return _apart(places)


def coarse_stations(outline: Outline, size: Size) -> Floats:
    """Those without which a car loses its outline."""
    radius = outline.wheel * size[2] + outline.wheel_arch_m
    arch = np.sin(np.deg2rad([-90, -45, 45, 90])) * radius / size[0]
    return _apart(
        [
            (0.0, 0.03, 0.10, outline.cowl, outline.header, (outline.header + outline.roof_rear) / 2 - 0.03),
            (screen_top(outline), outline.roof_rear, rear_screen_top(outline), outline.rear_base, 0.97, 1.0),
            outline.front_axle + arch,
            outline.rear_axle + arch,
        ]
    )


def _apart(places: Iterable[ArrayLike]) -> Floats:
    wanted = np.unique(np.concatenate([np.asarray(place, dtype=float) for place in places]).clip(0, 1))
    # Stations closer than a hand's breadth of a share make slivers; those that carry an edge come first.
    keep = [0.0]
    for station in wanted[1:]:
        if station - keep[-1] > 0.004:
            keep.append(float(station))
    keep[-1] = 1.0
    return np.array(keep)


def screen_top(outline: Outline) -> float:
    """Where the windscreen's glass ends: a hand's breadth of sheet metal holds it."""
    return outline.header - 0.10 * (outline.header - outline.cowl)


def rear_screen_top(outline: Outline) -> float:
    """Where the rear window's glass begins, below the spoiler or the frame of the tailgate."""
    return outline.roof_rear + 0.24 * (outline.rear_base - outline.roof_rear)


def pillars(outline: Outline) -> list[tuple[float, float]]:
    """Where the side windows are interrupted (from, to), shares of the length: the A pillar to the last one."""
    first, last = outline.header - 0.02, outline.roof_rear
    between = [first + share * (last - first) for share in outline.pillars]
    foot = outline.cowl + 0.16 * (outline.header - outline.cowl)
    return [(outline.cowl, foot), *((middle - 0.013, middle + 0.013) for middle in between),
            (last - 0.025, outline.rear_base)]  # fmt: skip


def top_of(outline: Outline, s: Floats) -> Floats:
    """Height (S,) of the middle line over bonnet, screens, roof and boot, as a share of the box's."""
    o = outline
    middle = (o.header + o.roof_rear) / 2 - 0.03
    if o.flat:
        knots, values = [0.0, o.cowl, o.header, o.rear_base, 1.0], [o.bonnet_z, o.cowl_z, o.roof_z, o.deck_z, o.deck_z]
        return np.interp(s, knots, values)
    if o.bed:
        knots = [0.0, 0.03, o.cowl, o.header, middle, o.roof_rear, o.rear_base, o.rear_base + 0.004, 1.0]
        values = [o.bonnet_z - 0.03, o.bonnet_z, o.cowl_z, o.roof_z - o.header_drop, o.roof_z, o.roof_z - o.rear_drop,
                  o.deck_z, o.deck_z, o.deck_z]  # fmt: skip
        return np.interp(s, knots, values)
    knots = [0.0, 0.025, 0.55 * o.cowl, o.cowl, o.header, middle, o.roof_rear]
    bonnet = o.bonnet_z + 0.62 * (o.cowl_z - o.bonnet_z)
    values = [
        o.bonnet_z - 0.04,
        o.bonnet_z,
        bonnet,
        o.cowl_z,
        o.roof_z - o.header_drop,
        o.roof_z,
        o.roof_z - o.rear_drop,
    ]
    if o.rear_base < 0.94:  # with a boot: its lid runs on, nearly level
        return curve(s, [*knots, o.rear_base, 0.985, 1.0], [*values, o.deck_z, o.deck_z - 0.015, o.deck_z - 0.04])
    return curve(s, [*knots, o.rear_base, 1.0], [*values, o.deck_z, o.deck_z - 0.05])


def belt_of(outline: Outline, s: Floats) -> Floats:
    """Height (S,) of the windows' lower edge, as a share of the box's."""
    return np.minimum(outline.belt_z + outline.belt_rise * (s - 0.3) / 0.6, top_of(outline, s) - 0.03)


def sections(outline: Outline, size: Size, s: Floats) -> tuple[Floats, Floats, Floats]:
    """y and z (S, 13) of the half sections, metres, and how much of a cabin (S,) there is, 0 to 1."""
    o, (length, width, height) = outline, size
    half = SIDE * width / 2
    top, belt = top_of(o, s) * height, belt_of(o, s) * height
    cabin = np.clip((top - belt) / (height * (o.roof_z - o.belt_z)), 0, 1)
    plan = np.interp(s, [0, 0.03, 0.08, 0.16, 0.35, 0.6, 0.84, 0.94, 1.0],
                     [0.86, 0.91, 0.945, 0.97, 0.99, 1.0, 0.975, 0.95, 0.90])  # fmt: skip
    if o.flat:
        plan = np.interp(s, [0, 0.08, 0.9, 1.0], [0.93, 1.0, 1.0, 0.97])
    edge = half * plan
    under = height * o.clearance * np.interp(s, [0, 0.05, 0.93, 1.0], [1.45, 1.0, 1.0, 1.6])
    radius = o.wheel * height
    arch = np.zeros_like(s)
    for axle in (o.front_axle, o.rear_axle):
        gap = (radius + o.wheel_arch_m) ** 2 - ((s - axle) * length) ** 2
        arch = np.maximum(arch, np.where(gap > -1e-9, radius + np.sqrt(np.maximum(gap, 0)), 0))
    cut = arch > under + 0.02
    lip = np.where(cut, arch, under + 0.02)
    rise = np.maximum(belt - lip, 0.05)
    belt = np.maximum(belt, lip + 0.05)
    top = np.maximum(top, belt + 0.02)
    one, zero = np.ones_like(s), np.zeros_like(s)
    barrel = 0.0 if o.flat else 1.0
    y = [zero, 0.55 * edge, np.where(cut, 0.70, 0.90) * edge, np.where(cut, 1.0, 1 - 0.035 * barrel) * edge,
         edge, (1 - 0.004 * barrel) * edge, (1 - 0.045 * barrel) * edge, (1 - 0.10 * barrel) * edge]  # fmt: skip
    z = [under, under, np.where(cut, lip, under), lip, lip + 0.34 * rise, lip + 0.56 * rise, belt - 0.15 * rise, belt]
    rail = np.maximum(o.roof_width * edge / plan * np.minimum(plan + 0.01, 1), 0.3 * edge)
    drop = top - belt
    bonnet_y = np.stack([0.86 * edge, 0.78 * edge, 0.66 * edge, 0.38 * edge, zero])
    bonnet_z = np.stack([belt + 0.45 * drop, belt + 0.68 * drop, belt + 0.84 * drop, belt + 0.96 * drop, top])
    side = (1 - 0.10 * barrel) * edge
    lean = 0.5 if o.flat else 0.42
    crown = 0.014 * height
    cabin_y = np.stack([side + (rail - side) * lean, rail, 0.93 * rail, 0.5 * rail, zero])
    cabin_z = np.stack(
        [belt + 0.52 * drop, top - 0.075 * height * one, top - crown - 0.012 * height, top - 0.35 * crown, top]
    )
    cabin_z = np.maximum.accumulate(np.maximum(cabin_z, belt + 0.01), axis=0)
    blend = np.clip(cabin * 1.6, 0, 1)
    y += list(bonnet_y + (cabin_y - bonnet_y) * blend)
    z += list(np.minimum(bonnet_z + (cabin_z - bonnet_z) * blend, top))
    return np.stack(y, axis=1), np.stack(z, axis=1), cabin
