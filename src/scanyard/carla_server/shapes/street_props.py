"""What stands on sidewalks and squares: benches, bins, shelters, machines, signs on stands, plants in pots.

Drawn at their own size, in metres.  Frame: x forward (the side people use), y right, z up, standing on z = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from scanyard.carla_server.shapes.blocks import Blocks, lathe
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, ellipsoid, leaves, tube
from scanyard.randomness import stream

M = Material


def bench(variant: int) -> Mesh:
    """A bench of boards on iron or concrete feet, with a back or without."""
    blocks = Blocks()
    long, back = 0.75 + 0.15 * (variant % 3), variant % 3 != 2
    foot = M.CONCRETE if variant % 2 else M.STREET_METAL
    for x in (-0.18, -0.06, 0.06, 0.18):
        blocks.box(M.STREET_WOOD, (x - 0.045, x + 0.045), (-long, long), (0.42, 0.46))
    for y in (-0.75 * long, 0.75 * long):
        blocks.box(foot, (-0.2, 0.2), (y - 0.04, y + 0.04), (0.0, 0.42))
        if back:
            blocks.box(foot, (-0.3, -0.24), (y - 0.03, y + 0.03), (0.3, 0.86))
            blocks.box(foot, (-0.24, 0.2), (y - 0.03, y + 0.03), (0.62, 0.66))
    if back:
        for z in (0.58, 0.70, 0.82):
            blocks.box(M.STREET_WOOD, (-0.26, -0.23), (-long, long), (z - 0.045, z + 0.045))
    return blocks.mesh()


def litter_bin(variant: int) -> Mesh:
    """A public bin: a drum, a box with a hood, a wire basket or a bag on a ring."""
    kind = variant % 5
    if kind == 0:
        return lathe([(0.0, 0.0), (0.22, 0.0), (0.25, 0.75), (0.26, 0.8), (0.2, 0.92), (0.0, 0.95)], M.BIN, 10)
    if kind == 1:
        blocks = Blocks().box(M.BIN, (-0.22, 0.22), (-0.25, 0.25), (0.05, 0.85))
        for y in (-0.22, 0.22):
            blocks.box(M.BIN, (-0.2, 0.2), (y - 0.02, y + 0.02), (0.85, 1.05))
        return blocks.box(M.BIN, (-0.26, 0.26), (-0.29, 0.29), (1.05, 1.1)).mesh()
    if kind == 2:
        blocks = Blocks().rod(M.STREET_METAL, (-0.2, 0, 0), (-0.2, 0, 1.2), 0.03, 6)
        return blocks.put(lathe([(0.0, 0.45), (0.15, 0.45), (0.19, 0.95), (0.17, 0.95)], M.BIN, 9)).mesh()
    if kind == 3:
        blocks = Blocks()
        for angle in np.arange(14) * 2 * np.pi / 14:
            x, y = 0.24 * np.cos(angle), 0.24 * np.sin(angle)
            half = (-0.02 * np.sin(angle), 0.02 * np.cos(angle), 0)
            blocks.strip(M.STREET_METAL, (0.85 * x, 0.85 * y, 0.03), (x, y, 0.8), half)
        return blocks.put(
            lathe([(0.19, 0.05), (0.21, 0.6)], M.BIN, 9), lathe([(0.0, 0.04), (0.2, 0.04)], M.BIN, 9)
        ).mesh()
    sack = ellipsoid((0, 0, 0.45), (0.22, 0.22, 0.4), M.BIN, 8, 6)
    ring = lathe([(0.22, 0.85), (0.25, 0.87), (0.22, 0.9)], M.STREET_METAL, 9)
    return Blocks().put(sack, ring).rod(M.STREET_METAL, (-0.25, 0, 0), (-0.25, 0, 1.0), 0.025).mesh()


def wheeled_bin(variant: int) -> Mesh:
    """A household bin on two wheels, or a large one on four, its lid now and then ajar."""
    if variant % 6 == 5:
        blocks = (
            Blocks()
            .box(M.BIN, (-0.45, 0.45), (-0.6, 0.6), (0.2, 1.05))
            .box(M.BIN, (-0.5, 0.5), (-0.64, 0.64), (1.05, 1.12))
        )
        blocks.put(ellipsoid((0, 0, 1.12), (0.48, 0.62, 0.22), M.BIN, 8, 4))
        for x in (-0.35, 0.35):
            for y in (-0.5, 0.5):
                blocks.rod(M.BIN, (x, y - 0.03, 0.1), (x, y + 0.03, 0.1), 0.1, 6)
        return blocks.mesh()
    tall = (0.93, 1.0, 1.08)[variant % 3]
    low, high = np.array([0.19, 0.2]), np.array([0.25, 0.24])
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    ring = [[(sx * half[0], sy * half[1], z) for sx, sy in corners] for half, z in ((low, 0.06), (high, 0.9 * tall))]
    sides = [[i, (i + 1) % 4, 4 + (i + 1) % 4, i, 4 + (i + 1) % 4, 4 + i] for i in range(4)]
    body = Mesh.of(np.array(ring).reshape(-1, 3), np.array([*sides, [0, 1, 2, 0, 2, 3]]).reshape(-1, 3), M.BIN)
    ajar = 0.0 if variant % 4 else 0.35
    lid = Blocks().box(M.BIN, (-0.28, 0.27), (-0.26, 0.26), (0.0, 0.06)).mesh().moved((0, 0, 0.9 * tall), pitch=ajar)
    wheels = [tube((-0.2, side * 0.24, 0.1), (-0.2, side * 0.18, 0.1), 0.1, M.BIN, 7) for side in (-1, 1)]
    handle = tube((-0.3, -0.2, 0.93 * tall), (-0.3, 0.2, 0.93 * tall), 0.018, M.BIN, 4)
    return Mesh.joined([body, lid, handle, *wheels])


def bus_shelter(variant: int) -> Mesh:
    """A shelter of steel and glass with a bench, open to the front (x); a sign on a post beside it."""
    wide, deep = 1.5 + 0.5 * (variant % 3), 1.35
    blocks = Blocks().box(M.STREET_METAL, (-deep / 2 - 0.1, deep / 2 + 0.25), (-wide - 0.1, wide + 0.1), (2.35, 2.47))
    for y in np.linspace(-wide, wide, 3):
        blocks.box(M.STREET_METAL, (-deep / 2 - 0.04, -deep / 2 + 0.04), (y - 0.04, y + 0.04), (-0.1, 2.35))
    for y in (-wide, wide):
        blocks.box(M.STREET_METAL, (deep / 2 - 0.04, deep / 2 + 0.04), (y - 0.04, y + 0.04), (-0.1, 2.35))
        blocks.box(M.SHELTER_GLASS, (-deep / 2, deep / 2), (y - 0.008, y + 0.008), (0.25, 2.1))
    blocks.box(M.SHELTER_GLASS, (-deep / 2 - 0.008, -deep / 2 + 0.008), (-wide, wide), (0.25, 2.1))
    if variant % 2:
        blocks.box(M.SCREEN, (-deep / 2, deep / 2), (wide - 0.12, wide + 0.02), (0.3, 2.1))
    blocks.box(M.STREET_WOOD, (-deep / 2 + 0.1, -deep / 2 + 0.5), (-0.75 * wide, 0.5 * wide), (0.44, 0.48))
    for y in (-0.7 * wide, 0.45 * wide):
        blocks.box(M.STREET_METAL, (-deep / 2 + 0.28, -deep / 2 + 0.34), (y - 0.03, y + 0.03), (0.0, 0.44))
    blocks.rod(M.STREET_METAL, (0.7, wide + 0.8, -0.2), (0.7, wide + 0.8, 2.9), 0.04, 6)
    return blocks.box(M.SIGN, (0.68, 0.72), (wide + 0.8, wide + 1.25), (2.4, 2.85)).mesh()


def bus_stop_post(variant: int) -> Mesh:
    """A bus stop's post with its sign and timetable."""
    blocks = Blocks().rod(M.STREET_METAL, (0, 0, -0.2), (0, 0, 2.8), 0.04, 6)
    blocks.box(M.SIGN, (-0.02, 0.02), (-0.25, 0.25), (2.35, 2.8))
    return blocks.box(M.STREET_METAL, (-0.04, 0.04), (-0.2, 0.2), (1.1, 1.6 + 0.1 * (variant % 3))).mesh()


