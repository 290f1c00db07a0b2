"""From scored frames to an ``Evaluation``, and the difference of two detectors on the same frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from scanyard.errors import EvaluationError
from scanyard.evaluation import Evaluation, Score
from scanyard.metrics.intervals import MIN_DRIVES, Difference, percentile_interval, resampled_drives
from scanyard.metrics.matching import IntArray, Matches, Setting, match
from scanyard.metrics.pool import Pool, ScoredFrame, pool_frames
from scanyard.metrics.precision import average_precision
from scanyard.metrics.protocols import CategoryRule, Protocol, load_protocol


def evaluate(
    frames: Sequence[ScoredFrame],
    protocol: str = "kitti_r40",
    *,
    split: str,
    domain: str,
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
) -> Evaluation:
    """Score detections against labels under a named protocol; ``metrics`` says what the numbers are.

    A category and difficulty without a label to find has no score.  EvaluationError when the protocol is unknown, a
    column it needs is missing, or there is nothing to find at all.
    """
    return evaluate_mean([frames], protocol, split=split, domain=domain, resamples=resamples, level=level, seed=seed)


def evaluate_mean(
    runs: Sequence[Sequence[ScoredFrame]],
    protocol: str = "kitti_r40",
    *,
    split: str,
    domain: str,
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
) -> Evaluation:
    """The mean score of several detectors on the same frames, such as one recipe trained with several seeds.

    Drives are resampled for all runs together: the interval is that of the mean over the choice of drives, not over
    the choice of seeds.  EvaluationError also when the runs do not hold the same labels.
    """
    settings = load_protocol(protocol)
    pools = [pool_frames(frames) for frames in runs]
    frames, pool = runs[0], pools[0]
    if any(other.drives != pool.drives for other in pools):
        raise EvaluationError(f"split {split}: the runs to average were not scored on the same drives")
    mixtures = _mixtures(pool, resamples, seed)
    scores = [score for rule in settings.categories for score in _scores(pools, settings, rule, mixtures, level)]
    if not scores:
        known = [rule.name for rule in settings.categories]
        raise EvaluationError(
            f"split {split}: none of its {len(frames)} frames has a label of {known} that counts at any difficulty; "
            "there is nothing to score"
        )
    return Evaluation(
        protocol=settings.name,
        split=split,
        domain=domain,
        num_frames=len(frames),
        num_drives=len(pool.drives),
        interval_level=level,
        scores=tuple(scores),
        notes=_notes(scores, settings),
    )


def paired_difference(
    frames_a: Sequence[ScoredFrame],
    frames_b: Sequence[ScoredFrame],
    protocol: str = "kitti_r40",
    *,
    metric: str,
    iou: float,
    difficulty: str,
    category: str = "car",
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
) -> Difference:
    """Average precision of detector a less that of b on the same frames, drives resampled together.

    EvaluationError when the two lists do not hold the same labels, or there is nothing to find.
    """
    settings = load_protocol(protocol)
    rule = settings.category(category)
    setting = _setting(settings, rule, metric, iou, difficulty)
    pool_a, pool_b = pool_frames(frames_a), pool_frames(frames_b)
    if pool_a.drives != pool_b.drives:
        raise EvaluationError(
            f"a paired difference needs the same frames on both sides: drives are {list(pool_a.drives)} and "
            f"{list(pool_b.drives)}"
        )
    mixtures = _mixtures(pool_a, resamples, seed)
    (matches_a,), (matches_b,) = (match(pool, rule, [setting]) for pool in (pool_a, pool_b))
    if not np.array_equal(matches_a.num_labels, matches_b.num_labels):
        raise EvaluationError(
            f"a paired difference needs the same frames on both sides: labels per drive are "
            f"{matches_a.num_labels.tolist()} and {matches_b.num_labels.tolist()}"
        )
    if not matches_a.num_labels.any():
        raise EvaluationError(f"no {difficulty} {category} is labelled in these frames; there is nothing to compare")
    values_a, values_b = (
        average_precision(matches, mixtures, settings.recall_positions) for matches in (matches_a, matches_b)
    )
    values = values_a - values_b
    low, high = percentile_interval(values[1:], level, _drives_with_labels(matches_a))
    return Difference(float(values[0]), low, high)


def _scores(
    pools: Sequence[Pool], protocol: Protocol, rule: CategoryRule, mixtures: IntArray, level: float
) -> list[Score]:
    settings = [
        Setting(metric, overlap, difficulty)
        for metric, overlap, difficulty in product(protocol.metrics, rule.overlaps, protocol.difficulties)
    ]
    if rule.name not in pools[0].label_category:
        return []
    scores = []
    matched = [match(pool, rule, settings) for pool in pools]
    for setting, *runs in zip(settings, *matched, strict=True):
        num_labels = int(runs[0].num_labels.sum())
        if any(not np.array_equal(matches.num_labels, runs[0].num_labels) for matches in runs):
            raise EvaluationError(f"the runs to average do not hold the same labels of {rule.name}")
        if num_labels == 0:
            continue
        values = np.mean([average_precision(one, mixtures, protocol.recall_positions) for one in runs], axis=0)
        low, high = percentile_interval(values[1:], level, _drives_with_labels(runs[0]))
        scores.append(
            Score(
                metric=setting.metric,
                category=rule.name,
                difficulty=setting.difficulty.name,
                iou=setting.overlap,
                value=float(values[0]),
                low=low,
                high=high,
                num_labels=num_labels,
            )
        )
    return scores


def _mixtures(pool: Pool, resamples: int, seed: int) -> IntArray:
    """(1 + R, D) copies of each drive: first the data as they are, then the resamples."""
    as_it_is = np.ones((1, len(pool.drives)), dtype=np.int64)
    return np.concatenate([as_it_is, resampled_drives(len(pool.drives), resamples, seed)])


def _drives_with_labels(matches: Matches) -> int:
    return int(np.count_nonzero(matches.num_labels))


def _setting(protocol: Protocol, rule: CategoryRule, metric: str, iou: float, difficulty: str) -> Setting:
    difficulties = {d.name: d for d in protocol.difficulties}
    if metric not in protocol.metrics or iou not in rule.overlaps or difficulty not in difficulties:
        raise EvaluationError(
            f"protocol {protocol.name} does not score {rule.name} {difficulty} {metric}@{iou}; it has "
            f"{list(protocol.metrics)} at {list(rule.overlaps)}, {list(difficulties)}"
        )
    return Setting(metric, iou, difficulties[difficulty])


def _notes(scores: Sequence[Score], protocol: Protocol) -> tuple[str, ...]:
    def names(found: Sequence[Score]) -> str:
        return ", ".join(dict.fromkeys(f"{score.category} {score.difficulty}" for score in found))

    notes = []
    without = [score for score in scores if score.low is None]
    if without:
        notes.append(f"no interval, labels in fewer than {MIN_DRIVES} drives: {names(without)}")
    few = [score for score in scores if score.num_labels <= protocol.recall_positions]
    if few:
        notes.append(
            f"{protocol.recall_positions} labels or fewer, where the development kit would cap the score: {names(few)}"
        )
    return tuple(notes)
