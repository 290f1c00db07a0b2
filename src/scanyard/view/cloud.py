"""A sweep made small enough to travel inside a page: thinned, quantised to 5 mm, base64.

The page's viewer (``report.js``) reads the layout written here: little-endian int16 x, y, z in steps of ``STEP_M``,
one byte of class and one of object per point.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from scanyard.boxes import Boxes, corners, points_inside
from scanyard.frame import Frame
from scanyard.geometry import FloatArray
from scanyard.randomness import stream
from scanyard.sensors import Rig
from scanyard.view.birdseye import all_points_ego
from scanyard.view.palette import CATEGORY, OTHER, SEMANTIC

STEP_M = 0.005  # int16 then reaches 163 m, further than the sensors do
MAX_POINTS = 60_000


def pack_cloud(frame: Frame, rig: Rig, *, detections: Boxes | None = None, min_score: float = 0.3) -> dict[str, Any]:
    """JSON values for the viewer: points, classes with their colours, objects, and the edges of boxes.

    Where a sweep carries no semantic tags (a real one), a point's class is that of the label box it lies in.
    """
    points = all_points_ego(frame, rig)
    kept = _thinned(points, key=f"{frame.name}/{frame.timestamp_ns}")
    labels = frame.boxes if frame.boxes is not None else Boxes.empty()
    inside = points_inside(labels, points[kept], margin_m=0.05)
    owner = np.where(inside.any(axis=0), inside.argmax(axis=0) + 1, 0) if len(labels) else np.zeros(len(kept), np.int64)
    classes, legend = _classes(frame, rig, kept, labels, owner)
    shown = detections
    if detections is not None and detections.score is not None:
        shown = detections[detections.score >= min_score]
    return {
        "count": len(kept),
        "total": len(points),
        "step": STEP_M,
        "xyz": _base64(np.clip(np.rint(points[kept] / STEP_M), -32768, 32767).astype("<i2")),
        "class": _base64(classes.astype(np.uint8)),
        "object": _base64((((owner - 1) % 255 + 1) * (owner > 0)).astype(np.uint8)),
        "legend": legend,
        "labels": _outlines(labels),
        "detections": _outlines(shown) if shown is not None else [],
    }


def _thinned(points: FloatArray, *, key: str) -> np.ndarray:
    """Sorted indices of at most MAX_POINTS points within reach of the quantisation, drawn without order."""
    within = np.flatnonzero(np.abs(points).max(axis=1, initial=0.0) < STEP_M * 32767)
    if len(within) <= MAX_POINTS:
        return within
    return np.sort(stream("view", "thin", key).choice(within, MAX_POINTS, replace=False))


def _classes(
    frame: Frame, rig: Rig, kept: np.ndarray, labels: Boxes, owner: np.ndarray
) -> tuple[np.ndarray, list[list[Any]]]:
    """Class index (M,) of each kept point and the legend [[name, [r, g, b]], ...] it points into."""
    sweeps = [frame.sweeps[lidar.name] for lidar in rig.lidars if lidar.name in frame.sweeps]
    tags = [sweep.semantic for sweep in sweeps if sweep.semantic is not None]
    if sweeps and len(tags) == len(sweeps):
        tag = np.concatenate(tags)[kept]
        present = [int(value) for value in np.unique(tag)]
        legend = [[*SEMANTIC.get(value, ("other", OTHER))] for value in present]
        return np.searchsorted(present, tag), _as_lists(legend)
    names = sorted({str(name) for name in labels.category})
    legend = [["unlabelled", OTHER], *([name, CATEGORY.get(name, OTHER)] for name in names)]
    per_box = np.array([0, *(names.index(str(name)) + 1 for name in labels.category)])
    return per_box[owner], _as_lists(legend)


def _as_lists(legend: list[list[Any]]) -> list[list[Any]]:
    return [[name, list(color)] for name, color in legend]


def _outlines(boxes: Boxes) -> list[dict[str, Any]]:
    rounded = np.round(corners(boxes), 2)
    return [
        {"corners": rounded[i].ravel().tolist(), "category": str(boxes.category[i])}
        | ({} if boxes.score is None else {"score": round(float(boxes.score[i]), 2)})
        for i in range(len(boxes))
    ]


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
