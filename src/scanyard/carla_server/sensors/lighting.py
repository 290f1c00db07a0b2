"""Daylight, night and weather: from what was hit to how bright and of what colour it looks.

A simple outdoor model, evaluated per pixel in linear light: one sun with shadows, a sky that lights from above and is
mirrored by gloss, lamps at the camera by night, wet surfaces, fog, exposure and gamma.  Everything is in CARLA's
left-handed world frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.wire import WeatherParameters
from scanyard.carla_server.scene.scene import Hits
from scanyard.carla_server.surfaces.materials import COLOR, GLOSS, GRAIN, TINTED, Material
from scanyard.randomness import stream

Array32 = NDArray[np.float32]

_GAMMA = 2.2
_WARM = np.array([1.0, 0.93, 0.8], np.float32)
_TEXTURE = 256
_WETTABLE = np.isin(
    np.arange(len(Material)), [Material.ASPHALT, Material.PAVING, Material.KERB, Material.ROAD_LINE, Material.FLAGSTONE]
)


@dataclass(frozen=True)
class Light:
    """The light of one weather; colours are linear (3,)."""

    to_sun: Array32
    """(3,) unit vector towards the sun."""
    sun: Array32
    zenith: Array32
    horizon: Array32
    lamps: float
    """Strength of the lamps at the camera, 0 by day."""
    wetness: float
    """0 to 1."""
    cloudiness: float
    """0 to 1."""
    fog_per_m: float
    fog_start_m: float
    exposure: float

    @classmethod
    def of(cls, weather: WeatherParameters) -> Light:
        """The light that CARLA's weather describes."""
        altitude, azimuth = np.deg2rad(weather.sun_altitude_angle), np.deg2rad(weather.sun_azimuth_angle)
        to_sun = np.array([np.cos(altitude) * np.cos(azimuth), np.cos(altitude) * np.sin(azimuth), np.sin(altitude)])
        clouds = float(np.clip(weather.cloudiness / 100, 0, 1))
        day = float(np.clip((weather.sun_altitude_angle + 6) / 14, 0, 1))
        low = float(np.clip(1 - weather.sun_altitude_angle / 25, 0, 1)) * day
        up = float(np.clip(weather.sun_altitude_angle / 4, 0, 1))
        sun = 3.0 * up * (1 - 0.93 * clouds**1.5) * np.array([1.0, 0.94 - 0.28 * low, 0.84 - 0.50 * low])
        clear = np.array([0.22, 0.42, 0.86]) * (1 - clouds) + np.array([0.62, 0.65, 0.70]) * clouds
        pale = np.array([0.66, 0.78, 0.92]) * (1 - clouds) + np.array([0.74, 0.76, 0.78]) * clouds
        pale = pale * (1 - 0.5 * low * (1 - clouds)) + np.array([0.9, 0.55, 0.3]) * 0.5 * low * (1 - clouds)
        night = np.array([0.0012, 0.0017, 0.0035])
        zenith, horizon = clear * day + night, pale * day + 2 * night
        bright = 0.45 * float(zenith.mean()) + 0.30 * float(sun.mean()) * max(float(np.sin(altitude)), 0.25)
        return cls(
            to_sun.astype(np.float32),
            sun.astype(np.float32),
            zenith.astype(np.float32),
            horizon.astype(np.float32),
            lamps=3.5 * (1 - day),
            wetness=float(np.clip(max(weather.wetness, weather.precipitation_deposits) / 100, 0, 1)),
            cloudiness=clouds,
            fog_per_m=0.075 * float(np.clip(weather.fog_density / 100, 0, 1)) ** 1.5,
            fog_start_m=max(float(weather.fog_distance), 0.0),
            exposure=0.95 / (bright + 0.2),
        )


def sky_color(light: Light, direction: Array32) -> Array32:
    """Linear colour (M, 3) of the sky along unit directions (M, 3): a gradient, clouds, and a glow about the sun."""
    up = np.clip(direction[:, 2], 0.0, 1.0)
    share = np.sqrt(up)[:, None]
    color = light.horizon * (1 - share) + light.zenith * share
    flat = 14.0 / (up + 0.12)
    cover = _noise(direction[:, 0] * flat, direction[:, 1] * flat)
    cloud = np.clip((cover - 0.72 + 0.62 * light.cloudiness) * 2.2, 0, 1) * np.clip(up * 7, 0, 1)
    white = light.horizon * np.float32(0.65) + light.zenith.mean() * np.float32(0.5) + light.sun * np.float32(0.06)
    color = color * (1 - cloud[:, None]) + white * cloud[:, None]
    toward = np.clip(direction @ light.to_sun, 0, 1)
    glow = 0.25 * toward**24 + 4.0 * (1 - light.cloudiness) * (toward > 0.9996)
    return np.asarray(color + light.sun * glow[:, None] * np.float32(0.4), dtype=np.float32)


