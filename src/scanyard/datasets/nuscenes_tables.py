"""nuScenes' tables: JSON lists of rows that point at each other by token.

    scene ── sample ── sample_data ── ego_pose, calibrated_sensor ── sensor      scene ── log ── map
               └──── sample_annotation ── instance ── category;  attribute, visibility

Rows of ours carry one more key with what the layout has no place for: see ``extras``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanyard.datasets.classes import CATEGORY_OF_NUSCENES
from scanyard.errors import FormatError

Row = dict[str, Any]
LAYOUT = "nuscenes"
LICENCE = "CC-BY-NC-SA-4.0"
TABLES = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample", "sample_annotation",
    "sample_data", "scene", "sensor", "visibility",
)  # fmt: skip
ATTRIBUTES = (
    "vehicle.moving", "vehicle.stopped", "vehicle.parked", "cycle.with_rider", "cycle.without_rider",
    "pedestrian.sitting_lying_down", "pedestrian.standing", "pedestrian.moving",
)  # fmt: skip
VISIBILITY_LEVELS = {"1": ("v0-40", 0.4), "2": ("v40-60", 0.6), "3": ("v60-80", 0.8), "4": ("v80-100", 1.0)}
"""By token: name, and the largest visible fraction of the level."""


def token(*parts: object) -> str:
    """32 hexadecimal digits that follow from ``parts``: the same export twice gives the same tokens."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def sample_token(sequence: str, index: int) -> str:
    """The token an export gives a recording's frame: results of a detector that was run on it name it so."""
    return token("sample", sequence, index)


def file_stem(sequence: str, channel: str, time_us: int) -> str:
    """What an export calls a frame's file of one sensor, before the ending."""
    return f"{sequence}__{channel}__{time_us:016d}"


@dataclass
class Tables:
    """Rows by table, in the order in which they were added."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})

    def add(self, table: str, token: str, **columns: Any) -> Row:
        """Append a row and return it."""
        row = {"token": token, **columns}
        self.rows[table].append(row)
        return row

    def add_fixed(self) -> None:
        """What is the same in every data set: categories, attributes, levels of visibility."""
        for name in CATEGORY_OF_NUSCENES:
            self.add("category", token("category", name), name=name, description=f"our {CATEGORY_OF_NUSCENES[name]}")
        for name in ATTRIBUTES:
            self.add("attribute", token("attribute", name), name=name, description=name)
        for level, (name, _) in VISIBILITY_LEVELS.items():
            self.add("visibility", level, level=name, description=f"visible by {name[1:].replace('-', ' to ')} %")

    def write(self, folder: Path) -> None:
        """One file per table."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in self.rows.items():
            (folder / f"{name}.json").write_text(json.dumps(rows, indent=0, allow_nan=False), encoding="utf-8")


@dataclass(frozen=True)
class Index:
    """Tables as read: rows by token, and a way to follow one to the next."""

    folder: Path
    by_token: Mapping[str, Mapping[str, Row]]

    @classmethod
    def read(cls, folder: Path) -> Index:
        """Read all tables of ``folder``; FormatError names the file that is missing or no table."""
        found: dict[str, dict[str, Row]] = {}
        for name in TABLES:
            path = folder / f"{name}.json"
            try:
                rows = json.loads(path.read_bytes())
                found[name] = {row["token"]: row for row in rows}
            except FileNotFoundError:
                raise FormatError(f"{path}: is missing; nuScenes needs all of {list(TABLES)}") from None
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                raise FormatError(f"{path}: is no nuScenes table ({error!r})") from error
        return cls(folder, found)

    def rows(self, table: str) -> list[Row]:
        """All rows of a table, in the file's order."""
        return list(self.by_token[table].values())

    def follow(self, table: str, row: Row, column: str) -> Row:
        """The row of ``table`` that ``row[column]`` names; FormatError if there is none."""
        try:
            return self.by_token[table][row[column]]
        except KeyError as error:
            raise FormatError(
                f"{self.folder}: row {row.get('token')} leads to {table} by {column}, and {error} is not there"
            ) from None


@contextmanager
def in_rows_of(where: str) -> Iterator[None]:
    """Say where a row lacks a column or has something else in it; tables are too many to check each value alone."""
    try:
        yield
    except FormatError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise FormatError(f"{where}: a row lacks a column, or holds what it should not ({error!r})") from error
