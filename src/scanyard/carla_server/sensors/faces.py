"""What cameras look up per face of a street region: albedo, orientation, texture coordinates, labels.

Made once per region and kept with it.  Texture coordinates are linear in the world position: (u, v) = (x, y) on ground,
(along the wall, down the wall) elsewhere, in texels.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.region import Region
from scanyard.carla_server.sensors import finishes
from scanyard.carla_server.sensors.smoothing import corner_normals
from scanyard.carla_server.sensors.textures import LEVELS, SIDE, TILE_M, Pattern
from scanyard.carla_server.surfaces.materials import TAG, TINTED, Material, Tag
from scanyard.carla_server.surfaces.mesh import normals

Array32 = NDArray[np.float32]


@dataclass(frozen=True)
class Faces:
    """F faces, and one more for the sky; every array's last axis is indexed alike."""

    albedo: Array32
    """(3, F + 1) linear."""
    normal: Array32
    """(3, F + 1) unit, on either side."""
    offset: Array32
    """(F + 1,) distance of the plane from the region's centre along the normal."""
    u: Array32
    """(2, F + 1) texels per metre of x and y."""
    v: Array32
    """(2, F + 1) texels per metre of y and z."""
    tile: NDArray[np.int32]
    """(F + 1,) where the pattern begins in the atlas."""
    texels_per_m: Array32
    """(F + 1,)."""
    material: NDArray[np.uint8]
    """(F + 1,)."""
    label: NDArray[np.uint32]
    """(F + 1,) pixel of a semantic picture, B G R A as one little-endian number."""
    level: NDArray[np.bool_]
    """(F + 1,) whether it lies flat, so that it is seen at grazing angles."""
    corners: Array32
    """(F, 3, 3) normals at the corners of curved faces, as ``smoothing`` says."""

    def toward(self, eye: Array32) -> Array32:
        """(F + 1,) 1 where the normal points to the side of ``eye`` (3,), else -1."""
        height = self.normal[0] * eye[0] + self.normal[1] * eye[1] + self.normal[2] * eye[2] - self.offset
        return np.where(height < 0, np.float32(-1), np.float32(1))


class KnownFaces:
    """The tables of the regions seen last."""

    KEPT = 4

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[Region, Faces]] = OrderedDict()

    def of(self, region: Region) -> Faces:
        """The table of ``region``."""
        found = self._kept.get(id(region))
        if found is None or found[0] is not region:
            found = region, faces_of(region)
        self._kept[id(region)] = found
        self._kept.move_to_end(id(region))
        while len(self._kept) > self.KEPT:
            self._kept.popitem(last=False)
        return found[1]


def faces_of(region: Region) -> Faces:
    """The table of a region's street."""
    mesh = region.surface.mesh
    normal, first = normals(mesh), mesh.vertices[mesh.faces[:, 0]]
    offset = normal[0] * first[:, 0] + normal[1] * first[:, 1] + normal[2] * first[:, 2]
    material = mesh.material
    color = finishes.linear(region.color)[region.part[:-1]]
    albedo = np.where(TINTED[material][:, None], color, finishes.ALBEDO[material]).T
    pattern = _patterns(material, albedo)
    u, v, level = _coordinates(normal, material)
    scale = (SIDE / TILE_M)[pattern].astype(np.float32)
    sky = np.uint32(int(Tag.SKY) << 16 | 0xFF000000)
    labels = (TAG.astype(np.uint32) << np.uint32(16)) | np.uint32(0xFF000000)
    return Faces(
        _with_sky(albedo), _with_sky(normal), _with_sky(offset), _with_sky(u * scale), _with_sky(v * scale),
        np.append(pattern * (LEVELS * SIDE * SIDE), 0).astype(np.int32), np.append(scale, np.float32(1)),
        np.append(material, np.uint8(0)), np.append(labels[material], sky), np.append(level, False),
        corner_normals(mesh),
    )  # fmt: skip


def _patterns(material: NDArray[np.uint8], albedo: Array32) -> NDArray[np.int32]:
    """The pattern of each face: that of its material, but reddish façades are of brick and pale walls plastered."""
    pattern = finishes.PATTERN[material]
    reddish = albedo[0] > 1.7 * albedo[2]
    pattern = np.where((material == Material.FACADE) & reddish, np.int32(Pattern.BRICK), pattern)
    return np.where((material == Material.WALL) & ~reddish, np.int32(Pattern.CONCRETE), pattern)


def _coordinates(normal: Array32, material: NDArray[np.uint8]) -> tuple[Array32, Array32, NDArray[np.bool_]]:
    """How u depends on x and y (2, F), v on y and z (2, F), and which faces lie flat (F,)."""
    steep = np.sqrt(normal[0] ** 2 + normal[1] ** 2)
    upright = (steep > 0.5) | ((material == Material.ROOF) & (steep > 0.1))
    side = np.where((normal[0] < -1e-3) | ((np.abs(normal[0]) <= 1e-3) & (normal[1] < 0)), -1, 1) / np.maximum(
        steep, 1e-6
    )
    u = np.stack([np.where(upright, -normal[1] * side, 1.0), np.where(upright, normal[0] * side, 0.0)])
    v = np.stack([np.where(upright, 0.0, 1.0), np.where(upright, -1.0 / np.maximum(steep, 1e-6), 0.0)])
    return u.astype(np.float32), v.astype(np.float32), ~upright


def _with_sky(values: NDArray[np.floating]) -> Array32:
    """The values with one more, zero, at the end of the last axis."""
    whole = np.zeros((*values.shape[:-1], values.shape[-1] + 1), np.float32)
    whole[..., :-1] = values
    return whole
