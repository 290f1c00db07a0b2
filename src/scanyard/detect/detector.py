"""``PillarDetector``: trained weights that find boxes in a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from scanyard.boxes import Boxes, corners, overlap_bev
from scanyard.detect.coding import decode, typical_sizes
from scanyard.detect.example import flatten, visible_points
from scanyard.detect.network import FIGURES, PillarNet
from scanyard.detect.pillars import Grid, dense_input, pillars
from scanyard.detect.recipe import TrainRecipe
from scanyard.frame import Frame
from scanyard.geometry import FloatArray, wrap_angle
from scanyard.sensors import Camera, Rig

MIN_SCORE = 0.1
MAX_BOXES = 100
MAX_OVERLAP = 0.1  # two cars do not share ground
QUALITY_SHARE = 0.5  # how much of the score is the guessed overlap, the rest is the heat map


@dataclass(frozen=True)
class TrainingSummary:
    """What a training run did; travels in the checkpoint."""

    losses: tuple[tuple[int, float], ...] = ()
    """About a hundred (step, loss) pairs, each loss the mean since the one before."""
    num_examples: int = 0
    seconds: float = 0.0
    precision: str = "float32"
    """Number format of the convolutions: ``bfloat16`` where the CPU has it."""


@dataclass(frozen=True)
class PillarDetector:
    """A pillar detector; ``train`` makes one and ``load_detector`` reads one back."""

    recipe: TrainRecipe
    net: PillarNet = field(repr=False)
    training: TrainingSummary = field(default_factory=TrainingSummary, repr=False)
    name: str = "pillars"

    def detect(self, frame: Frame, rig: Rig) -> Boxes:
        """Boxes in the ego frame, best first, with ``score`` and, where the rig has a camera, ``image_box``.

        The heading is known up to half a turn.  Boxes outside the first camera's image are dropped: nobody labelled
        there.  InputError when the frame lacks the rig's first LiDAR.
        """
        grid = Grid.of(self.recipe)
        points, ground = flatten(visible_points(frame, rig))
        dense = dense_input([pillars(points, grid)], grid, working_dtype())
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bfloat16()):
            rows, scores, category = self._peaks(*self.net(dense), grid)
        center, names = rows[:, :3], np.array(self.recipe.categories)[category]
        center[:, 2] += ground.height(center)
        boxes = Boxes(center, rows[:, 3:6], wrap_angle(rows[:, 6]), names, score=scores)
        if rig.cameras:
            boxes = in_image(boxes, rig.cameras[0])
        return without_overlaps(boxes)[:MAX_BOXES]

    def _peaks(self, features: Tensor, logits: Tensor, grid: Grid) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Boxes (K, 7), scores (K,) and categories (K,) of the heat map's local maxima above the least score."""
        heat = torch.sigmoid(logits.float())
        peak = (heat == functional.max_pool2d(heat, 3, stride=1, padding=1)) & (heat > MIN_SCORE**2)
        _, category, row, column = torch.nonzero(peak, as_tuple=True)
        chance = heat[0, category, row, column]
        chance, order = chance.topk(min(len(chance), 2 * MAX_BOXES))
        category, cell = category[order], (row * grid.columns + column)[order]
        figures = self.net.figures_at(features, torch.zeros_like(cell), cell, category)
        typical = typical_sizes(self.recipe.categories)[category]
        rows = decode(figures, cell, typical, grid)
        quality = torch.sigmoid(figures[:, FIGURES - 1])
        score = chance ** (1 - QUALITY_SHARE) * quality**QUALITY_SHARE
        score, order = score.sort(descending=True, stable=True)
        order = order[score >= MIN_SCORE]
        return (
            rows[order].double().numpy(),
            score[: len(order)].double().numpy(),
            category[order].numpy(),
        )


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; emulated it is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def working_dtype() -> torch.dtype:
    """Number format of the network's input."""
    return torch.bfloat16 if has_bfloat16() else torch.float32


def without_overlaps(boxes: Boxes) -> Boxes:
    """Of boxes in order of score, those that share no more than a sliver of ground with a better one of their class."""
    clash = overlap_bev(boxes, boxes) > MAX_OVERLAP
    clash &= boxes.category[:, None] == boxes.category[None]
    keep = np.ones(len(boxes), dtype=bool)
    for i in range(len(boxes)):
        if keep[i]:
            keep[i + 1 :] &= ~clash[i, i + 1 :]
    return boxes[keep]


def in_image(boxes: Boxes, camera: Camera) -> Boxes:
    """The boxes that fall inside the image, with ``image_box`` around their projected corners, clipped to it."""
    pixels, depth = camera.project(corners(boxes))
    ahead = depth > 0.1
    last = np.array([camera.width_px - 1.0, camera.height_px - 1.0])
    low = np.where(ahead[..., None], pixels, np.inf).min(axis=1, initial=np.inf)
    high = np.where(ahead[..., None], pixels, -np.inf).max(axis=1, initial=-np.inf)
    image_box = np.concatenate([np.clip(low, 0, last), np.clip(high, 0, last)], axis=1)
    seen = ahead.any(axis=1) & (image_box[:, 2:] > image_box[:, :2]).all(axis=1)
    return boxes.replace(image_box=image_box)[seen]


def eval_copy(net: nn.Module) -> None:
    """Put a network into the state detection wants."""
    net.eval().requires_grad_(False)
