"""What air full of water does to a beam: extinction, and echoes of its own.

Powers are those of a Lambertian target of reflectance ρ that fills the beam, ρ · overlap / range², in clear air; a
sensor sees nothing below its floor.  Echoes are told by the chance that one stronger than some power comes from nearer
than some range; a ray's one uniform number, looked up in that table, says whether there is one and from where, so a
denser medium adds echoes and never takes one away.

Sources.  Sensor: Velodyne HDL-64E S2 data sheet (50 m for 10 % reflectance, 120 m for 80 %;
divergence as in LISA).  Sizes: J. S. Marshall, W. M. Palmer, J. Meteorology 1948 (rain); K. L. S. Gunn, J. S. Marshall,
J. Meteorology 1958 (snow, by melted diameter).  Fog: R. H. Rasshofer, M. Spies, H. Spies, Advances in Radio Science
2011, as used by M. Hahner et al., ICCV 2021.  The hybrid of mean extinction and single strong scatterers is the idea
of V. Kilic et al. (LISA, 2021), and for snow of M. Hahner et al., CVPR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr

from scanyard.geometry import FloatArray

DARK_REFLECTANCE, DARK_SHARE = 0.1, 50 / 80
"""A target of this reflectance is just seen at this share of a sensor's maximum range: 50 of the HDL-64E's 80 m."""
BEAM_AT_EXIT_M, DIVERGENCE_RAD = 0.01, 0.003
"""Diameter of a beam where it leaves the sensor, and by how much it grows per metre (LISA's 3 mrad)."""
BLIND_M, FULL_OVERLAP_M = 0.9, 10.0
"""Transmitter and receiver see nothing in common up to the first range and everything from the second on, linear in
between.  The first is Rasshofer's; the second is an assumption: with his 1 m, fog of 600 m visibility would outshine
targets of reflectance 0.3 beyond 35 m."""
ECHO_MARGIN = 2.0
"""A single particle is reported from this many floors up, an assumption: weaker flickers are taken for noise."""
PULSE_LENGTH_M = 6.0
"""Way that a 40 ns pulse (20 ns half-power width, as in Hahner et al.) takes up, there and back."""
BACKSCATTER_PER_VISIBILITY = 0.046
"""Rasshofer's backscatter coefficient of fog times visibility, per steradian."""
PATCHINESS = 0.5
"""Standard deviation of the logarithm of fog's echo from ray to ray, an assumption: fog comes in wisps."""

STEP_M = 0.1
LAST_M = 40.0
"""Hardly a particle farther away returns more than a floor."""
RANGES_M = np.arange(BLIND_M, LAST_M, STEP_M) + STEP_M / 2
POWERS_PER_E = 4
_POWERS = 60  # 15 e-folds above the floor: more than any target within a metre


@dataclass(frozen=True, eq=False)
class Medium:
    """What fills the air, as one sensor meets it."""

    extinction_per_m: float
    """Share of the light that is lost per metre, one way."""
    floor: float
    """Power below which the sensor sees nothing."""
    chance: FloatArray
    """(K, S) chance of an echo stronger than floor · e^(k / 4) from within the first s steps of range."""


@dataclass(frozen=True)
class Particles:
    """Drops or flakes by size: N(D) = number · e^(−D / size), with D the diameter of the water in each."""

    number_per_m3_mm: float
    """Number per cubic metre and millimetre of diameter, at diameter 0."""
    size_mm: float
    swelling: float
    """Diameter of the particle over that of its water."""
    reflectance: float

    @property
    def extinction_per_m(self) -> float:
        """Twice the particles' cross section (geometric optics: as much light is diffracted as is blocked)."""
        mean_square_mm2 = 2 * self.size_mm**3 * self.swelling**2
        return float(2 * np.pi / 4 * self.number_per_m3_mm * mean_square_mm2 * 1e-6)


def marshall_palmer(rain_mm_per_h: float) -> Particles:
    """Drops of rain.  What a drop reflects for its size depends on the colour of the light; 0.1 is an assumption."""
    return Particles(8000.0, rain_mm_per_h**0.21 / 4.1, swelling=1.0, reflectance=0.1)


def gunn_marshall(snow_mm_per_h: float) -> Particles:
    """Flakes of a tenth of water's density; the rate is that of the melted snow.

    The reflectance is that of a white sphere (0.9, of which two thirds go back) with as much air as ice in its outline.
    """
    number, size_mm = 3800.0 * snow_mm_per_h**-0.87, snow_mm_per_h**0.48 / 2.55
    return Particles(number, size_mm, swelling=0.1 ** (-1 / 3), reflectance=0.3)


def floor_power(max_range_m: float) -> float:
    """Weakest power that a sensor of this range sees."""
    return DARK_REFLECTANCE / (DARK_SHARE * max_range_m) ** 2


def overlap(range_m: FloatArray) -> FloatArray:
    """How much of the beam the receiver sees at each range, 0 to 1."""
    return np.clip((range_m - BLIND_M) / (FULL_OVERLAP_M - BLIND_M), 0.0, 1.0)


@cache
def precipitation(particles: Particles, max_range_m: float) -> Medium:
    """Particles few enough to answer one by one: any that is near and large enough gives an echo."""
    floor, extinction = floor_power(max_range_m), particles.extinction_per_m
    power = floor * np.exp(np.arange(_POWERS) / POWERS_PER_E)[:, None]
    beam_m = BEAM_AT_EXIT_M + DIVERGENCE_RAD * RANGES_M
    whole = particles.reflectance * overlap(RANGES_M) * np.exp(-2 * extinction * RANGES_M) / RANGES_M**2
    share = np.sqrt(ECHO_MARGIN * power / np.maximum(whole, 1e-30))  # diameter over the beam's that returns this power
    least_mm = share * beam_m * 1000 / particles.swelling
    number_per_m3 = particles.number_per_m3_mm * particles.size_mm * np.exp(-least_mm / particles.size_mm)
    in_step = np.where(share < 1, number_per_m3, 0.0) * np.pi / 4 * beam_m**2 * STEP_M
    return Medium(extinction, floor, 1 - np.exp(-np.cumsum(in_step, axis=1)))


@cache
def fog_of(visibility_m: float, max_range_m: float) -> Medium:
    """Droplets too many to tell apart: the pulse's own light comes back from the first metres, more or less of it."""
    floor, extinction = floor_power(max_range_m), float(np.log(20) / visibility_m)
    back = np.pi * BACKSCATTER_PER_VISIBILITY / visibility_m * overlap(RANGES_M)
    from_step = back * np.exp(-2 * extinction * RANGES_M) / RANGES_M**2 * STEP_M
    pulse = np.sin(np.pi * (np.arange(STEP_M / 2, PULSE_LENGTH_M, STEP_M) / PULSE_LENGTH_M)) ** 2
    response = np.convolve(from_step, pulse)[: len(RANGES_M)]
    power = floor * np.exp(np.arange(_POWERS) / POWERS_PER_E)
    stronger = ndtr(np.log(response.max() / power) / PATCHINESS)
    # where in the response noise lifts it over the rest is a matter of chance: by its square, its energy
    where = np.cumsum(response**2) / np.sum(response**2)
    return Medium(extinction, floor, stronger[:, None] * where)
