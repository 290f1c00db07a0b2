"""Things carried, and things lost or left on the road: cartons, cases, bags, tyres, pallets, a mattress, a ladder.

Drawn at their own size, in metres.  Frame: x forward, y right, z up, standing on z = 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scanyard.carla_server.shapes.blocks import Blocks, lathe
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, ellipsoid, tube
from scanyard.randomness import stream

M = Material


def carton(variant: int) -> Mesh:
    """One carton, its flaps open or shut."""
    rng = stream("carton", variant)
    blocks = Blocks().box(M.CARTON, (-0.3, 0.3), (-0.25, 0.25), (0.0, 0.42))
    if variant % 2:
        for side in (-1, 1):
            lean = float(rng.uniform(0.05, 0.2))
            blocks.strip(M.CARTON, (-0.3, side * 0.25, 0.42), (0.3, side * 0.25, 0.42), (0.0, side * 0.02, 0.0))
            blocks.strip(
                M.CARTON, (-0.3, side * (0.25 + lean), 0.5), (0.3, side * (0.25 + lean), 0.5), (0.0, lean, 0.08)
            )
    return blocks.mesh()


def cartons(variant: int) -> Mesh:
    """Two cartons, one on the other, askew."""
    rng = stream("cartons", variant)
    low = box((0, 0, 0.25), (1.0, 0.8, 0.5), M.CARTON)
    top = box((float(rng.uniform(-0.15, 0.15)), float(rng.uniform(-0.1, 0.1)), 0.7), (0.55, 0.5, 0.4), M.CARTON)
    return Mesh.joined([low, top.moved(yaw=float(rng.uniform(-0.4, 0.4)))])


def creased_carton(variant: int) -> Mesh:
    """A carton somebody drove over: no two corners at one height."""
    rng = stream("creased", variant)
    whole = (
        Blocks()
        .box(M.CARTON, (-0.28, 0.28), (-0.25, 0.25), (0.0, 0.4))
        .put(box((0, 0, 0.2), (0.3, 0.56, 0.26), M.CARTON))
        .mesh()
    )
    crease = rng.normal(0, 0.05, whole.vertices.shape) * (whole.vertices[:, 2:] > 0.05)
    return Mesh((whole.vertices + crease).astype(np.float32), whole.faces, whole.material)


def tyre(variant: int) -> Mesh:
    """A tyre lying flat."""
    del variant
    section = [(0.30, 0.0), (0.33, 0.04), (0.33, 0.16), (0.30, 0.20), (0.19, 0.18), (0.19, 0.02)]
    return lathe(section, M.RUBBER, 20, closed=True)


def pallet(variant: int) -> Mesh:
    """A pallet of boards."""
    del variant
    blocks = Blocks()
    for z in (0.0, 0.122):
        for x in np.linspace(-0.55, 0.55, 7):
            blocks.box(M.WOOD, (x - 0.05, x + 0.05), (-0.4, 0.4), (z, z + 0.022))
    for y in (-0.35, 0.0, 0.35):
        blocks.box(M.WOOD, (-0.6, 0.6), (y - 0.05, y + 0.05), (0.022, 0.122))
    return blocks.mesh()


def crate(variant: int) -> Mesh:
    """A crate of slats on a pallet: one sees into it."""
    blocks = Blocks().put(pallet(variant))
    for z in np.arange(0.2, 1.0, 0.16):
        for y in (-0.39, 0.39):
            blocks.box(M.WOOD, (-0.58, 0.58), (y - 0.01, y + 0.01), (z, z + 0.1))
        for x in (-0.58, 0.58):
            blocks.box(M.WOOD, (x - 0.01, x + 0.01), (-0.39, 0.39), (z, z + 0.1))
    for x in (-0.56, 0.56):
        for y in (-0.37, 0.37):
            blocks.box(M.WOOD, (x - 0.02, x + 0.02), (y - 0.02, y + 0.02), (0.14, 1.0))
    return blocks.mesh()


def sofa(variant: int) -> Mesh:
    """A sofa for three or an armchair."""
    half = 0.95 if variant % 2 == 0 else 0.45
    blocks = (
        Blocks()
        .box(M.CLOTH, (-0.35, 0.45), (-half, half), (0.05, 0.45))
        .box(M.CLOTH, (-0.45, -0.25), (-half, half), (0.1, 0.88))
    )
    for side in (-1, 1):
        blocks.box(M.CLOTH, (-0.45, 0.45), (side * half, side * (half - 0.16)), (0.1, 0.66))
        for x in (-0.35, 0.38):
            blocks.box(
                M.WOOD, (x - 0.03, x + 0.03), (side * (half - 0.1) - 0.03, side * (half - 0.1) + 0.03), (0.0, 0.1)
            )
    return blocks.mesh()


def mattress(variant: int) -> Mesh:
    """A mattress lying on the road, sagging and bent."""
    rng = stream("mattress", variant)
    x, y = np.linspace(-1.0, 1.0, 9), np.linspace(-0.5, 0.5, 5)
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    rise = 0.06 * np.sin(2.2 * grid[..., 0] + rng.uniform(0, 6)) + 0.06
    top = np.concatenate([grid, (rise + 0.2)[..., None]], axis=-1)
    bottom = np.concatenate([grid, np.maximum(rise, 0.0)[..., None]], axis=-1)
    rows = np.concatenate([top, bottom[:, ::-1]], axis=1)
    points, count = rows.reshape(-1, 3), rows.shape[1]
    i, j = np.meshgrid(np.arange(8), np.arange(count), indexing="ij")
    a, b = i * count + j, i * count + (j + 1) % count
    faces = np.stack([a, b, b + count, a, b + count, a + count], axis=-1).reshape(-1, 3)
    caps = [[first, first + k, first + k + 1] for first in (0, 8 * count) for k in range(1, count - 1)]
    return Mesh.of(points, np.concatenate([faces, np.array(caps)]), M.CLOTH)


def ladder(variant: int) -> Mesh:
    """A ladder lying flat, 3 m long."""
    del variant
    blocks = Blocks()
    for y in (-0.2, 0.2):
        blocks.box(M.STEEL, (-1.5, 1.5), (y - 0.015, y + 0.015), (0.02, 0.09))
    for x in np.arange(-1.35, 1.4, 0.28):
        blocks.rod(M.STEEL, (x, -0.2, 0.055), (x, 0.2, 0.055), 0.016, 5)
    return blocks.box(M.RUBBER, (-1.52, -1.46), (-0.22, 0.22), (0.0, 0.06)).mesh()


def briefcase(variant: int) -> Mesh:
    """A flat case with a handle."""
    del variant
    blocks = Blocks().box(M.CLOTH, (-0.22, 0.22), (-0.06, 0.06), (0.0, 0.32))
    return (
        blocks.rod(M.RUBBER, (-0.08, 0, 0.36), (0.08, 0, 0.36), 0.012, 5)
        .box(M.STEEL, (-0.1, -0.07), (-0.01, 0.01), (0.32, 0.36))
        .mesh()
    )


def suitcase(variant: int) -> Mesh:
    """A suitcase on wheels, its handle drawn out or not."""
    blocks = Blocks().box(M.PLASTIC, (-0.13, 0.13), (-0.23, 0.23), (0.05, 0.62))
    for z in (0.15, 0.3, 0.45):
        blocks.box(M.PLASTIC, (-0.14, 0.14), (-0.2, 0.2), (z, z + 0.03))
    for y in (-0.18, 0.18):
        blocks.rod(M.RUBBER, (-0.08, y - 0.02, 0.035), (-0.08, y + 0.02, 0.035), 0.035, 7)
    if variant % 2 == 0:
        for y in (-0.1, 0.1):
            blocks.rod(M.STEEL, (-0.1, y, 0.6), (-0.1, y, 1.0), 0.01, 4)
        blocks.box(M.RUBBER, (-0.12, -0.08), (-0.12, 0.12), (0.98, 1.02))
    return blocks.mesh()


def guitar_case(variant: int) -> Mesh:
    """A guitar's case lying on its back."""
    del variant
    body = ellipsoid((-0.3, 0, 0.07), (0.26, 0.2, 0.07), M.RUBBER, 12, 5)
    waist = ellipsoid((0.0, 0, 0.07), (0.2, 0.15, 0.065), M.RUBBER, 12, 5)
    return Mesh.joined([body, waist, box((0.35, 0, 0.06), (0.5, 0.12, 0.09), M.RUBBER)])


