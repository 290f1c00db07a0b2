"""What people carry, hold, push and sit in.

Drawn about a body one metre high, in that body's frame: x forward, y right, z up, feet on z = 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, box, ellipsoid, quads, tube

Floats = NDArray[np.float64]
M = Material

SEAT_HEIGHT = 0.33
"""Of a wheelchair, as a share of the height of whoever sits in it when they stand."""


def backpack(back: Floats) -> Mesh:
    """A pack behind the shoulder blades at ``back`` (3,), the middle of the trunk there."""
    pack = ellipsoid(back + np.array([-0.105, 0, -0.03]), (0.062, 0.085, 0.125), M.BAG, 8, 6)
    pocket = box(back + np.array([-0.165, 0, -0.075]), (0.04, 0.11, 0.08), M.BAG)
    return Mesh.joined([pack, pocket])


def hanging(hand: Floats, half: Sequence[float], drop: float) -> list[Mesh]:
    """A bag that hangs ``drop`` below a hand (3,), of half sizes ``half`` (3,)."""
    deep = float(half[2])
    middle = hand + np.array([0.0, 0.0, -0.04 - drop - deep])
    size = 2 * np.asarray(half, dtype=float)
    straps = [
        tube(hand + np.array([0, 0, -0.035]), middle + np.array([x * half[0], 0, deep]), 0.003, M.BAG, 3)
        for x in (-0.6, 0.6)
    ]
    return [box(middle, size, M.BAG), *straps]


def trolley(hand: Floats) -> list[Mesh]:
    """A suitcase on wheels drawn behind, its handle in a hand (3,)."""
    foot = np.array([hand[0] - 0.22, hand[1], 0.03])
    up = (hand - foot) / np.linalg.norm(hand - foot)
    case = box((0, 0, 0.17), (0.13, 0.24, 0.33), M.BAG).moved(foot, pitch=-0.35)
    return [case, tube(foot + 0.3 * up, hand, 0.005, M.CHROME, 4)]


def stick(hand: Floats) -> Mesh:
    """A walking stick from a hand (3,) to the ground ahead."""
    return tube(hand + np.array([0.01, 0, -0.02]), (hand[0] + 0.07, hand[1] + 0.01, 0.0), 0.006, M.CHROME, 5)


def umbrella(hand: Floats) -> list[Mesh]:
    """An open umbrella over the head, its stick in a hand (3,)."""
    top = np.array([0.02, 0.04, 1.12])
    angle = np.arange(8) * np.pi / 4
    rows = [
        top + np.c_[r * np.cos(angle), r * np.sin(angle), np.full(8, z)]
        for r, z in ((0.0, 0.06), (0.15, 0.045), (0.29, 0.0))
    ]
    cloth = Mesh.of(np.concatenate(rows), quads(3, 8, closed=True), M.UMBRELLA)
    return [cloth, tube(hand + np.array([0, 0, -0.05]), top + np.array([0, 0, 0.05]), 0.005, M.CHROME, 4)]


def pram(hands: Floats) -> list[Mesh]:
    """A pram pushed with both hands, ``hands`` (3,) their middle."""
    x = hands[0]
    wheels = [
        tube((x + ahead, side - 0.008, radius), (x + ahead, side + 0.008, radius), radius, M.CHROME, 9)
        for ahead, radius in ((0.15, 0.075), (0.48, 0.06))
        for side in (-0.14, 0.14)
    ]
    bar = [
        tube((x + 0.03, side, hands[2] - 0.02), (x + 0.45, side, 0.10), 0.008, M.CHROME, 4) for side in (-0.13, 0.13)
    ]
    struts = [tube((x + 0.15, side, 0.09), (x + 0.36, side, 0.36), 0.008, M.CHROME, 4) for side in (-0.13, 0.13)]
    grip = tube((x + 0.03, -0.14, hands[2] - 0.02), (x + 0.03, 0.14, hands[2] - 0.02), 0.009, M.BAG, 5)
    tub = ellipsoid((x + 0.33, 0, 0.40), (0.22, 0.125, 0.09), M.PRAM, 9, 5)
    hood = ellipsoid((x + 0.22, 0, 0.47), (0.13, 0.13, 0.13), M.PRAM, 9, 5)
    return [*wheels, *bar, *struts, grip, tub, hood]


def wheelchair() -> list[Mesh]:
    """A chair with two large and two small wheels, its seat at ``SEAT_HEIGHT``."""
    parts: list[Mesh] = []
    angle = np.arange(16) * 2 * np.pi / 16
    for side in (-0.165, 0.165):
        for radius, thick in ((0.178, 0.014), (0.165, 0.009)):  # tyre and push rim
            rows = [
                np.c_[-0.02 + r * np.cos(angle), np.full(16, side + off), 0.178 + r * np.sin(angle)]
                for r, off in ((radius - thick, 0.0), (radius, thick), (radius, -thick), (radius - thick, 0.0))
            ]
            parts.append(
                Mesh.of(np.concatenate(rows), quads(4, 16, closed=True), M.SHOE if radius > 0.17 else M.CHROME)
            )
        for a in angle[::2]:
            rim = (-0.02 + 0.165 * np.cos(a), side, 0.178 + 0.165 * np.sin(a))
            parts.append(tube((-0.02, side, 0.178), rim, 0.002, M.CHROME, 3))
        parts.append(tube((0.27, side * 0.8 - 0.01, 0.05), (0.27, side * 0.8 + 0.01, 0.05), 0.05, M.SHOE, 8))
        parts.append(tube((0.27, side * 0.8, 0.07), (0.25, side * 0.8, 0.30), 0.008, M.CHROME, 4))
        parts.append(tube((-0.12, side * 0.8, 0.10), (-0.13, side * 0.8, 0.55), 0.008, M.CHROME, 4))
        parts.append(tube((-0.13, side * 0.8, 0.55), (-0.20, side * 0.8, 0.56), 0.010, M.BAG, 4))
        parts.append(box((0.05, side * 0.85, SEAT_HEIGHT + 0.09), (0.22, 0.03, 0.02), M.BAG))
        parts.append(box((0.42, side * 0.35, 0.075), (0.09, 0.07, 0.01), M.CHROME))
        parts.append(tube((0.25, side * 0.5, SEAT_HEIGHT - 0.03), (0.40, side * 0.4, 0.08), 0.007, M.CHROME, 4))
    parts.append(box((0.08, 0, SEAT_HEIGHT - 0.055), (0.30, 0.27, 0.03), M.BAG))
    parts.append(box((-0.115, 0, SEAT_HEIGHT + 0.08), (0.02, 0.27, 0.24), M.BAG))
    return parts
