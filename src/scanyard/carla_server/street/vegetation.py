"""Trees, shrubs, hedges and tall grass as clumps of loose triangles: LiDAR goes some way into them, and through gaps.

A crown is made of clumps at the ends of branches with air between them, and a clump of triangles about a point, denser
towards its outside, because leaves grow where the light is.  Trees are drawn at their own height; scale them by little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.street.items import FAR_M, MIDDLE_M, NEAR_M, Kind, Layer
from scanyard.carla_server.surfaces.materials import Material, Tag
from scanyard.carla_server.surfaces.mesh import Mesh, ellipsoid, leaves, tube
from scanyard.randomness import stream

Floats = NDArray[np.float64]

SUNK_M = 0.4  # trunks and stems begin below ground, because ground slopes


@dataclass(frozen=True)
class Species:
    """How a broad-leaved tree grows; pairs are ranges to draw from, metres."""

    height: tuple[float, float]
    fork: tuple[float, float]
    """Height of the lowest branches, as a share of the tree's."""
    spread: tuple[float, float]
    """Radius of the crown, as a share of its height."""
    trunk: tuple[float, float]
    """Radius of the trunk at its foot."""
    clumps: int
    clump: float
    """Radius of a clump, as a share of the crown's radius."""
    fullness: float = 1.0
    """How many leaves there are, as a share of the usual."""
    taper: float = 0.0
    """How much narrower the crown is at its top than lower down, 0 to 1."""


SPECIES: dict[str, Species] = {
    "lime": Species((8.0, 12.0), (0.18, 0.28), (0.38, 0.48), (0.15, 0.28), 30, 0.34),
    "maple": Species((6.0, 9.0), (0.22, 0.32), (0.48, 0.62), (0.12, 0.22), 26, 0.38),
    "birch": Species((8.0, 12.0), (0.25, 0.38), (0.26, 0.34), (0.07, 0.12), 26, 0.30, 0.6, 0.6),
    "poplar": Species((11.0, 16.0), (0.08, 0.14), (0.12, 0.17), (0.14, 0.24), 30, 0.62, 1.0, 0.5),
    "fruit": Species((3.2, 5.0), (0.30, 0.40), (0.55, 0.75), (0.06, 0.12), 16, 0.42, 0.75),
    "street": Species((5.0, 7.5), (0.36, 0.44), (0.42, 0.55), (0.07, 0.13), 20, 0.40),
    "oak": Species((9.0, 14.0), (0.16, 0.24), (0.50, 0.62), (0.22, 0.40), 40, 0.30, 1.15),
    "bare": Species((5.0, 9.0), (0.25, 0.40), (0.40, 0.55), (0.08, 0.16), 22, 0.40, 0.08),
}
"""Read off trees along ordinary roads; "bare" is a young or dying one."""

LEAVES = 760
"""Triangles of a full crown nearby."""


def _tree(name: str, variant: int, *, leaf_share: float = 1.0, leaf_m: float = 0.30) -> Mesh:
    """A broad-leaved tree: trunk, branches to every clump, and leaves about the clumps."""
    species = SPECIES[name]
    rng = stream("tree", name, variant)
    height = float(rng.uniform(*species.height))
    fork = height * float(rng.uniform(*species.fork))
    radius = (height - fork) / 2 * float(rng.uniform(*species.spread)) / 0.5
    foot = float(rng.uniform(*species.trunk))
    lean = rng.normal(0.0, 0.02 * height, 2)
    top = np.array([*lean, fork + 0.45 * (height - fork)])
    middle = np.array([*lean, (fork + height) / 2])
    ends = _in_ball(rng, species.clumps, 0.35) * 0.78
    ends[:, :2] *= (1 - species.taper * np.clip(ends[:, 2:] + 0.2, 0, 1)) * radius
    ends[:, 2] *= (height - fork) / 2
    ends += middle
    crown = _leaves_about(
        rng, ends, species.clump * radius * rng.uniform(0.7, 1.25, species.clumps),
        int(LEAVES * species.fullness * leaf_share), leaf_m * float(np.clip(radius / 2.4, 0.85, 1.5)),
    )  # fmt: skip
    base = np.array([0.0, 0.0, -SUNK_M])
    forked = np.array([*(lean * 0.5), fork])
    parts = [
        tube(base, forked, (foot, 0.72 * foot), Material.BARK, 7),
        tube(forked, top, (0.72 * foot, 0.25 * foot), Material.BARK, 5),
    ]
    thick = max(0.2 * foot, 0.015)
    for end in ends[:: 2 if leaf_share >= 1 else 5]:
        start = forked + (top - forked) * float(np.clip((end[2] - fork) / (height - fork) * 0.8, 0.0, 1.0))
        parts.append(tube(start, end, (2 * thick, 0.5 * thick), Material.BARK, 3))
    return Mesh.joined([*parts, crown])


