"""What each panel of a car's body is made of: sheet metal, glass, lamps, grille, bumpers.

Panels lie between neighbouring sections and neighbouring points of a section (``car_sections``), or in a grid across
nose and tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes.car_sections import (
    BELT,
    CREASE,
    EDGE,
    POINTS,
    RAIL,
    SHOULDER,
    SILL,
    WAIST,
    WINDOW,
    pillars,
    rear_screen_top,
    screen_top,
)
from scanyard.carla_server.shapes.outlines import Outline
from scanyard.carla_server.surfaces.materials import Material

Floats = NDArray[np.float64]

END_COLUMNS = 9  # points across nose and tail


@dataclass(frozen=True)
class Style:
    """What differs between cars of one outline, besides proportions."""

    dark_bumpers: bool = False
    dark_glass: bool = False
    """Rear and rear side windows tinted."""
    grille: float = 0.5
    """Share of the nose's width."""
    lamp_width: float = 0.3
    """Share of the nose's half width that a head lamp takes."""
    small_lamps: bool = False
    """Slits instead of tall head lamps."""
    tall_tail_lamps: bool = False


def side_panels(outline: Outline, style: Style, s: Floats, cabin: Floats) -> NDArray[np.uint8]:
    """Material (S-1, 12) of each panel of the right half between two sections."""
    middle = (s[1:] + s[:-1]) / 2
    panel = np.full((len(middle), POINTS - 1), Material.CAR_PAINT, np.uint8)
    panel[:, :SILL] = Material.CAR_DARK
    rear_glass = Material.CAR_TINTED_GLASS if style.dark_glass else Material.CAR_GLASS
    side_end = outline.cowl + outline.windows_end * (outline.rear_base - outline.cowl)
    high = np.minimum(cabin[1:], cabin[:-1]) > 0.25
    side = (middle > outline.cowl) & (middle < side_end) & high
    divided = pillars(outline)
    for start, stop in divided:
        side &= ~((middle > start) & (middle < stop))
    behind = middle > (divided[1][0] if len(divided) > 2 else 1.0)
    for column in (BELT, WINDOW):
        panel[side, column] = np.where(behind[side], rear_glass, Material.CAR_GLASS)
    screen = (middle > outline.cowl) & (middle < screen_top(outline))
    panel[screen, EDGE:] = Material.CAR_GLASS
    if outline.rear_glass:
        rear = (middle > rear_screen_top(outline)) & (middle < outline.rear_base)
        panel[rear, EDGE:] = rear_glass
    if style.dark_bumpers:
        panel[(middle < 0.04) | (middle > 0.96), SILL:WAIST] = Material.CAR_DARK
    panel[middle < (0.03 if style.small_lamps else 0.05), SHOULDER] = Material.CAR_LAMP
    panel[middle > 0.975, SHOULDER - 1 : BELT] = Material.CAR_TAIL_LAMP
    if outline.bed:
        panel[middle > outline.rear_base, RAIL:] = Material.CAR_DARK
    return panel


def _across() -> Floats:
    """Middle (8,) of each column of an end panel, as a share of the half width."""
    edge = np.linspace(-1, 1, END_COLUMNS)
    return np.abs((edge[1:] + edge[:-1]) / 2)


def nose_panels(style: Style) -> NDArray[np.uint8]:
    """Material (11, 8), from the floor up."""
    out = _across()
    panel = np.full((POINTS - 2, END_COLUMNS - 1), Material.CAR_PAINT, np.uint8)
    panel[: SILL - 1] = Material.CAR_DARK
    if style.dark_bumpers:
        panel[: WAIST - 1] = Material.CAR_DARK
    panel[SILL - 1, out < 0.65] = Material.CAR_DARK
    panel[WAIST - 1, out < style.grille] = Material.CAR_DARK
    panel[(SHOULDER if style.small_lamps else WAIST) - 1 : SHOULDER, out > 1 - style.lamp_width] = Material.CAR_LAMP
    return panel


def tail_panels(style: Style) -> NDArray[np.uint8]:
    """Material (11, 8), from the floor up."""
    out = _across()
    panel = np.full((POINTS - 2, END_COLUMNS - 1), Material.CAR_PAINT, np.uint8)
    panel[: SILL - 1] = Material.CAR_DARK
    if style.dark_bumpers:
        panel[: CREASE - 1] = Material.CAR_DARK
    low = WAIST - 1 if not style.tall_tail_lamps else CREASE
    panel[low:BELT, out > 0.74] = Material.CAR_TAIL_LAMP
    return panel
