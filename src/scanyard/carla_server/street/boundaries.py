"""What encloses gardens and yards or keeps cars on the road: fences one sees through, walls, rails, by the panel.

A panel reaches from y = -1/2 to 1/2 and is stretched to the pitch of its fence, about ``PANEL_M``; heights are 1 and
stretched too.  Panels lean along the ground one by one, so a long fence follows a hill as real ones do.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.street.items import MIDDLE_M, Kind, Layer
from scanyard.carla_server.surfaces.materials import Material, Tag
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes, sheet, tube
from scanyard.randomness import stream

Floats = NDArray[np.float64]

PANEL_M = 2.0
SUNK_M = 0.35
WIRE_M = 0.011  # wires are drawn wider than they are: a laser's beam is a centimetre wide and returns from a part of it


def _ribbons(start: ArrayLike, end: ArrayLike, across: ArrayLike, material: Material) -> Mesh:
    """Flat strips between points (K, 3), from ``across`` on one side of the middle to ``across`` on the other."""
    a, b, half = (np.atleast_2d(np.asarray(points, float)) for points in (start, end, across))
    a, b = np.broadcast_arrays(a, b)
    half = np.broadcast_to(half, a.shape)
    corners = np.stack([a - half, a + half, b + half, b - half], axis=1)
    faces = np.array([[0, 1, 2], [0, 2, 3]])[None] + 4 * np.arange(len(a))[:, None, None]
    return Mesh.of(corners, faces, material)


def _post(y: float, height: float, thick: float, material: Material) -> Mesh:
    return box((0.03, y, (height - SUNK_M) / 2), (thick, thick / PANEL_M, height + SUNK_M), material)


def _slats(variant: int) -> Mesh:
    """Upright slats with gaps on two rails; pointed, level or of uneven height, and now and then one is missing."""
    rng = stream("slats", variant)
    count = int(rng.integers(8, 17))
    half = float(rng.uniform(0.24, 0.42)) / count
    ys = (np.arange(count) + 0.5) / count - 0.5
    ys = ys[rng.random(count) > 0.03]
    top = 1 + rng.normal(0, 0.012, len(ys)) - (0.08 * np.abs(2 * ys) if variant % 3 == 0 else 0.0)
    start = np.c_[rng.normal(0, 0.004, len(ys)), ys, np.full(len(ys), 0.04)]
    end = np.c_[rng.normal(0, 0.012, len(ys)), ys + rng.normal(0, 0.003, len(ys)), top]
    rails = boxes([(0.03, 0, 0.22), (0.03, 0, 0.8)], [(0.04, 1.0, 0.07)] * 2, Material.FENCE)
    return Mesh.joined(
        [_ribbons(start, end, (0, half, 0), Material.FENCE), rails, _post(-0.5, 1.02, 0.09, Material.FENCE)]
    )


def _boards(variant: int) -> Mesh:
    """A close-boarded or basket fence: nothing to see through but a slit here and there."""
    rng = stream("boards", variant)
    count = int(rng.integers(5, 9))
    z = (np.arange(count) + 0.5) / count
    offset = 0.02 * (np.arange(count) % 2) if variant % 2 else np.zeros(count)
    planks = boxes(np.c_[offset, np.zeros(count), z], [(0.02, 1.0, 0.94 / count)] * count, Material.FENCE)
    return Mesh.joined([planks, _post(-0.5, 1.05, 0.1, Material.FENCE)])


def _rails(variant: int) -> Mesh:
    """Posts and rails: a paddock's."""
    rng = stream("rails", variant)
    z = np.linspace(0.3, 0.95, 2 + variant % 2)
    tilt = rng.normal(0, 0.02, len(z))
    start, end = (
        np.c_[np.zeros(len(z)), np.full(len(z), -0.5), z - tilt],
        np.c_[np.zeros(len(z)), np.full(len(z), 0.5), z + tilt],
    )
    bars = Mesh.joined(
        [_ribbons(start, end, (0, 0, 0.045), Material.FENCE), _ribbons(start, end, (0.035, 0, 0.02), Material.FENCE)]
    )
    return Mesh.joined([bars, _post(-0.5, 1.08 + float(rng.normal(0, 0.04)), 0.11, Material.FENCE)])


