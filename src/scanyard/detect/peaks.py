"""The first look's answer: local maxima of the heat map, each with the box its cell's features tell."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from scanyard.detect.coding import decode
from scanyard.detect.network import FirstLook, PillarNet
from scanyard.detect.pillars import Grid

LIKELY = 0.05  # of a cell beside a better one; each is looked at twice, and fewer cost less


@dataclass(frozen=True)
class Peaks:
    """K proposals of a batch of B frames, best first."""

    batch: Tensor
    """(K,) frame of each."""
    cell: Tensor
    """(K,) flat cell of the heat map."""
    category: Tensor
    """(K,)"""
    box: Tensor
    """(K, 7) x, y, z above ground, length, width, height, yaw."""
    chance: Tensor
    """(K,) value of the heat map, 0 to 1."""


def find_peaks(
    net: PillarNet,
    look: FirstLook,
    typical: Tensor,
    grid: Grid,
    *,
    least: float,
    most: int,
    crowds: bool = False,
) -> Peaks:
    """The ``most`` best peaks of at least ``least``, in all frames together; ``grid`` is the heat map's.

    With ``crowds``, every likely cell counts where things are no longer than a cell: people side by side stand in
    neighbouring cells, of which one alone is a maximum.  Doubles are then told by their overlap.
    """
    heat = torch.sigmoid(look.logits.float())
    peak = heat == functional.max_pool2d(heat, 3, stride=1, padding=1)
    if crowds:
        small = typical[:, :2].amax(dim=1) < grid.cell_m + 0.01
        peak |= small[:, None, None] & (heat > LIKELY)
    peak &= heat > least
    batch, category, row, column = torch.nonzero(peak, as_tuple=True)
    chance, order = heat[batch, category, row, column].sort(descending=True, stable=True)
    chance, order = chance[:most], order[:most]
    batch, category, cell = batch[order], category[order], (row * grid.columns + column)[order]
    figures = net.figures_at(look.features, batch, cell, category)
    return Peaks(batch, cell, category, decode(figures, cell, typical[category], grid), chance)
