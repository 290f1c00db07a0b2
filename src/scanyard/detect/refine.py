"""The second look: the returns in and around a proposal say what is wrong with it, and how good it will be.

A heat map's cell is 0.8 m wide and its features are of pillars; here every return counts, with its distance to each of
the proposal's faces, as in LiDAR R-CNN (Li et al., CVPR 2021), through a PointNet (Qi et al., CVPR 2017) of 50,000
parameters.

The same network looks again at what it corrected.  It learns from both kinds of proposal it will meet: the first
stage's own, and labels slightly displaced.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scanyard.detect.heading import HeadingNet
from scanyard.detect.proposals import RETURNS, Proposals
from scanyard.detect.seen import PER_PROPOSAL, of_each_return, seen_of
from scanyard.geometry import FloatArray

LOOKS = 2
"""Times a proposal is looked at and corrected."""

ERRORS = 7
ERROR_UNIT = 0.2  # metres, radians, logarithms: what proposals are off by, so that the network's outputs are near one
WIDTHS = (64, 64, 128)


class RefineNet(nn.Module):
    """Returns around K proposals to errors (K, 7) and a quality logit (K,)."""

    def __init__(self, num_categories: int) -> None:
        super().__init__()
        self.each = of_each_return(WIDTHS)
        self.together = nn.Sequential(
            nn.Linear(WIDTHS[-1] + PER_PROPOSAL + num_categories, 128, bias=False),
            nn.BatchNorm1d(128, momentum=0.05),
            nn.ReLU(),
            nn.Linear(128, 128, bias=False),
            nn.BatchNorm1d(128, momentum=0.05),
            nn.ReLU(),
            nn.Linear(128, ERRORS + 1),
        )

    def forward(self, per_return: Tensor, per_proposal: Tensor) -> tuple[Tensor, Tensor]:
        """Errors (K, 7) in metres, logarithms and radians, in the proposals' frames; quality logits (K,)."""
        with torch.autocast("cpu", enabled=False):  # the number of rows differs from step to step, see network.py
            seen = self.each(per_return.flatten(0, 1)).unflatten(0, (-1, RETURNS)).amax(dim=1)
            told = self.together(torch.cat([seen, per_proposal], dim=1))
        return told[:, :ERRORS] * ERROR_UNIT, told[:, ERRORS]


def refined(
    net: RefineNet,
    heading: HeadingNet,
    boxes: FloatArray,
    category: NDArray[np.int64],
    *,
    points: NDArray[np.float32],
    sensor_m: FloatArray,
    names: Sequence[str],
) -> tuple[FloatArray, FloatArray]:
    """Boxes (K, 7) after ``LOOKS`` looks, and how well they are expected to overlap the truth (K,), 0 to 1."""
    if not len(boxes):
        return boxes, np.zeros(0)
    for _ in range(LOOKS):
        proposals = Proposals.of(boxes, points, sensor_m)
        inputs = seen_of(proposals, category, names)
        errors, logits = net(*inputs)
        boxes = proposals.corrected(errors.double().numpy())
    boxes[(heading(*inputs) < 0).numpy(), 6] += np.pi  # corrections leave the end towards the sensor in front
    return boxes, torch.sigmoid(logits).double().numpy()
