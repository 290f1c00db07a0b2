"""What differs between two versions of a dataset: sequences, frames, classes, and labels that moved.

Sequences are paired by name; where their digests agree nothing else is read.  In the others frames are paired by time
and labels by track, or, where there are no tracks, with the nearest label of the same category within ``REACH_M``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from scanyard.boxes import Boxes
from scanyard.store.read import Dataset, StoredSequence, open_dataset

REACH_M = 2.0
"""A label further away than half a car is another one."""
MOVED_M = 0.01
"""Less is rounding: labels are given to the centimetre."""
TURNED_RAD = np.deg2rad(0.5)


@dataclass
class LabelChanges:
    """Labels of paired frames, counted."""

    same: int = 0
    moved: int = 0
    """Centre by more than ``MOVED_M``."""
    turned: int = 0
    resized: int = 0
    renamed: int = 0
    """Of another category now."""
    added: int = 0
    removed: int = 0
    furthest_m: float = 0.0
    """How far the centre moved that moved most."""

    def add(self, before: Boxes, after: Boxes) -> None:
        """Count the labels of one frame."""
        old, new = _pairs(before, after)
        self.removed += len(before) - len(old)
        self.added += len(after) - len(new)
        distance = np.linalg.norm(before.center[old] - after.center[new], axis=1)
        turn = np.abs(np.angle(np.exp(1j * (before.yaw_rad[old] - after.yaw_rad[new]))))
        moved, turned = distance > MOVED_M, turn > TURNED_RAD
        resized = np.any(np.abs(before.size[old] - after.size[new]) > MOVED_M, axis=1)
        renamed = before.category[old] != after.category[new]
        self.moved += int(moved.sum())
        self.turned += int(turned.sum())
        self.resized += int(resized.sum())
        self.renamed += int(renamed.sum())
        self.same += int((~(moved | turned | resized | renamed)).sum())
        self.furthest_m = max(self.furthest_m, float(distance.max(initial=0.0)))


@dataclass(frozen=True)
class Difference:
    """What differs between dataset A and dataset B."""

    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    changed: tuple[str, ...]
    """In both, with different digests."""
    same: int
    """Sequences in both with one digest."""
    frames: tuple[int, int]
    """In A and in B."""
    categories: dict[str, tuple[int, int]]
    """Labels in A and in B, by category."""
    labels: LabelChanges = field(default_factory=LabelChanges)
    """In frames that both have, of changed sequences."""


def difference(a: str | Path, b: str | Path, on_progress: Callable[[int, int], None] | None = None) -> Difference:
    """Compare two datasets; StoreError where one is none.  Labels are read, sweeps and images are not."""
    left, right = open_dataset(a), open_dataset(b)
    both = [name for name in left.sequences if name in right.sequences]
    changed = [name for name in both if left.sequences[name].seal.digest != right.sequences[name].seal.digest]
    labels = LabelChanges()
    for done, name in enumerate(changed, start=1):
        _compare(left.sequences[name], right.sequences[name], labels)
        if on_progress is not None:
            on_progress(done, len(changed))
    counts = _categories(left), _categories(right)
    return Difference(
        only_a=tuple(name for name in left.sequences if name not in right.sequences),
        only_b=tuple(name for name in right.sequences if name not in left.sequences),
        changed=tuple(changed),
        same=len(both) - len(changed),
        frames=(left.num_frames, right.num_frames),
        categories={name: (counts[0][name], counts[1][name]) for name in sorted({*counts[0], *counts[1]})},
        labels=labels,
    )


def _compare(a: StoredSequence, b: StoredSequence, labels: LabelChanges) -> None:
    at = {time: index for index, time in enumerate(b.timestamps_ns().tolist())}
    for index, time in enumerate(a.timestamps_ns().tolist()):
        if time in at:
            before, after = a.labels(index), b.labels(at[time])
            labels.add(Boxes.empty() if before is None else before, Boxes.empty() if after is None else after)


def _pairs(before: Boxes, after: Boxes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices (K,) into each of the labels that are one and the same."""
    if not len(before) or not len(after):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if before.track is not None and after.track is not None:
        _, old, new = np.intersect1d(before.track, after.track, return_indices=True)
        return old, new
    distance = np.linalg.norm(before.center[:, None] - after.center, axis=2)
    distance[(before.category[:, None] != after.category) | (distance > REACH_M)] = 1e6
    old, new = linear_sum_assignment(distance)
    near = distance[old, new] <= REACH_M
    return old[near], new[near]


def _categories(dataset: Dataset) -> Counter[str]:
    counts = Counter[str]()
    for sequence in dataset.sequences.values():
        for index in range(len(sequence)):
            boxes = sequence.labels(index)
            if boxes is not None:
                counts.update(boxes.category.tolist())
    return counts
