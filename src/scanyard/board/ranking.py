"""The order of entries, with the range of ranks that their intervals leave open.

Entries are only ever ordered among those scored on the same frames under the same protocol.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanyard.board.entry import Entry
from scanyard.errors import EvaluationError
from scanyard.evaluation import Score
from scanyard.metrics.multiplicity import letters


@dataclass(frozen=True)
class Ranked:
    """An entry in its place."""

    entry: Entry
    score: Score
    """The score it is ordered by."""
    rank: int
    """1 is best; equal scores share a rank, and the next one counts them all (1, 1, 3)."""
    best_rank: int
    """The best rank its interval allows: one more than the entries that lie wholly above it."""
    worst_rank: int
    """The worst rank its interval allows."""
    letters: str
    """Two entries share one exactly if their intervals overlap."""


def boards(entries: Sequence[Entry]) -> dict[tuple[str, str, str], list[Entry]]:
    """Entries that compare with each other, by (test split, domain, protocol).

    Entries scored on other content under the same split name are told apart by the frames and drives they saw and by
    the labels they had to find; where those differ the split's name gets a number.
    """
    groups: dict[tuple[str, str, str], dict[tuple[object, ...], list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        groups[entry.evaluated_on, entry.domain, entry.evaluation.protocol][_scored_content(entry)].append(entry)
    found = {}
    for (split, domain, protocol), by_content in groups.items():
        for number, group in enumerate(by_content.values(), start=1):
            name = split if len(by_content) == 1 else f"{split} #{number}"
            found[name, domain, protocol] = group
    return found


def rank(
    entries: Sequence[Entry],
    metric: str = "bev",
    *,
    iou: float = 0.7,
    difficulty: str = "moderate",
    category: str = "car",
) -> list[Ranked]:
    """Order entries by one score, best first; ties share a rank and keep the order of their names.

    An entry without an interval (too few drives) may stand anywhere its peers cannot rule out, so it never narrows
    another's range.  EvaluationError when the entries were scored on different frames or
    protocols, or lack the score.
    """
    if len(boards(entries)) > 1:
        raise EvaluationError(
            f"cannot rank entries of different tests together: {sorted({e.evaluated_on for e in entries})}; "
            "rank each test split by itself"
        )
    try:
        scored = [(entry, entry.evaluation.score(metric, iou, difficulty, category)) for entry in entries]
    except KeyError as error:
        raise EvaluationError(f"cannot rank by what was not scored: {error.args[0]}") from error
    scored.sort(key=lambda pair: (-pair[1].value, pair[0].arm, pair[0].detector, pair[0].seeds))
    ranges = [score_range(score) for _, score in scored]
    shared = letters(np.array([[one[0] > other[1] for other in ranges] for one in ranges]).reshape(-1, len(ranges)))
    ranked = []
    for (entry, score), group in zip(scored, shared, strict=True):
        low, high = score_range(score)
        others = [score_range(other) for peer, other in scored if peer is not entry]
        ranked.append(
            Ranked(
                entry=entry,
                score=score,
                rank=1 + sum(other.value > score.value for _, other in scored),
                best_rank=1 + sum(other_low > high for other_low, _ in others),
                worst_rank=len(scored) - sum(other_high < low for _, other_high in others),
                letters=group,
            )
        )
    return ranked


def score_range(score: Score) -> tuple[float, float]:
    """The interval in percent; the whole scale where there is none."""
    if score.low is None or score.high is None:
        return 0.0, 100.0
    return score.low, score.high


def _scored_content(entry: Entry) -> tuple[object, ...]:
    evaluation = entry.evaluation
    labels = tuple((s.metric, s.category, s.difficulty, s.iou, s.num_labels) for s in evaluation.scores)
    return evaluation.num_frames, evaluation.num_drives, labels
