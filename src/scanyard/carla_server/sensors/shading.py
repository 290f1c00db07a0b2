"""The colour of what a camera sees, before the film: sunlight and skylight on textured surfaces, gloss, wet, fog.

A picture is shaded in bands of a few rows, whose numbers stay in the processor's cache, by as many threads as there are
cores.  Within a band everything is by component and for all its pixels at once; what concerns few of them (actors,
glass, puddles) is worked out for those and written back.  Sums are written out and bands do not depend on the number of
threads, so that it cannot change a byte.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.look import BodyHits
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors import finishes
from scanyard.carla_server.sensors.bands import each_band
from scanyard.carla_server.sensors.coats import lay, light_up
from scanyard.carla_server.sensors.lighting import Light
from scanyard.carla_server.sensors.shadows import Openness
from scanyard.carla_server.sensors.sky import mirrored, sky_colors
from scanyard.carla_server.sensors.smoothing import CURVED, CornerNormals, blend
from scanyard.carla_server.sensors.textures import LEVELS, ONE, SIDE, Pattern, atlas
from scanyard.carla_server.sensors.view import View
from scanyard.carla_server.surfaces.materials import TINTED

Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]

TRANSLUCENT = 0.55  # share of the sun that shines through a leaf
_TEXELS = SIDE * SIDE
_CORNERS = CornerNormals()


@dataclass(frozen=True)
class Surfaces:
    """What light falls on, for each of M pixels; without meaning in the sky."""

    material: NDArray[np.uint8]
    """(M,) ``Material``."""
    albedo: Array32
    """(3, M) linear, texture and wetness included."""
    normal: Array32
    """(3, M) in the world, on the camera's side."""
    water: Array32
    """(M,) how much of a film of water lies on it, 0 to 1."""

    @classmethod
    def blank(cls, count: int) -> Surfaces:
        """Arrays for ``count`` pixels: nothing anywhere."""
        return cls(
            np.zeros(count, np.uint8), np.empty((3, count), np.float32), np.zeros((3, count), np.float32),
            np.zeros(count, np.float32),
        )  # fmt: skip


def shade(scene: Scene, view: View, light: Light, openness: Openness) -> tuple[Array32, Surfaces]:
    """Linear colours (3, M) by daylight, sky and fog included, and the surfaces they are of."""
    count = len(view.range_m)
    color, found = np.empty((3, count), np.float32), Surfaces.blank(count)
    each_band(_Painter(scene, view, light, openness, onto=(color, found)).paint, view.shape)
    return color, found


def body_normals(scene: Scene, view: View, actors: BodyHits, *, smooth: bool = False) -> Array32:
    """Unit normals (3, K) in the world of actors' faces, on the camera's side; ``smooth`` over what is curved."""
    turn = scene.placed.world_from_actor[:, :3, :3].astype(np.float32).reshape(-1, 9).T.take(actors.place, axis=1)
    local = actors.normal.T.copy()
    if smooth:
        eye = view.pose[:3, 3] - scene.placed.world_from_actor[:, :3, 3]
        turns = scene.placed.world_from_actor[:, :3, :3]
        start = np.stack([(turns[:, :, i] * eye).sum(axis=1) for i in range(3)]).astype(np.float32)
        point = start.take(actors.place, axis=1) + actors.direction * actors.range_m
        point += actors.bodies.shift_of(actors.place)
        corners = _CORNERS.of_all([shape.mesh for shape in actors.bodies.distinct], actors.bodies.mesh)
        blend(actors.bodies.mesh, corners, actors.face.astype(np.int64), point, local)
    x, y, z = local
    seen = view.direction.take(actors.rows, axis=1)
    normal = np.stack([turn[3 * i] * x + turn[3 * i + 1] * y + turn[3 * i + 2] * z for i in range(3)])
    away = normal[0] * seen[0] + normal[1] * seen[1] + normal[2] * seen[2] > 0
    if smooth:  # a blended normal may look a little away from the camera at a body's rim: only whole faces are turned
        flat = body_normals(scene, view, actors)
        away = normal[0] * flat[0] + normal[1] * flat[1] + normal[2] * flat[2] < 0
    normal *= np.where(away, np.float32(-1), np.float32(1))
    return normal


