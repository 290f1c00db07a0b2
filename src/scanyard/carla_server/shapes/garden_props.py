"""What people leave in gardens and on terraces: tables and chairs, toys, barbecues, hay.

Drawn at their own size, in metres.  Frame: x forward, y right, z up, standing on z = 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scanyard.carla_server.shapes.blocks import Blocks, lathe
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, ellipsoid, tube
from scanyard.randomness import stream

M = Material


def table(variant: int) -> Mesh:
    """A round or square table; every third with a parasol."""
    blocks = Blocks()
    material = (M.PLASTIC, M.WOOD)[variant % 2]
    if variant % 2 == 0:
        blocks.put(
            lathe([(0.0, 0.70), (0.5, 0.70), (0.5, 0.73), (0.0, 0.73)], material, 14),
            lathe([(0.3, 0.0), (0.04, 0.05), (0.04, 0.7)], material, 8),
        )
    else:
        blocks.box(material, (-0.45, 0.45), (-0.7, 0.7), (0.69, 0.73))
        for x in (-0.4, 0.4):
            for y in (-0.62, 0.62):
                blocks.box(material, (x - 0.03, x + 0.03), (y - 0.03, y + 0.03), (0.0, 0.69))
    if variant % 3 == 2:
        blocks.rod(M.WOOD, (0, 0, 0), (0, 0, 2.4), 0.02).put(lathe([(1.2, 2.0), (0.6, 2.25), (0.0, 2.45)], M.CLOTH, 8))
    return blocks.mesh()


def chair(variant: int) -> Mesh:
    """A chair facing x: plastic with arms, or of wood."""
    material = (M.PLASTIC, M.WOOD)[variant % 2]
    blocks = Blocks().box(material, (-0.22, 0.22), (-0.23, 0.23), (0.41, 0.45))
    for x in (-0.2, 0.2):
        for y in (-0.21, 0.21):
            blocks.box(material, (x - 0.02, x + 0.02), (y - 0.02, y + 0.02), (0.0, 0.41))
    for y in (-0.16, 0.0, 0.16):
        blocks.strip(material, (-0.22, y, 0.45), (-0.3, y, 0.88), (0, 0.05, 0))
    blocks.strip(material, (-0.3, -0.23, 0.86), (-0.3, 0.23, 0.86), (0, 0, 0.04))
    if variant % 2 == 0:
        for y in (-0.24, 0.24):
            blocks.box(material, (-0.25, 0.2), (y - 0.025, y + 0.025), (0.64, 0.67)).box(
                material, (0.16, 0.2), (y - 0.02, y + 0.02), (0.0, 0.64)
            )
    return blocks.mesh()


def trampoline(variant: int) -> Mesh:
    """A round trampoline with a net around it."""
    radius = 1.2 + 0.3 * (variant % 3)
    rim = lathe([(0.0, 0.72), (radius, 0.75), (radius + 0.08, 0.78), (radius, 0.8)], M.RUBBER, 16)
    blocks = Blocks().put(rim)
    for angle in np.arange(8) * np.pi / 4:
        x, y = radius * np.cos(angle), radius * np.sin(angle)
        blocks.rod(M.STEEL, (x, y, 0), (x, y, 2.3), 0.025)
    for angle in np.arange(48) * 2 * np.pi / 48:
        x, y = radius * np.cos(angle), radius * np.sin(angle)
        blocks.strip(M.RUBBER, (x, y, 0.8), (x, y, 2.25), (-0.008 * np.sin(angle), 0.008 * np.cos(angle), 0))
    return blocks.mesh()


def swing(variant: int) -> Mesh:
    """A swing for two on an A-frame along y."""
    del variant
    blocks = Blocks().rod(M.STEEL, (0, -1.5, 2.1), (0, 1.5, 2.1), 0.045, 6)
    for y in (-1.5, 1.5):
        for x in (-0.8, 0.8):
            blocks.rod(M.STEEL, (x, 1.1 * y, 0), (0, y, 2.1), 0.04, 6)
    for y in (-0.6, 0.6):
        for side in (-0.22, 0.22):
            blocks.strip(M.STEEL, (0.1, y + side, 0.5), (0, y + side, 2.1), (0, 0.008, 0))
        blocks.box(M.RUBBER, (0.0, 0.2), (y - 0.24, y + 0.24), (0.47, 0.51))
    return blocks.mesh()


def slide(variant: int) -> Mesh:
    """A slide, down towards x, with a ladder at its back."""
    del variant
    blocks = Blocks()
    start, stop = (-0.3, 0, 1.5), (1.7, 0, 0.25)
    blocks.strip(M.PLASTIC, start, stop, (0, 0.25, 0)).strip(M.PLASTIC, stop, (2.1, 0, 0.2), (0, 0.25, 0))
    for y in (-0.25, 0.25):
        blocks.strip(M.PLASTIC, (start[0], y, start[2] + 0.08), (stop[0], y, stop[2] + 0.08), (0, 0, 0.09))
        blocks.rod(M.STEEL, (-1.0, y, 0), (-0.4, y, 2.1), 0.025).rod(M.STEEL, (-0.3, y, 0), (-0.3, y, 1.5), 0.025)
    blocks.box(M.PLASTIC, (-0.6, -0.3), (-0.25, 0.25), (1.47, 1.52))
    for share in (0.15, 0.32, 0.49, 0.66):
        x, z = -1.0 + 0.6 * share / 0.7 * 0.7, 2.1 * share
        blocks.rod(M.STEEL, (x, -0.25, z), (x, 0.25, z), 0.02, 4)
    return blocks.mesh()


def kennel(variant: int) -> Mesh:
    """A dog's house."""
    del variant
    blocks = (
        Blocks()
        .box(M.WOOD, (-0.5, 0.45), (-0.38, 0.38), (0.05, 0.6))
        .box(M.RUBBER, (0.45, 0.46), (-0.17, 0.17), (0.05, 0.45))
    )
    for side in (-1, 1):
        blocks.strip(M.WOOD, (-0.55, side * 0.22, 0.74), (0.55, side * 0.22, 0.74), (0, 0.26, -0.16 * side))
    return blocks.mesh()


