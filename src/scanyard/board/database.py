"""Entries in one SQLite file: a table with a JSON document per row, keyed by the entry's digest.

Write-ahead logging lets a page be made while an experiment adds rows.  Adding the same entry twice leaves one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scanyard.board.entry import Entry
from scanyard.errors import StoreError

SCHEMA_VERSION = 1  # kept in SQLite's user_version; raise it with a migration beside it

_SCHEMA = """
CREATE TABLE entries (
    digest TEXT PRIMARY KEY,
    evaluated_on TEXT NOT NULL,
    domain TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
"""


def add_entries(db: str | Path, entries: Iterable[Entry]) -> int:
    """Add entries in one transaction and return how many were new; StoreError when the file cannot be used."""
    rows = [(entry.digest, entry.evaluated_on, entry.domain, json.dumps(entry.to_dict())) for entry in entries]
    with _open(Path(db)) as connection:
        before = connection.total_changes
        connection.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?)", rows)
        return connection.total_changes - before


def read_entries(db: str | Path) -> list[Entry]:
    """All entries, in the order they were added; StoreError when there is no such board."""
    path = Path(db)
    if not path.is_file():
        raise StoreError(f"{path}: no leaderboard there; an experiment writes one, or check the path")
    with _open(path) as connection:
        rows = connection.execute("SELECT document FROM entries ORDER BY rowid").fetchall()
    return [Entry.from_dict(json.loads(document)) for (document,) in rows]


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection inside one transaction, committed at the end and rolled back on an error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=30)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            _bring_up_to_date(connection, path)
            yield connection
            connection.commit()
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: cannot be used as a leaderboard: {error}; name another file") from error


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            raise StoreError(f"{path}: an SQLite file, but not a leaderboard; name another file")
        connection.execute(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    elif version != SCHEMA_VERSION:
        raise StoreError(
            f"{path}: leaderboard schema {version}, this scanyard writes {SCHEMA_VERSION}; "
            "use the scanyard that made it, or start a new board"
        )
