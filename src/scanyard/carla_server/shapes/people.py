"""People: bodies lofted over joints, in clothes, with what they carry and push.

A person is described by words (``PersonWords`` says which), as blueprints give them.  The body is drawn over the joints
that ``gait`` finds, for a height of one metre, and stretched to the box asked for; every phase of a stride is stretched
alike, so the box holds all of them and changes with none.  What a stranger gets wrong: someone who stands fills the box
from head to foot, but not from front to back.  Frame: x forward, y right, z up, feet on z = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes import gait, luggage
from scanyard.carla_server.shapes.gait import Joints, Manner
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, ellipsoid, quads, tube
from scanyard.randomness import stream

Floats = NDArray[np.float64]
M = Material

PersonWords = frozenset(
    ("man", "woman", "child", "elderly", "skirt", "coat", "shorts", "stout", "hat", "backpack", "handbag", "shopping",
     "umbrella", "stick", "pram", "suitcase", "wheelchair")
)  # fmt: skip
"""What a blueprint may say of a person's look; words it does not know are refused by a test, not here."""

LOOSE = 1.55
"""Trousers hang wide: real LiDARs see three points in ten of somebody below the knees and thighs."""
WHEELCHAIR_SIZE_M = (1.08, 0.66, 1.30)
"""Length, width, height of someone in a wheelchair."""


@dataclass(frozen=True)
class Look:
    """What someone is like and wears; materials of the parts."""

    words: frozenset[str]
    skin: Material
    hair: Material
    legs: Material
    girth: float
    """Thickness of trunk and limbs, as a factor."""

    def has(self, *words: str) -> bool:
        """Whether any of the words is said of them."""
        return any(word in self.words for word in words)


def person(words: str, variant: int, size: Sequence[float]) -> tuple[Mesh, ...]:
    """Someone standing, and in the ``gait.PHASES`` phases of a stride, stretched to ``size`` (length, width, height).

    The box around all of them together is ``size`` exactly.
    """
    drawn = _phases(words, variant)
    low = np.min([mesh.low for mesh in drawn], axis=0).astype(float)
    high = np.max([mesh.high for mesh in drawn], axis=0).astype(float)
    length, width, height = size
    goal = np.array([-length / 2, -width / 2, 0.0]), np.array([length / 2, width / 2, height])
    scale = (goal[1] - goal[0]) / (high - low)
    fitted = []
    for mesh in drawn:
        # Corners at the common bounds land on the box to the last bit.
        share = (mesh.vertices - low) * scale + goal[0]
        fitted.append(Mesh(np.clip(share, *goal).astype(np.float32), mesh.faces, mesh.material))
    return tuple(fitted)


def natural_size(words: str, variant: int, height_m: float) -> tuple[float, float, float]:
    """Length, width, height in metres that someone takes up in all phases together."""
    drawn = _phases(words, variant)
    low = np.min([mesh.low for mesh in drawn], axis=0)
    high = np.max([mesh.high for mesh in drawn], axis=0)
    length, width, height = ((high - low) * height_m / (high[2] - low[2])).tolist()
    return length, width, height


@lru_cache(maxsize=128)
def _phases(words: str, variant: int) -> tuple[Mesh, ...]:
    """Standing, then the phases of a stride, for a body one metre high."""
    rng = stream("person", words, variant)
    said = frozenset(words.split())
    look = Look(
        said,
        (M.SKIN, M.SKIN, M.SKIN_BROWN, M.SKIN_DARK)[int(rng.integers(4))],
        M.HAIR_GREY if "elderly" in said else (M.HAIR, M.HAIR_BLACK, M.HAIR_FAIR)[int(rng.integers(3))],
        (M.TROUSERS, M.JEANS, M.KHAKI, M.COAT)[int(rng.integers(4))],
        float(rng.uniform(0.92, 1.08)) * (1.25 if "stout" in said else 1.0) * (0.94 if "woman" in said else 1.0),
    )
    if look.has("wheelchair"):
        joints = gait.seated(luggage.SEAT_HEIGHT)
        return (Mesh.joined([*_body(joints, look), *luggage.wheelchair()]),)
    manner = _manner(look, rng)
    poses = [gait.standing(manner), *(gait.striding(manner, n / gait.PHASES) for n in range(gait.PHASES))]
    carried = [_carried(joints, look) for joints in poses]
    return tuple(Mesh.joined([*_body(pose, look), *held]) for pose, held in zip(poses, carried, strict=True))