def gnome(variant: int) -> Mesh:
    """A garden gnome."""
    del variant
    body = lathe([(0.0, 0.0), (0.11, 0.0), (0.12, 0.12), (0.07, 0.26)], M.SCREEN, 9)
    head = ellipsoid((0, 0, 0.31), (0.06, 0.06, 0.065), M.TERRACOTTA, 8, 5)
    beard = ellipsoid((0.04, 0, 0.26), (0.04, 0.05, 0.07), M.REFLECTOR, 7, 4)
    return Mesh.joined([body, head, beard, lathe([(0.075, 0.33), (0.04, 0.43), (0.0, 0.52)], M.WARNING_RED, 8)])


def barbecue(variant: int) -> Mesh:
    """A kettle on three legs with a lid."""
    del variant
    blocks = Blocks().put(ellipsoid((0, 0, 0.8), (0.29, 0.29, 0.24), M.RUBBER, 12, 7))
    for angle in np.arange(3) * 2 * np.pi / 3:
        x, y = np.cos(angle), np.sin(angle)
        blocks.rod(M.STEEL, (0.3 * x, 0.3 * y, 0), (0.15 * x, 0.15 * y, 0.65), 0.014, 4)
    return blocks.box(M.WOOD, (0.3, 0.6), (-0.2, 0.2), (0.76, 0.78)).mesh()


def pergola(variant: int) -> Mesh:
    """Four posts with beams across."""
    del variant
    blocks = Blocks()
    for x in (-1.3, 1.3):
        for y in (-1.3, 1.3):
            blocks.box(M.STREET_WOOD, (x - 0.07, x + 0.07), (y - 0.07, y + 0.07), (-0.1, 2.3))
        blocks.box(M.STREET_WOOD, (x - 0.05, x + 0.05), (-1.6, 1.6), (2.3, 2.45))
    for y in np.linspace(-1.5, 1.5, 8):
        blocks.box(M.STREET_WOOD, (-1.6, 1.6), (y - 0.03, y + 0.03), (2.45, 2.58))
    return blocks.mesh()


def watering_can(variant: int) -> Mesh:
    """A watering can, spout towards x."""
    del variant
    can = lathe([(0.0, 0.0), (0.1, 0.0), (0.09, 0.22), (0.0, 0.22)], M.PLASTIC, 10)
    blocks = (
        Blocks()
        .put(can)
        .rod(M.PLASTIC, (0.08, 0, 0.06), (0.32, 0, 0.3), (0.02, 0.012), 5)
        .rod(M.PLASTIC, (-0.12, 0, 0.05), (-0.1, 0, 0.3), 0.01, 4)
    )
    return blocks.rod(M.PLASTIC, (-0.1, 0, 0.3), (0.05, 0, 0.28), 0.01, 4).mesh()


