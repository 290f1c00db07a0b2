"""What a series of trials came to, and how sure that makes us: the same few columns whatever was tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scipy.stats import beta

OnProgress = Callable[[int, str], None]
"""Called with the trials done so far and a note."""
Trials = Callable[[int, int, OnProgress], "Outcome | list[Outcome]"]
"""What every kind of trial is: ``trials(n, seed, on_progress)``, with one outcome or several."""


@dataclass(frozen=True)
class Outcome:
    """So many trials of one kind."""

    name: str
    trials: int
    failures: int
    notes: Sequence[str] = ()
    """What the failures were, and why trials were left out."""
    figures: dict[str, Any] = field(default_factory=dict)
    """Counts that go into the last line: orphans, held_ports, ..."""

    @property
    def bound(self) -> float:
        """Upper 95 % bound (Clopper-Pearson) on how often a trial fails; without failures it is about 3 / trials."""
        if self.failures >= self.trials:
            return 1.0
        return float(beta.ppf(0.95, self.failures + 1, self.trials - self.failures))


def table(outcomes: Sequence[Outcome]) -> str:
    """The rows as Markdown."""
    lines = ["| Trial | trials | failures | at most (95 %) |", "|---|--:|--:|--:|"]
    for one in outcomes:
        bound = f"{100 * one.bound:.2g} %" if one.trials else "not tried"
        lines.append(f"| {one.name} | {one.trials} | {one.failures} | {bound} |")
    return "\n".join(lines)
