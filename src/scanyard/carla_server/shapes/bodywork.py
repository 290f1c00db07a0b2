"""The sheet metal and glass of a car, lofted: a row of cross-sections from nose to tail, closed by curved end panels.

A section is a ring of points from the middle of the floor out over the sill, up the barrelled side, past the belt line
to the roof's middle, and back down the other side.  Where a wheel is, the sill is cut away up to the arch.  Nose and
tail are not flat: ``_recess`` draws every point back by how far out and how high it is, the sections near the ends as
much as the end panels, so the two meet.

Frame: x forward, y right, z up, the origin on the ground below the box's centre, metres.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.shapes.outlines import Outline
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, quads

Floats = NDArray[np.float64]

SIDE = 0.965
"""Half width of the sheet metal, as a share of the box's: KITTI's boxes are so much wider (door handles reach them)."""
END_GAP_M = 0.035  # bumpers end so far inside the box; number plates reach it
_END_COLUMNS = 9  # points across nose and tail
_SILL, _CREASE, _WAIST, _SHOULDER, _BELT, _WINDOW, _RAIL, _EDGE = range(3, 11)
"""Places in a half section, which runs from 0, the middle of the floor, to 12, that of the roof."""
_POINTS = 13
_COARSE = (0, 2, _SILL, _WAIST, _BELT, _RAIL, _EDGE, 12)


@dataclass(frozen=True)
class Style:
    """What differs between cars of one outline, besides proportions."""

    dark_bumpers: bool = False
    dark_glass: bool = False
    """Rear and rear side windows tinted."""
    grille: float = 0.5
    """Share of the nose's width."""
    lamp_width: float = 0.3
    """Share of the nose's half width that a head lamp takes."""
    small_lamps: bool = False
    """Slits instead of tall head lamps."""
    tall_tail_lamps: bool = False


@dataclass(frozen=True)
class Skin:
    """A lofted body."""

    mesh: Mesh
    outline: Outline
    size: tuple[float, float, float]

    def top(self, share: float) -> float:
        """Height of the middle line, metres, at a share of the length from the nose."""
        return float(_top(self.outline, np.array([share]))[0] * self.size[2])

    def belt(self, share: float) -> float:
        """Height of the belt line, metres."""
        return float(_belt(self.outline, np.array([share]))[0] * self.size[2])

    def x(self, share: float) -> float:
        """Place of a share of the length from the nose."""
        return (0.5 - share) * self.size[0]


def lofted(outline: Outline, size: tuple[float, float, float], style: Style, *, coarse: bool = False) -> Skin:
    """The body of a car whose box is ``size`` (length, width, height), metres; ``coarse`` has fewer faces."""
    s = _coarse_stations(outline, size) if coarse else _stations(outline, size)
    kept = np.array(_COARSE if coarse else range(_POINTS))
    half_y, half_z, cabin = _sections(outline, size, s)
    panels = _panels(outline, style, s, cabin)[:, kept[:-1]]
    half_y, half_z = half_y[:, kept], half_z[:, kept]
    x = (0.5 - s)[:, None] * size[0] + _recess(outline, size, s[:, None], half_y, half_z)
    x = x + _screen_bow(outline, s, half_y, size) * (kept >= _RAIL)
    ring = [np.hstack([part, sign * part[:, -2:0:-1]]) for part, sign in ((x, 1), (half_y, -1), (half_z, 1))]
    rings = np.stack(ring, axis=-1)
    count, columns = rings.shape[:2]
    material = np.hstack([panels, panels[:, ::-1]]).repeat(2, axis=1).ravel()
    hull = Mesh.of(rings.reshape(-1, 3), quads(count, columns, closed=True), material)
    across = np.linspace(-1, 1, _END_COLUMNS)[:: 2 if coarse else 1]
    rows = np.ix_(kept[1:-1] - 1, np.array([0, 2, 5, 7] if coarse else range(_END_COLUMNS - 1)))
    nose = _end_panel(outline, size, 0.0, (half_y[0], half_z[0], across), material=_nose_materials(style)[rows])
    tail = _end_panel(outline, size, 1.0, (half_y[-1], half_z[-1], across), material=_tail_materials(style)[rows])
    return Skin(Mesh.joined([hull, nose, tail]), outline, size)


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


