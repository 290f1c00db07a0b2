"""The colour of what a camera sees, before the film: sunlight and skylight on textured surfaces, gloss, wet, fog.

Everything is by component and for all pixels at once; where something concerns few pixels (actors, glass, puddles) it
is worked out for those and written back.  Sums are written out, so that the number of threads cannot change a byte.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.scene.look import BodyHits
from scanyard.carla_server.scene.scene import Scene
from scanyard.carla_server.sensors import finishes
from scanyard.carla_server.sensors.lighting import Light
from scanyard.carla_server.sensors.shadows import skylight, sunlight
from scanyard.carla_server.sensors.sky import mirrored, sky_colors
from scanyard.carla_server.sensors.textures import LEVELS, ONE, SIDE, Pattern, atlas
from scanyard.carla_server.sensors.view import View
from scanyard.carla_server.surfaces.materials import TINTED

Array32 = NDArray[np.float32]
Rows = NDArray[np.int64]

TRANSLUCENT = 0.55  # share of the sun that shines through a leaf
BLOTCH_M = 23.0  # of the slow change in tone that lawns and roads have
_TEXELS = SIDE * SIDE


@dataclass(frozen=True)
class Surfaces:
    """What light falls on, for each of M pixels; without meaning in the sky."""

    material: NDArray[np.uint8]
    """(M,) ``Material``."""
    albedo: Array32
    """(3, M) linear, texture and wetness included."""
    normal: Array32
    """(3, M) in the world, on the camera's side."""
    toward_sun: Array32
    """(M,) cosine between the normal and the sun's direction; of leaves, some of it from behind."""
    water: Array32
    """(M,) how much of a film of water lies on it, 0 to 1."""


def surfaces(scene: Scene, view: View, light: Light) -> Surfaces:
    """What is where in a view."""
    faces, look = view.faces, view.look
    face = look.face.astype(np.int64)
    oriented = faces.normal * view.facing
    normal = oriented.take(face, axis=1)
    albedo = faces.albedo.take(face, axis=1)
    material = faces.material.take(face)
    toward_sun = _sun_cosine(oriented, light, finishes.LEAFY[faces.material]).take(face)
    texture = _texture(view, face)
    if look.actors is not None:
        rows, bodies, place = look.actors.rows, look.actors.bodies, look.actors.place
        kind = bodies.material[look.actors.face]
        material[rows] = kind
        tint = finishes.linear(bodies.color_of(place))
        albedo[:, rows] = np.where(TINTED[kind][:, None], tint, finishes.ALBEDO[kind]).T
        normal[:, rows] = body_normals(scene, view, look.actors)
        toward_sun[rows] = _sun_cosine(normal[:, rows], light, finishes.LEAFY[kind])
    water = _water(view, light, material)
    if light.wetness > 0:
        texture *= 1 - np.float32(0.55 * light.wetness) * finishes.SOAKS.astype(np.float32).take(material)
    albedo *= texture
    return Surfaces(material, albedo, normal, toward_sun, water)


def body_normals(scene: Scene, view: View, actors: BodyHits) -> Array32:
    """Unit normals (3, K) in the world of actors' faces, on the camera's side."""
    turn = scene.placed.world_from_actor[:, :3, :3].astype(np.float32)[actors.place]
    local, seen = actors.normal, view.direction.take(actors.rows, axis=1)
    normal = np.stack([turn[:, i, 0] * local[:, 0] + turn[:, i, 1] * local[:, 1] + turn[:, i, 2] * local[:, 2]
                       for i in range(3)])  # fmt: skip
    away = normal[0] * seen[0] + normal[1] * seen[1] + normal[2] * seen[2] > 0
    return np.asarray(np.where(away, -normal, normal), dtype=np.float32)


def shade(scene: Scene, view: View, light: Light, found: Surfaces) -> Array32:
    """Linear colours (3, M) by daylight: sun with shadows, sky, and what shiny surfaces mirror; sky where it is sky."""
    open_share = skylight(scene, view, found.normal)
    # Light that comes back from what hides the sky keeps corners from turning black.
    open_share = np.float32(0.22) + np.float32(0.78) * open_share
    color = np.empty_like(found.albedo)
    up = found.normal[2]
    sun = None
    if light.is_sunny:
        sun = found.toward_sun * sunlight(scene, view, light, found.normal, found.toward_sun)
    for c, (sky, ground) in enumerate(zip(light.sky, light.ground, strict=True)):
        np.multiply(up, np.float32((sky - ground) / 2), out=color[c])
        color[c] += np.float32((sky + ground) / 2)
        color[c] *= open_share
        if sun is not None:
            color[c] += sun * np.float32(light.sun[c])
        color[c] *= found.albedo[c]
    _add_mirrored(view, light, found, color, open_share)
    return color


def add_sky(view: View, light: Light, color: Array32) -> None:
    """Put the sky where nothing was met, in ``color`` (3, M)."""
    rows = np.flatnonzero(np.isinf(view.range_m))
    for c, sky in enumerate(sky_colors(light, *view.direction.take(rows, axis=1))):
        color[c, rows] = sky


def add_fog(view: View, light: Light, color: Array32) -> None:
    """Veil ``color`` (3, M) by what hangs in the air."""
    if not light.fog.is_noticeable:
        return
    veil = light.fog.veil(view.range_m, view.direction[2])
    for c, tone in enumerate(light.fog.color):
        color[c] += (np.float32(tone) - color[c]) * veil


