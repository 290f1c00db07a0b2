"""The seal of a sequence: what was recorded, under which digest, in which files.

A seal has three parts.  ``content`` is what the recording is: its info, frame names, categories, and the digest of each
decoded array; the sequence's digest covers that and nothing else, so the same work has the same digest on every
machine.  ``files`` is how it lies on this disk: size and digest of every stored byte.  ``record`` is how it came
about and may differ from run to run (host, time, durations, versions).  What a stranger gets wrong: things that vary
belong in ``record``, never in ``SequenceInfo.provenance``, or a second run cannot reproduce the digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from scanyard.errors import DamagedError, StoreError
from scanyard.sensors import Rig
from scanyard.sequence import SequenceInfo
from scanyard.store.arrays import StoredArray, StoredFile
from scanyard.store.chunks import checksums_of, hex_of
from scanyard.store.layout import (
    FILES,
    FIRST_FORMAT,
    SEAL_FILE,
    SECOND_FORMAT,
    SEQUENCE_FORMAT,
    canonical_json,
    checked_json,
    is_intact,
    parsed_json,
    read_file,
    readable_json,
)
from scanyard.store.place import BucketPath, Place
from scanyard.store.sound import require_sound

_DECODER = json.JSONDecoder()


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
    format: str = SEQUENCE_FORMAT
    """An earlier one where the seal was written in it."""

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

    @cached_property
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
        if self.format == SEQUENCE_FORMAT:
            return checked_json(body)
        return readable_json({**body, "self_sha256": hashlib.sha256(canonical_json(body)).hexdigest()})

    def _chunking(self, array: StoredArray) -> Any:
        if self.format == FIRST_FORMAT:
            return [array.rows_per_chunk, array.chunks_per_shard]
        return {
            "rows_per_chunk": array.rows_per_chunk,
            "chunks_per_shard": array.chunks_per_shard,
            "codec": array.codec,
            "crc32c": hex_of(array.crc32c or ()),
        }


@dataclass(frozen=True)
class Summary:
    """What a dataset wants to know of a sequence: the little of its seal that is quick to read."""

    digest: str
    num_frames: int
    domain: str
    licence: str
    provenance: Mapping[str, Any]
    record: Mapping[str, Any]

    @classmethod
    def of(cls, seal: Seal) -> Summary:
        """The same of a seal that was read whole."""
        info = seal.info
        return cls(seal.digest, seal.num_frames, info.domain, info.licence, info.provenance, seal.record)


def read_seal(sequence_folder: Place) -> Seal:
    """Read and check the seal of a committed sequence; DamagedError if a byte of it has changed."""
    path = sequence_folder / SEAL_FILE
    return _read_whole(path, read_file(path))


def read_seal_as_written(sequence_folder: Place) -> Seal:
    """The same; DamagedError also where it is not written as we do: two readers could take it for two things."""
    path = sequence_folder / SEAL_FILE
    data = read_file(path)
    seal = _read_whole(path, data)
    try:
        written = seal.to_bytes()
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"was not written by scanyard: {error}") from error
    if written != data:
        raise DamagedError("was not written by scanyard: what it says is said twice, or otherwise than here")
    return seal


def read_summary(sequence_folder: Place) -> Summary:
    """Check every byte of a seal, and read only what a dataset wants to know: a tenth of the time for all of it.

    Errors are those of ``read_seal``.
    """
    path = sequence_folder / SEAL_FILE
    data = read_file(path)
    if not is_intact(data):  # damaged, or of an earlier format
        return Summary.of(_read_whole(path, data))
    try:
        text = data.decode()
        # Checksums of chunks, files and beams fill a seal; what is wanted is found by how deep its line is indented.
        info = text.index('\n  "info": {', text.index('\n "content": {'))
        domain, end = _value(text, '\n   "domain": ', info)
        licence, end = _value(text, '\n   "licence": ', end)
        name, end = _value(text, '\n   "name": ', end)
        provenance, end = _value(text, '\n   "provenance": ', end)
        num_frames, end = _value(text, '\n  "num_frames": ', end)
        digest, end = _value(text, '\n "digest": ', end)
        found, end = _value(text, '\n "format": ', end)
        record, _ = _value(text, '\n "record": ', end)
        plain = all(isinstance(one, str) for one in (digest, domain, licence))
        plain = plain and isinstance(num_frames, int) and isinstance(provenance, dict) and isinstance(record, dict)
        if plain and found == SEQUENCE_FORMAT and name == sequence_folder.name:
            return Summary(digest, num_frames, domain, licence, provenance, record)
    except ValueError as error:
        raise DamagedError(f"{path}: damaged, {error!r} while reading it; restore it from a copy") from error
    return Summary.of(_read_whole(path, data))  # which says what is wrong


def _value(text: str, key: str, start: int) -> tuple[Any, int]:
    """The JSON value after a key, and where it ends."""
    return _DECODER.raw_decode(text, text.index(key, start) + len(key))


def _read_whole(path: Place, data: bytes) -> Seal:
    body = parsed_json(path, data, expected_formats=(SEQUENCE_FORMAT, SECOND_FORMAT, FIRST_FORMAT))
    try:
        seal = _from_body(body)
        intact = is_intact(data) if seal.format == SEQUENCE_FORMAT else seal.to_bytes() == data
        intact = intact and seal.digest == body["digest"]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DamagedError(f"{path}: damaged, {error!r} while reading it; restore it from a copy") from error
    if not intact:
        raise DamagedError(f"{path}: its bytes do not match its own checksum; restore it from a copy")
    try:
        require_sound(seal)
    except (StoreError, TypeError) as error:
        raise DamagedError(f"{path}: {error}; the seal was not written by scanyard, so trust nothing in it") from error
    if seal.info.name != path.parent.name:
        raise DamagedError(
            f"{path}: this is the seal of {seal.info.name!r}, found in the folder {path.parent.name!r}; "
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
        format=body["format"],
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
