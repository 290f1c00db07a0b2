"""Which detection found which label: the greedy matching of KITTI's development kit, for all settings at once.

Settings (metric × overlap × difficulty, Q of them) differ only in what counts and what is near enough, so they are one
axis of the arrays, and so are the thresholds at which matching starts anew: a frame's own S distinct scores, between
which its matching cannot change.  What is left to loop over are the labels of a frame, because order matters: each
takes its detection before the next may choose.  Where there is no choice (a detection near no label, a label and a
detection near each other and nothing else) no loop is needed, and that is most of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.geometry import FloatArray
from scanyard.metrics.pool import Pool
from scanyard.metrics.protocols import CategoryRule, Difficulty

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Setting:
    """One of the Q ways to score a category."""

    metric: str
    overlap: float
    difficulty: Difficulty


@dataclass(frozen=True)
class Matches:
    """All frames' matching under one setting, by drive (D): enough to score any mixture of the drives."""

    num_labels: IntArray
    """(D,) labels that count."""
    hit_score: FloatArray
    """(H,) scores of the detections that took labels that count when every detection may."""
    hit_drive: IntArray
    """(H,) drive they are from."""
    step_score: FloatArray
    """(S,) scores at which the counts of some frame change, as the threshold falls to them."""
    step_drive: IntArray
    """(S,) drive of that frame."""
    step_hits: IntArray
    """(S,) change of the number of hits."""
    step_false: IntArray
    """(S,) change of the number of false alarms."""


@dataclass(frozen=True)
class _Steps:
    """What the threshold changes as it falls, in one frame or many, under Q settings."""

    score: FloatArray
    """(S,)"""
    drive: IntArray
    """(S,)"""
    hits: IntArray
    """(Q, S)"""
    false: IntArray
    """(Q, S)"""


@dataclass(frozen=True)
class _Group:
    """The labels (G) and detections (D) of one frame that are near each other."""

    close: BoolArray
    """(Q, G, D) near enough, and the detection may be taken."""
    overlap: FloatArray
    """(Q, G, D)"""
    label_counts: BoolArray
    """(Q, G); the others are ignored."""
    detection_counts: BoolArray
    """(Q, D); the others are ignored."""
    score: FloatArray
    """(D,)"""


def match(pool: Pool, rule: CategoryRule, settings: Sequence[Setting]) -> list[Matches]:
    """Match all frames under every setting: one ``Matches`` per setting, drives indexed as in ``pool.drives``."""
    label_counts = _labels_that_count(pool, rule, settings)
    low = np.array([pool.detection_height_px < s.difficulty.min_height_px for s in settings])
    counts = (pool.detection_category == rule.name) & ~low
    overlap = np.stack([pool.overlap[setting.metric] for setting in settings])
    minimum = np.array([setting.overlap for setting in settings])
    of_rule = np.isin(pool.label_category, (rule.name, *rule.neighbours))
    # as in the development kit, a low detection is ignored, and may be taken, whatever its category
    may_be_taken = (counts | low)[:, pool.pair_detection]
    close = (overlap > minimum[:, None]) & of_rule[pool.pair_label] & may_be_taken

    near = close.any(axis=0)
    rivals = np.bincount(pool.pair_detection[near], minlength=len(pool.detection_score))
    choices = np.bincount(pool.pair_label[near], minlength=len(pool.label_category))
    alone = np.flatnonzero(counts.any(axis=0) & (rivals == 0))
    simple = near & (rivals[pool.pair_detection] == 1) & (choices[pool.pair_label] == 1)
    paired = np.flatnonzero(simple)

    steps = [_lone_steps(pool, counts, alone), _paired_steps(pool, label_counts, counts, close, paired)]
    hit_score: list[list[float]] = [[] for _ in settings]
    hit_drive: list[list[int]] = [[] for _ in settings]
    for q, column in zip(*np.nonzero(steps[1].hits), strict=True):
        hit_score[q].append(float(steps[1].score[column]))
        hit_drive[q].append(int(steps[1].drive[column]))
    for pairs in _pairs_by_frame(pool, near & ~simple):
        labels, row = np.unique(pool.pair_label[pairs], return_inverse=True)
        detections, column = np.unique(pool.pair_detection[pairs], return_inverse=True)
        shape = (len(settings), len(labels), len(detections))
        group = _Group(
            close=np.zeros(shape, dtype=bool),
            overlap=np.zeros(shape),
            label_counts=label_counts[:, labels],
            detection_counts=counts[:, detections],
            score=pool.detection_score[detections],
        )
        group.close[:, row, column] = close[:, pairs]
        group.overlap[:, row, column] = overlap[:, pairs]
        drive = int(pool.detection_drive[detections[0]])
        for setting, score in _hits_at_any_score(group):
            hit_score[setting].append(score)
            hit_drive[setting].append(drive)
        steps.append(_steps(group, drive))

    num_labels = np.zeros((len(settings), len(pool.drives)), dtype=np.int64)
    which, label = np.nonzero(label_counts)
    np.add.at(num_labels, (which, pool.label_drive[label]), 1)
    return [
        Matches(
            num_labels=num_labels[q],
            hit_score=np.array(hit_score[q]),
            hit_drive=np.array(hit_drive[q], dtype=np.int64),
            step_score=np.concatenate([step.score for step in steps]),
            step_drive=np.concatenate([step.drive for step in steps]),
            step_hits=np.concatenate([step.hits[q] for step in steps]),
            step_false=np.concatenate([step.false[q] for step in steps]),
        )
        for q in range(len(settings))
    ]


