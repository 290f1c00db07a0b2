"""Meshes that a user brings: glTF or OBJ files, each with a sidecar that says what they are.

A sidecar is a YAML file beside the mesh; every mistake in it is told with file, line, key and what was expected.  A
mesh takes the place of the shapes of the blueprints it names, for sensors, boxes and contacts alike, and is drawn at
its own size.  What a stranger gets wrong: mesh files agree neither on which way is up nor on which way is forward, so
the sidecar must say both.  Everything is turned here into CARLA's frame: x forward, y right, z up, metres.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from scanyard.carla_server.shapes import catalogue
from scanyard.carla_server.shapes.catalogue import Shape
from scanyard.carla_server.surfaces.materials import Material
from scanyard.carla_server.surfaces.mesh import Mesh
from scanyard.errors import InputError
from scanyard.scenario.reading import Reading, did_you_mean, listed, read_model
from scanyard.scenario.strict import Strict

logger = logging.getLogger(__name__)

MOST_FACES = 200_000
LARGEST_M, SMALLEST_M = 40.0, 0.01
"""A side longer or shorter than this speaks of a wrong scale."""

Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]
M = Material

ROLES: dict[str, dict[str, Material]] = {
    "car": {"body": M.CAR_PAINT, "glass": M.CAR_GLASS, "tyre": M.CAR_TYRE, "rim": M.CAR_RIM_METAL, "dark": M.CAR_DARK,
            "interior": M.CAR_INTERIOR, "lamp": M.CAR_LAMP, "tail_lamp": M.CAR_TAIL_LAMP, "plate": M.CAR_PLATE},
    "truck": {"body": M.TRUCK_PAINT, "glass": M.TRUCK_GLASS, "tyre": M.TRUCK_TYRE, "dark": M.TRUCK_DARK,
              "cargo": M.TRUCK_CARGO},
    "bus": {"body": M.BUS_PAINT, "glass": M.BUS_GLASS, "tyre": M.BUS_TYRE, "dark": M.BUS_DARK},
    "motorcycle": {"body": M.MOTORCYCLE, "tyre": M.MOTORCYCLE_TYRE, "metal": M.MOTORCYCLE_METAL, "skin": M.RIDER_SKIN,
                   "top": M.RIDER_TOP, "trousers": M.RIDER_TROUSERS, "helmet": M.HELMET},
    "bicycle": {"body": M.BICYCLE, "tyre": M.BICYCLE_TYRE, "metal": M.BICYCLE_METAL, "skin": M.RIDER_SKIN,
                "top": M.RIDER_TOP, "trousers": M.RIDER_TROUSERS, "helmet": M.HELMET},
    "pedestrian": {"body": M.TOP, "skin": M.SKIN, "hair": M.HAIR, "trousers": M.TROUSERS, "shoe": M.SHOE, "bag": M.BAG,
                   "metal": M.CHROME},
    "animal": {"body": M.FUR, "hoof": M.RUBBER},
    "prop": {"body": M.PLASTIC, "metal": M.STEEL, "wood": M.WOOD, "rubber": M.RUBBER, "cloth": M.CLOTH,
             "carton": M.CARTON, "reflector": M.REFLECTOR, "plant": M.PLANT, "stone": M.RUBBLE},
}  # fmt: skip
"""What materials of a mesh may be, by the class of what it shows; "body" is what the others are not."""
CLASS_OF_KIND = {"van": "car", "adult": "pedestrian", "child": "pedestrian"}
"""Class of a blueprint's kind, where it is called otherwise."""


class Sidecar(Strict):
    """What a mesh is, and how it is to be used."""

    mesh: str = Field(description="the mesh's file, beside this one: .glb, .gltf or .obj")
    blueprints: list[str] = Field(min_length=1, description="ids of the blueprints whose shape it takes the place of")
    semantic_class: str = Field(alias="class", description="what it shows: car, truck, bus, pedestrian, prop ...")
    licence: str = Field(min_length=2, description="under which its author lets it be used, such as CC-BY-4.0")
    author: str = Field(default="", description="who made it")
    forward: Axis = Field(description="which axis of the mesh points forward")
    up: Axis = Field(description="which axis of the mesh points up")
    scale: float = Field(default=1.0, gt=0.0, description="metres per unit of the mesh")
    materials: dict[str, str] = Field(
        default_factory=dict, description="what materials of the mesh are: glass, tyre ..."
    )


