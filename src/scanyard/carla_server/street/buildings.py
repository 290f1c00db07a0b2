"""Houses, terraces and halls: facades with depth, because LiDAR sees into windows and doors.

A facade is drawn as bands and piers in front of a core of window material, which shows wherever they leave it open, a
hand's breadth back; sills, frames, doors, bays, balconies, steps, gutters and roofs stand out from it.  Frame: x away
from the road, y along it, z up; the origin is the middle of the front at ground level, the body reaches into x > 0.
Variants have their own width (``front_m``); a plan stretches them a little to fit a lot.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes.blocks import Blocks
from scanyard.carla_server.street.items import FAR_M, Kind, Layer
from scanyard.carla_server.surfaces.coarsening import coarsened
from scanyard.carla_server.surfaces.materials import Material, Tag
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.randomness import stream

Floats = NDArray[np.float64]

RECESS_M = 0.16
COARSE_CELL_M = 0.3  # far away, where recesses are thinner than a beam
SUNK_M = 1.2  # walls start below ground, because ground slopes
HOUSE_FRONT_M, TERRACE_FRONT_M, HALL_FRONT_M = (6.5, 13.0), (5.5, 14.0), (12.0, 26.0)


def _house(variant: int) -> Mesh:
    """A detached house: gabled or hipped roof, gutters, a door with steps, perhaps bay, porch, dormer."""
    rng = stream("house", variant)
    width, depth = float(rng.uniform(*HOUSE_FRONT_M)), float(rng.uniform(7.5, 11.0))
    floors = int(rng.choice([1, 2, 2, 3]))
    plinth = float(rng.uniform(0.2, 0.7))
    height = 2.75 * floors + plinth
    blocks = Blocks()
    _body(blocks, rng, (width, depth, height), floors=floors, pitch=float(rng.uniform(2.0, 3.0)), base=plinth)
    door_y = float(rng.uniform(-0.3, 0.3)) * width
    _door(blocks, door_y, plinth)
    side = -1.0 if door_y > 0 else 1.0
    if rng.random() < 0.4:  # bay
        at, deep, tall = (
            side * 0.25 * width,
            float(rng.uniform(0.6, 1.1)),
            plinth + 2.75 * int(rng.integers(1, floors + 1)),
        )
        blocks.box(Material.FACADE, (-deep, 0.1), (at - 1.2, at + 1.2), (-SUNK_M, plinth + 0.8))
        blocks.box(Material.WINDOW, (-deep + 0.08, 0.1), (at - 1.12, at + 1.12), (plinth + 0.8, tall - 0.4))
        for y in (at - 1.15, at - 0.4, at + 0.4, at + 1.15):
            blocks.box(Material.FRAME, (-deep, -deep + 0.1), (y - 0.05, y + 0.05), (plinth + 0.8, tall - 0.4))
        blocks.box(Material.ROOF, (-deep - 0.12, 0.1), (at - 1.35, at + 1.35), (tall - 0.4, tall - 0.15))
    if rng.random() < 0.45:  # porch
        for y in (door_y - 0.95, door_y + 0.95):
            blocks.box(Material.FRAME, (-1.25, -1.12), (y - 0.07, y + 0.07), (-0.3, plinth + 2.35))
        blocks.box(Material.ROOF, (-1.4, 0.1), (door_y - 1.2, door_y + 1.2), (plinth + 2.35, plinth + 2.5))
    if floors > 1 and rng.random() < 0.3:
        _balcony(blocks, side * 0.22 * width, 2.6, plinth + 2.75)
    eaves = float(rng.uniform(0.25, 0.65))
    rise = float(rng.uniform(0.28, 0.55)) * min(width, depth)
    along = bool(rng.random() < 0.6)
    _drainage(blocks, width, height, eaves if along else 0.05, rng)
    if rng.random() < 0.7:
        x, y = 0.4 * depth, float(rng.uniform(-0.3, 0.3)) * width
        blocks.box(Material.FACADE, (x - 0.3, x + 0.3), (y - 0.3, y + 0.3), (height, height + rise + 0.5))
    if along and rise > 2.4 and rng.random() < 0.4:  # dormer
        y = float(rng.uniform(-0.2, 0.2)) * width
        blocks.box(Material.WINDOW, (0.06 * depth, 0.4 * depth), (y - 0.75, y + 0.75), (height, height + 1.25))
        blocks.box(Material.ROOF, (0.0, 0.45 * depth), (y - 0.95, y + 0.95), (height + 1.25, height + 1.4))
    hip = float(rng.choice([0.0, 0.0, 0.3, 0.5])) if along else 0.0
    return Mesh.joined([blocks.mesh(), gable(width, depth, height, rise, eaves, along=along, hip=hip)])


def _terrace(variant: int) -> Mesh:
    """A town house in a row: shop or steps below, balconies, cornice, a flat or mansard roof with chimneys."""
    rng = stream("terrace", variant)
    width, depth = float(rng.uniform(*TERRACE_FRONT_M)), float(rng.uniform(9.0, 13.0))
    floors = int(rng.integers(2, 6))
    shop = rng.random() < 0.45
    ground = float(rng.uniform(3.4, 4.2)) if shop else float(rng.uniform(0.3, 1.0))
    blocks = Blocks()
    upper = floors - 1 if shop else floors
    height = ground + 3.05 * max(upper, 1)
    _body(blocks, rng, (width, depth, height), floors=max(upper, 1), pitch=float(rng.uniform(1.7, 2.6)), base=ground,
          open_base=shop)  # fmt: skip
    if shop:
        _shop(blocks, rng, width, ground)
    else:
        _door(blocks, float(rng.uniform(-0.35, 0.35)) * width, ground)
    style = rng.random()
    if style < 0.4:
        wide = float(rng.uniform(1.8, 3.0))
        for row in range(1 if not shop else 0, max(upper, 1)):
            for y in _spread(width, 4.5, wide)[:: 1 + int(width > 9)]:
                if abs(y) + wide / 2 <= width / 2:
                    _balcony(blocks, float(y), wide, ground + 3.05 * row)
    elif style < 0.6:  # oriel
        blocks.box(Material.FACADE, (-0.7, 0.1), (-1.1, 1.1), (ground + (0.0 if shop else 2.9), height - 0.6))
        blocks.box(Material.WINDOW, (-0.72, -0.66), (-0.85, 0.85), (ground + (0.9 if shop else 3.8), height - 1.2))
    blocks.box(Material.FACADE, (-0.3, depth + 0.1), (-width / 2, width / 2), (height, height + 0.28))
    for z in (ground, ground + 3.05):
        blocks.box(Material.FACADE, (-0.07, 0.05), (-width / 2, width / 2), (z - 0.1, z + 0.06))
    for y in rng.uniform(-0.4, 0.4, 2) * width:
        blocks.box(Material.ROOF, (0.5 * depth, 0.5 * depth + 0.7), (y - 0.5, y + 0.5), (height, height + 2.2))
    _drainage(blocks, width, height, 0.25, rng)
    if rng.random() < 0.5:
        return blocks.mesh()
    return Mesh.joined(
        [blocks.mesh(), gable(width, depth, height + 0.25, float(rng.uniform(2.0, 3.6)), 0.1, along=True)]
    )


def _hall(variant: int) -> Mesh:
    """A workshop or warehouse: ribbed walls, gates, a band of windows, a canopy, a ramp, ducts on a low roof."""
    rng = stream("hall", variant)
    width, depth = float(rng.uniform(*HALL_FRONT_M)), float(rng.uniform(12.0, 24.0))
    height = float(rng.uniform(4.5, 9.0))
    blocks = Blocks()
    blocks.box(Material.FACADE, (0.0, depth), (-width / 2, width / 2), (-SUNK_M, height))
    count = max(2, int(width / 5))
    edges = np.linspace(-width / 2, width / 2, count + 1)
    for y in edges:
        blocks.box(Material.FACADE, (-0.32, 0.1), (y - 0.2, y + 0.2), (-SUNK_M, height))
    gate_tops: list[float] = []
    for middle in (edges[1:] + edges[:-1]) / 2:
        kind = rng.random()
        if kind < 0.4:
            blocks.box(Material.DOOR, (-0.06, 0.0), (middle - 1.7, middle + 1.7), (0.0, 3.6))
            for z in np.arange(0.45, 3.6, 0.6):
                blocks.box(Material.DOOR, (-0.09, 0.0), (middle - 1.7, middle + 1.7), (z, z + 0.06))
            blocks.box(Material.FRAME, (-0.18, 0.0), (middle - 1.9, middle + 1.9), (3.6, 3.85))
            gate_tops.append(float(middle))
        elif kind < 0.75:
            blocks.box(Material.WINDOW, (-0.02, 0.0), (middle - 1.8, middle + 1.8), (1.1, 2.3))
            blocks.box(Material.FRAME, (-0.12, 0.0), (middle - 1.9, middle + 1.9), (0.98, 1.1))
        else:
            for y in np.arange(middle - 2.0, middle + 2.0, 0.5):
                blocks.box(Material.FACADE, (-0.05, 0.0), (y, y + 0.2), (0.0, height - 0.3))
    if gate_tops:
        at = gate_tops[0]
        if rng.random() < 0.5:
            blocks.box(Material.WALL, (-2.4, 0.0), (at - 1.9, at + 1.9), (-0.4, float(rng.uniform(0.6, 1.2))))
        blocks.box(Material.ROOF, (-1.8, 0.0), (at - 2.4, at + 2.4), (3.95, 4.1))
    blocks.box(Material.ROOF, (-0.4, depth + 0.4), (-width / 2 - 0.4, width / 2 + 0.4), (height, height + 0.3))
    for y in rng.uniform(-0.4, 0.4, 3) * width:
        x = float(rng.uniform(0.2, 0.8)) * depth
        blocks.box(Material.ROOF, (x, x + 1.6), (y, y + 1.2), (height, height + 1.3))
    return blocks.mesh()


def _body(
    blocks: Blocks, rng: np.random.Generator, size: tuple[float, float, float], *, floors: int, pitch: float,
    base: float, open_base: bool = False,
) -> None:  # fmt: skip
    """Core, floor bands and piers on all four sides; the core shows as windows between them.

    ``size`` is width, depth and height; windows begin above ``base``, ``pitch`` apart.  Below an
    ``open_base`` the front is left to whoever calls.
    """
    width, depth, height = size
    storey = (height - base) / floors
    back = 0.5 if open_base else RECESS_M
    inner = (RECESS_M - width / 2, width / 2 - RECESS_M)
    blocks.box(Material.WINDOW, (RECESS_M, depth - RECESS_M), inner, (base - 0.05, height - 0.05))
    blocks.box(Material.FACADE, (back, depth), (-width / 2, width / 2), (-SUNK_M, base))
    sill, head = float(rng.uniform(0.75, 0.95)), float(rng.uniform(0.25, 0.4))
    for floor in range(floors + 1):
        low = base + floor * storey - (head if floor else 0.05)
        high = min(base + floor * storey + sill, height)
        blocks.box(Material.FACADE, (0.0, depth), (-width / 2, width / 2), (low, high))
        if floor < floors:  # sills stand out
            blocks.box(Material.FRAME, (-0.06, 0.02), (-width / 2 + 0.2, width / 2 - 0.2), (high - 0.05, high))
    wide = float(rng.uniform(0.35, 0.6)) * pitch
    fronts = _spread(width, pitch, wide)
    for y in fronts:
        blocks.box(Material.FACADE, (0.0, 2 * RECESS_M), (y - wide / 2, y + wide / 2), (base, height))
        blocks.box(Material.FACADE, (depth - 2 * RECESS_M, depth), (y - wide / 2, y + wide / 2), (base, height))
    for y in (fronts[1:] + fronts[:-1]) / 2:  # window posts
        blocks.box(Material.FRAME, (RECESS_M - 0.06, RECESS_M), (y - 0.03, y + 0.03), (base + sill, height))
    blank = rng.random() < 0.4  # gable walls often have few windows
    for x in _spread(depth, pitch * (1.0 if not blank else 0.5), wide) + depth / 2:
        for side in (-1, 1):
            ends = (side * width / 2, side * (width / 2 - 2 * RECESS_M))
            blocks.box(Material.FACADE, (x - wide / 2, x + wide / 2), ends, (base, height))


def _door(blocks: Blocks, y: float, plinth: float) -> None:
    """A door in a recess of its own, with steps up to it."""
    blocks.box(Material.DOOR, (0.02, 0.10), (y - 0.5, y + 0.5), (plinth - 0.05, plinth + 2.1))
    for side in (-1.0, 1.0):
        blocks.box(Material.FRAME, (-0.05, 0.12), (y + side * 0.5, y + side * 0.62), (plinth - 0.05, plinth + 2.2))
    blocks.box(Material.FRAME, (-0.3, 0.12), (y - 0.75, y + 0.75), (plinth + 2.2, plinth + 2.3))
    count = round(plinth / 0.17)
    for i in range(count):
        blocks.box(Material.WALL, (-0.3 * (count - i), 0.05), (y - 0.8, y + 0.8), (-0.4, 0.17 * (i + 1)))
    if count > 3:
        for side in (-0.75, 0.75):
            blocks.box(
                Material.RAILING, (-0.3 * count, 0.0), (y + side - 0.02, y + side + 0.02), (plinth + 0.85, plinth + 0.9)
            )
            for x in (-0.3 * count, -0.05):
                blocks.box(
                    Material.RAILING, (x - 0.02, x + 0.02), (y + side - 0.02, y + side + 0.02), (0.0, plinth + 0.88)
                )


def _balcony(blocks: Blocks, y: float, wide: float, z: float) -> None:
    """A slab with a railing of bars one sees through."""
    deep = 1.15
    blocks.box(Material.FACADE, (-deep, 0.1), (y - wide / 2, y + wide / 2), (z - 0.16, z))
    for level in (0.12, 0.95):
        blocks.box(Material.RAILING, (-deep, -deep + 0.04), (y - wide / 2, y + wide / 2), (z + level, z + level + 0.04))
        for side in (-1, 1):
            ends = (y + side * wide / 2, y + side * (wide / 2 - 0.04))
            blocks.box(Material.RAILING, (-deep, 0.0), ends, (z + level, z + level + 0.04))
    for at in np.arange(-wide / 2, wide / 2, 0.16):
        blocks.strip(Material.RAILING, (-deep + 0.02, y + at, z), (-deep + 0.02, y + at, z + 0.97), (0.006, 0.01, 0))


def _shop(blocks: Blocks, rng: np.random.Generator, width: float, height: float) -> None:
    """A shop front: panes set back between piers over a low sill, a sign board, perhaps an awning or a stall."""
    count = max(2, round(width / 3.2))
    edges = np.linspace(-width / 2, width / 2, count + 1)
    entrance = int(rng.integers(count))
    for y in edges:
        blocks.box(
            Material.FACADE, (0.0, 0.6), (max(y - 0.22, -width / 2), min(y + 0.22, width / 2)), (-SUNK_M, height)
        )
    for i, (low, high) in enumerate(pairwise(edges)):
        if i == entrance:
            blocks.box(Material.DOOR, (0.42, 0.5), (low + 0.3, high - 0.3), (0.0, 2.4))
            continue
        blocks.box(Material.FACADE, (0.1, 0.5), (low, high), (-SUNK_M, float(rng.uniform(0.25, 0.7))))
        blocks.box(Material.WINDOW, (0.2, 0.5), (low, high), (0.3, height - 0.9))
        blocks.box(Material.FRAME, (0.16, 0.2), ((low + high) / 2 - 0.03, (low + high) / 2 + 0.03), (0.3, height - 0.9))
    blocks.box(Material.AWNING, (-0.12, 0.1), (-width / 2 + 0.2, width / 2 - 0.2), (height - 0.85, height - 0.2))
    if rng.random() < 0.5:  # awning: a few slabs, each lower and farther out
        for step in range(4):
            out = 0.35 * step
            blocks.box(Material.AWNING, (-out - 0.42, -out), (-0.42 * width, 0.42 * width),
                       (height - 1.0 - 0.1 * step, height - 0.96 - 0.1 * step))  # fmt: skip
    if rng.random() < 0.4:  # goods in front of the window
        y = float(rng.uniform(-0.3, 0.3)) * width
        blocks.box(Material.DOOR, (-0.75, -0.1), (y - 0.8, y + 0.8), (0.0, 0.75))
        for at in (-0.5, 0.0, 0.5):
            blocks.box(Material.AWNING, (-0.7, -0.15), (y + at - 0.2, y + at + 0.2), (0.75, 0.95))


def _drainage(blocks: Blocks, width: float, height: float, eaves: float, rng: np.random.Generator) -> None:
    """A gutter along the eaves and a pipe down the facade."""
    blocks.box(Material.FRAME, (-eaves - 0.1, -eaves), (-width / 2, width / 2), (height - 0.14, height - 0.04))
    y = (width / 2 - 0.15) * (1 if rng.random() < 0.5 else -1)
    blocks.box(Material.FRAME, (-0.11, -0.02), (y - 0.045, y + 0.045), (0.0, height - 0.1))


def _spread(length: float, pitch: float, wide: float) -> Floats:
    """Middles of piers ``wide`` metres across, about ``pitch`` apart, flush with both ends of ``length``."""
    return np.linspace(-length / 2 + wide / 2, length / 2 - wide / 2, max(2, round(length / pitch)) + 1)


def gable(
    width: float, depth: float, height: float, rise: float, eaves: float, *, along: bool, hip: float = 0.0
) -> Mesh:
    """A roof of two slopes, the ridge ``along`` the road or across it; ``hip`` is the share of its length cut slant."""
    a, b = (width / 2 + eaves, depth / 2 + eaves) if along else (depth / 2 + eaves, width / 2 + eaves)
    ridge = a * (1 - hip)
    points = np.array(
        [(-b, -a, 0), (b, -a, 0), (-b, a, 0), (b, a, 0), (0, -ridge, rise), (0, ridge, rise)], dtype=float
    )
    if not along:
        points = points[:, [1, 0, 2]]
    points += [depth / 2, 0, height - 0.08]
    ends = Material.ROOF if hip else Material.FACADE
    faces = [[0, 2, 5], [0, 5, 4], [1, 3, 5], [1, 5, 4], [0, 1, 4], [2, 3, 5], [0, 1, 3], [0, 3, 2]]
    return Mesh.of(points, faces, [Material.ROOF] * 4 + [ends] * 2 + [Material.ROOF] * 2)


def front_m(kind: Kind, variant: int) -> float:
    """The width of a variant's body along the road, metres."""
    ranges = {"House": HOUSE_FRONT_M, "Terrace": TERRACE_FRONT_M, "Hall": HALL_FRONT_M}
    return float(stream(kind.name.lower(), variant % kind.variants).uniform(*ranges[kind.name]))


def _coarse(make: Callable[[int], Mesh], variant: int) -> Mesh:
    return coarsened(make(variant), COARSE_CELL_M)


HOUSE = Kind("House", _house, 48, Tag.BUILDINGS, Layer.BUILDINGS, FAR_M, partial(_coarse, _house))
TERRACE = Kind("Terrace", _terrace, 48, Tag.BUILDINGS, Layer.BUILDINGS, FAR_M, partial(_coarse, _terrace))
HALL = Kind("Hall", _hall, 24, Tag.BUILDINGS, Layer.BUILDINGS, FAR_M, partial(_coarse, _hall))
