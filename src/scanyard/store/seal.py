"""The seal of a sequence: what was recorded, under which digest, in which files.

A seal has three parts.  ``content`` is what the recording is: its info, frame names, categories, and the digest of each
decoded array; the sequence's digest covers that and nothing else, so the same work has the same digest on every
machine.  ``files`` is how it lies on this disk: size and digest of every stored byte.  ``record`` is how it came
about and may differ from run to run (host, time, durations, versions).  What a stranger gets wrong: things that vary
belong in ``record``, never in ``SequenceInfo.provenance``, or a second run cannot reproduce the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, overload

from scanyard.errors import DamagedError
from scanyard.sensors import Rig
from scanyard.sequence import SequenceInfo
from scanyard.store.arrays import StoredArray, StoredFile
from scanyard.store.chunks import checksums_of, hex_of
from scanyard.store.layout import (
    FILES,
    FIRST_FORMAT,
    SEAL_FILE,
    SEQUENCE_FORMAT,
    canonical_json,
    read_json,
    readable_json,
)
from scanyard.store.place import BucketPath, Place


@dataclass(frozen=True)
class Seal:
    """What a committed sequence is and what its files must be."""

    info: SequenceInfo
    num_frames: int
    arrays: Mapping[str, StoredArray]
    """By path inside the sequence, such as ``lidar/top/points``."""
    files: Mapping[str, StoredFile]
    """By path inside the sequence; the seal itself is not among them."""
    frame_names: tuple[str, ...]
    categories: tuple[str, ...]
    """What the indices in ``boxes/category`` mean."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """How it came about on this occasion; not part of the digest."""

    def content(self) -> dict[str, Any]:
        """What the digest covers, as JSON values."""
        return {
            "info": info_to_dict(self.info),
            "num_frames": self.num_frames,
            "frame_names": list(self.frame_names),
            "categories": list(self.categories),
            "arrays": {
                path: {"dtype": array.dtype, "shape": list(array.shape), "sha256": array.sha256}
                for path, array in self.arrays.items()
            },
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of ``content``: equal for equal recordings, wherever and whenever made."""
        return hashlib.sha256(canonical_json(self.content())).hexdigest()

    @property
    def size_bytes(self) -> int:
        """Bytes of all files, the seal aside."""
        return sum(file.size_bytes for file in self.files.values())

    @overload
    def files_in(self, sequence: Path) -> Path: ...
    @overload
    def files_in(self, sequence: BucketPath) -> BucketPath: ...
    def files_in(self, sequence: Place) -> Place:
        """Where the files lie of the sequence whose seal lies in ``sequence``: there, or in a bucket beside it."""
        if isinstance(sequence, Path):
            return sequence
        files = canonical_json({path: asdict(file) for path, file in self.files.items()})
        return sequence.parent.parent / FILES / sequence.name / hashlib.sha256(files).hexdigest()

    def to_bytes(self) -> bytes:
        """The one serialisation: the file ``seal.json``."""
        body = {
            "format": self.format,
            "content": self.content(),
            "digest": self.digest,
            "chunking": {path: self._chunking(array) for path, array in self.arrays.items()},
            "files": {path: asdict(file) for path, file in self.files.items()},
            "record": dict(self.record),
        }
        return readable_json({**body, "self_sha256": hashlib.sha256(canonical_json(body)).hexdigest()})

    @property
    def format(self) -> str:
        """The first format sealed no checksums of chunks; nothing is written in it any more."""
        return FIRST_FORMAT if any(array.crc32c is None for array in self.arrays.values()) else SEQUENCE_FORMAT

    def _chunking(self, array: StoredArray) -> Any:
        if self.format == FIRST_FORMAT:
            return [array.rows_per_chunk, array.chunks_per_shard]
        return {
            "rows_per_chunk": array.rows_per_chunk,
            "chunks_per_shard": array.chunks_per_shard,
            "codec": array.codec,
            "crc32c": hex_of(array.crc32c or ()),
        }


def read_seal(sequence_folder: Place) -> Seal:
    """Read and check the seal of a committed sequence; DamagedError if a byte of it has changed."""
    path = sequence_folder / SEAL_FILE
    body, data = read_json(path, expected_formats=(SEQUENCE_FORMAT, FIRST_FORMAT))
    try:
        seal = _from_body(body)
        intact = seal.to_bytes() == data
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError(f"{path}: damaged, {error!r} while reading it; restore it from a copy") from error
    if not intact:
        raise DamagedError(f"{path}: its bytes do not match its own checksum; restore it from a copy")
    if seal.info.name != sequence_folder.name:
        raise DamagedError(
            f"{path}: this is the seal of {seal.info.name!r}, found in the folder {sequence_folder.name!r}; "
            "name the folder after the sequence again"
        )
    return seal


def _from_body(body: Mapping[str, Any]) -> Seal:
    content = body["content"]
    arrays = {}
    for path, array in content["arrays"].items():
        said, how = (array["dtype"], tuple(array["shape"]), array["sha256"]), body["chunking"][path]
        if body["format"] == FIRST_FORMAT:
            arrays[path] = StoredArray(*said, *how)
        else:
            arrays[path] = StoredArray(*said, **{**how, "crc32c": checksums_of(how["crc32c"])})
    return Seal(
        info=info_from_dict(content["info"]),
        num_frames=content["num_frames"],
        arrays=arrays,
        files={path: StoredFile(**file) for path, file in body["files"].items()},
        frame_names=tuple(content["frame_names"]),
        categories=tuple(content["categories"]),
        record=body["record"],
    )


def info_to_dict(info: SequenceInfo) -> dict[str, Any]:
    """All fields as JSON values."""
    return {
        "name": info.name,
        "domain": info.domain,
        "drive": info.drive,
        "licence": info.licence,
        "rig": info.rig.to_dict(),
        "provenance": dict(info.provenance),
    }


def info_from_dict(data: Mapping[str, Any]) -> SequenceInfo:
    """Undo ``info_to_dict``."""
    fields = dict(data)
    return SequenceInfo(**{**fields, "rig": Rig.from_dict(fields["rig"])})