def _stations(outline: Outline, size: tuple[float, float, float]) -> Floats:
    """Where cross-sections stand, shares of the length from the nose, increasing."""
    radius = outline.wheel * size[2] + outline.wheel_arch_m
    arch = np.sin(np.deg2rad([-90, -68, -45, -18, 18, 45, 68, 90])) * radius / size[0]
    places: list[ArrayLike] = [
        (0.0, 0.015, 0.04, 0.075, 0.12, 0.955, 0.985, 1.0),
        (outline.cowl, (outline.cowl + outline.header) / 2, _screen_top(outline), outline.header),
        tuple(np.linspace(outline.header, outline.roof_rear, 4)[1:]),
        (_rear_screen_top(outline), (outline.roof_rear + outline.rear_base) / 2, outline.rear_base),
        outline.front_axle + arch,
        outline.rear_axle + arch,
        tuple(edge for pillar in pillars(outline) for edge in pillar),
        (outline.cowl / 2 + 0.06,),
    ]
    return _apart(places)


def _coarse_stations(outline: Outline, size: tuple[float, float, float]) -> Floats:
    """Those without which a car loses its outline."""
    radius = outline.wheel * size[2] + outline.wheel_arch_m
    arch = np.sin(np.deg2rad([-90, -45, 45, 90])) * radius / size[0]
    return _apart(
        [
            (0.0, 0.03, 0.10, outline.cowl, outline.header, (outline.header + outline.roof_rear) / 2 - 0.03),
            (_screen_top(outline), outline.roof_rear, _rear_screen_top(outline), outline.rear_base, 0.97, 1.0),
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


def _screen_top(outline: Outline) -> float:
    """Where the windscreen's glass ends: a hand's breadth of sheet metal holds it."""
    return outline.header - 0.10 * (outline.header - outline.cowl)


def _rear_screen_top(outline: Outline) -> float:
    """Where the rear window's glass begins, below the spoiler or the frame of the tailgate."""
    return outline.roof_rear + 0.24 * (outline.rear_base - outline.roof_rear)


def pillars(outline: Outline) -> list[tuple[float, float]]:
    """Where the side windows are interrupted (from, to), shares of the length: the A pillar to the last one."""
    first, last = outline.header - 0.02, outline.roof_rear
    between = [first + share * (last - first) for share in outline.pillars]
    foot = outline.cowl + 0.16 * (outline.header - outline.cowl)
    return [(outline.cowl, foot), *((middle - 0.013, middle + 0.013) for middle in between),
            (last - 0.025, outline.rear_base)]  # fmt: skip


def _top(outline: Outline, s: Floats) -> Floats:
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


def _belt(outline: Outline, s: Floats) -> Floats:
    return np.minimum(outline.belt_z + outline.belt_rise * (s - 0.3) / 0.6, _top(outline, s) - 0.03)


def _sections(outline: Outline, size: tuple[float, float, float], s: Floats) -> tuple[Floats, Floats, Floats]:
    """y and z (S, 13) of the half sections, metres, and how much of a cabin (S,) there is, 0 to 1."""
    o, (length, width, height) = outline, size
    half = SIDE * width / 2
    top, belt = _top(o, s) * height, _belt(o, s) * height
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


def _recess(outline: Outline, size: tuple[float, float, float], s: Floats, y: Floats, z: Floats) -> Floats:
    """How far the rounded ends draw points back (…), metres along x."""
    o, (_, width, height) = outline, size
    out = np.abs(y) / (width / 2)
    up = z / height
    nose, tail = np.clip(1 - s / 0.17, 0, 1) ** 1.3, np.clip(1 - (1 - s) / 0.12, 0, 1) ** 1.2
    bumper_low, bumper_high = 0.27, 0.36
    shelf = o.bumper_m * np.clip((up - bumper_high) / 0.08, 0, 1)
    below = np.clip((bumper_low - up) / 0.14, 0, 1.2) ** 1.5
    above = np.clip((up - bumper_high) / max(o.bonnet_z - bumper_high, 0.05), 0, 1.3) ** 1.5
    nose_m = END_GAP_M + shelf + o.nose_bow_m * out**o.bow_power + o.nose_rake_m * above + 0.14 * below
    above = np.clip((up - bumper_high) / max(o.deck_z - bumper_high, 0.05), 0, 1.3)
    tail_m = END_GAP_M + 0.8 * shelf + o.tail_bow_m * out ** (o.bow_power + 0.4) + o.tail_rake_m * above + 0.18 * below
    return np.asarray(tail * tail_m - nose * nose_m)


def _screen_bow(outline: Outline, s: Floats, y: Floats, size: tuple[float, float, float]) -> Floats:
    """How far the middle of windscreen and rear window stands before their edges (S, 13), metres."""
    if outline.flat:
        return np.zeros_like(y)
    front = np.interp(s, [outline.cowl - 0.05, outline.cowl, outline.header, outline.header + 0.08], [0, 1, 0.7, 0])
    rear = np.interp(s, [outline.roof_rear - 0.06, outline.roof_rear, outline.rear_base, 1.0], [0, 0.6, 1, 0.0])
    middle = 1 - np.clip(np.abs(y) / (0.4 * size[1]), 0, 1) ** 2
    return np.asarray((0.09 * front - 0.05 * rear)[:, None] * middle)


def _panels(outline: Outline, style: Style, s: Floats, cabin: Floats) -> NDArray[np.uint8]:
    """Material (S-1, 12) of each panel of the right half between two sections."""
    middle = (s[1:] + s[:-1]) / 2
    panel = np.full((len(middle), _POINTS - 1), Material.CAR_PAINT, np.uint8)
    panel[:, :_SILL] = Material.CAR_DARK
    rear_glass = Material.CAR_TINTED_GLASS if style.dark_glass else Material.CAR_GLASS
    side_end = outline.cowl + outline.windows_end * (outline.rear_base - outline.cowl)
    high = np.minimum(cabin[1:], cabin[:-1]) > 0.25
    side = (middle > outline.cowl) & (middle < side_end) & high
    divided = pillars(outline)
    for start, stop in divided:
        side &= ~((middle > start) & (middle < stop))
    behind = middle > (divided[1][0] if len(divided) > 2 else 1.0)
    for column in (_BELT, _WINDOW):
        panel[side, column] = np.where(behind[side], rear_glass, Material.CAR_GLASS)
    screen = (middle > outline.cowl) & (middle < _screen_top(outline))
    panel[screen, _EDGE:] = Material.CAR_GLASS
    if outline.rear_glass:
        rear = (middle > _rear_screen_top(outline)) & (middle < outline.rear_base)
        panel[rear, _EDGE:] = rear_glass
    if style.dark_bumpers:
        panel[(middle < 0.04) | (middle > 0.96), _SILL:_WAIST] = Material.CAR_DARK
    panel[middle < (0.03 if style.small_lamps else 0.05), _SHOULDER] = Material.CAR_LAMP
    panel[middle > 0.975, _SHOULDER - 1 : _BELT] = Material.CAR_TAIL_LAMP
    if outline.bed:
        panel[middle > outline.rear_base, _RAIL:] = Material.CAR_DARK
    return panel


def _end_panel(
    outline: Outline,
    size: tuple[float, float, float],
    s: float,
    section: tuple[Floats, Floats, Floats],
    *,
    material: NDArray[np.uint8],
) -> Mesh:
    """The nose (s = 0) or the tail (s = 1): a sheet between the two halves of the ``section`` there.

    That is y and z of its P points, and where columns stand as shares of y (C,); ``material`` is (P-2, C-1).
    """
    half_y, half_z, across = section
    y = half_y[1:, None] * across
    z = np.broadcast_to(half_z[1:, None], y.shape)
    x = (0.5 - s) * size[0] + _recess(outline, size, np.full_like(y, s), y, z)
    faces = quads(len(half_y) - 1, len(across))
    return Mesh.of(np.stack([x, y, z], axis=-1).reshape(-1, 3), faces, material.repeat(2, axis=1).ravel())


def _across() -> Floats:
    """Middle (8,) of each column of an end panel, as a share of the half width."""
    edge = np.linspace(-1, 1, _END_COLUMNS)
    return np.abs((edge[1:] + edge[:-1]) / 2)


def _nose_materials(style: Style) -> NDArray[np.uint8]:
    """Material (11, 8), from the floor up."""
    out = _across()
    panel = np.full((_POINTS - 2, _END_COLUMNS - 1), Material.CAR_PAINT, np.uint8)
    panel[: _SILL - 1] = Material.CAR_DARK
    if style.dark_bumpers:
        panel[: _WAIST - 1] = Material.CAR_DARK
    panel[_SILL - 1, out < 0.65] = Material.CAR_DARK
    panel[_WAIST - 1, out < style.grille] = Material.CAR_DARK
    panel[(_SHOULDER if style.small_lamps else _WAIST) - 1 : _SHOULDER, out > 1 - style.lamp_width] = Material.CAR_LAMP
    return panel


def _tail_materials(style: Style) -> NDArray[np.uint8]:
    """Material (11, 8), from the floor up."""
    out = _across()
    panel = np.full((_POINTS - 2, _END_COLUMNS - 1), Material.CAR_PAINT, np.uint8)
    panel[: _SILL - 1] = Material.CAR_DARK
    if style.dark_bumpers:
        panel[: _CREASE - 1] = Material.CAR_DARK
    low = _WAIST - 1 if not style.tall_tail_lamps else _CREASE
    panel[low:_BELT, out > 0.74] = Material.CAR_TAIL_LAMP
    return panel
