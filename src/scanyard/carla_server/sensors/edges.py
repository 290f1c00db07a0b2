"""Smoothing of jagged outlines in a finished picture, along the outlines: FXAA (Lottes 2009), in its short form.

Outlines are where neighbours differ in distance, material or direction of the surface, and in brightness: textures and
shadows, which are soft as they are, stay sharp.  There a pixel is blended with what lies to either side of it along the
outline; where that reaches into something else, with less of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.carla_server.sensors.bands import each_band
from scanyard.carla_server.sensors.shading import Surfaces
from scanyard.carla_server.sensors.view import View

Array32 = NDArray[np.float32]
Pixels = NDArray[np.uint8]

LEAST_CONTRAST = 8.0
"""Of 255 steps: what differs less does not look jagged."""
FARTHEST_PX = 4.0
_SHARP, _FARTHEST = np.float32(4 * LEAST_CONTRAST), np.float32(FARTHEST_PX)
_APART, _TURNED = np.float32(0.035), np.float32(0.25)
"""What neighbours differ by on an outline: share of the distance, and sine of the angle between surfaces, about."""
_REDUCE, _LEAST_REDUCE = np.float32(1 / 32), np.float32(8.0)
_FAR_M = np.float32(1e4)
_HALF, _QUARTER, _EIGHTH = np.float32(0.5), np.float32(0.25), np.float32(0.125)


def smooth_edges(picture: Pixels, view: View, found: Surfaces) -> None:
    """Smooth ``picture`` (H, W, 4), B, G, R, A, of a view, in place."""
    height, width = picture.shape[:2]
    if min(height, width) < 3:
        return
    jagged = picture.copy()
    range_m, material = view.range_m.reshape(view.shape), found.material.reshape(view.shape)
    normal = found.normal.reshape(3, height, width)

    def work(band: slice) -> None:
        top, bottom = max(band.start // width, 1), min(band.stop // width, height - 1)
        _smooth(jagged, range_m, material, normal, top, bottom, picture)

    each_band(work, view.shape)


def _smooth_rows(  # noqa: PLR0917  # compiled calls are cheapest by position
    jagged: Pixels,
    range_m: Array32,
    material: Pixels,
    normal: Array32,
    top: int,
    bottom: int,
    picture: Pixels,
) -> None:
    width = material.shape[1]
    mixed = np.empty(4, np.float32)
    taps = np.empty(4, np.float32)
    for row in range(top, bottom):
        for column in range(1, width - 1):
            if not (
                _is_outline(range_m, material, normal, row, column - 1, row, column)
                or _is_outline(range_m, material, normal, row, column, row, column + 1)
                or _is_outline(range_m, material, normal, row - 1, column, row, column)
                or _is_outline(range_m, material, normal, row, column, row + 1, column)
            ):
                continue
            low, high = _luma(jagged, row, column), _luma(jagged, row, column)
            for i in range(row - 1, row + 2):
                for j in range(column - 1, column + 2):
                    bright = _luma(jagged, i, j)
                    low, high = min(low, bright), max(high, bright)
            if not high - low > _SHARP:
                continue
            nw, ne = _luma(jagged, row - 1, column - 1), _luma(jagged, row - 1, column + 1)
            sw, se = _luma(jagged, row + 1, column - 1), _luma(jagged, row + 1, column + 1)
            along_x, along_y = (sw + se) - (nw + ne), (nw + sw) - (ne + se)
            reduce = max((nw + ne + sw + se) * _REDUCE, _LEAST_REDUCE)
            scale = _HALF / (min(abs(along_x), abs(along_y)) + reduce)
            along_x = min(max(along_x * scale, -_FARTHEST), _FARTHEST)
            along_y = min(max(along_y * scale, -_FARTHEST), _FARTHEST)
            for c in range(4):
                taps[c] = np.float32(0)
            for side in (1, -1):
                _sample(jagged, column + side * np.float64(along_x), row + side * np.float64(along_y), taps)
            for c in range(4):
                mixed[c] = _HALF * np.float32(jagged[row, column, c]) + _QUARTER * taps[c]
            bright = mixed[0] + np.float32(2) * mixed[1] + mixed[2]
            if bright < low or bright > high:
                for c in range(4):
                    mixed[c] = (_HALF + _QUARTER) * np.float32(jagged[row, column, c]) + _EIGHTH * taps[c]
            for c in range(4):
                picture[row, column, c] = np.uint8(np.rint(mixed[c]))


def _outline_between(  # noqa: PLR0917
    range_m: Array32, material: Pixels, normal: Array32, i: int, j: int, k: int, n: int
) -> bool:
    """Whether an outline runs between the pixels i, j and k, n."""
    if material[i, j] != material[k, n]:
        return True
    a, b = min(range_m[i, j], _FAR_M), min(range_m[k, n], _FAR_M)
    if abs(a - b) > _APART * a:
        return True
    turned = abs(normal[0, i, j] - normal[0, k, n])
    turned += abs(normal[1, i, j] - normal[1, k, n])
    turned += abs(normal[2, i, j] - normal[2, k, n])
    return bool(turned > _TURNED)


def _brightness(picture: Pixels, row: int, column: int) -> np.float32:
    """Four times how bright a pixel is."""
    blue, green, red = picture[row, column, 0], picture[row, column, 1], picture[row, column, 2]
    return np.float32(np.int32(blue) + 2 * np.int32(green) + np.int32(red))


def _add_sample(picture: Pixels, x: float, y: float, total: Array32) -> None:
    """Add the channels between the middles of pixels, at ``x``, ``y``, to ``total`` (4,)."""
    height, width = picture.shape[:2]
    x, y = min(max(x, 0.0), width - 1.01), min(max(y, 0.0), height - 1.01)
    left, up = int(x), int(y)
    right, down = np.float32(x - left), np.float32(y - up)
    for c in range(4):
        above = _between(picture[up, left, c], picture[up, left + 1, c], right)
        below = _between(picture[up + 1, left, c], picture[up + 1, left + 1, c], right)
        total[c] += above + (below - above) * down


def _between_two(a: np.uint8, b: np.uint8, share: np.float32) -> np.float32:
    return np.float32(a) + (np.float32(b) - np.float32(a)) * share


_compiled = njit(nogil=True, cache=True, error_model="numpy")
_is_outline = _compiled(_outline_between)
_luma = _compiled(_brightness)
_between = _compiled(_between_two)
_sample = _compiled(_add_sample)
_smooth = cast(Callable[..., None], _compiled(_smooth_rows))
