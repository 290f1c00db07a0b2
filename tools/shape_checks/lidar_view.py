"""A cloud of points as a small picture: the object's box in outline, its returns coloured by height."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Floats = NDArray[np.float64]

SIZE_PX = (300, 190)
_ASIDE_RAD, _ABOVE_RAD = 0.45, 0.40  # the eye stands aside of and above the LiDAR, so that depth can be seen
_EDGES = [(a, b) for a in range(8) for b in range(a) if bin(a ^ b).count("1") == 1]


def lidar_view(points: Floats, size: tuple[float, float, float], bearing_rad: float) -> Image.Image:
    """Returns (M, 3) in the frame of a box of ``size`` that stands on z = 0.

    ``bearing_rad`` is the direction from the box to the LiDAR, from x towards y.
    """
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0, 1)]) * np.array(size)
    flat = _projected(corners, bearing_rad)
    middle, spread = (flat.max(axis=0) + flat.min(axis=0)) / 2, np.ptp(flat, axis=0)
    scale = float((np.array(SIZE_PX) * 0.78 / spread).min())
    picture = Image.new("RGB", SIZE_PX, (16, 18, 24))
    draw = ImageDraw.Draw(picture)

    def pixels(local: Floats) -> Floats:
        return np.asarray((_projected(local, bearing_rad) - middle) * scale + np.array(SIZE_PX) / 2)

    placed = pixels(corners)
    for a, b in _EDGES:
        draw.line([tuple(placed[a]), tuple(placed[b])], fill=(70, 78, 92))
    colors = (mpl.colormaps["viridis"](points[:, 2] / max(size[2], 0.1))[:, :3] * 255).astype(int)
    for (u, v), color in zip(pixels(points), colors, strict=True):
        draw.ellipse([u - 1.2, v - 1.2, u + 1.2, v + 1.2], fill=tuple(color.tolist()))
    draw.text((6, 4), f"{len(points)} points", fill=(190, 196, 206))
    return picture


def _projected(local: Floats, bearing_rad: float) -> Floats:
    """Orthographic (M, 2): to the right and down."""
    eye = bearing_rad + _ASIDE_RAD
    right = np.array([-np.sin(eye), np.cos(eye), 0.0])
    down = np.array([np.sin(_ABOVE_RAD) * np.cos(eye), np.sin(_ABOVE_RAD) * np.sin(eye), -np.cos(_ABOVE_RAD)])
    return np.asarray(local @ np.stack([right, down], axis=1))
