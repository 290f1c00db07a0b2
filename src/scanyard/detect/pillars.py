"""Points to pillars: what the network sees of a frame.

Every 0.2 m pillar is summed up in ``CHANNELS`` fixed figures, without a learnt point network: on two CPU cores that
halves the cost of a step, and most of what it gave up is in the occupied height slices.  Four neighbouring pillars
share one 0.4 m cell as separate channels, so the first convolution works at half the resolution and loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanyard.detect.recipe import PILLAR_M, TrainRecipe

CELL_M = 2 * PILLAR_M
"""Side of a cell of the network's input and of its heat map."""

SLICES_M = (0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 2.0, 2.4)
"""Edges of the height slices whose occupancy is a channel each; below the first and above the last count too."""

STATISTICS = 7
CHANNELS = STATISTICS + len(SLICES_M) + 1


@dataclass(frozen=True)
class Grid:
    """The detection area as H×W cells; rows run along x, columns along y."""

    x_m: float
    y_m: float
    rows: int
    columns: int

    @classmethod
    def of(cls, recipe: TrainRecipe) -> Grid:
        """The grid a recipe asks for."""
        x0, y0, x1, y1 = recipe.area_m
        return cls(x0, y0, round((x1 - x0) / CELL_M), round((y1 - y0) / CELL_M))


def pillars(points: NDArray[np.float32], grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Occupied pillars: index (P,) into the H×W×4 pillars of the grid, and figures (P, CHANNELS).

    The figures are the filled share (log), mean offset from the pillar's centre in x and y, mean, lowest and highest
    height, spread of heights, and the occupied slices.
    """
    x = (points[:, 0] - np.float32(grid.x_m)) / np.float32(PILLAR_M)
    y = (points[:, 1] - np.float32(grid.y_m)) / np.float32(PILLAR_M)
    inside = (x >= 0) & (y >= 0) & (x < 2 * grid.rows) & (y < 2 * grid.columns)
    x, y, z = x[inside], y[inside], points[inside, 2]
    i, j = x.astype(np.int32), y.astype(np.int32)
    pillar = (((i >> 1) * grid.columns + (j >> 1)) << 2) + ((i & 1) << 1) + (j & 1)
    filled = np.bincount(pillar, minlength=grid.rows * grid.columns * 4)
    occupied = np.flatnonzero(filled)
    rank_of = np.zeros(len(filled), dtype=np.int32)
    rank_of[occupied] = np.arange(len(occupied), dtype=np.int32)
    rank, count = rank_of[pillar], filled[occupied]

    def mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.bincount(rank, values, minlength=len(occupied)) / count

    figures = np.zeros((len(occupied), CHANNELS), dtype=np.float32)
    figures[:, 0] = np.log1p(count) / 3
    figures[:, 1] = mean(x - i) - 0.5
    figures[:, 2] = mean(y - j) - 0.5
    figures[:, 3] = height = mean(z)
    figures[:, 4] = figures[:, 5] = height
    np.minimum.at(figures[:, 4], rank, z)
    np.maximum.at(figures[:, 5], rank, z)
    figures[:, 6] = np.sqrt(np.maximum(mean(z * z) - height * height, 0))
    figures[rank, STATISTICS + np.searchsorted(SLICES_M, z)] = 1
    return occupied, figures


def dense_input(parts: Sequence[tuple[NDArray[np.int64], NDArray[np.float32]]], grid: Grid, dtype: torch.dtype) -> Tensor:
    """The network's input (B, 4·CHANNELS, H, W), channels last in memory, from the occupied pillars of B frames."""
    per_frame = grid.rows * grid.columns * 4
    dense = torch.zeros(len(parts) * per_frame, CHANNELS, dtype=dtype)
    index = np.concatenate([pillar + b * per_frame for b, (pillar, _) in enumerate(parts)])
    figures = np.concatenate([figures for _, figures in parts])
    dense[torch.from_numpy(index)] = torch.from_numpy(figures).to(dtype)
    return dense.view(len(parts), grid.rows, grid.columns, 4 * CHANNELS).permute(0, 3, 1, 2)
