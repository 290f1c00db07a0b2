"""Procedural patterns that break up flat colour: one atlas of square tiles, each at several sharpnesses.

A texel is a factor to an albedo, 128 for one.  What a stranger would get wrong: every level of a tile has the same
number of texels; a level is a blur, not a shrunken copy, so that one index arithmetic serves all of them.  Made once
per process from named random streams, so that every process makes the same.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from scanyard.randomness import stream

Array = NDArray[np.float64]

SIDE = 256
"""Texels along a tile's side."""
LEVELS = 6
"""Level k is blurred as far as 2**k texels."""
ONE = 128
"""The texel that leaves an albedo as it is."""


class Pattern(IntEnum):
    """What a tile shows; the order is that of the atlas."""

    FLAT = 0
    SPECKLE = 1
    ASPHALT = 2
    SLABS = 3
    GRASS = 4
    PLASTER = 5
    BRICK = 6
    TILES = 7
    PLANKS = 8
    FOLIAGE = 9
    CONCRETE = 10
    CORRUGATED = 11
    FLAGSTONES = 12


TILE_M = np.array([1.0, 1.5, 3.0, 2.4, 1.6, 3.0, 2.0, 2.4, 1.6, 1.2, 4.0, 2.0, 3.2], np.float32)
"""(P,) what a tile of each pattern measures along its side in the world, metres."""


@cache
def atlas() -> NDArray[np.uint8]:
    """(P * LEVELS * SIDE * SIDE,) texels, by pattern, level, row and column."""
    tiles = np.empty((len(Pattern), LEVELS, SIDE, SIDE), np.uint8)
    for pattern in Pattern:
        sharp = _DRAWN[pattern]()
        sharp = sharp / sharp.mean()
        for level in range(LEVELS):
            soft = gaussian_filter(sharp, 0.5 * 2.0**level, mode="wrap") if level else sharp
            tiles[pattern, level] = np.clip(np.round(soft * ONE), 0, 255).astype(np.uint8)
    return tiles.reshape(-1)


@cache
def cloud_cover() -> NDArray[np.float32]:
    """Tileable billows (512, 512), 0 to 1, evenly spread: where it exceeds a threshold there is cloud."""
    total = _fractal("clouds", 512, first=4, octaves=7, falloff=0.55)
    rank = np.empty(total.size)
    rank[np.argsort(total.ravel(), kind="stable")] = np.linspace(0, 1, total.size)
    return np.asarray(gaussian_filter(rank.reshape(total.shape), 1.0, mode="wrap"), dtype=np.float32)


def _fractal(name: str, side: int, *, first: int, octaves: int, falloff: float) -> Array:
    """Sum of octaves of smooth random values, tileable, of mean 0 and deviation 1."""
    rng = stream("texture", name)
    total = np.zeros((side, side))
    for octave in range(octaves):
        cells = first * 2**octave
        if cells > side:
            break
        values = rng.random((cells, cells))
        at = np.arange(side) * cells / side
        low, share = at.astype(int) % cells, at % 1
        share = share * share * (3 - 2 * share)
        rows = values[low] * (1 - share)[:, None] + values[(low + 1) % cells] * share[:, None]
        smooth = rows[:, low] * (1 - share) + rows[:, (low + 1) % cells] * share
        total += smooth * falloff**octave
    return np.asarray((total - total.mean()) / total.std())


def _white(name: str) -> Array:
    return stream("texture", name).standard_normal((SIDE, SIDE))


def _flat() -> Array:
    return np.ones((SIDE, SIDE))


def _speckle() -> Array:
    return _within(1 + 0.16 * _fractal("speckle", SIDE, first=8, octaves=5, falloff=0.8), 0.3, 1.7)


def _asphalt() -> Array:
    stones = gaussian_filter(_white("asphalt"), 0.7, mode="wrap")
    stains = _fractal("asphalt stains", SIDE, first=2, octaves=5, falloff=0.6)
    cracks = np.abs(_fractal("asphalt cracks", SIDE, first=3, octaves=5, falloff=0.55))
    return _within(1 + 0.26 * stones + 0.07 * stains - 0.35 * (cracks < 0.012), 0.3, 1.8)


