"""One Zarr v3 array on disk, as the seal and ``zarr.json`` describe it.

``ArrayWriter`` (``array_writer``) appends rows, ``ArrayReader`` (``array_reader``) reads a range of them.

The bytes are standard Zarr: codec ``sharding_indexed``, inner chunks with a checksum (``chunks``).  They are encoded
and decoded here rather than by zarr-python for three reasons.  It reads a missing chunk, and in 3.1 an empty shard,
as zeros without a word; here both are DamagedError by construction.  Its cost per chunk and per array adds up: to write
20 sweeps of 120 k points with labels and read them back takes about 30 ms of CPU a sweep, here 18 with all hashing.
And its event-loop thread does not mix with forking data loaders.  Tests and ``verify`` read the same arrays with
zarr-python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scanyard.store.chunks import Codec, Packing
from scanyard.store.layout import readable_json


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
