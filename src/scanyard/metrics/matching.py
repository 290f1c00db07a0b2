"""Which detection found which label: the greedy matching of KITTI's development kit, for all settings at once.

Settings (metric × overlap × difficulty, Q of them) differ only in what counts and what is near enough, so they are one
axis of the arrays, and so are the thresholds at which matching starts anew: a frame's own S distinct scores, between
which its matching cannot change.  What is left to loop over are the labels of a frame, because order matters: each
takes its detection before the next may choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes, overlap_3d, overlap_bev
from scanyard.errors import EvaluationError
from scanyard.geometry import FloatArray
from scanyard.metrics.protocols import CategoryRule, Difficulty

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

OVERLAPS = {"3d": overlap_3d, "bev": overlap_bev}


@dataclass(frozen=True)
class ScoredFrame:
    """One frame's labels and what a detector found in it, in the same coordinate frame."""

    labels: Boxes
    """With ``truncation``, ``occlusion`` and ``image_box``."""
    detections: Boxes
    """With ``score`` and ``image_box``."""
    drive: str
    """What is resampled as one."""
    dont_care: FloatArray | None = None
    """(K, 4) image regions without labels; 3-D and bird's-eye metrics do not use them, as in the development kit."""
    name: str = ""

    def require_columns(self) -> None:
        """EvaluationError naming a column that scoring needs and a box set lacks, or a score that is not a number."""
        needed = {"labels": ("truncation", "occlusion", "image_box"), "detections": ("score", "image_box")}
        for role, columns in needed.items():
            boxes: Boxes = getattr(self, role)
            absent = [column for column in columns if len(boxes) and getattr(boxes, column) is None]
            if absent:
                raise EvaluationError(
                    f"frame {self.name or '?'} of drive {self.drive}: its {len(boxes)} {role} have no "
                    f"{', '.join(absent)}; difficulty is defined by them, so set them before scoring"
                )
        if self.detections.score is not None and not np.isfinite(self.detections.score).all():
            raise EvaluationError(
                f"frame {self.name or '?'} of drive {self.drive}: a detection's score is not a finite number; scores "
                "are what detections are ranked by"
            )


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
    """(H,) scores of the detections that took labels that count when every detection may, descending."""
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
class _FrameMatches:
    hit_score: list[FloatArray]
    score: FloatArray
    hits: IntArray
    false: IntArray


def match(
    frames: Sequence[ScoredFrame], drives: Sequence[str], rule: CategoryRule, settings: Sequence[Setting]
) -> list[Matches]:
    """Match every frame under every setting: one ``Matches`` per setting, drives indexed as in ``drives``."""
    index = {drive: i for i, drive in enumerate(drives)}
    frame_drive = np.array([index[frame.drive] for frame in frames], dtype=np.int64)
    num_labels = np.zeros((len(settings), len(drives)), dtype=np.int64)
    found: list[_FrameMatches] = []
    for frame, drive in zip(frames, frame_drive, strict=True):
        near = np.flatnonzero(np.isin(frame.labels.category, (rule.name, *rule.neighbours)))
        labels = frame.labels[near]
        label_counts = _labels_that_count(labels, rule, settings)
        num_labels[:, drive] += label_counts.sum(axis=1)
        found.append(_match_frame(labels, label_counts, frame.detections, rule, settings))
    step_drive = np.repeat(frame_drive, [len(frame.score) for frame in found])
    step_score = np.concatenate([frame.score for frame in found])
    matches = []
    for q in range(len(settings)):
        hit_score = np.concatenate([frame.hit_score[q] for frame in found])
        hit_drive = np.repeat(frame_drive, [len(frame.hit_score[q]) for frame in found])
        descending = np.argsort(-hit_score, kind="stable")
        matches.append(
            Matches(
                num_labels=num_labels[q],
                hit_score=hit_score[descending],
                hit_drive=hit_drive[descending],
                step_score=step_score,
                step_drive=step_drive,
                step_hits=np.concatenate([frame.hits[q] for frame in found]),
                step_false=np.concatenate([frame.false[q] for frame in found]),
            )
        )
    return matches


