"""Animals on four legs: dogs, deer, wild boars, cows, standing and walking.

A body is lofted through elliptical sections from rump to muzzle, legs bend in two joints, and each species adds ears,
horns, antlers, a tail.  Drawn in metres at its usual size, then stretched to the box asked for; the phases of a stride
share one box.  Frame: x forward, y right, z up, hoofs on z = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes.gait import PHASES
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, ellipsoid, quads, tube
from scanyard.randomness import stream

Floats = NDArray[np.float64]
M = Material


@dataclass(frozen=True)
class Species:
    """What an animal is like; metres."""

    sections: tuple[tuple[float, float, float, float], ...]
    """x, z of the middle, half height, half width, from rump to muzzle."""
    legs: tuple[float, float, float]
    """x of the hind legs, x of the fore legs, half their distance apart."""
    leg_radius: float
    belly: float
    """Height where the legs leave the body."""
    swing_deg: float
    tail: tuple[tuple[float, float], tuple[float, float]]
    """x, z where it begins and ends."""
    ear: tuple[float, float, float]
    """x, z and length."""
    extras: str = ""
    """horns or antlers or udder or bristles."""


SPECIES: dict[str, Species] = {
    "dog": Species(
        ((-0.36, 0.46, 0.03, 0.03), (-0.31, 0.46, 0.10, 0.08), (-0.10, 0.45, 0.10, 0.085), (0.14, 0.44, 0.14, 0.10),
         (0.26, 0.48, 0.12, 0.09), (0.36, 0.60, 0.07, 0.06), (0.44, 0.67, 0.075, 0.065), (0.52, 0.66, 0.055, 0.05),
         (0.60, 0.63, 0.035, 0.032), (0.64, 0.62, 0.02, 0.02)),
        (-0.27, 0.20, 0.075), 0.028, 0.40, 24.0, ((-0.36, 0.50), (-0.58, 0.66)), (0.42, 0.73, 0.10),
    ),
    "deer": Species(
        ((-0.78, 0.98, 0.05, 0.06), (-0.70, 0.98, 0.19, 0.16), (-0.30, 0.95, 0.20, 0.19), (0.15, 0.93, 0.22, 0.19),
         (0.42, 1.00, 0.20, 0.15), (0.60, 1.25, 0.12, 0.09), (0.72, 1.48, 0.10, 0.075), (0.84, 1.58, 0.09, 0.075),
         (0.98, 1.52, 0.06, 0.05), (1.10, 1.46, 0.035, 0.035)),
        (-0.60, 0.34, 0.11), 0.038, 0.85, 20.0, ((-0.78, 1.03), (-0.86, 0.90)), (0.78, 1.65, 0.17), "antlers",
    ),
    "boar": Species(
        ((-0.66, 0.55, 0.06, 0.07), (-0.56, 0.56, 0.19, 0.17), (-0.20, 0.57, 0.22, 0.20), (0.15, 0.58, 0.26, 0.20),
         (0.36, 0.58, 0.23, 0.17), (0.52, 0.53, 0.16, 0.13), (0.66, 0.46, 0.11, 0.09), (0.80, 0.38, 0.06, 0.055),
         (0.85, 0.36, 0.045, 0.045)),
        (-0.45, 0.22, 0.12), 0.042, 0.42, 20.0, ((-0.66, 0.60), (-0.76, 0.40)), (0.50, 0.68, 0.11), "bristles",
    ),
    "cow": Species(
        ((-1.06, 1.08, 0.10, 0.14), (-0.98, 1.08, 0.27, 0.25), (-0.45, 1.02, 0.34, 0.33), (0.15, 1.00, 0.36, 0.34),
         (0.62, 1.05, 0.32, 0.24), (0.86, 1.17, 0.22, 0.15), (1.04, 1.27, 0.17, 0.13), (1.20, 1.22, 0.14, 0.12),
         (1.38, 1.08, 0.10, 0.09), (1.48, 1.00, 0.08, 0.08)),
        (-0.80, 0.48, 0.20), 0.065, 0.85, 15.0, ((-1.08, 1.22), (-1.16, 0.55)), (1.06, 1.33, 0.20), "horns",
    ),
}  # fmt: skip
KINDS = tuple(SPECIES)


def natural_size(species: str) -> tuple[float, float, float]:
    """Length, width, height in metres of an animal in all phases of its stride together."""
    drawn = _phases(species, 0)
    length, width, height = (
        np.max([mesh.high for mesh in drawn], axis=0) - np.min([mesh.low for mesh in drawn], axis=0)
    ).tolist()
    return length, width, height


def animal(species: str, variant: int, size: Sequence[float]) -> tuple[Mesh, ...]:
    """An animal (one of ``KINDS``) standing, and in ``gait.PHASES`` phases of its stride, in a box of ``size``."""
    drawn = _phases(species, variant % 4)
    low = np.min([mesh.low for mesh in drawn], axis=0).astype(float)
    high = np.max([mesh.high for mesh in drawn], axis=0).astype(float)
    length, width, height = size
    start, stop = np.array([-length / 2, -width / 2, 0.0]), np.array([length / 2, width / 2, height])
    scale = (stop - start) / (high - low)
    return tuple(
        Mesh(np.clip((mesh.vertices - low) * scale + start, start, stop).astype(np.float32), mesh.faces, mesh.material)
        for mesh in drawn
    )


@lru_cache(maxsize=32)
def _phases(species: str, variant: int) -> tuple[Mesh, ...]:
    kind = SPECIES[species]
    still = Mesh.joined([*_trunk(kind, species, variant), *_legs(kind, None)])
    return still, *(Mesh.joined([*_trunk(kind, species, variant), *_legs(kind, n / PHASES)]) for n in range(PHASES))


def _trunk(kind: Species, species: str, variant: int) -> list[Mesh]:
    rng = stream("animal", species, variant)
    sides = 12
    angle = np.arange(sides) * 2 * np.pi / sides
    fat = float(rng.uniform(0.93, 1.07))
    rows = [
        np.c_[np.full(sides, x), fat * wide * np.sin(angle), z + fat * tall * np.cos(angle)]
        for x, z, tall, wide in kind.sections
    ]
    count = len(rows)
    caps = [[first, first + i, first + i + 1] for first in (0, (count - 1) * sides) for i in range(1, sides - 1)]
    body = Mesh.of(np.concatenate(rows), np.concatenate([quads(count, sides, closed=True), np.array(caps)]), M.FUR)
    (x0, z0), (x1, z1) = kind.tail
    parts = [body, tube((x0, 0, z0), (x1, 0, z1), (0.03 * fat, 0.012), M.FUR, 5)]
    x, z, length = kind.ear
    for side in (-1, 1):
        parts.append(ellipsoid((x, side * 0.7 * length, z), (0.03, 0.55 * length, 0.4 * length), M.FUR, 6, 4))
        if kind.extras == "horns":
            parts.append(
                tube((x + 0.02, side * 0.1, z + 0.04), (x + 0.06, side * 0.26, z + 0.18), (0.03, 0.01), M.WOOD, 6)
            )
        if kind.extras == "antlers" and variant % 2 == 0:
            beam = np.array(
                [[x, side * 0.05, z + 0.05], [x - 0.12, side * 0.22, z + 0.3], [x + 0.02, side * 0.3, z + 0.55]]
            )
            parts += [tube(beam[i], beam[i + 1], (0.018, 0.012), M.WOOD, 5) for i in range(2)]
            parts += [tube(beam[1], beam[1] + [0.16, side * 0.02, 0.12], (0.012, 0.006), M.WOOD, 4),
                      tube(beam[0], beam[0] + [0.16, side * 0.04, 0.1], (0.012, 0.006), M.WOOD, 4)]  # fmt: skip
    if kind.extras == "bristles":
        parts += [tube((x, 0, 0.75), (x - 0.05, 0, 0.87), (0.03, 0.004), M.FUR, 3) for x in np.linspace(-0.3, 0.4, 8)]
    if kind.extras == "horns":
        parts.append(ellipsoid((-0.62, 0, 0.66), (0.2, 0.15, 0.13), M.FUR, 8, 5))
    return parts


def _legs(kind: Species, phase: float | None) -> list[Mesh]:
    """Four legs, diagonal pairs half a stride apart; ``phase`` None stands."""
    hind, fore, apart = kind.legs
    parts = []
    for number, (x, side) in enumerate(((hind, -1), (hind, 1), (fore, -1), (fore, 1))):
        offset = (0.0, 0.5, 0.5, 0.0)[number]
        swing, lift = 0.0, 0.0
        if phase is not None:
            p = (phase + offset) % 1.0
            swing = np.deg2rad(kind.swing_deg) * np.cos(2 * np.pi * p)
            lift = 0.16 * kind.belly * max(0.0, np.sin(2 * np.pi * (p - 0.5)))
        back = -0.05 if x == hind else 0.02  # hocks bend backwards, knees hardly
        foot = np.array([x + kind.belly * np.sin(swing), side * apart, lift])
        knee = np.array(
            [x + 0.5 * kind.belly * np.sin(swing) + back * kind.belly, side * apart, 0.48 * kind.belly + 0.4 * lift]
        )
        top = np.array([x, side * apart, kind.belly + 0.05])
        r = kind.leg_radius
        parts.append(tube(top, knee, (2.0 * r, 1.05 * r), M.FUR, 7))
        parts.append(tube(knee, foot + np.array([0, 0, 0.06]), (0.95 * r, 0.7 * r), M.FUR, 6))
        parts.append(tube(foot, foot + np.array([0.01, 0, 0.07]), (1.15 * r, 0.85 * r), M.RUBBER, 6))
    return parts
