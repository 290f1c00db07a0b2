"""How much of a LiDAR's light each material sends back: diffuse reflectance at 905 nm, and what sends it straight home.

A perfect white diffuser is 1.  Retro-reflectors (number plates, lamps' reflectors, signs, warning tape) return light
to where it came from at any angle, so their value exceeds 1 and does not fall with the cosine of incidence.

Figures of natural and building materials are RIEGL's published table of diffuse reflectivity at 0.9 µm (masonry 0.85,
limestone 0.75, deciduous trees 0.6, conifers 0.3, rough wood 0.25, smooth concrete 0.24, asphalt with pebbles 0.17,
black rubber 0.02) and the ECOSTRESS spectral library (Meerdink et al., Remote Sensing of Environment 2019: asphalt 0.1
to 0.2, dry soil 0.35, grass 0.45, near 0.9 µm).  Skin is 0.55 and dyed cloth 0.4 to 0.7, whatever its colour: most
dyes are transparent there (Cooksey, Allen, Tsai, Journal of Research of NIST 2017, for skin).  Paint is the exception,
and a stranger's mistake: it follows what the eye sees, because pigments, not dyes, make it dark; black paint with soot
returns 0.04, white 0.8 (``paint_reflectance``).  Glass returns a few per cent unless it is hit face-on.

CARLA's own LiDAR knows none of this: its intensity is exp(-a r) whatever was hit.  ``realism`` draws intensity from
measured histograms by semantic class.  So these figures are for sensors that ask for more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scanyard.carla_server.surfaces.materials import TINTED, Material

_BY_ENDING: dict[str, float] = {
    "PAINT": 0.35, "GLASS": 0.03, "DARK": 0.06, "INTERIOR": 0.20, "LAMP": 2.0, "TYRE": 0.03, "RIM_METAL": 0.45,
    "PLATE": 6.0, "MIRROR": 0.25, "SHELL": 0.20, "CHROME": 0.40, "METAL": 0.40, "INDICATOR": 1.5, "SIGN": 4.0,
    "MARKING": 5.0,
    "SKIN": 0.55, "BROWN": 0.50, "TOP": 0.45, "TROUSERS": 0.45,
}  # fmt: skip
"""Of every material whose name ends so, unless it is named below; the longest ending wins."""
_BY_NAME: dict[str, float] = {
    "ASPHALT": 0.17, "PAVING": 0.26, "FLAGSTONE": 0.30, "KERB": 0.28, "CONCRETE": 0.24, "GRAVEL": 0.30, "SOIL": 0.33,
    "RUBBLE": 0.30, "ROAD_LINE": 0.75, "GRASS": 0.45, "GRASS_TUFT": 0.45, "LEAF": 0.50, "PLANT": 0.50, "BLOSSOM": 0.50,
    "BARK": 0.30, "FACADE": 0.60, "WALL": 0.45, "ROOF": 0.30, "DOOR": 0.35, "FRAME": 0.65, "RAILING": 0.15,
    "AWNING": 0.50, "WINDOW": 0.04, "FENCE": 0.35, "POLE": 0.35, "BIN": 0.30, "BOLLARD": 0.25, "GUARD_RAIL": 0.40,
    "STREET_METAL": 0.35, "STREET_WOOD": 0.30, "CONTAINER": 0.30, "WIRE": 0.05, "TRAFFIC_LIGHT": 0.08,
    "TRUCK_CARGO": 0.55, "TRUCK_CANVAS": 0.45, "BICYCLE": 0.20, "MOTORCYCLE": 0.20, "HELMET": 0.50, "HAIR": 0.25,
    "HAIR_FAIR": 0.45, "HAIR_GREY": 0.45, "HAIR_BLACK": 0.15, "JEANS": 0.45, "KHAKI": 0.50, "COAT": 0.40,
    "SHOE": 0.12, "BAG": 0.35, "UMBRELLA": 0.45, "PRAM": 0.40, "CARTON": 0.55, "WOOD": 0.40, "RUBBER": 0.03,
    "CLOTH": 0.45, "PLASTIC": 0.40, "STEEL": 0.45, "REFLECTOR": 5.0, "CONE_ORANGE": 0.60, "WARNING_RED": 0.50,
    "SCREEN": 0.05, "TERRACOTTA": 0.45, "FUR": 0.40, "OCCUPANT": 0.45, "SKIN_DARK": 0.40, "BUS_SIGN": 0.15,
    "TAXI_SIGN": 0.60, "TRUCK_STEEL_METAL": 0.50, "SIGN": 4.0,
}  # fmt: skip
DEFAULT = 0.30  # of what nobody has measured yet: the middle of what streets are made of


def _reflectance(name: str) -> float:
    if name in _BY_NAME:
        return _BY_NAME[name]
    ending = max((ending for ending in _BY_ENDING if name.endswith(ending)), key=len, default="")
    return _BY_ENDING.get(ending, DEFAULT)


REFLECTANCE = np.array([_reflectance(material.name) for material in Material], dtype=np.float32)
"""(K,) of each material, 905 nm, face-on; that of an average colour where it takes the part's own."""
RETRO = REFLECTANCE > 1
"""(K,) whether it returns light to where it came from, at any angle."""
_PAINT = TINTED & np.array([material.name.endswith(("PAINT", "SHELL", "MOTORCYCLE")) for material in Material])


def paint_reflectance(color: ArrayLike) -> NDArray[np.float32]:
    """Reflectance (...) at 905 nm of car paint of an sRGB colour (..., 3), 0 to 1: black 0.04, white 0.8.

    Linear in the luminance (ITU-R BT.709 weights) that the eye sees.
    """
    srgb = np.asarray(color, dtype=np.float64)
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(0.04 + 0.76 * luminance, dtype=np.float32)


def reflectance(material: NDArray[np.uint8], color: ArrayLike | None = None) -> NDArray[np.float32]:
    """Reflectance (M,) of faces of ``material`` (M,); ``color`` (M, 3), sRGB 0 to 1, is that of each one's part."""
    found = REFLECTANCE[material]
    if color is None:
        return found
    return np.where(_PAINT[material], paint_reflectance(np.asarray(color)), found)
