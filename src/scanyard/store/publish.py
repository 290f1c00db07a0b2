"""Sealed sequences into a bucket and back: ``publish`` and ``fetch``, one sequence after the other.

A sequence is published in two steps.  Its files are put where only an attempt with the same bytes puts any, read back
and compared.  Then its seal is put, if there is none: that one request is the commit, so of many writers one wins, and
whoever is late overwrites nothing.  Both commands go on where they were cut off, and do nothing where all is done.

The dataset's own file is there from the start, so that others may read what is committed; once every sequence is, it
follows with the log, if that goes on from the log that is there.  Both are put on condition that they are still as they
were looked at: whoever publishes beside others waits for nobody, and takes back nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from scanyard.errors import DamagedError, DeterminismError, InputError, StoreError
from scanyard.store.arrays import StoredFile
from scanyard.store.dataset import DatasetHeader, create_dataset, read_header
from scanyard.store.disk import DISK, Disk, locked
from scanyard.store.layout import DATASET_FILE, SEAL_FILE, read_file, sequence_folder
from scanyard.store.place import BucketPath, Place, local_folder, place_of
from scanyard.store.provenance import LOG_FILE, Entry, log_until, read_log
from scanyard.store.read import StoredSequence, open_dataset
from scanyard.store.seal import Seal, read_seal
from scanyard.store.write import attempt, commit, explained

AT_ONCE = 4
"""Files on their way at the same time: a shard is some 25 MB, of which each has two in memory."""
NO_VERSION = '"00000000000000000000000000000000"'
"""The tag of no object."""
Progress = Callable[[float, float, str], None]
"""Called with bytes done, bytes to do, and the sequence."""


@dataclass(frozen=True)
class Brought:
    """What came over."""

    new: tuple[str, ...]
    """Sequences that this run committed."""
    known: tuple[str, ...]
    """Sequences that were there, with the same digest."""
    size_bytes: int
    """Of the new ones."""


def publish(uri: str | Path, to: str | Place, on_progress: Progress | None = None) -> Brought:
    """Bring the sequences of a dataset into a bucket, and the dataset's own file and log.

    What is sealed or committed in the folder meanwhile is left to the next time.

    Raises DeterminismError if a sequence is committed there with other content, StoreError if another dataset is
    there or the store does not answer, DamagedError if bytes are not those of the seal, here or there.
    """
    root, target = local_folder(uri), _in_bucket(to)
    dataset = open_dataset(root)
    whole = _Whole.of(root, dataset.header)
    _create_header(target, dataset.header)
    brought = _each(
        dataset.sequences, lambda sequence, advance: publish_sequence(sequence, target, advance), on_progress
    )
    _publish_whole(whole, target)
    return brought


def publish_sequence(sequence: StoredSequence, target: BucketPath, advance: Callable[[int], None]) -> bool:
    """Commit one sequence to the dataset ``target``; False if it was there, with the same content."""
    seal, place = sequence.seal, sequence_folder(target, sequence.info.name)
    committed = _committed(place)
    if committed is not None:
        _require_same(place, committed, seal)
        advance(seal.size_bytes)
        return False
    _put_files(seal.files_in(sequence.folder), seal.files_in(place), seal, advance)
    if place.bucket.create((place / SEAL_FILE).key, seal.to_bytes()):
        return True
    committed = read_seal(place)
    if committed.files_in(place) != seal.files_in(place):  # nobody will ever read ours
        _remove(seal.files_in(place), seal)
    _require_same(place, committed, seal)
    return False


def fetch(uri: str | Place, out: str | Path, on_progress: Progress | None = None, *, disk: Disk = DISK) -> Brought:
    """Bring a dataset from a bucket into a folder, every file compared with its seal; errors as ``publish``."""
    source, root = _in_bucket(uri), local_folder(out)
    dataset = open_dataset(source)
    header, whole = dataset.header, _Whole.of(source, dataset.header)
    if not (root / DATASET_FILE).is_file():
        create_dataset(root, name=header.name, licence=header.licence, campaign=header.campaign, disk=disk)
    _require_same_dataset(root, read_header(root), header)
    brought = _each(
        dataset.sequences, lambda sequence, advance: _fetch_sequence(sequence, root, advance, disk), on_progress
    )
    with explained(root, DATASET_FILE), locked(root, wait=True):
        news = whole.news_for(root)
        if news.log:
            disk.replace_durably(root / LOG_FILE, whole.log_bytes)
        if news.header:
            disk.replace_durably(root / DATASET_FILE, header.to_bytes())
    return brought


def _each(
    sequences: Mapping[str, StoredSequence],
    bring: Callable[[StoredSequence, Callable[[int], None]], bool],
    on_progress: Progress | None,
) -> Brought:
    total, done = sum(sequence.seal.size_bytes for sequence in sequences.values()), 0
    new: list[str] = []
    known: list[str] = []
    for name, sequence in sequences.items():

        def advance(size_bytes: int, name: str = name) -> None:
            nonlocal done
            done += size_bytes
            if on_progress is not None:
                on_progress(done, total, name)

        (new if bring(sequence, advance) else known).append(name)
    return Brought(tuple(new), tuple(known), sum(sequences[name].seal.size_bytes for name in new))


def _put_files(folder: Place, place: BucketPath, seal: Seal, advance: Callable[[int], None]) -> None:
    """Put all files of a sequence and read each back; those that an earlier attempt left are read only."""
    there = place.bucket.sizes(place.key)

    def put(relative: str, file: StoredFile) -> int:
        data, to = read_file(folder / relative), place / relative
        if StoredFile.of(data) != file:
            raise DamagedError(f"{folder / relative}: its bytes have changed since it was sealed; run scanyard verify")
        if there.get(relative) != file.size_bytes or not _holds(to, data):
            to.bucket.put(to.key, data)
            if not _holds(to, data):
                raise DamagedError(f"{to}: read back other bytes than were put; check the store and run it again")
        return file.size_bytes

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="publish") as pool:
        for size_bytes in pool.map(put, seal.files, seal.files.values()):
            advance(size_bytes)


def _holds(place: BucketPath, data: bytes) -> bool:
    try:
        return place.read_bytes() == data
    except FileNotFoundError:  # another who had the same bytes was too late, and has removed them
        return False


def _fetch_sequence(sequence: StoredSequence, root: Path, advance: Callable[[int], None], disk: Disk) -> bool:
    seal, target = sequence.seal, sequence_folder(root, sequence.info.name)
    if target.is_dir():
        _require_same(target, read_seal(target), seal)
        with explained(root, sequence.info.name):
            disk.sync(target.parent)  # who renamed it may have died before
        advance(seal.size_bytes)
        return False
    place = seal.files_in(sequence.folder)
    with attempt(root, sequence.info.name, disk) as staging:
        for relative, file in seal.files.items():
            data = read_file(place / relative)
            if StoredFile.of(data) != file:
                raise DamagedError(
                    f"{place / relative}: its bytes have changed since it was sealed; restore it from a copy"
                )
            with explained(root, sequence.info.name):
                disk.make_folders((staging / relative).parent)
                disk.write(staging / relative, [data])
            advance(file.size_bytes)
        with explained(root, sequence.info.name):
            disk.write(staging / SEAL_FILE, [seal.to_bytes()])
            for parent, _, _ in os.walk(staging, topdown=False):
                disk.sync(Path(parent))
            return commit(staging, target, seal, disk) is seal


def _committed(place: BucketPath) -> Seal | None:
    return read_seal(place) if (place / SEAL_FILE).is_file() else None


def _require_same(place: Place, committed: Seal, seal: Seal) -> None:
    if committed.digest != seal.digest:
        raise DeterminismError(
            f"{place}: is committed with digest {committed.digest[:12]}, this one has {seal.digest[:12]}; nothing was "
            "overwritten. Find out which is right; give the other dataset another prefix or folder"
        )


def _create_header(target: BucketPath, header: DatasetHeader) -> None:
    """The dataset's own file as it is before any seal, unless it is there."""
    path = target / DATASET_FILE
    unsealed = replace(header, sequences=None, merkle_root=None, log_head=None)
    if not path.is_file() and path.bucket.create(path.key, unsealed.to_bytes()):
        _require_conditions(path, unsealed.to_bytes())
        return
    _require_same_dataset(target, read_header(target), header)