def bag(variant: int) -> Mesh:
    """A full plastic bag or refuse sack, tied at the top."""
    rng = stream("bag", variant)
    sack = ellipsoid((0, 0, 0.27), (0.26, 0.24, 0.27), M.PLASTIC, 10, 7)
    dents = 1 + rng.normal(0, 0.07, (len(sack.vertices), 1))
    middle = np.array([0, 0, 0.27])
    rough = (sack.vertices - middle) * dents + middle
    knot = tube((0, 0, 0.5), (0.02, 0.01, 0.64), (0.03, 0.07), M.PLASTIC, 6)
    return Mesh.joined([Mesh(np.maximum(rough, [-9, -9, 0.0]).astype(np.float32), sack.faces, sack.material), knot])


def bags(variant: int) -> Mesh:
    """A few refuse sacks heaped together, perhaps with a carton."""
    rng = stream("bags", variant)
    heap = [
        bag(variant + n).moved((*rng.normal(0, 0.3, 2), 0.3 * (n > 2)), yaw=float(rng.uniform(0, 6)))
        for n in range(3 + variant % 3)
    ]
    return Mesh.joined([*heap, *([carton(variant).moved((0.5, 0.3, 0))] if variant % 2 else [])])


def paper_bag(variant: int) -> Mesh:
    """An open shopping bag with handles."""
    del variant
    blocks = Blocks()
    for y in (-0.08, 0.08):
        blocks.strip(M.CARTON, (-0.16, y, 0.2), (0.16, y, 0.2), (0, 0, 0.2)).strip(
            M.CARTON, (-0.05, y, 0.46), (0.05, y, 0.46), (0, 0, 0.01)
        )
    for x in (-0.16, 0.16):
        blocks.strip(M.CARTON, (x, -0.08, 0.2), (x, 0.08, 0.2), (0, 0, 0.2))
    return blocks.box(M.CARTON, (-0.16, 0.16), (-0.08, 0.08), (0.0, 0.02)).mesh()


