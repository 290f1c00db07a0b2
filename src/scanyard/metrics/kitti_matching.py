"""Which detection found which label: the greedy matching of KITTI's development kit.

Labels choose, in their order, so matching starts anew at every threshold; in one frame it can change only at the scores
of the detections that are near a label.  What is recorded is therefore steps: as the threshold falls past a score, this
frame's hits and false alarms change by so much.  Any mixture of drives is scored from the steps alone.

**Ties.**  All detections of one score enter together, so their order among each other changes no threshold.  Where a
label has a choice of equals (same score in the first pass, same overlap in the second), it takes the first in the list,
as the kit does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scanyard.geometry import FloatArray
from scanyard.metrics.pool import IntArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Candidates:
    """What may be matched under one setting (metric, overlap, difficulty)."""

    label: IntArray
    """(P,) of pairs that are near enough, by frame, then label, then detection."""
    detection: IntArray
    """(P,)"""
    overlap: FloatArray
    """(P,)"""
    similarity: FloatArray
    """(P,) of the two headings, 0 to 1."""
    label_counts: BoolArray
    """(G,) the others are ignored."""
    detection_counts: BoolArray
    """(D,) the others are ignored."""
    excused: BoolArray
    """(D,) no false alarm when it finds nothing."""


@dataclass(frozen=True)
class Matches:
    """All frames' matching under one setting."""

    num_labels: IntArray
    """(drives,) labels that count."""
    hit_score: FloatArray
    """(H,) scores of the detections that took labels that count when every detection may."""
    hit_drive: IntArray
    """(H,) drive they are from."""
    step_score: FloatArray
    """(S,) scores at which the counts of some frame change, as the threshold falls to them."""
    step_drive: IntArray
    """(S,) drive of that frame."""
    step_change: FloatArray
    """(S, 3) change of the number of hits, of false alarms, and of the sum of similarities."""


def match(candidates: Candidates, score: FloatArray, detection_frame: IntArray, frame_drive: IntArray) -> Matches:
    """Match all frames under one setting."""
    num_labels = len(candidates.label_counts)
    hit_detection = np.empty(num_labels, np.int64)
    step_detection = np.empty(len(score), np.int64)
    step_change = np.zeros((len(score), 3))
    hits, steps = _play(
        candidates.label, candidates.detection, candidates.overlap, candidates.similarity, candidates.label_counts,
        candidates.detection_counts, candidates.excused, score, detection_frame, hit_detection, step_detection,
        step_change,
    )  # fmt: skip
    near = np.zeros(len(score), dtype=bool)
    near[candidates.detection] = True
    lone = np.flatnonzero(~near & candidates.detection_counts & ~candidates.excused)
    false_alarm = np.broadcast_to([0.0, 1.0, 0.0], (len(lone), 3))
    kept = np.flatnonzero(step_change[:steps].any(axis=1))
    at = np.concatenate([step_detection[kept], lone])
    found = hit_detection[:hits]
    return Matches(
        num_labels=np.zeros(0, dtype=np.int64),
        hit_score=score[found],
        hit_drive=frame_drive[detection_frame[found]],
        step_score=score[at],
        step_drive=frame_drive[detection_frame[at]],
        step_change=np.concatenate([step_change[kept], false_alarm]),
    )


def _play_frames(  # noqa: PLR0912, PLR0915, PLR0917  # one compiled loop; its parts share a dozen arrays
    pair_label: IntArray,
    pair_detection: IntArray,
    overlap: FloatArray,
    similarity: FloatArray,
    label_counts: BoolArray,
    detection_counts: BoolArray,
    excused: BoolArray,
    score: FloatArray,
    detection_frame: IntArray,
    hit_detection: IntArray,
    step_detection: IntArray,
    step_change: FloatArray,
) -> tuple[int, int]:
    taken = np.zeros(len(score), np.int64)  # by which round, so that nothing need be cleared
    seen = np.zeros(len(score), np.bool_)
    active = np.empty(len(score), np.int64)
    num_hits, num_steps, turn = 0, 0, 0
    begin = 0
    while begin < len(pair_label):
        frame = detection_frame[pair_detection[begin]]
        end = begin
        num_active = 0
        while end < len(pair_label) and detection_frame[pair_detection[end]] == frame:
            detection = pair_detection[end]
            if not seen[detection]:
                seen[detection] = True
                active[num_active] = detection
                num_active += 1
            end += 1
        # first pass: each label takes the best-scored free detection
        turn += 1
        at = begin
        while at < end:
            label = pair_label[at]
            chosen, best = -1, -np.inf
            while at < end and pair_label[at] == label:
                detection = pair_detection[at]
                if taken[detection] != turn and score[detection] > best:
                    chosen, best = detection, score[detection]
                at += 1
            if chosen >= 0:
                taken[chosen] = turn
                if label_counts[label] and detection_counts[chosen]:
                    hit_detection[num_hits] = chosen
                    num_hits += 1
        # second pass, anew at every score: each label takes the free detection that overlaps it most
        order = np.argsort(-score[active[:num_active]])
        hits_before, false_before, similar_before = 0.0, 0.0, 0.0
        for level in range(num_active):
            threshold = score[active[order[level]]]
            if level + 1 < num_active and score[active[order[level + 1]]] == threshold:
                continue
            turn += 1
            hits, false, similar = 0.0, 0.0, 0.0
            at = begin
            while at < end:
                label = pair_label[at]
                chosen, most, spare, alike = -1, -1.0, -1, 0.0
                while at < end and pair_label[at] == label:
                    detection = pair_detection[at]
                    if taken[detection] != turn and score[detection] >= threshold:
                        if detection_counts[detection]:
                            if overlap[at] > most:
                                chosen, most, alike = detection, overlap[at], similarity[at]
                        elif spare < 0:
                            spare = detection  # an ignored one only where there is no other
                    at += 1
                if chosen >= 0:
                    taken[chosen] = turn
                    if label_counts[label]:
                        hits += 1.0
                        similar += alike
                elif spare >= 0:
                    taken[spare] = turn
            for i in range(level + 1):
                detection = active[order[i]]
                if taken[detection] != turn and detection_counts[detection] and not excused[detection]:
                    false += 1.0
            step_detection[num_steps] = active[order[level]]
            step_change[num_steps, 0] = hits - hits_before
            step_change[num_steps, 1] = false - false_before
            step_change[num_steps, 2] = similar - similar_before
            num_steps += 1
            hits_before, false_before, similar_before = hits, false, similar
        begin = end
    return num_hits, num_steps


_play = cast(Callable[..., tuple[int, int]], njit(nogil=True, cache=True, error_model="numpy")(_play_frames))
