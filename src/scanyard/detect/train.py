"""``train``: frames and a recipe in, a detector out.

All frames are read and prepared once; every step then draws its frames, augments them and draws targets by random
streams keyed by the recipe's seed and the step, so the same call gives the same weights.  Sources are mixed by exact
shares of the samples.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from scanyard.detect.augment import Snippet, augment, cut_out
from scanyard.detect.checkpoint import TrainingSummary
from scanyard.detect.coding import Targets, targets, typical_sizes
from scanyard.detect.detector import PillarDetector, has_bfloat16, ready
from scanyard.detect.example import Example, prepare
from scanyard.detect.lessons import Lesson, lesson
from scanyard.detect.loss import first_loss, second_loss
from scanyard.detect.network import HEAT_M, FirstLook, PillarNet
from scanyard.detect.peaks import find_peaks
from scanyard.detect.pillars import Grid, OccupiedCells, occupied_cells
from scanyard.detect.recipe import TrainRecipe
from scanyard.errors import InputError
from scanyard.randomness import stream
from scanyard.sequence import SensorSequence

logger = logging.getLogger(__name__)

CURVE_POINTS = 100
MAX_GRADIENT = 10.0
PEAKS_PER_FRAME, LEAST_PEAK = 6, 0.05  # of which the second look learns
PREFETCHED = 2  # batches made ahead, on a thread of their own

OnProgress = Callable[[int, int, float], None]
"""Called with step (from 1), steps, and the loss of that step."""


@dataclass(frozen=True)
class Source:
    """Recordings to train on together, and their share of the samples."""

    sequences: tuple[SensorSequence, ...]
    weight: float = 1.0
    """Share of the samples, relative to the other sources' weights; above zero."""

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise InputError(f"training: a source has weight {self.weight}, expected more than 0; leave it out instead")


@dataclass(frozen=True)
class Batch:
    """What one step learns from: frames, what the network sees of them, and what it should say."""

    examples: tuple[Example, ...]
    cells: OccupiedCells
    targets: Targets


