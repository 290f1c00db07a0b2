"""Overlap of a box with its label where a gradient is wanted: training's own measure, not the one that scores."""

from __future__ import annotations

import torch
from torch import Tensor


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