def _sun_cosine(normal: Array32, light: Light, leafy: NDArray[np.bool_]) -> Array32:
    cosine = normal[0] * light.to_sun[0] + normal[1] * light.to_sun[1] + normal[2] * light.to_sun[2]
    through = np.where(leafy, np.float32(-TRANSLUCENT), np.float32(0))
    return np.asarray(np.maximum(cosine, cosine * through), dtype=np.float32)


def _texture(view: View, face: Rows) -> Array32:
    """Factor (M,) to the albedo, blurred to about a texel a pixel; level ground has slow blotches besides."""
    faces = view.faces
    x, y, z = (view.point[i] + np.float32(view.anchor[i]) for i in range(3))
    u = faces.u[0].take(face)
    u *= x
    u += faces.u[1].take(face) * y
    v = faces.v[0].take(face)
    v *= y
    v += faces.v[1].take(face) * z
    level = faces.level.take(face)
    grazing = np.where(level, np.abs(view.direction[2]) + np.float32(1e-3), np.float32(1))
    texels = view.range_m * faces.texels_per_m.take(face)
    texels *= np.float32(0.7 / view.lens.focal_px)
    texels /= np.sqrt(grazing)
    with np.errstate(invalid="ignore", divide="ignore"):
        blur = np.clip(np.log2(texels), 0, LEVELS - 1)
    index = blur.astype(np.int32)
    index *= _TEXELS
    index += faces.tile.take(face)
    index += (v.astype(np.int32) & (SIDE - 1)) * SIDE
    index += u.astype(np.int32) & (SIDE - 1)
    factor = atlas().take(index).astype(np.float32)
    slow = np.float32(SIDE / BLOTCH_M)
    blotch = (Pattern.SPECKLE * LEVELS + 2) * _TEXELS + ((y * slow).astype(np.int32) & (SIDE - 1)) * SIDE
    blotch += (x * slow).astype(np.int32) & (SIDE - 1)
    tone = atlas().take(blotch).astype(np.float32) * np.float32(0.9 / ONE) + np.float32(0.1)
    factor *= np.where(level, tone, np.float32(1))
    factor *= np.float32(1 / ONE)
    return np.asarray(factor)


def _water(view: View, light: Light, material: NDArray[np.uint8]) -> Array32:
    """How much of a film of water lies where (M,): thin on wet ground, whole in puddles, which lie in low places."""
    if light.wetness <= 0:
        return np.zeros(0, np.float32)
    x, y = (view.point[i] + np.float32(view.anchor[i]) for i in range(2))
    slow = np.float32(SIDE / 9.0)
    index = (Pattern.SPECKLE * LEVELS + 4) * _TEXELS + ((y * slow).astype(np.int32) & (SIDE - 1)) * SIDE
    index += (x * slow).astype(np.int32) & (SIDE - 1)
    low = (atlas().take(index).astype(np.float32) - np.float32(ONE)) * np.float32(1 / 26)
    puddle = np.clip((low + np.float32(2.4 * light.puddles - 1.6)) * np.float32(2.5), 0, 1)
    film = np.maximum(np.float32(0.45 * light.wetness), puddle)
    return np.asarray(film * finishes.SOAKS.astype(np.float32).take(material), dtype=np.float32)


def _add_mirrored(view: View, light: Light, found: Surfaces, color: Array32, open_share: Array32) -> None:
    """Add to ``color`` (3, M) what glass, paint, metal and water mirror of the sky, by Schlick's Fresnel term."""
    share = finishes.MIRROR.take(found.material)
    if len(found.water):
        share = np.maximum(share, np.float32(0.02) * (found.water > 0))
    rows = np.flatnonzero((share > 0.015) & np.isfinite(view.range_m))
    if not len(rows):
        return
    seen, normal, share = view.direction.take(rows, axis=1), found.normal.take(rows, axis=1), share[rows]
    if len(found.water):
        wet = found.water[rows]
        _ripple(view, light, rows, wet, normal)
    cosine = -(seen[0] * normal[0] + seen[1] * normal[1] + seen[2] * normal[2])
    grazing = np.float32(1) - np.clip(cosine, 0, 1)
    square = grazing * grazing
    fresnel = share + (1 - share) * square * square * grazing
    if len(found.water):
        fresnel *= np.where(
            finishes.SOAKS[found.material[rows]], np.float32(0.25) + np.float32(0.75) * wet, np.float32(1)
        )
    sent = seen + 2 * cosine * normal
    # What is in a corner mirrors the corner, not the sky.
    fresnel *= open_share[rows]
    metal = finishes.METALLIC[found.material[rows]]
    for c, bright in enumerate(mirrored(light, *sent)):
        tone = np.where(metal, found.albedo[c, rows], np.float32(1))
        color[c, rows] += fresnel * (bright * tone - color[c, rows])


def _ripple(view: View, light: Light, rows: Rows, wet: Array32, normal: Array32) -> None:
    """Tilt the normals (3, K) of wet ground a little, by the drops that fall and by its own grain under thin water."""
    x, y = (view.point[i].take(rows) + np.float32(view.anchor[i]) for i in range(2))
    step = np.float32(60.0)
    row, column = (y * step).astype(np.int32) & (SIDE - 1), (x * step).astype(np.int32) & (SIDE - 1)
    grain = atlas().take(Pattern.ASPHALT * LEVELS * _TEXELS + _TEXELS + row * SIDE + column).astype(np.float32)
    other = atlas().take(Pattern.ASPHALT * LEVELS * _TEXELS + _TEXELS + column * SIDE + row).astype(np.float32)
    strength = (np.float32(0.0012) * (1 - wet) + np.float32(0.0004 + 0.0008 * light.rain)) * (wet > 0)
    normal[0] += (grain - ONE) * strength
    normal[1] += (other - ONE) * strength
