"""A network becomes an OpenDRIVE document.

Every street leaves its node along a ray through the node's centre, unless it names a port, so each path across a
junction is a line, an arc and a line with a tangent at both ends, exact in OpenDRIVE.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from scenariogeneration import xodr

from maps import surface
from maps.network import Network, Street
from maps.paths import Path2D, Port, joined, street_path, turn_between
from maps.rules import Arm, Signals
from maps.surface import CROSSWALK_M, floor, marked, painted, street_lanes

GEO_REFERENCE = "+proj=tmerc +lat_0=49.0 +lon_0=8.4 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"
DATE = "2026-01-01T00:00:00"  # fixed, so that the same script writes the same bytes
CORNER_FLOOR_M = 3.0  # depth of the gap that turning lanes leave towards the middle of a wide crossing
STRAIGHT_RAD = math.radians(20)
BACK_RAD = math.radians(150)  # no way leads back where it came from
ACROSS_MPS = 8.3
FIRST_JUNCTION = 1000

LanePair = tuple[int, int]
"""Lanes counted from the middle: by which traffic arrives, by which it leaves."""


class Drawing:
    """One map being written: road ids are given in the order of drawing."""

    def __init__(self, network: Network) -> None:
        self.network = network
        xodr.Object._usedIDs.clear()  # the library remembers ids of other maps too, and would change ours
        self.document = xodr.OpenDrive(network.name, revMajor="1", revMinor="4", geo_reference=GEO_REFERENCE)
        self.arms: dict[str, list[Arm]] = {name: [] for name in network.nodes}
        self.roads: dict[int, xodr.Road] = {}
        self.speeds: dict[int, float] = {}
        self.signals = Signals()
        self.junction_controllers: dict[int, list[int]] = {}
        self.next_object = 0

    def draw(self) -> ET.Element:
        """Streets first, then the junctions between them."""
        junction_ids = {name: FIRST_JUNCTION + i for i, name in enumerate(self.network.nodes)}
        for street in self.network.streets:
            self.draw_street(street, junction_ids)
        for name, arms in self.arms.items():
            self.draw_junction(name, junction_ids[name], arms)
        self.post_rules(junction_ids)
        root = self.document.get_element()
        self.complete(root)
        return root

    # --- streets -----------------------------------------------------------------------------------------------------

    def draw_street(self, street: Street, junction_ids: dict[str, int]) -> None:
        start, end = self.network.nodes[street.start], self.network.nodes[street.end]
        reach = self.network.junction_m
        points = [(p.x, p.y) if p else node[:2] for p, node in ((street.from_port, start), (street.to_port, end))]
        trims = (0.0 if street.from_port else reach, 0.0 if street.to_port else reach)
        path = street_path([points[0], *street.via, points[1]], street.radius_m, trims)
        road_id = self.add_road(path, street_lanes(street.profile, path.length), name=street.name or None)
        road = self.roads[road_id]
        road.add_predecessor(xodr.ElementType.junction, junction_ids[street.start])
        road.add_successor(xodr.ElementType.junction, junction_ids[street.end])
        kind = xodr.RoadType.rural if street.profile.sidewalk_m == 0 else xodr.RoadType.town
        road.add_type(kind, speed=street.profile.speed_mps)
        self.speeds[road_id] = street.profile.speed_mps
        for cubic in surface.heights(street, start[2], end[2], path.length):
            road.add_elevation(*cubic)
        crosswalks = [wanted and self.network.crosswalks for wanted in street.crosswalks]
        self.add_objects(road, street, path, crosswalks)
        for node, at_start, port, has_crosswalk in (
            (street.start, True, path.start, crosswalks[0]), (street.end, False, path.end.turned(), crosswalks[1]),
        ):  # fmt: skip
            self.arms[node].append(Arm(road_id, street.profile, at_start, port, path.length, has_crosswalk))

    def add_road(self, path: Path2D, lanes: xodr.Lanes, *, junction: int = -1, name: str | None = None) -> int:
        road_id = len(self.roads)
        self.roads[road_id] = xodr.Road(road_id, path.view, lanes, road_type=junction, name=name)
        self.document.add_road(self.roads[road_id])
        return road_id

    def add_objects(self, road: xodr.Road, street: Street, path: Path2D, crosswalks: Sequence[bool]) -> None:
        objects = [
            surface.crosswalk(street.profile, s, self.next_object + order)
            for order, s in enumerate(
                s for s, wanted in zip((CROSSWALK_M, path.length - CROSSWALK_M), crosswalks, strict=True) if wanted
            )
        ]
        if street.barrier:
            objects += surface.barrier(path.length, self.next_object + len(objects))
        for one in self.network.buildings:
            if one.street == street.name:
                objects.append(surface.building(one, path, self.next_object + len(objects)))
        for thing in objects:
            road.add_object(thing)
        self.next_object += len(objects)

    # --- junctions ---------------------------------------------------------------------------------------------------

    def draw_junction(self, name: str, junction_id: int, arms: list[Arm]) -> None:
        junction = xodr.Junction(name, junction_id)
        ways: dict[int, list[tuple[Arm, LanePair]]] = {arm.road: [] for arm in arms}
        for a in arms:
            # Seen from a car arriving on arm a, others sorted from its right hand to its left.
            others = sorted((b for b in arms if b is not a), key=lambda b: (b.heading - a.heading) % (2 * math.pi))
            for order, b in enumerate(others):
                if a.arrives and b.leaves and not is_back(a, b):
                    mouth = len(others) == 2 and order == 1
                    ways[a.road] += self.draw_connection(name, junction, a, b, corner=order == 0, mouth=mouth)
        for a in arms:
            ways[a.road] += self.serve_remaining(name, junction, a, ways[a.road])
        for b in arms:
            self.feed_remaining(name, junction, b, [(a, way[1]) for a in arms for way in ways[a.road] if way[0] is b])
        self.document.add_junction(junction)

    def draw_connection(
        self, name: str, junction: xodr.Junction, a: Arm, b: Arm, *, corner: bool, mouth: bool
    ) -> list[tuple[Arm, LanePair]]:
        """The way from arm ``a`` to arm ``b``; where they are neighbours, its right side carries the kerb along.

        Straight on past the ``mouth`` of a side street, it carries the ground between the turning lanes.
        """
        turn = turning(a, b)
        pairs = lane_pairs(a, b, turn, corner=corner)
        path = self.across(a, b, pairs[0])
        lanes = connecting_lanes(a, b, pairs, path.length, corner=corner)
        if mouth and abs(turn) < STRAIGHT_RAD and not (a.profile.one_way or b.profile.one_way):
            depth = path.length / 2 - a.profile.lanes * a.profile.lane_m
            lanes.lanesections[0].add_right_lane(floor(path.length, 0.2 * path.length, depth))
        if corner and max(a.profile.lanes, b.profile.lanes) > 1 and not (a.profile.one_way or b.profile.one_way):
            lanes.lanesections[0].add_left_lane(floor(path.length, 0.02 * path.length, CORNER_FLOOR_M))
        self.add_connection(name, junction, a, b, pairs=pairs, path=path, lanes=lanes)
        return [(b, pair) for pair in pairs]

    def serve_remaining(
        self, name: str, junction: xodr.Junction, a: Arm, ways: Sequence[tuple[Arm, LanePair]]
    ) -> list[tuple[Arm, LanePair]]:
        """Lead lanes on that no way takes up: straight on, or turning left beside those that do."""
        served = {pair[0] for _, pair in ways}
        found = []
        for lane in range(1, a.profile.lanes + 1) if ways else ():
            if lane not in served:
                to = min((b for b, _ in ways), key=lambda b: (round(abs(turning(a, b)), 2), -turning(a, b)))
                found.append((to, (lane, min(lane, to.profile.lanes))))
                self.draw_lane(name, junction, a, *found[-1])
        return found

    def feed_remaining(self, name: str, junction: xodr.Junction, b: Arm, ways: Sequence[tuple[Arm, LanePair]]) -> None:
        """Lead somebody to lanes that no way leads to: from straight on, or turning right beside those that do."""
        fed = {pair[1] for _, pair in ways}
        for lane in range(1, b.profile.lanes + 1) if ways else ():
            if lane not in fed:
                start = min((a for a, _ in ways), key=lambda a: (round(abs(turning(a, b)), 2), turning(a, b)))
                self.draw_lane(name, junction, start, b, (min(lane, start.profile.lanes), lane))

    def draw_lane(self, name: str, junction: xodr.Junction, a: Arm, b: Arm, pair: LanePair) -> None:
        """One more lane across a junction."""
        path = self.across(a, b, pair)
        lanes = connecting_lanes(a, b, [pair], path.length, corner=False)
        self.add_connection(name, junction, a, b, pairs=[pair], path=path, lanes=lanes)

    def add_connection(
        self, name: str, junction: xodr.Junction, a: Arm, b: Arm, *, pairs: Sequence[LanePair], path: Path2D,
        lanes: xodr.Lanes,
    ) -> None:  # fmt: skip
        road_id = self.add_road(path, lanes, junction=junction.id)
        road = self.roads[road_id]
        start_of = {True: xodr.ContactPoint.start, False: xodr.ContactPoint.end}
        road.add_predecessor(xodr.ElementType.road, a.road, start_of[a.at_start])
        road.add_successor(xodr.ElementType.road, b.road, start_of[b.at_start])
        fast = min(a.profile.speed_mps, b.profile.speed_mps)
        turn = turning(a, b)
        speed = fast if fast > 2 * ACROSS_MPS and abs(turn) < STRAIGHT_RAD else ACROSS_MPS
        road.add_type(xodr.RoadType.town, speed=speed)
        self.speeds[road_id] = speed
        road.add_elevation(0.0, self.network.nodes[name][2], 0.0, 0.0, 0.0)
        connection = xodr.Connection(a.road, road_id, xodr.ContactPoint.start)
        for number, (lane_a, _) in enumerate(pairs, start=1):
            connection.add_lanelink(a.arriving(lane_a), -number)
        junction.add_connection(connection)

    def across(self, a: Arm, b: Arm, pair: LanePair) -> Path2D:
        """From the left edge of a lane on ``a`` to that of one on ``b``."""
        start, end = a.port.turned(), b.port
        offset_a, offset_b = (pair[0] - 1) * a.profile.lane_m, (pair[1] - 1) * b.profile.lane_m
        return joined(to_the_right(start, offset_a), to_the_right(end, offset_b))

    # --- rules -------------------------------------------------------------------------------------------------------

    def post_rules(self, junction_ids: dict[str, int]) -> None:
        """Put up lights, signs and limits."""
        for street, (road_id, road) in zip(self.network.streets, list(self.roads.items()), strict=False):
            length = road.planview.get_total_length()
            if length > 40.0:
                for signal in self.signals.limits(street.profile, length):
                    self.roads[road_id].add_signal(signal)
        for name, arms in self.arms.items():
            control = self.network.control.get(name, "free")
            by_road, controllers = self.signals.rule(control, junction_ids[name], arms)
            for road_id, signals in by_road.items():
                for signal in signals:
                    self.roads[road_id].add_signal(signal)
            self.junction_controllers[junction_ids[name]] = controllers

    def complete(self, root: ET.Element) -> None:
        """Add what the library does not write: lane speeds, controllers, and outlines where OpenDRIVE 1.4 has them."""
        root.find("header").set("date", DATE)
        for thing in root.iter("object"):
            thing.append(thing.find("outlines/outline"))
            thing.remove(thing.find("outlines"))
            del thing.attrib["subtype"]
        for road in root.findall("road"):
            speed = self.speeds[int(road.get("id"))]
            for lane in road.iter("lane"):
                if lane.get("type") == "driving":
                    ET.SubElement(lane, "speed", sOffset="0", max=f"{speed:g}", unit="m/s")
        first_junction = next(i for i, child in enumerate(root) if child.tag == "junction")
        for offset, controller in enumerate(self.signals.controllers):
            root.insert(first_junction + offset, controller)
        for junction in root.findall("junction"):
            for order, controller in enumerate(self.junction_controllers[int(junction.get("id"))]):
                ET.SubElement(junction, "controller", id=str(controller), type="0", sequence=str(order))


def is_back(a: Arm, b: Arm) -> bool:
    """Whether going from one arm to another is turning back."""
    return abs(turning(a, b)) > BACK_RAD


def turning(a: Arm, b: Arm) -> float:
    """By how much one turns left on the way from one arm to another, radians."""
    return turn_between(a.heading + math.pi, b.heading)


def to_the_right(port: Port, offset: float) -> Port:
    """The place ``offset`` metres to the right of one that looks where it leads."""
    return Port(port.x + offset * math.sin(port.heading), port.y - offset * math.cos(port.heading), port.heading)


def lane_pairs(a: Arm, b: Arm, turn: float, *, corner: bool) -> list[LanePair]:
    """Which lanes lead where: all straight on, the outermost to the right, the innermost to the left."""
    outermost = [(a.profile.lanes, b.profile.lanes)]
    straight = abs(turn) < STRAIGHT_RAD
    if corner and not straight:
        return outermost
    if straight and corner and a.profile.lanes != b.profile.lanes:
        return outermost
    if straight:
        return [(k, k) for k in range(1, min(a.profile.lanes, b.profile.lanes) + 1)]
    return outermost if turn < 0 else [(1, 1)]


def connecting_lanes(a: Arm, b: Arm, pairs: Sequence[LanePair], length: float, *, corner: bool) -> xodr.Lanes:
    """The lanes of a way across a junction."""
    middle = xodr.Lane(lane_type=xodr.LaneType.none)
    middle.add_roadmark(painted(xodr.RoadMarkType.none))
    section = xodr.LaneSection(0, middle)
    for lane_a, lane_b in pairs:
        lane = marked("driving", a.profile.lane_m, None, b.profile.lane_m, length)
        lane.add_link("predecessor", a.arriving(lane_a))
        lane.add_link("successor", b.leaving(lane_b))
        section.add_right_lane(lane)
    if corner:
        for index, ((kind, width), width_b) in enumerate(beside(a, b), start=1):
            lane = marked(kind, width, None, width_b, length)
            lane.add_link("predecessor", a.arriving(a.profile.lanes + index))
            lane.add_link("successor", b.leaving(b.profile.lanes + index))
            section.add_right_lane(lane)
    lanes = xodr.Lanes()
    lanes.add_lanesection(section)
    return lanes


def beside(a: Arm, b: Arm) -> list[tuple[tuple[str, float], float]]:
    """What lies outside the driving lanes of two neighbours: type and width on ``a``, width on ``b``."""
    outside_a, outside_b = a.profile.outside(parking=False), b.profile.outside(parking=False)
    if [kind for kind, _ in outside_a] != [kind for kind, _ in outside_b]:
        raise ValueError(f"roads {a.road} and {b.road} meet with different lanes beside the carriageway")
    return [(spec, width) for spec, (_, width) in zip(outside_a, outside_b, strict=True)]
