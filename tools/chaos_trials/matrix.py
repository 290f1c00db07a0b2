"""One dataset made in many ways: with 1, 2 and 4 workers, with and without kills, resumed or not, in other orders."""

from __future__ import annotations

import itertools
import random

from kills import FRAMES, calm_digest, conclude, outcome_of, strike
from outcome import OnProgress, Outcome
from stage import Stage, Traces

SCENARIOS = 20
KILLS = 5
WAYS = list(itertools.product((1, 2, 4), (0, KILLS), (False, True), (False, True)))


def matrix(n: int, seed: int, on_progress: OnProgress) -> Outcome:
    """Make the dataset in ``n`` of the 24 ways and compare digests."""
    luck = random.Random(f"{seed} matrix")
    traces = Traces(digests={calm_digest(SCENARIOS)})
    ways = luck.sample(WAYS, min(n, len(WAYS)))
    for made, (workers, kills, resumed, shuffled) in enumerate(ways, 1):
        seeds = list(range(SCENARIOS))
        if shuffled:
            luck.shuffle(seeds)
        with Stage(seeds, workers=workers, frames=FRAMES) as stage:
            stage.start()
            if resumed:
                stage.wait_until(SCENARIOS // 3)
                stage.kill_driver()
                stage.left_behind()
                stage.start()
            for _ in range(kills):
                stage.wait(luck.uniform(0.2, 2.0))
                strike(stage, luck, 1)
                stage.wait_until(stage.state["done"] + 1)
            stage.finish()
            conclude(stage, traces)
        on_progress(made, f"{workers} workers, {kills} kills{', resumed' * resumed}{', shuffled' * shuffled}")
    return outcome_of("the same dataset made in another way", len(ways), traces)
