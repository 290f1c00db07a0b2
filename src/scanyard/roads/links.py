"""The plan of an OpenDRIVE map, and whether its roads and lanes lead to ones that exist.

``carla.Map`` follows every link without looking: one that leads nowhere ends the process.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass

from scanyard.errors import MapError

MAX_NUMBER = 1e9  # beyond any map coordinate; larger ones overflow CARLA's float32


@dataclass(frozen=True)
class LaneSection:
    """A stretch of road along which the lanes stay the same."""

    begin_m: float
    end_m: float
    lane_ids: tuple[int, ...]
    """From left to right, without the centre; negative ones lie right of the reference line."""


@dataclass(frozen=True)
class RoadPlan:
    """One road of the map."""

    road_id: int
    junction_id: int | None
    length_m: float
    sections: tuple[LaneSection, ...]


def check_links(name: str, root: ET.Element, plans: Mapping[int, RoadPlan]) -> None:
    """Raise ``MapError`` where a road, junction or lane of the map links to one that is not in it."""
    junctions = {integer(name, junction, "id", "a <junction>") for junction in root.findall("junction")}
    for road in root.findall("road"):
        plan = plans[integer(name, road, "id", "a <road>")]
        where = f"road {plan.road_id}"
        if plan.junction_id is not None and plan.junction_id not in junctions:
            raise MapError(f"{name}: {where} belongs to junction {plan.junction_id}, which is not in the map")
        for end in ("predecessor", "successor"):
            linked = _linked_sections(name, road.find(f"link/{end}"), where, plans, junctions)
            _check_lane_links(name, road, plan, end, linked)
    for junction in root.findall("junction"):
        for connection in junction.findall("connection"):
            _check_connection(name, connection, f"junction {junction.get('id')}", plans)


def _linked_sections(
    name: str, link: ET.Element | None, where: str, plans: Mapping[int, RoadPlan], junctions: set[int]
) -> tuple[LaneSection, ...]:
    """The lane sections a road's end may touch: of the road it is linked to, none at a junction or a dead end."""
    if link is None:
        return ()
    kind, target = link.get("elementType"), integer(name, link, "elementId", f"a link of {where}")
    if kind == "junction" and target in junctions:
        return ()
    if kind == "road" and target in plans:
        sections = plans[target].sections
        return {"start": sections[:1], "end": sections[-1:]}.get(link.get("contactPoint", ""), sections)
    raise MapError(f"{name}: {where} links to {kind} {target}, which is not in the map")


def _check_lane_links(name: str, road: ET.Element, plan: RoadPlan, end: str, linked: tuple[LaneSection, ...]) -> None:
    """Lane links lead to the next lane section, and at the road's end to the road it is ``linked`` to."""
    sections = road.findall("lanes/laneSection")
    step = 1 if end == "successor" else -1
    for index, section in enumerate(sections):
        inside = 0 <= index + step < len(sections)
        targets = (plan.sections[index + step],) if inside else linked
        if not targets:
            continue
        known = {lane_id for target in targets for lane_id in target.lane_ids}
        for lane in section.iter("lane"):
            link = lane.find(f"link/{end}")
            if link is None:
                continue
            where = f"lane {lane.get('id')} of road {plan.road_id}"
            target_id = integer(name, link, "id", f"a link of {where}")
            if target_id not in known and target_id != 0:
                raise MapError(f"{name}: {where} has {end} lane {target_id}; the road there has {sorted(known)}")


def _check_connection(name: str, connection: ET.Element, where: str, plans: Mapping[int, RoadPlan]) -> None:
    lanes = {}
    for key in ("incomingRoad", "connectingRoad"):
        road_id = integer(name, connection, key, f"a <connection> of {where}")
        if road_id not in plans:
            raise MapError(f"{name}: {where} connects road {road_id}, which is not in the map")
        sections = plans[road_id].sections
        lanes[key] = {*sections[0].lane_ids, *sections[-1].lane_ids}
    for link in connection.findall("laneLink"):
        for key, side in (("from", "incomingRoad"), ("to", "connectingRoad")):
            lane_id = integer(name, link, key, f"a <laneLink> of {where}")
            if lane_id not in lanes[side]:
                raise MapError(
                    f"{name}: {where} connects lane {lane_id} of road {connection.get(side)}, "
                    f"which has {sorted(lanes[side])}"
                )


def number(name: str, element: ET.Element, key: str, where: str) -> float:
    """An attribute as a finite number, or ``MapError``."""
    text = element.get(key)
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not abs(value) <= MAX_NUMBER:
        raise MapError(f"{name}: {where} has {key}={text!r}; expected a number")
    return value


def integer(name: str, element: ET.Element, key: str, where: str) -> int:
    """An attribute as a whole number, or ``MapError``."""
    text = element.get(key)
    try:
        value = int(text or "")
    except ValueError:
        value = None
    if value is None or abs(value) > MAX_NUMBER:
        raise MapError(f"{name}: {where} has {key}={text!r}; expected a whole number")
    return value
