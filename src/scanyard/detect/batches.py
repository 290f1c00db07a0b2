"""Batches: which frames a step learns from, how they are varied, and what the network should say of them.

Every step draws by random streams keyed by the recipe's seed, the step and what is learnt, so the same recipe gives the
same batches.  Sources are mixed by exact shares of the samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.detect.augment import Snippet, augment, cut_out
from scanyard.detect.coding import Targets, targets
from scanyard.detect.example import Example
from scanyard.detect.network import HEAT_M
from scanyard.detect.pillars import Grid, OccupiedCells, occupied_cells
from scanyard.detect.recipe import TrainRecipe
from scanyard.randomness import stream

PREFETCHED = 2  # batches made ahead, on a thread of their own


@dataclass(frozen=True)
class Batch:
    """What one step learns from: frames, what the network sees of them, and what it should say."""

    examples: tuple[Example, ...]
    cells: OccupiedCells
    targets: Targets


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


def batches(
    pools: Sequence[Sequence[Example]],
    weights: Sequence[float],
    recipe: TrainRecipe,
    *,
    steps: int,
    frames: int,
    purpose: str,
) -> Iterator[Batch]:
    """``steps`` batches of ``frames`` frames in order, made ahead on another thread; every ``purpose`` draws others."""
    grid, heat_grid = Grid.of(recipe), Grid.of(recipe, HEAT_M)
    # pasting makes up for few real frames; synthetic ones can be made in any number
    snippets = cut_out([e for pool in pools for e in pool if e.domain != "synthetic"]) if recipe.paste_boxes else []
    order = schedule(
        [len(pool) for pool in pools],
        weights,
        steps * frames,
        stream("detect.train", recipe.seed, purpose, "order"),
    ).reshape(steps, frames, 2)

    def make(step: int) -> Batch:
        rng = stream("detect.train", recipe.seed, purpose, step)
        examples = [_variant(pools[s][i], snippets, recipe, rng) for s, i in order[step]]
        cells = occupied_cells([example.points for example in examples], grid)
        return Batch(tuple(examples), cells, targets(examples, heat_grid, len(recipe.categories)))

    with ThreadPoolExecutor(max_workers=1) as pool:
        ahead = [pool.submit(make, step) for step in range(min(PREFETCHED, steps))]
        for step in range(steps):
            batch = ahead.pop(0).result()
            if step + PREFETCHED < steps:
                ahead.append(pool.submit(make, step + PREFETCHED))
            yield batch


def _variant(example: Example, snippets: Sequence[Snippet], recipe: TrainRecipe, rng: np.random.Generator) -> Example:
    return augment(example, recipe, rng, () if example.domain == "synthetic" else snippets)
