"""Checking a dataset against its seals, every byte of it.

Each file is hashed, and each array decoded twice: with zarr-python, which shares no code with how it was written, and
as our readers do, who could be led to other files than it.  What a stranger gets wrong: a dataset that reads without
errors may still lack something; only this says that it does not.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanyard.errors import DamagedError, StoreError
from scanyard.store.array_reader import ArrayReader
from scanyard.store.arrays import StoredArray
from scanyard.store.dataset import changed_since, committed_names, read_header, require_dataset
from scanyard.store.layout import DATASET_FILE, SEAL_FILE, SEQUENCES, sequence_folder
from scanyard.store.merkle import merkle_root
from scanyard.store.place import BucketPath, Place, place_of
from scanyard.store.provenance import LOG_FILE, log_until, read_log, told_of, vouched_for
from scanyard.store.seal import Seal, read_seal_as_written

_CHANGED = "its bytes have changed since it was sealed"
Progress = Callable[[int, int], None]
"""Called with bytes checked so far and bytes to check."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was sealed."""

    sequence: str | None
    """``None`` for the dataset's own file."""
    array: str | None
    """Path of the array inside the sequence, such as ``lidar/top/points``; ``None`` where the file is no array's."""
    path: Place
    problem: str

    def __str__(self) -> str:
        where = "dataset" if self.sequence is None else f"sequence {self.sequence}"
        return f"{where}{f', {self.array}' if self.array else ''}: {self.problem} ({self.path})"


def verify(uri: str | Place, on_progress: Progress | None = None, *, public_key: str | None = None) -> list[Finding]:
    """Recompute every digest of the dataset and say what is flipped, cut, missing or too many; empty when all is well.

    With a ``public_key`` (64 hexadecimal digits) its holder must have signed what the dataset was sealed with, and a
    sequence that was committed since is a finding.  An earlier state that its holder signed is not told from the last.
    StoreError when ``uri`` is no dataset at all.
    """
    root = place_of(uri)
    if not (root / LOG_FILE).is_file():  # which tells that it is one, should the file be gone that says so
        require_dataset(root)
    findings: list[Finding] = []
    seals: dict[str, Seal] = {}
    for name in _committed_names(root, findings):
        try:
            seals[name] = read_seal_as_written(sequence_folder(root, name))
        except StoreError as error:
            findings.append(Finding(name, None, root / SEQUENCES / name / SEAL_FILE, str(error)))
    findings += _check_header(root, seals)
    findings += _check_log(root, seals, public_key)
    total, done = sum(seal.size_bytes for seal in seals.values()), 0
    for name, seal in seals.items():
        for checked, finding in check_sequence(sequence_folder(root, name), name, seal):
            done += checked
            if finding is not None:
                findings.append(finding)
            if on_progress is not None and checked:
                on_progress(done, total)
    return findings


def _committed_names(root: Place, findings: list[Finding]) -> list[str]:
    try:
        names = committed_names(root)
    except DamagedError as error:
        findings.append(Finding(None, None, root / SEQUENCES, str(error)))
        return []
    findings += [Finding(None, None, path, "is no sequence") for path in _no_sequences(root / SEQUENCES, names)]
    return names


def _no_sequences(sequences: Place, names: list[str]) -> Iterator[Place]:
    if isinstance(sequences, BucketPath):
        seals = {f"{name}/{SEAL_FILE}" for name in names}
        yield from (sequences / key for key in sorted(sequences.bucket.sizes(sequences.key)) if key not in seals)
    else:
        yield from (path for path in sorted(sequences.iterdir()) if path.name not in names)


def _check_header(root: Place, seals: Mapping[str, Seal]) -> Iterator[Finding]:
    try:
        sealed = read_header(root).sequences or {}
    except StoreError as error:
        yield Finding(None, None, root / DATASET_FILE, str(error))
        return
    for name, digest in sealed.items():
        folder = root / SEQUENCES / name
        if not folder.exists():
            yield Finding(name, None, folder, "the sequence is gone")
        elif name in seals and seals[name].digest != digest:
            yield Finding(name, None, folder / SEAL_FILE, "of another sequence than was sealed into the dataset")


def _check_log(root: Place, seals: Mapping[str, Seal], public_key: str | None) -> Iterator[Finding]:
    """The chain holds, and what the dataset was sealed with is in it and lists the sequences that it tells of.

    Entries after that say nothing of the dataset as it was sealed, whoever wrote them.
    """
    path = root / LOG_FILE
    try:
        header, log = read_header(root), read_log(root)
    except (StoreError, OSError) as error:
        yield Finding(None, None, path, str(error))
        return
    if public_key is not None and (problem := vouched_for(log, header.log_head, public_key)):
        yield Finding(None, None, path, problem)
    if header.sequences is None or header.log_head is None:
        return
    sealed = log_until(log, header.log_head)
    if not sealed:
        yield Finding(None, None, path, "is not the log that the dataset was sealed with: entries are gone or others")
        return
    root_said = sealed[-1].body.get("merkle_root") if sealed[-1].event == "dataset sealed" else None
    if not root_said == header.merkle_root == merkle_root(header.sequences):
        yield Finding(None, None, root / DATASET_FILE, "lists other sequences than the log says were sealed into it")
    if public_key is not None and "dataset" not in sealed[-1].body:
        yield Finding(None, None, path, "nobody signed its name, licence and campaign; seal it again with the key")
    if problem := changed_since(header, sealed):
        yield Finding(None, None, root / DATASET_FILE, problem)
    told = told_of(sealed)
    for name in seals:
        if name not in header.sequences:
            if public_key is not None:
                folder = sequence_folder(root, name)
                yield Finding(
                    name, None, folder, "was committed after the dataset was sealed, and nobody vouches for it"
                )
        elif told.get(name) != header.sequences[name]:
            yield Finding(name, None, path, "the log does not tell of this sequence as it was sealed")


