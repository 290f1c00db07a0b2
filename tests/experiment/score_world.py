"""A world whose answer is known: scores of arms on drives, as trainings on so many real frames would have them.

Every arm's score is what its frames are worth on the world's learning curve, and then what test drives, seeds and both
together do to it.  Synthetic frames are worth a known number of real ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.metrics.intervals import mixtures_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    sizes: tuple[int, ...] = (4, 8, 16, 32)
    worth: float = 12.0
    """Real frames that the arm in question is truly worth."""
    drives: int = 17
    seeds: int = 3
    plateau: float = 95.0
    drop: float = 90.0
    exponent: float = 0.5
    drive_sd: float = 8.0
    arm_drive_sd: float = 4.0
    seed_sd: float = 2.0
    seed_drive_sd: float = 6.0

    def score(self, frames: float) -> float:
        return self.plateau - self.drop * frames**-self.exponent

    def labels(self, trial: int) -> NDArray[np.int64]:
        """(D,) of each drive; one drive is long."""
        labels = np.random.default_rng(trial).integers(1, 9, self.drives)
        return labels * np.where(np.arange(self.drives) == 0, 5, 1)

    def play(self, trial: int, resamples: int = 400) -> tuple[dict[float, Array], Array]:
        """Scores (S, 1 + R) of the arms of real frames, by their number, and of the arm in question."""
        rng = np.random.default_rng([trial, 1])
        labels = self.labels(trial)
        weights = mixtures_of(self.drives, resamples, trial) * labels
        hard = rng.normal(0, self.drive_sd, self.drives)

        def arm(frames: float) -> Array:
            seeds = (self.seeds, 1)
            drive = hard + rng.normal(0, self.arm_drive_sd, self.drives)
            runs = self.score(frames) + drive + rng.normal(0, self.seed_sd, seeds)
            runs = runs + rng.normal(0, self.seed_drive_sd, (self.seeds, self.drives))
            return (runs @ weights.T) / weights.sum(axis=1)

        return {float(size): arm(size) for size in self.sizes}, arm(self.worth)
