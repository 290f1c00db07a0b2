"""One Zarr v3 array on disk: ``ArrayWriter`` appends rows, ``ArrayReader`` reads a range of them.

The bytes are standard Zarr: codec ``sharding_indexed``, inner chunks with a checksum (``chunks``).  They are encoded
and decoded here rather than by zarr-python for three reasons.  It reads a missing chunk, and in 3.1 an empty shard,
as zeros without a word; here both are DamagedError by construction.  Its cost per chunk and per array adds up: to write
20 sweeps of 120 k points with labels and read them back takes about 30 ms of CPU a sweep, here 18 with all hashing.
And its event-loop thread does not mix with forking data loaders.  Tests and ``verify`` read the same arrays with
zarr-python.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from scanyard.errors import DamagedError, StoreError
from scanyard.store.chunks import (
    EMPTY,
    PLAIN,
    Codec,
    Packing,
    checksum,
    crc_bytes,
    filled_up,
    same_bytes,
    shard_index,
    unpack,
)
from scanyard.store.disk import DISK, Disk
from scanyard.store.layout import readable_json
from scanyard.store.place import BucketFile, Place

ROWS_PER_CHUNK = 16_384  # a frame begins and ends inside a chunk: at an eighth of a KITTI sweep that costs an eighth
CHUNKS_PER_SHARD = 128  # about 17 sweeps, 25 MB of points: few files, and a bounded write buffer
SHARDS_WAITING = 1  # of an array, not packed yet: 25 MB of points, so that frames need not wait for the disk
Array = NDArray[Any]


@dataclass(frozen=True)
class StoredFile:
    """What the seal says of one file."""

    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> StoredFile:
        """What the seal says of a file with these bytes."""
        return cls(len(data), hashlib.sha256(data).hexdigest())

    @classmethod
    def at(cls, path: Path) -> StoredFile:
        """What the seal says of a file as it can be read now."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(file.tell(), digest)


@dataclass(frozen=True)
class StoredArray:
    """What the seal says of one array."""

    dtype: str
    """NumPy's name, such as ``float32``; little-endian at rest."""
    shape: tuple[int, ...]
    """Rows first."""
    sha256: str
    """Of the decoded bytes, row-major."""
    rows_per_chunk: int
    chunks_per_shard: int
    codec: Codec = "zstd"
    crc32c: tuple[int, ...] | None = None
    """Of every chunk as stored; ``None`` in the first format, which had none."""

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.shape[1:]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.dtype(self.dtype).itemsize * np.prod(self.row_shape, dtype=np.int64))


def shard_key(shard: int, ndim: int) -> str:
    """File name of a shard: only the first axis is divided."""
    return "c." + ".".join([str(shard), *["0"] * (ndim - 1)])


