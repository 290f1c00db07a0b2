"""A dataset's own file: making one, and sealing it when all its sequences are there.

``dataset.json`` says what the dataset is called and may be used for.  Sequences commit on their own, so the file does
not change while a campaign runs; ``seal_dataset`` then lists them, after which a sequence that goes missing is noticed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanyard.errors import DamagedError, InputError, StoreError
from scanyard.licences import inherited
from scanyard.store.disk import DISK, PARTIAL, Disk, locked
from scanyard.store.layout import (
    DATASET_FILE,
    DATASET_FORMAT,
    FIRST_DATASET_FORMAT,
    SEAL_FILE,
    SEQUENCES,
    STAGING,
    canonical_json,
    parsed_json,
    read_file,
    readable_json,
)
from scanyard.store.merkle import merkle_root
from scanyard.store.place import BucketPath, Place, local_folder
from scanyard.store.provenance import LOG_FILE, Entry, extended, log_until, public_half, read_log, told_of
from scanyard.store.seal import Summary, read_summary

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


_IF_SEALED = ("merkle_root", "log_head")


@dataclass(frozen=True)
class DatasetHeader:
    """What ``dataset.json`` says."""

    name: str
    licence: str
    """SPDX id or name of the licence the dataset is given out under."""
    campaign: str
    """Digest or name of the campaign that fills it; empty for imported data."""
    sequences: Mapping[str, str] | None = None
    """Digests by sequence name, once the dataset is sealed."""
    merkle_root: str | None = None
    """Over those; ``None`` in the first format."""
    log_head: str | None = None
    """Hash of the last entry of the log when it was sealed; ``None`` in the first format."""

    @property
    def identity(self) -> dict[str, str]:
        """What never changes: its name, licence and campaign."""
        return {"name": self.name, "licence": self.licence, "campaign": self.campaign}

    def to_bytes(self) -> bytes:
        """The one serialisation: the file ``dataset.json``."""
        body = {"format": DATASET_FORMAT, **asdict(self)}
        if self.log_head is None:  # the first format, and so is one that was never sealed
            body = {key: value for key, value in body.items() if key not in _IF_SEALED}
            body["format"] = FIRST_DATASET_FORMAT
        if self.sequences is not None:
            body["digest"] = dataset_digest(self.sequences)
        return readable_json({**body, "self_sha256": hashlib.sha256(canonical_json(body)).hexdigest()})


def create_dataset(
    uri: str | Path, *, licence: str, name: str | None = None, campaign: str = "", disk: Disk = DISK
) -> None:
    """Make an empty dataset in the folder ``uri``, called as the folder is where no ``name`` is given.

    One that is there already is left as it is and keeps its name, since folders are fetched, moved and renamed;
    StoreError if it is under another licence, or of another campaign than the one that is asked for.
    """
    root = local_folder(uri)
    header = DatasetHeader(name=name or root.resolve().name, licence=licence, campaign=campaign)
    try:
        if (root / DATASET_FILE).exists():
            return _require_same(root, header)
        if root.exists() and not root.is_dir():
            raise StoreError(f"{root}: is a file; a dataset needs a folder")
        strangers = sorted(path.name for path in root.iterdir()) if root.exists() else []
        ours = [name for name in strangers if name in (SEQUENCES, STAGING) or name.startswith(PARTIAL)]
        if len(ours) < len(strangers) and not all(name.startswith(".") for name in strangers):
            raise StoreError(f"{root}: holds {strangers[:3]} and no {DATASET_FILE}; choose an empty or new folder")
        made = [*disk.make_folders(root / SEQUENCES), *disk.make_folders(root / STAGING)]
        # Before the header, which promises them; also if they were there: whoever made them may have been cut off.
        for folder in sorted({folder.parent for folder in made} | {root, root.parent}, reverse=True):
            with suppress(PermissionError):  # a folder that may be written and not read cannot be synced
                disk.sync(folder)
        with locked(root, wait=True):
            if (root / DATASET_FILE).exists():  # somebody made it meanwhile, and may have sealed it
                return _require_same(root, header)
            disk.replace_durably(root / DATASET_FILE, header.to_bytes())
    except OSError as error:
        raise StoreError(f"{root}: the dataset cannot be made here ({error.strerror})") from error


def _require_same(root: Path, wanted: DatasetHeader) -> None:
    found = read_header(root)
    asked = {
        "licence": (found.licence, wanted.licence),
        "campaign": (found.campaign, wanted.campaign or found.campaign),
    }
    for what, (has, needed) in asked.items():
        if has != needed:
            raise StoreError(
                f"{root}: already holds the dataset {found.name!r} with the {what} {has!r}, asked for is {needed!r}; "
                "choose another folder"
            )


def seal_dataset(
    uri: str | Path, *, key: Ed25519PrivateKey | None = None, forget: Collection[str] = (), disk: Disk = DISK
) -> str:
    """List the committed sequences in ``dataset.json`` and return the dataset's digest; do it when a campaign ends.

    What is new is entered in the log first, signed where there is a ``key``; sealing again without news changes
    nothing, unless with a key that did not sign the last time: then it vouches for all that is there.

    DamagedError where what was sealed before is gone or another one, or the log is, or the dataset has another name or
    licence: a new seal would hide it.
    Sequences to ``forget`` may be gone, and the log says from then on that they were removed.
    """
    root = local_folder(uri)
    require_dataset(root)
    try:
        with locked(root, wait=True):
            return _seal(root, key, forget, disk)
    except OSError as error:
        raise StoreError(f"{root}: the dataset cannot be sealed ({error.strerror})") from error


def _seal(root: Path, key: Ed25519PrivateKey | None, forget: Collection[str], disk: Disk) -> str:
    header = read_header(root)
    summaries = {name: read_summary(root / SEQUENCES / name) for name in committed_names(root)}
    digests = {name: summary.digest for name, summary in summaries.items()}
    log = read_log(root)
    known = _sealed_before(root, header, log)
    lost = {name: digest for name, digest in known.items() if digests.get(name) != digest}
    removed = {name: _lost(root, name, lost, known) for name in dict.fromkeys(forget)}
    _refuse_loss(root, digests, [name for name in lost if name not in removed])
    known = {name: digest for name, digest in known.items() if name not in removed}
    news = list(_news(header, log, known, removed, summaries, signer=public_half(key)))
    disk.sync(root / SEQUENCES)  # who committed the last of them may have died before
    if news:
        log = extended(log, news, key)
        disk.replace_durably(root / LOG_FILE, b"".join(entry.to_line() for entry in log))
    sealed = replace(header, sequences=digests, merkle_root=merkle_root(digests), log_head=log[-1].hash)
    disk.replace_durably(root / DATASET_FILE, sealed.to_bytes())
    return dataset_digest(digests)


def require_nothing_lost(uri: str | Path, coming: Collection[str] = ()) -> None:
    """DamagedError if a sequence that was sealed is gone and not among those ``coming``: told of before the work."""
    root = local_folder(uri)
    there = set(committed_names(root))
    _refuse_loss(root, {}, sorted(set(read_header(root).sequences or ()) - there - set(coming)))


def _sealed_before(root: Path, header: DatasetHeader, log: Sequence[Entry]) -> dict[str, str]:
    """Digests by name of what the dataset holds by its log, which may be further than ``dataset.json``."""
    if problem := changed_since(header, log):
        raise DamagedError(f"{root / DATASET_FILE}: {problem}; restore it from a copy")
    if header.log_head is None:  # the first format, which had none; or nothing was sealed to the end
        return {**(header.sequences or {}), **told_of(log)}
    if not log_until(log, header.log_head):
        raise DamagedError(
            f"{root / LOG_FILE}: is not the log that the dataset was sealed with, entries are gone or others; "
            "restore it from a copy: sealing anew would hide what it told of"
        )
    return told_of(log)


def _lost(root: Path, name: str, lost: Mapping[str, str], known: Mapping[str, str]) -> str:
    """Digest of a sequence that may be forgotten."""
    if name not in lost:
        why = "is there as it was sealed; remove its folder first" if name in known else "was never sealed into it"
        raise InputError(f"{root}: sequence {name!r} cannot be forgotten, it {why}")
    return lost[name]


def _refuse_loss(root: Path, there: Collection[str], lost: Sequence[str]) -> None:
    if not lost:
        return
    name, more = lost[0], f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
    now = "another one now" if name in there else "gone"
    raise DamagedError(
        f"{root}: sequence {name!r}{more} was sealed into the dataset and is {now}; restore it from a copy or record "
        f"it again, or have its loss entered in the log: scanyard seal {root} --forget {name}"
    )


def _news(
    header: DatasetHeader,
    log: Sequence[Entry],
    known: Mapping[str, str],
    removed: Mapping[str, str],
    summaries: Mapping[str, Summary],
    *,
    signer: str | None,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the log does not say yet: sequences that are gone, new or others, and the whole."""
    news = bool(removed)
    for name, digest in removed.items():
        yield "sequence removed", {"sequence": name, "digest": digest}
    for name, summary in summaries.items():
        if known.get(name) != summary.digest:
            news = True
            yield (
                "sequence sealed",
                {
                    "sequence": name,
                    "digest": summary.digest,
                    "frames": summary.num_frames,
                    "domain": summary.domain,
                    "licence": summary.licence,
                    "provenance": dict(summary.provenance),
                    "record": dict(summary.record),
                },
            )
    unsigned = signer is not None and bool(log) and (log[-1].key != signer or "dataset" not in log[-1].body)
    root = merkle_root({name: summary.digest for name, summary in summaries.items()})
    if news or not log or log[-1].event != "dataset sealed" or log[-1].body["merkle_root"] != root or unsigned:
        licence = inherited({header.licence, *(summary.licence for summary in summaries.values())})
        yield (
            "dataset sealed",
            {"sequences": len(summaries), "merkle_root": root, "licence": licence, "dataset": header.identity},
        )


