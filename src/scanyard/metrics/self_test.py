"""Whether a protocol measures what it should on the labels at hand: perfect is perfect, nothing is nothing.

It is run on labels that count and with compiled matching, so it costs milliseconds.  Labels that overlap another are
left out of it: KITTI lets a label that it ignores take the detection of the one beside it, and two people on a bench do
overlap.  A label given *twice* is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scanyard.boxes import Boxes
from scanyard.errors import ContractError
from scanyard.metrics.families import measure
from scanyard.metrics.measured import Measured
from scanyard.metrics.pool import ScoredFrame, pool_frames
from scanyard.metrics.protocols import KittiProtocol, Protocol, WaymoProtocol
from scanyard.randomness import stream

_SHIFTS_M = (0.0, 0.3, 1.0, 3.0)
_EXACT = 1e-6
"""Percentage points; what rounding may do."""
_SLACK = 2.0
"""Percentage points that moving boxes away may gain by chance, as one lands on another's label."""

_SAME_OBJECT = 0.95
"""Overlap of volumes from which two labels of a category are one object."""
_BESIDE = 0.2
"""Overlap from which a detection of one label may be taken for another's: less than any protocol asks for."""

Values = dict[tuple[object, ...], float]


def check_metric(frames: Sequence[ScoredFrame], protocol: Protocol, where: str) -> None:
    """ContractError when labels as detections do not have everything, or one of the other laws is broken."""
    frames = _apart(frames, protocol, where)
    perfect = [replace(frame, detections=_as_detections(frame.labels, 0.9)) for frame in frames]
    precision = _precision(perfect, protocol)
    for key, value in precision.items():
        if abs(value - 100) > _EXACT:
            raise ContractError(
                "oracle_below_one",
                f"{where}: labels handed in as detections have {value:.2f} of {_name(key)}, expected 100. They "
                "carry values that the protocol cannot match; lint the labels",
            )
    nothing = [replace(frame, detections=Boxes.empty()) for frame in frames]
    for key, value in _precision(nothing, protocol).items():
        if abs(value) > _EXACT:
            raise ContractError(
                "nothing_above_zero", f"{where}: no detections at all have {value:.2f} of {_name(key)}, expected 0"
            )
    _check_rescaling(frames, protocol, where)
    _check_noise(perfect, protocol, where)


def _apart(frames: Sequence[ScoredFrame], protocol: Protocol, where: str) -> list[ScoredFrame]:
    """The frames without labels that overlap an earlier one of their frame."""
    pool = pool_frames([replace(frame, detections=_as_detections(frame.labels, 0.9)) for frame in frames])
    pairs = pool.pairs
    same_name = pool.labels.category[pairs.label] == pool.labels.category[pairs.detection]
    earlier = pairs.label < pairs.detection
    twice = np.flatnonzero(earlier & same_name & (pairs.volume > _SAME_OBJECT))
    if len(twice):
        frame = frames[int(pool.label_frame[pairs.label[twice[0]]])]
        raise ContractError(
            "duplicate_labels",
            f"{where}: {len(twice)} labels stand where another of their category stands, the first is a "
            f"{pool.labels.category[pairs.label[twice[0]]]} in frame {frame.name or '?'} of drive {frame.drive}; one "
            "of them can never be found. Drop the copies",
        )
    overlapping = pairs.detection[earlier & (pairs.bev > _BESIDE)]
    if isinstance(protocol, KittiProtocol) and "2d" in protocol.metrics:
        label, other, overlap = pool.image_pairs
        overlapping = np.concatenate([overlapping, other[(label < other) & (overlap > _BESIDE)]])
    keep = np.ones(len(pool.labels), dtype=bool)
    keep[overlapping] = False
    by_frame = np.split(keep, pool.label_start[1:-1])
    return [replace(frame, labels=frame.labels[kept]) for frame, kept in zip(frames, by_frame, strict=True)]


def _check_rescaling(frames: Sequence[ScoredFrame], protocol: Protocol, where: str) -> None:
    if isinstance(protocol, WaymoProtocol):
        return
    halved = [
        replace(f, detections=f.detections if f.detections.score is None else _rescaled(f.detections)) for f in frames
    ]
    before, after = (_values(side, protocol) for side in (frames, halved))
    for key, value in before.items():
        if abs(value - after[key]) > _EXACT:
            raise ContractError(
                "scores_not_ranks",
                f"{where}: halving every score takes {_name(key)} from {value:.4f} to {after[key]:.4f}; scores may "
                "only rank detections. Some lie below what a number can hold apart: rescale them",
            )


def _check_noise(perfect: Sequence[ScoredFrame], protocol: Protocol, where: str) -> None:
    rng = stream("contract", "noise")
    ways = [rng.uniform(-np.pi, np.pi, len(frame.labels)) for frame in perfect]
    last: Values | None = None
    for shift in _SHIFTS_M:
        moved = [
            replace(frame, detections=_moved(frame.detections, way, shift))
            for frame, way in zip(perfect, ways, strict=True)
        ]
        now = _precision(moved, protocol)
        if last is not None:
            for key, value in now.items():
                slack = _SLACK + 200.0 / max(_num_labels(perfect), 1)
                if value > last[key] + slack:
                    raise ContractError(
                        "noise_helps",
                        f"{where}: moving every box by {shift} m takes {_name(key)} from {last[key]:.2f} up to "
                        f"{value:.2f}; expected it to fall. Labels stand on top of each other: lint them",
                    )
        last = now


def _num_labels(frames: Sequence[ScoredFrame]) -> int:
    return sum(len(frame.labels) for frame in frames)


def _as_detections(labels: Boxes, score: float) -> Boxes:
    return labels.replace(
        score=np.full(len(labels), score), truncation=None, occlusion=None, num_points=None, visibility=None, track=None
    )


def _rescaled(detections: Boxes) -> Boxes:
    assert detections.score is not None
    return detections.replace(score=detections.score / 2)  # exact in binary


def _moved(boxes: Boxes, way_rad: np.ndarray, shift_m: float) -> Boxes:
    away = shift_m * np.column_stack([np.cos(way_rad), np.sin(way_rad), np.zeros(len(boxes))])
    return boxes.replace(center=boxes.center + away)


def _measured(frames: Sequence[ScoredFrame], protocol: Protocol) -> list[Measured]:
    pool = pool_frames(frames, protocol)
    return measure(pool, protocol, np.ones((1, len(pool.drives)), dtype=np.int64))


def _values(frames: Sequence[ScoredFrame], protocol: Protocol) -> Values:
    return {one.key: float(one.values[0]) for one in _measured(frames, protocol)}


def _precision(frames: Sequence[ScoredFrame], protocol: Protocol) -> Values:
    """Average precisions of single categories: means hold categories that are not labelled."""
    return {
        one.key: float(one.values[0])
        for one in _measured(frames, protocol)
        if one.unit == "percent" and one.category != "all"
    }


def _name(key: tuple[object, ...]) -> str:
    metric, category, difficulty, iou, distance = key
    return (
        f"{category} {difficulty} {metric}"
        + (f"@{iou}" if iou is not None else "")
        + (f" within {distance} m" if distance is not None else "")
    )
