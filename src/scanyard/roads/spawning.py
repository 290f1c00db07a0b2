"""Places where vehicles may appear: along lanes, apart from each other and from junctions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanyard.geometry import Transform
from scanyard.roads.lanes import LaneKey, Lanes

FloatArray = NDArray[np.float64]

FROM_JUNCTION_M = 8.0  # half the longest vehicle, and a step back from the crosswalk
SHORTEST_M = 2 * FROM_JUNCTION_M


def whole_lanes(lanes: Lanes) -> list[list[LaneKey]]:
    """Driving lanes outside junctions, each as its pieces in all sections of its road, in the direction of travel."""
    found: dict[tuple[int, int], list[LaneKey]] = {}
    for key in lanes.driving:
        if not lanes.in_junction(key):
            found.setdefault((key.road_id, key.lane_id), []).append(key)
    return [
        sorted(pieces, key=lambda key: key.section, reverse=not lanes.runs_along(pieces[0]))
        for pieces in found.values()
    ]


def places_along(way: FloatArray, spacing_m: float) -> list[Transform]:
    """``world_from_vehicle`` about ``spacing_m`` apart on a lane's middle (K, 3); none on one that is too short."""
    s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    room = s[-1] - SHORTEST_M
    if room < 0.0:
        return []
    count = int(room // spacing_m) + 1
    free = room - (count - 1) * spacing_m
    found = []
    for at in FROM_JUNCTION_M + free / 2 + np.arange(count) * spacing_m:
        behind, here, ahead = (
            np.array([np.interp(at + step, s, way[:, axis]) for axis in range(3)]) for step in (-1.0, 0.0, 1.0)
        )
        along = ahead - behind
        yaw, climb = np.arctan2(along[1], along[0]), np.arctan2(along[2], np.hypot(along[0], along[1]))
        found.append(Transform.from_xyz_rpy(here, pitch=float(-climb), yaw=float(yaw)))
    return found