def _require_conditions(path: BucketPath, data: bytes) -> None:
    """StoreError, and the object gone again, if the store puts an object whatever the conditions."""
    if path.bucket.create(path.key, data):
        condition = "where there is none (If-None-Match)"
    elif path.bucket.replace(path.key, data, NO_VERSION):
        condition = "over another version (If-Match)"
    else:
        return
    path.bucket.delete(path.key)  # or the next run would not ask
    raise StoreError(
        f"{path}: {path.bucket.service} put it though it was to be put only {condition}, so a late writer could "
        "overwrite what another has committed; use a store that keeps to conditions"
    )


def _require_same_dataset(place: Place, found: DatasetHeader, wanted: DatasetHeader) -> None:
    if found.identity != wanted.identity:
        raise StoreError(
            f"{place}: holds the dataset {found.name!r} ({found.licence}, campaign {found.campaign!r}), this is "
            f"{wanted.name!r} ({wanted.licence}, campaign {wanted.campaign!r}); choose another place"
        )


def _publish_whole(whole: _Whole, target: BucketPath) -> None:
    """The log and then the sealed file; between the two the log only says more than the file asks of it.

    Each is put over the version that was compared with ours and over no other, so of two that publish at once the one
    that comes later looks again, and goes on from the first or is refused.
    """
    log, file = target / LOG_FILE, target / DATASET_FILE
    while True:
        log_version, file_version = target.bucket.version(log.key), target.bucket.version(file.key)
        news = whole.news_for(target)
        if not news.header:
            return
        if news.log and not target.bucket.replace(log.key, whole.log_bytes, log_version):
            continue
        if target.bucket.replace(file.key, whole.header.to_bytes(), file_version):
            return


