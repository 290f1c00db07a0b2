"""Daylight, dusk, night and weather: how strong the light is, from where it comes, and what the air does to it.

Linear light in a unit of our own, in which a white wall in the noon sun has about 3; ``film`` chooses the exposure, so
only ratios matter.  Directions are CARLA's left-handed world frame; azimuth turns from x towards y, as the weather's
sun does.  A simple outdoor model, not a radiative one: sunlight is dimmed and reddened by the air mass it crosses, the
sky is a gradient whose ends follow the sun's height, and clouds turn both grey.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.protocol.wire import WeatherParameters

Array32 = NDArray[np.float32]
Color = tuple[float, float, float]

SUN = np.array([3.3, 3.25, 3.2])
"""Irradiance of the sun above the air."""
EXTINCTION = np.array([0.055, 0.095, 0.19])
"""Optical depth of clear air straight up in red, green and blue: the measured ratio, a little less of it, so that a
high sun looks white in a picture whose white balance is fixed."""
CLEAR_ZENITH, CLEAR_HORIZON = np.array([0.065, 0.19, 0.60]), np.array([0.47, 0.70, 1.00])
CLOUDY_ZENITH, CLOUDY_HORIZON = np.array([0.50, 0.53, 0.57]), np.array([0.62, 0.64, 0.66])
DUSK_GLOW = np.array([1.0, 0.42, 0.14])
NIGHT_ZENITH, NIGHT_HORIZON = np.array([0.0010, 0.0015, 0.0032]), np.array([0.0046, 0.0045, 0.0052])
LUMA = np.array([0.2126, 0.7152, 0.0722])
"""How bright red, green and blue look (ITU-R BT.709)."""
DUST = np.array([0.60, 0.42, 0.24])
GROUND_ALBEDO = 0.16
"""Share of the light on the ground that it sends back up."""
FOG_PER_M = 0.10
"""Extinction at the ground at fog_density 100: one sees 40 m (Koschmieder: 3.9 / extinction)."""


@dataclass(frozen=True)
class Light:
    """The light of one weather; colours are linear red, green, blue."""

    to_sun: Color
    """(3,) unit vector towards the sun."""
    sun: Color
    """Irradiance of the sun on a face turned to it; all 0 when it is down or hidden."""
    zenith: Color
    horizon: Color
    """Radiance of the sky straight up and at the horizon."""
    sky: Color
    ground: Color
    """Mean radiance that a face sees looking up, and looking down."""
    glow: float
    """Strength of the haze about the sun, 0 to 1."""
    dusk: float
    """How much of the sky at the sun's side is red, 0 to 1."""
    day: float
    """1 by day, 0 at night."""
    cloudiness: float
    """0 to 1."""
    wetness: float
    """How wet the ground is, 0 to 1."""
    puddles: float
    """Share of low places under water, 0 to 1."""
    rain: float
    """0 to 1."""
    wind: float
    """0 to 1."""
    fog: Fog

    @property
    def is_sunny(self) -> bool:
        """Whether the sun throws shadows that one would notice."""
        return max(self.sun) > 0.05 * max(*self.sky, 1e-9)

    @property
    def is_dark(self) -> bool:
        """Whether lamps make a difference."""
        return self.day < 0.9


@dataclass(frozen=True)
class Fog:
    """Fog that thins with height: extinction ``per_m`` · exp(-``falloff`` z), from ``start_m`` before the camera on."""

    per_m: float
    """Extinction at z = 0 above the camera's ground."""
    start_m: float
    falloff: float
    """1/m."""
    color: Color

    @property
    def is_noticeable(self) -> bool:
        """Whether it hides more than a hundredth within 100 m."""
        return self.per_m > 1e-4

    def veil(self, range_m: Array32, rise: Array32 | float) -> Array32:
        """Share (M,) of what is ``range_m`` (M,) metres away that the fog hides, where rays rise by ``rise`` a metre.

        1 - exp(-∫ per_m exp(-falloff z) ds) from ``start_m`` on, the camera being at z = 0; infinite ranges are sky.
        """
        span = np.minimum(range_m, np.float32(2000.0)) - np.float32(self.start_m)
        span = np.maximum(span, np.float32(0), out=span)
        if self.falloff > 1e-6:
            slope = np.asarray(np.float32(self.falloff) * np.asarray(rise, np.float32))
            slope = np.where(np.abs(slope) < 1e-6, np.float32(1e-6), slope)
            span = (-np.expm1(-np.clip(slope * span, -20, 20)) / slope).astype(np.float32)
        return np.asarray(-np.expm1(np.float32(-self.per_m) * span), dtype=np.float32)


