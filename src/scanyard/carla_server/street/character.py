"""What the sides of a road are like: a quiet street of houses, a town street, yards and halls, gardens, open country.

Each road has one character, drawn from the style; with the colours that things along it come in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scanyard.carla_server.street.ground import Edge

Color = tuple[float, float, float]
"""sRGB, 0 to 1."""

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
    rail_share: float = 0.0


CHARACTERS: tuple[Character, ...] = (
    Character(
        "houses", (11, 19), (4.5, 9), 0.85, 9, (1.2, 3.6), 30, 13, ("hedge", "hedge", "slats", "wall", "open"), 0.5
    ),
    Character(
        "town", (8, 16), (0.4, 2.0), 0.92, 11, (1.2, 1.2), 24, 7, ("open", "open", "wall", "slats", "hedge"), 0.1
    ),
    Character("yards", (22, 40), (9, 16), 0.75, 16, (1.5, 8), 35, 14, ("slats", "hedge", "wall", "open"), 0.7),
    Character("green", (14, 24), (7, 14), 0.45, 5, (1.2, 6.0), 40, 16, ("hedge", "slats", "rails", "hedge"), 0.3),
    Character(
        "country", (20, 40), (14, 30), 0.10, 6, (1.5, 13), 45, 26, ("rails", "hedge", "hedge", "open"), 0.12, 0.5
    ),
)


def character_of(rng: np.random.Generator, edge: Edge, built_up: float) -> Character:
    """Draw a road's character; where there is no sidewalk it is mostly country."""
    weights = np.array([0.36, 0.22 + 0.4 * built_up, 0.14, 0.20, 0.08])
    if edge.kind != "sidewalk":
        weights = np.array([0.06, 0.0, 0.06, 0.28, 0.60])
    return CHARACTERS[int(rng.choice(len(CHARACTERS), p=weights / weights.sum()))]