def shade(
    light: Light, hits: Hits, rows: NDArray[np.int64], *, direction: Array32, point: Array32, lit: Array32
) -> Array32:
    """Linear colour (K, 3) of the hits in ``rows`` (K,).

    ``direction`` (K, 3) is that of the rays, ``point`` (K, 3) where they hit (metres), ``lit`` (K,) 1 in the sun and 0
    in shadow.
    """
    material = hits.material[rows]
    normal = hits.normal[rows]
    facing = _dot(normal, direction)
    normal = normal * np.where(facing > 0, np.float32(-1), np.float32(1))[:, None]
    albedo = _albedo(hits, rows, material, point, light)
    sun = np.clip(normal @ light.to_sun, 0, 1) * lit
    upward = 0.5 + 0.5 * normal[:, 2]
    sky = 0.55 * light.zenith + 0.45 * light.horizon
    ground = 0.22 * (light.horizon + light.sun * max(float(light.to_sun[2]), 0.0) * 0.4)
    ambient = upward[:, None] * sky + (1 - upward)[:, None] * ground
    shadowed = np.float32(0.72) + np.float32(0.28) * lit
    color = albedo * (sun[:, None] * light.sun + ambient * shadowed[:, None] * np.float32(0.85))
    if light.lamps:
        color += albedo * _lamps(light, hits.range_m[rows], direction, np.abs(facing))[:, None] * _WARM
    gloss = GLOSS[material] + light.wetness * np.float32(0.28) * _WETTABLE[material]
    shiny = np.flatnonzero(gloss > 0.02)
    mirrored = direction[shiny] - 2 * _dot(direction[shiny], normal[shiny])[:, None] * normal[shiny]
    strength = gloss[shiny] * (0.35 + 0.65 * (1 - np.abs(facing[shiny])) ** 3)
    color[shiny] += sky_color(light, mirrored) * strength[:, None] * np.clip(mirrored[:, 2:] * 3 + 0.6, 0.12, 1)
    return np.asarray(color, dtype=np.float32)


def fogged(light: Light, color: Array32, range_m: Array32) -> Array32:
    """Colours (M, 3) seen through ``range_m`` (M,) metres of the weather's air."""
    if light.fog_per_m <= 1e-4:
        return color
    veil = 1 - np.exp(-light.fog_per_m * np.clip(range_m - light.fog_start_m, 0, 1000))
    return np.asarray(color * (1 - veil[:, None]) + 0.85 * light.horizon * veil[:, None], dtype=np.float32)


def developed(light: Light, color: Array32, gamma: float) -> NDArray[np.uint8]:
    """8-bit picture values (M, 3) of linear colours (M, 3)."""
    exposed = 1 - np.exp(-light.exposure * np.maximum(color, 0))
    return np.asarray(np.clip(exposed ** np.float32(1 / gamma) * 255 + 0.5, 0, 255)).astype(np.uint8)


def _albedo(hits: Hits, rows: NDArray[np.int64], material: NDArray[np.uint8], point: Array32, light: Light) -> Array32:
    color = np.where(TINTED[material][:, None], hits.color[rows], COLOR[material]) ** np.float32(_GAMMA)
    fine = _noise(point[:, 0] * 9.0 + point[:, 2] * 7.3, point[:, 1] * 9.0 + point[:, 2] * 5.1)
    coarse = _noise(point[:, 0] * 0.9 + point[:, 2] * 0.7, point[:, 1] * 0.9 - point[:, 2] * 0.8)
    grain = GRAIN[material] * (fine + coarse - 1.0) * 2.2
    wet = np.where(_WETTABLE[material], 1 - 0.5 * light.wetness, 1.0)
    return np.asarray(color * (np.clip(1 + grain, 0.2, 2.0) * wet)[:, None], dtype=np.float32)


def _lamps(light: Light, range_m: Array32, direction: Array32, cos_incidence: Array32) -> Array32:
    """Head lamps, as if at the camera: a cone about the line of sight's middle, falling off with distance."""
    middle = direction.mean(axis=0)
    middle = middle / np.linalg.norm(middle)
    cone = np.clip((direction @ middle - 0.78) / 0.18, 0, 1) ** 2 * np.clip(1 - 5 * (direction[:, 2] - 0.01), 0.15, 1)
    return np.asarray(light.lamps * cone * (0.25 + 0.75 * cos_incidence) / (1 + (range_m / 9.0) ** 2), dtype=np.float32)


def _dot(a: Array32, b: Array32) -> Array32:
    return np.asarray(a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2])


@cache
def _texture() -> Array32:
    """Tileable cloudy noise (256, 256), 0 to 1: octaves of smooth random values."""
    rng = stream("lighting", "texture")
    total = np.zeros((_TEXTURE, _TEXTURE))
    for octave in (4, 8, 16, 32, 64, 128):
        values = rng.random((octave, octave))
        at = np.arange(_TEXTURE) * octave / _TEXTURE
        low, share = at.astype(int) % octave, at % 1
        share = share * share * (3 - 2 * share)
        rows = values[low] * (1 - share)[:, None] + values[(low + 1) % octave] * share[:, None]
        total += (rows[:, low] * (1 - share) + rows[:, (low + 1) % octave] * share) / np.sqrt(octave)
    spread = (total - total.mean()) / (4 * total.std()) + 0.5
    return np.asarray(np.clip(spread, 0, 1), dtype=np.float32)


def _noise(u: Array32, v: Array32) -> Array32:
    """Noise (M,), 0 to 1, at texture cells ``u``, ``v`` (M,)."""
    row, column = u.astype(np.int32) % _TEXTURE, v.astype(np.int32) % _TEXTURE
    return np.asarray(_texture()[row, column], dtype=np.float32)
