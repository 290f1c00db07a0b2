"""From light to picture: exposure, filmic curve, gamma, vignette.

``exposure_mode`` "histogram" meters each picture by itself, on the middle of its histogram, and does not remember the
last one, so that a picture depends on what it shows alone: ``exposure_speed_up`` and ``_down`` have nothing to act on,
nor have ``exposure_min_bright``, ``exposure_max_bright`` and ``calibration_constant``, which are given in Unreal's own
units.  "manual" follows ``shutter_speed`` (1/s), ``iso`` and ``fstop``:
EV = log2(fstop² · shutter_speed · 100 / iso), and CARLA's defaults, EV 8.6, are right at noon.
``exposure_compensation`` adds stops to both.

``slope``, ``toe``, ``shoulder``, ``black_clip`` and ``white_clip`` shape the curve as Epic documents it: a straight
line of that slope in log-log through mid grey, bent towards black and white by two sigmoids.  ``gamma`` encodes the
result.  ``enable_postprocess_effects`` "False" leaves out curve and vignette.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.sensors.bands import each_band
from scanyard.carla_server.sensors.context import is_on, number
from scanyard.carla_server.sensors.lens import Lens

Array32 = NDArray[np.float32]

MID_GREY = 0.18
NOON_EXPOSURE = 0.42
"""What a sunny noon in this house's unit of light is multiplied by."""
REFERENCE_EV = float(np.log2(1.4**2 * 200.0))
METERED = (0.10, 0.94)
"""Part of the histogram that is metered: neither the deepest shadows nor the sun."""
FAINT = 0.016
"""Light, in this house's unit, that metering adds to what it finds, so that night stays darker than day."""
_STEPS = 4096
_BRIGHTEST = 16.0  # exposed light beyond which the curve is flat


