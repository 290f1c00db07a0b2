"""What each kind of error costs: average precision after putting right that kind alone, less average precision.

``error_kinds`` says what the kinds are and what is put right.  Duplicates and background are excused and misses no
longer asked for, all from the one matching there is.  A corrected box is matched anew, by the protocol's own matcher,
because it may now compete with others; only its own overlaps are worked out again.

Costs do not add up to what is lacking: putting right one kind moves the curve on which the others are measured.  Beside
them stand the two totals, all false alarms excused and nothing missed asked for, which hold the kinds between them.

Excused is not taken out: where labels choose by overlap, the better-scored of two boxes on a label is its hit at high
thresholds, and stays so, while it is the duplicate below the score of the one that overlaps more.  In Argoverse 2's
family a box that is excused still keeps its nearest label from others, as it does in the score.

AP is that of the headline, at the one distance at which the protocol takes errors where it has several.  A category
whose every label is no longer asked for after the fix has nothing left to find, and 100.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scanyard.evaluation import Score
from scanyard.geometry import FloatArray
from scanyard.metrics.comparison import by_frame
from scanyard.metrics.error_kinds import CORRECTED, KINDS, MISSED, REMOVED, Errors, errors_of
from scanyard.metrics.headline import Subject
from scanyard.metrics.measured import Measured
from scanyard.metrics.outcome import Outcome, outcome_of
from scanyard.metrics.overlap import Pairs, overlapping_pairs
from scanyard.metrics.pool import BoolArray, IntArray, Pool, ScoredFrame
from scanyard.metrics.protocols import KittiProtocol, load_protocol

TOTALS = ("all false alarms", "all misses")


@dataclass(frozen=True)
class Cost:
    """What one kind of error costs one category."""

    kind: str
    """One of ``error_kinds.KINDS`` or of ``TOTALS``."""
    count: int
    """Detections or labels of that kind: by the label's category where they are about one, else by their own."""
    value: float
    """Points of average precision gained by putting it right."""
    low: float | None
    """Lower end of the interval; ``None`` where there are too few drives, and too few frames to draw blocks of them."""
    high: float | None
    resampled: str = "drive"
    """As ``Score`` has it: ``drive``, or ``block of 24 frames``."""


@dataclass(frozen=True)
class Breakdown:
    """Where the precision of one category went."""

    score: Score
    """As it is."""
    costs: tuple[Cost, ...]
    """In the order of ``KINDS``, then ``TOTALS``."""


def explain_errors(
    frames: Sequence[ScoredFrame],
    protocol: str = "kitti_r40",
    *,
    difficulty: str | None = None,
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
) -> tuple[Breakdown, ...]:
    """One breakdown for each category that has a label to find; ``headline`` says of which precision.

    EvaluationError where the protocol scores boxes in the image, which have no translation, size and yaw.
    """
    return break_down(Subject.of(frames, protocol, difficulty=difficulty, resamples=resamples, level=level, seed=seed))


def has_kinds(protocol: str) -> bool:
    """Whether a protocol scores boxes that have translation, size and yaw."""
    settings = load_protocol(protocol)
    return not isinstance(settings, KittiProtocol) or "3d" in settings.metrics or "bev" in settings.metrics


def break_down(subject: Subject, *, on_kind: Callable[[], None] | None = None) -> tuple[Breakdown, ...]:
    """As ``explain_errors``, of frames that are side by side already; ``on_kind`` is called when a kind is done."""
    subject = subject.at_one_distance()
    pool = subject.pool
    outcome = outcome_of(pool, subject.protocol, subject.difficulty)
    errors = errors_of(pool, subject.protocol, outcome)
    before = subject.measure()
    costs: dict[str, list[Cost]] = {category: [] for category in before}
    for kind in (*KINDS, *TOTALS):
        counts = _counts(pool, outcome, errors, kind)
        fixed = put_right(pool, outcome, errors, (kind,)) if counts else pool
        gained = _gained(before, subject.measure(fixed) if counts else before)
        in_blocks = subject.in_blocks(_gained_in_blocks(subject, pool, fixed))
        for category, one in gained.items():
            found = subject.interval(one.values, one.labels_by_drive, in_blocks=in_blocks.get(category))
            value, count = float(one.values[0]), counts.get(category, 0)
            costs[category].append(Cost(kind, count, value, found.low, found.high, found.resampled))
        if on_kind is not None:
            on_kind()
    singly = by_frame(pool)
    whole = subject.in_blocks(lambda copies: subject.measure(singly, copies))
    return tuple(
        Breakdown(subject.score(one, in_blocks=whole.get(category)), tuple(costs[category]))
        for category, one in before.items()
    )


