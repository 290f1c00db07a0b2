"""Which detection found which label where nearness of centres decides: nuScenes' rule and Argoverse 2's.

In both, detections choose, best score first, and each among labels of its own category and frame:

- ``take_nearest`` (nuScenes): the nearest label *still free*; a hit if that is nearer than the limit.
- ``first_to_reach`` (Argoverse 2): the nearest label *free or not*; only the best-scored of those that choose a label
  keeps it, whether or not it is near enough, and the others are false alarms.

**Ties.**  Of detections with equal scores ``take_nearest`` puts the one later in the list first, as nuScenes' devkit
does (it sorts by score and place, and reads the result backwards); ``first_to_reach`` the one earlier in the list, as
av2 means to (it sorts without saying how, which numpy leaves open).  The list runs through the frames in the order they
were given, then through each frame's detections.  Of labels equally near both take the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np
from numba import njit

from scanyard.geometry import FloatArray
from scanyard.metrics.pool import IntArray


class Sides(NamedTuple):
    """Detections in the order in which they choose, and the labels that they choose among."""

    order: IntArray
    """(N,) detections that take part, first one first."""
    detection_frame: IntArray
    """(D,)"""
    detection_code: IntArray
    """(D,) categories, -1 for boxes that do not count."""
    detection_place: FloatArray
    """(D, 2) or (D, 3) metres, centres."""
    label_start: IntArray
    """(F + 1,) where each frame's labels begin."""
    label_code: IntArray
    """(G,)"""
    label_place: FloatArray
    """(G, 2) or (G, 3) metres, centres."""


def take_nearest(sides: Sides, limits_m: FloatArray) -> IntArray:
    """The label (T, D) that each detection takes under each limit (T,), -1 for none; distance is on the ground."""
    taken_label = np.full((len(limits_m), len(sides.detection_frame)), -1, dtype=np.int64)
    _take(sides, limits_m, taken_label)
    return taken_label


def first_to_reach(sides: Sides) -> tuple[IntArray, FloatArray]:
    """The label (D,) that each detection keeps, -1 for none, and how far (D,) it is, in space."""
    kept = np.full(len(sides.detection_frame), -1, dtype=np.int64)
    away = np.full(len(sides.detection_frame), np.inf)
    _reach(sides, kept, away)
    return kept, away


def _take_in_order(sides: Sides, limits_m: FloatArray, taken_label: IntArray) -> None:
    taken = np.zeros((len(sides.label_code), len(limits_m)), np.bool_)
    nearest = np.empty(len(limits_m))
    chosen = np.empty(len(limits_m), np.int64)
    for place in range(len(sides.order)):
        detection = sides.order[place]
        frame, code = sides.detection_frame[detection], sides.detection_code[detection]
        nearest[:] = np.inf
        chosen[:] = -1
        for label in range(sides.label_start[frame], sides.label_start[frame + 1]):
            if sides.label_code[label] != code:
                continue
            dx = sides.detection_place[detection, 0] - sides.label_place[label, 0]
            dy = sides.detection_place[detection, 1] - sides.label_place[label, 1]
            apart = np.sqrt(dx * dx + dy * dy)
            for t in range(len(limits_m)):
                if apart < nearest[t] and not taken[label, t]:
                    nearest[t], chosen[t] = apart, label
        for t in range(len(limits_m)):
            if nearest[t] < limits_m[t]:
                taken[chosen[t], t] = True
                taken_label[t, detection] = chosen[t]


def _reach_in_order(sides: Sides, kept: IntArray, away: FloatArray) -> None:
    reached = np.zeros(len(sides.label_code), np.bool_)
    for place in range(len(sides.order)):
        detection = sides.order[place]
        frame, code = sides.detection_frame[detection], sides.detection_code[detection]
        nearest, chosen = np.inf, -1
        for label in range(sides.label_start[frame], sides.label_start[frame + 1]):
            if sides.label_code[label] != code:
                continue
            apart = 0.0
            for axis in range(3):
                along = sides.detection_place[detection, axis] - sides.label_place[label, axis]
                apart += along * along
            if apart < nearest:
                nearest, chosen = apart, label
        if chosen >= 0 and not reached[chosen]:
            reached[chosen] = True
            kept[detection], away[detection] = chosen, np.sqrt(nearest)


_compiled = njit(nogil=True, cache=True, error_model="numpy")
_take = cast(Callable[..., None], _compiled(_take_in_order))
_reach = cast(Callable[..., None], _compiled(_reach_in_order))
