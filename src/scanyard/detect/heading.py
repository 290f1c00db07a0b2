"""Which end is the front: bonnet or boot, once the box stands.

Bird's-eye and 3-D precision ignore it; KITTI's orientation similarity, nuScenes' and Argoverse 2's orientation errors
and Waymo's APH do not.  Boxes are found up to half a turn, because a network made to tell the ends apart at once learns
neither well; this small PointNet sees what the second look sees and answers that alone.  Its weights and its
optimiser are its own, so the boxes and their scores are the same to the last bit with and without it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scanyard.detect.proposals import RETURNS
from scanyard.detect.seen import PER_PROPOSAL, of_each_return

WIDTHS = (32, 64)


class HeadingNet(nn.Module):
    """Returns around K proposals to logits (K,) of the front being the end that looks towards the sensor."""

    def __init__(self, num_categories: int) -> None:
        super().__init__()
        self.each = of_each_return(WIDTHS)
        self.together = nn.Sequential(
            nn.Linear(WIDTHS[-1] + PER_PROPOSAL + num_categories, 64, bias=False),
            nn.BatchNorm1d(64, momentum=0.05),
            nn.ReLU(),
            nn.Linear(64, 1),
        )

    def forward(self, per_return: Tensor, per_proposal: Tensor) -> Tensor:
        """Logits (K,) from what ``seen.seen_of`` shows of the proposals."""
        with torch.autocast("cpu", enabled=False):  # the number of rows differs from step to step, see network.py
            seen = self.each(per_return.flatten(0, 1)).unflatten(0, (-1, RETURNS)).amax(dim=1)
            told: Tensor = self.together(torch.cat([seen, per_proposal], dim=1))
        return told[:, 0]
