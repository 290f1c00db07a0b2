"""What was asked at some pixels, spread to all of them: by means over neighbours that lie on the same surface.

Compiled, and in bands of rows (``bands``); every number comes from the asked ones alone, so bands need no order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.carla_server.sensors.bands import each_band

Array32 = NDArray[np.float32]

_ALIKE = np.float32(0.06)  # neighbours may differ in distance by so much of it, and
_ALIKE_M = np.float32(0.12)  # by so much at least
_HALF_WAY = np.float32(0.62)  # a little more than half: between two neighbours inverse depth is even, not depth
_PLANE_M, _SAME_WAY = np.float32(0.12), np.float32(0.75)  # off the plane, and cosine between normals
_LEAST = np.float32(1e-6)


def block_mean(values: Array32, point: Array32, normal: Array32) -> Array32:
    """Mean (R, C) over those of 4 × 4 neighbours, itself among them, that lie in its plane, or all but.

    ``point`` and ``normal`` are (3, R, C).
    """
    mean = np.empty_like(values)
    columns = max(values.shape[1], 1)

    def work(band: slice) -> None:
        _mean(values, point, normal, band.start // columns, band.stop // columns, mean)

    each_band(work, values.shape)
    return mean


def softened(values: Array32, weight: Array32, depth: Array32) -> Array32:
    """Values (R, C) blurred by 1-2-1 in both directions over neighbours that have ``weight`` and are at a like depth.

    Sunlight's half shadow is about so wide, and rays at every second pixel are too coarse for sharper ones.
    """
    for axis in (0, 1):
        first, last = ((slice(None, -1), slice(1, None)) if axis == 0 else
                       ((slice(None), slice(None, -1)), (slice(None), slice(1, None))))  # fmt: skip
        a, b = depth[first], depth[last]
        with np.errstate(invalid="ignore"):  # two skies
            alike = (np.abs(a - b) < _ALIKE_M + _ALIKE * a).astype(np.float32)
        total, share = 2 * values, np.full(values.shape, np.float32(2))
        total[first] += alike * weight[last] * values[last]
        share[first] += alike * weight[last]
        total[last] += alike * weight[first] * values[first]
        share[last] += alike * weight[first]
        values = total / share
    return values


def doubled(values: Array32, weight: Array32, depth: Array32) -> Array32:
    """Values (R, C) of every second pixel of every second row, spread to all pixels of ``depth`` (H, W).

    The pixels between take the mean of the neighbours that have ``weight`` (R, C) and are at a like depth: no further
    off than half the way to the opposite neighbour, as it is on a plane, however slanted.
    """
    width = depth.shape[1]
    whole = np.empty(depth.shape, np.float32)

    def work(band: slice) -> None:
        _double(values, weight, depth, band.start // width, band.stop // width, whole)

    each_band(work, depth.shape)
    return whole


def _mean_rows(  # noqa: PLR0917  # compiled calls are cheapest by position
    values: Array32, point: Array32, normal: Array32, top: int, bottom: int, mean: Array32
) -> None:
    rows, columns = values.shape
    for row in range(top, bottom):
        for column in range(columns):
            x, y, z = normal[0, row, column], normal[1, row, column], normal[2, row, column]
            px, py, pz = point[0, row, column], point[1, row, column], point[2, row, column]
            total, weight = values[row, column], np.float32(1)
            for i in range(max(row - 1, 0), min(row + 3, rows)):
                for j in range(max(column - 1, 0), min(column + 3, columns)):
                    if i == row and j == column:
                        continue
                    off = (point[0, i, j] - px) * x + (point[1, i, j] - py) * y + (point[2, i, j] - pz) * z
                    same = normal[0, i, j] * x + normal[1, i, j] * y + normal[2, i, j] * z
                    if abs(off) < _PLANE_M and same > _SAME_WAY:
                        total += values[i, j]
                        weight += np.float32(1)
            mean[row, column] = total / weight


def _double_rows(  # noqa: PLR0917
    values: Array32, weight: Array32, depth: Array32, top: int, bottom: int, whole: Array32
) -> None:
    rows, columns = values.shape
    for row in range(top, bottom):
        i, down = row // 2, row % 2
        for column in range(depth.shape[1]):
            j, right = column // 2, column % 2
            if down == 0 and right == 0:
                whole[row, column] = values[i, j]
                continue
            here = depth[row, column]
            far_i, far_j = min(i + down, rows - 1), min(j + right, columns - 1)
            allowed = _ALIKE_M + _ALIKE * here
            allowed += _HALF_WAY * abs(depth[2 * i, 2 * j] - depth[2 * far_i, 2 * far_j])
            total, share = _LEAST * values[i, j], _LEAST
            for k in range(i, i + down + 1):
                for n in range(j, j + right + 1):
                    a, b = min(k, rows - 1), min(n, columns - 1)
                    if abs(depth[2 * a, 2 * b] - here) < allowed:  # two skies are no number apart: not alike
                        total += values[a, b] * weight[a, b]
                        share += weight[a, b]
            whole[row, column] = total / share


_compiled = njit(nogil=True, cache=True, error_model="numpy")
_mean = cast(Callable[..., None], _compiled(_mean_rows))
_double = cast(Callable[..., None], _compiled(_double_rows))
