"""What the sides of a road are like: a quiet street of houses, a town street, yards and halls, gardens, open country.

Each road has one character, drawn from the style; with the colours that things along it come in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanyard.carla_server.street.ground import Edge
from scanyard.carla_server.street.items import Color

PLASTER: tuple[Color, ...] = (
    (0.80, 0.75, 0.66), (0.72, 0.56, 0.44), (0.86, 0.85, 0.81), (0.62, 0.38, 0.30), (0.70, 0.72, 0.70),
    (0.82, 0.70, 0.50), (0.55, 0.50, 0.46), (0.76, 0.66, 0.62),
)  # fmt: skip
GREENS: tuple[Color, ...] = (
    (0.27, 0.41, 0.17),
    (0.22, 0.34, 0.16),
    (0.36, 0.45, 0.20),
    (0.30, 0.36, 0.22),
    (0.42, 0.42, 0.18),
)
WOODS: tuple[Color, ...] = ((0.48, 0.37, 0.27), (0.80, 0.79, 0.75), (0.33, 0.25, 0.19), (0.42, 0.44, 0.42))
STEELS: tuple[Color, ...] = ((0.40, 0.42, 0.44), (0.20, 0.32, 0.24), (0.16, 0.17, 0.18), (0.55, 0.57, 0.58))
STONES: tuple[Color, ...] = ((0.52, 0.49, 0.45), (0.60, 0.56, 0.48), (0.44, 0.42, 0.40))
PAINTS: tuple[Color, ...] = (
    (0.20, 0.30, 0.46),
    (0.52, 0.18, 0.14),
    (0.22, 0.38, 0.26),
    (0.62, 0.60, 0.56),
    (0.70, 0.50, 0.16),
    (0.30, 0.32, 0.34),
)
BINS: tuple[Color, ...] = (
    (0.16, 0.18, 0.18),
    (0.14, 0.26, 0.17),
    (0.34, 0.24, 0.14),
    (0.16, 0.22, 0.38),
    (0.42, 0.40, 0.16),
)
SIGNS: tuple[Color, ...] = ((0.78, 0.17, 0.15), (0.13, 0.28, 0.62), (0.85, 0.80, 0.20))


@dataclass(frozen=True)
class Character:
    """What a road's sides are like; shares are 0 to 1, distances metres."""

    name: str
    lot_m: tuple[float, float]
    setback_m: tuple[float, float]
    built_share: float
    tree_every_m: float
    tree_away_m: tuple[float, float]
    """From the border; in town they stand in a row on the sidewalk."""
    lamp_every_m: float
    clutter_every_m: float
    boundary: tuple[str, ...]
    drive_share: float
    """Of lots with a drive or a yard where cars stand."""
    species: tuple[str, ...]
    """Of trees, as often as they are named."""
    garden: float = 1.0
    """How much grows and stands in front of the houses, as a factor."""
    wires_share: float = 0.0
    """Of borders with poles and wires overhead."""
    rail_share: float = 0.0
    works_share: float = 0.10
    """Of borders with something being dug up or built beside the road."""


CHARACTERS: tuple[Character, ...] = (
    Character(
        "houses", (11, 19), (4.0, 9), 0.86, 11, (1.2, 3.6), 30, 9,
        ("clipped", "clipped", "slats", "wall", "wall_fence", "boards", "bars", "open", "wild", "stone"), 0.5,
        ("maple", "fruit", "fruit", "birch", "lime", "conifer", "conifer"), 1.0, 0.25,
    ),
    Character(
        "town", (6, 14), (0.4, 2.2), 0.93, 12, (1.2, 1.2), 24, 5,
        ("open", "open", "wall_fence", "bars", "clipped", "wall"), 0.08, ("street", "street", "lime", "maple"), 0.6,
    ),
    Character(
        "yards", (20, 38), (9, 18), 0.75, 18, (1.5, 8), 35, 9, ("wire", "wire", "bars", "site", "boards", "open"), 0.6,
        ("poplar", "birch", "bare", "maple"), 0.3, 0.4, works_share=0.2,
    ),
    Character(
        "green", (13, 24), (6, 14), 0.5, 6, (1.2, 6.0), 40, 12,
        ("wild", "clipped", "slats", "rails", "stone", "wire", "clipped"), 0.35,
        ("oak", "lime", "birch", "fruit", "maple", "conifer"), 1.5, 0.35,
    ),
    Character(
        "country", (18, 40), (14, 30), 0.12, 7, (1.5, 13), 45, 22, ("rails", "wild", "wild", "open", "wire", "stone"),
        0.12, ("oak", "poplar", "birch", "conifer", "lime", "bare"), 0.8, 0.5, 0.5,
    ),
)  # fmt: skip


def character_of(rng: np.random.Generator, edge: Edge, built_up: float) -> Character:
    """Draw a road's character; where there is no sidewalk it is mostly country."""
    weights = np.array([0.36, 0.22 + 0.4 * built_up, 0.14, 0.20, 0.08])
    if edge.kind != "sidewalk":
        weights = np.array([0.06, 0.0, 0.06, 0.28, 0.60])
    return CHARACTERS[int(rng.choice(len(CHARACTERS), p=weights / weights.sum()))]
