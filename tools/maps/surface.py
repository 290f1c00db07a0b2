"""The surface of one road in OpenDRIVE's terms: lane sections with links and marks, heights, crosswalks, walls."""

from __future__ import annotations

import itertools
import math

from scenariogeneration import xodr

from maps.network import Building, Street
from maps.paths import Path2D
from maps.profiles import Profile

CORNER_M = 8.0  # no parking this close to a junction, as traffic law has it
CROSSWALK_M = 3.0  # depth of a zebra crossing, and its middle's distance from the junction
VERTICAL_CURVE_M = 30.0  # over which one grade turns into the next: short, as on old country roads
LEVEL_M = 20.0  # streets are level this far from a junction, half the rounding included
BARRIER_M, BARRIER_PIECE_M = (
    (0.6, 0.9),
    12.0,
)  # width and height of a concrete wall, and how long its straight pieces are

LANE_TYPES = {
    "driving": xodr.LaneType.driving,
    "parking": xodr.LaneType.parking,
    "shoulder": xodr.LaneType.shoulder,
    "sidewalk": xodr.LaneType.sidewalk,
    "island": xodr.LaneType.none,
}

Spec = tuple[str, float]
"""A lane's type and width, metres."""


def marked(lane_type: str, width: float, mark: xodr.RoadMarkType | None, width_end: float | None = None,
           length: float = 1.0) -> xodr.Lane:  # fmt: skip
    """One lane, ``width`` metres wide, changing evenly to ``width_end`` where given."""
    slope = 0.0 if width_end is None else (width_end - width) / length
    lane = xodr.Lane(lane_type=LANE_TYPES[lane_type], a=width, b=slope)
    lane.add_roadmark(painted(mark or xodr.RoadMarkType.none))
    return lane


def painted(mark: xodr.RoadMarkType, *, may_cross: bool | None = None) -> xodr.RoadMark:
    """A line on the road; lanes may be changed across broken ones, unless said otherwise."""
    crossed = mark is xodr.RoadMarkType.broken if may_cross is None else may_cross
    return xodr.RoadMark(mark, width=0.12, laneChange=xodr.LaneChange.both if crossed else xodr.LaneChange.none)


def floor(length: float, begin: float, depth: float) -> xodr.Lane:
    """Ground nobody drives on: a triangle beside a way across a junction, ``depth`` deep half-way along."""
    slope = depth / (length / 2 - begin)
    lane = xodr.Lane(lane_type=xodr.LaneType.restricted, a=0.0)
    lane.add_lane_width(a=0.0, b=slope, soffset=begin)
    lane.add_lane_width(a=depth, b=-slope, soffset=length / 2)
    lane.add_lane_width(a=0.0, soffset=length - begin)
    return lane


def street_lanes(profile: Profile, length: float) -> xodr.Lanes:
    """Up to three sections, parking and squares in the middle one only; links follow lanes that stay the same."""
    varies = profile.parking_m or profile.square
    breaks = [0.0, CORNER_M, length - CORNER_M] if varies else [0.0]
    sides = [(_side(profile, "left", index == 1), _side(profile, "right", index == 1)) for index in range(len(breaks))]
    lanes = xodr.Lanes()
    for index, begin in enumerate(breaks):
        section = xodr.LaneSection(begin, _middle_line(profile))
        for side, add, sign in ((0, section.add_left_lane, 1), (1, section.add_right_lane, -1)):
            for number, (kind, width) in enumerate(sides[index][side], start=1):
                lane = marked(kind, width, _mark(profile, kind, number))
                if index > 0 and number <= len(sides[index - 1][side]):
                    lane.add_link("predecessor", sign * number)
                if index + 1 < len(breaks) and number <= len(sides[index + 1][side]):
                    lane.add_link("successor", sign * number)
                add(lane)
        lanes.add_lanesection(section)
    return lanes


def _side(profile: Profile, side: str, middle: bool) -> list[Spec]:
    """The lanes on one side, from the middle outwards."""
    if profile.one_way and side == "left":
        return [("island", profile.island_m)] if profile.island_m else []
    driving = [("driving", profile.lane_m)] * profile.lanes
    if middle and profile.square and profile.square[0] == side:
        return [*driving, ("shoulder", profile.square[1])]
    return driving + profile.outside(parking=middle)