def _mesh_wire(variant: int) -> Mesh:
    """Chain link: crossing wires one sees through, a top wire, steel posts."""
    pitch = 0.11 + 0.02 * (variant % 3)
    across = np.arange(-1.0, 1.0, 2 * pitch / PANEL_M)
    low, high = np.zeros(len(across)), np.ones(len(across))
    parts = []
    for slope in (-0.5, 0.5):
        y0, y1 = across, across + slope
        keep = np.maximum(np.abs(y0), np.abs(y1)) <= 1.0
        start, end = np.c_[low, y0, low][keep], np.c_[low, y1, high][keep]
        start, end = _cut(start, end), _cut(end, start)
        real = np.abs(end[:, 2] - start[:, 2]) > 0.02
        parts.append(_ribbons(start[real], end[real], (0, WIRE_M / 2, 0), Material.FENCE))
    wires = np.array([0.03, 0.5, 0.99])
    side = np.full(3, 0.5)
    parts.append(
        _ribbons(np.c_[np.zeros(3), -side, wires], np.c_[np.zeros(3), side, wires], (0, 0, WIRE_M / 2), Material.FENCE)
    )
    parts.append(tube((0.02, -0.5, -SUNK_M), (0.02, -0.5, 1.05), 0.022, Material.FENCE, 5))
    return Mesh.joined(parts)


def _cut(points: Floats, others: Floats) -> Floats:
    """Points (K, 3), moved towards ``others`` (K, 3) as far as they lie beyond the ends of the panel."""
    run = others[:, 1] - points[:, 1]
    beyond = np.clip(points[:, 1], -0.5, 0.5) - points[:, 1]
    share = np.clip(np.divide(beyond, run, out=np.zeros_like(run), where=run != 0), 0, 1)
    return np.asarray(points + share[:, None] * (others - points))


def _bars(variant: int) -> Mesh:
    """A fence of thin upright bars: a park's, or the double wires of a factory's."""
    count = 16 + 4 * (variant % 3)
    ys = (np.arange(count) + 0.5) / count - 0.5
    nought = np.zeros(count)
    bars = _ribbons(
        np.c_[nought, ys, nought + 0.03], np.c_[nought, ys, nought + 1.0], (0.004, 0.005, 0), Material.FENCE
    )
    levels = np.array([0.1, 0.92] if variant % 2 else [0.05, 0.28, 0.5, 0.72, 0.95])
    rails = boxes(np.c_[np.zeros(len(levels)), np.zeros(len(levels)), levels],
                  np.full((len(levels), 3), (0.02, 1.0, 0.03)), Material.FENCE)  # fmt: skip
    return Mesh.joined([bars, rails, _post(-0.5, 1.04, 0.06, Material.FENCE)])


def _site(variant: int) -> Mesh:
    """A panel of site fence: a steel frame with sparse wires, on concrete feet."""
    rng = stream("site", variant)
    up = np.linspace(-0.47, 0.47, 13)
    level = np.linspace(0.08, 0.97, 6)
    lean = float(rng.normal(0, 0.03))
    parts = [
        _ribbons(np.c_[np.zeros(13), up, np.full(13, 0.06)], np.c_[np.full(13, lean), up, np.full(13, 0.98)],
                 (0, WIRE_M / 3, 0), Material.FENCE),
        _ribbons(np.c_[lean * level, np.full(6, -0.47), level], np.c_[lean * level, np.full(6, 0.47), level],
                 (0, 0, WIRE_M / 2), Material.FENCE),
    ]  # fmt: skip
    parts += [tube((0, y, 0.0), (lean, y, 1.0), 0.021, Material.FENCE, 5) for y in (-0.48, 0.48)]
    parts.append(box((0, -0.5, 0.03), (0.7, 0.1, 0.08), Material.CONCRETE))
    return Mesh.joined(parts)


def _wall(variant: int) -> Mesh:
    """A garden wall with a coping; some panels have a pier."""
    rng = stream("wall", variant)
    parts = [
        box((0, 0, 0.5 - SUNK_M / 2), (0.24, 1.0, 1.0 + SUNK_M), Material.WALL),
        box((float(rng.normal(0, 0.006)), 0, 1.03), (0.32, 1.0, 0.07), Material.WALL),
    ]
    if variant % 3 == 0:
        parts.append(box((0, -0.5, 0.5), (0.4, 0.4 / PANEL_M, 1.36), Material.WALL))
    return Mesh.joined(parts)


def _rubble_wall(variant: int) -> Mesh:
    """A dry wall of stones of every size."""
    rng = stream("rubble", variant)
    parts = []
    for z in (0.12, 0.37, 0.62, 0.87):
        ys = np.sort(rng.uniform(-0.5, 0.5, 4))
        edges = np.concatenate([[-0.5], (ys[1:] + ys[:-1]) / 2, [0.5]])
        middle, wide = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        deep = 0.5 - 0.16 * z + rng.normal(0, 0.04, 4)
        tall = np.full(4, 0.26) + rng.normal(0, 0.02, 4)
        place = np.c_[rng.normal(0, 0.02, 4), middle, np.full(4, z)]
        parts.append(boxes(place, np.c_[deep, 0.97 * wide, tall], Material.WALL))
    return Mesh.joined([*parts, box((0, 0, -0.1), (0.5, 1.0, 0.3), Material.WALL)])


