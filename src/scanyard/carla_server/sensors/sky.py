"""The sky along directions, and what shiny things mirror of it and of the town below it.

Everything is by component, (M,) at a time: three columns of half a million numbers are several times faster than a
table of rows.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
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
    up = np.maximum(z, np.float32(0))
    toward = x * light.to_sun[0] + y * light.to_sun[1] + z * light.to_sun[2]
    gradient, halo = _gradient(light), _halo(light)
    step = (np.sqrt(up) * np.float32(_STEPS - 1)).astype(np.int32)
    near = np.clip((toward + 1) * np.float32((_STEPS - 1) / 2), 0, _STEPS - 1).astype(np.int32)
    cloud, thick = _clouds(light, x, y, up)
    bare = np.float32(1) - cloud
    disk = np.where(toward > SUN_COS, bare * np.float32(40.0 * (1 - light.cloudiness)), np.float32(0))
    lit = np.float32(1) - np.float32(0.45) * thick
    red, green, blue = (
        bare * (gradient[c].take(step) + halo[c].take(near))
        + cloud * (lit * np.float32(_cloud_color(light)[c]) + halo[c].take(near) * np.float32(0.5))
        + disk * np.float32(light.sun[c])
        for c in range(3)
    )
    return red, green, blue


def mirrored(light: Light, x: Array32, y: Array32, z: Array32) -> Channels:
    """What is seen along mirrored directions (M,): the sky above an uneven skyline, the town's mean tone below it."""
    red, green, blue = sky_colors(light, x, y, z)
    step = ((x - y * np.sign(x) + np.float32(2)) * np.float32(_TOWN / 4)).astype(np.int32) & (_TOWN - 1)
    town = np.clip((_skyline().take(step) - z) * np.float32(14.0), 0, 1)
    red, green, blue = (
        channel + town * (np.float32(0.6 * ground + 0.16 * sky) - channel)
        for channel, ground, sky in zip((red, green, blue), light.ground, light.sky, strict=True)
    )
    return red, green, blue


def _clouds(light: Light, x: Array32, y: Array32, up: Array32) -> tuple[Array32, Array32]:
    """How much cloud hides (M,) the sky, and how thick (M,) it is."""
    if light.cloudiness < 0.01:
        return np.zeros_like(up), np.zeros_like(up)
    flat = _CLOUD_SCALE / (up + np.float32(0.08))
    u, v = x * flat + np.float32(4096), y * flat + np.float32(4096)
    column, row = u.astype(np.int32), v.astype(np.int32)
    du, dv = u - column, v - row
    cover = cloud_cover().reshape(-1)
    left, right = column & (_CLOUD_SIDE - 1), (column + 1) & (_CLOUD_SIDE - 1)
    low, high = (row & (_CLOUD_SIDE - 1)) * _CLOUD_SIDE, ((row + 1) & (_CLOUD_SIDE - 1)) * _CLOUD_SIDE
    above = cover.take(low + left) * (1 - du) + cover.take(low + right) * du
    below = cover.take(high + left) * (1 - du) + cover.take(high + right) * du
    depth = above + dv * (below - above) - np.float32(1 - light.cloudiness)
    cloud = np.clip(depth * np.float32(4.0), 0, 1) * np.clip(up * np.float32(9.0), 0, 1)
    return cloud, np.clip(depth * np.float32(1.6), 0, 1)


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
