"""Boxes to training targets and network figures back to boxes, one beside the other so that they stay inverse.

Yaw is coded as sin and cos of twice the angle: front and rear of a car look too much alike in a scan, so a peak's
heading is known up to half a turn; ``heading`` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scanyard.detect.example import Example
from scanyard.detect.pillars import Grid
from scanyard.geometry import FloatArray

TYPICAL_M: dict[str, tuple[float, float, float]] = {
    "car": (3.9, 1.6, 1.55),
    "van": (5.1, 1.9, 2.2),
    "truck": (10.0, 2.6, 3.2),
    "bus": (11.0, 2.9, 3.4),
    "pedestrian": (0.8, 0.6, 1.75),
    "cyclist": (1.75, 0.6, 1.7),
    "motorcyclist": (2.1, 0.8, 1.7),
}
"""Length, width, height the logarithms start from; any other category starts from one metre."""

REACH_CELLS = 1  # cells around a centre that also learn its box: short training sees nine times as many
SPREAD = (0.16, 0.25)  # standard deviations of the heat-map bump as shares of length and width
NARROWEST_M = 0.35


@dataclass(frozen=True)
class Targets:
    """What a batch of B frames should give on H×W cells; K cells carry a box."""

    heat: Tensor
    """(B, C, H, W) 1 at a centre, falling off around it."""
    counted: Tensor
    """(B, 1, H, W) 0 where nothing is asked: look-alikes, thin objects, unlabelled regions."""
    batch: Tensor
    """(K,) frame of each cell."""
    cell: Tensor
    """(K,) flat cell index."""
    category: Tensor
    """(K,)"""
    box: Tensor
    """(K, 7) float32 x, y, z above ground, length, width, height, yaw."""
    num_boxes: int


def targets(examples: Sequence[Example], grid: Grid, num_categories: int) -> Targets:
    """Draw the targets of a batch."""
    heat = np.zeros((len(examples), num_categories, grid.rows, grid.columns), dtype=np.float32)
    counted = np.ones((len(examples), 1, grid.rows, grid.columns), dtype=np.float32)
    batch, cell, category, box = [], [], [], []
    num_boxes = 0
    for b, example in enumerate(examples):
        _mask_points(counted[b, 0], example.points[example.unlabelled], grid)
        for row, label, ignored in zip(example.boxes, example.label, example.ignored, strict=True):
            i = int(np.floor((row[0] - grid.x_m) / grid.cell_m))
            j = int(np.floor((row[1] - grid.y_m) / grid.cell_m))
            if not (0 <= i < grid.rows and 0 <= j < grid.columns):
                continue
            if ignored:
                _mask_box(counted[b, 0], row, grid)
                continue
            num_boxes += 1
            _bump(heat[b, label], row, grid, (i, j))
            near = [
                (p, q)
                for p in range(max(i - REACH_CELLS, 0), min(i + REACH_CELLS + 1, grid.rows))
                for q in range(max(j - REACH_CELLS, 0), min(j + REACH_CELLS + 1, grid.columns))
            ]
            cell += [p * grid.columns + q for p, q in near]
            batch += [b] * len(near)
            category += [int(label)] * len(near)
            box += [row] * len(near)
    counted = np.maximum(counted, heat.max(axis=1, keepdims=True) == 1)
    return Targets(
        heat=torch.from_numpy(heat),
        counted=torch.from_numpy(counted),
        batch=torch.tensor(batch, dtype=torch.long),
        cell=torch.tensor(cell, dtype=torch.long),
        category=torch.tensor(category, dtype=torch.long),
        box=torch.from_numpy(np.array(box, dtype=np.float32).reshape(-1, 7)),
        num_boxes=num_boxes,
    )


def typical_rows(categories: Sequence[str]) -> FloatArray:
    """(C, 3) metres; a cube of one where nothing is known of a category."""
    return np.array([TYPICAL_M.get(name, (1.0, 1.0, 1.0)) for name in categories])


def typical_sizes(categories: Sequence[str]) -> Tensor:
    """The same for the network, float32."""
    return torch.from_numpy(typical_rows(categories)).float()


def encode(box: Tensor, cell: Tensor, typical: Tensor, grid: Grid) -> Tensor:
    """Figures (K, 8) that ``decode`` turns into boxes (K, 7); ``typical`` (K, 3) metres."""
    x, y = _cell_centre(cell, grid)
    twice = 2 * box[:, 6]
    return torch.stack(
        [
            (box[:, 0] - x) / grid.cell_m,
            (box[:, 1] - y) / grid.cell_m,
            box[:, 2],
            *torch.log(box[:, 3:6] / typical).unbind(1),
            torch.sin(twice),
            torch.cos(twice),
        ],
        dim=1,
    )


def decode(figures: Tensor, cell: Tensor, typical: Tensor, grid: Grid) -> Tensor:
    """Boxes (K, 7) from figures (K, 8 or more)."""
    x, y = _cell_centre(cell, grid)
    size = torch.exp(figures[:, 3:6].clamp(-2, 2)) * typical
    yaw = torch.atan2(figures[:, 6], figures[:, 7]) / 2
    return torch.cat(
        [
            torch.stack([x + figures[:, 0] * grid.cell_m, y + figures[:, 1] * grid.cell_m, figures[:, 2]], dim=1),
            size,
            yaw[:, None],
        ],
        dim=1,
    )


def _cell_centre(cell: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    row, column = torch.div(cell, grid.columns, rounding_mode="floor"), cell % grid.columns
    return grid.x_m + (row + 0.5) * grid.cell_m, grid.y_m + (column + 0.5) * grid.cell_m


def _window(row: FloatArray, grid: Grid, reach_m: float) -> tuple[slice, slice, FloatArray, FloatArray]:
    """Cells within ``reach_m`` of a box, and their centres along and across the box, in metres."""
    i0, j0 = int((row[0] - reach_m - grid.x_m) / grid.cell_m), int((row[1] - reach_m - grid.y_m) / grid.cell_m)
    width = int(2 * reach_m / grid.cell_m) + 2
    rows, columns = slice(max(i0, 0), min(i0 + width, grid.rows)), slice(max(j0, 0), min(j0 + width, grid.columns))
    dx = (grid.x_m + (np.arange(rows.start, rows.stop) + 0.5) * grid.cell_m - row[0])[:, None]
    dy = (grid.y_m + (np.arange(columns.start, columns.stop) + 0.5) * grid.cell_m - row[1])[None]
    cos, sin = np.cos(row[6]), np.sin(row[6])
    return rows, columns, cos * dx + sin * dy, cos * dy - sin * dx


def _bump(heat: NDArray[np.float32], row: FloatArray, grid: Grid, centre: tuple[int, int]) -> None:
    along_m, across_m = max(SPREAD[0] * row[3], NARROWEST_M), max(SPREAD[1] * row[4], NARROWEST_M)
    rows, columns, along, across = _window(row, grid, 3 * max(along_m, across_m))
    bump = np.exp(-0.5 * ((along / along_m) ** 2 + (across / across_m) ** 2))
    heat[rows, columns] = np.maximum(heat[rows, columns], np.where(bump > 0.02, 0.99 * bump, 0))
    heat[centre] = 1


def _mask_box(counted: NDArray[np.float32], row: FloatArray, grid: Grid) -> None:
    rows, columns, along, across = _window(row, grid, float(np.hypot(row[3], row[4])) / 2 + grid.cell_m)
    counted[rows, columns] *= (np.abs(along) > row[3] / 2 + grid.cell_m / 2) | (
        np.abs(across) > row[4] / 2 + grid.cell_m / 2
    )


def _mask_points(counted: NDArray[np.float32], points: NDArray[np.float32], grid: Grid) -> None:
    i = np.floor((points[:, 0] - grid.x_m) / grid.cell_m).astype(np.int64)
    j = np.floor((points[:, 1] - grid.y_m) / grid.cell_m).astype(np.int64)
    inside = (i >= 0) & (i < grid.rows) & (j >= 0) & (j < grid.columns)
    counted[i[inside], j[inside]] = 0