def sun_cosine(normal: Array32, light: Light, leafy: NDArray[np.bool_]) -> Array32:
    """Cosine (K,) of normals (3, K) with the sun's direction, 0 from behind, but ``leafy`` (K,) ones shine through."""
    cosine = normal[0] * light.to_sun[0]
    cosine += normal[1] * light.to_sun[1]
    cosine += normal[2] * light.to_sun[2]
    through = np.where(leafy, np.float32(-TRANSLUCENT), np.float32(0))
    through *= cosine
    return np.asarray(np.maximum(cosine, through, out=cosine))


class _Painter:
    """Paints the bands of one picture."""

    def __init__(
        self, scene: Scene, view: View, light: Light, openness: Openness, *, onto: tuple[Array32, Surfaces]
    ) -> None:
        self.view, self.light, self.openness = view, light, openness
        self.color, self.found = onto
        faces = view.faces
        self.normal = faces.normal * view.facing
        self.sun = sun_cosine(self.normal, light, finishes.LEAFY[faces.material])
        self.soaks = finishes.SOAKS.astype(np.float32)
        self.actor_of: NDArray[np.int32] | None = None
        actors = view.look.actors
        if actors is not None:
            self.actor_of = np.full(len(view.range_m), -1, np.int32)
            self.actor_of[actors.rows] = np.arange(len(actors.rows), dtype=np.int32)
            self.body_material = actors.bodies.material[actors.face]
            self.body_normal = body_normals(scene, view, actors, smooth=True)
            tint = finishes.linear(actors.bodies.color_of(np.arange(len(scene.placed.actor_id)))).T
            own = finishes.ALBEDO.T.take(self.body_material, axis=1)
            self.body_albedo = np.where(TINTED[self.body_material], tint.take(actors.place, axis=1), own)

    def paint(self, band: slice) -> None:
        """Fill the pixels of ``band``."""
        view, light = self.view, self.light
        color, range_m = self.color[:, band], view.range_m[band]
        direction = view.direction[:, band]
        is_sky = np.isinf(range_m)
        sky = np.flatnonzero(is_sky)
        if len(sky) < len(range_m):
            self._paint_surfaces(band, direction, range_m)
        if len(sky):
            for c, tone in enumerate(sky_colors(light, *direction.take(sky, axis=1))):
                color[c, sky] = tone
        if light.fog.is_noticeable:
            veil = light.fog.veil(range_m, direction[2])
            for c, haze in enumerate(light.fog.color):
                color[c] += (np.float32(haze) - color[c]) * veil

    def _paint_surfaces(self, band: slice, direction: Array32, range_m: Array32) -> None:
        view, light, found = self.view, self.light, self.found
        face = view.look.face[band]
        material, albedo, normal = found.material[band], found.albedo[:, band], found.normal[:, band]
        eye = view.eye + view.anchor.astype(np.float32)
        point, toward_sun, texture = lay(
            view.faces, face, seen=(eye, direction, range_m), focal_px=view.lens.focal_px,
            known=(self.normal, self.sun), onto=(material, albedo, normal),
        )  # fmt: skip
        curved = np.flatnonzero(CURVED.take(material))
        if len(curved):
            self._smooth(face[curved].astype(np.int64), point.take(curved, axis=1), curved, normal)
            toward_sun[curved] = sun_cosine(normal[:, curved], light, np.zeros(len(curved), bool))
        if self.actor_of is not None:
            which = self.actor_of[band]
            rows = np.flatnonzero(which >= 0)
            if len(rows):
                which = which[rows]
                material[rows] = self.body_material[which]
                texture[rows] = np.float32(1)
                for i in range(3):
                    albedo[i][rows] = self.body_albedo[i].take(which)
                    normal[i][rows] = self.body_normal[i].take(which)
                toward_sun[rows] = sun_cosine(normal[:, rows], light, finishes.LEAFY[material[rows]])
        if light.wetness > 0:
            soaks = self.soaks.take(material)
            found.water[band] = _water(light, point) * soaks
            texture *= 1 - np.float32(0.55 * light.wetness) * soaks
        albedo *= texture
        sun = self.openness.sun
        light_up(light, normal, albedo, toward_sun, sky=self.openness.sky[band], sun=None if sun is None else sun[band],
                 to=self.color[:, band])  # fmt: skip
        self._add_mirrored(band, direction, range_m, point)

    def _smooth(self, face: Rows, point: Array32, rows: Rows, normal: Array32) -> None:
        """Turn the normals of parked cars' faces smoothly."""
        mesh = self.view.look.region.surface.mesh
        point -= self.view.anchor.astype(np.float32)[:, None]
        blended = normal.take(rows, axis=1)
        blend(mesh, self.view.faces.corners, face, point, blended)
        normal[:, rows] = blended

    def _add_mirrored(self, band: slice, direction: Array32, range_m: Array32, point: Array32) -> None:
        """Add what glass, paint, metal and water mirror of the sky, by Schlick's Fresnel term."""
        light, found = self.light, self.found
        material = found.material[band]
        share = finishes.MIRROR.take(material)
        is_wet = light.wetness > 0
        if is_wet:
            share = np.maximum(share, np.float32(0.02) * (found.water[band] > 0))
        rows = np.flatnonzero((share > 0.015) & (range_m < np.float32(1e4)))
        if not len(rows):
            return
        seen, normal = direction.take(rows, axis=1), found.normal[:, band].take(rows, axis=1)
        share, material = share[rows], material[rows]
        if is_wet:
            wet = found.water[band][rows]
            _ripple(light, point.take(rows, axis=1), wet, normal)
        cosine = -(seen[0] * normal[0] + seen[1] * normal[1] + seen[2] * normal[2])
        grazing = np.float32(1) - np.clip(cosine, 0, 1)
        square = grazing * grazing
        fresnel = share + (1 - share) * square * square * grazing
        if is_wet:
            fresnel *= np.where(finishes.SOAKS[material], np.float32(0.25) + np.float32(0.75) * wet, np.float32(1))
        sent = seen + 2 * cosine * normal
        # What is in a corner mirrors the corner, not the sky.
        fresnel *= self.openness.sky[band][rows]
        metal = finishes.METALLIC[material]
        for c, bright in enumerate(mirrored(light, *sent)):
            tone = np.where(metal, found.albedo[c, band][rows], np.float32(1))
            channel = self.color[c, band]
            channel[rows] += fresnel * (bright * tone - channel[rows])