@dataclass(frozen=True)
class _News:
    """What of a sealed dataset another place does not have."""

    header: bool
    log: bool
    """Never without the header."""


@dataclass(frozen=True)
class _Whole:
    """A dataset as it was sealed when it was looked at: its file, and the log as far as that goes."""

    place: Place
    header: DatasetHeader
    log: tuple[Entry, ...]

    @classmethod
    def of(cls, place: Place, header: DatasetHeader) -> _Whole:
        """The log that goes with a file; it may be further by now.  DamagedError where it is not the file's."""
        log = log_until(read_log(place), header.log_head)
        if header.log_head is not None and not log:
            raise DamagedError(_other_log(place))
        return cls(place, header, tuple(log))

    @property
    def log_bytes(self) -> bytes:
        """The file ``provenance.jsonl``."""
        return b"".join(entry.to_line() for entry in self.log)

    def news_for(self, target: Place) -> _News:
        """What ``target`` lacks of it; StoreError if neither log goes on from the other."""
        theirs = read_header(target)
        if self.header.sequences is None or self.header == theirs:
            return _News(header=False, log=False)
        chains = [[entry.hash for entry in log] for log in (self.log, read_log(target))]
        shared = min(map(len, chains))
        if chains[0][:shared] != chains[1][:shared]:
            raise StoreError(_parted(self.place, target, is_sealed=theirs.sequences is not None))
        chain = max(chains, key=len)
        if theirs.log_head is not None and theirs.log_head not in chain:
            raise DamagedError(_other_log(target))
        later = _sealed_at(self.header, chain) >= _sealed_at(theirs, chain)
        return _News(header=later, log=later and len(chains[0]) > len(chains[1]))


def _sealed_at(header: DatasetHeader, chain: Sequence[str]) -> int:
    """With how many entries of the log a dataset was sealed; -1 before that, 0 in the first format, which had none."""
    if header.sequences is None:
        return -1
    return 0 if header.log_head is None else chain.index(header.log_head) + 1


def _other_log(place: Place) -> str:
    return f"{place / LOG_FILE}: is not the log that the dataset was sealed with; run scanyard verify {place}"


def _parted(source: Place, target: Place, *, is_sealed: bool) -> str:
    """The message for two logs of which neither goes on from the other."""
    found, rest = (
        "was sealed with",
        "the dataset as a whole is still the one that was. Fetch it into a new folder, add the sequences there, and "
        "publish that",
    )
    if not is_sealed:
        found, rest = (
            "has the log of",
            "whoever put that log has not finished. Let them; if they never will, delete "
            f"{target / LOG_FILE} and publish again",
        )
    return (
        f"{target}: {found} other sequences than {source}, and neither log goes on from the other; every sequence is "
        f"committed there, but {rest}"
    )


def _remove(place: BucketPath, seal: Seal) -> None:
    for relative in seal.files:
        with suppress(StoreError):  # what is left is read by nobody
            place.bucket.delete((place / relative).key)


def _in_bucket(uri: str | Place) -> BucketPath:
    place = place_of(uri)
    if not isinstance(place, BucketPath):
        raise InputError(f"{uri}: is no bucket; expected s3://BUCKET/PREFIX")
    return place
