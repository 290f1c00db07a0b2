"""An OpenDRIVE file as text: found, read, checked.

``carla.Map`` prints to the terminal, throws bare ``RuntimeError`` or takes the whole process down when its XML is
broken, so everything it relies on is checked here first.  Only the plan of the map is kept: which roads there are, how
long, and which lanes they have where.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from scanyard.errors import MapError

MAX_BYTES = 64_000_000  # the largest CARLA town is under 10 MB


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


def find_map(name: str, folders: Iterable[str | Path]) -> Path:
    """Return ``NAME.xodr`` from the first of ``folders`` that has it; ``MapError`` if none does."""
    searched = [Path(folder) for folder in folders]
    for folder in searched:
        path = folder / f"{name}.xodr"
        if path.is_file():
            return path
    known = sorted({path.stem for folder in searched if folder.is_dir() for path in folder.glob("*.xodr")})
    raise MapError(
        f"map '{name}': no file {name}.xodr in {', '.join(map(str, searched)) or 'no folder at all'}; "
        f"there is {', '.join(known) or 'none'}"
    )


def read_map(path: str | Path) -> str:
    """The text of a map file; ``MapError`` if it cannot be read as one."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise MapError(f"{path}: cannot read the map: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise MapError(f"{path}: {len(content):,} bytes, more than the {MAX_BYTES:,} a map may have")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MapError(f"{path}: not UTF-8 text at byte {error.start}; expected an OpenDRIVE XML file") from error


def parse_plan(name: str, text: str) -> tuple[RoadPlan, ...]:
    """Check an OpenDRIVE text and return its roads, sorted by id; ``MapError`` names ``name`` and what is wrong."""
    root = _parse_xml(name, text)
    if root.tag != "OpenDRIVE":
        raise MapError(f"{name}: the XML is a <{root.tag}>; expected an <OpenDRIVE> map")
    plans = [_road_plan(name, road) for road in root.findall("road")]
    if not plans:
        raise MapError(f"{name}: the map has no <road>")
    roads = {plan.road_id for plan in plans}
    if len(roads) < len(plans):
        raise MapError(f"{name}: two roads have the same id; ids must be unique")
    _check_links(name, root, roads)
    return tuple(sorted(plans, key=lambda plan: plan.road_id))


def _parse_xml(name: str, text: str) -> ET.Element:
    """Parse, refusing document types: they are how entities get in, and no map has one."""

    def refuse(*_: object) -> None:
        raise MapError(f"{name}: the XML declares a document type (<!DOCTYPE ...>); a map has none, so it is refused")

    try:
        scout = expat.ParserCreate()
        scout.StartDoctypeDeclHandler = refuse
        scout.Parse(text.encode(), True)
        return ET.fromstring(text.encode())
    except (expat.ExpatError, ET.ParseError, UnicodeError, LookupError, ValueError) as error:
        if isinstance(error, MapError):
            raise
        raise MapError(f"{name}: not a well-formed XML file: {error}") from error


def _road_plan(name: str, road: ET.Element) -> RoadPlan:
    road_id = _integer(name, road, "id", "a <road>")
    where = f"road {road_id}"
    length = _number(name, road, "length", where)
    if length <= 0:
        raise MapError(f"{name}: {where} is {length} m long; expected a positive length")
    junction = _integer(name, road, "junction", where) if "junction" in road.attrib else -1
    geometries = road.findall("planView/geometry")
    if not geometries:
        raise MapError(f"{name}: {where} has no <planView> with a <geometry>")
    for geometry in geometries:
        for key in ("s", "x", "y", "hdg", "length"):
            _number(name, geometry, key, f"a <geometry> of {where}")
        if not len(geometry):
            raise MapError(f"{name}: a <geometry> of {where} is empty; expected <line/>, <arc/> or another curve")
    sections = road.findall("lanes/laneSection")
    if not sections:
        raise MapError(f"{name}: {where} has no <laneSection>")
    begins = [_number(name, section, "s", f"a <laneSection> of {where}") for section in sections]
    if begins[0] != 0.0 or any(a >= b for a, b in zip(begins, [*begins[1:], length], strict=True)):
        raise MapError(f"{name}: lane sections of {where} begin at {begins}; expected 0 and rising, below {length}")
    return RoadPlan(
        road_id,
        None if junction < 0 else junction,
        length,
        tuple(
            LaneSection(begin, end, _lane_ids(name, section, where))
            for section, begin, end in zip(sections, begins, [*begins[1:], length], strict=True)
        ),
    )


def _lane_ids(name: str, section: ET.Element, where: str) -> tuple[int, ...]:
    found = []
    for side, sign in (("left", 1), ("right", -1)):
        for lane in section.findall(f"{side}/lane"):
            lane_id = _integer(name, lane, "id", f"a lane of {where}")
            if lane_id * sign <= 0:
                raise MapError(f"{name}: lane {lane_id} of {where} is listed under <{side}>; its sign says otherwise")
            if lane.find("width") is None and lane.find("border") is None:
                raise MapError(f"{name}: lane {lane_id} of {where} has no <width>")
            for element in lane.iter("width"):
                for key in ("sOffset", "a", "b", "c", "d"):
                    _number(name, element, key, f"a <width> of lane {lane_id} of {where}")
            found.append(lane_id)
    if len(set(found)) < len(found):
        raise MapError(f"{name}: {where} has the same lane id twice in one section: {sorted(found)}")
    return tuple(sorted(found, reverse=True))


def _check_links(name: str, root: ET.Element, roads: set[int]) -> None:
    junctions = {_integer(name, junction, "id", "a <junction>") for junction in root.findall("junction")}
    for road in root.findall("road"):
        for link in (*road.findall("link/predecessor"), *road.findall("link/successor")):
            target = _integer(name, link, "elementId", f"a link of road {road.get('id')}")
            kind = link.get("elementType", "")
            if target not in {"road": roads, "junction": junctions}.get(kind, set()):
                raise MapError(f"{name}: road {road.get('id')} links to {kind} {target}, which is not in the map")
    for junction in root.findall("junction"):
        for connection in junction.findall("connection"):
            for key in ("incomingRoad", "connectingRoad"):
                target = _integer(name, connection, key, f"a <connection> of junction {junction.get('id')}")
                if target not in roads:
                    raise MapError(
                        f"{name}: junction {junction.get('id')} connects road {target}, which is not in the map"
                    )


def _number(name: str, element: ET.Element, key: str, where: str) -> float:
    text = element.get(key)
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise MapError(f"{name}: {where} has {key}={text!r}; expected a number")
    return value


def _integer(name: str, element: ET.Element, key: str, where: str) -> int:
    text = element.get(key)
    try:
        return int(text or "")
    except ValueError:
        raise MapError(f"{name}: {where} has {key}={text!r}; expected a whole number") from None