def put_right(pool: Pool, outcome: Outcome, errors: Errors, kinds: tuple[str, ...]) -> Pool:
    """The frames as they would be without these kinds of error."""
    ignored = np.zeros(len(pool.labels), dtype=bool) if pool.ignored is None else pool.ignored
    excused = outcome.excused | np.isin(errors.kind, [kind for kind in kinds if kind in REMOVED])
    if MISSED in kinds:
        ignored = ignored | errors.missed
    if TOTALS[0] in kinds:
        excused = excused | outcome.false_alarm
    if TOTALS[1] in kinds:
        ignored = ignored | (outcome.asked & ~outcome.found)
    changed = np.isin(errors.kind, [kind for kind in kinds if kind in CORRECTED])
    if not changed.any():
        return pool.judged(ignored=ignored, excused=excused)
    fixed = replace(pool, detections=errors.corrected(pool, kinds), ignored=ignored, excused=excused, done={})
    fixed.done["pairs"] = pairs_with_changes(pool, fixed, changed)
    return fixed


def pairs_with_changes(pool: Pool, fixed: Pool, changed: BoolArray) -> Pairs:
    """The pairs of ``fixed``, worked out for the detections that are ``changed`` (D,) alone."""
    at = np.flatnonzero(changed)
    starts = np.concatenate([[0], np.cumsum(changed)])[pool.detection_start]
    new = overlapping_pairs(pool.labels, pool.label_start, fixed.detections[at], starts)
    old = pool.pairs
    stays = ~changed[old.detection]
    label, detection = np.append(old.label[stays], new.label), np.append(old.detection[stays], at[new.detection])
    order = np.lexsort((detection, label))
    return Pairs(
        label[order],
        detection[order],
        np.append(old.bev[stays], new.bev)[order],
        np.append(old.volume[stays], new.volume)[order],
    )


def _gained_in_blocks(subject: Subject, pool: Pool, fixed: Pool) -> Callable[[IntArray], dict[str, Measured]]:
    """What is gained by a fix under copies (M, F) of frames."""
    before, after = by_frame(pool), by_frame(fixed)
    return lambda copies: _gained(subject.measure(before, copies), subject.measure(after, copies))


def _gained(before: Mapping[str, Measured], after: Mapping[str, Measured]) -> dict[str, Measured]:
    """The points that a fix adds to each category."""
    return {
        category: replace(one, values=_after(after.get(category), one) - one.values) for category, one in before.items()
    }


def _after(measured: Measured | None, before: Measured) -> FloatArray:
    """Values (M,) after a fix; where nothing is left to find, nothing is missed."""
    if measured is None:
        return np.where(np.isnan(before.values), np.nan, 100.0)
    return np.where(np.isnan(measured.values) & ~np.isnan(before.values), 100.0, measured.values)


def _counts(pool: Pool, outcome: Outcome, errors: Errors, kind: str) -> dict[str, int]:
    """How many errors of a kind each category has."""
    if kind in (MISSED, TOTALS[1]):
        of = pool.labels.category[errors.missed if kind == MISSED else outcome.asked & ~outcome.found]
    elif kind == TOTALS[0]:
        of = pool.detections.category[outcome.false_alarm]
    else:
        at: IntArray = np.flatnonzero(errors.kind == kind)
        of = pool.labels.category[errors.target[at]] if kind in CORRECTED else pool.detections.category[at]
    names, counts = np.unique(of, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