def _mark(profile: Profile, kind: str, number: int) -> xodr.RoadMarkType | None:
    if kind != "driving":
        return None
    return xodr.RoadMarkType.solid if number == profile.lanes else xodr.RoadMarkType.broken


def _middle_line(profile: Profile) -> xodr.Lane:
    middle = xodr.Lane(lane_type=xodr.LaneType.none)
    mark = xodr.RoadMarkType.solid_solid if profile.lanes > 1 else xodr.RoadMarkType.broken
    # Nobody changes onto the oncoming lane, though who overtakes may cross the line between.
    middle.add_roadmark(painted(xodr.RoadMarkType.solid if profile.one_way else mark, may_cross=False))
    return middle


def heights(street: Street, z0: float, z1: float, length: float) -> list[tuple[float, float, float, float, float]]:
    """Polynomials (s, a, b, c, d) of a street's height: straight grades, a parabola wherever two of them meet."""
    points = [(0.0, z0), (length, z1)]
    if street.grades:
        points = [(0.0, z0), (LEVEL_M, z0), *street.grades, (length - LEVEL_M, z1), (length, z1)]
    slopes = [(zb - za) / (sb - sa) for (sa, za), (sb, zb) in itertools.pairwise(points)]
    half = VERTICAL_CURVE_M / 2
    found = [(0.0, z0, slopes[0], 0.0, 0.0)]
    for (s, z), before, after in zip(points[1:-1], slopes, slopes[1:], strict=False):
        found.append((s - half, z - half * before, before, (after - before) / (2 * VERTICAL_CURVE_M), 0.0))
        found.append((s + half, z + half * after, after, 0.0, 0.0))
    if any(a[0] > b[0] for a, b in itertools.pairwise(found)):
        raise ValueError(f"{street.name}: grades {points} meet closer than {VERTICAL_CURVE_M} m")
    return found


def crosswalk(profile: Profile, s: float, number: int) -> xodr.Object:
    """A zebra crossing over the carriageway at ``s``."""
    half = profile.kerb_m
    outline = xodr.Outline(closed=True)
    corners = [(-0.5, -1), (0.5, -1), (0.5, 1), (-0.5, 1), (-0.5, -1)]
    for u, v in corners:
        outline.add_corner(xodr.CornerLocal(u * CROSSWALK_M, v * half, 0.0, 0.0))
    zebra = xodr.Object(
        s, 0.0, Type="crosswalk", id=str(number), name="zebra", orientation=xodr.Orientation.none,
        zOffset=0.0, length=CROSSWALK_M, width=2 * half, hdg=0.0, pitch=0.0, roll=0.0, height=0.0,
    )  # fmt: skip
    zebra.add_outline(outline)
    return zebra


def block(kind: str, name: str, number: int, s: float, t: float, *, size: tuple[float, float, float],
          hdg: float = 0.0) -> xodr.Object:  # fmt: skip
    """A solid box on the ground at ``s``, ``t``: length along its own heading, width, height."""
    length, width, height = size
    outline = xodr.Outline(closed=True)
    for u, v in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        outline.add_corner(xodr.CornerLocal(u * length, v * width, 0.0, height))
    solid = xodr.Object(
        s, t, Type=kind, id=str(number), name=name, orientation=xodr.Orientation.none,
        zOffset=0.0, length=length, width=width, hdg=hdg, pitch=0.0, roll=0.0, height=height,
    )  # fmt: skip
    solid.add_outline(outline)
    return solid


def barrier(length: float, first_number: int) -> list[xodr.Object]:
    """A concrete wall along a road's centre line, in pieces short enough for its bends."""
    pieces = max(1, math.ceil(length / BARRIER_PIECE_M))
    long = length / pieces
    width, height = BARRIER_M
    return [
        block("barrier", "concrete", first_number + i, (i + 0.5) * long, 0.0, size=(long, width, height))
        for i in range(pieces)
    ]


def building(one: Building, path: Path2D, number: int) -> xodr.Object:
    """A house beside a straight street, with walls along x and y."""
    start = path.start
    dx, dy = one.center[0] - start.x, one.center[1] - start.y
    cos, sin = math.cos(start.heading), math.sin(start.heading)
    along, across, height = one.size
    return block("building", one.name, number, dx * cos + dy * sin, dy * cos - dx * sin,
                 size=(along, across, height), hdg=-start.heading)  # fmt: skip
