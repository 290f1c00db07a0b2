"""Smoothing of jagged edges in a finished picture, along the edges: FXAA (Lottes 2009), in its short form.

Where brightness changes sharply between neighbours, a pixel is blended with what lies half a step and a sixth of a step
to either side of it along the edge; where the longer step reaches into something else, only the shorter one counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array32 = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Rows = NDArray[np.int64]

LEAST_CONTRAST, CONTRAST_SHARE = 10, 0.14
"""An edge differs by so many of 255 steps at least, and by such a share of its bright side."""
FARTHEST_PX = 8.0
_REDUCE, _LEAST_REDUCE = 1 / 32, 2.0


def smooth_edges(picture: Pixels) -> None:
    """Smooth ``picture`` (H, W, 4), B, G, R, A, in place."""
    height, width = picture.shape[:2]
    if min(height, width) < 3:
        return
    luma = picture[..., 0].astype(np.int16)
    luma += picture[..., 1]
    luma += picture[..., 1]
    luma += picture[..., 2]
    luma >>= 2
    middle, north, south = luma[1:-1, 1:-1], luma[:-2, 1:-1], luma[2:, 1:-1]
    west, east = luma[1:-1, :-2], luma[1:-1, 2:]
    high = np.maximum(np.maximum(north, south), np.maximum(west, east))
    low = np.minimum(np.minimum(north, south), np.minimum(west, east))
    np.maximum(high, middle, out=high)
    np.minimum(low, middle, out=low)
    span = high - low
    row, column = np.nonzero(span > np.maximum(high * np.float32(CONTRAST_SHARE), np.float32(LEAST_CONTRAST)))
    if not len(row):
        return
    at = (row + 1) * width + column + 1
    flat = luma.reshape(-1)
    nw, ne, sw, se = (
        flat.take(at + step).astype(np.float32) for step in (-width - 1, -width + 1, width - 1, width + 1)
    )
    along_x, along_y = (sw + se) - (nw + ne), (nw + sw) - (ne + se)
    reduce = np.maximum((nw + ne + sw + se) * np.float32(_REDUCE), np.float32(_LEAST_REDUCE))
    scale = 1 / (np.minimum(np.abs(along_x), np.abs(along_y)) + reduce)
    along_x = np.clip(along_x * scale, -FARTHEST_PX, FARTHEST_PX)
    along_y = np.clip(along_y * scale, -FARTHEST_PX, FARTHEST_PX)
    words = picture.reshape(-1, 4).view(np.uint32).reshape(-1)
    x, y = (column + 1).astype(np.float32), (row + 1).astype(np.float32)

    def pair(share: float) -> Array32:
        first = _sampled(words, x + along_x * np.float32(share), y + along_y * np.float32(share), (height, width))
        first += _sampled(words, x - along_x * np.float32(share), y - along_y * np.float32(share), (height, width))
        return first

    near = pair(1 / 6)
    wide = near * np.float32(0.25)
    wide += pair(0.5) * np.float32(0.25)
    near *= np.float32(0.5)
    bright = (wide[:, 0] + 2 * wide[:, 1] + wide[:, 2]) * np.float32(0.25)
    low, high = low[row, column], high[row, column]
    corners = np.stack([nw, ne, sw, se])
    outside = (bright < np.minimum(low, corners.min(axis=0))) | (bright > np.maximum(high, corners.max(axis=0)))
    wide[outside] = near[outside]
    picture.reshape(-1, 4)[at] = np.rint(wide).astype(np.uint8)


def _sampled(words: NDArray[np.uint32], x: Array32, y: Array32, shape: tuple[int, int]) -> Array32:
    """Channels (K, 4) between the middles of pixels, at ``x``, ``y`` (K,)."""
    height, width = shape
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
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