def hay_bale(variant: int) -> Mesh:
    """A round bale lying on its side, or a square one."""
    rng = stream("hay", variant)
    if variant % 2:
        bale = Blocks().box(M.WOOD, (-0.45, 0.45), (-0.25, 0.25), (0.0, 0.4)).mesh()
        return Mesh(
            bale.vertices + rng.normal(0, 0.012, bale.vertices.shape).astype(np.float32), bale.faces, bale.material
        )
    return tube((0, -0.6, 0.7), (0, 0.6, 0.7), 0.7, M.WOOD, 16)


def wood_pile(variant: int) -> Mesh:
    """Split firewood stacked between two posts, along y."""
    rng = stream("wood_pile", variant)
    long, tall = float(rng.uniform(1.0, 3.0)), float(rng.uniform(0.8, 1.5))
    blocks = Blocks()
    rows = int(tall / 0.17)
    for row in range(rows):
        z = 0.1 + 0.17 * row
        blocks.box(
            M.STREET_WOOD, (-0.22, 0.2 + float(rng.normal(0, 0.02))), (-long / 2, long / 2), (z - 0.08, z + 0.08)
        )
        for y in np.arange(-long / 2, long / 2, 0.36):
            out = float(rng.normal(0.22, 0.03))
            blocks.box(M.BARK, (-out, out), (y, y + 0.28), (z - 0.06, z + 0.07))
    for y in (-long / 2 - 0.06, long / 2 + 0.06):
        blocks.box(M.STREET_WOOD, (-0.05, 0.05), (y - 0.05, y + 0.05), (-0.2, tall + 0.2))
    return blocks.mesh()


def greenhouse(variant: int) -> Mesh:
    """A small greenhouse: a frame with panes one sees through."""
    long = 1.2 + 0.4 * (variant % 3)
    blocks = Blocks()
    for y in np.linspace(-long, long, 5):
        for x in (-0.9, 0.9):
            blocks.box(M.STREET_METAL, (x - 0.02, x + 0.02), (y - 0.02, y + 0.02), (0.0, 1.5))
            blocks.strip(M.STREET_METAL, (x, y, 1.5), (0, y, 2.1), (0, 0.02, 0))
    for x in (-0.9, 0.9):
        blocks.strip(M.SHELTER_GLASS, (x, -long, 0.75), (x, long, 0.75), (0, 0, 0.75)).box(
            M.STREET_METAL, (x - 0.02, x + 0.02), (-long, long), (1.48, 1.52)
        )
        blocks.strip(M.SHELTER_GLASS, (x / 2, -long, 1.8), (x / 2, long, 1.8), (x / 2, 0, -0.3))
        blocks.box(M.STREET_WOOD, (x * 0.9, x * 0.45), (-long, long), (0.6, 0.65))
    return blocks.mesh()


def clothes_line(variant: int) -> Mesh:
    """A rotary line, now and then with washing on it."""
    rng = stream("washing", variant)
    blocks = Blocks().rod(M.STEEL, (0, 0, -0.1), (0, 0, 1.8), 0.025)
    for angle in np.arange(4) * np.pi / 2 + 0.3:
        blocks.rod(M.STEEL, (0, 0, 1.4), (1.2 * np.cos(angle), 1.2 * np.sin(angle), 1.9), 0.012, 4)
    if variant % 2:
        for _ in range(9):
            angle, reach, wide = rng.uniform(0, 6.3), rng.uniform(0.5, 1.1), rng.uniform(0.15, 0.4)
            x, y = reach * np.cos(angle), reach * np.sin(angle)
            half = (-wide * np.sin(angle), wide * np.cos(angle), 0)
            blocks.strip(M.CLOTH, (x, y, 1.75), (x + rng.normal(0, 0.05), y, 1.75 - rng.uniform(0.3, 0.9)), half)
    return blocks.mesh()


PROPS: dict[str, Callable[[int], Mesh]] = {
    "table": table, "chair": chair, "trampoline": trampoline, "swing": swing, "slide": slide, "kennel": kennel,
    "gnome": gnome, "barbecue": barbecue, "pergola": pergola, "watering_can": watering_can, "hay_bale": hay_bale,
    "wood_pile": wood_pile, "greenhouse": greenhouse, "clothes_line": clothes_line,
}  # fmt: skip
"""By the name that blueprints give as ``body``."""