def _conifer(variant: int, *, whorls: int = 11, sprays: int = 46, leaf_m: float = 0.30) -> Mesh:
    """A spruce: sagging branches in whorls, needles as sprays along them, more gaps towards the foot."""
    rng = stream("conifer", variant)
    height, radius = float(rng.uniform(6.0, 11.0)), float(rng.uniform(1.3, 2.2))
    trunk = tube((0, 0, -SUNK_M), (0, 0, 0.95 * height), (0.02 * height, 0.02), Material.BARK, 6)
    up = np.repeat(np.linspace(0.06, 0.97, whorls), sprays)
    along = np.sqrt(rng.uniform(0.08, 1.0, len(up)))
    angle = np.round(rng.uniform(0, 7, len(up))) * 0.9 + up * 5.0 + rng.normal(0, 0.14, len(up))
    reach = radius * (1.03 - up) * along
    z = 0.25 + up * (height - 0.3) - 0.28 * reach + rng.normal(0, 0.08, len(up))
    centers = np.c_[reach * np.cos(angle), reach * np.sin(angle), z]
    keep = z > 0.25
    return Mesh.joined([trunk, leaves(centers[keep], leaf_m, Material.LEAF, rng)])


def _shrub(variant: int, *, leaf_share: float = 1.0, leaf_m: float = 0.12) -> Mesh:
    """A shrub about one metre high and wide: round, spreading, upright or straggling, some in flower."""
    rng = stream("shrub", variant)
    count = int(rng.integers(5, 11))
    ends = _in_ball(rng, count, 0.2) * [0.32, 0.32, 0.34] + [0, 0, 0.42]
    ends[:, :2] *= rng.uniform(0.6, 1.25)
    radii = rng.uniform(0.16, 0.30, count)
    crown = _leaves_about(rng, ends, radii, int(190 * leaf_share), leaf_m)
    if rng.random() < 0.25:
        material = np.where(rng.random(len(crown.faces)) < 0.3, np.uint8(Material.BLOSSOM), crown.material)
        crown = Mesh(crown.vertices, crown.faces, material.astype(np.uint8))
    stems = [tube((0, 0, -0.2), end, (0.02, 0.01), Material.BARK, 3) for end in ends]
    core = ellipsoid(ends.mean(axis=0), np.ptp(ends, axis=0) / 2 * [0.9, 0.9, 1.0] + 0.06, Material.LEAF, 6, 3)
    return Mesh.joined([*(stems if leaf_share >= 1 else []), *([core] if variant % 3 else []), crown])


def _clipped(variant: int, *, leaf_share: float = 1.0) -> Mesh:
    """A hedge plant by the metre, kept in shape: y from -1/2 to 1/2, one metre thick and high before it is stretched.

    The core is a lumpy body; the skin is leaves that stand a little out of it, so that no face of a hedge is a plane.
    """
    rng = stream("clipped", variant)
    lumps = []
    for y in (-0.3, 0.05, 0.34) if leaf_share >= 1 else (0.0,):
        x, z = rng.normal(0, 0.03), float(rng.uniform(0.40, 0.46))
        lumps.append(
            ellipsoid(
                (x, y, z),
                (float(rng.uniform(0.34, 0.42)), 0.33 if leaf_share >= 1 else 0.52, z + 0.03),
                Material.LEAF,
                6,
                4,
            )
        )
    count = int(150 * leaf_share)
    side = rng.integers(0, 5, count)  # one part in five grows on top
    away = np.where(
        side == 4, rng.uniform(-0.5, 0.5, count), np.where(side < 2, -0.46, 0.46) + rng.normal(0, 0.05, count)
    )
    up = np.where(side == 4, 0.96 + rng.normal(0, 0.035, count), rng.uniform(0.0, 1.0, count))
    along = rng.uniform(-0.53, 0.53, count)
    bulge = 1.0 + 0.10 * np.sin(7.0 * along + variant) - 0.18 * up**3
    centers = np.c_[away * bulge, along, up * (1 + 0.04 * np.sin(11 * along + 2 * variant))]
    return Mesh.joined([*lumps, leaves(centers, 0.13 / np.sqrt(leaf_share), Material.LEAF, rng)])


def _wild(variant: int, *, leaf_share: float = 1.0) -> Mesh:
    """A hedge plant by the metre that nobody cuts: shoots of every height, gaps one sees through near the ground."""
    rng = stream("wild", variant)
    count = 7
    ends = np.c_[rng.normal(0, 0.24, count), rng.uniform(-0.5, 0.5, count), rng.uniform(0.35, 0.85, count)]
    crown = _leaves_about(rng, ends, rng.uniform(0.2, 0.36, count), int(150 * leaf_share), 0.16)
    stems = [tube((0, y * 0.8, -0.2), (x, y, z), (0.02, 0.008), Material.BARK, 3) for x, y, z in ends[:4]]
    return Mesh.joined([*stems, crown])


