"""Rain in the air: streaks before the lens, and the mist of drops too far to be told apart.

Which drops fall where is drawn anew in every frame from the frame's number and the camera's pose, so the same frame
always has the same drops.  Streaks lean with the wind and are brightened by whatever light the sky has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.sensors.lens import Lens
from scanyard.carla_server.sensors.lighting import Light
from scanyard.carla_server.surfaces.panes import salt_of
from scanyard.randomness import stream

Array32 = NDArray[np.float32]

STREAKS_PER_PIXEL = 0.0030
"""At precipitation 100."""


def add_rain(lens: Lens, light: Light, color: Array32, pose: NDArray[np.float64], frame: int) -> None:
    """Add streaks to ``color`` (3, M)."""
    if light.rain <= 0.02:
        return
    draw = stream("rain", frame, salt_of(pose))
    count = int(STREAKS_PER_PIXEL * light.rain * lens.width * lens.height)
    near = draw.random(count) ** 3  # most drops are far, and their streaks short and faint
    length = np.maximum(lens.height * (0.012 + 0.11 * near), 2.0)
    lean = 0.35 * light.wind + draw.normal(0, 0.05, count)
    u, v = draw.uniform(-0.1, 1.1, count) * lens.width, draw.uniform(-0.1, 1.0, count) * lens.height
    strength = (0.05 + 0.20 * near).astype(np.float32)
    steps = int(length.max()) + 1
    along = np.arange(steps)[None]
    rows = (v[:, None] + along).astype(np.int64)
    columns = (u[:, None] + along * lean[:, None]).astype(np.int64)
    inside = (along < length[:, None]) & (rows >= 0) & (rows < lens.height) & (columns >= 0) & (columns < lens.width)
    pixel = (rows * lens.width + columns)[inside]
    veil = np.zeros(lens.width * lens.height, np.float32)
    fade = np.broadcast_to(strength[:, None], inside.shape)[inside]
    np.maximum.at(veil, pixel, fade)
    touched = np.flatnonzero(veil)
    for c in range(3):
        bright = np.float32(0.75 * light.sky[c] + 0.25 * light.horizon[c])
        color[c, touched] += veil[touched] * (bright - np.float32(0.6) * color[c, touched])
