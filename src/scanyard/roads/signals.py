"""Signals of a map: traffic lights and how they take turns, stop and yield signs, speed limits, and whom they govern.

A signal stands at one place of one road, but governs lanes, and perhaps lanes of other roads, which refer to it.  What
a stranger would get wrong: CARLA's own pose of a signal points along the road, whichever way its traffic goes; here
``heading_rad`` is the way of those it speaks to, and its lamps or plate look against that.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from scanyard.roads.client import carla
from scanyard.roads.links import integer, number
from scanyard.roads.speeds import KMH

SignalKind = Literal["light", "stop", "yield", "limit"]

KINDS: dict[str, SignalKind] = {"1000001": "light", "206": "stop", "205": "yield", "274": "limit"}
"""By OpenDRIVE type, as CARLA reads it; other signs are scenery."""
BACK_STEP_M = 0.5
BACK_MAX_M = 30.0  # a way across a junction is not longer


@dataclass(frozen=True)
class GovernedLane:
    """A lane where a signal counts; right-handed world."""

    center: tuple[float, float, float]
    """Metres: where its traffic stops, on the road, outside junctions."""
    heading_rad: float
    """The way its traffic goes."""
    width_m: float


@dataclass(frozen=True)
class Signal:
    """One light or sign; right-handed world."""

    id: str
    """OpenDRIVE's."""
    kind: SignalKind
    limit_kmh: float | None
    """What a speed limit says."""
    position: tuple[float, float, float]
    """Metres: where its post stands, at the height of the road."""
    above_m: float
    """How high above that the lamps or the plate are."""
    heading_rad: float
    """The way of the traffic it speaks to."""
    lanes: tuple[GovernedLane, ...]
    """From the post inwards; empty where the map names no driving lane."""


@dataclass(frozen=True)
class LightGroup:
    """Traffic lights that take turns: one phase after the other is green."""

    junction_id: int | None
    """None for a light that no junction controls."""
    phases: tuple[tuple[str, ...], ...]
    """Ids of the lights that are green together."""


def read_signals(where: str, text: str, carla_map: Any) -> tuple[Signal, ...]:
    """All signals of the kinds above, in the order of the file; ``MapError`` where one has no place."""
    root = ET.fromstring(text.encode())
    references = _references(root)
    poses = {mark.id: mark.transform for mark in carla_map.get_all_landmarks()}
    found = []
    for road in root.findall("road"):
        for element in road.findall("signals/signal"):
            kind = KINDS.get(element.get("type", ""))
            if kind is None or element.get("id") not in poses:
                continue
            lanes = list(_governed(where, road, element, carla_map))
            for other, reference in references.get(element.get("id"), []):
                lanes += _governed(where, other, reference, carla_map)
            found.append(_signal(where, element, kind, lanes, poses[element.get("id")]))
    return tuple(found)


def read_groups(text: str, lights: Iterable[Signal]) -> tuple[LightGroup, ...]:
    """How the lights of a map take turns, by its controllers; a light that none controls is a group of its own."""
    root = ET.fromstring(text.encode())
    known = {light.id for light in lights if light.kind == "light"}
    controls = {
        controller.get("id"): tuple(
            control.get("signalId", "") for control in controller.findall("control") if control.get("signalId") in known
        )
        for controller in root.findall("controller")
    }
    found: list[LightGroup] = []
    grouped: set[str] = set()
    for junction in root.findall("junction"):
        listed = sorted(junction.findall("controller"), key=lambda one: int(one.get("sequence") or 0))
        phases = [controls.get(one.get("id"), ()) for one in listed]
        phases = [tuple(light for light in phase if light not in grouped) for phase in phases]
        phases = [phase for phase in phases if phase]
        grouped.update(light for phase in phases for light in phase)
        if phases:
            found.append(LightGroup(int(junction.get("id", "-1")), tuple(phases)))
    alone = [light.id for light in lights if light.kind == "light" and light.id not in grouped]
    return (*found, *(LightGroup(None, ((light,),)) for light in alone))


def _references(root: ET.Element) -> dict[str | None, list[tuple[ET.Element, ET.Element]]]:
    """Roads that refer to a signal of another one, with the reference, by the signal's id."""
    found: dict[str | None, list[tuple[ET.Element, ET.Element]]] = {}
    for road in root.findall("road"):
        for reference in road.findall("signals/signalReference"):
            found.setdefault(reference.get("id"), []).append((road, reference))
    return found


def _signal(where: str, element: ET.Element, kind: SignalKind, lanes: Iterable[GovernedLane], transform: Any) -> Signal:
    label = f"signal {element.get('id')}"
    location = transform.location
    post = location.x, -location.y
    nearest_first = tuple(sorted(_distinct(lanes), key=lambda lane: math.dist(post, lane.center[:2])))
    above_m = number(where, element, "zOffset", label)
    heading = nearest_first[0].heading_rad if nearest_first else -math.radians(transform.rotation.yaw)
    limit = None
    if kind == "limit":
        limit = number(where, element, "value", label) * KMH.get(element.get("unit", "km/h"), 1.0)
    position = (*post, location.z - above_m)
    return Signal(element.get("id", ""), kind, limit, position, above_m, heading, nearest_first)


def _governed(where: str, road: ET.Element, element: ET.Element, carla_map: Any) -> Iterator[GovernedLane]:
    """The driving lanes a signal, or a reference to one, is valid for."""
    label = f"signal {element.get('id')}"
    road_id = integer(where, road, "id", "a <road>")
    s = number(where, element, "s", label)
    orientation = element.get("orientation", "none")
    ranges = [
        sorted((integer(where, one, "fromLane", label), integer(where, one, "toLane", label)))
        for one in element.findall("validity")
    ]
    listed = {int(lane.get("id", "0")) for lane in road.iter("lane")}
    for lane_id in sorted(listed - {0}):
        wanted = any(low <= lane_id <= high for low, high in ranges) if ranges else True
        if not wanted or (orientation == "+" and lane_id > 0) or (orientation == "-" and lane_id < 0):
            continue
        waypoint = carla_map.get_waypoint_xodr(road_id, lane_id, s)
        if waypoint is None or waypoint.lane_type != carla.LaneType.Driving:
            continue
        waypoint = _before_junction(waypoint)
        transform = waypoint.transform
        yield GovernedLane(
            (transform.location.x, -transform.location.y, transform.location.z),
            -math.radians(transform.rotation.yaw),
            float(waypoint.lane_width),
        )


def _before_junction(waypoint: Any) -> Any:
    """The place on the way to a waypoint where its junction begins; itself outside junctions."""
    here, covered = waypoint, 0.0
    while here.is_junction and covered < BACK_MAX_M:
        before = here.previous(BACK_STEP_M)
        if not before:
            return waypoint
        here, covered = before[0], covered + BACK_STEP_M
    return here


def _distinct(lanes: Iterable[GovernedLane]) -> list[GovernedLane]:
    """Lanes that several references name, once each."""
    found: list[GovernedLane] = []
    for lane in lanes:
        if all(math.dist(lane.center, other.center) > 1.0 for other in found):
            found.append(lane)
    return found