def changed_since(header: DatasetHeader, log: Sequence[Entry]) -> str | None:
    """What is wrong if ``dataset.json`` has another name, licence or campaign than any entry it was sealed with."""
    for entry in log:
        said = entry.body.get("dataset", header.identity)  # earlier entries say nothing of it
        if entry.event == "dataset sealed" and said != header.identity:
            told = said if isinstance(said, dict) else {}
            others = [name for name, now in header.identity.items() if told.get(name) != now]
            problem = [f"its {name} is {header.identity[name]!r}, sealed was {told.get(name)!r}" for name in others]
            return " and ".join(problem) or f"sealed were other things than {list(header.identity)} besides"
    return None


def dataset_digest(digests: Mapping[str, str]) -> str:
    """SHA-256 over the sorted (name, digest) pairs of the sequences."""
    return hashlib.sha256(canonical_json(sorted(digests.items()))).hexdigest()


def read_header(root: Place) -> DatasetHeader:
    """Read and check ``dataset.json``; StoreError if the folder is no dataset, DamagedError if a byte has changed."""
    require_dataset(root)
    path = root / DATASET_FILE
    data = read_file(path)
    body = parsed_json(path, data, expected_formats=(DATASET_FORMAT, FIRST_DATASET_FORMAT))
    try:
        header = DatasetHeader(
            name=body["name"],
            licence=body["licence"],
            campaign=body["campaign"],
            sequences=body["sequences"],
            merkle_root=body.get("merkle_root"),
            log_head=body.get("log_head"),
        )
        _require_kinds(header)
        intact = header.to_bytes() == data
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError(f"{path}: damaged, {error!r} while reading it; restore it from a copy") from error
    if not intact:
        raise DamagedError(f"{path}: its bytes do not match its own checksum; restore it from a copy")
    return header


