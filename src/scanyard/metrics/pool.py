"""All frames' labels and detections side by side, with their overlaps worked out once.

Overlaps cost most of an evaluation, and every category, difficulty, threshold and resample uses the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanyard.boxes import Boxes, overlap_of_pairs
from scanyard.errors import EvaluationError
from scanyard.geometry import FloatArray

IntArray = NDArray[np.int64]


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


@dataclass(frozen=True)
class Pool:
    """G labels and D detections of all frames, and the P pairs of one of each that overlap."""

    drives: tuple[str, ...]
    """Sorted; the drive columns index it."""
    label_category: NDArray[np.str_]
    """(G,)"""
    label_height_px: FloatArray
    """(G,) of the image box."""
    label_occlusion: IntArray
    """(G,)"""
    label_truncation: FloatArray
    """(G,)"""
    label_drive: IntArray
    """(G,)"""
    detection_category: NDArray[np.str_]
    """(D,)"""
    detection_height_px: FloatArray
    """(D,) of the image box."""
    detection_score: FloatArray
    """(D,)"""
    detection_drive: IntArray
    """(D,)"""
    pair_frame: IntArray
    """(P,) non-decreasing."""
    pair_label: IntArray
    """(P,)"""
    pair_detection: IntArray
    """(P,)"""
    overlap: Mapping[str, FloatArray]
    """(P,) intersection over union by metric, ``3d`` and ``bev``."""


def pool_frames(frames: Sequence[ScoredFrame]) -> Pool:
    """Put frames side by side; EvaluationError when there are none, or one lacks a column that scoring needs."""
    if not frames:
        raise EvaluationError("no frames to score")
    for frame in frames:
        _require_columns(frame)
    drives = tuple(sorted({frame.drive for frame in frames}))
    place = {drive: index for index, drive in enumerate(drives)}
    frame_drive = np.array([place[frame.drive] for frame in frames], dtype=np.int64)
    num_labels, num_detections = (
        np.array([len(getattr(frame, role)) for frame in frames]) for role in ("labels", "detections")
    )
    labels = Boxes.concatenate([frame.labels for frame in frames])
    detections = Boxes.concatenate([frame.detections for frame in frames])
    pair_frame, pair_label, pair_detection = _pairs_within_frames(num_labels, num_detections)
    bev, volume = overlap_of_pairs(labels[pair_label], detections[pair_detection])
    near = np.flatnonzero(bev > 0)
    return Pool(
        drives=drives,
        label_category=labels.category,
        label_height_px=_height_px(labels),
        label_occlusion=np.zeros(0, np.int64) if labels.occlusion is None else labels.occlusion,
        label_truncation=np.zeros(0) if labels.truncation is None else labels.truncation,
        label_drive=np.repeat(frame_drive, num_labels),
        detection_category=detections.category,
        detection_height_px=_height_px(detections),
        detection_score=np.zeros(0) if detections.score is None else detections.score,
        detection_drive=np.repeat(frame_drive, num_detections),
        pair_frame=pair_frame[near],
        pair_label=pair_label[near],
        pair_detection=pair_detection[near],
        overlap={"bev": bev[near], "3d": volume[near]},
    )


def _require_columns(frame: ScoredFrame) -> None:
    where = f"frame {frame.name or '?'} of drive {frame.drive}"
    needed = (
        ("labels", frame.labels, ("truncation", "occlusion", "image_box")),
        ("detections", frame.detections, ("score", "image_box")),
    )
    for role, boxes, columns in needed:
        absent = [column for column in columns if len(boxes) and getattr(boxes, column) is None]
        if absent:
            raise EvaluationError(
                f"{where}: its {len(boxes)} {role} have no {', '.join(absent)}; the protocol needs every one of "
                f"{', '.join(columns)}, so set them before scoring"
            )
    score = frame.detections.score
    if score is not None and not np.isfinite(score).all():
        raise EvaluationError(
            f"{where}: the score of {np.count_nonzero(~np.isfinite(score))} detections is not a finite number; "
            "detections are ranked by it"
        )


def _pairs_within_frames(num_labels: IntArray, num_detections: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Frame, label and detection (P,) of every pair within a frame, labels first in order, then detections."""
    first_label = np.cumsum(num_labels) - num_labels
    first_detection = np.cumsum(num_detections) - num_detections
    num_pairs = num_labels * num_detections
    frame = np.repeat(np.arange(len(num_pairs)), num_pairs)
    within = np.arange(len(frame)) - np.repeat(np.cumsum(num_pairs) - num_pairs, num_pairs)
    label, detection = np.divmod(within, np.maximum(num_detections, 1)[frame])
    return frame, first_label[frame] + label, first_detection[frame] + detection


def _height_px(boxes: Boxes) -> FloatArray:
    if boxes.image_box is None:
        return np.zeros(0)
    height: FloatArray = np.abs(boxes.image_box[:, 3] - boxes.image_box[:, 1])
    return height