def _water(light: Light, point: Array32) -> Array32:
    """How thick a film of water lies where (K,): thin on wet ground, whole in puddles, which lie in low places."""
    slow = np.float32(SIDE / 9.0)
    index = (Pattern.SPECKLE * LEVELS + 4) * _TEXELS + ((point[1] * slow).astype(np.int32) & (SIDE - 1)) * SIDE
    index += (point[0] * slow).astype(np.int32) & (SIDE - 1)
    low = (atlas().take(index).astype(np.float32) - np.float32(ONE)) * np.float32(1 / 26)
    puddle = np.clip((low + np.float32(2.4 * light.puddles - 1.6)) * np.float32(2.5), 0, 1)
    return np.asarray(np.maximum(np.float32(0.45 * light.wetness), puddle))


def _ripple(light: Light, point: Array32, wet: Array32, normal: Array32) -> None:
    """Tilt the normals (3, K) of wet ground a little, by the drops that fall and by its own grain under thin water."""
    step = np.float32(60.0)
    row, column = (point[1] * step).astype(np.int32) & (SIDE - 1), (point[0] * step).astype(np.int32) & (SIDE - 1)
    first = Pattern.ASPHALT * LEVELS * _TEXELS + _TEXELS
    strength = (np.float32(0.0012) * (1 - wet) + np.float32(0.0004 + 0.0008 * light.rain)) * (wet > 0)
    normal[0] += (atlas().take(first + row * SIDE + column).astype(np.float32) - ONE) * strength
    normal[1] += (atlas().take(first + column * SIDE + row).astype(np.float32) - ONE) * strength
