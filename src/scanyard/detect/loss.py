"""What training minimises.

At the first look the heat map, box figures and their overlap with the label; at the second the errors left, the overlap
once they are made good, and the network's guess of it; beside that, which end of a label is its front.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from scanyard.detect.coding import Targets, decode, encode
from scanyard.detect.heading import HeadingNet
from scanyard.detect.lessons import Lesson
from scanyard.detect.network import FirstLook, PillarNet
from scanyard.detect.overlap import aligned_overlap
from scanyard.detect.pillars import Grid
from scanyard.detect.proposals import LARGEST_LOG
from scanyard.detect.refine import ERROR_UNIT, RefineNet

FIGURE_WEIGHTS = (1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 5.0, 5.0)  # a car five degrees askew misses an overlap of 0.7
ERROR_WEIGHTS = (1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 2.0)
ERROR_SHARE, ERROR_OVERLAP_WEIGHT = 1 / 7, 2.0


def first_loss(net: PillarNet, look: FirstLook, wanted: Targets, typical: Tensor, grid: Grid) -> Tensor:
    """The loss () of the first look at a batch, per labelled box; ``grid`` is the heat map's."""
    loss = heat_loss(look.logits.float(), wanted.heat, wanted.counted) / max(wanted.num_boxes, 1)
    if not wanted.num_boxes:
        return loss
    figures = net.figures_at(look.features, wanted.batch, wanted.cell, wanted.category)
    size = typical[wanted.category]
    error = functional.smooth_l1_loss(figures, encode(wanted.box, wanted.cell, size, grid), beta=0.1, reduction="none")
    shared, _ = aligned_overlap(decode(figures, wanted.cell, size, grid), wanted.box)
    return loss + (error @ torch.tensor(FIGURE_WEIGHTS)).mean() + (1 - shared).mean()


def second_loss(net: RefineNet, inputs: tuple[Tensor, Tensor], lesson: Lesson) -> Tensor:
    """The loss () of the second look at a lesson's proposals, of which it sees ``inputs``, per proposal."""
    errors, logits = net(*inputs)
    matched = torch.from_numpy(lesson.matched)
    told, true = errors[matched], torch.from_numpy(lesson.errors.astype(np.float32))[matched]
    size = torch.from_numpy(lesson.proposals.boxes[lesson.matched, 3:6].astype(np.float32))
    shared, turn = aligned_overlap(_with(told, size), _with(true, size))
    quality = torch.zeros_like(logits)
    quality[matched] = (shared * turn).detach().clamp(0, 1)
    loss = functional.binary_cross_entropy_with_logits(logits, quality)
    if not len(told):
        return loss
    left = functional.smooth_l1_loss(told / ERROR_UNIT, true / ERROR_UNIT, beta=0.1, reduction="none")
    return loss + ERROR_SHARE * (left @ torch.tensor(ERROR_WEIGHTS)).mean() + ERROR_OVERLAP_WEIGHT * (1 - shared).mean()


def heading_loss(net: HeadingNet, inputs: tuple[Tensor, Tensor], lesson: Lesson) -> Tensor:
    """The loss () of telling fronts, per proposal that has a label."""
    logits = net(*inputs)
    faces = torch.from_numpy(lesson.faces.astype(np.float32))
    asked = torch.from_numpy(lesson.matched.astype(np.float32))
    loss: Tensor = functional.binary_cross_entropy_with_logits(logits, faces, weight=asked, reduction="sum")
    return loss / max(int(lesson.matched.sum()), 1)


def _with(errors: Tensor, size: Tensor) -> Tensor:
    """The boxes (K, 7), in their proposals' own frames, that ``errors`` (K, 7) make of proposals of ``size`` (K, 3)."""
    logs = errors[:, 3:6].clamp(-LARGEST_LOG, LARGEST_LOG)
    return torch.cat([errors[:, :3], size * torch.exp(logs), errors[:, 6:]], dim=1)


def heat_loss(logits: Tensor, heat: Tensor, counted: Tensor) -> Tensor:
    """The penalty-reduced focal loss of CornerNet (Law and Deng, ECCV 2018, eq. 1) with α = 2, β = 4, summed."""
    chance = torch.sigmoid(logits)
    centre = (heat == 1).float()
    hit = -functional.logsigmoid(logits) * (1 - chance) ** 2 * centre
    miss = -functional.logsigmoid(-logits) * chance**2 * (1 - heat) ** 4 * (1 - centre)
    return ((hit + miss) * counted).sum()