def bike_stand(variant: int) -> Mesh:
    """Hoops to lean bicycles on, in a row along y."""
    blocks = Blocks()
    count = 3 + variant % 3
    for y in 0.85 * (np.arange(count) - (count - 1) / 2):
        for x in (-0.38, 0.38):
            blocks.rod(M.STREET_METAL, (x, y, -0.1), (0.9 * x, y, 0.8), 0.024)
        blocks.rod(M.STREET_METAL, (-0.35, y, 0.8), (0.35, y, 0.8), 0.024)
    return blocks.mesh()


def bollard(variant: int) -> Mesh:
    """A post that keeps cars off the sidewalk: iron with a knob, concrete, or a flexible marker."""
    kind = variant % 4
    if kind == 0:
        profile = [(0.07, -0.3), (0.07, 0.7), (0.05, 0.74), (0.08, 0.82), (0.05, 0.9), (0.0, 0.92)]
    elif kind == 1:
        profile = [(0.16, -0.3), (0.16, 0.6), (0.1, 0.72), (0.0, 0.74)]
    elif kind == 2:
        profile = [(0.045, -0.3), (0.045, 0.98), (0.0, 1.0)]
    else:
        profile = [(0.24, -0.2), (0.27, 0.25), (0.18, 0.45), (0.0, 0.5)]
    return lathe(profile, M.BOLLARD if kind != 1 else M.CONCRETE, 8)


