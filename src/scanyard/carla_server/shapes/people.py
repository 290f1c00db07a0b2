"""People made of tapering limbs: walking, or bent over a handlebar.

The body is drawn for a height of one metre and stretched to the box asked for.  Frame: x forward, y right, z up, feet
on z = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, ellipsoid, tube
from scanyard.randomness import stream


@dataclass(frozen=True)
class Clothes:
    """Materials of a person: they decide between pedestrian and rider."""

    skin: Material
    top: Material
    trousers: Material
    hair: Material


WALKING = Clothes(Material.SKIN, Material.TOP, Material.TROUSERS, Material.HAIR)
RIDING = Clothes(Material.RIDER_SKIN, Material.RIDER_TOP, Material.RIDER_TROUSERS, Material.HELMET)


@dataclass(frozen=True)
class Limb:
    """A leg or an arm: three joints (3,) and the radii there."""

    joints: tuple[tuple[float, float, float], ...]
    radii: tuple[float, ...]


def limb(limb_: Limb, upper: Material, lower: Material) -> Mesh:
    """Tapering tubes through the joints; the last piece is of ``lower``."""
    pieces = []
    for i in range(len(limb_.joints) - 1):
        material = lower if i == len(limb_.joints) - 2 else upper
        pieces.append(tube(limb_.joints[i], limb_.joints[i + 1], (limb_.radii[i], limb_.radii[i + 1]), material, 7))
    return Mesh.joined(pieces)


def torso(hip: Sequence[float], neck: Sequence[float], clothes: Clothes) -> Mesh:
    """Trunk and head between a hip and a neck (3,), for a body one metre high."""
    low, high = np.asarray(hip, dtype=float), np.asarray(neck, dtype=float)
    lean = (high - low) / np.linalg.norm(high - low)
    chest = low + 0.66 * (high - low)
    head = high + 0.085 * lean
    return Mesh.joined(
        [
            tube(low - 0.03 * lean, chest, (0.072, 0.088), clothes.top, 9),
            tube(chest, high, (0.088, 0.045), clothes.top, 9),
            *(
                ellipsoid(chest + np.array([0, side * 0.085, 0.045]), (0.045, 0.052, 0.05), clothes.top, 7, 4)
                for side in (-1, 1)
            ),
            ellipsoid(head, (0.058, 0.046, 0.072), clothes.skin, 9, 6),
            ellipsoid(head + np.array([-0.008, 0, 0.025]), (0.060, 0.050, 0.052), clothes.hair, 9, 5),
        ]
    )


def walker(variant: int, size: Sequence[float]) -> Mesh:
    """A person caught in mid-stride, filling ``size`` (length, width, height) exactly."""
    rng = stream("walker", variant)
    stride, swing = float(rng.uniform(0.08, 0.16)), float(rng.uniform(0.05, 0.14))
    lead = 1 if rng.random() < 0.5 else -1
    hip, neck = (0.0, 0.0, 0.50), (0.015, 0.0, 0.83)
    parts = [torso(hip, neck, WALKING)]
    for side in (-1, 1):
        reach = stride * (1 if side == lead else -1)
        foot_z = 0.03 if reach > 0 else 0.06
        knee = (0.45 * reach + 0.04, side * 0.052, 0.275)
        leg = Limb(((0.0, side * 0.05, 0.51), knee, (reach, side * 0.048, foot_z)), (0.062, 0.043, 0.028))
        parts.append(limb(leg, WALKING.trousers, WALKING.trousers))
        parts.append(
            tube(
                (reach - 0.04, side * 0.048, foot_z - 0.005),
                (reach + 0.10, side * 0.052, 0.022),
                (0.026, 0.022),
                Material.HAIR,
                6,
            )
        )
        hand = (-1.3 * swing * (1 if side == lead else -1), side * 0.145, 0.45)
        arm = Limb(
            ((0.0, side * 0.125, 0.79), (hand[0] * 0.45 - 0.01, side * 0.145, 0.61), hand), (0.036, 0.028, 0.020)
        )
        parts.append(limb(arm, WALKING.top, WALKING.skin if rng.random() < 0.4 else WALKING.top))
    length, width, height = size
    return Mesh.joined(parts).fitted((-length / 2, -width / 2, 0), (length / 2, width / 2, height))