def purse(variant: int) -> Mesh:
    """A handbag."""
    del variant
    body = ellipsoid((0, 0, 0.12), (0.17, 0.07, 0.12), M.CLOTH, 10, 6)
    blocks = Blocks().put(body)
    for start, end in (((-0.1, 0.22), (-0.06, 0.32)), ((-0.06, 0.32), (0.06, 0.32)), ((0.06, 0.32), (0.1, 0.22))):
        blocks.rod(M.CLOTH, (start[0], 0, start[1]), (end[0], 0, end[1]), 0.01, 4)
    return blocks.mesh()


def helmet(variant: int) -> Mesh:
    """A bicycle's or a motorcyclist's helmet."""
    shell = ellipsoid((0, 0, 0.1), (0.14, 0.11, 0.13), M.PLASTIC, 12, 8)
    cut = shell.where(shell.vertices[shell.faces][..., 2].mean(axis=1) > (0.08 if variant % 2 == 0 else 0.0))
    visor = Blocks().strip(M.SCREEN, (0.14, -0.09, 0.12), (0.14, 0.09, 0.12), (0, 0, 0.04)).mesh()
    return Mesh.joined([cut, visor]) if variant % 2 else cut


def telephone(variant: int) -> Mesh:
    """A mobile telephone lying on its back."""
    del variant
    return (
        Blocks()
        .box(M.RUBBER, (-0.075, 0.075), (-0.037, 0.037), (0.0, 0.009))
        .box(M.SCREEN, (-0.07, 0.07), (-0.034, 0.034), (0.009, 0.01))
        .mesh()
    )


def can(variant: int) -> Mesh:
    """A drinks can."""
    del variant
    return lathe(
        [(0.0, 0.0), (0.027, 0.0), (0.033, 0.01), (0.033, 0.11), (0.026, 0.122), (0.0, 0.12)], M.WARNING_RED, 10
    )


