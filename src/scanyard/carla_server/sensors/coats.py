"""Pixel by pixel what the faces of the street wear, and what light makes of it: the two compiled loops of ``shading``.

Between the two, what concerns few pixels (actors, what is curved, wet ground) is written over.  One pass over a pixel
costs a fifth of as many numpy calls over a band, most of which wait for memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.carla_server.sensors.faces import Faces
from scanyard.carla_server.sensors.lighting import Light
from scanyard.carla_server.sensors.textures import LEVELS, ONE, SIDE, Pattern, atlas

Array32 = NDArray[np.float32]

BLOTCH_M = 23.0  # of the slow change in tone that lawns and roads have
_TEXELS = SIDE * SIDE
_FAR_M = np.float32(1e4)


def lay(
    faces: Faces,
    face: NDArray[np.uint32],
    *,
    seen: tuple[Array32, Array32, Array32],
    focal_px: float,
    known: tuple[Array32, Array32],
    onto: tuple[NDArray[np.uint8], Array32, Array32],
) -> tuple[Array32, Array32, Array32]:
    """Write material (K,), albedo (3, K) and normal (3, K) of the faces that K pixels see ``onto`` their arrays.

    ``seen`` are the eye (3,) in the world and the pixels' directions (3, K) and ranges (K,); ``known`` the normals
    (3, F + 1) on the camera's side and the cosines (F + 1,) with the sun's direction.  Returns the points (3, K) in the
    world, those cosines (K,), and the texture's factors (K,) to the albedo, blurred to about a texel a pixel; level
    ground has slow blotches besides.
    """
    count = len(face)
    point, sun, factor = np.empty((3, count), np.float32), np.empty(count, np.float32), np.empty(count, np.float32)
    texels = np.empty(count, np.float32)
    _lay(
        face, *seen, np.float32(0.7 / focal_px), *known, faces.material, faces.albedo, faces.u, faces.v, faces.tile,
        faces.texels_per_m, faces.level, _factors(), _blotches(), texels, texels.view(np.int32), *onto, point, sun,
        factor,
    )  # fmt: skip
    return point, sun, factor


def light_up(
    light: Light,
    normal: Array32,
    albedo: Array32,
    toward_sun: Array32,
    *,
    sky: Array32,
    sun: Array32 | None,
    to: Array32,
) -> None:
    """Write ``to`` (3, K) the light that surfaces send back.

    ``sky`` (K,) and ``sun`` (K,) are the shares of either that reach them, ``toward_sun`` (K,) the cosines.
    """
    means = np.array([(above + below) / 2 for above, below in zip(light.sky, light.ground, strict=True)], np.float32)
    slopes = np.array([(above - below) / 2 for above, below in zip(light.sky, light.ground, strict=True)], np.float32)
    shine = np.array(light.sun, np.float32)
    nothing = np.zeros(0, np.float32)
    _light_up(normal[2], albedo, toward_sun, sky, nothing if sun is None else sun, means, slopes, shine, to)


@lru_cache(maxsize=1)
def _factors() -> Array32:
    """The atlas as factors."""
    return np.asarray(atlas().astype(np.float32) / np.float32(ONE))


@lru_cache(maxsize=1)
def _blotches() -> Array32:
    """(SIDE * SIDE,) factors of a soft pattern."""
    first = (Pattern.SPECKLE * LEVELS + 2) * _TEXELS
    return np.asarray(np.float32(0.1) + np.float32(0.9) * _factors()[first : first + _TEXELS])


def _lay_pixels(  # noqa: PLR0917  # compiled calls are cheapest by position
    face: NDArray[np.uint32],
    eye: Array32,
    direction: Array32,
    range_m: Array32,
    spread: np.float32,
    normal_of: Array32,
    sun_of: Array32,
    material_of: NDArray[np.uint8],
    albedo_of: Array32,
    u_of: Array32,
    v_of: Array32,
    tile_of: NDArray[np.int32],
    texels_per_m: Array32,
    level_of: NDArray[np.bool_],
    factors: Array32,
    blotches: Array32,
    texels: Array32,
    bits: NDArray[np.int32],
    material: NDArray[np.uint8],
    albedo: Array32,
    normal: Array32,
    point: Array32,
    sun: Array32,
    factor: Array32,
) -> None:
    slow = np.float32(SIDE / BLOTCH_M)
    for k in range(len(face)):
        f = face[k]
        material[k], sun[k] = material_of[f], sun_of[f]
        reach = min(range_m[k], _FAR_M)
        for i in range(3):
            albedo[i, k], normal[i, k] = albedo_of[i, f], normal_of[i, f]
            point[i, k] = direction[i, k] * reach + eye[i]
        x, y, z = point[0, k], point[1, k], point[2, k]
        u, v = u_of[0, f] * x + u_of[1, f] * y, v_of[0, f] * y + v_of[1, f] * z
        grazing = abs(direction[2, k]) + np.float32(1e-3) if level_of[f] else np.float32(1)
        texels[k] = range_m[k] * texels_per_m[f] * spread / np.sqrt(grazing)
        # The exponent of a floating number is the whole part of its binary logarithm.
        blur = min(max((bits[k] >> 23) - 127, 0), LEVELS - 1)
        at = blur * _TEXELS + tile_of[f] + (int(v) & (SIDE - 1)) * SIDE + (int(u) & (SIDE - 1))
        factor[k] = factors[at]
        if level_of[f]:
            factor[k] *= blotches[(int(y * slow) & (SIDE - 1)) * SIDE + (int(x * slow) & (SIDE - 1))]


def _light_pixels(  # noqa: PLR0917
    up: Array32,
    albedo: Array32,
    toward_sun: Array32,
    sky: Array32,
    sun: Array32,
    means: Array32,
    slopes: Array32,
    shine: Array32,
    color: Array32,
) -> None:
    for c in range(3):
        for k in range(len(up)):
            tone = (up[k] * slopes[c] + means[c]) * sky[k]
            if len(sun):
                tone += toward_sun[k] * sun[k] * shine[c]
            color[c, k] = tone * albedo[c, k]


_compiled = njit(nogil=True, cache=True, error_model="numpy")
_lay = cast(Callable[..., None], _compiled(_lay_pixels))
_light_up = cast(Callable[..., None], _compiled(_light_pixels))
