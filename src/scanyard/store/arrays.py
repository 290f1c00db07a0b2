"""One Zarr v3 array on disk: ``ArrayWriter`` appends rows, ``ArrayReader`` reads a range of them.

The bytes are standard Zarr: codec ``sharding_indexed``, inner chunks zstd with a checksum.  They are encoded and
decoded here rather than by zarr-python for three reasons.  It reads a missing chunk, and in 3.1 an empty shard,
as zeros without a word; here both are DamagedError by construction.  Its cost per chunk and per array adds up: to write
20 sweeps of 120 k points with labels and read them back takes about 30 ms of CPU a sweep, here 18 with all hashing.
And its event-loop thread does not mix with forking data loaders.  Tests and ``verify`` read the same arrays with
zarr-python.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import DTypeLike, NDArray

from scanyard.errors import DamagedError, StoreError
from scanyard.store.disk import DISK, Disk
from scanyard.store.layout import readable_json

ROWS_PER_CHUNK = 65_536  # half a KITTI sweep: one frame then costs two or three chunks, and zstd has enough to chew
CHUNKS_PER_SHARD = 32  # about 17 sweeps, 25 MB of points: few files, and a bounded write buffer
ZSTD_LEVEL = -3  # per sweep 5.9 ms to write, 2.5 to read; -1: 7.2 and 2.8 for 7 % less; 1: 8.0 and 4.2 for 10 % less
SHARDS_WAITING = 1  # of an array: memory for 25 MB of points more, and frames need not wait for the disk
_EMPTY = np.iinfo(np.uint64).max  # marks a chunk that is not in the shard
_CODEC = Zstd(level=ZSTD_LEVEL, checksum=True)  # decodes every level
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
    """Appends rows to an array in ``folder``; each full shard is written, read back and compared in ``background``.

    What goes wrong there is raised by one of the calls that follow, at the latest by ``close``.
    """

    folder: Path
    dtype: DTypeLike
    background: Executor
    """Must run what it is given in order: the digest is of the rows as they come."""
    row_shape: tuple[int, ...] = ()
    rows_per_chunk: int = ROWS_PER_CHUNK
    chunks_per_shard: int = CHUNKS_PER_SHARD
    zstd_level: int = ZSTD_LEVEL
    attributes: Mapping[str, Any] = field(default_factory=dict)
    disk: Disk = DISK
    files: dict[str, StoredFile] = field(default_factory=dict)
    """By file name, filled as shards are written."""

    def __post_init__(self) -> None:
        self._dtype = np.dtype(self.dtype).newbyteorder("<")
        self._digest = hashlib.sha256()
        self._pending: list[Array] = []
        self._pending_rows = 0
        self._rows = 0
        self._writing: deque[Future[None]] = deque()
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
        shard_rows = self.rows_per_chunk * self.chunks_per_shard
        if self._pending_rows >= shard_rows:
            joined = self._take_pending()
            whole = len(joined) - len(joined) % shard_rows
            for start in range(0, whole, shard_rows):
                self._writing.append(self.background.submit(self._write_shard, joined[start : start + shard_rows]))
            self._wait(SHARDS_WAITING)
            self._pending, self._pending_rows = [joined[whole:]], len(joined) - whole

    def close(self) -> StoredArray:
        """Write what is left and the metadata; say what was stored."""
        self._wait(0)
        rest = self._take_pending()
        if not self.files:  # one small shard: no need to pad it to a full chunk
            self.rows_per_chunk = min(self.rows_per_chunk, max(1, len(rest)))
        if len(rest):
            self._write_shard(rest)
        stored = StoredArray(
            dtype=self._dtype.name,
            shape=(self._rows, *self.row_shape),
            sha256=self._digest.hexdigest(),
            rows_per_chunk=self.rows_per_chunk,
            chunks_per_shard=self.chunks_per_shard,
        )
        self._write_file("zarr.json", [array_metadata(stored, self.attributes, self.zstd_level)])
        return stored

    def _wait(self, waiting: int) -> None:
        """Until at most so many shards wait to be written."""
        while len(self._writing) > waiting:
            self._writing.popleft().result()

    def _take_pending(self) -> Array:
        empty = np.zeros((0, *self.row_shape), dtype=self._dtype)
        joined = np.concatenate([empty, *self._pending])
        self._pending, self._pending_rows = [], 0
        return joined

    def _write_shard(self, rows: Array) -> None:
        rows = np.ascontiguousarray(rows)
        self._digest.update(rows.data)
        name = shard_key(len(self.files), rows.ndim)
        self._write_file(name, encode_shard(rows, self.rows_per_chunk, self.chunks_per_shard, self.zstd_level))
        stored = StoredArray(self._dtype.name, rows.shape, "", self.rows_per_chunk, self.chunks_per_shard)
        if not _same_bytes(rows, _Shard(self.folder / name, stored).read(0, len(rows))):
            raise DamagedError(f"{self.folder / name}: read back other bytes than were written; check disk and memory")

    def _write_file(self, name: str, parts: Sequence[bytes]) -> None:
        path = self.folder / name
        self.disk.write(path, parts)  # synced here, while the next frames are made, and not all at once at the end
        self.files[name] = StoredFile.of(path.read_bytes())


def encode_shard(rows: Array, rows_per_chunk: int, chunks_per_shard: int, zstd_level: int = ZSTD_LEVEL) -> list[bytes]:
    """Rows (K, ...) as one Zarr shard: compressed chunks, then their offsets and sizes, then a CRC-32C of those."""
    codec = Zstd(level=zstd_level, checksum=True)
    index = np.full((chunks_per_shard, 2), _EMPTY, dtype="<u8")
    parts: list[bytes] = []
    position = 0
    for chunk, start in enumerate(range(0, len(rows), rows_per_chunk)):
        block = rows[start : start + rows_per_chunk]
        if len(block) < rows_per_chunk:  # Zarr stores edge chunks at full size
            padded = np.zeros((rows_per_chunk, *rows.shape[1:]), dtype=rows.dtype)
            padded[: len(block)] = block
            block = padded
        encoded = bytes(codec.encode(_flat_bytes(block)))
        index[chunk] = position, len(encoded)
        parts.append(encoded)
        position += len(encoded)
    tail = index.tobytes()
    return [*parts, tail, google_crc32c.value(tail).to_bytes(4, "little")]


def _flat_bytes(rows: Array) -> NDArray[np.uint8]:
    return rows.reshape(-1).view(np.uint8)


def _same_bytes(a: Array, b: Array) -> bool:
    """Whether two contiguous arrays hold the same bytes, NaN and negative zero included."""
    left, right = _flat_bytes(a), _flat_bytes(b)
    words = len(left) // 8 * 8  # eight bytes at a time: comparing single ones costs as much as decoding
    return np.array_equal(left[:words].view(np.uint64), right[:words].view(np.uint64)) and np.array_equal(
        left[words:], right[words:]
    )


@dataclass
class ArrayReader:
    """Reads rows of an array in ``folder``; anything missing or changed is DamagedError, never zeros."""

    folder: Path
    stored: StoredArray

    def __post_init__(self) -> None:
        self._shards: dict[int, _Shard] = {}

    def read(self, start: int, stop: int) -> Array:
        """Rows ``start`` to ``stop`` (K, *row_shape)."""
        stored = self.stored
        if not 0 <= start <= stop <= stored.shape[0]:
            raise DamagedError(f"{self.folder}: rows {start} to {stop} asked for, there are {stored.shape[0]}")
        rows = np.empty((stop - start, *stored.row_shape), dtype=stored.dtype)
        shard_rows = stored.rows_per_chunk * stored.chunks_per_shard
        for shard in range(start // shard_rows, -(-stop // shard_rows)):
            first, last = max(start, shard * shard_rows), min(stop, (shard + 1) * shard_rows)
            if shard not in self._shards:
                self._shards[shard] = _Shard(self.folder / shard_key(shard, len(stored.shape)), stored)
            self._shards[shard].read_into(rows[first - start : last - start], first - shard * shard_rows)
        return rows

    def read_all(self) -> Array:
        """All rows."""
        return self.read(0, self.stored.shape[0])


@dataclass
class _Shard:
    """One shard file; its index is read once."""

    path: Path
    stored: StoredArray

    def __post_init__(self) -> None:
        self._index: NDArray[np.uint64] | None = None

    def read(self, start: int, stop: int) -> Array:
        rows = np.empty((stop - start, *self.stored.row_shape), dtype=self.stored.dtype)
        self.read_into(rows, start)
        return rows

    def read_into(self, rows: Array, start: int) -> None:
        """Fill ``rows`` with the shard's rows from ``start`` on."""
        if not len(rows):
            return
        per_chunk, row_bytes = self.stored.rows_per_chunk, self.stored.row_bytes
        flat = _flat_bytes(rows)
        stop = start + len(rows)
        try:
            with self.path.open("rb") as file:
                if self._index is None:
                    self._index = self._read_index(file)
                for chunk in range(start // per_chunk, -(-stop // per_chunk)):
                    offset, size = (int(value) for value in self._index[chunk])
                    if size == _EMPTY:
                        raise DamagedError(f"{self.path}: chunk {chunk} is not there")
                    file.seek(offset)
                    first, last = max(start, chunk * per_chunk), min(stop, (chunk + 1) * per_chunk)
                    wanted = flat[(first - start) * row_bytes : (last - start) * row_bytes]
                    skip = (first - chunk * per_chunk) * row_bytes
                    wanted[:] = self._decode(file.read(size), chunk, per_chunk * row_bytes)[skip : skip + len(wanted)]
        except OSError as error:
            raise DamagedError(f"{self.path}: cannot be read ({error.strerror}); restore it or record again") from error

    def _read_index(self, file: Any) -> NDArray[np.uint64]:
        length = self.stored.chunks_per_shard * 16
        size = file.seek(0, 2)
        if size < length + 4:
            raise DamagedError(f"{self.path}: {size} bytes are too few for a shard index of {length + 4}")
        file.seek(size - length - 4)
        tail = file.read(length)
        if google_crc32c.value(tail) != int.from_bytes(file.read(4), "little"):
            raise DamagedError(f"{self.path}: the shard index does not match its checksum")
        return np.frombuffer(tail, dtype="<u8").reshape(-1, 2)

    def _decode(self, encoded: bytes, chunk: int, expected_bytes: int) -> NDArray[np.uint8]:
        # Not decoded straight into its place: numcodecs leaves the rest of a buffer that is too long as it was.
        try:
            decoded = np.frombuffer(_CODEC.decode(encoded), dtype=np.uint8)
        except (RuntimeError, ValueError) as error:
            raise DamagedError(f"{self.path}: chunk {chunk} does not match its checksum ({error})") from error
        if len(decoded) != expected_bytes:
            raise DamagedError(f"{self.path}: chunk {chunk} holds {len(decoded)} bytes, expected {expected_bytes}")
        return decoded


def array_metadata(stored: StoredArray, attributes: Mapping[str, Any], zstd_level: int = ZSTD_LEVEL) -> bytes:
    """``zarr.json`` of an array, after the Zarr v3 specification."""
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    chunk = [stored.rows_per_chunk, *stored.row_shape]
    shard = [stored.rows_per_chunk * stored.chunks_per_shard, *stored.row_shape]
    sharding = {
        "chunk_shape": chunk,
        "codecs": [little, {"name": "zstd", "configuration": {"level": zstd_level, "checksum": True}}],
        "index_codecs": [little, {"name": "crc32c"}],
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
        }
    )