class Assets:
    """The shapes of a folder of meshes, and those of the catalogue for everything else."""

    def __init__(self, folder: Path, kinds: Mapping[str, str]) -> None:
        """Read every sidecar in ``folder``; InputError says what is wrong with which.

        ``kinds`` are all blueprints that have a shape, by id, with its kind.
        """
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; expected one with meshes and their sidecars (*.yaml)")
        self._shapes: dict[str, Shape] = {}
        self._made: dict[tuple[str, tuple[float, ...], str], Shape] = {}
        sources: dict[str, Path] = {}
        for path in sorted(folder.glob("*.yaml")):
            reading = read_model(path, Sidecar)
            said = reading.model
            _check(reading, kinds)
            mesh = _drawn(reading)
            for number, name in enumerate(said.blueprints):
                if name in sources:
                    raise reading.complaint(
                        ("blueprints", number), f"found {name!r}, whose shape {sources[name].name} replaces already"
                    )
                sources[name] = path
                self._shapes[name] = _shape(name, kinds[name], mesh)
            logger.info("%s takes the place of %s; licence %s%s", said.mesh, ", ".join(said.blueprints), said.licence,
                        f", by {said.author}" if said.author else "")  # fmt: skip
        if not sources:
            raise InputError(f"{folder}: no sidecar; expected a YAML file beside each mesh")

    def shape_for(self, type_id: str, attributes: Mapping[str, str], definition: Mapping[str, Any]) -> Shape:
        """The shape of a blueprint, as ``catalogue.shape_for`` gives it where no mesh takes its place.

        A size that is asked for stretches a mesh; ``color`` paints what of it is "body".
        """
        own = self._shapes.get(type_id)
        if own is None:
            return catalogue.shape_for(type_id, attributes, definition)
        size = catalogue.asked_size(attributes, [2 * half for half in own.extent])
        key = type_id, size, attributes.get("color", "")
        if key not in self._made:
            self._made[key] = _fitted(own, *key)
        return self._made[key]


def _fitted(own: Shape, type_id: str, size: tuple[float, ...], color: str) -> Shape:
    """``own`` in another size and colour, on the wheels that the catalogue's shape of that size has."""
    kind = own.kind
    extent = np.asarray(size) / 2
    center = np.array([0.0, 0.0, 0.0 if kind in catalogue.ON_LEGS else extent[2]])
    mesh = own.mesh.fitted(center - extent, center + extent)
    named = dict(zip(("length_m", "width_m", "height_m"), size, strict=True))
    stand_in = catalogue.shape_for(type_id, {"color": color}, {"kind": kind} | named)
    return replace(
        own, mesh=mesh, center=tuple(center.tolist()), extent=tuple(extent.tolist()), color=stand_in.color,
        wheels=stand_in.wheels,
    )  # fmt: skip


def _shape(name: str, kind: str, mesh: Mesh) -> Shape:
    """A mesh whose middle stands on the origin, or for those on legs is the origin."""
    size = mesh.high.astype(float) - mesh.low.astype(float)
    half = size / 2
    center = np.array([0.0, 0.0, 0.0 if kind in catalogue.ON_LEGS else half[2]])
    middle = (mesh.high.astype(float) + mesh.low.astype(float)) / 2
    moved = Mesh((mesh.vertices + (center - middle)).astype(np.float32), mesh.faces, mesh.material)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return Shape(kind, tuple(center.tolist()), tuple(half.tolist()), moved, (0.5, 0.5, 0.5), seed)


def _check(reading: Reading[Sidecar], kinds: Mapping[str, str]) -> None:
    """What the sidecar alone cannot know to be wrong."""
    said = reading.model
    if said.semantic_class not in ROLES:
        raise reading.complaint(("class",), f"found {said.semantic_class!r}; expected one of {listed(ROLES)}")
    for number, name in enumerate(said.blueprints):
        if name not in kinds:
            raise reading.complaint(
                ("blueprints", number), f"found {name!r}, which is no blueprint with a shape{did_you_mean(name, kinds)}"
            )
        shown = CLASS_OF_KIND.get(kinds[name], kinds[name])
        if shown != said.semantic_class:
            raise reading.complaint(
                ("class",), f"found {said.semantic_class!r}, but {name} is of class {shown!r}; expected that"
            )
    roles = ROLES[said.semantic_class]
    for name, role in said.materials.items():
        if role not in roles:
            raise reading.complaint(("materials", name), f"found {role!r}; expected one of {listed(roles)}")
    if said.forward[1] == said.up[1]:
        raise reading.complaint(("up",), f"found {said.up!r}, along forward, {said.forward!r}; expected another axis")


