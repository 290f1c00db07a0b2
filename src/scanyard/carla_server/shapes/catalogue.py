"""What an actor looks like to a sensor: its triangles, its box, its colour and how much its glass returns.

A shape is decided by the blueprint's type and attributes alone, never by an actor id, so that the same scenario gives
the same bytes on a server that has already served others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes import cargo, heavy_vehicles, people, two_wheelers, vehicles
from scanyard.carla_server.surfaces.mesh import Mesh


@dataclass(frozen=True)
class Shape:
    """One kind of actor."""

    kind: str
    """car, van, truck, bus, motorcycle, bicycle, adult, child or prop."""
    center: tuple[float, float, float]
    """Middle of the box in the actor's frame, metres: walkers' origin is that middle, the others' the ground below."""
    extent: tuple[float, float, float]
    """Half sizes along x, y, z, metres: exactly the mesh's bounds."""
    mesh: Mesh
    """In the actor's frame."""
    color: tuple[float, float, float]
    """sRGB 0 to 1 of whatever of it is painted or worn."""
    seed: int
    """Decides what its glass returns."""

    @cached_property
    def corners(self) -> NDArray[np.float64]:
        """(8, 3) corners of the box in the actor's frame, x slowest, z fastest."""
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
        return np.asarray(np.asarray(self.center) + signs * np.asarray(self.extent))


def shape_for(type_id: str, attributes: Mapping[str, str], definition: Mapping[str, Any]) -> Shape:
    """The shape of a blueprint.

    ``definition`` says ``kind``, ``length_m``, ``width_m``, ``height_m`` and perhaps ``body``; the attributes of the
    same names, where given and not "0", override the size, and ``color`` ("r,g,b") paints it.
    """
    size = tuple(_size(attributes, definition, name) for name in ("length_m", "width_m", "height_m"))
    body = str(definition.get("body", ""))
    return _shape(type_id, str(definition["kind"]), body, size, attributes.get("color", ""))


def _size(attributes: Mapping[str, str], definition: Mapping[str, Any], name: str) -> float:
    asked = float(attributes.get(name, "0") or 0)
    return asked if asked > 0 else float(definition[name])


@lru_cache(maxsize=256)
def _shape(type_id: str, kind: str, body: str, size: tuple[float, ...], color: str) -> Shape:
    digest = hashlib.sha256(repr((type_id, kind, body, size, color)).encode()).digest()
    seed = int.from_bytes(digest[:8], "big")
    variant = int.from_bytes(hashlib.sha256(type_id.encode()).digest()[:4], "big")
    mesh = _mesh(kind, body, variant, size)
    middle = (mesh.low.astype(float) + mesh.high.astype(float)) / 2
    extent = (mesh.high.astype(float) - mesh.low.astype(float)) / 2
    paint = _parsed(color) or _PALETTE[variant % len(_PALETTE)]
    return Shape(kind, tuple(middle.tolist()), tuple(extent.tolist()), mesh, paint, seed)


def _mesh(kind: str, body: str, variant: int, size: tuple[float, ...]) -> Mesh:
    make = _MAKERS.get(kind)
    if make is None:
        raise ValueError(f"a blueprint's shape has kind {kind!r}; there are {', '.join(_MAKERS)}")
    return make(body, variant, size)


def _car(body: str, variant: int, size: Sequence[float]) -> Mesh:
    return vehicles.car(body if body in vehicles.PROFILES else "hatchback", variant, size)


def _van(body: str, variant: int, size: Sequence[float]) -> Mesh:
    return vehicles.car(body if body in vehicles.PROFILES else ("van", "minivan")[variant % 2], variant, size)


def _walker(_body: str, variant: int, size: Sequence[float]) -> Mesh:
    return people.walker(variant, size).moved((0.0, 0.0, -size[2] / 2))


_MAKERS: dict[str, Callable[[str, int, Sequence[float]], Mesh]] = {
    "car": _car,
    "van": _van,
    "truck": lambda _body, variant, size: heavy_vehicles.truck(variant, size),
    "bus": lambda _body, _variant, size: heavy_vehicles.bus(size),
    "bicycle": lambda _body, variant, size: two_wheelers.ridden("bicycle", variant, size),
    "motorcycle": lambda _body, variant, size: two_wheelers.ridden("motorcycle", variant, size),
    "adult": _walker,
    "child": _walker,
    "prop": cargo.prop,
}

_PALETTE = (
    (0.75, 0.76, 0.78), (0.10, 0.10, 0.11), (0.88, 0.88, 0.87), (0.35, 0.37, 0.40), (0.16, 0.22, 0.40),
    (0.50, 0.10, 0.10), (0.55, 0.57, 0.60), (0.20, 0.28, 0.22), (0.62, 0.58, 0.48), (0.12, 0.16, 0.24),
)  # fmt: skip


def palette(index: int) -> tuple[float, float, float]:
    """One of the colours that cars usually have (sRGB 0 to 1)."""
    return _PALETTE[index % len(_PALETTE)]


def _parsed(color: str) -> tuple[float, float, float] | None:
    values = [float(value) / 255.0 for value in color.split(",")] if color else []
    return (values[0], values[1], values[2]) if len(values) == 3 else None
