"""Bringing a dataset of an earlier format up to date, without touching a recorded value.

Format 1 sealed no checksums of chunks, so a reader could take one intact file for another of the same size; in format 2
a seal's own checksum was slow to check.  A sequence is verified whole, its chunks are summed, and its seal is written
anew; arrays stay as they are, and so does the digest, which covers decoded values.  Each sequence changes in one
rename: an interrupted migration can go on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scanyard.errors import DamagedError
from scanyard.store.array_reader import ArrayReader
from scanyard.store.arrays import StoredArray
from scanyard.store.dataset import committed_names, read_header
from scanyard.store.disk import DISK, Disk
from scanyard.store.layout import SEAL_FILE, SEQUENCE_FORMAT, sequence_folder
from scanyard.store.place import local_folder
from scanyard.store.seal import Seal, read_seal
from scanyard.store.verify import Progress, check_sequence


def migrate(uri: str | Path, on_progress: Progress | None = None, *, disk: Disk = DISK) -> list[str]:
    """Bring every sequence to the present format; returns the names of those that were not.

    DamagedError where one is not as it was sealed: a new seal would hide it.
    """
    root = local_folder(uri)
    read_header(root)
    seals = {name: read_seal(sequence_folder(root, name)) for name in committed_names(root)}
    old = {name: seal for name, seal in seals.items() if seal.format != SEQUENCE_FORMAT}
    for done, (name, seal) in enumerate(old.items(), start=1):
        folder = sequence_folder(root, name)
        findings = [finding for _, finding in check_sequence(folder, name, seal) if finding is not None]
        if findings:
            raise DamagedError(f"{folder}: not migrated, it is damaged: {findings[0]}; restore it from a copy")
        disk.replace_durably(folder / SEAL_FILE, _summed(folder, seal).to_bytes())
        if on_progress is not None:
            on_progress(done, len(old))
    return list(old)


def _summed(folder: Path, seal: Seal) -> Seal:
    arrays: dict[str, StoredArray] = {}
    for path, array in seal.arrays.items():
        arrays[path] = replace(array, crc32c=ArrayReader(folder / path, array).chunk_checksums())
    return replace(seal, arrays=arrays, format=SEQUENCE_FORMAT)
