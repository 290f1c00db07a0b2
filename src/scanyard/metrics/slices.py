"""Average precision of a part of the objects: by range, returns, occlusion, size, weather, or any other column.

1. *Labels* of the slice are asked for.  All others are ignored, as each family ignores boxes: whoever finds one is
   neither right nor wrong, and keeps it from being a false alarm.
2. *A detection that finds a label* belongs where the label belongs, wherever the detection itself lies: a car at 19.9 m
   that is found at 20.1 m is a hit of the nearer slice, and nothing to the farther one.
3. *A detection that finds nothing* belongs by its own value where it has one: range, sizes, speed if it is detected,
   and whatever is known of its frame.  What only labels know, such as occlusion, truncation, visibility and returns, it
   has not: it is a false alarm in every slice, as KITTI's development kit counts the same false alarms at every
   difficulty.  Precision of such slices is comparable between detectors, not between slices of different sizes.

In KITTI's family, labels beyond the difficulty stay ignored in all slices.  A slice by something that is known of whole
frames has the score of those frames alone.  Drives, or blocks of frames, are resampled as for the whole, and matched
once for all slices.

A slice with fewer than ``min_objects`` labels is *grey*: its number is given, and nothing should be read from it.  With
30 labels and half of them found, chance alone moves the share found by 9 points either way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes
from scanyard.errors import EvaluationError
from scanyard.evaluation import Score
from scanyard.geometry import FloatArray
from scanyard.metrics.comparison import by_frame
from scanyard.metrics.headline import Interval, Subject
from scanyard.metrics.measured import Measured
from scanyard.metrics.pool import BoolArray, IntArray, Pool, ScoredFrame

MIN_OBJECTS = 30
MAX_VALUES = 20
"""Slices that a column may fall into without edges; more are numbers that want to be binned."""

_EDGES: Mapping[str, tuple[float, ...]] = {
    "range": (0, 20, 40, 60, math.inf),
    "points": (0, 1, 6, 21, 101, math.inf),  # Waymo's level 1 begins at 6
    "truncation": (0, 0.15, 0.3, 0.5, math.inf),  # KITTI's limits
    "visibility": (0, 0.25, 0.5, 0.75, math.inf),
    "size": (0, 1, 3, 6, math.inf),  # people, two-wheelers, cars, what is longer
    "speed": (0, 0.5, 5, 10, math.inf),
}
"""Where these columns are cut unless something else is asked for."""
_OF_LABELS: Mapping[str, str] = {
    "points": "num_points",
    "occlusion": "occlusion",
    "truncation": "truncation",
    "visibility": "visibility",
}
"""Columns that only labels have, and their names among the boxes' fields."""
_OF_BOXES = ("range", "size", "length", "width", "height", "speed")
_UNITS: Mapping[str, str] = {
    "range": " m",
    "size": " m",
    "length": " m",
    "width": " m",
    "height": " m",
    "speed": " m/s",
}
NOT_GIVEN = "not given"


@dataclass(frozen=True)
class SliceBy:
    """What to slice by."""

    column: str
    """range (metres on the ground), size (the longer side of the footprint), length, width, height, speed; points,
    occlusion, truncation, visibility of labels, and whatever else their ``label_columns`` have; drive; or what the
    frames' metadata has."""
    edges: tuple[float, ...] = ()
    """Where to cut a number, ascending: from one edge up to, not including, the next.  Without, at what is usual for
    the column, or a slice for each value."""

    @classmethod
    def parse(cls, text: str) -> SliceBy:
        """From ``range:0,20,40,80`` or ``weather``; ``inf`` is an edge.  EvaluationError where it is neither."""
        column, _, cuts = text.partition(":")
        try:
            edges = tuple(float(cut) for cut in cuts.split(",")) if cuts else ()
        except ValueError:
            edges = (math.nan,)
        ascending = all(low < high for low, high in pairwise(edges))
        if not column or len(edges) == 1 or not ascending or any(math.isnan(edge) for edge in edges):
            raise EvaluationError(
                f"slice {text!r}: expected a column, or a column and two or more ascending edges, such as weather or "
                "range:0,20,40,80"
            )
        return cls(column, edges)


@dataclass(frozen=True)
class SliceScore:
    """The score of one slice."""

    column: str
    name: str
    """Which values are in it, such as ``0 to 20 m``."""
    score: Score
    """``num_labels`` are those of the slice."""
    grey: bool
    """Too few labels for the number to mean something."""


@dataclass(frozen=True)
class Slice:
    """Which boxes belong to a slice."""

    name: str
    labels: BoolArray
    """(G,)"""
    detections: BoolArray
    """(D,) that are false alarms of it where they find nothing."""

    def judge(self, pool: Pool) -> Pool:
        """The same boxes, all outside the slice ignored."""
        return pool.judged(ignored=~self.labels, excused=~self.detections)


def evaluate_slices(
    frames: Sequence[ScoredFrame],
    protocol: str = "kitti_r40",
    *,
    by: Sequence[SliceBy],
    difficulty: str | None = None,
    min_objects: int = MIN_OBJECTS,
    resamples: int = 1000,
    level: float = 0.9,
    seed: int = 0,
) -> tuple[SliceScore, ...]:
    """One precision per category and slice, of those that hold a label; ``headline`` says which precision.

    EvaluationError when a column is not there, or has too many values to be a slice each.
    """
    subject = Subject.of(frames, protocol, difficulty=difficulty, resamples=resamples, level=level, seed=seed)
    return score_slices(subject, by, min_objects=min_objects)


