"""Chains of lines and arcs: the reference lines of roads."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

from scenariogeneration import xodr

Point = tuple[float, float]


@dataclass(frozen=True)
class Port:
    """A place on a road's reference line, and where it leads."""

    x: float
    y: float
    heading: float

    def turned(self) -> Port:
        """The same place, looked at the other way."""
        return Port(self.x, self.y, self.heading + math.pi)


@dataclass
class Path2D:
    """A chain of lines and arcs, built from its start."""

    x: float
    y: float
    heading: float
    view: xodr.PlanView = field(default_factory=xodr.PlanView)
    length: float = 0.0

    def line(self, length: float) -> None:
        """Go straight on."""
        if length < 1e-6:
            return
        self.view.add_fixed_geometry(xodr.Line(length), self.x, self.y, self.heading)
        self.x += length * math.cos(self.heading)
        self.y += length * math.sin(self.heading)
        self.length += length

    def arc(self, radius: float, turn: float) -> None:
        """Turn left by ``turn`` radians (right if negative)."""
        length, curvature = radius * abs(turn), math.copysign(1 / radius, turn)
        self.view.add_fixed_geometry(xodr.Arc(curvature, length=length), self.x, self.y, self.heading)
        self.x += (math.sin(self.heading + turn) - math.sin(self.heading)) / curvature
        self.y -= (math.cos(self.heading + turn) - math.cos(self.heading)) / curvature
        self.heading += turn
        self.length += length

    @property
    def start(self) -> Port:
        """Where it begins."""
        first = self.view._adjusted_geometries[0]
        return Port(first.x, first.y, first.heading)

    @property
    def end(self) -> Port:
        """Where it has come to."""
        return Port(self.x, self.y, self.heading)


def turn_between(a: float, b: float) -> float:
    """The signed angle from heading ``a`` to heading ``b``."""
    return (b - a + math.pi) % (2 * math.pi) - math.pi


def street_path(points: list[Point], radius: float, trims: tuple[float, float]) -> Path2D:
    """Follow ``points`` with corners rounded by ``radius``, leaving ``trims`` metres free at the two ends."""
    headings = [math.atan2(b[1] - a[1], b[0] - a[0]) for a, b in itertools.pairwise(points)]
    turns = [turn_between(a, b) for a, b in itertools.pairwise(headings)]
    tangents = [0.0, *(radius * math.tan(abs(turn) / 2) for turn in turns), 0.0]
    first, last = trims
    path = Path2D(
        points[0][0] + first * math.cos(headings[0]), points[0][1] + first * math.sin(headings[0]), headings[0]
    )
    for i, (a, b) in enumerate(itertools.pairwise(points)):
        straight = math.dist(a, b) - tangents[i] - tangents[i + 1]
        straight -= first * (i == 0) + last * (i == len(turns))
        if straight < -1e-6:
            raise ValueError(f"corner at {b} does not fit radius {radius}: {straight:.1f} m left")
        path.line(straight)
        if i < len(turns) and turns[i]:
            path.arc(radius, turns[i])
    return path


def joined(start: Port, end: Port) -> Path2D:
    """From one place to another with both headings kept: a line, an arc, a line, as far as needed."""
    turn = turn_between(start.heading, end.heading)
    path = Path2D(start.x, start.y, start.heading)
    if abs(turn) < 1e-9:
        path.line(math.dist((start.x, start.y), (end.x, end.y)))
        return path
    # Tangents meet at start + along * its heading = end - beyond * its heading.
    dx, dy = end.x - start.x, end.y - start.y
    along = (dx * math.sin(end.heading) - dy * math.cos(end.heading)) / math.sin(turn)
    beyond = (dy * math.cos(start.heading) - dx * math.sin(start.heading)) / math.sin(turn)
    tangent = min(along, beyond)
    if tangent <= 0:
        raise ValueError(f"no way without an S-bend from {start} to {end}")
    path.line(along - tangent)
    path.arc(tangent / math.tan(abs(turn) / 2), turn)
    path.line(beyond - tangent)
    return path