def _tuft(variant: int) -> Mesh:
    """Tall grass or weeds, half a metre across."""
    rng = stream("tuft", variant)
    count = 16
    foot = np.c_[rng.normal(0, 0.16, (count, 2)), np.full(count, -0.05)]
    tip = foot + np.c_[rng.normal(0, 0.10, (count, 2)), rng.uniform(0.15, 0.5, count)]
    aside = np.c_[rng.normal(0, 0.02, (count, 2)), np.zeros(count)]
    corners = np.stack([foot - aside, foot + aside, tip], axis=1)
    return Mesh.of(corners, np.arange(3 * count), Material.GRASS_TUFT)


def _flower_bed(variant: int) -> Mesh:
    """Low plants in a row along y, one metre by half a metre."""
    rng = stream("bed", variant)
    centers = np.c_[rng.uniform(-0.25, 0.25, 60), rng.uniform(-0.5, 0.5, 60), rng.uniform(0.03, 0.32, 60)]
    plants = leaves(centers, 0.09, Material.LEAF, rng)
    material = np.where(rng.random(60) < 0.3, np.uint8(Material.BLOSSOM), np.uint8(Material.LEAF))
    return Mesh(plants.vertices, plants.faces, material)


def _ivy(variant: int) -> Mesh:
    """Creeper on a wall: one metre of y, one of z, a hand's breadth thick."""
    rng = stream("ivy", variant)
    y, z = rng.uniform(-0.5, 0.5, 70), rng.uniform(0, 1, 70) ** 1.3
    return leaves(np.c_[rng.normal(-0.06, 0.03, 70), y, z], 0.14, Material.LEAF, rng)


def _stump(variant: int) -> Mesh:
    """What is left of a felled tree, or a log."""
    rng = stream("stump", variant)
    if variant % 2:
        length, radius = float(rng.uniform(1.2, 3.5)), float(rng.uniform(0.12, 0.3))
        return tube((0, -length / 2, radius), (0, length / 2, radius), (radius, 0.85 * radius), Material.BARK, 8)
    height, radius = float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.15, 0.35))
    return tube((0, 0, -SUNK_M), (0, 0, height), (1.3 * radius, radius), Material.BARK, 8)


def _leaves_about(rng: np.random.Generator, ends: Floats, radii: Floats, count: int, leaf_m: float) -> Mesh:
    """``count`` leaves about clumps at ``ends`` (K, 3) of ``radii`` (K,), more about the larger."""
    share = radii**2 / (radii**2).sum()
    clump = rng.choice(len(ends), count, p=share)
    centers = ends[clump] + _in_ball(rng, count, 0.5) * radii[clump, None] * [1.0, 1.0, 0.75]
    return leaves(centers, leaf_m, Material.LEAF, rng)


def _in_ball(rng: np.random.Generator, count: int, inner: float) -> Floats:
    """Points (count, 3) in the unit ball, evenly beyond the ``inner`` share of its radius."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return np.asarray(direction * rng.uniform(inner**3, 1.0, (count, 1)) ** (1 / 3))


def _kind(
    name: str,
    make: Callable[..., Mesh],
    variants: int,
    reach_m: float,
    coarse: Callable[[int], Mesh] | None = None,
    *,
    label: Tag = Tag.VEGETATION,
) -> Kind:
    return Kind(name, make, variants, label, Layer.FOLIAGE, reach_m, coarse)


TREES: dict[str, Kind] = {
    name: _kind(
        f"Tree_{name.capitalize()}", partial(_tree, name), 6, FAR_M, partial(_tree, name, leaf_share=0.2, leaf_m=0.62)
    )
    for name in SPECIES
}
"""Broad-leaved trees by species."""
CONIFER = _kind("Tree_Spruce", _conifer, 6, FAR_M, partial(_conifer, whorls=9, sprays=17, leaf_m=0.52))
SHRUB = _kind("Shrub", _shrub, 16, MIDDLE_M, partial(_shrub, leaf_share=0.3, leaf_m=0.22))
CLIPPED_HEDGE = _kind("Hedge", _clipped, 10, MIDDLE_M, partial(_clipped, leaf_share=0.35))
WILD_HEDGE = _kind("Hedgerow", _wild, 10, MIDDLE_M, partial(_wild, leaf_share=0.4))
TUFT = _kind("Grass", _tuft, 10, 48.0, label=Tag.TERRAIN)
FLOWER_BED = _kind("Flowers", _flower_bed, 6, NEAR_M)
IVY = _kind("Ivy", _ivy, 6, NEAR_M)
STUMP = _kind("Log", _stump, 8, NEAR_M)