def score_slices(subject: Subject, by: Sequence[SliceBy], *, min_objects: int = MIN_OBJECTS) -> tuple[SliceScore, ...]:
    """As ``evaluate_slices``, of frames that are side by side already."""
    scores = []
    for one in by:
        slices = slices_of(subject.pool, one)
        measured = [_measured(subject, each.judge(subject.pool)) for each in slices]
        for category in subject.keys:
            for each, (found, in_blocks) in zip(slices, measured, strict=True):
                if category in found:
                    score = subject.score(found[category], in_blocks=in_blocks.get(category))
                    scores.append(SliceScore(one.column, each.name, score, score.num_labels < min_objects))
    return tuple(scores)


def _measured(subject: Subject, pool: Pool) -> tuple[dict[str, Measured], dict[str, Interval]]:
    """Of one slice, with intervals from blocks of frames where there are too few drives."""
    singly = by_frame(pool)
    return subject.measure(pool), subject.in_blocks(lambda copies: subject.measure(singly, copies))


def slices_of(pool: Pool, by: SliceBy) -> list[Slice]:
    """The slices of a column, in ascending order; some may be empty."""
    if by.column in _OF_LABELS or by.column in pool.label_columns:
        labels = pool.label_columns.get(by.column)
        if labels is None:
            labels = _column(pool.labels, _OF_LABELS[by.column], by.column)
        return [Slice(name, inside, np.ones(len(pool.detections), bool)) for name, inside in _cut(labels, by)]
    if by.column in _OF_BOXES:
        labels = _measure_of(pool, pool.labels, pool.label_frame, by.column)
        if by.column == "speed" and pool.detections.velocity is None:  # what is not detected cannot sort false alarms
            return [Slice(name, inside, np.ones(len(pool.detections), bool)) for name, inside in _cut(labels, by)]
        detections = _measure_of(pool, pool.detections, pool.detection_frame, by.column)
        bins = _cut(np.concatenate([labels, detections]), by)
        return [Slice(name, inside[: len(labels)], inside[len(labels) :]) for name, inside in bins]
    return [
        Slice(name, inside[pool.label_frame], inside[pool.detection_frame])
        for name, inside in _cut(_known_of_frames(pool, by.column), by)
    ]


def _measure_of(pool: Pool, boxes: Boxes, frame: IntArray, column: str) -> FloatArray:
    if column == "range":
        return pool.ranges(boxes, frame, 2)
    if column == "speed":
        return np.asarray(np.linalg.norm(_column(boxes, "velocity", column)[:, :2], axis=1))
    if column == "size":
        return np.asarray(boxes.size[:, :2].max(axis=1))
    return np.asarray(boxes.size[:, ("length", "width", "height").index(column)])


def _column(boxes: Boxes, field: str, column: str) -> NDArray[np.generic]:
    values: NDArray[np.generic] | None = getattr(boxes, field)
    if values is None and len(boxes):
        role = "labels" if boxes.score is None else "detections"
        raise EvaluationError(
            f"cannot slice by {column}: not all frames' {role} have {field}; slice by something else, or set it where "
            "they are read"
        )
    return np.zeros((0, 3) if field == "velocity" else 0) if values is None else values


def _known_of_frames(pool: Pool, column: str) -> NDArray[np.generic]:
    """(F,) numbers where all frames that have it have numbers, else text."""
    if column == "drive":
        return np.array(pool.drives)[pool.frame_drive]
    values = [metadata.get(column) for metadata in pool.metadata]
    if all(value is None for value in values):
        known = sorted({name for metadata in pool.metadata for name in metadata})
        raise EvaluationError(
            f"cannot slice by {column}: no frame has it; frames have {['drive', *known]}, boxes "
            f"{[*_OF_BOXES, *_OF_LABELS, *pool.label_columns]}"
        )
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values, dtype=np.float64)
    return np.array([NOT_GIVEN if value is None else str(value) for value in values])


def _cut(values: NDArray[np.generic], by: SliceBy) -> list[tuple[str, BoolArray]]:
    edges = by.edges or _EDGES.get(by.column, ())
    number = values.dtype.kind in "iuf"
    if edges and not number:
        raise EvaluationError(
            f"cannot cut {by.column} at {list(edges)}: it is text or missing in some frames, such as "
            f"{np.unique(values)[:3].tolist()}; leave the edges out"
        )
    if edges:
        return [
            (_name(low, high, by.column), np.asarray((values >= low) & (values < high)))  # type: ignore[operator]
            for low, high in pairwise(edges)
        ]
    distinct = np.unique(values)
    if len(distinct) > MAX_VALUES:
        advice = f"give edges, such as {by.column}:{_thirds(values)}" if number else "group them first"
        raise EvaluationError(
            f"cannot slice by {by.column}: it has {len(distinct)} different values, and more than {MAX_VALUES} slices "
            f"say nothing; {advice}"
        )
    return [(f"{value:g}" if number else str(value), np.asarray(values == value)) for value in distinct]


def _thirds(values: NDArray[np.generic]) -> str:
    cuts = np.quantile(values.astype(np.float64), (0, 1 / 3, 2 / 3))
    return ",".join([*(f"{cut:.3g}" for cut in cuts), "inf"])


def _name(low: float, high: float, column: str) -> str:
    unit = _UNITS.get(column, "")
    if column == "points":  # whole numbers read better with both ends included
        return (
            f"{low:g} and more" if math.isinf(high) else f"{low:g}" if high == low + 1 else f"{low:g} to {high - 1:g}"
        )
    return f"{low:g}{unit} and more" if math.isinf(high) else f"{low:g} to {high:g}{unit}"