def _slabs() -> Array:
    return _joints("slabs", rows=6, columns=6, shift=0.0, joint=2, tone=0.05, depth=0.72)


def _flagstones() -> Array:
    return _joints("flagstones", rows=8, columns=5, shift=0.5, joint=3, tone=0.10, depth=0.62)


def _brick() -> Array:
    """Bricks of 240 × 71 mm with joints of 10 mm, in stretcher bond; joints are lighter than bricks."""
    return _joints("brick", rows=24, columns=8, shift=0.5, joint=2, tone=0.11, depth=1.30)


def _tiles() -> Array:
    pattern = _joints("tiles", rows=12, columns=10, shift=0.5, joint=1, tone=0.09, depth=0.8)
    across = np.arange(SIDE) * 12 / SIDE % 1
    return np.asarray(pattern * (0.72 + 0.4 * across)[:, None])


def _planks() -> Array:
    grain = gaussian_filter(_white("planks"), (9, 0.6), mode="wrap") * 2.2
    edge = np.arange(SIDE) * 10 / SIDE % 1 < 0.06
    tone = np.repeat(stream("texture", "plank tones").uniform(0.9, 1.1, 10), 26)[:SIDE]
    return _within((1 + 0.25 * grain) * tone[None], 0.4, 1.6) * np.where(edge, 0.55, 1.0)[None]


def _grass() -> Array:
    blades = gaussian_filter(_white("grass"), (1.8, 0.6), mode="wrap") * 2.0
    tufts = _fractal("grass tufts", SIDE, first=4, octaves=5, falloff=0.7)
    return _within(1 + 0.30 * blades + 0.13 * tufts, 0.25, 1.9)


def _plaster() -> Array:
    return _within(1 + 0.035 * _fractal("plaster", SIDE, first=2, octaves=7, falloff=0.7), 0.7, 1.3)


def _foliage() -> Array:
    clumps = _fractal("foliage", SIDE, first=16, octaves=4, falloff=0.8)
    return _within(1 + 0.34 * clumps, 0.2, 1.9)


def _concrete() -> Array:
    stains = _fractal("concrete", SIDE, first=2, octaves=7, falloff=0.62)
    seams = np.arange(SIDE) % 128 < 2
    return _within(1 + 0.07 * stains, 0.6, 1.4) * np.where(seams, 0.8, 1.0)[:, None]


def _corrugated() -> Array:
    wave = np.sin(np.arange(SIDE) * 2 * np.pi * 8 / SIDE)
    rust = _fractal("rust", SIDE, first=2, octaves=5, falloff=0.6)
    return _within((1 + 0.22 * wave)[None] * (1 + 0.05 * rust), 0.4, 1.6)


def _within(values: Array, low: float, high: float) -> Array:
    return np.asarray(np.clip(values, low, high))


def _joints(name: str, *, rows: int, columns: int, shift: float, joint: int, tone: float, depth: float) -> Array:
    """Courses of blocks with joints ``joint`` texels wide, ``depth`` times as bright; every second course shifted."""
    row = np.arange(SIDE)[:, None] * rows // SIDE
    across = np.arange(SIDE)[None] * columns / SIDE + shift * (row % 2)
    column = np.floor(across).astype(int) % columns
    tones = stream("texture", name, "tones").normal(1.0, tone, (rows, columns))
    grain = 1 + 0.05 * _fractal(name, SIDE, first=16, octaves=4, falloff=0.8)
    in_joint = (np.arange(SIDE)[:, None] % (SIDE / rows) < joint) | (across % 1 * SIDE / columns < joint)
    return np.where(in_joint, depth, tones[row, column]) * grain


_DRAWN: dict[Pattern, Callable[[], Array]] = {
    Pattern.FLAT: _flat,
    Pattern.SPECKLE: _speckle,
    Pattern.ASPHALT: _asphalt,
    Pattern.SLABS: _slabs,
    Pattern.GRASS: _grass,
    Pattern.PLASTER: _plaster,
    Pattern.BRICK: _brick,
    Pattern.TILES: _tiles,
    Pattern.PLANKS: _planks,
    Pattern.FOLIAGE: _foliage,
    Pattern.CONCRETE: _concrete,
    Pattern.CORRUGATED: _corrugated,
    Pattern.FLAGSTONES: _flagstones,
}