def _require_kinds(header: DatasetHeader) -> None:
    """ValueError where something else stands than what readers take it for."""
    sealed = [one is not None for one in (header.log_head, header.merkle_root)]
    if any(sealed) and not (all(sealed) and header.sequences is not None):
        raise ValueError("it is sealed, and lacks what it was sealed with")
    texts = {"name": header.name, "licence": header.licence, "campaign": header.campaign}
    texts |= {name: value for name, value in vars(header).items() if name in _IF_SEALED and value is not None}
    sequences = {} if header.sequences is None else dict(header.sequences)
    for name, value in {**texts, **{f"digest of {name!r}": digest for name, digest in sequences.items()}}.items():
        if not isinstance(value, str):
            raise ValueError(f"its {name} is {value!r}, expected text")


def require_dataset(root: Place) -> None:
    """Refuse a folder that is no dataset."""
    if isinstance(root, Path) and not root.is_dir():
        raise StoreError(f"{root}: no such folder; a dataset is a folder with a {DATASET_FILE}")
    if not (root / DATASET_FILE).is_file():
        raise StoreError(f"{root}: holds no {DATASET_FILE}, so it is no dataset; give the folder that has one")


def committed_names(root: Place) -> list[str]:
    """Names of all sequences in the dataset, sorted; a folder in ``sequences`` was put there by a commit."""
    folder = root / SEQUENCES
    if isinstance(folder, BucketPath):  # where a commit is the seal; before the first there is nothing
        end = f"/{SEAL_FILE}"
        return sorted(
            key.removesuffix(end)
            for key in folder.bucket.sizes(folder.key)
            if key.count("/") == 1 and key.endswith(end)
        )
    if not folder.is_dir():
        raise DamagedError(f"{root}: its folder {SEQUENCES!r} is gone; restore it from a copy")
    with os.scandir(folder) as entries:  # which knows folders from files without asking for each
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
