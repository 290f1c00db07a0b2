"""The network: three resolutions down, one back up, a heat map and box figures per 0.4 m cell.

CenterPoint without anchors (Yin et al., CVPR 2021), half a million parameters.  Box figures are computed only for the
cells asked about: the labelled ones in training, the peaks in detection.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scanyard.detect.pillars import CHANNELS

FIGURES = 9
"""Per cell and category: offset x, y; height; log length, width, height; sin and cos of twice the yaw; overlap."""

WIDTHS = (32, 64, 96)
HEAD = 48
QUIET_START = -4.0  # a heat map that begins at 2 % everywhere, so that background does not drown the first steps


class PillarNet(nn.Module):
    """Input (B, 4·CHANNELS, H, W) to features (B, HEAD, H, W) and heat-map logits (B, C, H, W)."""

    def __init__(self, num_categories: int) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.stem = _convolution(4 * CHANNELS, fine)
        self.down_middle = _convolution(fine, middle, stride=2)
        self.middle = nn.Sequential(*[_convolution(middle, middle) for _ in range(3)])
        self.down_coarse = _convolution(middle, coarse, stride=2)
        self.coarse = nn.Sequential(*[_convolution(coarse, coarse) for _ in range(4)])
        self.up_middle = _upsampling(coarse, middle)
        self.fuse_middle = _convolution(middle, middle)
        self.up_fine = _upsampling(middle, fine)
        self.fuse_fine = _convolution(fine, HEAD)
        self.heat = nn.Conv2d(HEAD, num_categories, 1)
        self.figures = nn.Sequential(nn.Linear(HEAD, HEAD), nn.ReLU(), nn.Linear(HEAD, num_categories * FIGURES))
        nn.init.constant_(self.heat.bias, QUIET_START)  # type: ignore[arg-type]  # a convolution with bias has one

    def forward(self, dense: Tensor) -> tuple[Tensor, Tensor]:
        """Features per cell and heat-map logits."""
        fine = self.stem(dense)
        middle = self.middle(self.down_middle(fine))
        coarse = self.coarse(self.down_coarse(middle))
        middle = self.fuse_middle(middle + self.up_middle(coarse))
        features = self.fuse_fine(fine + self.up_fine(middle))
        return features, self.heat(features)

    def figures_at(self, features: Tensor, batch: Tensor, cell: Tensor, category: Tensor) -> Tensor:
        """Box figures (K, FIGURES) of K cells, given by frame in the batch, flat cell index and category."""
        flat = features.permute(0, 2, 3, 1).flatten(1, 2)
        every = self.figures(flat[batch, cell]).float().unflatten(1, (-1, FIGURES))
        chosen: Tensor = every[torch.arange(len(cell)), category]
        return chosen


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
