"""Where a dataset lies: a folder, or a place in a bucket that answers what our readers ask of a ``Path``.

Readers take a ``Place`` and do not ask which it is.  Frames of a bucket are read by ranges: of each array the chunks
that a frame needs, in one request.  Writers take folders only; ``publish`` brings what they sealed into a bucket.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from scanyard.errors import InputError
from scanyard.store.bucket import Bucket

READ_AHEAD = 65_536
"""Bytes that a small read fetches: an index and its checksum in one request."""
_URI = re.compile(r"s3:/{1,2}([^/]*)/*(.*?)/*")  # a Path has lost one of the two strokes
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class BucketPath:
    """A place in a bucket, and what our readers ask of a ``Path``."""

    bucket: Bucket
    key: str
    """Without strokes at its ends; empty for the bucket as a whole."""
    listed: Mapping[str, int] | None = field(default=None, compare=False, repr=False)
    """Bytes of all objects in the bucket that were there when somebody looked, by key; ``None`` to ask each time."""

    def __str__(self) -> str:
        return f"s3://{self.bucket.name}/{self.key}"

    def __truediv__(self, relative: str) -> BucketPath:
        return BucketPath(self.bucket, f"{self.key}/{relative}" if self.key else relative, self.listed)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> BucketPath:
        """The place it lies in."""
        return BucketPath(self.bucket, self.key.rpartition("/")[0], self.listed)

    def looked_through(self) -> BucketPath:
        """The same place, with the sizes of all that is below it by now asked for in one go."""
        below = self.bucket.sizes(self.key)
        return BucketPath(self.bucket, self.key, {f"{self.key}/{relative}": size for relative, size in below.items()})

    def size_bytes(self) -> int:
        """Bytes of the object; FileNotFoundError if there is none."""
        if self.listed is None:
            return self.bucket.size(self.key)
        if self.key not in self.listed:
            raise FileNotFoundError(errno.ENOENT, "no such object", str(self))
        return self.listed[self.key]

    def read_bytes(self) -> bytes:
        """All bytes of the object."""
        return self.bucket.read(self.key)

    def open(self, mode: str = "rb", buffering: int = 0) -> BucketFile:  # noqa: ARG002  # asked for as of a Path
        """The object for reading, by range reads."""
        if mode != "rb":
            raise ValueError(f"{self}: objects are put whole, and read in mode 'rb', not {mode!r}")
        return BucketFile(self)

    def is_file(self) -> bool:
        """Whether there is an object of this key."""
        try:
            return self.size_bytes() >= 0
        except FileNotFoundError:
            return False

    def exists(self) -> bool:
        """Whether there is such an object, or any below it."""
        return self.is_file() or bool(self.bucket.sizes(self.key))


class BucketFile:
    """An object that is read here and there; small reads fetch a little more than asked, for the next one."""

    def __init__(self, path: BucketPath) -> None:
        self._path = path
        self._at = 0
        self._size: int | None = None
        self._kept = b""
        self._kept_from = 0

    def __enter__(self) -> BucketFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept = b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte, counted from the start or, with ``SEEK_END``, from the end; returns where that is."""
        self._at = offset + (self._end() if whence == os.SEEK_END else 0)
        return self._at

    def read(self, count: int) -> bytes:
        """The next ``count`` bytes, or those that are left."""
        stop = min(self._at + count, self._end())
        if stop <= self._at:
            return b""
        if not self._kept_from <= self._at <= stop <= self._kept_from + len(self._kept):
            self.fetch(self._at, max(stop, self._at + READ_AHEAD))
        data = self._kept[self._at - self._kept_from : stop - self._kept_from]
        self._at += len(data)
        return data

    def fetch(self, start: int, stop: int) -> None:
        """Get bytes ``start`` to ``stop`` in one request, for the reads that follow."""
        self._kept = self._path.bucket.read_range(self._path.key, start, min(stop, self._end()))
        self._kept_from = start

    def _end(self) -> int:
        if self._size is None:
            self._size = self._path.size_bytes()
        return self._size


Place: TypeAlias = Path | BucketPath


def size_of(place: Place) -> int:
    """Bytes of a file or object; FileNotFoundError if there is none."""
    return place.stat().st_size if isinstance(place, Path) else place.size_bytes()


def place_of(uri: str | Place, endpoint: str | None = None) -> Place:
    """A folder, or what ``s3://BUCKET/PREFIX`` names; InputError if that names no bucket."""
    if isinstance(uri, BucketPath):
        return uri
    found = _URI.fullmatch(str(uri))
    if found is None:
        return Path(uri)
    name, key = found.groups()
    if not _BUCKET.fullmatch(name):
        raise InputError(f"{uri}: {name!r} is no name of a bucket; expected s3://BUCKET/PREFIX")
    return BucketPath(Bucket(name, endpoint), key)


def local_folder(uri: str | Path) -> Path:
    """A folder of this machine; InputError for a bucket, where nothing is recorded."""
    if isinstance(place_of(uri), BucketPath):
        raise InputError(
            f"{uri}: is in a bucket, expected a folder; record into a folder and then run "
            "scanyard publish FOLDER s3://BUCKET/PREFIX"
        )
    return Path(uri)