@dataclass
class ArrayWriter:
    """Appends rows to an array in ``folder``; each full chunk is packed, each full shard written, in ``background``.

    What is packed is unpacked at once and compared with the rows, and what is written is read back and compared with
    what was packed.  What goes wrong there is raised by one of the calls that follow, at the latest by ``close``.
    Rows are not copied: whoever appends them must not change them any more.
    """

    folder: Path
    dtype: DTypeLike
    background: Executor
    """Must run what it is given in order: the digest is of the rows as they come."""
    row_shape: tuple[int, ...] = ()
    rows_per_chunk: int = ROWS_PER_CHUNK
    chunks_per_shard: int = CHUNKS_PER_SHARD
    packing: Packing = PLAIN
    dimensions: Sequence[str] = ()
    """A name per axis, for readers such as xarray; none by default."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    disk: Disk = DISK
    files: dict[str, StoredFile] = field(default_factory=dict)
    """By file name, filled as shards are written."""

    def __post_init__(self) -> None:
        self._dtype = np.dtype(self.dtype).newbyteorder("<")
        self._digest = hashlib.sha256()
        self._packed: list[bytes] = []  # chunks of the shard that is not written yet
        self._checksums: list[int] = []
        self._unpacked: Array | None = None
        self._pending: deque[Array] = deque()
        self._pending_rows = 0
        self._rows = 0
        self._working: deque[Future[None]] = deque()
        self.disk.make_folders(self.folder)

    def append(self, rows: Array) -> None:
        """Add rows (K, *row_shape); their type and row shape must be the array's."""
        if rows.dtype != self._dtype or rows.shape[1:] != self.row_shape:
            raise StoreError(
                f"{self.folder.name}: found {rows.dtype.name} rows of shape {rows.shape[1:]}, expected "
                f"{self._dtype.name} rows of shape {self.row_shape}; all frames of a sequence must agree"
            )
        self._pending.append(rows)
        self._pending_rows += len(rows)
        self._rows += len(rows)
        while self._pending_rows >= self.rows_per_chunk:
            self._working.append(self.background.submit(self._add_chunk, self._take_pending(self.rows_per_chunk)))
        self._wait(self.chunks_per_shard * SHARDS_WAITING)

    def close(self) -> StoredArray:
        """Write what is left and the metadata; say what was stored."""
        self._wait(0)
        if not self._checksums:  # less than a chunk in all: no need to pad it to a full one
            self.rows_per_chunk = max(1, self._pending_rows)
        if self._pending_rows:
            self._add_chunk(self._take_pending(self._pending_rows))
        if self._packed:
            self._write_shard()
        stored = StoredArray(
            dtype=self._dtype.name,
            shape=(self._rows, *self.row_shape),
            sha256=self._digest.hexdigest(),
            rows_per_chunk=self.rows_per_chunk,
            chunks_per_shard=self.chunks_per_shard,
            codec=self.packing.codec,
            crc32c=tuple(self._checksums),
        )
        self._write_file("zarr.json", [array_metadata(stored, self.packing, self.dimensions, self.attributes)])
        return stored

    def _wait(self, waiting: int) -> None:
        """Until at most so many chunks wait to be packed."""
        while len(self._working) > waiting:
            self._working.popleft().result()

    def _take_pending(self, count: int) -> Array:
        """The first ``count`` of the rows that wait, as they are where they lie in one piece."""
        self._pending_rows -= count
        pieces = []
        while count:
            piece = self._pending.popleft()
            if len(piece) > count:
                self._pending.appendleft(piece[count:])
            pieces.append(piece[:count])
            count -= len(pieces[-1])
        return np.ascontiguousarray(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))

    def _add_chunk(self, rows: Array) -> None:
        self._digest.update(rows.data)
        whole = filled_up(rows, self.rows_per_chunk)
        packed = self.packing.pack(whole)
        self._packed.append(packed)
        self._checksums.append(checksum(packed, self.packing.codec))
        self._require_unpacks(packed, whole)
        if len(self._packed) == self.chunks_per_shard:
            self._write_shard()

    def _require_unpacks(self, packed: bytes, rows: Array) -> None:
        if self._unpacked is None or self._unpacked.shape != rows.shape:
            self._unpacked = np.empty_like(rows)  # once: fresh memory costs more than unpacking into it
        try:
            unpack(packed, self.packing.codec, self._unpacked)
            intact = same_bytes(rows, self._unpacked)
        except (RuntimeError, ValueError):
            intact = False
        if not intact:
            raise DamagedError(f"{self.folder}: a chunk unpacks to other rows than were packed; check the memory")

    def _write_shard(self) -> None:
        name = shard_key(len(self.files), 1 + len(self.row_shape))
        self._write_file(name, [*self._packed, shard_index(self._packed, self.chunks_per_shard)])
        sealed = self._checksums[-len(self._packed) :]
        if [checksum(packed, self.packing.codec) for packed in self._packed] != sealed:
            raise DamagedError(f"{self.folder / name}: chunks changed before they were written; check the memory")
        self._packed = []

    def _write_file(self, name: str, parts: Sequence[bytes]) -> None:
        path = self.folder / name
        self.disk.write(path, parts)  # synced here, while the next frames are made, and not all at once at the end
        digest, buffer = hashlib.sha256(), np.empty(max(map(len, parts)), dtype=np.uint8)
        with path.open("rb", buffering=0) as file:
            for part in parts:
                found = buffer[: file.readinto(buffer[: len(part)].data)]
                if not same_bytes(found, np.frombuffer(part, dtype=np.uint8)):
                    raise DamagedError(f"{path}: read back other bytes than were written; check disk and memory")
                digest.update(found.data)
            self.files[name] = StoredFile(file.tell(), digest.hexdigest())


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
        rows = np.empty((stop - start, *stored.row_shape), dtype=stored.dtype)
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


def array_metadata(
    stored: StoredArray, packing: Packing, dimensions: Sequence[str], attributes: Mapping[str, Any]
) -> bytes:
    """``zarr.json`` of an array, after the Zarr v3 specification."""
    chunk = [stored.rows_per_chunk, *stored.row_shape]
    shard = [stored.rows_per_chunk * stored.chunks_per_shard, *stored.row_shape]
    sharding = {
        "chunk_shape": chunk,
        "codecs": packing.metadata(stored.dtype, chunk),
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "index_location": "end",
    }
    return readable_json(
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(stored.shape),
            "data_type": stored.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shard}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": False if stored.dtype == "bool" else 0,
            "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
            "attributes": dict(attributes),
            **({"dimension_names": list(dimensions)} if dimensions else {}),
        }
    )