def train(
    sources: Sequence[Source],
    recipe: TrainRecipe,
    *,
    start_from: PillarDetector | None = None,
    threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> PillarDetector:
    """Train for exactly ``recipe.steps`` steps; InputError where there is nothing to learn from.

    ``start_from`` continues with the weights of another detector, on a learning-rate schedule of its own.  ``threads``
    is torch's thread count while training; the same count is needed for the same weights to the last bit.
    """
    if start_from is not None:
        _require_same_categories(start_from.recipe, recipe)
    pools = [read_examples(source, recipe) for source in sources]
    _require_labels(pools, recipe)
    with _threads(threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        net = PillarNet(len(recipe.categories), Grid.of(recipe).shape)
        if start_from is not None:
            net.load_state_dict(start_from.net.state_dict())
        losses = _optimise(net, pools, [source.weight for source in sources], recipe, on_progress)
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


def schedule(
    sizes: Sequence[int], weights: Sequence[float], num_samples: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Which frame of which source each sample is: (num_samples, 2) of source and frame index.

    Shares follow ``weights`` exactly up to rounding; within a source every frame is used once before any is used twice.
    """
    share = np.asarray(weights, dtype=np.float64)
    ends = np.rint(np.cumsum(share / share.sum()) * num_samples).astype(np.int64)
    source = rng.permutation(np.repeat(np.arange(len(sizes)), np.diff(ends, prepend=0)))
    frame = np.zeros(num_samples, dtype=np.int64)
    for s, size in enumerate(sizes):
        mine = np.flatnonzero(source == s)
        rounds = [rng.permutation(size) for _ in range(len(mine) // size + 1)]
        frame[mine] = np.concatenate(rounds)[: len(mine)]
    return np.stack([source, frame], axis=1)


def _optimise(
    net: PillarNet,
    pools: Sequence[Sequence[Example]],
    weights: Sequence[float],
    recipe: TrainRecipe,
    on_progress: OnProgress | None,
) -> tuple[tuple[int, float], ...]:
    grid, typical = Grid.of(recipe, HEAT_M), typical_sizes(recipe.categories)
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=max(recipe.steps, 2), pct_start=0.3, base_momentum=0.85
    )
    net.train()
    curve: list[tuple[int, float]] = []
    since: list[float] = []
    for step, batch in enumerate(_batches(pools, weights, recipe), start=1):
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bfloat16()):
            look = net(batch.cells)
            loss = first_loss(net, look, batch.targets, typical, grid)
        shown = _lesson(net, look, batch, recipe, step) if torch.isfinite(loss) else None
        if shown is not None:
            loss = loss + second_loss(net.refine, shown, recipe.categories)
        value = loss.item()
        if not np.isfinite(value):
            raise InputError(
                f"training: the loss is {value} at step {step} of {recipe.steps}; look for labels without extent, or "
                f"lower the learning rate of {recipe.learning_rate}"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), MAX_GRADIENT)
        optimiser.step()
        cycle.step()
        since.append(value)
        if step * CURVE_POINTS // recipe.steps > (step - 1) * CURVE_POINTS // recipe.steps:
            curve.append((step, float(np.mean(since))))
            since.clear()
        if on_progress is not None:
            on_progress(step, recipe.steps, value)
    return tuple(curve)


def _lesson(net: PillarNet, look: FirstLook, batch: Batch, recipe: TrainRecipe, step: int) -> Lesson | None:
    """What the second look learns in this step; None where too little is seen to normalise over."""
    grid, typical = Grid.of(recipe, HEAT_M), typical_sizes(recipe.categories)
    most = PEAKS_PER_FRAME * len(batch.examples)
    with torch.no_grad():
        peaks = find_peaks(net, look, typical, grid, least=LEAST_PEAK, most=most)
    rng = stream("detect.train", recipe.seed, "displace", step)
    shown = lesson(batch.examples, peaks, batch.targets, rng)
    return shown if shown is not None and len(shown.matched) > 1 else None


def _batches(pools: Sequence[Sequence[Example]], weights: Sequence[float], recipe: TrainRecipe) -> Iterator[Batch]:
    """The batches of all steps in order, made ahead on another thread."""
    grid, heat_grid = Grid.of(recipe), Grid.of(recipe, HEAT_M)
    # pasting makes up for few real frames; synthetic ones can be made in any number
    snippets = cut_out([e for pool in pools for e in pool if e.domain != "synthetic"]) if recipe.paste_boxes else []
    order = schedule(
        [len(pool) for pool in pools],
        weights,
        recipe.steps * recipe.batch_size,
        stream("detect.train", recipe.seed, "order"),
    ).reshape(recipe.steps, recipe.batch_size, 2)

    def make(step: int) -> Batch:
        rng = stream("detect.train", recipe.seed, "augment", step)
        examples = [_variant(pools[s][i], snippets, recipe, rng) for s, i in order[step]]
        cells = occupied_cells([example.points for example in examples], grid)
        return Batch(tuple(examples), cells, targets(examples, heat_grid, len(recipe.categories)))

    with ThreadPoolExecutor(max_workers=1) as pool:
        ahead = [pool.submit(make, step) for step in range(min(PREFETCHED, recipe.steps))]
        for step in range(recipe.steps):
            batch = ahead.pop(0).result()
            if step + PREFETCHED < recipe.steps:
                ahead.append(pool.submit(make, step + PREFETCHED))
            yield batch


def _variant(example: Example, snippets: Sequence[Snippet], recipe: TrainRecipe, rng: np.random.Generator) -> Example:
    return augment(example, recipe, rng, () if example.domain == "synthetic" else snippets)


def _require_labels(pools: Sequence[Sequence[Example]], recipe: TrainRecipe) -> None:
    if not pools or not all(pools):
        raise InputError("training: a source holds no frames; every source needs at least one labelled sequence")
    if not any((~example.ignored).any() for pool in pools for example in pool):
        raise InputError(
            f"training: none of {sum(map(len, pools))} frames has a label of {list(recipe.categories)} with at least "
            f"{recipe.min_points} points inside; check the categories and the labels"
        )


def _require_same_categories(trained: TrainRecipe, recipe: TrainRecipe) -> None:
    if trained.categories != recipe.categories:
        raise InputError(
            f"training: cannot go on from a detector of {list(trained.categories)} with a recipe for "
            f"{list(recipe.categories)}; use the same categories in the same order"
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
