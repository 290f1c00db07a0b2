"""What a seal may say at all: ``require_sound``, asked of every seal that is read.

A checksum tells a seal that was damaged from one that was not.  It does not help against one that was made wrong, or by
somebody who wants something: whoever may write to a bucket can compute it.  So names must not lead out of the folder
that files are read from, fetched or exported into, and arrays must be such as readers can take without asking again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_args

import numpy as np

from scanyard.errors import StoreError
from scanyard.store.chunks import Codec
from scanyard.store.layout import require_file_name, require_inside

if TYPE_CHECKING:
    from scanyard.store.arrays import StoredArray
    from scanyard.store.seal import Seal

_DTYPES = {"bool", *(np.dtype(code).name for code in np.typecodes["AllInteger"] + "efd")}
_CHUNK_BYTES = 2**31 - 1
"""What the codecs take at once."""


def require_sound(seal: Seal) -> None:
    """StoreError says what in a seal cannot be meant: a name that leads elsewhere, an array that nobody could read."""
    _require_kinds(seal)
    _require_names(seal)
    _require_arrays(seal)


def _require_kinds(seal: Seal) -> None:
    texts = [(name, getattr(seal.info, name)) for name in ("domain", "drive", "licence")]
    for what, value in [*texts, *(("category", name) for name in seal.categories)]:
        if not isinstance(value, str):
            raise StoreError(f"its {what} is {value!r}, expected text")
    for what, value in (("provenance", seal.info.provenance), ("record", seal.record)):
        if not isinstance(value, dict):
            raise StoreError(f"its {what} is {value!r}, expected an object")
    for path, file in seal.files.items():
        if not _is_count(file.size_bytes) or not isinstance(file.sha256, str):
            raise StoreError(f"file {path}: has {file.size_bytes!r} bytes with the digest {file.sha256!r}")


def _require_names(seal: Seal) -> None:
    for path in seal.files:
        require_inside(path, "file")
    for path in seal.arrays:
        require_inside(path, "array")
    for sensor in _lidars(seal) + [camera.name for camera in seal.info.rig.cameras]:
        require_file_name(sensor, "sensor")
    for name in seal.frame_names:
        if name != "":
            require_file_name(name, "frame")


def _require_arrays(seal: Seal) -> None:
    if not _is_count(seal.num_frames) or seal.num_frames != len(seal.frame_names):
        raise StoreError(f"says {seal.num_frames!r} frames and names {len(seal.frame_names)}")
    needed = {"ego/timestamp_ns", "ego/world_from_ego"}
    needed |= {f"lidar/{name}/{column}" for name in _lidars(seal) for column in ("points", "offsets")}
    needed |= {f"{path.removesuffix('present')}offsets" for path in seal.arrays if path.endswith("/present")}
    if missing := sorted(needed - set(seal.arrays)):
        raise StoreError(f"has no array {missing[0]}")
    for path, array in seal.arrays.items():
        for problem in _problems(path, array, seal.num_frames):
            raise StoreError(f"array {path}: {problem}")


def _lidars(seal: Seal) -> list[str]:
    return [lidar.name for lidar in seal.info.rig.lidars]


def _problems(path: str, array: StoredArray, num_frames: int) -> Iterator[str]:
    if array.dtype not in _DTYPES:
        yield f"its type is {array.dtype!r}, expected a number's"
    if not array.shape or not all(_is_count(size) for size in array.shape):
        yield f"its shape is {array.shape}, expected whole numbers"
    if array.codec not in get_args(Codec):
        yield f"is packed as {array.codec!r}, expected one of {', '.join(get_args(Codec))}"
    chunk, shard = array.rows_per_chunk, array.chunks_per_shard
    if not _is_count(chunk) or not _is_count(shard) or not chunk or not shard:
        yield f"has {chunk!r} rows a chunk and {shard!r} chunks a shard"
    if chunk * math.prod(array.row_shape) * np.dtype(array.dtype).itemsize > _CHUNK_BYTES:
        yield f"a chunk of it has {chunk} rows of shape {array.row_shape}, more than codecs take"
    if array.crc32c is not None and len(array.crc32c) != -(-array.shape[0] // chunk):
        yield f"{array.shape[0]} rows in chunks of {chunk} have {len(array.crc32c)} checksums"
    group, _, column = path.rpartition("/")
    expected = num_frames + 1 if column == "offsets" else num_frames if group == "ego" or column == "present" else None
    if expected is not None and array.shape[0] != expected:
        yield f"has {array.shape[0]} rows, {num_frames} frames need {expected}"


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
