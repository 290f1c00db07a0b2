"""What training minimises: heat map, box figures, their overlap with the label, and the network's guess of it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from scanyard.detect.coding import Targets, decode, encode
from scanyard.detect.network import FIGURES, PillarNet
from scanyard.detect.pillars import Grid, OccupiedCells

FIGURE_WEIGHTS = (1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 5.0, 5.0)  # a car five degrees askew misses an overlap of 0.7
OVERLAP_WEIGHT, QUALITY_WEIGHT = 1.0, 0.5


def detection_loss(net: PillarNet, cells: OccupiedCells, wanted: Targets, typical: Tensor, grid: Grid) -> Tensor:
    """The loss () of one batch, per labelled box; ``grid`` is the heat map's."""
    features, logits = net(cells)
    loss = heat_loss(logits.float(), wanted.heat, wanted.counted) / max(wanted.num_boxes, 1)
    if not wanted.num_boxes:
        return loss
    figures = net.figures_at(features, wanted.batch, wanted.cell, wanted.category)
    size = typical[wanted.category]
    weights = torch.tensor(FIGURE_WEIGHTS)
    error = functional.smooth_l1_loss(
        figures[:, : FIGURES - 1], encode(wanted.box, wanted.cell, size, grid), beta=0.1, reduction="none"
    )
    shared, turn = aligned_overlap(decode(figures, wanted.cell, size, grid), wanted.box)
    quality = (shared * turn).detach().clamp(0, 1)
    guess = functional.binary_cross_entropy_with_logits(figures[:, FIGURES - 1], quality)
    return loss + (error * weights).sum(dim=1).mean() + OVERLAP_WEIGHT * (1 - shared).mean() + QUALITY_WEIGHT * guess


def heat_loss(logits: Tensor, heat: Tensor, counted: Tensor) -> Tensor:
    """The penalty-reduced focal loss of CornerNet (Law and Deng, ECCV 2018, eq. 1) with α = 2, β = 4, summed."""
    chance = torch.sigmoid(logits)
    centre = (heat == 1).float()
    hit = -functional.logsigmoid(logits) * (1 - chance) ** 2 * centre
    miss = -functional.logsigmoid(-logits) * chance**2 * (1 - heat) ** 4 * (1 - centre)
    return ((hit + miss) * counted).sum()


def aligned_overlap(box: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """3-D intersection over union (K,) of boxes (K, 7) taken as turned like their labels, and cos² of the turn between.

    The exact overlap of turned boxes has no smooth gradient; near the optimum the two agree.
    """
    cos, sin = torch.cos(label[:, 6]), torch.sin(label[:, 6])
    dx, dy = (box[:, :2] - label[:, :2]).unbind(1)
    apart = torch.stack([cos * dx + sin * dy, cos * dy - sin * dx, box[:, 2] - label[:, 2]], dim=1)
    low = torch.maximum(apart - box[:, 3:6] / 2, -label[:, 3:6] / 2)
    high = torch.minimum(apart + box[:, 3:6] / 2, label[:, 3:6] / 2)
    shared = (high - low).clamp(min=0).prod(dim=1)
    union = box[:, 3:6].prod(dim=1) + label[:, 3:6].prod(dim=1) - shared
    return shared / union, torch.cos(box[:, 6] - label[:, 6]) ** 2
