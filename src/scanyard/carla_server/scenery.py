"""What stands along the roads of a map."""

from __future__ import annotations
from collections.abc import Iterator
from dataclasses import dataclass
import numpy as np
from numpy.typing import NDArray
from scanyard.carla_server.ground import Ground
from scanyard.carla_server.mesh import Mesh

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EnvironmentObject:
    """A parked vehicle."""

    id: int
    name: str
    label: int
    transform: tuple[float, float, float, float, float, float]
    box_center: tuple[float, float, float]
    extent: tuple[float, float, float]


@dataclass(frozen=True)
class Part:
    """One piece of the street."""

    mesh: Mesh
    position: Floats
    color: tuple[float, float, float]
    seed: int


class Scenery:
    """The plan."""

    def __init__(self, ground: Ground, map_name: str, *, style: int, parked_share: float) -> None:
        self.parked: tuple[EnvironmentObject, ...] = ()

    def parts_near(self, xy: Floats, reach_m: float, hidden: set[int]) -> Iterator[Part]:
        yield from ()
