"""``ArrayWriter`` appends rows to an array, and checks what it packed and what lies on the disk."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from scanyard.errors import DamagedError, StoreError
from scanyard.store.arrays import StoredArray, StoredFile, array_metadata, shard_key
from scanyard.store.chunks import PLAIN, Array, Packing, checksum, filled_up, same_bytes, shard_index, unpack
from scanyard.store.disk import DISK, Disk

ROWS_PER_CHUNK = 16_384  # a frame begins and ends inside a chunk: at an eighth of a KITTI sweep that costs an eighth
CHUNKS_PER_SHARD = 128  # about 17 sweeps, 25 MB of points: few files, and a bounded write buffer
SHARDS_WAITING = 1  # of an array, not packed yet: 25 MB of points, so that frames need not wait for the disk


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
