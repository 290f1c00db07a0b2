"""The steps of a training: first those of the first look, then, with that held still, those of the second.

Each look has its share of the steps and a learning-rate cycle of its own.  When the same steps trained both, the
second's gradients had the first's clipped, and it learnt from proposals that changed under it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from scanyard.detect.batches import batches
from scanyard.detect.coding import typical_sizes
from scanyard.detect.detector import has_bfloat16
from scanyard.detect.example import Example
from scanyard.detect.lessons import lesson
from scanyard.detect.loss import first_loss, heading_loss, second_loss
from scanyard.detect.network import HEAT_M, PillarNet
from scanyard.detect.peaks import find_peaks
from scanyard.detect.pillars import Grid
from scanyard.detect.recipe import TrainRecipe
from scanyard.detect.seen import seen_of
from scanyard.errors import InputError
from scanyard.randomness import stream

CURVE_POINTS = 100
MAX_GRADIENT = 10.0
SECOND_RATE = 3 / 8  # of the first look's learning rate
SECOND_FRAMES = 2  # to each of the first look's: they are seen forwards only, and half as many cost three points
PEAKS_PER_FRAME, LEAST_PEAK = 20, 0.05  # of which the second look learns

OnProgress = Callable[[int, int, float], None]
"""Called with step (from 1), steps, and the loss of that step."""

Pools = Sequence[Sequence[Example]]


def optimise(
    net: PillarNet,
    pools: Pools,
    weights: Sequence[float],
    recipe: TrainRecipe,
    on_progress: OnProgress | None = None,
) -> tuple[tuple[int, float], ...]:
    """Train ``net`` in place for exactly ``recipe.steps`` steps; about ``CURVE_POINTS`` pairs of step and mean loss."""
    first, second = recipe.steps_of_looks
    rate = recipe.learning_rate
    values = chain(
        _descend([net], _first_losses(net, pools, weights, recipe, first), first, rate, recipe.weight_decay),
        _descend(
            [net.refine, net.heading],
            _second_losses(net, pools, weights, recipe, second),
            second,
            SECOND_RATE * rate,
            recipe.weight_decay,
        ),
    )
    curve: list[tuple[int, float]] = []
    since: list[float] = []
    for step, value in enumerate(values, start=1):
        if not np.isfinite(value):
            raise InputError(
                f"training: the loss is {value} at step {step} of {recipe.steps}; look for labels without extent, or "
                f"lower the learning rate of {recipe.learning_rate}"
            )
        since.append(value)
        if step * CURVE_POINTS // recipe.steps > (step - 1) * CURVE_POINTS // recipe.steps:
            curve.append((step, float(np.mean(since))))
            since.clear()
        if on_progress is not None:
            on_progress(step, recipe.steps, value)
    return tuple(curve)


def _descend(
    nets: Sequence[nn.Module], losses: Iterator[Sequence[Tensor]], steps: int, rate: float, weight_decay: float
) -> Iterator[float]:
    """Take one step of AdamW down each network's loss, on a one-cycle schedule; yields their sum.

    Networks learn beside each other and not from each other: gradients are clipped and followed net by net.  Losses
    are computed with the weights that the step before left, for ``losses`` is asked for one step at a time; there are
    none where there is nothing to learn from, and nothing is learnt from what is no number.
    """
    optimisers = [torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=weight_decay, fused=True) for net in nets]
    cycles = [
        torch.optim.lr_scheduler.OneCycleLR(one, rate, total_steps=max(steps, 2), pct_start=0.3, base_momentum=0.85)
        for one in optimisers
    ]
    for of_nets in losses:
        value = sum(loss.item() for loss in of_nets)
        if of_nets and np.isfinite(value):
            for net, optimiser, loss in zip(nets, optimisers, of_nets, strict=True):
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(net.parameters(), MAX_GRADIENT)
                optimiser.step()
        yield value
        for cycle in cycles:
            cycle.step()


def _first_losses(
    net: PillarNet, pools: Pools, weights: Sequence[float], recipe: TrainRecipe, steps: int
) -> Iterator[Sequence[Tensor]]:
    grid, typical = Grid.of(recipe, HEAT_M), typical_sizes(recipe.categories)
    net.train()
    for batch in batches(pools, weights, recipe, steps=steps, frames=recipe.batch_size, purpose="first look"):
        with _brisk():
            loss = first_loss(net, net(batch.cells), batch.targets, typical, grid)
        yield [loss]


def _second_losses(
    net: PillarNet, pools: Pools, weights: Sequence[float], recipe: TrainRecipe, steps: int
) -> Iterator[Sequence[Tensor]]:
    """Of the second look and of the heading; none where too little is seen to normalise over."""
    grid, typical = Grid.of(recipe, HEAT_M), typical_sizes(recipe.categories)
    frames = SECOND_FRAMES * recipe.batch_size
    net.eval()
    net.refine.train()
    net.heading.train()
    for step, batch in enumerate(batches(pools, weights, recipe, steps=steps, frames=frames, purpose="second look")):
        with torch.no_grad(), _brisk():
            peaks = find_peaks(net, net(batch.cells), typical, grid, least=LEAST_PEAK, most=PEAKS_PER_FRAME * frames)
        found = lesson(batch.examples, peaks, batch.targets, stream("detect.train", recipe.seed, "displace", step))
        if found is None or len(found.matched) < 2:
            yield []
            continue
        inputs = seen_of(found.proposals, found.category, recipe.categories)
        yield [second_loss(net.refine, inputs, found), heading_loss(net.heading, inputs, found)]


def _brisk() -> torch.autocast:
    """Convolutions in bfloat16 inside, where that is faster."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bfloat16())
