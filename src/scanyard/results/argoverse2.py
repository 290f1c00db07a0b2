"""Argoverse 2's detections: one Feather table with a row per box, as the av2 API writes and its challenge takes it.

    log_id, timestamp_ns, category, score, tx_m, ty_m, tz_m, length_m, width_m, height_m, qw, qx, qy, qz

Boxes are in the vehicle's frame, whose origin is on the rear axle and not, as ours, on the ground below.  Classes
become our categories as those of the labels do.  A sweep in which nothing was found has no row: of a log that the table
names, sweeps without rows count as empty, while a log it never names is missing.

Feather tables are read by pyarrow, an extra; it is told to check all of what it reads, or damage would crash it later.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scanyard.boxes import Boxes
from scanyard.datasets.argoverse2_layout import EGO_FROM_VEHICLE
from scanyard.datasets.classes import CATEGORY_OF_ARGOVERSE2, categories_of
from scanyard.datasets.feather import Columns, read_table
from scanyard.detections import FrameDetections
from scanyard.errors import FormatError
from scanyard.geometry import FloatArray
from scanyard.metrics.pool import IntArray
from scanyard.plausible import MAX_DISTANCE_M, check_boxes
from scanyard.results.frames import KnownFrames
from scanyard.results.nuscenes_json import axes_of

PLACE = ("tx_m", "ty_m", "tz_m")
SIZE = ("length_m", "width_m", "height_m")
TURN = ("qw", "qx", "qy", "qz")
TEXTS = ("log_id", "category")
COLUMNS = (*TEXTS, "timestamp_ns", "score", *PLACE, *SIZE, *TURN)
_ROTATION = 1e-2
"""How far from 1 a quaternion's length may be; tables in float32 and hand-made ones are less far."""


def read_argoverse2(path: Path, known: KnownFrames) -> list[FrameDetections]:
    """The detections of every sweep of the logs in a table, in the ego frame; FormatError names file and row.

    EnvironmentFault where pyarrow is not installed.
    """
    columns = read_table(path, COLUMNS)
    _check_kinds(columns, path)
    rows_of: dict[tuple[str, int], list[int]] = {}
    for row, (log, time) in enumerate(zip(columns["log_id"].tolist(), columns["timestamp_ns"].tolist(), strict=True)):
        rows_of.setdefault((log, time), []).append(row)
    rows_by_frame = {}
    for when, rows in rows_of.items():
        frame = known.at(*when, f"{path}, row {rows[0]}")
        rows_by_frame[frame.info.name, frame.index] = rows
    recordings = {recording for recording, _ in rows_by_frame}
    return [
        frame.detected(_boxes(columns, np.array(rows_by_frame.get((frame.info.name, frame.index), ()), np.int64), path))
        for frame in known.frames
        if frame.info.name in recordings
    ]


def _check_kinds(columns: Columns, path: Path) -> None:
    for name in COLUMNS:
        values = columns[name]
        if name in TEXTS:
            for row, value in enumerate(values.tolist()):
                if not isinstance(value, str):
                    raise FormatError(f"{path}, row {row}: {name} is {value!r:.40}, expected text")
        elif values.dtype.kind not in ("iu" if name == "timestamp_ns" else "iuf"):
            expected = "whole nanoseconds" if name == "timestamp_ns" else "numbers"
            raise FormatError(f"{path}: column {name} holds {values.dtype}, expected {expected}, none left out")


def _boxes(columns: Columns, rows: IntArray, path: Path) -> Boxes:
    def where(box: int) -> str:
        return f"{path}, row {rows[box]}"

    place, size, turn = (_side_by_side(columns, names, rows) for names in (PLACE, SIZE, TURN))
    length = np.linalg.norm(np.clip(turn, -2.0, 2.0), axis=1)  # clipped, because squares may overflow
    for box in np.flatnonzero(~(np.abs(length - 1.0) <= _ROTATION)).tolist():
        raise FormatError(f"{where(box)}: {turn[box].tolist()} is no unit quaternion (qw, qx, qy, qz)")
    along, up = axes_of(turn)
    for box in np.flatnonzero(up[:, 2] < 0.5).tolist():
        raise FormatError(
            f"{where(box)}: quaternion {turn[box].tolist()} lays the box on its side; expected qw, qx, qy, qz of a "
            "turn about the vertical"
        )
    for box in np.flatnonzero(~(np.abs(place) <= MAX_DISTANCE_M).all(axis=1)).tolist():
        raise FormatError(
            f"{where(box)}: found centre {place[box].tolist()}, expected metres from the vehicle, within "
            f"{MAX_DISTANCE_M:g}; a city's coordinates are not read"
        )
    names = [
        categories_of([name], CATEGORY_OF_ARGOVERSE2, where(box))[0]
        for box, name in enumerate(columns["category"][rows].tolist())
    ]
    boxes = Boxes(
        center=EGO_FROM_VEHICLE.apply(place),
        size=size,
        yaw_rad=np.arctan2(along[:, 1], along[:, 0]),
        category=np.array(names, dtype=np.str_),
        score=columns["score"][rows].astype(np.float64),
    )
    check_boxes(boxes, where)
    return boxes


def _side_by_side(columns: Columns, names: tuple[str, ...], rows: IntArray) -> FloatArray:
    """(N, C) of these rows."""
    return np.stack([columns[name][rows].astype(np.float64) for name in names], axis=1)
