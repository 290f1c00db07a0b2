"""A dataset at a glance, as three Parquet tables: a row per sequence, per frame and per box.

They are small enough to look at in a browser, and hold no point and no pixel.  ``TABLES`` describes every column once,
for the files and for the card (``croissant``) alike.  What a stranger gets wrong: a box that nobody counted points in
has ``num_points`` null, not 0, and a frame that nobody labelled has ``boxes`` null; there is no column for a split,
because what may be split is the ``drive``, and how is up to whoever trains.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scanyard.errors import EnvironmentFault
from scanyard.store import Dataset, StoredSequence


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    kind: Literal["string", "int64", "float64"]
    said: str
    """What it means, with its unit."""


_SEQUENCE = Column("sequence", "string", "name of the recording")
_FRAME = Column("frame", "int64", "number of the frame in it, from 0")
_DRIVE = Column("drive", "string", "what must not be split: a drive, or one simulated world")
_DOMAIN = Column("domain", "string", "synthetic, real or stand-in")
_TIME = Column("timestamp_ns", "int64", "time in nanoseconds")

TABLES: Mapping[str, tuple[Column, ...]] = {
    "sequences": (
        _SEQUENCE,
        Column("digest", "string", "SHA-256 of what was recorded, as its seal has it"),
        _DOMAIN,
        _DRIVE,
        Column("licence", "string", "licence of its frames, SPDX id or name"),
        Column("frames", "int64", "number of frames"),
        Column("bytes", "int64", "size as stored, in bytes"),
        Column("provenance", "string", "what made the frames, as JSON: scenario, seed, server, or source files"),
    ),
    "frames": (
        _SEQUENCE,
        _FRAME,
        _DRIVE,
        _DOMAIN,
        Column("name", "string", "name of the frame at its source; empty where it had none"),
        _TIME,
        Column("points", "int64", "returns of all LiDARs"),
        Column("boxes", "int64", "number of labelled boxes; null where nobody labelled"),
    ),
    "boxes": (
        _SEQUENCE,
        _FRAME,
        _DRIVE,
        _TIME,
        Column("category", "string", "class of the object, lower case"),
        Column("track", "int64", "identity that lasts through a sequence; null where there is none"),
        Column("center_x_m", "float64", "centre in the ego frame, forward, in metres"),
        Column("center_y_m", "float64", "centre in the ego frame, left, in metres"),
        Column("center_z_m", "float64", "centre in the ego frame, up, in metres"),
        Column("length_m", "float64", "size along the box's x, in metres"),
        Column("width_m", "float64", "size along the box's y, in metres"),
        Column("height_m", "float64", "size along the box's z, in metres"),
        Column("yaw_rad", "float64", "heading in the ego frame, from x towards y, in radians"),
        Column("num_points", "int64", "LiDAR returns inside; null where nobody counted"),
        Column("visibility", "float64", "fraction of rays that reach it, 0 to 1; null where unknown"),
    ),
}
"""Columns by table; the file of a table is ``NAME.parquet``."""


def write_preview(dataset: Dataset, out: Path, on_progress: Callable[[int, int], None] | None = None) -> dict[str, int]:
    """Write the three tables into the folder ``out``; rows by table.  ``on_progress`` hears of frames done, of all."""
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
    done = 0
    for name, sequence in dataset.sequences.items():
        rows["sequences"].append(_sequence_row(name, sequence))
        for index in range(len(sequence)):
            frame, boxes = _frame_rows(name, sequence, index)
            rows["frames"].append(frame)
            rows["boxes"] += boxes
            done += 1
            if on_progress is not None:
                on_progress(done, dataset.num_frames)
    for table, columns in TABLES.items():
        _write_table(out / f"{table}.parquet", columns, rows[table])
    return {table: len(found) for table, found in rows.items()}


def _sequence_row(name: str, sequence: StoredSequence) -> tuple[Any, ...]:
    info, seal = sequence.info, sequence.seal
    provenance = json.dumps(dict(info.provenance), sort_keys=True)
    return (
        name, seal.digest, info.domain, info.drive, info.licence, seal.num_frames, seal.size_bytes, provenance,
    )  # fmt: skip


def _frame_rows(name: str, sequence: StoredSequence, index: int) -> tuple[tuple[Any, ...], Iterator[tuple[Any, ...]]]:
    """The row of one frame and those of its boxes."""
    info, seal = sequence.info, sequence.seal
    time, boxes = int(sequence.timestamps_ns()[index]), sequence.labels(index)
    frame = (
        name, index, info.drive, info.domain, seal.frame_names[index], time, sequence.num_points(index),
        None if boxes is None else len(boxes),
    )  # fmt: skip
    if boxes is None:
        return frame, iter(())

    def column(values: Any) -> list[Any]:
        return [None] * len(boxes) if values is None else list(values.tolist())

    columns = zip(
        boxes.category.tolist(), column(boxes.track), *boxes.center.T.tolist(), *boxes.size.T.tolist(),
        boxes.yaw_rad.tolist(), column(boxes.num_points), column(boxes.visibility), strict=True,
    )  # fmt: skip
    return frame, ((name, index, info.drive, time, *box) for box in columns)


def _write_table(path: Path, columns: tuple[Column, ...], rows: list[tuple[Any, ...]]) -> None:
    arrow = _pyarrow()
    schema = arrow.schema([arrow.field(column.name, getattr(arrow, column.kind)()) for column in columns])
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    arrays = [arrow.array(list(value), field.type) for value, field in zip(values, schema, strict=True)]
    arrow.parquet.write_table(arrow.Table.from_arrays(arrays, schema=schema), str(path), compression="zstd")


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise EnvironmentFault(
            "a preview needs pyarrow, which is not installed: pip install 'scanyard[card]'"
        ) from error
    return pyarrow
