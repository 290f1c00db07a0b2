"""What an actor looks like to a sensor: its triangles, its box, its colour and how much its glass returns.

A shape is decided by the blueprint's type and attributes alone, never by an actor id, so that the same scenario gives
the same bytes on a server that has already served others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.shapes import (
    animals,
    buses,
    heavy_wheels,
    people,
    population,
    props,
    trucks,
    two_wheelers,
    vehicles,
)
from scanyard.carla_server.shapes.wheels import Wheel
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.randomness import stream

Recipe = tuple[str, str, tuple[str, str], tuple[float, ...], str]
"""Model, kind, look, size and colour."""


@dataclass(frozen=True)
class Shape:
    """One kind of actor."""

    kind: str
    """car, van, truck, bus, motorcycle, bicycle, adult, child, animal or prop."""
    center: tuple[float, float, float]
    """Middle of the box in the actor's frame, metres: walkers' origin is that middle, the others' the ground below."""
    extent: tuple[float, float, float]
    """Half sizes along x, y, z, metres: exactly the mesh's bounds, but for mirrors, which reach beyond the sides,
    and for what walks: its box holds every phase of its stride."""
    mesh: Mesh
    """In the actor's frame."""
    color: tuple[float, float, float]
    """sRGB 0 to 1 of whatever of it is painted or worn."""
    seed: int
    """Decides what its glass returns."""
    wheels: tuple[Wheel, ...] = ()
    """Of a vehicle: front left, front right, rear left, rear right, others; of a two-wheeler front, rear."""

    variant: int = 0
    """Which of its kind: decided by the blueprint's name."""
    recipe: Recipe | None = None
    """What it was made of, for whoever makes it again in another pose; None for shapes a user brought."""

    @cached_property
    def corners(self) -> NDArray[np.float64]:
        """(8, 3) corners of the box in the actor's frame, x slowest, z fastest."""
        return np.asarray(np.asarray(self.center) + _SIGNS * np.asarray(self.extent))

    @cached_property
    def hull_corners(self) -> NDArray[np.float64]:
        """(8, 3) corners of what encloses all of the mesh and the box, ordered alike: what rays may meet."""
        box_low, box_high = np.subtract(self.center, self.extent), np.add(self.center, self.extent)
        low, high = np.minimum(self.mesh.low, box_low), np.maximum(self.mesh.high, box_high)
        return np.asarray((low + high) / 2 + _SIGNS * ((high - low) / 2))


_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)


def shape_for(type_id: str, attributes: Mapping[str, str], definition: Mapping[str, Any]) -> Shape:
    """The shape of a blueprint.

    ``definition`` says ``kind``, ``length_m``, ``width_m``, ``height_m`` and perhaps ``body`` and ``equipment``; the
    attributes of the same names, where given and not "0", override the size, ``color`` ("r,g,b") paints it, and
    ``use_wheelchair`` puts a walker into one.
    """
    own = tuple(float(definition[name]) for name in _SIZES)
    size = asked_size(attributes, own)
    kind, model = str(definition["kind"]), type_id
    look = (str(definition.get("body", "")), str(definition.get("equipment", "")))
    if kind in population.BODY_TYPES and np.abs(np.log(np.divide(size, own))).max() > _ANOTHER_MODEL:
        model = f"{type_id} of {size}"
        look = (population.body_of_size(kind, (size[0], size[1], size[2]), stream("body", model)), look[1])
    if attributes.get("use_wheelchair", "").lower() == "true":
        look, size = (f"{look[0]} wheelchair", look[1]), people.WHEELCHAIR_SIZE_M
    return _shape(model, kind, look, size, attributes.get("color", ""))


_SIZES = ("length_m", "width_m", "height_m")
_ANOTHER_MODEL = 0.12
"""A car or van asked to be so much larger or smaller than its blueprint (logarithm of the ratio) is another model, and
gets a body that such cars have: a stretched saloon would teach a detector cars that nobody builds."""


def asked_size(attributes: Mapping[str, str], own: Sequence[float]) -> tuple[float, ...]:
    """Length, width and height that the attributes ask for, each ``own`` where they ask for none."""
    asked = (max(float(attributes.get(name, "0") or 0), 0.0) for name in _SIZES)
    return tuple(wish or value for wish, value in zip(asked, own, strict=True))


@lru_cache(maxsize=256)
def _shape(model: str, kind: str, look: tuple[str, str], size: tuple[float, ...], color: str) -> Shape:
    digest = hashlib.sha256(repr((model, kind, look, size, color)).encode()).digest()
    seed = int.from_bytes(digest[:8], "big")
    variant = int.from_bytes(hashlib.sha256(model.encode()).digest()[:4], "big")
    make = _MAKERS.get(kind)
    if make is None:
        raise ValueError(f"a blueprint's shape has kind {kind!r}; there are {', '.join(_MAKERS)}")
    mesh, wheels = make(look, variant, size)
    low, high = _box(mesh, kind, size)
    middle, extent = (low + high) / 2, (high - low) / 2
    colors = _COLORS.get(kind, _PALETTE)
    paint = _parsed(color) or colors[variant % len(colors)]
    recipe = (model, kind, look, size, color)
    return Shape(kind, tuple(middle.tolist()), tuple(extent.tolist()), mesh, paint, seed, wheels, variant, recipe)


