"""``ArrayReader`` reads rows of an array, from a folder or a bucket, and refuses whatever is not as it was sealed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanyard.errors import DamagedError
from scanyard.store.arrays import StoredArray, shard_key
from scanyard.store.chunks import EMPTY, Array, checksum, crc_bytes, unpack
from scanyard.store.place import BucketFile, Place


@dataclass
class ArrayReader:
    """Reads rows of an array in ``folder``; anything missing or changed is DamagedError, never zeros."""

    folder: Place
    stored: StoredArray

    def __post_init__(self) -> None:
        self._shards: dict[int, _Shard] = {}
        self._stop: int | None = None  # where the rows end that were read last

    def read(self, start: int, stop: int) -> Array:
        """Rows ``start`` to ``stop`` (K, *row_shape)."""
        stored = self.stored
        if not 0 <= start <= stop <= stored.shape[0]:
            raise DamagedError(f"{self.folder}: rows {start} to {stop} asked for, there are {stored.shape[0]}")
        try:
            rows = np.empty((stop - start, *stored.row_shape), dtype=stored.dtype)
        except MemoryError as error:
            raise DamagedError(f"{self.folder}: its {stop - start} rows do not fit into memory ({error})") from error
        goes_on = start == self._stop and stop < stored.shape[0]
        for number, first, last in self._by_shard(start, stop):
            begin = number * self._shard_rows
            self._shard(number).read_into(rows[first - start : last - start], first - begin, goes_on=goes_on)
        self._stop = stop
        return rows

    def expect(self, start: int, stop: int) -> None:
        """Have the system fetch these rows from the disk meanwhile, for somebody who will read them next."""
        for number, first, last in self._by_shard(start, stop):
            if number in self._shards:
                self._shards[number].expect(first - number * self._shard_rows, last - number * self._shard_rows)

    @property
    def _shard_rows(self) -> int:
        return self.stored.rows_per_chunk * self.stored.chunks_per_shard

    def _by_shard(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Each shard's number, and which of the rows are in it."""
        size = self._shard_rows
        for number in range(start // size, -(-stop // size)):
            yield number, max(start, number * size), min(stop, (number + 1) * size)

    def _shard(self, number: int) -> _Shard:
        if number not in self._shards:
            stored, per_shard = self.stored, self.stored.chunks_per_shard
            sealed = None if stored.crc32c is None else stored.crc32c[number * per_shard : (number + 1) * per_shard]
            self._shards[number] = _Shard(self.folder / shard_key(number, len(stored.shape)), stored, sealed)
        return self._shards[number]

    def read_all(self) -> Array:
        """All rows."""
        return self.read(0, self.stored.shape[0])

    def chunk_checksums(self) -> tuple[int, ...]:
        """CRC-32C of every chunk as it lies on disk now."""
        per_chunk, per_shard = self.stored.rows_per_chunk, self.stored.chunks_per_shard
        chunks = -(-self.stored.shape[0] // per_chunk)
        found: list[int] = []
        for shard in range(-(-chunks // per_shard)):
            name = shard_key(shard, len(self.stored.shape))
            found += _Shard(self.folder / name, self.stored, None).sums(min(per_shard, chunks - shard * per_shard))
        return tuple(found)


@dataclass
class _Shard:
    """One shard file; its index is read once."""

    path: Place
    stored: StoredArray
    checksums: Sequence[int] | None
    """Of its chunks, as sealed; ``None`` where an early format sealed none."""

    def __post_init__(self) -> None:
        self._index: NDArray[np.uint64] | None = None
        self._kept: tuple[int, Array] | None = None  # the chunk in which the next rows begin, unpacked

    def read_into(self, rows: Array, start: int, *, goes_on: bool) -> None:
        """Fill ``rows`` with the shard's rows from ``start`` on.

        Where reading in order ``goes_on``, the last chunk is kept if it is not used up; so each is unpacked once, and
        who reads here and there keeps nothing.
        """
        per_chunk, stop = self.stored.rows_per_chunk, start + len(rows)
        chunks = range(start // per_chunk, -(-stop // per_chunk)) if len(rows) else range(0)
        kept, self._kept = self._kept, None
        if kept is not None and chunks and kept[0] == chunks[0]:
            self._copy(*kept, rows, start)
            self._kept = kept if goes_on and stop < chunks[0] * per_chunk + per_chunk else None
            chunks = chunks[1:]
        if not chunks:
            return
        try:
            with self.path.open("rb", buffering=0) as file:
                for chunk, packed in zip(chunks, self._packed(file, chunks), strict=True):
                    first, last = chunk * per_chunk, (chunk + 1) * per_chunk
                    if start <= first and last <= stop:
                        self._unpack(packed, chunk, rows[first - start : last - start])
                    else:
                        whole = np.empty((per_chunk, *self.stored.row_shape), dtype=self.stored.dtype)
                        self._unpack(packed, chunk, whole)
                        self._copy(chunk, whole, rows, start)
                        self._kept = (chunk, whole) if goes_on and stop < last else None
        except OSError as error:
            raise DamagedError(f"{self.path}: cannot be read ({error.strerror}); restore it or record again") from error

    def expect(self, start: int, stop: int) -> None:
        """Have the system fetch the chunks of these rows, if where they lie is known."""
        if self._index is None or start == stop or not isinstance(self.path, Path):
            return
        per_chunk = self.stored.rows_per_chunk
        first, last = self._index[[start // per_chunk, (stop - 1) // per_chunk]].tolist()
        with suppress(OSError), self.path.open("rb", buffering=0) as file:  # whoever reads is told what is wrong
            _have_fetched(file, first, last)

    def _copy(self, chunk: int, whole: Array, rows: Array, start: int) -> None:
        """Those rows of a chunk that are asked for."""
        first = chunk * self.stored.rows_per_chunk
        begin, end = max(start, first), min(start + len(rows), first + len(whole))
        rows[begin - start : end - start] = whole[begin - first : end - first]

    def _read_index(self, file: Any) -> NDArray[np.uint64]:
        length = self.stored.chunks_per_shard * 16
        size = file.seek(0, 2)
        if size < length + 4:
            raise DamagedError(f"{self.path}: {size} bytes are too few for a shard index of {length + 4}")
        file.seek(size - length - 4)
        tail = file.read(length)
        if crc_bytes(tail) != file.read(4):
            raise DamagedError(f"{self.path}: the shard index does not match its checksum")
        return np.frombuffer(tail, dtype="<u8").reshape(-1, 2)

    def _unpack(self, packed: bytes, chunk: int, rows: Array) -> None:
        if self.checksums is not None and checksum(packed, self.stored.codec) != self.checksums[chunk]:
            raise DamagedError(
                f"{self.path}: chunk {chunk} is not the one that was sealed; restore the file from a copy"
            )
        try:
            unpack(packed, self.stored.codec, rows)
        except (RuntimeError, ValueError) as error:
            raise DamagedError(f"{self.path}: chunk {chunk} is damaged ({error})") from error

    def _packed(self, file: Any, chunks: range) -> Iterator[bytes]:
        """Chunks that follow each other as they are stored; the disk is asked for all of them at once."""
        if self._index is None:
            self._index = self._read_index(file)
        places = self._index[chunks.start : chunks.stop].tolist()
        size_bytes = file.seek(0, os.SEEK_END)
        for chunk, (offset, size) in zip(chunks, places, strict=True):
            if size == EMPTY:
                raise DamagedError(f"{self.path}: chunk {chunk} is not there")
            if offset + size > size_bytes:
                raise DamagedError(f"{self.path}: chunk {chunk} ends behind the file's {size_bytes} bytes")
        if len(places) > 1:
            _have_fetched(file, places[0], places[-1])
        for offset, size in places:
            file.seek(offset)
            yield file.read(size)

    def sums(self, chunks: int) -> list[int]:
        """CRC-32C of the first chunks as they lie there."""
        with self.path.open("rb") as file:
            return [checksum(packed, self.stored.codec) for packed in self._packed(file, range(chunks))]


def _have_fetched(file: Any, first: tuple[int, int], last: tuple[int, int]) -> None:
    """Ask the system for all bytes from one (offset, size) to another, without waiting for them, or the bucket."""
    if EMPTY in (*first, *last):
        return
    start, count = first[0], max(0, sum(last) - first[0])
    if isinstance(file, BucketFile):
        file.fetch(start, start + count)
    elif hasattr(os, "posix_fadvise"):  # macOS has it not
        os.posix_fadvise(file.fileno(), start, count, os.POSIX_FADV_WILLNEED)
