"""Where each pixel of a camera looks: a pinhole, and CARLA's lens attributes that bend it.

Sensor frame, left-handed: x along the optical axis, y right, z up.  Pixel (u, v) is centred on (u + 0.5, v + 0.5); the
focal length is width / (2 tan(fov / 2)) for both axes, as in CARLA's own projection examples.

CARLA publishes the lens attributes' names and ranges but no formula.  Ours, with x and y from -1 to 1 across the
picture: r² = ``lens_x_size`` x² + ``lens_y_size`` y², s = 1 + ``lens_k`` r² + ``lens_kcube`` r³, and the pixel shows
what an ideal camera shows at ((1 - w) + w s) (x, y), where w = min(1, ``lens_circle_multiplier`` ρ ** ``lens_circle_falloff``)
and ρ is the distance from the middle, 1 in the corners.  With the default multiplier 0 the lens is ideal, as users
calibrate it to be.
"""  # noqa: E501 - a formula is easier to read on one line

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.sensors.context import number

Array32 = NDArray[np.float32]
Floats = NDArray[np.float64]


LARGEST_PIXELS = 8192 * 4320
"""Of a picture: more would take the server's memory."""
BENT_AT_MOST = 100.0
"""Of any lens attribute: beyond it no picture is left."""


@dataclass(frozen=True)
class Lens:
    """Size, field of view and distortion."""

    width: int
    height: int
    fov_deg: float
    circle_falloff: float = 5.0
    circle_multiplier: float = 0.0
    k: float = -1.0
    kcube: float = 0.0
    x_size: float = 0.08
    y_size: float = 0.08

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> Lens:
        """The lens of a camera with these blueprint attributes; sizes below one pixel are taken as one."""
        width, height = (
            max(int(number(attributes, f"image_size_{axis}", size)), 1) for axis, size in (("x", 800), ("y", 600))
        )
        if width * height > LARGEST_PIXELS:
            raise ValueError(f"a camera of {width} by {height} pixels; there may be {LARGEST_PIXELS} of them at most")
        bends = {
            name: _within(number(attributes, f"lens_{name}", default), BENT_AT_MOST)
            for name, default in (("circle_falloff", 5.0), ("circle_multiplier", 0.0), ("k", -1.0), ("kcube", 0.0),
                                  ("x_size", 0.08), ("y_size", 0.08))
        }  # fmt: skip
        return cls(width, height, min(max(number(attributes, "fov", 90.0), 1e-3), 179.0), **bends)

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.width / (2 * float(np.tan(np.deg2rad(self.fov_deg) / 2)))

    @property
    def is_ideal(self) -> bool:
        """Whether it is a pinhole: straight lines stay straight."""
        return self.circle_multiplier == 0.0 or (self.k == 0.0 and self.kcube == 0.0)

    def directions(self) -> Array32:
        """Unit directions (3, H * W) of the pixels, row by row from the top left, sensor frame."""
        return _directions(self)

    def bent(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Where an ideal camera shows what this one shows at ``x``, ``y`` (...), -1 to 1 across the picture."""
        if self.is_ideal:
            return x, y
        r = np.sqrt(np.maximum(self.x_size * x**2 + self.y_size * y**2, 0.0))
        corner = np.sqrt((x**2 + y**2) / 2)
        weight = np.clip(self.circle_multiplier * np.maximum(corner, 1e-3) ** self.circle_falloff, 0.0, 1.0)
        scale = 1 + weight * (self.k * r**2 + self.kcube * r**3)
        return x * scale, y * scale


@lru_cache(maxsize=4)
def _directions(lens: Lens) -> Array32:
    x = (np.arange(lens.width) + 0.5) * 2 / lens.width - 1
    y = (np.arange(lens.height) + 0.5) * 2 / lens.height - 1
    bent_x, bent_y = lens.bent(*np.meshgrid(x, y))
    right, down = bent_x * lens.width / 2 / lens.focal_px, bent_y * lens.height / 2 / lens.focal_px
    length = np.sqrt(1 + right**2 + down**2)
    grid = np.stack([1 / length, right / length, -down / length]).reshape(3, -1)
    directions = np.ascontiguousarray(grid, dtype=np.float32)
    directions.flags.writeable = False
    return directions


def _within(value: float, most: float) -> float:
    return min(max(value, -most), most)
