"""What road works, yards and building sites leave about: cones, barriers, containers, stacks, heaps.

Drawn at their own size, in metres.  Frame: x forward, y right, z up, standing on z = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from scanyard.carla_server.shapes.blocks import Blocks, lathe
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, quads, tube
from scanyard.randomness import stream

M = Material


def cone(variant: int) -> Mesh:
    """A traffic cone with white sleeves, or a tall post on a rubber foot."""
    if variant % 3 == 2:
        foot = Blocks().box(M.RUBBER, (-0.2, 0.2), (-0.2, 0.2), (0.0, 0.06)).mesh()
        bands = [((0.05, 0.06), (0.05, 0.4), M.CONE_ORANGE), ((0.05, 0.4), (0.05, 0.55), M.REFLECTOR),
                 ((0.05, 0.55), (0.05, 0.8), M.CONE_ORANGE), ((0.05, 0.8), (0.03, 1.0), M.REFLECTOR)]  # fmt: skip
        return Mesh.joined([foot, *(lathe([low, high], material, 9) for low, high, material in bands)])
    foot = Blocks().box(M.RUBBER if variant % 3 else M.CONE_ORANGE, (-0.2, 0.2), (-0.2, 0.2), (0.0, 0.035)).mesh()
    edges = [(0.14, 0.03), (0.115, 0.2), (0.09, 0.38), (0.07, 0.5), (0.055, 0.6), (0.03, 0.72), (0.0, 0.73)]
    colors = [M.CONE_ORANGE, M.REFLECTOR, M.CONE_ORANGE, M.REFLECTOR, M.CONE_ORANGE, M.CONE_ORANGE]
    sleeves = zip(edges[:-1], edges[1:], colors, strict=True)
    return Mesh.joined([foot, *(lathe([low, high], material, 12) for low, high, material in sleeves)])


def barrier(variant: int) -> Mesh:
    """A barrier across y: striped boards on feet, a plastic wall, or a trestle."""
    kind = variant % 3
    if kind == 0:
        blocks = Blocks()
        for y in (-0.8, 0.8):
            blocks.box(M.RUBBER, (-0.35, 0.35), (y - 0.1, y + 0.1), (0.0, 0.08)).box(
                M.STEEL, (-0.02, 0.02), (y - 0.02, y + 0.02), (0.0, 1.05)
            )
        for z in (0.3, 0.85):
            edges = np.linspace(-1.0, 1.0, 9)
            for i, (low, high) in enumerate(pairwise(edges)):
                blocks.box(M.WARNING_RED if i % 2 else M.REFLECTOR, (-0.03, -0.01), (low, high), (z, z + 0.2))
        return blocks.mesh()
    if kind == 1:
        outline = np.array(
            [
                (-0.24, 0.0),
                (-0.22, 0.25),
                (-0.1, 0.45),
                (-0.08, 0.85),
                (0.08, 0.85),
                (0.1, 0.45),
                (0.22, 0.25),
                (0.24, 0.0),
            ]
        )
        rows = np.concatenate([np.c_[outline[:, 0], np.full(8, y), outline[:, 1]] for y in (-0.75, 0.75)])
        ends = [[first, first + i, first + i + 1] for first in (0, 8) for i in range(1, 7)]
        material = M.CONE_ORANGE if variant % 2 else M.REFLECTOR
        return Mesh.of(rows, np.concatenate([quads(2, 8), np.array(ends)]), material)
    blocks = Blocks()
    for y in (-0.55, 0.55):
        for x in (-0.3, 0.3):
            blocks.strip(M.STEEL, (x, y, 0.0), (0.0, y, 1.0), (0, 0.03, 0))
    for i, y in enumerate(np.linspace(-0.6, 0.6, 6)):
        blocks.box(M.WARNING_RED if i % 2 else M.REFLECTOR, (-0.02, 0.02), (y - 0.12, y + 0.12), (0.78, 1.0))
    return blocks.mesh()


def warning_sign(variant: int) -> Mesh:
    """A triangle or a board on folding legs, facing x."""
    if variant % 2 == 0:
        blocks = Blocks()
        for x, half, low, high, material in (
            (0.0, 0.35, 0.0, 0.62, M.WARNING_RED),
            (0.012, 0.22, 0.07, 0.45, M.REFLECTOR),
        ):
            blocks.put(Mesh.of([(x, -half, low), (x, half, low), (x, 0, high)], [[0, 1, 2]], material))
        for y in (-0.2, 0.2):
            blocks.strip(M.STEEL, (-0.25, y, 0.0), (0, 0, 0.5), (0, 0.02, 0))
        return blocks.mesh()
    blocks = (
        Blocks()
        .box(M.CONE_ORANGE, (0.0, 0.03), (-0.4, 0.4), (0.45, 1.25))
        .box(M.REFLECTOR, (0.03, 0.04), (-0.3, 0.3), (0.6, 1.1))
    )
    for y in (-0.3, 0.3):
        blocks.strip(M.STEEL, (0.25, y, 0.0), (0.0, y, 0.9), (0, 0.025, 0)).strip(
            M.STEEL, (-0.3, y, 0.0), (0.0, y, 0.9), (0, 0.025, 0)
        )
    return blocks.mesh()


def barrel(variant: int) -> Mesh:
    """A drum of steel or a traffic drum with bands."""
    if variant % 2 == 0:
        profile = [(0.0, 0.0), (0.29, 0.0), (0.29, 0.28), (0.305, 0.3), (0.29, 0.32), (0.29, 0.58), (0.305, 0.6),
                   (0.29, 0.62), (0.29, 0.9), (0.0, 0.88)]  # fmt: skip
        return lathe(profile, M.PLASTIC, 14)
    foot = lathe([(0.0, 0.0), (0.36, 0.0), (0.36, 0.08), (0.27, 0.1)], M.RUBBER, 12)
    z = np.linspace(0.1, 1.0, 6)
    radius = 0.27 - 0.06 * (z - 0.1)
    edges = list(zip(radius.tolist(), z.tolist(), strict=True))
    bands = [
        lathe([low, high], M.REFLECTOR if i % 2 else M.CONE_ORANGE, 12) for i, (low, high) in enumerate(pairwise(edges))
    ]
    return Mesh.joined([foot, *bands, lathe([edges[-1], (0.0, 1.03)], M.CONE_ORANGE, 12)])


def container(variant: int) -> Mesh:
    """A freight container with ribbed walls, 6 m long (x), or a site hut with windows and a door."""
    long, wide, tall = 3.03, 1.22, 2.59
    blocks = Blocks().box(M.CONTAINER, (-long, long), (-wide + 0.04, wide - 0.04), (0.12, tall))
    for x in (-long, long):
        for y in (-wide, wide):
            blocks.box(M.CONTAINER, (x - np.sign(x) * 0.16, x), (y - np.sign(y) * 0.16, y), (0.0, tall))
    if variant % 3 == 2:
        for y in (-wide, wide):
            blocks.box(M.SCREEN, (-1.8, -0.6), (y - 0.01, y + 0.01), (1.0, 1.9)).box(
                M.CONTAINER, (0.8, 1.7), (y - 0.03, y + 0.03), (0.1, 2.1)
            )
    else:
        for x in np.arange(-long + 0.3, long - 0.2, 0.28):
            blocks.box(M.CONTAINER, (x - 0.07, x + 0.07), (-wide, wide), (0.14, tall - 0.05))
        for y in (-0.9, -0.35, 0.35, 0.9):
            blocks.rod(M.STEEL, (long + 0.04, y, 0.15), (long + 0.04, y, tall - 0.1), 0.02, 4)
    return blocks.mesh()


def skip(variant: int) -> Mesh:
    """An open skip with rubble in it, 3.4 m long (x)."""
    rng = stream("skip", variant)
    low, high = 1.05, 1.7
    outline = [(-high, 1.25), (-low, 0.1), (low, 0.1), (high, 1.25)]
    rows = np.array([[(x, y, z) for x, z in outline] for y in (-0.85, 0.85)])
    sides = [[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]]
    hull = Mesh.of(rows.reshape(-1, 3), np.concatenate([quads(2, 4), np.array(sides)]), M.CONTAINER)
    rubble = heap(variant).fitted((-1.5, -0.8, 0.7), (1.5, 0.8, float(rng.uniform(1.2, 1.6))))
    return Mesh.joined([hull, rubble, tube((-1.2, -0.9, 1.1), (-1.2, 0.9, 1.1), 0.05, M.STEEL, 6)])


def heap(variant: int) -> Mesh:
    """A heap of earth, sand or rubble, about 2 m across and 0.8 m high: nowhere smooth."""
    rng = stream("heap", variant)
    radius = np.linspace(0, 1, 6)
    angle = np.arange(14) * 2 * np.pi / 14
    reach = 1 + 0.18 * np.sin(2 * angle + rng.uniform(0, 6)) + rng.normal(0, 0.06, 14)
    z = np.clip(0.8 * (1 - radius[:, None] ** 1.3) + rng.normal(0, 0.05, (6, 14)), -0.1, 1)
    z[-1] = -0.12
    rows = np.stack([radius[:, None] * reach * np.cos(angle), radius[:, None] * reach * np.sin(angle), z], axis=-1)
    return Mesh.of(rows.reshape(-1, 3), quads(6, 14, closed=True), (M.SOIL, M.RUBBLE)[variant % 2])


def debris(variant: int) -> Mesh:
    """Dirt and stones that fell from a lorry: flat, uneven, a metre or two across."""
    rng = stream("debris", variant)
    flat = heap(variant + 1)
    blocks = Blocks().put(flat.scaled((0.8, 0.7, 0.18)))
    for _ in range(14):
        x, y = rng.normal(0, 0.4, 2)
        size = float(rng.uniform(0.03, 0.12))
        blocks.box(M.RUBBLE, (x - size, x + size), (y - size, y + size), (0.0, 1.6 * size))
    return blocks.mesh()


def pallet_stack(variant: int) -> Mesh:
    """Pallets, some with goods on them: boxes, sacks, bricks."""
    rng = stream("pallet_stack", variant)
    blocks = Blocks()
    count = int(rng.integers(1, 10))
    for i in range(count):
        z, shift = 0.145 * i, rng.normal(0, 0.03, 2)
        for y in (-0.35, 0.0, 0.35):
            blocks.box(
                M.STREET_WOOD,
                (-0.6 + shift[0], 0.6 + shift[0]),
                (y - 0.05 + shift[1], y + 0.05 + shift[1]),
                (z, z + 0.1),
            )
        for x in np.linspace(-0.53, 0.53, 5):
            blocks.box(
                M.STREET_WOOD,
                (x - 0.06 + shift[0], x + 0.06 + shift[0]),
                (-0.4 + shift[1], 0.4 + shift[1]),
                (z + 0.1, z + 0.125),
            )
    if count < 4:
        top = 0.145 * count
        for layer in range(int(rng.integers(1, 5))):
            for y in (-0.27, 0.0, 0.27):
                jitter = rng.normal(0, 0.02, 3)
                blocks.box(
                    M.CONCRETE,
                    (-0.52 + jitter[0], 0.52 + jitter[1]),
                    (y - 0.13, y + 0.12),
                    (top + 0.2 * layer, top + 0.2 * layer + 0.19),
                )
    return blocks.mesh()


def timber_stack(variant: int) -> Mesh:
    """Logs or pipes in a stack along y, two to four metres long."""
    rng = stream("timber", variant)
    radius = float(rng.uniform(0.08, 0.22))
    rows, parts = int(rng.integers(2, 5)), []
    material = (M.BARK, M.CONCRETE, M.STREET_METAL)[variant % 3]
    half = float(rng.uniform(1.0, 2.2))
    for row in range(rows):
        for i in range(rows + 2 - row):
            x = (i - (rows + 1 - row) / 2) * 2 * radius
            z = radius * (1 + 1.75 * row)
            slip = rng.normal(0, 0.08)
            parts.append(tube((x, -half + slip, z), (x, half + slip, z), radius, material, 8))
    return Mesh.joined(parts)


def tyre_stack(variant: int) -> Mesh:
    """Old tyres lying on one another."""
    rng = stream("tyre_stack", variant)
    section = [(0.30, 0.02), (0.33, 0.06), (0.33, 0.16), (0.30, 0.20), (0.19, 0.18), (0.19, 0.04)]
    tyre = lathe(section, M.BIN, 12, closed=True)
    return Mesh.joined([tyre.moved((*rng.normal(0, 0.04, 2), 0.21 * i)) for i in range(2 + variant % 5)])


def trailer(variant: int) -> Mesh:
    """A small trailer with a cover, a caravan or a boat under a sheet: car-sized, and no car."""
    kind = variant % 3
    wheels = [tube((-0.1, side * 0.72, 0.3), (-0.1, side * 0.9, 0.3), 0.3, M.BIN, 10) for side in (-1, 1)]
    blocks = Blocks().put(*wheels).box(M.STREET_METAL, (1.0, 2.4), (-0.05, 0.05), (0.35, 0.45))
    if kind == 0:
        blocks.box(M.CONTAINER, (-1.1, 1.1), (-0.65, 0.65), (0.4, 0.85))
        return blocks.put(tube((-1.1, 0, 0.85), (1.1, 0, 0.85), 0.66, M.CONTAINER, 10)).mesh()
    if kind == 1:
        outline = np.array([(-2.1, 0.45), (-2.2, 1.2), (-1.9, 2.4), (1.5, 2.5), (2.0, 1.5), (1.9, 0.45)])
        body = np.concatenate([np.c_[outline[:, 0], np.full(6, y), outline[:, 1]] for y in (-1.05, 1.05)])
        caps = [[first, first + i, first + i + 1] for first in (0, 6) for i in range(1, 5)]
        blocks.put(Mesh.of(body, np.concatenate([quads(2, 6, closed=True), np.array(caps)]), M.CONCRETE))
        for y in (-1.06, 1.06):
            blocks.box(M.SCREEN, (-1.2, 0.6), (y - 0.01, y + 0.01), (1.3, 1.9))
        return blocks.mesh()
    stations = np.linspace(-2.2, 2.2, 8)
    half = 0.95 * np.sqrt(np.clip(1 - (np.clip(stations, 0, None) / 2.25) ** 2, 0.01, 1))
    ridge = 1.75 - 0.18 * stations**2 / 4
    section = [(-1.0, 0.5, 0.0), (-1.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1.0, 0.5, 0.0), (0.0, 0.35, 0.0)]
    rows = [
        [(x, side * h, z + on_ridge * top) for side, z, on_ridge in section]
        for x, h, top in zip(stations, half, ridge, strict=True)
    ]
    return blocks.put(Mesh.of(np.array(rows).reshape(-1, 3), quads(8, 6, closed=True), M.CONTAINER)).mesh()


def steel_plate(variant: int) -> Mesh:
    """A plate or plank of iron lying on the road."""
    del variant
    return (
        Blocks()
        .box(M.STEEL, (-1.2, 1.2), (-0.15, 0.15), (0.02, 0.06))
        .box(M.STEEL, (-1.0, -0.9), (-0.15, 0.15), (0.0, 0.02))
        .mesh()
    )


def wire_mat(variant: int) -> Mesh:
    """A mat of wire mesh leaning on two posts, across y."""
    del variant
    blocks = Blocks()
    for y in np.linspace(-1.2, 1.2, 17):
        blocks.strip(M.STEEL, (0.0, y, 0.05), (0.0, y, 1.9), (0, 0.006, 0))
    for z in np.linspace(0.05, 1.9, 13):
        blocks.strip(M.STEEL, (0.0, -1.2, z), (0.0, 1.2, z), (0, 0, 0.006))
    for y in (-1.22, 1.22):
        blocks.rod(M.STEEL, (0, y, 0), (0, y, 2.0), 0.03, 6)
    return blocks.mesh()


PROPS: dict[str, Callable[[int], Mesh]] = {
    "cone": cone, "barrier": barrier, "warning_sign": warning_sign, "barrel": barrel, "container": container,
    "skip": skip, "heap": heap, "debris": debris, "pallet_stack": pallet_stack, "timber_stack": timber_stack,
    "tyre_stack": tyre_stack, "trailer": trailer, "steel_plate": steel_plate, "wire_mat": wire_mat,
}  # fmt: skip
"""By the name that blueprints give as ``body``."""
