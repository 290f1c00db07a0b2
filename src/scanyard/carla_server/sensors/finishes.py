"""How each material looks beyond its colour: pattern, gloss, wetness, light that shines through or out of it.

Told from the material's name, so that a new one gets a fitting look without an entry here: ``CAR_TINTED_GLASS`` is
glass because its name ends so.  Colours and tags are in ``surfaces.materials``.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from scanyard.carla_server.sensors.textures import Pattern
from scanyard.carla_server.surfaces.materials import COLOR, GLOSS, TAG, Material, Tag

DISPLAY_GAMMA = 2.2
"""Exponent between the sRGB numbers in which colours are given and linear light."""


class Glow(IntEnum):
    """What makes a material shine by itself."""

    NONE = 0
    FRONT = 1
    """Head lamps."""
    REAR = 2
    """Tail and brake lamps."""
    TURN = 3
    """Indicators."""
    BEACON = 4
    """Blue or red flashing lamps."""
    WINDOW = 5
    """Rooms with the light on."""
    SIGN = 6
    """Advertising screens and taxi signs."""


_PATTERNS: dict[str, Pattern] = {
    "ASPHALT": Pattern.ASPHALT, "ROAD_LINE": Pattern.ASPHALT, "PAVING": Pattern.SLABS, "KERB": Pattern.CONCRETE,
    "FLAGSTONE": Pattern.FLAGSTONES, "GRASS": Pattern.GRASS, "GRASS_TUFT": Pattern.FOLIAGE, "GRAVEL": Pattern.SPECKLE,
    "FACADE": Pattern.PLASTER, "ROOF": Pattern.TILES, "DOOR": Pattern.PLANKS, "WALL": Pattern.BRICK,
    "FENCE": Pattern.PLANKS, "LEAF": Pattern.FOLIAGE, "BARK": Pattern.PLANKS, "WOOD": Pattern.PLANKS,
    "STREET_WOOD": Pattern.PLANKS, "CONCRETE": Pattern.CONCRETE, "CONTAINER": Pattern.CORRUGATED,
    "SOIL": Pattern.SPECKLE, "PLANT": Pattern.FOLIAGE, "BLOSSOM": Pattern.FOLIAGE, "RUBBLE": Pattern.SPECKLE,
    "TRUCK_CARGO": Pattern.FLAT, "GUARD_RAIL": Pattern.SPECKLE, "FUR": Pattern.FOLIAGE,
}  # fmt: skip
_ENDINGS: dict[str, Pattern] = {
    "_BRICK": Pattern.BRICK, "_CONCRETE": Pattern.CONCRETE, "_STONE": Pattern.FLAGSTONES, "_WOOD": Pattern.PLANKS,
    "_TILES": Pattern.TILES, "_GRASS": Pattern.GRASS, "_LEAF": Pattern.FOLIAGE,
}  # fmt: skip
_GROUND = (Tag.ROADS, Tag.SIDEWALKS, Tag.ROAD_LINES, Tag.GROUND)
_LEAFY = ("LEAF", "GRASS_TUFT", "BLOSSOM", "PLANT", "AWNING", "UMBRELLA")


def _pattern(name: str) -> Pattern:
    if name in _PATTERNS:
        return _PATTERNS[name]
    return next((pattern for ending, pattern in _ENDINGS.items() if name.endswith(ending)), Pattern.FLAT)


def _glow(name: str) -> Glow:
    if "BEACON" in name:
        return Glow.BEACON
    if name.endswith("TAIL_LAMP"):
        return Glow.REAR
    if name.endswith("INDICATOR"):
        return Glow.TURN
    if name.endswith("_LAMP"):
        return Glow.FRONT
    if name == "WINDOW" or name.endswith("_WINDOW"):
        return Glow.WINDOW
    return Glow.SIGN if name in ("SCREEN", "TAXI_SIGN", "BUS_SIGN") else Glow.NONE


def _mirror(material: Material) -> float:
    """Share of the light mirrored at right angles (Fresnel's F0); it grows to 1 towards grazing."""
    name = material.name
    if "CHROME" in name or name.endswith("_MIRROR"):
        return 0.65
    if name.endswith("_METAL") or name in ("STEEL", "WIRE"):
        return 0.22
    if name == "WINDOW" or name.endswith(("_GLASS", "_WINDOW")) or name == "SCREEN":
        return 0.10
    if name.endswith("_PAINT"):
        return 0.05
    return float(0.05 * min(GLOSS[material] / 0.1, 1.0))


PATTERN = np.array([_pattern(material.name) for material in Material], np.int32)
"""(K,) ``Pattern`` of each material."""
GLOW = np.array([_glow(material.name) for material in Material], np.uint8)
"""(K,) ``Glow`` of each material."""
MIRROR = np.array([_mirror(material) for material in Material], np.float32)
"""(K,) share of light mirrored at right angles."""
LEAFY = np.array([material.name in _LEAFY for material in Material])
"""(K,) whether light shines through."""
SOAKS = np.array([TAG[material] in _GROUND for material in Material])
"""(K,) whether water lies on it and darkens it."""
METALLIC = np.array(["CHROME" in m.name or m.name.endswith("_METAL") for m in Material])
"""(K,) whether what it mirrors takes on its colour."""
ALBEDO = (COLOR**DISPLAY_GAMMA).astype(np.float32)
"""(K, 3) linear colour of each material."""


def linear(color: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Linear light of sRGB values 0 to 1, of any shape."""
    return np.asarray(np.asarray(color, np.float32) ** np.float32(DISPLAY_GAMMA), dtype=np.float32)
