"""The colours every picture shares, so that a car is the same blue in all of them.

Hues were chosen to stay apart for the common colour-vision deficiencies (Okabe and Ito 2008, lightened for the dark
ground of point pictures).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Rgb = tuple[int, int, int]

GROUND: Rgb = (16, 21, 25)
"""Behind points."""
LABEL: Rgb = (94, 214, 152)
DETECTION: Rgb = (255, 168, 76)
EGO: Rgb = (236, 240, 243)

CATEGORY: dict[str, Rgb] = {
    "car": (86, 170, 235),
    "van": (120, 200, 240),
    "truck": (64, 128, 200),
    "bus": (150, 150, 240),
    "tram": (170, 130, 220),
    "pedestrian": (240, 110, 120),
    "person_sitting": (220, 140, 150),
    "cyclist": (245, 190, 70),
    "motorcyclist": (240, 160, 60),
    "misc": (190, 190, 190),
    "cargo": (210, 170, 120),
}

SEMANTIC: dict[int, tuple[str, Rgb]] = {
    1: ("road", (118, 108, 130)),
    2: ("sidewalk", (150, 126, 160)),
    3: ("building", (156, 148, 138)),
    4: ("wall", (140, 140, 150)),
    5: ("fence", (170, 150, 130)),
    6: ("pole", (196, 196, 190)),
    7: ("traffic light", (250, 200, 80)),
    8: ("traffic sign", (235, 220, 100)),
    9: ("vegetation", (104, 160, 96)),
    10: ("terrain", (136, 160, 110)),
    12: ("pedestrian", CATEGORY["pedestrian"]),
    13: ("rider", CATEGORY["cyclist"]),
    14: ("car", CATEGORY["car"]),
    15: ("truck", CATEGORY["truck"]),
    16: ("bus", CATEGORY["bus"]),
    17: ("train", CATEGORY["tram"]),
    18: ("motorcycle", CATEGORY["motorcyclist"]),
    19: ("bicycle", CATEGORY["cyclist"]),
    20: ("static", (160, 160, 150)),
    21: ("dynamic", (190, 170, 150)),
    24: ("road line", (220, 220, 210)),
}
"""CARLA 0.9.14+ tags that a street shows; the rest is drawn as ``OTHER``."""

OTHER: Rgb = (130, 138, 145)

DOMAIN: dict[str, str] = {"synthetic": "#2f7f86", "real": "#c2672a", "stand-in": "#c2672a"}
"""Lines and bars in charts, as CSS colours."""

ARMS = (
    "#2f7f86", "#c2672a", "#7a5aa6", "#5b8a3c", "#a8415b", "#4a6fa5", "#b58900", "#6c757d", "#c96aa8", "#8a5a3c",
)  # fmt: skip
"""Lines of arms, in the order they are named."""

HEIGHT_STOPS: tuple[Rgb, ...] = (
    (58, 76, 96),
    (70, 120, 150),
    (96, 178, 180),
    (170, 214, 160),
    (240, 226, 150),
)
"""Colours of height, low to high; the page's viewer uses the same."""


def height_colors(height_m: ArrayLike, *, low_m: float = -0.5, high_m: float = 4.0) -> NDArray[np.uint8]:
    """Colours (M, 3) for heights (M,) above the ego's ground, from slate at the road to straw at the roofs."""
    share = np.clip((np.asarray(height_m, dtype=np.float64) - low_m) / (high_m - low_m), 0, 1)
    at = share * (len(HEIGHT_STOPS) - 1)
    columns = [np.interp(at, np.arange(len(HEIGHT_STOPS)), np.array(HEIGHT_STOPS)[:, k]) for k in range(3)]
    return np.stack(columns, axis=-1).astype(np.uint8)