@lru_cache(maxsize=16)
def light_of(weather: WeatherParameters) -> Light:
    """The light that CARLA's weather describes."""
    altitude, azimuth = np.deg2rad(weather.sun_altitude_angle), np.deg2rad(weather.sun_azimuth_angle)
    to_sun = np.array([np.cos(altitude) * np.cos(azimuth), np.cos(altitude) * np.sin(azimuth), np.sin(altitude)])
    clouds = _share(weather.cloudiness)
    storm = _share(weather.dust_storm)
    height_deg = float(np.rad2deg(np.arcsin(np.clip(to_sun[2], -1, 1))))
    day = _smooth((height_deg + 9.0) / 18.0)
    sun = _sunlight(height_deg) * (1 - clouds**2) * (1 - 0.9 * storm) if height_deg > -0.6 else np.zeros(3)
    brightness = day * (0.30 + 0.70 * max(float(to_sun[2]), 0.0) ** 0.6)
    dusk = (1 - clouds) * float(np.exp(-(((height_deg - 1.0) / 7.0) ** 2)))
    zenith = _mixed(
        CLEAR_ZENITH * _rayleigh(weather), CLOUDY_ZENITH * (1 - 0.35 * _share(weather.precipitation)), clouds
    )
    horizon = _mixed(CLEAR_HORIZON, CLOUDY_HORIZON * (1 - 0.25 * _share(weather.precipitation)), clouds)
    zenith, horizon = _mixed(zenith, DUST, storm), _mixed(horizon, DUST, storm)
    zenith, horizon = zenith * brightness + NIGHT_ZENITH, horizon * brightness + NIGHT_HORIZON
    horizon = horizon + 0.35 * dusk * brightness * DUSK_GLOW
    sky = 0.5 * zenith + 0.5 * horizon
    sky = _mixed(sky, np.full(3, sky @ LUMA), 0.25)  # what it shines through and off takes some of its blue
    ground = GROUND_ALBEDO * (sky + sun * max(float(to_sun[2]), 0.0)) + 0.12 * horizon
    fog_color = _mixed(0.92 * horizon, horizon * 0.75 + 0.1 * sun, 0.3)
    fog = Fog(
        FOG_PER_M * _share(weather.fog_density) ** 1.5 + 0.06 * storm,
        min(max(float(weather.fog_distance), 0.0), 1e4),
        min(max(float(weather.fog_falloff), 0.0), 100.0) * 0.1,
        _color(fog_color),
    )
    return Light(
        _color(to_sun), _color(sun), _color(zenith), _color(horizon), _color(sky), _color(ground),
        glow=(1 - clouds) * min(max(weather.mie_scattering_scale / 0.03, 0.0), 3.0) * (1 - storm),
        dusk=dusk, day=day, cloudiness=clouds,
        wetness=_share(max(weather.wetness, weather.precipitation_deposits, 0.6 * weather.precipitation)),
        puddles=_share(weather.precipitation_deposits), rain=_share(weather.precipitation),
        wind=_share(weather.wind_intensity), fog=fog,
    )  # fmt: skip


def _sunlight(height_deg: float) -> NDArray[np.float64]:
    """Sunlight that is left after crossing the air; relative air mass by Kasten and Young (1989)."""
    above = max(height_deg, 0.0)
    mass = 1 / (np.sin(np.deg2rad(above)) + 0.50572 * (above + 6.07995) ** -1.6364)
    rising = _smooth((height_deg + 0.6) / 2.0)
    return np.asarray(SUN * np.exp(-EXTINCTION * mass) * rising)


def _rayleigh(weather: WeatherParameters) -> NDArray[np.float64]:
    """Blue of the zenith, deeper where air scatters more; 1 at CARLA's default 0.0331."""
    share = min(max(weather.rayleigh_scattering_scale / 0.0331, 0.0), 3.0)
    return np.array([0.8 + 0.2 * share, 0.6 + 0.4 * share, 0.3 + 0.7 * share])


def _share(percent: float) -> float:
    return min(max(float(percent) / 100.0, 0.0), 1.0)


def _smooth(share: float) -> float:
    inside = min(max(share, 0.0), 1.0)
    return inside * inside * (3 - 2 * inside)


def _mixed(a: NDArray[np.float64], b: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    return np.asarray(a * (1 - share) + b * share)


def _color(values: NDArray[np.float64]) -> Color:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
