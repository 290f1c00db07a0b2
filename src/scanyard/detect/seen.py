"""What the second look and the heading see of a proposal: each return's place in the box, and the box as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scanyard.detect.coding import typical_rows
from scanyard.detect.proposals import Proposals

PER_RETURN, PER_PROPOSAL = 9, 8
NEAR_ONE_M = np.array([2.0, 1.0, 0.8], dtype=np.float32)  # half a car, which makes coordinates near one


def seen_of(proposals: Proposals, category: NDArray[np.int64], names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """What is seen of proposals of ``category`` (K,), an index into ``names``: (K, RETURNS, 9) and (K, 8 + C)."""
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


def of_each_return(widths: Sequence[int]) -> nn.Sequential:
    """Layers that every return goes through alike, as in a PointNet: (M, 9) to (M, the last of ``widths``)."""
    inputs, layers = PER_RETURN, []
    for width in widths:
        layers += [nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width, momentum=0.05), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers)