def check_sequence(sequence: Place, name: str, seal: Seal) -> Iterator[tuple[int, Finding | None]]:
    """Findings, and the bytes checked on the way."""
    damaged: set[str | None] = set()
    folder = seal.files_in(sequence)
    for relative, file in seal.files.items():
        problem = _file_problem(folder / relative, file.size_bytes, file.sha256)
        array = _array_of(relative, seal)
        if problem:
            damaged.add(array)
        yield file.size_bytes, Finding(name, array, folder / relative, problem) if problem else None
    for stranger in _strangers(folder, seal):
        array = _array_of(str(stranger).removeprefix(f"{folder}/"), seal)
        yield 0, Finding(name, array, stranger, "is not in the seal")
    for path, stored in seal.arrays.items():
        if path not in damaged:
            problem = _decoded_problem(folder / path, stored) or _read_problem(folder / path, stored)
            yield 0, Finding(name, path, folder / path, problem) if problem else None


def _file_problem(path: Place, size_bytes: int, sha256: str) -> str | None:
    if isinstance(path, BucketPath):
        return _object_problem(path, size_bytes, sha256)
    try:
        if path.is_symlink() or not path.is_file():
            return "is gone" if not path.exists() else "is no plain file"
        found = path.stat().st_size
        if found != size_bytes:
            return f"found {found} bytes, sealed were {size_bytes}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if digest == sha256 else _CHANGED


def _object_problem(path: BucketPath, size_bytes: int, sha256: str) -> str | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return "is gone"
    if len(data) != size_bytes:
        return f"found {len(data)} bytes, sealed were {size_bytes}"
    return None if hashlib.sha256(data).hexdigest() == sha256 else _CHANGED


def _strangers(folder: Place, seal: Seal) -> Iterator[Place]:
    """Files and folders that the seal does not account for."""
    if isinstance(folder, BucketPath):
        yield from (folder / key for key in sorted(folder.bucket.sizes(folder.key)) if key not in seal.files)
        return
    files = {folder / path for path in seal.files} | {folder / SEAL_FILE}
    folders = {folder}.union(*(path.parents for path in files))
    for parent, subfolders, names in os.walk(folder):
        yield from (Path(parent, name) for name in sorted(names) if Path(parent, name) not in files)
        yield from (Path(parent, name) for name in sorted(subfolders) if Path(parent, name) not in folders)


def _array_of(relative: str, seal: Seal) -> str | None:
    parent = relative.rpartition("/")[0]
    return parent if parent in seal.arrays else None


def _decoded_problem(path: Place, stored: StoredArray) -> str | None:
    """Decode with zarr-python, which goes by ``zarr.json``, a shard at a time."""
    import zarr  # noqa: PLC0415  # half a second, and only verifying needs it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # numcodecs.delta is not in the Zarr specification
            array = zarr.open_array(path if isinstance(path, Path) else _zarr_store(path), mode="r")
        if array.dtype.name != stored.dtype or array.shape != stored.shape:
            return f"decodes to {array.dtype.name} {array.shape}, sealed was {stored.dtype} {stored.shape}"
        digest = hashlib.sha256()
        step = stored.rows_per_chunk * stored.chunks_per_shard
        for start in range(0, stored.shape[0], step):
            digest.update(array[start : start + step].tobytes())
    except Exception as error:  # noqa: BLE001  # whatever a codec raises on bad bytes is a finding, not a crash
        return f"zarr cannot decode it: {error!r}"
    return None if digest.hexdigest() == stored.sha256 else "decodes to other values than were sealed"


def _read_problem(path: Place, stored: StoredArray) -> str | None:
    """Decode as readers do, who go by the seal; the sequence's digest covers values, and not in which file they are."""
    reader, digest = ArrayReader(path, stored), hashlib.sha256()
    step = stored.rows_per_chunk * stored.chunks_per_shard
    try:
        for start in range(0, stored.shape[0], step):
            digest.update(reader.read(start, min(start + step, stored.shape[0])).tobytes())
    except DamagedError as error:
        return str(error)
    return None if digest.hexdigest() == stored.sha256 else "is read as other values than were sealed"


def _zarr_store(path: BucketPath) -> Any:
    from zarr.storage import ObjectStore  # noqa: PLC0415  # see _decoded_problem

    return ObjectStore(path.bucket.client(path.key), read_only=True)