@dataclass(frozen=True)
class Film:
    """How a camera turns light into numbers."""

    gamma: float
    slope: float
    toe: float
    shoulder: float
    black_clip: float
    white_clip: float
    is_manual: bool
    ev: float
    """Exposure value of shutter, aperture and sensitivity."""
    compensation: float
    """Stops."""
    has_effects: bool

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Film:
        """The film of a camera with these blueprint attributes."""
        fstop, shutter, iso = (
            _within(number(attributes, name, usual), 1e-6, 1e9)
            for name, usual in (("fstop", 1.4), ("shutter_speed", 200.0), ("iso", 100.0))
        )
        shape = {
            name: _within(number(attributes, name, usual), least, most)
            for name, usual, least, most in (
                ("gamma", 2.2, 0.05, 20.0), ("slope", 0.88, 0.05, 20.0), ("toe", 0.55, 0.0, 0.99),
                ("shoulder", 0.26, 0.0, 0.99), ("black_clip", 0.0, 0.0, 0.99), ("white_clip", 0.04, 0.0, 1.0),
            )
        }  # fmt: skip
        return cls(
            **shape,
            is_manual=attributes.get("exposure_mode", "histogram").strip().lower() == "manual",
            ev=float(np.log2(fstop**2 * shutter * 100.0 / iso)),
            compensation=_within(number(attributes, "exposure_compensation", 0.0), -30.0, 30.0),
            has_effects=is_on(attributes, "enable_postprocess_effects")
            or "enable_postprocess_effects" not in attributes,
        )

    def exposure(self, color: Array32) -> float:
        """What light (3, M) is multiplied by."""
        if self.is_manual:
            return float(NOON_EXPOSURE * 2 ** _within(REFERENCE_EV - self.ev + self.compensation, -60.0, 60.0))
        some = color[:, :: max(color.shape[1] // 20011, 1)]
        bright = np.sort(0.2126 * some[0] + 0.7152 * some[1] + 0.0722 * some[2])
        low, high = (int(share * len(bright)) for share in METERED)
        middle = float(np.exp(np.log(bright[low : max(high, low + 1)] + np.float32(1e-4)).mean(dtype=np.float64)))
        return float(0.205 / (middle + FAINT) * 2**self.compensation)

    def curve(self) -> NDArray[np.uint8]:
        """(STEPS,) picture value by the square root of exposed light, from 0 to ``_BRIGHTEST``."""
        return _curve(self)

    def develop(self, lens: Lens, color: Array32, exposure: float) -> NDArray[np.uint8]:
        """Pixels (H, W, 4), B, G, R, A, of light (3, M)."""
        picture = np.full((lens.height * lens.width, 4), 255, np.uint8)
        curve = self.curve()
        scale = np.float32((_STEPS - 1) / np.sqrt(_BRIGHTEST))
        dim = np.float32(np.sqrt(exposure)) * scale
        bright = _vignette(lens) if self.has_effects else np.ones(len(picture), np.float32)

        def develop_band(band: slice) -> None:
            edge = bright[band] * dim
            for channel, to in zip(color[:, band], (2, 1, 0), strict=True):
                step = np.sqrt(np.maximum(channel, np.float32(0)))
                step *= edge
                np.minimum(step, np.float32(_STEPS - 1), out=step)
                picture[band, to] = curve.take(step.astype(np.int32))

        each_band(develop_band, (lens.height, lens.width))
        return picture.reshape(lens.height, lens.width, 4)


def _within(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)


@lru_cache(maxsize=16)
def _curve(film: Film) -> NDArray[np.uint8]:
    light = np.linspace(0, np.sqrt(_BRIGHTEST), _STEPS) ** 2
    tone = _filmic(film, light) if film.has_effects else np.clip(light, 0, 1)
    return np.round(np.clip(tone, 0, 1) ** (1 / film.gamma) * 255).astype(np.uint8)


def _filmic(film: Film, light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Epic's filmic curve of linear light: 0.18 stays where it is."""
    toe_scale, shoulder_scale = 1 + film.black_clip - film.toe, 1 + film.white_clip - film.shoulder
    grey = np.log10(MID_GREY)
    if film.toe > 0.8:
        toe_at = (1 - film.toe - MID_GREY) / film.slope + grey
    else:
        bent = _within((MID_GREY + film.black_clip) / toe_scale - 1, -0.999999, 0.999999)
        toe_at = grey - 0.5 * np.log((1 + bent) / (1 - bent)) * (toe_scale / film.slope)
    straight_at = (1 - film.toe) / film.slope - toe_at
    shoulder_at = film.shoulder / film.slope - straight_at
    log = np.log10(np.maximum(light, 1e-9))
    straight = film.slope * (log + straight_at)
    # Two sigmoids, written as hyperbolic tangents, which do not overflow.
    toe = -film.black_clip + toe_scale * (1 + np.tanh(film.slope / toe_scale * (log - toe_at)))
    shoulder = 1 + film.white_clip - shoulder_scale * (1 - np.tanh(film.slope / shoulder_scale * (log - shoulder_at)))
    toe, shoulder = np.where(log < toe_at, toe, straight), np.where(log > shoulder_at, shoulder, straight)
    between = shoulder_at - toe_at
    share = np.clip((log - toe_at) / (between if abs(between) > 1e-9 else 1e-9), 0, 1)
    share = 1 - share if shoulder_at < toe_at else share
    share = (3 - 2 * share) * share * share
    return np.asarray(toe + (shoulder - toe) * share)


@lru_cache(maxsize=4)
def _vignette(lens: Lens) -> Array32:
    """(M,) square root of the light that reaches each pixel: a little less towards the corners."""
    x = (np.arange(lens.width) + 0.5) * 2 / lens.width - 1
    y = (np.arange(lens.height) + 0.5) * 2 / lens.height - 1
    away = (x[None] ** 2 + (y[:, None] * lens.height / lens.width) ** 2) / (1 + (lens.height / lens.width) ** 2)
    return np.sqrt(1 - 0.22 * away**2).reshape(-1).astype(np.float32)
