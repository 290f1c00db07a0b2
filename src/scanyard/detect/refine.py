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

from scanyard.detect.coding import typical_rows
from scanyard.detect.proposals import RETURNS, Proposals
from scanyard.geometry import FloatArray

LOOKS = 2
"""Times a proposal is looked at and corrected."""

PER_RETURN, PER_PROPOSAL = 9, 8
ERRORS = 7
ERROR_UNIT = 0.2  # metres, radians, logarithms: what proposals are off by, so that the network's outputs are near one
WIDTHS = (64, 64, 128)
NEAR_ONE_M = np.array([2.0, 1.0, 0.8], dtype=np.float32)  # half a car, which makes coordinates near one


class RefineNet(nn.Module):
    """Returns around K proposals to errors (K, 7) and a quality logit (K,)."""

    def __init__(self, num_categories: int) -> None:
        super().__init__()
        inputs, layers = PER_RETURN, []
        for width in WIDTHS:
            layers += [nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width, momentum=0.05), nn.ReLU()]
            inputs = width
        self.each = nn.Sequential(*layers)
        self.together = nn.Sequential(
            nn.Linear(inputs + PER_PROPOSAL + num_categories, 128, bias=False),
            nn.BatchNorm1d(128, momentum=0.05),
            nn.ReLU(),
            nn.Linear(128, 128, bias=False),
            nn.BatchNorm1d(128, momentum=0.05),
            nn.ReLU(),
            nn.Linear(128, ERRORS + 1),
        )
        self.num_categories = num_categories

    def forward(self, per_return: Tensor, per_proposal: Tensor) -> tuple[Tensor, Tensor]:
        """Errors (K, 7) in metres, logarithms and radians, in the proposals' frames; quality logits (K,)."""
        with torch.autocast("cpu", enabled=False):  # the number of rows differs from step to step, see network.py
            seen = self.each(per_return.flatten(0, 1)).unflatten(0, (-1, RETURNS)).amax(dim=1)
            told = self.together(torch.cat([seen, per_proposal], dim=1))
        return told[:, :ERRORS] * ERROR_UNIT, told[:, ERRORS]

    def inputs(self, proposals: Proposals, category: NDArray[np.int64], names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """What is shown of proposals of ``category`` (K,), an index into ``names``: (K, RETURNS, 9) and (K, 8 + C)."""
        boxes, returns = proposals.boxes.astype(np.float32), proposals.returns
        half = boxes[:, None, 3:6] / 2
        per_return = np.concatenate(
            [
                returns / NEAR_ONE_M,
                half - returns,
                (half + returns)[..., :2],
                returns[..., 2:] + boxes[:, None, 2:3],  # above ground
            ],
            axis=2,
        )
        typical = typical_rows(names)
        distance = np.maximum(np.hypot(*proposals.bearing.T), 0.1)
        per_proposal = np.column_stack(
            [
                np.log(proposals.boxes[:, 3:6] / typical[category]),
                proposals.boxes[:, 2],
                distance / 30,
                proposals.bearing / distance[:, None],
                np.log1p(proposals.count) / 5,
                np.eye(len(names))[category],
            ]
        )
        return torch.from_numpy(per_return), torch.from_numpy(per_proposal.astype(np.float32))


def refined(
    net: RefineNet,
    boxes: FloatArray,
    category: NDArray[np.int64],
    *,
    points: NDArray[np.float32],
    sensor_m: FloatArray,
    names: Sequence[str],
) -> tuple[FloatArray, FloatArray]:
    """Boxes (K, 7) after ``LOOKS`` looks, and how well they are expected to overlap the truth (K,), 0 to 1."""
    quality = np.zeros(len(boxes))
    for _ in range(LOOKS if len(boxes) else 0):
        proposals = Proposals.of(boxes, points, sensor_m)
        errors, logits = net(*net.inputs(proposals, category, names))
        boxes, quality = proposals.corrected(errors.double().numpy()), torch.sigmoid(logits).double().numpy()
    return boxes, quality
