"""The network: three resolutions down, one back up, a heat map and box figures per 0.8 m cell.

CenterPoint without anchors (Yin et al., CVPR 2021), half a million parameters.  Box figures are computed only for the
cells asked about: the labelled ones in training, the peaks in detection.  ``refine`` then looks at the peaks' returns,
and ``heading`` tells front from rear.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from scanyard.detect.heading import HeadingNet
from scanyard.detect.pillars import CELL_M, CHANNELS, Grid, OccupiedCells
from scanyard.detect.recipe import TrainRecipe
from scanyard.detect.refine import RefineNet

FIGURES = 8
"""Per cell and category: offset x, y; height; log length, width, height; sin and cos of twice the yaw."""

HEAT_M = 2 * CELL_M
"""Side of a cell of the heat map."""

WIDTHS = (32, 48, 96)
QUIET_START = -4.0  # a heat map that begins at 2 % everywhere, so that background does not drown the first steps


class FirstLook(NamedTuple):
    """What the network makes of a batch of B frames."""

    features: Tensor
    """(B, F, H/2, W/2)"""
    logits: Tensor
    """(B, C, H/2, W/2) of the heat map."""


class PillarNet(nn.Module):
    """Occupied 0.4 m cells to features (B, F, H/2, W/2) and heat-map logits (B, C, H/2, W/2)."""

    def __init__(self, num_categories: int, shape: tuple[int, int], *, channels: int = CHANNELS) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.shape = shape
        self.stem = nn.Sequential(
            nn.Linear(4 * channels, middle, bias=False),
            nn.BatchNorm1d(middle, momentum=0.05),
            nn.ReLU(inplace=True),
            nn.Linear(middle, fine, bias=False),
            nn.BatchNorm1d(fine, momentum=0.05),
            nn.ReLU(inplace=True),
        )
        self.down_middle = _convolution(fine, middle, stride=2)
        self.middle = nn.Sequential(*[_convolution(middle, middle) for _ in range(2)])
        self.down_coarse = _convolution(middle, coarse, stride=2)
        self.coarse = nn.Sequential(*[_convolution(coarse, coarse) for _ in range(4)])
        self.up_middle = _upsampling(coarse, middle)
        self.fuse_middle = _convolution(middle, middle)
        self.heat = nn.Conv2d(middle, num_categories, 1)
        self.figures = nn.Sequential(nn.Linear(middle, middle), nn.ReLU(), nn.Linear(middle, num_categories * FIGURES))
        self.refine = RefineNet(num_categories)
        nn.init.constant_(self.heat.bias, QUIET_START)  # type: ignore[arg-type]  # a convolution with bias has one
        self.heading = HeadingNet(num_categories)  # last, so that the others begin as they would without it

    @classmethod
    def of(cls, recipe: TrainRecipe) -> PillarNet:
        """An untrained network for what a recipe detects, where, and from what; torch's random state decides it."""
        channels = CHANNELS + recipe.use_intensity
        return cls(len(recipe.categories), Grid.of(recipe).shape, channels=channels)

    def forward(self, cells: OccupiedCells) -> FirstLook:
        """Features per cell and heat-map logits."""
        with _full_precision():
            listed = self.stem(cells.figures)
        if torch.is_autocast_enabled("cpu"):
            listed = listed.to(torch.get_autocast_dtype("cpu"))
        rows, columns = self.shape
        dense = listed.new_zeros(cells.num_frames * rows * columns, listed.shape[1])
        dense = dense.index_copy_(0, cells.index, listed)
        fine = dense.view(cells.num_frames, rows, columns, -1).permute(0, 3, 1, 2)
        middle = self.middle(self.down_middle(fine))
        coarse = self.coarse(self.down_coarse(middle))
        features = self.fuse_middle(middle + self.up_middle(coarse))
        return FirstLook(features, self.heat(features))

    def figures_at(self, features: Tensor, batch: Tensor, cell: Tensor, category: Tensor) -> Tensor:
        """Box figures (K, FIGURES) of K cells, given by frame in the batch, flat cell index and category."""
        flat = features.permute(0, 2, 3, 1).flatten(0, 2)
        cells_per_frame = features.shape[2] * features.shape[3]
        # index_select, for the gradient of [...] adds up in any order where several threads do it
        chosen_features = flat.index_select(0, batch * cells_per_frame + cell)
        with _full_precision():
            every = self.figures(chosen_features.float()).unflatten(1, (-1, FIGURES))
        chosen: Tensor = every[torch.arange(len(cell)), category]
        return chosen


def _full_precision() -> torch.autocast:
    """No bfloat16 inside: for layers whose number of rows differs from step to step.

    oneDNN builds and keeps a kernel for every shape it meets, which costs three times the layer and a gigabyte in a few
    hundred steps.
    """
    return torch.autocast("cpu", enabled=False)


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs, momentum=0.05),
        nn.ReLU(inplace=True),
    )


def _upsampling(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 2, stride=2, bias=False),
        nn.BatchNorm2d(outputs, momentum=0.05),
    )
