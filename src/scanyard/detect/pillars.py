"""Points to pillars: what the network sees of a frame.

Every 0.2 m pillar is summed up in ``CHANNELS`` fixed figures, without a learnt point network, and four neighbouring
pillars share one 0.4 m cell as separate channels.  Only one cell in ten holds points, so the first layers run on a list
of cells and the convolutions begin at 0.4 m: most of what the usual pillar network spends goes into empty 0.2 m cells.
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
"""Side of a cell of the network's input."""

SLICES_M = (0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 2.0, 2.4)
"""Edges of the height slices whose occupancy is a channel each; below the first and above the last count too."""

STATISTICS = 7
CHANNELS = STATISTICS + len(SLICES_M) + 1
"""Figures of a pillar; mean intensity is one more where the recipe uses it."""


@dataclass(frozen=True)
class Grid:
    """The detection area as H×W cells; rows run along x, columns along y."""

    x_m: float
    y_m: float
    cell_m: float
    rows: int
    columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @classmethod
    def of(cls, recipe: TrainRecipe, cell_m: float = CELL_M) -> Grid:
        """A recipe's detection area in cells of a given side."""
        x0, y0, x1, y1 = recipe.area_m
        return cls(x0, y0, cell_m, round((x1 - x0) / cell_m), round((y1 - y0) / cell_m))


@dataclass(frozen=True)
class OccupiedCells:
    """The cells of B frames that hold points."""

    index: Tensor
    """(Q,) int64 into all cells of all frames."""
    figures: Tensor
    """(Q, 4·C) float32, the C figures of each of the cell's four pillars one after another."""
    num_frames: int


def occupied_cells(clouds: Sequence[NDArray[np.float32]], grid: Grid) -> OccupiedCells:
    """Sum up the clouds (M, 3), or (M, 4) with intensity, of B frames."""
    parts = [_cells(points, grid) for points in clouds]
    index = np.concatenate([cell + b * grid.rows * grid.columns for b, (cell, _) in enumerate(parts)])
    figures = np.concatenate([figures for _, figures in parts])
    return OccupiedCells(torch.from_numpy(index), torch.from_numpy(figures), len(clouds))


def _cells(points: NDArray[np.float32], grid: Grid) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Occupied cells (Q,) of one frame and their figures (Q, 4·C).

    A pillar's figures: number of points (log), their mean offset from the pillar's centre in x and y, their mean,
    lowest and highest height, the spread of heights, which slices are occupied, and the points' mean intensity if any.
    """
    with_intensity = points.shape[1] > 3
    x = (points[:, 0] - np.float32(grid.x_m)) / np.float32(PILLAR_M)
    y = (points[:, 1] - np.float32(grid.y_m)) / np.float32(PILLAR_M)
    inside = (x >= 0) & (y >= 0) & (x < 2 * grid.rows) & (y < 2 * grid.columns)
    x, y, z = x[inside], y[inside], points[inside, 2]
    i, j = x.astype(np.int32), y.astype(np.int32)
    cell = (i >> 1) * grid.columns + (j >> 1)
    occupied = np.zeros(grid.rows * grid.columns, dtype=bool)
    occupied[cell] = True
    cells = np.flatnonzero(occupied)
    rank_of = np.zeros(len(occupied), dtype=np.int32)
    rank_of[cells] = np.arange(len(cells), dtype=np.int32)
    pillar = (rank_of[cell] << 2) + ((i & 1) << 1) + (j & 1)
    num_pillars = 4 * len(cells)
    count = np.bincount(pillar, minlength=num_pillars)
    filled = count > 0

    def mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.bincount(pillar, values, minlength=num_pillars) / np.maximum(count, 1)

    figures = np.zeros((num_pillars, CHANNELS + with_intensity), dtype=np.float32)
    figures[:, 0] = np.log1p(count) / 3
    figures[:, 1] = (mean(x - i) - 0.5) * filled
    figures[:, 2] = (mean(y - j) - 0.5) * filled
    height = mean(z)
    lowest, highest = height.astype(np.float32), height.astype(np.float32)
    np.minimum.at(lowest, pillar, z)
    np.maximum.at(highest, pillar, z)
    figures[:, 3], figures[:, 4], figures[:, 5] = height, lowest, highest
    figures[:, 6] = np.sqrt(np.maximum(mean(z * z) - height * height, 0))
    figures[pillar, STATISTICS + np.searchsorted(SLICES_M, z)] = 1
    if with_intensity:
        figures[:, CHANNELS] = mean(points[inside, 3])
    return cells, figures.reshape(len(cells), 4 * figures.shape[1])
