"""An OpenDRIVE file as text: found, read, checked.

``carla.Map`` prints to the terminal, throws bare ``RuntimeError`` or takes the whole process down when its XML is
broken, so everything it relies on is checked here first.  Only the plan of the map is kept: which roads there are, how
long, and which lanes they have where.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from xml.parsers import expat

from scanyard.errors import MapError
from scanyard.roads.links import LaneSection, RoadPlan, check_links, integer, number

MAX_BYTES = 64_000_000  # the largest CARLA town is under 10 MB
MAX_ROAD_M = 100_000.0
CURVES: dict[str, tuple[str, ...]] = {
    "line": (),
    "arc": ("curvature",),
    "spiral": ("curvStart", "curvEnd"),
    "poly3": ("a", "b", "c", "d"),
    "paramPoly3": ("aU", "bU", "cU", "dU", "aV", "bV", "cV", "dV"),
}
"""OpenDRIVE's curves and the numbers each needs."""


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
    plans = {}
    for road in root.findall("road"):
        plan = _road_plan(name, road)
        if plan.road_id in plans:
            raise MapError(f"{name}: two roads have the id {plan.road_id}; ids must be unique")
        plans[plan.road_id] = plan
    if not plans:
        raise MapError(f"{name}: the map has no <road>")
    check_links(name, root, plans)
    return tuple(plans[road_id] for road_id in sorted(plans))


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
    road_id = integer(name, road, "id", "a <road>")
    where = f"road {road_id}"
    length = number(name, road, "length", where)
    if not 0 < length <= MAX_ROAD_M:
        raise MapError(f"{name}: {where} is {length:g} m long; expected more than 0 and at most {MAX_ROAD_M:g}")
    if road.get("rule", "RHT") not in {"RHT", "LHT"}:
        raise MapError(f"{name}: {where} has rule={road.get('rule')!r}; expected RHT or LHT, the side traffic keeps to")
    junction = integer(name, road, "junction", where) if "junction" in road.attrib else -1
    _check_geometry(name, road, where)
    sections = road.findall("lanes/laneSection")
    if not sections:
        raise MapError(f"{name}: {where} has no <laneSection>")
    begins = [number(name, section, "s", f"a <laneSection> of {where}") for section in sections]
    if begins[0] != 0.0 or any(a >= b for a, b in zip(begins, [*begins[1:], length], strict=True)):
        raise MapError(f"{name}: lane sections of {where} begin at {begins}; expected 0 and rising, below {length:g}")
    return RoadPlan(
        road_id,
        None if junction < 0 else junction,
        length,
        tuple(
            LaneSection(begin, end, _lane_ids(name, section, where))
            for section, begin, end in zip(sections, begins, [*begins[1:], length], strict=True)
        ),
    )


def _check_geometry(name: str, road: ET.Element, where: str) -> None:
    geometries = road.findall("planView/geometry")
    begins = []
    for geometry in geometries:
        for key in ("x", "y", "hdg", "length"):
            number(name, geometry, key, f"a <geometry> of {where}")
        begins.append(number(name, geometry, "s", f"a <geometry> of {where}"))
        curve = next(iter(geometry), None)
        if curve is None or curve.tag not in CURVES:
            raise MapError(f"{name}: a <geometry> of {where} holds no curve; expected one of {', '.join(CURVES)}")
        for key in CURVES[curve.tag]:
            if number(name, curve, key, f"an <{curve.tag}> of {where}") == 0.0 and curve.tag == "arc":
                raise MapError(f"{name}: an <arc> of {where} has no curvature; make it a <line>")
    if not begins or begins[0] != 0.0 or begins != sorted(begins):
        raise MapError(f"{name}: the <geometry> elements of {where} begin at {begins}; expected 0 and rising")


def _lane_ids(name: str, section: ET.Element, where: str) -> tuple[int, ...]:
    for side, sign in (("left", 1), ("right", -1)):
        lanes = section.findall(f"{side}/lane")
        found = sorted((integer(name, lane, "id", f"a lane of {where}") for lane in lanes), key=abs)
        if found != [sign * (number + 1) for number in range(len(lanes))]:
            raise MapError(
                f"{name}: the {side} lanes of {where} are {found}; expected {sign}, {2 * sign}, ... without gaps"
            )
        for lane in lanes:
            if lane.find("width") is None and lane.find("border") is None:
                raise MapError(f"{name}: lane {lane.get('id')} of {where} has no <width>")
            for element in lane.iter("width"):
                for key in ("sOffset", "a", "b", "c", "d"):
                    number(name, element, key, f"a <width> of lane {lane.get('id')} of {where}")
    if [lane.get("id") for lane in section.findall("center/lane")] != ["0"]:
        raise MapError(f"{name}: a <laneSection> of {where} has no centre lane 0")
    sides = len(section.findall("left/lane")), len(section.findall("right/lane"))
    return (*range(sides[0], 0, -1), *range(-1, -sides[1] - 1, -1))
