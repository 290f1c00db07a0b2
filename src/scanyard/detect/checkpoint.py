"""Checkpoints: weights as safetensors, with the recipe and what training saw in the metadata.

Safetensors holds arrays and text only, so a checkpoint from a stranger cannot run code.  All text sits under one
metadata key, which keeps the bytes of a file a function of its contents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from scanyard.detect.recipe import TrainRecipe
from scanyard.errors import CheckpointError, InputError

FORMAT = "scanyard-pillars-3"
KEY = "scanyard"


@dataclass(frozen=True)
class TrainingSummary:
    """What a training run saw and did."""

    losses: tuple[tuple[int, float], ...] = ()
    """About a hundred (step, loss) pairs, each loss the mean since the pair before."""
    frames_by_domain: Mapping[str, int] = field(default_factory=dict)
    """Frames trained on: synthetic, real, stand-in."""
    licences: tuple[str, ...] = ()
    """Licences of those frames; weights inherit the question."""
    precision: str = "float32"
    """Number format of the convolutions: ``bfloat16`` where the CPU multiplies it."""
    earlier: tuple[TrainRecipe, ...] = ()
    """Recipes of the runs whose weights this one went on from, oldest first."""

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return asdict(self) | {"earlier": [recipe.to_dict() for recipe in self.earlier]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrainingSummary:
        """Undo ``to_dict``."""
        return cls(
            losses=tuple((int(step), float(loss)) for step, loss in data["losses"]),
            frames_by_domain={str(domain): int(count) for domain, count in data["frames_by_domain"].items()},
            licences=tuple(map(str, data["licences"])),
            precision=str(data["precision"]),
            earlier=tuple(TrainRecipe.from_dict(recipe) for recipe in data["earlier"]),
        )


@dataclass(frozen=True)
class Checkpoint:
    """What a detector file holds."""

    name: str
    recipe: TrainRecipe
    training: TrainingSummary
    weights: Mapping[str, Tensor]


def write_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write one file; it appears only when complete."""
    text = json.dumps(
        {
            "format": FORMAT,
            "name": checkpoint.name,
            "recipe": checkpoint.recipe.to_dict(),
            "training": checkpoint.training.to_dict(),
        }
    )
    path = Path(path)
    partial = path.with_name(path.name + ".part")
    weights = {name: tensor.detach().contiguous() for name, tensor in checkpoint.weights.items()}
    save_file(weights, partial, metadata={KEY: text})
    partial.replace(path)


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Undo ``write_checkpoint``; CheckpointError where the file is not one of ours, damaged, or holds no numbers."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; `scanyard train` writes detectors")
    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # not a mapping
    except (SafetensorError, OSError, ValueError) as trouble:
        raise CheckpointError(f"{path}: damaged, or not a detector: {trouble}") from None
    try:
        data = json.loads(metadata[KEY])
        found = data["format"]
        if found != FORMAT:
            raise CheckpointError(f"{path}: format is {found!r}, expected {FORMAT!r}; train it again with this version")
        recipe = TrainRecipe.from_dict(data["recipe"])
        training = TrainingSummary.from_dict(data["training"])
        name = str(data["name"])
    except CheckpointError:
        raise
    except InputError as trouble:
        raise CheckpointError(f"{path}: {trouble}") from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as trouble:
        raise CheckpointError(f"{path}: safetensors, but not a detector of ours: {trouble!r}") from None
    for tensor_name, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: {tensor_name} holds values that are not finite; train it again")
    return Checkpoint(name, recipe, training, weights)
