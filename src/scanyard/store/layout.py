"""What lies where in a dataset, described once.

    DATASET/dataset.json                    name, licence, campaign; once sealed, its sequences, digest and Merkle root
    DATASET/provenance.jsonl                what was sealed when, in a chain: see ``provenance``
    DATASET/sequences/NAME/                 one Zarr v3 group per recording
      lidar/SENSOR/{points, intensity, ring, time_offset_ns, semantic, instance, offsets}
      camera/SENSOR/{frame, rgb, depth_m, semantic, instance}
      boxes/{present, offsets, center, size, yaw_rad, category, track, num_points, ...}
      dont_care/{present, offsets, region}
      ego/{timestamp_ns, world_from_ego}
      seal.json                             written last: see ``seal``
    DATASET/staging/NAME/UUID/              attempts; nobody reads them

In a bucket, where nothing can be renamed, ``sequences/NAME/`` holds the seal alone, and what it seals is the Zarr group

    DATASET/files/NAME/DIGEST/              DIGEST is over sizes and digests of the files, as the seal lists them

so that two attempts which differ in a byte never write to one place.

Rows of all frames follow each other; ``offsets`` (T+1) says where each frame's rows begin.  ``present`` (T) tells a
frame without boxes from a frame nobody labelled.  ``camera/SENSOR/frame`` (K) lists the frames that have the image.
A column a source does not know has no array.  What a stranger gets wrong: ``boxes/category`` holds indices into the
names in its attribute ``categories``, because Zarr v3 has no stable type for text.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, overload

from scanyard.errors import DamagedError, StoreError
from scanyard.store.place import BucketPath, Place

DATASET_FORMAT = "scanyard-dataset-2"
FIRST_DATASET_FORMAT = "scanyard-dataset-1"
"""Without Merkle root and log; also what a dataset has until it is sealed."""
SEQUENCE_FORMAT = "scanyard-sequence-3"
SECOND_FORMAT = "scanyard-sequence-2"
"""Before a seal's checksum was of its bytes as they lie there, which is quick to check."""
FIRST_FORMAT = "scanyard-sequence-1"
"""Before seals had checksums of chunks.  Both are read, and brought up to date by ``migrate``."""
DATASET_FILE = "dataset.json"
SEAL_FILE = "seal.json"
SEQUENCES = "sequences"
FILES = "files"
STAGING = "staging"

SWEEP_COLUMNS = ("points", "intensity", "ring", "time_offset_ns", "semantic", "instance")
"""Columns of a ``Sweep`` that are stored; ``cos_incidence`` is a means to the intensity and is not."""
IMAGE_COLUMNS = {"rgb": "uint8", "depth_m": "float32", "semantic": "uint8", "instance": "uint16"}
"""Columns of an ``Image`` and their types."""
BOX_COLUMNS = (
    "center", "size", "yaw_rad", "track", "num_points", "visibility", "truncation", "occlusion", "velocity",
    "image_box", "score",
)  # fmt: skip
"""Columns of ``Boxes`` stored as they are; ``category`` is stored as indices."""

_ROW_DIMENSIONS = {"lidar": "point", "camera": "image", "boxes": "box", "dont_care": "region", "ego": "frame"}
_DIMENSIONS = {
    "offsets": ("frame_edge",),
    "present": ("frame",),
    "points": ("point", "xyz"),
    "world_from_ego": ("frame", "matrix_row", "matrix_column"),
    "center": ("box", "xyz"),
    "size": ("box", "xyz"),
    "velocity": ("box", "xyz"),
    "image_box": ("box", "edge"),
    "region": ("region", "edge"),
}

_NANOSECONDS = "1e-9 s"  # written "ns", xarray would make time spans of them, and warn that it will not for long
_UNITS = {
    "points": "m",
    "intensity": "1",
    "time_offset_ns": _NANOSECONDS,
    "depth_m": "m",
    "center": "m",
    "size": "m",
    "yaw_rad": "rad",
    "velocity": "m s-1",
    "visibility": "1",
    "truncation": "1",
    "image_box": "pixel",
    "region": "pixel",
    "timestamp_ns": _NANOSECONDS,
}
_FRAMES = {"points": "sensor", "center": "ego", "yaw_rad": "ego", "velocity": "ego"}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_LONGEST = 200
"""Bytes of a file name, before an ending: file systems take 255 with it."""