def _manner(look: Look, rng: np.random.Generator) -> Manner:
    brisk = float(rng.uniform(0.9, 1.1))
    if look.has("pram"):
        return Manner(20.0 * brisk, 0.0, 6.0, held=(32.0, 48.0))
    right = (20.0, 55.0) if look.has("umbrella") else (12.0, 25.0) if look.has("stick") else None
    if look.has("elderly"):
        return Manner(15.0 * brisk, 9.0, 13.0, 30.0, right_held=right)
    if look.has("child"):
        return Manner(28.0 * brisk, 26.0, 2.0, 24.0, right_held=right)
    return Manner(22.0 * brisk, 16.0 * brisk, 3.0, 18.0, right_held=right)


def _body(joints: Joints, look: Look) -> list[Mesh]:
    child = look.has("child")
    parts = [_trunk(joints, look), *_head(joints, look, 1.28 if child else 1.0)]
    g = look.girth * (1.1 if child else 1.0)
    long_sleeves = not look.has("shorts")
    for leg in joints.legs:
        bare = look.has("shorts", "skirt")
        loose = g * (1.1 if bare else LOOSE)
        parts.append(tube(leg[0], leg[1], (0.056 * g, 0.034 * loose), M.TOP if look.has("skirt") else look.legs, 8))
        parts.append(tube(leg[1], leg[2], (0.034 * loose, 0.023 * loose), look.skin if bare else look.legs, 8))
        parts.append(_foot(leg))
    for arm in joints.arms:
        parts.append(ellipsoid(arm[0] + np.array([0, 0, -0.006]), np.array([0.036, 0.034, 0.036]) * g, M.TOP, 8, 5))
        parts.append(tube(arm[0], arm[1], (0.031 * g, 0.024 * g), M.TOP, 7))
        parts.append(tube(arm[1], arm[2], (0.024 * g, 0.017 * g), M.TOP if long_sleeves else look.skin, 7))
        reach = (arm[2] - arm[1]) / np.linalg.norm(arm[2] - arm[1])
        parts.append(ellipsoid(arm[2] + 0.035 * reach, (0.022, 0.014, 0.036), look.skin, 6, 4))
    return parts


def _trunk(joints: Joints, look: Look) -> Mesh:
    """Elliptical sections from the crotch, or the hem of a skirt or coat, to the neck."""
    g, woman = look.girth, look.has("woman")
    belly = 0.02 if look.has("stout") else 0.0
    sections = [  # share of the way from hip to neck, half depth, half width
        (-0.16, 0.050, 0.070), (-0.02, 0.066, 0.098 if woman else 0.092),
        (0.22, 0.062 + belly, 0.080 if woman else 0.090), (0.45, 0.066 + belly, 0.084 if woman else 0.096),
        (0.68, 0.072 if woman else 0.068, 0.098 if woman else 0.108),
        (0.86, 0.056, 0.104 if woman else 0.116), (0.94, 0.046, 0.086), (1.0, 0.038, 0.056), (1.06, 0.030, 0.032),
    ]  # fmt: skip
    axis = joints.neck - joints.hip
    points = [joints.hip + share * axis for share, _, _ in sections]
    radii = [(deep * g, wide * g) for _, deep, wide in sections]
    hem = _hem(joints, look)
    if hem is not None:
        lowest, deep, wide = hem
        sway = (joints.legs[0][1] + joints.legs[1][1]) / 2
        for share in (0.55, 1.0):
            at = joints.hip * (1 - share) + np.array([sway[0], 0.0, joints.hip[2] - lowest]) * share
            points.insert(0, at)
            radii.insert(0, (0.068 * g * (1 - share) + deep * share, 0.10 * g * (1 - share) + wide * share))
    return _loft(points, radii, M.TOP, 12)


def _hem(joints: Joints, look: Look) -> tuple[float, float, float] | None:
    """How far below the hips a skirt or coat ends, and its half depth and width there."""
    if not look.has("skirt", "coat"):
        return None
    drop = 0.30 if look.has("coat") else 0.24
    spread = abs(float(joints.legs[0][1][0] - joints.legs[1][1][0])) / 2
    return drop, 0.085 + spread, 0.115