def _labels_that_count(labels: Boxes, rule: CategoryRule, settings: Sequence[Setting]) -> BoolArray:
    """(Q, G); the others of the category and its neighbours are ignored."""
    if labels.image_box is None or labels.occlusion is None or labels.truncation is None:
        assert not len(labels)  # require_columns was asked before
        return np.zeros((len(settings), 0), dtype=bool)
    height_px = labels.image_box[:, 3] - labels.image_box[:, 1]
    rows = [
        (labels.category == rule.name)
        & (labels.occlusion <= setting.difficulty.max_occlusion)
        & (labels.truncation <= setting.difficulty.max_truncation)
        & (height_px >= setting.difficulty.min_height_px)
        for setting in settings
    ]
    return np.array(rows)


def _match_frame(
    labels: Boxes, label_counts: BoolArray, detections: Boxes, rule: CategoryRule, settings: Sequence[Setting]
) -> _FrameMatches:
    if detections.image_box is None or detections.score is None:
        assert not len(detections)  # require_columns was asked before
        nothing = np.zeros((len(settings), 0), dtype=np.int64)
        return _FrameMatches([np.zeros(0) for _ in settings], np.zeros(0), nothing, nothing)
    height_px = np.abs(detections.image_box[:, 1] - detections.image_box[:, 3])
    low = np.array([height_px < setting.difficulty.min_height_px for setting in settings])
    counts = (detections.category == rule.name) & ~low
    # as in the development kit, a low detection is ignored whatever its category
    usable = np.flatnonzero((counts | low).any(axis=0))
    counts, low = counts[:, usable], low[:, usable]
    detections = detections[usable]
    close, overlap = _close_pairs(labels, detections, settings)
    close &= (counts | low)[:, None]

    score = np.asarray(detections.score)
    hit_score = _hits_at_any_score(close, label_counts, counts, score)
    descending = np.unique(score)[::-1]
    above = score >= descending[:, None]
    taken, hits = _matched_above(close, overlap, label_counts, counts, above)
    false = (above & counts[:, None] & ~taken).sum(axis=2)
    return _FrameMatches(hit_score, descending, np.diff(hits, axis=1, prepend=0), np.diff(false, axis=1, prepend=0))


def _close_pairs(labels: Boxes, detections: Boxes, settings: Sequence[Setting]) -> tuple[BoolArray, FloatArray]:
    """Which pairs overlap by more than each setting's minimum (Q, G, D), and by how much (Q, G, D)."""
    by_metric = {metric: OVERLAPS[metric](labels, detections) for metric in {s.metric for s in settings}}
    overlap = np.stack([by_metric[setting.metric] for setting in settings])
    minimum = np.array([setting.overlap for setting in settings])
    return overlap > minimum[:, None, None], overlap


def _hits_at_any_score(
    close: BoolArray, label_counts: BoolArray, counts: BoolArray, score: FloatArray
) -> list[FloatArray]:
    """First pass: labels take the best-scored free detection; scores of the hits, per setting."""
    rows = np.arange(len(close))
    free = np.ones_like(counts)
    hit_score: list[list[float]] = [[] for _ in rows]
    for label in np.flatnonzero(close.any(axis=(0, 2))):
        candidates = close[:, label] & free
        best = np.where(candidates, score, -np.inf).argmax(axis=1)
        took = candidates[rows, best]
        free[rows, best] &= ~took
        for q in np.flatnonzero(took & label_counts[:, label] & counts[rows, best]):
            hit_score[q].append(score[best[q]])
    return [np.asarray(scores, dtype=np.float64) for scores in hit_score]


def _matched_above(
    close: BoolArray, overlap: FloatArray, label_counts: BoolArray, counts: BoolArray, above: BoolArray
) -> tuple[BoolArray, IntArray]:
    """Second pass, at every threshold S: which detections are taken (Q, S, D), and the number of hits (Q, S)."""
    num_settings, num_detections = counts.shape
    taken = np.zeros((num_settings, len(above), num_detections), dtype=bool)
    hits = np.zeros((num_settings, len(above)), dtype=np.int64)
    for label in np.flatnonzero(close.any(axis=(0, 2))):
        near = np.flatnonzero(close[:, label].any(axis=0))
        candidates = close[:, label, near][:, None] & above[:, near] & ~taken[:, :, near]
        counting = candidates & counts[:, None, near]
        most = np.where(counting, overlap[:, label, near][:, None], -1.0).argmax(axis=2)
        found = counting.any(axis=2)
        # an ignored detection only where there is no other; the first of them, as in the development kit
        choice = np.where(found, most, candidates.argmax(axis=2))
        q, s = np.nonzero(candidates.any(axis=2))
        taken[q, s, near[choice[q, s]]] = True
        hits += found & label_counts[:, label, None]
    return taken, hits
