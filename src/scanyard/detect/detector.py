"""``PillarDetector``: trained weights that find boxes in a frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from scanyard.boxes import Boxes, overlap_bev
from scanyard.detect.checkpoint import Checkpoint, TrainingSummary, read_checkpoint, write_checkpoint
from scanyard.detect.coding import typical_sizes
from scanyard.detect.detectors import in_image
from scanyard.detect.example import flatten, visible_points
from scanyard.detect.network import HEAT_M, PillarNet
from scanyard.detect.peaks import find_peaks
from scanyard.detect.pillars import Grid, occupied_cells
from scanyard.detect.recipe import TrainRecipe
from scanyard.detect.refine import refined
from scanyard.errors import CheckpointError
from scanyard.frame import Frame
from scanyard.geometry import wrap_angle
from scanyard.sensors import Rig

MIN_PRODUCT = 0.01  # of chance and expected overlap: what neither look believes in is not reported
QUALITY_WEIGHT = 0.68
"""How much of a score is the expected overlap, the rest the first look's chance: what Hu et al. (AFDetV2, AAAI 2022)
took for vehicles."""
MAX_BOXES = 100
MAX_OVERLAP = 0.2  # neighbours share no ground, but boxes are a hand too wide: at 0.1 real cars in a row were lost


@dataclass(frozen=True)
class PillarDetector:
    """A pillar detector; ``train`` makes one and ``load_detector`` reads one back."""

    recipe: TrainRecipe
    net: PillarNet = field(repr=False)
    training: TrainingSummary = field(default_factory=TrainingSummary, repr=False)
    name: str = "pillars"

    def detect(self, frame: Frame, rig: Rig) -> Boxes:
        """Boxes in the ego frame, best first, with ``score`` and, where the rig has a camera, ``image_box``.

        Boxes outside the first camera's image are dropped: nobody labelled there.  InputError when the frame lacks the
        rig's first LiDAR, or its intensity where the recipe uses it.
        """
        categories, grid = self.recipe.categories, Grid.of(self.recipe, HEAT_M)
        points, ground = flatten(visible_points(frame, rig, use_intensity=self.recipe.use_intensity))
        cells = occupied_cells([points], Grid.of(self.recipe))
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bfloat16()):
            peaks = find_peaks(
                self.net,
                self.net(cells),
                typical_sizes(categories),
                grid,
                least=MIN_PRODUCT,
                most=2 * MAX_BOXES,
                crowds=True,
            )
            rows, quality = refined(
                self.net.refine,
                self.net.heading,
                peaks.box.double().numpy(),
                peaks.category.numpy(),
                points=points,
                sensor_m=rig.lidars[0].ego_from_sensor.translation,
                names=categories,
            )
        chance = peaks.chance.double().numpy()
        score = chance ** (1 - QUALITY_WEIGHT) * quality**QUALITY_WEIGHT
        order = np.argsort(-score, kind="stable")
        order = order[(chance * quality)[order] >= MIN_PRODUCT]
        center = rows[order, :3]
        center[:, 2] += ground.height(center)
        names = np.array(categories)[peaks.category.numpy()[order]]
        boxes = Boxes(center, rows[order, 3:6], wrap_angle(rows[order, 6]), names, score=score[order])
        if rig.cameras:
            boxes = in_image(boxes, rig.cameras[0])
        return without_overlaps(boxes)[:MAX_BOXES]

    def save(self, path: str | Path) -> None:
        """Write weights, recipe and training summary as one safetensors file."""
        write_checkpoint(path, Checkpoint(self.name, self.recipe, self.training, self.net.state_dict()))


def load_detector(path: str | Path) -> PillarDetector:
    """Read a detector that ``PillarDetector.save`` wrote; CheckpointError says what is wrong with the file."""
    checkpoint = read_checkpoint(path)
    net = PillarNet.of(checkpoint.recipe)
    expected = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in net.state_dict().items()}
    found = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in checkpoint.weights.items()}
    if found != expected:
        odd = sorted(name for name in expected | found if expected.get(name) != found.get(name))
        raise CheckpointError(
            f"{path}: {len(odd)} arrays do not fit the network, the first is {odd[0]}: found {found.get(odd[0])}, "
            f"expected {expected.get(odd[0])}. It was written by another version: train it again."
        )
    net.load_state_dict(dict(checkpoint.weights))
    return PillarDetector(checkpoint.recipe, ready(net), checkpoint.training, checkpoint.name)


def ready(net: PillarNet) -> PillarNet:
    """The network in the state that detecting wants."""
    net.eval().requires_grad_(False)
    return net


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; emulated it is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def without_overlaps(boxes: Boxes) -> Boxes:
    """Of boxes in order of score, those that share no more than a sliver of ground with a better one of their class."""
    clash = overlap_bev(boxes, boxes) > MAX_OVERLAP
    clash &= boxes.category[:, None] == boxes.category[None]
    keep = np.ones(len(boxes), dtype=bool)
    for i in range(len(boxes)):
        if keep[i]:
            keep[i + 1 :] &= ~clash[i, i + 1 :]
    return boxes[keep]
