"""Which kind of error each false alarm and each miss is, in three dimensions, and what would put it right.

After TIDE (D. Bolya, S. Foley, J. Hays, J. Hoffman, TIDE: A General Toolbox for Identifying Object Detection Errors,
ECCV 2020), whose localisation error is told apart here into place, size and heading.  A detection that found nothing is
held against the labels of its frame that it is near to (an overlap of 0.1; centres within 4 m where distance decides),
in this order; the first that fits is its kind:

1. *box*: a label of its own category that is asked for and that nobody found.  Put right is the one of ``translation``,
   ``size`` and ``yaw`` that alone makes it a hit, of several the one that gives the most overlap; where none does, the
   kind is ``combined``.  Where distance decides it is always translation: that score does not see size and yaw.
2. *class*: a label of another scored category that is asked for, that nobody found, and that it is near enough to find.
3. *combined*: such a label of another category that it is near to, but not near enough to find: name and box are wrong.
4. *duplicate*: a label that somebody found: of its own category near to it, of another near enough to find.
5. *background*: the rest.

Of several detections that would be put right on one label the best-scored is, in the list's order among equals; the
others are second boxes on it, *duplicates*.  Labels that are asked for, that nobody found, and on which no detection
would be put right, are ``missed``.

*What is ignored.*  Labels that are ignored are never a target: correcting a box cannot make a hit of what does not
count.  A detection that took an ignored label made no error.  One that is excused made none either, but it may be what
a label would have been found by, and then the label is not missed (TIDE 1.0.1: leaving these out overstated misses).

Where TIDE differs: there a second box on a found object is a localisation error if its overlap is poor.  Objects in
traffic do not stand in each other, and correcting such a box would only make a better duplicate.  TIDE takes *both*
away because it cannot tell what was meant; boxes in space are about one label, so *combined* is put right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.geometry import FloatArray
from scanyard.metrics.outcome import Nearness, Outcome, hits, nearness_of
from scanyard.metrics.overlap import overlap_of_pairs
from scanyard.metrics.pool import BoolArray, IntArray, Pool
from scanyard.metrics.protocols import KittiProtocol, Protocol, WaymoProtocol

CORRECTED = ("translation", "size", "yaw", "combined", "class")
"""Kinds that put a detection right."""
REMOVED = ("duplicate", "background")
"""Kinds that take a detection away."""
MISSED = "missed"
KINDS = (*CORRECTED, *REMOVED, MISSED)


@dataclass(frozen=True)
class Errors:
    """The kind of every error."""

    kind: NDArray[np.str_]
    """(D,) of a detection; empty where it made none."""
    target: IntArray
    """(D,) the label that a detection would be put right on, -1 for none."""
    missed: BoolArray
    """(G,) labels that are asked for and that no detection is about."""

    def corrected(self, pool: Pool, kinds: tuple[str, ...]) -> Boxes:
        """The detections, with what is wrong in these kinds put right and all else as it is."""
        boxes = pool.detections
        center, size, yaw, category = boxes.center.copy(), boxes.size.copy(), boxes.yaw_rad.copy(), boxes.category
        category = category.astype(np.result_type(category.dtype, pool.labels.category.dtype))
        for column, right, by in (
            (center, pool.labels.center, ("translation", "combined")),
            (size, pool.labels.size, ("size", "combined")),
            (yaw, pool.labels.yaw_rad, ("yaw", "combined")),
            (category, pool.labels.category, ("class", "combined")),
        ):
            wrong = np.flatnonzero(np.isin(self.kind, [kind for kind in by if kind in kinds]))
            column[wrong] = right[self.target[wrong]]
        return boxes.replace(center=center, size=size, yaw_rad=yaw, category=category)


def errors_of(pool: Pool, protocol: Protocol, outcome: Outcome) -> Errors:
    """Kinds of what went wrong under a protocol narrowed to one setting."""
    free = outcome.takes_part & (outcome.taken < 0)
    near = nearness_of(pool, protocol, free)
    same = pool.labels.category[near.label] == pool.detections.category[near.detection]
    found = outcome.found
    wanted = (outcome.asked & ~found)[near.label]
    kind = np.full(len(pool.detections), "", dtype="<U11")
    kind[outcome.false_alarm] = "background"
    second = found[near.label] & (same | near.enough)
    kind[near.detection[second & outcome.false_alarm[near.detection]]] = "duplicate"
    target = np.full(len(pool.detections), -1, dtype=np.int64)
    claimed = np.zeros(len(pool.detections), dtype=bool)
    for step, pairs in (
        ("box", wanted & same),
        ("class", wanted & ~same & near.enough),
        ("combined", wanted & ~same & ~near.enough),
    ):
        rows = np.flatnonzero(pairs & ~claimed[near.detection])
        rows = _nearest(near, rows)
        at = near.detection[rows]
        target[at], claimed[at] = near.label[rows], True
        kind[at] = _box_kinds(pool, protocol, near, rows) if step == "box" else step
    losers = _all_but_the_best(target, pool.score)
    kind[losers] = np.where(outcome.false_alarm[losers], "duplicate", "")
    target[losers] = -1
    missed = outcome.asked & ~found
    missed[target[target >= 0]] = False
    return Errors(kind, target, missed)


def _nearest(near: Nearness, rows: IntArray) -> IntArray:
    """Of these pairs the one of each detection with the label nearest to it."""
    order = rows[np.lexsort((rows, -near.nearness[rows], near.detection[rows]))]
    nearest: IntArray = order[np.diff(near.detection[order], prepend=-1) != 0]
    return nearest


def _all_but_the_best(target: IntArray, score: FloatArray) -> IntArray:
    """Detections whose target another one, better scored or earlier, has too."""
    at = np.flatnonzero(target >= 0)
    order = at[np.lexsort((at, -score[at], target[at]))]
    others: IntArray = order[np.diff(target[order], prepend=-1) == 0]
    return others


def _box_kinds(pool: Pool, protocol: Protocol, near: Nearness, rows: IntArray) -> NDArray[np.str_]:
    """What alone would make each of these pairs a hit."""
    if not isinstance(protocol, KittiProtocol | WaymoProtocol):
        return np.full(len(rows), "translation")
    labels, found = pool.labels[near.label[rows]], pool.detections[near.detection[rows]]
    names = ("translation", "size", "yaw")
    fixes = (
        found.replace(center=labels.center),
        found.replace(size=labels.size),
        found.replace(yaw_rad=labels.yaw_rad),
    )
    which = 0 if isinstance(protocol, KittiProtocol) and protocol.metrics[0] == "bev" else 1
    overlap = np.array([overlap_of_pairs(labels, fixed)[which] for fixed in fixes])
    enough = np.array([hits(protocol, labels.category, row) for row in overlap]).reshape(overlap.shape)
    best = np.where(enough, overlap, -1.0).argmax(axis=0)
    return np.where(enough.any(axis=0), np.array(names)[best], "combined")
