"""The sky along directions, and what shiny things mirror of it and of the town below it.

Everything is by component, (M,) at a time: three columns of half a million numbers are several times faster than a
table of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.carla_server.sensors.lighting import Light
from scanyard.carla_server.sensors.textures import cloud_cover
from scanyard.randomness import stream

Array32 = NDArray[np.float32]
Channels = tuple[Array32, Array32, Array32]

SUN_COS = float(np.cos(np.deg2rad(0.45)))
"""Cosine of the sun's radius; its own is 0.27 degrees, ours stands for the flare of a bright disk in any lens."""
_STEPS = 1024
_CLOUD_SCALE = np.float32(70.0)  # cells of cloud cover a unit of distance in the plane of clouds, one height above
_CLOUD_SIDE = 512
_TOWN = 64  # directions round the horizon in which the mirrored town has a height of its own


def sky_colors(light: Light, x: Array32, y: Array32, z: Array32) -> Channels:
    """Linear red, green and blue (M,) of the sky along unit directions (M,); below the horizon, that of the horizon."""
    return _colors(light, x, y, z, with_town=False)


def mirrored(light: Light, x: Array32, y: Array32, z: Array32) -> Channels:
    """What is seen along mirrored directions (M,): the sky above an uneven skyline, the town's mean tone below it."""
    return _colors(light, x, y, z, with_town=True)


def _colors(light: Light, x: Array32, y: Array32, z: Array32, *, with_town: bool) -> Channels:
    cover = cloud_cover().reshape(-1) if light.cloudiness >= 0.01 else np.zeros(0, np.float32)
    town = np.array([0.6 * ground + 0.16 * sky for ground, sky in zip(light.ground, light.sky, strict=True)])
    color = np.empty((3, len(z)), np.float32)
    _paint(
        x, y, z, np.array(light.to_sun, np.float32), _gradient(light), _halo(light),
        cover, np.float32(light.cloudiness), np.array(_cloud_color(light), np.float32), np.array(light.sun, np.float32),
        _skyline() if with_town else np.zeros(0, np.float32), town.astype(np.float32), color,
    )  # fmt: skip
    red, green, blue = color
    return red, green, blue


def _paint_sky(  # noqa: PLR0917  # compiled calls are cheapest by position
    x: Array32,
    y: Array32,
    z: Array32,
    to_sun: Array32,
    gradient: Array32,
    halo: Array32,
    cover: Array32,
    cloudiness: np.float32,
    cloud_color: Array32,
    sun: Array32,
    skyline: Array32,
    town: Array32,
    color: Array32,
) -> None:
    zero, one = np.float32(0), np.float32(1)
    flare = np.float32(40.0) * (one - cloudiness)
    for i in range(len(z)):
        up = max(z[i], zero)
        toward = x[i] * to_sun[0] + y[i] * to_sun[1] + z[i] * to_sun[2]
        step = int(np.sqrt(up) * np.float32(_STEPS - 1))
        near = int(min(max((toward + one) * np.float32((_STEPS - 1) / 2), zero), np.float32(_STEPS - 1)))
        cloud = thick = zero
        if len(cover):
            flat = _CLOUD_SCALE / (up + np.float32(0.08))
            u, v = x[i] * flat + np.float32(4096), y[i] * flat + np.float32(4096)
            column, row = int(u), int(v)
            du, dv = np.float32(u - column), np.float32(v - row)
            left, right = column & (_CLOUD_SIDE - 1), (column + 1) & (_CLOUD_SIDE - 1)
            low, high = (row & (_CLOUD_SIDE - 1)) * _CLOUD_SIDE, ((row + 1) & (_CLOUD_SIDE - 1)) * _CLOUD_SIDE
            above = cover[low + left] * (one - du) + cover[low + right] * du
            below = cover[high + left] * (one - du) + cover[high + right] * du
            depth = above + dv * (below - above) - (one - cloudiness)
            cloud = min(max(depth * np.float32(4.0), zero), one) * min(max(up * np.float32(9.0), zero), one)
            thick = min(max(depth * np.float32(1.6), zero), one)
        bare = one - cloud
        disk = bare * flare if toward > np.float32(SUN_COS) else zero
        lit = one - np.float32(0.45) * thick
        share = zero
        if len(skyline):
            sign = one if x[i] > 0 else (-one if x[i] < 0 else zero)
            at = int((x[i] - y[i] * sign + np.float32(2)) * np.float32(_TOWN / 4)) & (_TOWN - 1)
            share = min(max((skyline[at] - z[i]) * np.float32(14.0), zero), one)
        for c in range(3):
            tone = bare * (gradient[c, step] + halo[c, near])
            tone += cloud * (lit * cloud_color[c] + halo[c, near] * np.float32(0.5))
            tone += disk * sun[c]
            color[c, i] = tone + share * (town[c] - tone)


def _cloud_color(light: Light) -> list[float]:
    """Lit from the side by what sun there is, from all round by the sky."""
    return [
        0.16 * sun * (1 - 0.5 * light.cloudiness) + 0.95 * horizon
        for sun, horizon in zip(light.sun, light.horizon, strict=True)
    ]


@lru_cache(maxsize=8)
def _gradient(light: Light) -> Array32:
    """(3, STEPS) colour of the clear sky by the square root of the sine of elevation."""
    sine = np.linspace(0, 1, _STEPS) ** 2
    low = np.exp(-sine / 0.16)
    return np.stack(
        [zenith + (horizon - zenith) * low for zenith, horizon in zip(light.zenith, light.horizon, strict=True)]
    ).astype(np.float32)


@lru_cache(maxsize=8)
def _halo(light: Light) -> Array32:
    """(3, STEPS) what the sun adds by the cosine of the angle to it, from -1 to 1."""
    cosine = np.linspace(-1, 1, _STEPS)
    angle = np.arccos(np.clip(cosine, -1, 1))
    bright = light.glow * (0.30 * np.exp(-angle / 0.10) + 0.10 * np.exp(-angle / 0.45))
    warm = 0.9 * light.dusk * np.exp(-angle / 0.55)
    tones = zip(light.sun, (1.0, 0.45, 0.12), strict=True)
    return np.stack([bright * sun + warm * tone * light.day for sun, tone in tones]).astype(np.float32)


@lru_cache(maxsize=1)
def _skyline() -> Array32:
    return stream("sky", "skyline").uniform(0.02, 0.34, _TOWN).astype(np.float32)


_paint = cast(Callable[..., None], njit(nogil=True, cache=True, error_model="numpy")(_paint_sky))
