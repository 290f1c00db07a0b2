"""Which detection found which label: the greedy matching of KITTI's development kit.

Labels choose, in their order, so matching starts anew at every threshold; in one frame it can change only at the scores
of the detections that are near a label.  What is recorded is therefore changes: as the threshold falls past a score,
this pair comes together, or falls apart.  Who chooses whom does not depend on which labels count and which false alarms
are excused, so one record serves every difficulty and slice (``tally``), and any mixture of drives after that.

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

from scanyard.geometry import FloatArray
from scanyard.metrics.pool import BoolArray, IntArray


@dataclass(frozen=True)
class Candidates:
    """What may be matched under one setting (metric, overlap, least height)."""

    label: IntArray
    """(P,) of pairs that are near enough, by frame, then label, then detection."""
    detection: IntArray
    """(P,)"""
    overlap: FloatArray
    """(P,)"""
    similarity: FloatArray
    """(P,) of the two headings, 0 to 1."""
    detection_counts: BoolArray
    """(D,) the others are ignored."""


@dataclass(frozen=True)
class Record:
    """All frames' matching: who is with whom as the threshold falls."""

    candidates: Candidates
    first_label: IntArray
    """(H,) labels that took a detection when every detection may be taken, the best-scored first."""
    first_detection: IntArray
    """(H,) the detections that they took."""
    change_pair: IntArray
    """(E,) candidates that come together or fall apart when each label takes what overlaps it most."""
    change_sign: FloatArray
    """(E,) 1 where they come together, -1 where they fall apart."""
    change_at: IntArray
    """(E,) the detection whose score the threshold has fallen to."""

    @property
    def final(self) -> IntArray:
        """Candidates (M,) that are together when every detection may be taken."""
        together = np.bincount(self.change_pair, self.change_sign, minlength=len(self.candidates.label))
        return np.flatnonzero(together > 0.5)


@dataclass(frozen=True)
class Matches:
    """What a record is worth, given which labels count and who is excused."""

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


def match(candidates: Candidates, score: FloatArray, detection_frame: IntArray) -> Record:
    """Match all frames under one setting."""
    first_label, first_detection, pair, sign, at = _play(
        candidates.label, candidates.detection, candidates.overlap, candidates.detection_counts, score, detection_frame
    )
    return Record(candidates, first_label, first_detection, pair, sign, at)


def tally(
    record: Record, label_counts: BoolArray, excused: BoolArray, score: FloatArray, detection_drive: IntArray
) -> Matches:
    """Hits and false alarms where these labels (G,) count, and excused detections (D,) may find nothing.

    ``num_labels`` is left empty.
    """
    candidates = record.candidates
    may_be_false = candidates.detection_counts & ~excused
    sign, pair = record.change_sign, record.change_pair
    right = sign * label_counts[candidates.label[pair]]
    changes = (right, -sign * may_be_false[candidates.detection[pair]], right * candidates.similarity[pair])
    change: FloatArray = np.column_stack(
        [np.bincount(record.change_at, column, minlength=len(score)) for column in changes]
    )
    change[:, 1] += may_be_false  # each is one when it enters, until it is taken
    steps = np.flatnonzero(change.any(axis=1))
    of_label = label_counts[record.first_label] & candidates.detection_counts[record.first_detection]
    found = record.first_detection[of_label]
    return Matches(
        num_labels=np.zeros(0, dtype=np.int64),
        hit_score=score[found],
        hit_drive=detection_drive[found],
        step_score=score[steps],
        step_drive=detection_drive[steps],
        step_change=change[steps],
    )


def _play_frames(  # noqa: PLR0912, PLR0915, PLR0917  # one compiled loop; its parts share a dozen arrays
    pair_label: IntArray,
    pair_detection: IntArray,
    overlap: FloatArray,
    detection_counts: BoolArray,
    score: FloatArray,
    detection_frame: IntArray,
) -> tuple[IntArray, IntArray, IntArray, FloatArray, IntArray]:
    taken = np.zeros(len(score), np.int64)  # by which round, so that nothing need be cleared
    seen = np.zeros(len(score), np.bool_)
    active = np.empty(len(score), np.int64)
    first_pair = np.empty(len(pair_label), np.int64)
    change_pair = np.empty(2 * len(pair_label) + 16, np.int64)
    change_sign = np.empty(len(change_pair), np.float64)
    change_at = np.empty(len(change_pair), np.int64)
    with_pair = np.empty(len(pair_label), np.int64)  # the pair each of a frame's labels is in, -1 for none
    num_first, num_changes, turn = 0, 0, 0
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
        with_pair[: end - begin] = -1
        # first pass: each label takes the best-scored free detection
        turn += 1
        at = begin
        while at < end:
            label = pair_label[at]
            chosen, best = -1, -np.inf
            while at < end and pair_label[at] == label:
                detection = pair_detection[at]
                if taken[detection] != turn and score[detection] > best:
                    chosen, best = at, score[detection]
                at += 1
            if chosen >= 0:
                taken[pair_detection[chosen]] = turn
                first_pair[num_first] = chosen
                num_first += 1
        # second pass, anew at every score: each label takes the free detection that overlaps it most
        order = np.argsort(-score[active[:num_active]])
        for level in range(num_active):
            threshold = score[active[order[level]]]
            if level + 1 < num_active and score[active[order[level + 1]]] == threshold:
                continue
            turn += 1
            at, nth = begin, 0
            while at < end:
                label = pair_label[at]
                chosen, most, spare = -1, -1.0, -1
                while at < end and pair_label[at] == label:
                    detection = pair_detection[at]
                    if taken[detection] != turn and score[detection] >= threshold:
                        if detection_counts[detection]:
                            if overlap[at] > most:
                                chosen, most = at, overlap[at]
                        elif spare < 0:
                            spare = at  # an ignored one only where there is no other
                    at += 1
                if chosen >= 0:
                    taken[pair_detection[chosen]] = turn
                elif spare >= 0:
                    taken[pair_detection[spare]] = turn
                if chosen != with_pair[nth]:
                    if num_changes + 2 > len(change_pair):
                        change_pair = np.concatenate((change_pair, np.empty_like(change_pair)))
                        change_sign = np.concatenate((change_sign, np.empty_like(change_sign)))
                        change_at = np.concatenate((change_at, np.empty_like(change_at)))
                    if with_pair[nth] >= 0:
                        change_pair[num_changes], change_sign[num_changes] = with_pair[nth], -1.0
                        change_at[num_changes] = active[order[level]]
                        num_changes += 1
                    if chosen >= 0:
                        change_pair[num_changes], change_sign[num_changes] = chosen, 1.0
                        change_at[num_changes] = active[order[level]]
                        num_changes += 1
                    with_pair[nth] = chosen
                nth += 1
        begin = end
    first = first_pair[:num_first]
    return (
        pair_label[first],
        pair_detection[first],
        change_pair[:num_changes].copy(),
        change_sign[:num_changes].copy(),
        change_at[:num_changes].copy(),
    )


_Played = tuple[IntArray, IntArray, IntArray, FloatArray, IntArray]
_play = cast(Callable[..., _Played], njit(nogil=True, cache=True, error_model="numpy")(_play_frames))