def shopping_cart(variant: int) -> Mesh:
    """A supermarket's cart of wire, which one sees through."""
    del variant
    blocks = Blocks()
    for z, half in ((0.45, 0.2), (0.62, 0.24), (0.79, 0.27), (0.95, 0.29)):
        for y in (-half, half):
            blocks.strip(M.STEEL, (-0.4, y, z), (0.45, y, z), (0, 0, 0.006))
        blocks.strip(M.STEEL, (0.45, -half, z), (0.45, half, z), (0, 0, 0.006)).strip(
            M.STEEL, (-0.4, -half, z), (-0.4, half, z), (0, 0, 0.006)
        )
    for x in np.linspace(-0.4, 0.45, 11):
        for side in (-1, 1):
            blocks.strip(M.STEEL, (x, side * 0.2, 0.45), (x, side * 0.29, 0.95), (0.005, 0, 0))
        blocks.strip(M.STEEL, (x, -0.2, 0.45), (x, 0.2, 0.45), (0.005, 0, 0))
    for x in (-0.4, 0.42):
        for y in (-0.22, 0.22):
            blocks.rod(M.RUBBER, (x, y - 0.02, 0.06), (x, y + 0.02, 0.06), 0.06, 7).rod(
                M.STEEL, (x, y, 0.08), (0.9 * x, y, 0.45), 0.014, 4
            )
    return blocks.rod(M.PLASTIC, (-0.52, -0.27, 1.02), (-0.52, 0.27, 1.02), 0.02, 6).mesh()


def push_cart(variant: int) -> Mesh:
    """A hand cart or a stall on two large wheels, with a roof where food is sold."""
    blocks = Blocks().box(M.WOOD, (-0.7, 0.7), (-0.4, 0.4), (0.55, 0.62))
    for y in (-0.4, 0.4):
        blocks.box(M.WOOD, (-0.7, 0.7), (y - 0.015, y + 0.015), (0.62, 0.9))
        blocks.put(tube((-0.1, y * 1.1, 0.36), (-0.1, y * 1.2, 0.36), 0.36, M.WOOD, 14)).rod(
            M.WOOD, (-0.7, y, 0.6), (-1.3, y, 0.85), 0.02, 4
        )
        blocks.box(M.WOOD, (0.6, 0.66), (y - 0.03, y + 0.03), (0.0, 0.55))
    for x in (-0.7, 0.7):
        blocks.box(M.WOOD, (x - 0.015, x + 0.015), (-0.4, 0.4), (0.62, 0.9))
    if variant % 2:
        for x in (-0.65, 0.65):
            for y in (-0.38, 0.38):
                blocks.rod(M.STEEL, (x, y, 0.9), (x, y, 1.95), 0.018, 4)
        for y in (-0.25, 0.25):
            blocks.strip(M.CLOTH, (-0.85, y, 2.05), (0.85, y, 2.05), (0, 0.27, -0.1 * np.sign(y)))
        blocks.box(M.STEEL, (-0.6, 0.6), (-0.36, 0.36), (0.9, 1.05))
    return blocks.mesh()


def broken_tile(variant: int) -> Mesh:
    """Pieces of a paving stone."""
    rng = stream("tile", variant)
    blocks = Blocks()
    for _ in range(3 + variant % 3):
        x, y = rng.normal(0, 0.12, 2)
        size = rng.uniform(0.05, 0.12, 2)
        blocks.box(
            M.RUBBLE, (x - size[0], x + size[0]), (y - size[1], y + size[1]), (0.0, float(rng.uniform(0.03, 0.05)))
        )
    return blocks.mesh()


PROPS: dict[str, Callable[[int], Mesh]] = {
    "carton": carton, "boxes": cartons, "creased_carton": creased_carton, "tyre": tyre, "pallet": pallet,
    "crate": crate, "sofa": sofa, "mattress": mattress, "ladder": ladder, "briefcase": briefcase, "suitcase": suitcase,
    "guitar_case": guitar_case, "bag": bag, "bags": bags, "paper_bag": paper_bag, "purse": purse, "helmet": helmet,
    "telephone": telephone, "can": can, "shopping_cart": shopping_cart, "push_cart": push_cart,
    "broken_tile": broken_tile,
}  # fmt: skip
"""By the name that blueprints give as ``body``."""