def _labels_that_count(pool: Pool, rule: CategoryRule, settings: Sequence[Setting]) -> BoolArray:
    """(Q, ΣG); the others of the category and its neighbours are ignored."""
    rows = [
        (pool.label_category == rule.name)
        & (pool.label_occlusion <= setting.difficulty.max_occlusion)
        & (pool.label_truncation <= setting.difficulty.max_truncation)
        & (pool.label_height_px >= setting.difficulty.min_height_px)
        for setting in settings
    ]
    return np.array(rows)


def _lone_steps(pool: Pool, counts: BoolArray, alone: IntArray) -> _Steps:
    """Detections near no label: false alarms from their score on, where they count."""
    false = counts[:, alone].astype(np.int64)
    return _Steps(pool.detection_score[alone], pool.detection_drive[alone], np.zeros_like(false), false)


def _paired_steps(pool: Pool, label_counts: BoolArray, counts: BoolArray, close: BoolArray, pairs: IntArray) -> _Steps:
    """A label and a detection that have only each other: a hit where both count, a false alarm where not close."""
    label, detection = pool.pair_label[pairs], pool.pair_detection[pairs]
    hits = close[:, pairs] & label_counts[:, label] & counts[:, detection]
    false = ~close[:, pairs] & counts[:, detection]
    score, drive = pool.detection_score[detection], pool.detection_drive[detection]
    return _Steps(score, drive, hits.astype(np.int64), false.astype(np.int64))


def _pairs_by_frame(pool: Pool, wanted: BoolArray) -> list[IntArray]:
    """Indices of the wanted pairs, one array per frame that has any; pairs lie in the order of frames."""
    pairs = np.flatnonzero(wanted)
    if not len(pairs):
        return []
    return np.split(pairs, np.flatnonzero(np.diff(pool.pair_frame[pairs])) + 1)


def _hits_at_any_score(group: _Group) -> list[tuple[int, float]]:
    """First pass: labels take the best-scored free detection; setting and score of each hit."""
    rows = np.arange(len(group.close))
    free = np.ones_like(group.detection_counts)
    hits = []
    for label in range(group.close.shape[1]):
        candidates = group.close[:, label] & free
        best = np.where(candidates, group.score, -np.inf).argmax(axis=1)
        took = candidates[rows, best]
        free[rows, best] &= ~took
        scored = took & group.label_counts[:, label] & group.detection_counts[rows, best]
        hits += [(int(q), float(group.score[best[q]])) for q in np.flatnonzero(scored)]
    return hits


def _steps(group: _Group, drive: int) -> _Steps:
    """Second pass, anew at every distinct score: labels take the free detection that overlaps them most."""
    descending = np.unique(group.score)[::-1]
    above = group.score >= descending[:, None]
    counts = group.detection_counts[:, None]
    free = np.broadcast_to(above, (len(group.close), *above.shape)).copy()
    hits = np.zeros(free.shape[:2], dtype=np.int64)
    for label in range(group.close.shape[1]):
        candidates = group.close[:, label, None] & free
        counting = candidates & counts
        most = np.where(counting, group.overlap[:, label, None], -1.0).argmax(axis=2)
        found = counting.any(axis=2)
        # an ignored detection only where there is no other; the first of them, as in the development kit
        choice = np.where(found, most, candidates.argmax(axis=2))
        q, s = np.nonzero(candidates.any(axis=2))
        free[q, s, choice[q, s]] = False
        hits += found & group.label_counts[:, label, None]
    false = (free & counts).sum(axis=2)
    return _Steps(
        score=descending,
        drive=np.full(len(descending), drive),
        hits=np.diff(hits, axis=1, prepend=0),
        false=np.diff(false, axis=1, prepend=0),
    )