def dimensions_of(path: str, ndim: int) -> tuple[str, ...]:
    """Names of an array's axes, as xarray wants them: arrays of one group agree on those of the same name."""
    group, column = path.split("/", maxsplit=1)[0], path.rsplit("/", 1)[-1]
    return _DIMENSIONS.get(column, (_ROW_DIMENSIONS[group], "row", "column", "channel")[:ndim])


def attributes_of(path: str) -> dict[str, str]:
    """What an array says of itself to other readers: its units as UDUNITS has them, and its coordinate frame."""
    column = path.rsplit("/", 1)[-1]
    told = {"units": _UNITS.get(column), "coordinate_frame": _FRAMES.get(column)}
    return {name: value for name, value in told.items() if value is not None}


def require_name(name: str, what: str) -> str:
    """Return ``name`` if it can be a folder on any system; StoreError says what may be in it."""
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"{what} {name!r} cannot be a folder name: use letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit, at most 200 characters"
        )
    return name


def require_file_name(name: object, what: str) -> str:
    """Return ``name`` if it can be the name of a file and leads nowhere else; StoreError says what is wrong with it.

    Wider than ``require_name``: frames keep the names of the files or tables they came from.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or not name.isprintable() or {"/", "\\"} & set(name):
        raise StoreError(
            f"{what} {name!r} cannot be a file name, which exports make of it: expected printable characters "
            "without '/' and '\\'; give it another"
        )
    if len(name.encode()) > _LONGEST:
        raise StoreError(f"{what} {name[:20]!r}... has {len(name.encode())} bytes, a file name at most {_LONGEST}")
    return name


def require_inside(path: object, what: str) -> str:
    """Return ``path`` if it is that of a file below the folder it is looked for in; StoreError if it leads out."""
    if not isinstance(path, str):
        raise StoreError(f"{what} {path!r}: expected a path below the sequence's folder")
    for part in path.split("/"):
        require_file_name(part, f"{what} {path!r}:")
    return path


@overload
def sequence_folder(root: Path, name: str) -> Path: ...
@overload
def sequence_folder(root: BucketPath, name: str) -> BucketPath: ...
def sequence_folder(root: Place, name: str) -> Place:
    """Where the committed sequence lies."""
    return root / SEQUENCES / require_name(name, "sequence")


def new_staging_folder(root: Path, name: str) -> Path:
    """Where one attempt at a sequence may write; no other has this folder."""
    return root / STAGING / require_name(name, "sequence") / uuid.uuid4().hex


def canonical_json(value: Any) -> bytes:
    """The one way to write a JSON value, for hashing: sorted keys, no spaces; NaN is a ValueError."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def readable_json(value: Any) -> bytes:
    """The one way our JSON files are written: sorted keys, indented by one; ``verify`` compares bytes."""
    return (json.dumps(value, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def checked_json(value: Mapping[str, Any]) -> bytes:
    """A JSON object as ``readable_json`` writes it, and in its last line the SHA-256 of all bytes before that line."""
    text = readable_json(value).removesuffix(b"\n}\n")
    return text + _last_line(text)


def is_intact(data: bytes) -> bool:
    """Whether these are the bytes that ``checked_json`` wrote, every one of them."""
    text = data[: -len(_last_line(b""))]
    return data[len(text) :] == _last_line(text)


def _last_line(text: bytes) -> bytes:
    return b',\n "self_sha256": "' + hashlib.sha256(text).hexdigest().encode() + b'"\n}\n'


def read_file(path: Place) -> bytes:
    """The bytes of one of our JSON files; StoreError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error


def parsed_json(path: Place, data: bytes, *, expected_formats: Collection[str]) -> dict[str, Any]:
    """What is in one of our JSON files; DamagedError if it is no JSON object, StoreError if it is another format."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path}: not JSON ({error}); restore it from a copy, or record again") from error
    if not isinstance(value, dict):
        raise DamagedError(f"{path}: found a JSON {type(value).__name__}, expected an object")
    if value.get("format") not in expected_formats:
        raise StoreError(
            f"{path}: found format {value.get('format')!r}, expected {' or '.join(expected_formats)}; "
            "it was written by another version of scanyard, or is damaged"
        )
    return value


def group_metadata(attributes: Mapping[str, Any]) -> bytes:
    """``zarr.json`` of a group."""
    return readable_json({"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)})