def _low_wall_with_bars(variant: int) -> Mesh:
    """A low wall that carries a fence."""
    upper = _bars(variant) if variant % 2 else _slats(variant)
    raised = upper.scaled((1.0, 1.0, 0.6)).moved((0.0, 0.0, 0.4))
    low = box((0, 0, 0.2 - SUNK_M / 2), (0.26, 1.0, 0.4 + SUNK_M), Material.WALL)
    piers = box((0, -0.5, 0.48), (0.36, 0.18, 1.12), Material.WALL)
    return Mesh.joined([low, raised, piers])


def _guard_rail(variant: int) -> Mesh:
    """A steel rail of W section on posts, 4 m long before it is stretched; the last variant is a ramped end."""
    section = np.array([(0.0, 0.44), (-0.08, 0.50), (0.0, 0.58), (0.0, 0.62), (-0.08, 0.70), (0.0, 0.76)])
    ys = np.array([-0.5, 0.5])
    down = np.array([0.35, 0.0]) if variant == 1 else np.zeros(2)
    rows = np.stack([np.c_[np.full(2, x), ys, z - down] for x, z in section])
    posts = np.array([-0.5, 0.0])[variant:]
    feet = boxes(np.c_[np.full(len(posts), 0.07), posts, np.full(len(posts), 0.2)],
                 np.full((len(posts), 3), (0.1, 0.015, 1.1)), Material.GUARD_RAIL)  # fmt: skip
    return Mesh.joined([sheet(rows, Material.GUARD_RAIL), feet])


def _concrete_rail(variant: int) -> Mesh:
    """A concrete barrier with sloped flanks."""
    del variant
    outline = np.array([(-0.30, -0.2), (-0.30, 0.08), (-0.14, 0.30), (-0.09, 0.81), (0.09, 0.81), (0.14, 0.30),
                        (0.30, 0.08), (0.30, -0.2)])  # fmt: skip
    return sheet(
        np.stack([np.c_[outline[:, 0], np.full(8, y), outline[:, 1]] for y in (-0.5, 0.5)]), Material.GUARD_RAIL
    )


def _gate(variant: int) -> Mesh:
    """A gate leaf of bars or boards between two piers, one metre by one before it is stretched."""
    count = 9
    ys = np.linspace(-0.42, 0.42, count)
    nought = np.zeros(count)
    wide = 0.045 if variant % 2 else 0.008
    leaf = _ribbons(np.c_[nought, ys, nought + 0.08], np.c_[nought, ys, nought + 0.95], (0, wide, 0), Material.FENCE)
    frame = boxes([(0, 0, 0.1), (0, 0, 0.92)], [(0.04, 0.9, 0.06)] * 2, Material.FENCE)
    piers = boxes([(0, -0.48, 0.4), (0, 0.48, 0.4)], [(0.3, 0.1, 1.4)] * 2, Material.WALL)
    return Mesh.joined([leaf, frame, piers])


_fence = partial(Kind, label=Tag.FENCES, layer=Layer.WALLS, reach_m=MIDDLE_M)
_masonry = partial(Kind, label=Tag.WALLS, layer=Layer.WALLS, reach_m=MIDDLE_M)

SLATS = _fence("Fence_Slats", _slats, 10)
BOARDS = _fence("Fence_Boards", _boards, 6)
RAILS = _fence("Fence_Rails", _rails, 6)
WIRE_MESH = _fence("Fence_Wire", _mesh_wire, 3)
BARS = _fence("Fence_Bars", _bars, 6)
SITE_FENCE = _fence("Fence_Site", _site, 6)
GATE = _fence("Gate", _gate, 2)
WALL = _masonry("Wall", _wall, 6)
RUBBLE_WALL = _masonry("Wall_Stone", _rubble_wall, 10)
WALL_WITH_FENCE = _masonry("Wall_Fence", _low_wall_with_bars, 6)
GUARD_RAIL = Kind("GuardRail", _guard_rail, 2, Tag.GUARD_RAIL, Layer.WALLS, MIDDLE_M)
CONCRETE_RAIL = Kind("Barrier_Concrete", _concrete_rail, 1, Tag.GUARD_RAIL, Layer.WALLS, MIDDLE_M)