def hydrant(variant: int) -> Mesh:
    """A pillar hydrant with its outlets."""
    del variant
    body = lathe(
        [(0.16, -0.1), (0.16, 0.05), (0.1, 0.08), (0.1, 0.6), (0.13, 0.64), (0.1, 0.78), (0.0, 0.84)], M.SIGN, 9
    )
    blocks = Blocks().put(body).rod(M.SIGN, (0, -0.2, 0.5), (0, 0.2, 0.5), 0.05, 6)
    return blocks.rod(M.SIGN, (0, 0, 0.45), (0.2, 0, 0.45), 0.06, 6).mesh()


def mailbox(variant: int) -> Mesh:
    """A letter box on a post, a pillar box, or one on four legs with a rounded top."""
    kind = variant % 3
    if kind == 0:
        blocks = Blocks().rod(M.STREET_METAL, (0, 0, -0.1), (0, 0, 1.0), 0.04, 6)
        return (
            blocks.box(M.SIGN, (-0.18, 0.18), (-0.2, 0.2), (0.75, 1.3))
            .box(M.SIGN, (-0.2, 0.22), (-0.22, 0.22), (1.3, 1.34))
            .mesh()
        )
    if kind == 1:
        return lathe([(0.26, -0.1), (0.24, 0.1), (0.24, 1.3), (0.28, 1.35), (0.2, 1.48), (0.0, 1.52)], M.SIGN, 12)
    angle = np.linspace(0, np.pi, 7)
    blocks = Blocks().box(M.SIGN, (-0.3, 0.3), (-0.3, 0.3), (0.25, 1.0))
    for first, second in pairwise(angle):
        middle = (first + second) / 2
        start = (0.3 * np.cos(middle), -0.3, 1.0 + 0.28 * np.sin(middle))
        half = (0.3 * np.sin(middle) * 0.28, 0, 0.28 * np.cos(middle) * 0.28)
        blocks.strip(M.SIGN, start, (start[0], 0.3, start[2]), half)
    for x in (-0.26, 0.26):
        for y in (-0.26, 0.26):
            blocks.box(M.STREET_METAL, (x - 0.03, x + 0.03), (y - 0.03, y + 0.03), (0.0, 0.25))
    return blocks.mesh()