def _drawn(reading: Reading[Sidecar]) -> Mesh:
    """The mesh of a sidecar in CARLA's frame, in metres, with our materials."""
    said = reading.model
    path = reading.folder(("mesh",)) / said.mesh
    parts = _loaded(reading, path)
    names = sorted({name for name, _, _ in parts})
    unknown = [name for name in said.materials if name not in names]
    if unknown:
        raise reading.complaint(
            ("materials", unknown[0]), f"found {unknown[0]!r}; {path.name} has the materials {listed(names)}"
        )
    roles = ROLES[said.semantic_class]
    ours_from_theirs = said.scale * np.stack(
        [_axis(said.forward), np.cross(_axis(said.forward), _axis(said.up)), _axis(said.up)]
    )
    meshes = [
        # Written out, because BLAS may round differently with another number of threads.
        Mesh.of((vertices[:, None, :] * ours_from_theirs).sum(axis=2), faces, roles[said.materials.get(name, "body")])
        for name, vertices, faces in parts
    ]
    whole = Mesh.joined(meshes)
    _check_size(reading, path, whole)
    return whole


def _check_size(reading: Reading[Sidecar], path: Path, whole: Mesh) -> None:
    if not len(whole.faces):
        raise reading.complaint(("mesh",), f"{path.name} has no triangles")
    if len(whole.faces) > MOST_FACES:
        raise reading.complaint(
            ("mesh",), f"{path.name} has {len(whole.faces)} triangles; expected at most {MOST_FACES}: decimate it first"
        )
    if not np.isfinite(whole.vertices).all():
        raise reading.complaint(("mesh",), f"{path.name} has corners that are no finite numbers")
    size = whole.high - whole.low
    if size.max() > LARGEST_M or size.max() < SMALLEST_M:
        shown = " by ".join(f"{side:.3g}" for side in size.tolist())
        raise reading.complaint(
            ("scale",),
            f"makes {path.name} {shown} m large; expected {SMALLEST_M} to {LARGEST_M:.0f} m: check the units",
        )


def _loaded(
    reading: Reading[Sidecar], path: Path
) -> Sequence[tuple[str, np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.int64]]]]:
    """Name of the material, vertices (V, 3) and faces (F, 3) of each part of a mesh file."""
    import trimesh  # noqa: PLC0415 - only for those who bring meshes

    if path.suffix.lower() not in {".glb", ".gltf", ".obj"}:
        raise reading.complaint(("mesh",), f"found {path.name!r}; expected a .glb, .gltf or .obj file")
    if not path.is_file():
        raise reading.complaint(("mesh",), f"found {path.name!r}, but there is no such file beside the sidecar")
    try:
        scene = trimesh.load_scene(path, process=False)
    except Exception as error:
        raise reading.complaint(("mesh",), f"{path.name} cannot be read: {error}") from error
    found = []
    for node in sorted(scene.graph.nodes_geometry):
        placed_by, geometry = scene.graph[node]
        part = scene.geometry[geometry]
        if not isinstance(part, trimesh.Trimesh):
            continue
        vertices = np.asarray(part.vertices, dtype=np.float64)
        matrix = np.asarray(placed_by, dtype=np.float64)
        placed = (vertices[:, None, :] * matrix[:3, :3]).sum(axis=2) + matrix[:3, 3]
        name = getattr(getattr(part.visual, "material", None), "name", None) or "default"
        found.append((str(name), placed, np.asarray(part.faces, dtype=np.int64)))
    return found


def _axis(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Unit vector (3,) of a named axis."""
    unit = np.zeros(3)
    unit["xyz".index(name[1])] = 1.0 if name[0] == "+" else -1.0
    return unit
