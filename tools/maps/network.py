"""A town as a graph: nodes are junctions with a height, edges are streets along way points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from maps.paths import Point, Port
from maps.profiles import Profile

Control = Literal["lights", "stop", "yield", "free"]
"""How a junction is ruled: by lights on every arm, by a stop or yield sign on its lesser arms, or not at all."""


@dataclass(frozen=True)
class Street:
    """An edge: from one node to another by way of rounded corners."""

    start: str
    end: str
    profile: Profile
    via: tuple[Point, ...] = ()
    radius_m: float = 40.0
    grades: tuple[tuple[float, float], ...] = ()
    """(metres from the start, height in metres): where straight grades meet, before rounding, as road builders draw."""
    name: str = ""
    from_port: Port | None = None
    to_port: Port | None = None
    """Where it begins and ends, and which way it leads there, if not on a ray through the node's centre."""
    crosswalks: tuple[bool, bool] = (True, True)
    """Whether there is one at the start and at the end, where the town has any."""
    barrier: bool = False
    """A concrete wall along the centre line."""


@dataclass(frozen=True)
class Building:
    """A house that must stand where it stands: a box beside a street."""

    street: str
    center: Point
    size: tuple[float, float, float]
    """Along x, along y, height, metres."""
    name: str = "hall"


@dataclass
class Network:
    """Nodes with (x, y, z) and the streets between them."""

    name: str
    nodes: dict[str, tuple[float, float, float]]
    streets: list[Street]
    junction_m: float
    """From a junction's centre to where its streets begin."""
    crosswalks: bool = False
    control: Mapping[str, Control] = field(default_factory=dict)
    """By node; the rest are free."""
    buildings: tuple[Building, ...] = ()
