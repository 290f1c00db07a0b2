"""Smoothing of jagged outlines in a finished picture, along the outlines: FXAA (Lottes 2009), in its short form.

Outlines are where neighbours differ in distance, material or direction of the surface, and in brightness: textures and
shadows, which are soft as they are, stay sharp.  There a pixel is blended with what lies to either side of it along the
outline; where that reaches into something else, with less of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanyard.carla_server.sensors.shading import Surfaces
from scanyard.carla_server.sensors.view import View

Array32 = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Rows = NDArray[np.int64]

LEAST_CONTRAST = 8.0
"""Of 255 steps: what differs less does not look jagged."""
FARTHEST_PX = 4.0
_APART, _TURNED = np.float32(0.035), np.float32(0.25)
"""What neighbours differ by on an outline: share of the distance, and sine of the angle between surfaces, about."""
_REDUCE, _LEAST_REDUCE = 1 / 32, 2.0


def smooth_edges(picture: Pixels, view: View, found: Surfaces) -> None:
    """Smooth ``picture`` (H, W, 4), B, G, R, A, of a view, in place."""
    height, width = picture.shape[:2]
    if min(height, width) < 3:
        return
    at = np.flatnonzero(_outlines(view, found))
    luma = picture[..., 0].astype(np.int16)
    luma += picture[..., 1]
    luma += picture[..., 1]
    luma += picture[..., 2]
    around = [luma.reshape(-1).take(at + step).astype(np.float32)
              for step in (-width - 1, -width, -width + 1, -1, 0, 1, width - 1, width, width + 1)]  # fmt: skip
    low, high = np.minimum.reduce(around), np.maximum.reduce(around)
    sharp = np.flatnonzero(high - low > 4 * LEAST_CONTRAST)
    at, low, high = at[sharp], low[sharp], high[sharp]
    nw, ne, sw, se = (around[i][sharp] for i in (0, 2, 6, 8))
    along_x, along_y = (sw + se) - (nw + ne), (nw + sw) - (ne + se)
    reduce = np.maximum((nw + ne + sw + se) * np.float32(_REDUCE), np.float32(4 * _LEAST_REDUCE))
    scale = np.float32(0.5) / (np.minimum(np.abs(along_x), np.abs(along_y)) + reduce)
    along_x = np.clip(along_x * scale, -FARTHEST_PX, FARTHEST_PX)
    along_y = np.clip(along_y * scale, -FARTHEST_PX, FARTHEST_PX)
    words = picture.reshape(-1, 4).view(np.uint32).reshape(-1)
    row, column = np.divmod(at, width)
    taps = _sampled(words, column + along_x, row + along_y, (height, width))
    taps += _sampled(words, column - along_x, row - along_y, (height, width))
    own = picture.reshape(-1, 4)[at].astype(np.float32)
    mixed = np.float32(0.5) * own + np.float32(0.25) * taps
    bright = mixed[:, 0] + 2 * mixed[:, 1] + mixed[:, 2]
    outside = (bright < low) | (bright > high)
    mixed[outside] = np.float32(0.75) * own[outside] + np.float32(0.125) * taps[outside]
    picture.reshape(-1, 4)[at] = np.rint(mixed).astype(np.uint8)


def _outlines(view: View, found: Surfaces) -> NDArray[np.bool_]:
    """(M,) whether a pixel lies on either side of an outline; never at the picture's border."""
    shape = view.shape
    range_m = np.minimum(view.range_m, np.float32(1e4)).reshape(shape)
    material, (x, y, z) = found.material.reshape(shape), (part.reshape(shape) for part in found.normal)
    marked = np.zeros(shape, bool)
    for first, second in (((slice(None), slice(0, -1)), (slice(None), slice(1, None))),
                          ((slice(0, -1), slice(None)), (slice(1, None), slice(None)))):  # fmt: skip
        a, b = range_m[first], range_m[second]
        differs = np.abs(a - b) > _APART * a
        differs |= material[first] != material[second]
        turned = np.abs(x[first] - x[second])
        turned += np.abs(y[first] - y[second])
        turned += np.abs(z[first] - z[second])
        differs |= turned > _TURNED
        marked[first] |= differs
        marked[second] |= differs
    marked[0], marked[-1], marked[:, 0], marked[:, -1] = False, False, False, False
    return marked.reshape(-1)


def _sampled(words: NDArray[np.uint32], x: Array32, y: Array32, shape: tuple[int, int]) -> Array32:
    """Channels (K, 4) between the middles of pixels, at ``x``, ``y`` (K,)."""
    height, width = shape
    x, y = np.clip(x, 0, width - 1.01), np.clip(y, 0, height - 1.01)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, down = (x - left)[:, None].astype(np.float32), (y - top)[:, None].astype(np.float32)
    at = top * width + left
    above = _blend(_channels(words, at), _channels(words, at + 1), right)
    return _blend(above, _blend(_channels(words, at + width), _channels(words, at + width + 1), right), down)


def _channels(words: NDArray[np.uint32], at: Rows) -> Array32:
    return words.take(at).view(np.uint8).reshape(-1, 4).astype(np.float32)


def _blend(a: Array32, b: Array32, share: Array32) -> Array32:
    b -= a
    b *= share
    a += b
    return a
