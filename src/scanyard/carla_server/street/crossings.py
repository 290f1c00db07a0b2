"""Paint across the road: zebra crossings, and the lines where lights and signs make traffic stop or give way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.street.traffic_signs import SignalLike
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh, sheet

Floats = NDArray[np.float64]
Relief = Callable[[Floats], Floats]
"""How far the surface lies above the map's heights, metres (...), at places (..., 2)."""

STRIPE_M, GAP_M = 0.5, 0.5  # of a zebra, as German guidelines have them
STOP_LINE_M = 0.5
TOOTH_M, TOOTH_GAP_M = 0.5, 0.25  # of a line where one gives way
LIFT_M = 0.012  # above the road: a little more than between two of its vertices it may bulge
CORNERS = 4
HALVES = np.array([-0.5, 0.0, 0.5])


def zebras(outlines: Iterable[Floats], relief: Relief) -> list[Mesh]:
    """Stripes over crosswalks with four corners (4, 3), left-handed world; others are left unpainted."""
    found = []
    for outline in outlines:
        if len(outline) != CORNERS:
            continue
        first, second = outline[1] - outline[0], outline[2] - outline[1]
        across, along = (first, second) if np.hypot(*first[:2]) > np.hypot(*second[:2]) else (second, first)
        width = float(np.hypot(*across[:2]))
        count = int((width + GAP_M) // (STRIPE_M + GAP_M))
        if count < 1:
            continue
        starts = (np.arange(count) - (count - 1) / 2) * (STRIPE_M + GAP_M)
        middle = outline.mean(axis=0)
        for start in starts:
            center = middle + across * (start / width)
            found.append(_bar(center, across * (STRIPE_M / width), along, relief))
    return found


def stop_lines(signals: Iterable[SignalLike], relief: Relief) -> list[Mesh]:
    """A line across every lane that a light or a stop sign governs, and teeth where one gives way."""
    found = []
    for signal in signals:
        if signal.kind == "limit":
            continue
        heading = -signal.heading_rad
        ahead = np.array([np.cos(heading), np.sin(heading), 0.0])
        right = np.array([-ahead[1], ahead[0], 0.0])
        for lane in signal.lanes:
            center = np.array(lane.center) * [1.0, -1.0, 1.0]
            if signal.kind != "yield":
                found.append(_bar(center, right * lane.width_m, ahead * STOP_LINE_M, relief))
                continue
            teeth = int((lane.width_m + TOOTH_GAP_M) // (TOOTH_M + TOOTH_GAP_M))
            for place in (np.arange(teeth) - (teeth - 1) / 2) * (TOOTH_M + TOOTH_GAP_M):
                found.append(_bar(center + right * place, right * TOOTH_M, ahead * STOP_LINE_M, relief))
    return found


def _bar(center: Floats, across: Floats, along: Floats, relief: Relief) -> Mesh:
    """A painted rectangle around ``center`` (3,) with sides ``across`` and ``along`` (3,)."""
    points = center + HALVES[:, None, None] * across + HALVES[None, :, None] * along
    points[..., 2] += relief(points[..., :2]) + LIFT_M
    return sheet(points, Material.ROAD_LINE)


def left_handed(outlines: Sequence[Floats]) -> list[Floats]:
    """Outlines (K, 3) of the right-handed world, turned over."""
    return [outline * [1.0, -1.0, 1.0] for outline in outlines]