def _box(mesh: Mesh, kind: str, size: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds (3,) and (3,): of what is drawn, but for mirrors; of all phases of a stride for what walks."""
    if kind in ON_LEGS:
        half = np.asarray(size, dtype=float) / 2
        return -half, half
    within = mesh.where(~np.isin(mesh.material, MIRRORS))
    return within.low.astype(float), within.high.astype(float)


MIRRORS = (Material.CAR_MIRROR, Material.CAR_MIRROR_SHELL, *heavy_wheels.MIRRORS)
"""What sticks out of a vehicle's box."""

Made = tuple[Mesh, tuple[Wheel, ...]]


def _car(look: tuple[str, str], variant: int, size: Sequence[float]) -> Made:
    body, carried = look
    if body not in vehicles.PROFILES:
        body = "hatchback"
    equipment = vehicles.Equipment(crew=True, beacons="beacons" in carried, taxi="taxi" in carried)
    return vehicles.car(body, variant, size, equipment), vehicles.wheels_of(body, variant, size)


def _van(look: tuple[str, str], variant: int, size: Sequence[float]) -> Made:
    body, carried = look
    return _car((body if body in vehicles.PROFILES else ("van", "minivan")[variant % 2], carried), variant, size)


def gait(shape: Shape) -> tuple[Shape, ...]:
    """Someone or something on legs: ``shape`` itself, standing, then one full stride in ``gait.PHASES`` shapes.

    All have the same box; ``gait.stride_m`` says how far the stride reaches.  What has no legs is returned alone.
    """
    return _strides(shape.recipe) if shape.recipe and shape.kind in ON_LEGS else (shape,)


@lru_cache(maxsize=128)
def _strides(recipe: Recipe) -> tuple[Shape, ...]:
    standing = _shape(*recipe)
    _, kind, (body, _), size, _ = recipe
    meshes = ON_LEGS[kind](body, standing.variant, size)[1:]
    return standing, *(replace(standing, mesh=_lowered(mesh, size)) for mesh in meshes)


def _lowered(mesh: Mesh, size: Sequence[float]) -> Mesh:
    """Walkers' origin is the middle of their box."""
    return mesh.moved((0.0, 0.0, -size[2] / 2))


def _walker(kind: str, look: tuple[str, str], variant: int, size: Sequence[float]) -> Made:
    return _lowered(ON_LEGS[kind](look[0], variant, size)[0], size), ()


ON_LEGS: dict[str, Callable[[str, int, Sequence[float]], tuple[Mesh, ...]]] = {
    "adult": people.person,
    "child": people.person,
    "animal": animals.animal,
}
"""Kinds that walk: their shapes at rest and in each phase of a stride."""


_MAKERS: dict[str, Callable[[tuple[str, str], int, Sequence[float]], Made]] = {
    "car": _car,
    "van": _van,
    "truck": lambda look, variant, size: trucks.truck(look[0], variant, size),
    "bus": lambda _look, variant, size: buses.bus(variant, size),
    "bicycle": lambda look, variant, size: two_wheelers.ridden("bicycle", look[0], variant, size),
    "motorcycle": lambda look, variant, size: two_wheelers.ridden("motorcycle", look[0], variant, size),
    "adult": partial(_walker, "adult"),
    "child": partial(_walker, "child"),
    "animal": partial(_walker, "animal"),
    "prop": lambda look, variant, size: (props.prop(look[0], variant, size), ()),
}

_PALETTE = (
    (0.75, 0.76, 0.78), (0.10, 0.10, 0.11), (0.88, 0.88, 0.87), (0.35, 0.37, 0.40), (0.16, 0.22, 0.40),
    (0.50, 0.10, 0.10), (0.55, 0.57, 0.60), (0.20, 0.28, 0.22), (0.62, 0.58, 0.48), (0.12, 0.16, 0.24),
)  # fmt: skip

_CLOTHES = (
    (0.16, 0.18, 0.24), (0.62, 0.62, 0.60), (0.42, 0.14, 0.14), (0.20, 0.30, 0.24), (0.72, 0.66, 0.54),
    (0.24, 0.34, 0.52), (0.12, 0.12, 0.12), (0.50, 0.46, 0.40), (0.78, 0.76, 0.72), (0.46, 0.32, 0.22),
    (0.36, 0.26, 0.36), (0.62, 0.54, 0.28),
)  # fmt: skip
_FURS = ((0.30, 0.22, 0.16), (0.38, 0.29, 0.20), (0.20, 0.16, 0.13), (0.46, 0.38, 0.29))
_COLORS = {"adult": _CLOTHES, "child": _CLOTHES, "animal": _FURS}
"""What is worn or grown, for kinds that are not painted like cars."""


def palette(index: int) -> tuple[float, float, float]:
    """One of the colours that cars usually have (sRGB 0 to 1)."""
    return _PALETTE[index % len(_PALETTE)]


def _parsed(color: str) -> tuple[float, float, float] | None:
    values = [float(value) / 255.0 for value in color.split(",")] if color else []
    return (values[0], values[1], values[2]) if len(values) == 3 else None
