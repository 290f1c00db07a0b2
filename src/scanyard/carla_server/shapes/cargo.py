"""Things lost or left on the road: cartons, a tyre, a pallet, a sofa.

Frame: x forward, y right, z up, standing on z = 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, boxes, quads, tube
from scanyard.randomness import stream

KINDS = ("boxes", "tyre", "pallet", "sofa", "barrel")


def prop(body: str, variant: int, size: Sequence[float]) -> Mesh:
    """A prop of the kind ``body`` (one of ``KINDS``; anything else picks by ``variant``), filling ``size`` exactly."""
    kind = body if body in KINDS else KINDS[variant % len(KINDS)]
    mesh = {"boxes": _boxes, "tyre": _tyre, "pallet": _pallet, "sofa": _sofa, "barrel": _barrel}[kind](variant)
    length, width, height = size
    return mesh.fitted((-length / 2, -width / 2, 0), (length / 2, width / 2, height))


def _boxes(variant: int) -> Mesh:
    rng = stream("cartons", variant)
    low = box((0, 0, 0.25), (1.0, 0.8, 0.5), Material.CARTON)
    top = box((float(rng.uniform(-0.15, 0.15)), float(rng.uniform(-0.1, 0.1)), 0.7), (0.55, 0.5, 0.4), Material.CARTON)
    return Mesh.joined([low, top.moved(yaw=float(rng.uniform(-0.4, 0.4)))])


def _tyre(variant: int) -> Mesh:
    del variant
    angle = np.arange(20) * 2 * np.pi / 20
    section = ((0.30, 0.02), (0.34, 0.06), (0.34, 0.16), (0.30, 0.20), (0.19, 0.18), (0.19, 0.04), (0.30, 0.02))
    rows = [np.c_[r * np.cos(angle), r * np.sin(angle), np.full(20, z)] for r, z in section]
    return Mesh.of(np.concatenate(rows), quads(len(section), 20, closed=True), Material.RUBBER)


def _pallet(variant: int) -> Mesh:
    del variant
    across = np.linspace(-0.35, 0.35, 3)
    decks = [
        boxes(np.c_[np.linspace(-0.55, 0.55, 7), np.zeros(7), np.full(7, z)], [(0.1, 0.8, 0.022)] * 7, Material.WOOD)
        for z in (0.133, 0.011)
    ]
    return Mesh.joined(
        [*decks, boxes(np.c_[np.zeros(3), across, np.full(3, 0.072)], [(1.2, 0.1, 0.10)] * 3, Material.WOOD)]
    )


def _sofa(variant: int) -> Mesh:
    del variant
    return Mesh.joined(
        [
            box((0.05, 0, 0.25), (0.8, 1.9, 0.4), Material.CLOTH),
            box((-0.35, 0, 0.5), (0.2, 1.9, 0.75), Material.CLOTH),
            *(box((0, side * 0.87, 0.38), (0.9, 0.16, 0.55), Material.CLOTH) for side in (-1, 1)),
            *(box((x, y, 0.03), (0.06, 0.06, 0.06), Material.WOOD) for x in (-0.35, 0.35) for y in (-0.85, 0.85)),
        ]
    )


def _barrel(variant: int) -> Mesh:
    del variant
    return Mesh.joined(
        [
            tube((0, 0, 0), (0, 0, 0.45), (0.27, 0.30), Material.RUBBER, 14),
            tube((0, 0, 0.45), (0, 0, 0.9), (0.30, 0.27), Material.RUBBER, 14),
        ]
    )