def _head(joints: Joints, look: Look, large: float) -> list[Mesh]:
    at = joints.head + np.array([0.0, 0.0, 0.02 * (large - 1)])
    skull = ellipsoid(at, np.array([0.056, 0.044, 0.066]) * large, look.skin, 10, 7)
    neck = tube(joints.neck - [0, 0, 0.02], at - [0, 0, 0.03], 0.031, look.skin, 7)
    nose = ellipsoid(at + np.array([0.056 * large, 0, -0.008]), (0.012, 0.009, 0.014), look.skin, 5, 3)
    parts = [skull, neck, nose]
    if look.has("hat"):
        parts.append(tube(at + np.array([0, 0, 0.030]), at + np.array([0, 0, 0.036]), 0.085 * large, look.legs, 12))
        parts.append(
            tube(
                at + np.array([0, 0, 0.030]),
                at + np.array([0, 0, 0.078]),
                (0.056 * large, 0.050 * large),
                look.legs,
                10,
            )
        )
        return parts
    parts.append(
        ellipsoid(at + np.array([-0.010, 0, 0.016]) * large, np.array([0.056, 0.049, 0.058]) * large, look.hair, 10, 6)
    )
    if look.has("woman"):
        parts.append(ellipsoid(at + np.array([-0.045, 0, -0.03]), (0.026, 0.045, 0.060), look.hair, 8, 5))
    return parts


def _foot(leg: Floats) -> Mesh:
    """A shoe from behind the heel to the toe."""
    ahead = leg[3] - leg[2]
    length = np.linalg.norm(ahead)
    unit = ahead / length
    sole = leg[2] + np.array([0, 0, -0.022])
    points = [
        sole - 0.035 * unit,
        sole + 0.02 * unit,
        sole + 0.55 * ahead,
        leg[3] + [0, 0, -0.002],
        leg[3] + 0.02 * unit,
    ]
    radii = [(0.016, 0.020), (0.021, 0.026), (0.017, 0.029), (0.013, 0.027), (0.006, 0.015)]
    return _loft([np.asarray(point) for point in points], radii, M.SHOE, 7, along_x=True)


def _loft(
    points: Sequence[Floats],
    radii: Sequence[tuple[float, float]],
    material: Material,
    sides: int,
    *,
    along_x: bool = False,
) -> Mesh:
    """A closed body through elliptical sections about ``points``: half sizes along x (or z, ``along_x``) and y."""
    angle = np.arange(sides) * 2 * np.pi / sides
    rows = []
    for point, (first, wide) in zip(points, radii, strict=True):
        up = np.array([0, 0, 1.0]) if along_x else np.array([1.0, 0, 0])
        rows.append(point + first * np.cos(angle)[:, None] * up + wide * np.sin(angle)[:, None] * np.array([0, 1.0, 0]))
    caps = [[first, first + i, first + i + 1] for first in (0, (len(points) - 1) * sides) for i in range(1, sides - 1)]
    return Mesh.of(
        np.concatenate(rows), np.concatenate([quads(len(points), sides, closed=True), np.array(caps)]), material
    )


def _carried(joints: Joints, look: Look) -> list[Mesh]:
    """What they carry, hold and push."""
    found: list[Mesh] = []
    left, right = (arm[2] for arm in joints.arms)
    if look.has("backpack"):
        found.append(luggage.backpack(joints.hip + 0.68 * (joints.neck - joints.hip)))
    if look.has("handbag"):
        found += luggage.hanging(left, (0.05, 0.022, 0.07), drop=0.07)
    if look.has("shopping"):
        found += luggage.hanging(left, (0.07, 0.04, 0.09), drop=0.05)
        found += luggage.hanging(right, (0.06, 0.035, 0.08), drop=0.05)
    if look.has("suitcase"):
        found += luggage.trolley(left)
    if look.has("stick"):
        found.append(luggage.stick(right))
    if look.has("umbrella"):
        found += luggage.umbrella(right)
    if look.has("pram"):
        found += luggage.pram((left + right) / 2)
    return found
