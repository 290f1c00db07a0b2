"""Boxes on sidewalks that do something: machines, cabinets, stalls, containers, lit posters.

Drawn at their own size, in metres.  Frame: x forward (the side people use), y right, z up, standing on z = 0.
"""

from __future__ import annotations

from collections.abc import Callable

from scanyard.carla_server.shapes.blocks import Blocks, lathe
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.randomness import stream

M = Material


def advertisement(variant: int) -> Mesh:
    """A lit poster in a frame, or a column with posters."""
    if variant % 3 == 0:
        return lathe(
            [(0.7, -0.1), (0.65, 0.15), (0.6, 0.2), (0.6, 2.9), (0.75, 3.0), (0.3, 3.4), (0.0, 3.5)], M.CONCRETE, 14
        )
    blocks = (
        Blocks()
        .box(M.STREET_METAL, (-0.12, 0.12), (-0.65, 0.65), (0.35, 2.5))
        .box(M.SCREEN, (-0.13, 0.13), (-0.56, 0.56), (0.5, 2.35))
    )
    return blocks.box(M.STREET_METAL, (-0.1, 0.1), (-0.2, 0.2), (-0.1, 0.35)).mesh()


def kiosk(variant: int) -> Mesh:
    """A stall for newspapers or snacks with its flap up."""
    wide = 1.4 + 0.3 * (variant % 2)
    blocks = (
        Blocks()
        .box(M.STREET_METAL, (-1.1, 0.9), (-wide, wide), (0.0, 1.05))
        .box(M.STREET_METAL, (-1.1, -1.0), (-wide, wide), (1.05, 2.5))
    )
    for y in (-wide + 0.1, wide - 0.1):
        blocks.box(M.STREET_METAL, (-1.1, 0.9), (y - 0.1, y + 0.1), (1.05, 2.5))
    blocks.box(M.STREET_METAL, (-1.2, 1.1), (-wide - 0.15, wide + 0.15), (2.5, 2.7)).box(
        M.AWNING, (0.9, 1.7), (-wide, wide), (2.25, 2.3)
    )
    return blocks.box(M.STREET_WOOD, (0.9, 1.2), (-wide + 0.2, wide - 0.2), (1.0, 1.06)).mesh()


def vending_machine(variant: int) -> Mesh:
    """A machine that sells drinks: a box with a lit front and a slot."""
    del variant
    blocks = (
        Blocks()
        .box(M.PLASTIC, (-0.4, 0.4), (-0.46, 0.46), (0.05, 1.85))
        .box(M.SCREEN, (0.4, 0.42), (-0.38, 0.2), (0.7, 1.75))
    )
    return (
        blocks.box(M.SCREEN, (0.38, 0.41), (-0.38, 0.38), (0.3, 0.5))
        .box(M.STEEL, (0.4, 0.44), (0.26, 0.4), (0.9, 1.4))
        .mesh()
    )


def cash_machine(variant: int) -> Mesh:
    """A cash machine with a hood."""
    del variant
    blocks = (
        Blocks()
        .box(M.PLASTIC, (-0.4, 0.2), (-0.4, 0.4), (0.0, 1.6))
        .box(M.SCREEN, (0.2, 0.22), (-0.25, 0.25), (1.05, 1.4))
    )
    return (
        blocks.box(M.STEEL, (0.2, 0.42), (-0.3, 0.3), (0.85, 0.98))
        .box(M.PLASTIC, (-0.4, 0.4), (-0.44, 0.44), (1.6, 1.75))
        .mesh()
    )


def map_table(variant: int) -> Mesh:
    """A board with a map of the town, slanting on two posts."""
    del variant
    blocks = Blocks()
    for y in (-0.5, 0.5):
        blocks.rod(M.STREET_METAL, (0, y, -0.1), (0, y, 1.3), 0.04, 6)
    board = Blocks().box(M.SIGN, (-0.45, 0.45), (-0.65, 0.65), (0.0, 0.06)).mesh()
    return blocks.put(board.moved((0, 0, 1.25), pitch=-0.7)).mesh()


def parking_meter(variant: int) -> Mesh:
    """A ticket machine or a meter on a post."""
    if variant % 2:
        return (
            Blocks()
            .rod(M.STREET_METAL, (0, 0, -0.1), (0, 0, 1.1), 0.03, 6)
            .box(M.STREET_METAL, (-0.07, 0.08), (-0.1, 0.1), (1.05, 1.4))
            .mesh()
        )
    return (
        Blocks()
        .box(M.STREET_METAL, (-0.12, 0.12), (-0.16, 0.16), (-0.1, 1.6))
        .box(M.SIGN, (-0.02, 0.02), (-0.2, 0.2), (1.6, 2.0))
        .mesh()
    )


def cabinet(variant: int) -> Mesh:
    """A telephone or electricity cabinet, with plinth, doors and a lid that stands out."""
    rng = stream("cabinet", variant)
    deep, wide, tall = float(rng.uniform(0.15, 0.3)), float(rng.uniform(0.25, 0.85)), float(rng.uniform(0.7, 1.6))
    blocks = (
        Blocks()
        .box(M.CONCRETE, (-deep, deep), (-wide, wide), (-0.2, 0.12))
        .box(M.BIN, (-0.95 * deep, 0.95 * deep), (-0.97 * wide, 0.97 * wide), (0.12, tall))
    )
    blocks.box(M.BIN, (-deep - 0.03, deep + 0.03), (-wide - 0.03, wide + 0.03), (tall, tall + 0.05))
    return blocks.box(M.BIN, (deep - 0.02, deep + 0.02), (-0.02, 0.02), (0.2, tall - 0.1)).mesh()


def glass_container(variant: int) -> Mesh:
    """A bank for glass or clothes: a bell, or a box with a chute."""
    if variant % 2 == 0:
        return lathe([(0.62, 0.0), (0.75, 0.15), (0.75, 0.9), (0.6, 1.35), (0.2, 1.55), (0.0, 1.58)], M.PLASTIC, 10)
    blocks = (
        Blocks()
        .box(M.PLASTIC, (-0.55, 0.55), (-0.6, 0.6), (0.05, 1.7))
        .box(M.STEEL, (0.55, 0.68), (-0.35, 0.35), (1.2, 1.5))
    )
    return blocks.box(M.PLASTIC, (-0.6, 0.6), (-0.64, 0.64), (1.7, 1.78)).mesh()


PROPS: dict[str, Callable[[int], Mesh]] = {
    "advertisement": advertisement,
    "kiosk": kiosk,
    "vending_machine": vending_machine,
    "cash_machine": cash_machine,
    "map_table": map_table,
    "parking_meter": parking_meter,
    "cabinet": cabinet,
    "glass_container": glass_container,
}
"""By the name that blueprints give as ``body``."""
