"""How fast one may drive where: the limits of a map's roads, sampled along their lanes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.roads.lanes import LANE_STEP_M, Lanes
from scanyard.roads.links import number

FloatArray = NDArray[np.float64]

KMH = {"km/h": 1.0, "mph": 1.609344, "m/s": 3.6}
"""One of each unit OpenDRIVE writes speeds in, in km/h."""
SAMPLE_M = 5.0


@dataclass(frozen=True)
class SpeedLimits:
    """K places on driving lanes; right-handed world, indexed alike."""

    points: FloatArray
    """(K, 3) metres."""
    kmh: FloatArray
    """(K,)"""


def read_speed_limits(where: str, text: str, lanes: Lanes) -> SpeedLimits:
    """The limits that roads themselves state; lanes of roads that state none are left out."""
    stated = {int(road.get("id", "-1")): _stated(where, road) for road in ET.fromstring(text.encode()).findall("road")}
    points, limits = [np.zeros((0, 3))], [np.zeros(0)]
    every = round(SAMPLE_M / LANE_STEP_M)
    for key in lanes.driving:
        records = stated.get(key.road_id, [])
        if not records:
            continue
        center = lanes.samples(key).center
        section = lanes.section(key)
        along = np.linspace(section.begin_m, section.end_m, len(center))
        if not lanes.runs_along(key):
            along = along[::-1]
        begins = [begin for begin, _ in records]
        points.append(center[::every])
        limits.append(np.array([records[max(bisect_right(begins, s) - 1, 0)][1] for s in along[::every].tolist()]))
    return SpeedLimits(np.concatenate(points), np.concatenate(limits))


def _stated(where: str, road: ET.Element) -> list[tuple[float, float]]:
    """(s, km/h) of the road's type records that have a speed, in the order of s."""
    found = []
    for kind in road.findall("type"):
        speed = kind.find("speed")
        if speed is None or speed.get("max") in {None, "no limit", "undefined"}:
            continue
        label = f"a <speed> of road {road.get('id')}"
        unit = KMH.get(speed.get("unit", "m/s"), 3.6)
        found.append((number(where, kind, "s", label), float(round(number(where, speed, "max", label) * unit))))
    return sorted(found)
