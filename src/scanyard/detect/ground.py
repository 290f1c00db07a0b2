"""Height above the local ground, the one input change that helped transfer most.

Streets rise, fall and bank; a detector that reads plain z learns the slopes of its training streets instead of the
height of cars.  So a robust quadratic surface and a coarse map of what it leaves over are fitted to the lowest points
around, for any LiDAR, and subtracted from points and labels alike; detections get it added back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.geometry import FloatArray

CELL_M = 3.0  # wide enough that a cell under a parked car still holds road beside it
SEARCH_M = 4.0  # ground is looked for this far above and below the ego's own ground
BIN_M = 0.1
SHRINKING_SCALES_M = (1.0, 0.5, 0.25, 0.15, 0.1)
RESIDUAL_M = 0.45  # left-overs beyond this are hedges and walls, not road
PRIOR_CELLS = 0.3  # pulls thinly seen cells towards the quadratic surface


@dataclass(frozen=True)
class Ground:
    """A ground surface z(x, y) in the frame of the points it was fitted to."""

    coefficients: FloatArray
    """(6,) of 1, x, y, x², xy, y² with x and y in units of ``SCALE_M``."""
    origin_m: FloatArray
    """(2,) centre of the residual map's first cell."""
    residual_m: FloatArray
    """(A, B) metres above the quadratic surface, at cell centres ``CELL_M`` apart."""

    def height(self, xy: NDArray[np.floating]) -> FloatArray:
        """Ground height (...) in metres below points (..., 2 or more columns x, y)."""
        x, y = np.asarray(xy[..., 0], dtype=np.float64), np.asarray(xy[..., 1], dtype=np.float64)
        return _quadratic(self.coefficients, x, y) + self._residual(x, y)

    def _residual(self, x: FloatArray, y: FloatArray) -> FloatArray:
        rows, columns = self.residual_m.shape
        u = np.clip((x - self.origin_m[0]) / CELL_M, 0, rows - 1)
        v = np.clip((y - self.origin_m[1]) / CELL_M, 0, columns - 1)
        i, j = np.minimum(u.astype(np.intp), rows - 2), np.minimum(v.astype(np.intp), columns - 2)
        fu, fv = u - i, v - j
        flat, corner = self.residual_m.ravel(), i * columns + j
        low = flat[corner] * (1 - fv) + flat[corner + 1] * fv
        high = flat[corner + columns] * (1 - fv) + flat[corner + columns + 1] * fv
        return np.asarray(low * (1 - fu) + high * fu)


SCALE_M = 20.0  # keeps the normal equations well conditioned


def fit_ground(points: NDArray[np.floating]) -> Ground:
    """Fit the ground under points (M, 3); the origin is taken to lie on the ground, as the ego frame's does."""
    x, y, z = points[np.abs(points[:, 2]) < SEARCH_M].astype(np.float64).T.copy()
    low = np.array([x.min(), y.min()]) if len(x) else np.zeros(2)
    high = np.array([x.max(), y.max()]) if len(x) else np.zeros(2)
    origin = (np.floor(low / CELL_M) + 0.5) * CELL_M
    shape = tuple(np.maximum((np.floor(high / CELL_M) - np.floor(low / CELL_M)).astype(int) + 1, 2))
    rows, columns = int(shape[0]), int(shape[1])
    cell = np.rint((x - origin[0]) / CELL_M).clip(0, rows - 1).astype(np.intp) * columns
    cell += np.rint((y - origin[1]) / CELL_M).clip(0, columns - 1).astype(np.intp)

    lowest, seen = _low_level(cell, z, rows * columns, reach_m=SEARCH_M, bin_m=BIN_M)
    cell_x = origin[0] + CELL_M * (np.arange(rows * columns) // columns)
    cell_y = origin[1] + CELL_M * (np.arange(rows * columns) % columns)
    coefficients = _robust_quadratic(cell_x[seen], cell_y[seen], lowest[seen])

    left_over = z - _quadratic(coefficients, x, y)
    level, seen = _low_level(cell, left_over, rows * columns, reach_m=RESIDUAL_M, bin_m=0.03)
    on_ground = np.abs(left_over - level[cell]) < 0.1
    count = np.bincount(cell[on_ground], minlength=rows * columns)
    total = np.bincount(cell[on_ground], left_over[on_ground], minlength=rows * columns)
    weight = np.where(seen, np.minimum(count, 20) / 20.0, 0.0)
    mean = total / np.maximum(count, 1)
    smooth_weight = _blur((weight).reshape(rows, columns))
    smooth = _blur((weight * mean).reshape(rows, columns))
    return Ground(coefficients, origin, smooth / (smooth_weight + PRIOR_CELLS * 0.25))


def _low_level(
    cell: NDArray[np.intp], z: FloatArray, num_cells: int, *, reach_m: float, bin_m: float
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Per cell the tenth-percentile height (num_cells,) of its points within ``reach_m`` of 0, and where it has any.

    A histogram instead of a sort: four times faster, and a single stray return below the road does not decide.
    """
    bins = round(2 * reach_m / bin_m)
    inside = np.abs(z) < reach_m
    index = ((z[inside] + reach_m) / bin_m).astype(np.intp).clip(0, bins - 1)
    histogram = np.bincount(cell[inside] * bins + index, minlength=num_cells * bins).reshape(num_cells, bins)
    total = histogram.sum(axis=1)
    reached = histogram.cumsum(axis=1) >= np.maximum(0.1 * total, 2)[:, None]
    return (reached.argmax(axis=1) + 0.5) * bin_m - reach_m, total >= 3


def _robust_quadratic(x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Coefficients (6,) by reweighted least squares; the origin is held at height 0 by one heavy observation."""
    terms = np.concatenate([_terms(np.zeros(1), np.zeros(1)), _terms(x, y)])
    heights = np.concatenate([[0.0], z])
    # cells near the ego see the road well; far ones mostly see what stands on it
    trust = np.concatenate([[20.0], 1.0 / (1.0 + np.hypot(x, y) / SCALE_M)])
    # draws slope and bend to zero where a handful of cells would decide them
    ridge = np.diag([1e-3, 0.5, 0.5, 1.0, 1.0, 1.0])
    coefficients = np.zeros(6)
    for scale in SHRINKING_SCALES_M:
        residual = heights - terms @ coefficients
        weight = trust / (1.0 + (np.where(residual > 0, 2.0, 1.0) * residual / scale) ** 2) ** 2
        weighted = terms * weight[:, None]
        coefficients = np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ heights)
    return coefficients


def _terms(x: FloatArray, y: FloatArray) -> FloatArray:
    u, v = x / SCALE_M, y / SCALE_M
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=-1)


def _quadratic(coefficients: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    c, u, v = coefficients, x / SCALE_M, y / SCALE_M
    return np.asarray(c[0] + u * (c[1] + c[3] * u + c[4] * v) + v * (c[2] + c[5] * v))


def _blur(values: FloatArray) -> FloatArray:
    """3×3 binomial blur (A, B) with zeros outside."""
    padded = np.pad(values, 1)
    rows = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    return np.asarray(0.25 * rows[:, :-2] + 0.5 * rows[:, 1:-1] + 0.25 * rows[:, 2:])