def plant_pot(variant: int) -> Mesh:
    """A pot or tub with a plant: low flowers, a ball, a small tree, a cactus, or only earth."""
    rng = stream("plant_pot", variant)
    round_pot, radius, tall = variant % 2 == 0, float(rng.uniform(0.22, 0.38)), float(rng.uniform(0.35, 0.6))
    material = (M.TERRACOTTA, M.CONCRETE)[variant // 2 % 2]
    blocks = Blocks()
    if round_pot:
        blocks.put(
            lathe(
                [(0.0, 0.0), (0.72 * radius, 0.0), (radius, tall), (0.9 * radius, tall), (0.0, tall - 0.05)],
                material,
                10,
            )
        )
    else:
        blocks.box(material, (-radius, radius), (-1.4 * radius, 1.4 * radius), (0.0, tall))
    kind = variant % 4
    if kind == 3:
        blocks.rod(M.BARK, (0, 0, tall), (0, 0, tall + 0.7), 0.03)
        blocks.put(ellipsoid((0, 0, tall + 0.95), (0.28, 0.28, 0.3), M.PLANT, 8, 5))
    spread = rng.normal(0, 0.5, (60, 3)) * [radius, radius, 0.2] + [0, 0, tall + (1.0 if kind == 3 else 0.2)]
    return blocks.put(leaves(spread, 0.12, M.PLANT, rng)).mesh()


def planter(variant: int) -> Mesh:
    """A trough on the sidewalk: concrete or wood, with shrubs; car-high and box-like to a LiDAR."""
    rng = stream("planter", variant)
    long, deep, tall = float(rng.uniform(0.5, 1.3)), float(rng.uniform(0.3, 0.55)), float(rng.uniform(0.4, 0.75))
    material = M.CONCRETE if variant % 2 else M.STREET_WOOD
    blocks = Blocks().box(material, (-deep, deep), (-long, long), (-0.1, tall))
    blocks.box(material, (-deep - 0.04, deep + 0.04), (-long - 0.04, long + 0.04), (tall - 0.08, tall))
    count = int(90 * long)
    centers = np.c_[
        rng.uniform(-deep, deep, count), rng.uniform(-long, long, count), tall + rng.gamma(2.0, 0.14, count)
    ]
    return blocks.put(leaves(centers, 0.15, M.LEAF, rng)).mesh()


def fountain(variant: int) -> Mesh:
    """A basin with a bowl on a pillar."""
    del variant
    basin = lathe([(1.5, -0.2), (1.55, 0.5), (1.35, 0.5), (1.3, 0.25), (0.0, 0.25)], M.CONCRETE, 16)
    bowl = lathe(
        [(0.18, 0.25), (0.14, 0.9), (0.6, 1.15), (0.55, 1.2), (0.1, 1.1), (0.09, 1.6), (0.0, 1.7)], M.CONCRETE, 12
    )
    return Mesh.joined([basin, bowl])


def drinking_fountain(variant: int) -> Mesh:
    """A small fountain to drink from: a pillar with a bowl and a spout."""
    del variant
    pillar = lathe([(0.2, 0.0), (0.14, 0.1), (0.12, 0.75), (0.28, 0.9), (0.3, 0.95), (0.05, 0.9)], M.CONCRETE, 10)
    return Blocks().put(pillar).rod(M.STREET_METAL, (-0.2, 0, 0.9), (0.0, 0, 1.12), 0.015).mesh()


def street_sign(variant: int) -> Mesh:
    """A sign on a post: names of streets, directions, parking, information; facing x."""
    height = 2.1 + 0.15 * (variant % 3)
    blocks = Blocks().rod(M.POLE, (0, 0, -0.3), (0, 0, height + 0.6), 0.032, 6)
    kind = variant % 5
    if kind == 0:
        blocks.box(M.SIGN, (0.035, 0.05), (-0.3, 0.3), (height - 0.2, height + 0.5))
    elif kind == 1:
        blocks.box(M.SIGN, (-0.01, 0.01), (0.03, 0.95), (height + 0.3, height + 0.48))
        blocks.box(M.SIGN, (-0.95, -0.03), (-0.01, 0.01), (height + 0.08, height + 0.26))
    elif kind == 2:
        for z, side in ((0.35, 1), (0.1, -1), (-0.15, 1)):
            blocks.box(M.SIGN, (0.035, 0.05), (-0.15 * side, 1.1 * side), (height + z, height + z + 0.2))
    elif kind == 3:
        blocks.put(tube((0.035, 0, height + 0.25), (0.05, 0, height + 0.25), 0.3, M.SIGN, 14))
        blocks.box(M.SIGN, (0.035, 0.05), (-0.3, 0.3), (height - 0.3, height - 0.1))
    else:
        blocks.box(M.SIGN, (0.035, 0.05), (-0.21, 0.21), (height - 0.1, height + 0.5))
    return blocks.mesh()


def town_board(variant: int) -> Mesh:
    """A large board on two posts, as at the edge of towns and before junctions; facing x."""
    wide, tall = 0.8 + 0.35 * (variant % 4), 0.7 + 0.3 * (variant % 3)
    blocks = Blocks().box(M.SIGN, (0.05, 0.08), (-wide, wide), (1.5, 1.5 + tall))
    for y in (-0.7 * wide, 0.7 * wide):
        blocks.rod(M.POLE, (0, y, -0.3), (0, y, 1.5 + tall), 0.045, 6)
    return blocks.mesh()


PROPS: dict[str, Callable[[int], Mesh]] = {
    "bench": bench, "litter_bin": litter_bin, "wheeled_bin": wheeled_bin, "bus_shelter": bus_shelter,
    "bike_stand": bike_stand, "bollard": bollard, "hydrant": hydrant, "mailbox": mailbox, "plant_pot": plant_pot,
    "planter": planter, "fountain": fountain, "drinking_fountain": drinking_fountain,

    "street_sign": street_sign, "town_board": town_board,
    "bus_stop_post": bus_stop_post,
}  # fmt: skip
"""By the name that blueprints give as ``body``."""
