"""``train``: frames and a recipe in, a detector out.

All frames are read and prepared once; ``batches`` says what each step learns from, ``optimise`` takes the steps.  The
same call gives the same weights.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from scanyard.detect.checkpoint import TrainingSummary
from scanyard.detect.detector import PillarDetector, has_bfloat16, ready
from scanyard.detect.example import Example, prepare
from scanyard.detect.network import PillarNet
from scanyard.detect.optimise import OnProgress, optimise
from scanyard.detect.recipe import TrainRecipe
from scanyard.errors import InputError
from scanyard.sequence import SensorSequence

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Recordings to train on together, and their share of the samples."""

    sequences: tuple[SensorSequence, ...]
    weight: float = 1.0
    """Share of the samples, relative to the other sources' weights; above zero."""

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise InputError(f"training: a source has weight {self.weight}, expected more than 0; leave it out instead")


def train(
    sources: Sequence[Source],
    recipe: TrainRecipe,
    *,
    start_from: PillarDetector | None = None,
    threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> PillarDetector:
    """Train for exactly ``recipe.steps`` steps; InputError where there is nothing to learn from.

    ``start_from`` continues with the weights of another detector, on learning-rate schedules of its own.  ``threads``
    is torch's thread count while training; the same count is needed for the same weights to the last bit.
    """
    if start_from is not None:
        _require_same_network(start_from.recipe, recipe)
    pools = [read_examples(source, recipe) for source in sources]
    _require_labels(pools, recipe)
    with _threads(threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        net = PillarNet.of(recipe)
        if start_from is not None:
            net.load_state_dict(start_from.net.state_dict())
        losses = optimise(net, pools, [source.weight for source in sources], recipe, on_progress)
    logger.info("trained %d steps, loss %.3f", recipe.steps, losses[-1][1])
    return PillarDetector(recipe, ready(net), _summary(sources, losses, start_from))


def read_examples(source: Source, recipe: TrainRecipe) -> list[Example]:
    """Every frame of a source, ready to train on and held in memory."""
    return [
        prepare(frame, sequence.info.rig, recipe, domain=sequence.info.domain)
        for sequence in source.sequences
        for frame in sequence
    ]


def _summary(
    sources: Sequence[Source], losses: tuple[tuple[int, float], ...], start_from: PillarDetector | None
) -> TrainingSummary:
    sequences = [sequence for source in sources for sequence in source.sequences]
    frames = Counter[str]()
    for sequence in sequences:
        frames[sequence.info.domain] += len(sequence)
    licences = {sequence.info.licence for sequence in sequences}
    earlier: tuple[TrainRecipe, ...] = ()
    if start_from is not None:
        frames.update(start_from.training.frames_by_domain)
        licences.update(start_from.training.licences)
        earlier = (*start_from.training.earlier, start_from.recipe)
    return TrainingSummary(
        losses=losses,
        frames_by_domain=dict(sorted(frames.items())),
        licences=tuple(sorted(licences)),
        precision="bfloat16" if has_bfloat16() else "float32",
        earlier=earlier,
    )


def _require_labels(pools: Sequence[Sequence[Example]], recipe: TrainRecipe) -> None:
    if not pools or not all(pools):
        raise InputError("training: a source holds no frames; every source needs at least one labelled sequence")
    if not any((~example.ignored).any() for pool in pools for example in pool):
        raise InputError(
            f"training: none of {sum(map(len, pools))} frames has a label of {list(recipe.categories)} with at least "
            f"{recipe.min_points} points inside; check the categories and the labels"
        )


def _require_same_network(trained: TrainRecipe, recipe: TrainRecipe) -> None:
    if trained.categories != recipe.categories:
        raise InputError(
            f"training: cannot go on from a detector of {list(trained.categories)} with a recipe for "
            f"{list(recipe.categories)}; use the same categories in the same order"
        )
    if trained.use_intensity != recipe.use_intensity:
        raise InputError(
            f"training: cannot go on from a detector with use_intensity {trained.use_intensity} with a recipe that "
            f"says {recipe.use_intensity}; its network sees as many figures as it was trained on"
        )


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
