"""The log of a dataset: what was sealed into it, when and from what, in a chain that can only grow.

``provenance.jsonl`` has an entry a line.  Each holds the hash of the one before, so nothing can be changed, left out or
put in between without every later hash changing; ``dataset.json`` holds the last hash, so nothing can be cut off; and
with a key each entry is signed (Ed25519), so that nobody without it can write a whole new chain.  An entry of a
sequence says its digest, licence and provenance (scenario, seed, server, or source files) and how it came about.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scanyard.errors import DamagedError, EnvironmentFault, InputError
from scanyard.store.layout import canonical_json, read_file
from scanyard.store.place import Place

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LOG_FILE = "provenance.jsonl"
_BODIES = {
    "sequence sealed": ("sequence", "digest"),
    "sequence removed": ("sequence", "digest"),
    "dataset sealed": ("merkle_root",),
}
"""What readers ask of an entry, by its event; of others nobody asks anything."""
BEGINNING = "0" * 64
"""What the first entry has for the hash of the one before."""


@dataclass(frozen=True)
class Entry:
    """One line of the log."""

    previous: str
    """Hash of the entry before."""
    event: str
    """``sequence sealed``, ``sequence removed`` or ``dataset sealed``."""
    at: str
    """UTC, to the second."""
    body: Mapping[str, Any]
    key: str | None = None
    """Public key of the signer, 64 hexadecimal digits; ``None`` where nobody signed."""
    signature: str | None = None
    """Of the hash, 128 hexadecimal digits."""

    @cached_property
    def hash(self) -> str:
        """SHA-256 over all but the signature; the key is under it."""
        said = {"previous": self.previous, "event": self.event, "at": self.at, "body": self.body, "key": self.key}
        return hashlib.sha256(canonical_json(said)).hexdigest()

    def to_line(self) -> bytes:
        """The one serialisation."""
        return canonical_json({**vars(self), "hash": self.hash}) + b"\n"


def read_log(root: Place) -> list[Entry]:
    """All entries, the chain and signatures checked; DamagedError names the line where it breaks."""
    path = root / LOG_FILE
    if not path.exists():
        return []
    entries: list[Entry] = []
    for number, line in enumerate(read_file(path).splitlines(keepends=True), start=1):
        try:
            said = json.loads(line)
            said.pop("hash", None)
            entry = Entry(**said)
            _require_kinds(entry)
            intact = entry.to_line() == line
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DamagedError(f"{path}, line {number}: no entry of a log ({error}); restore it from a copy") from error
        if not intact:
            raise DamagedError(f"{path}, line {number}: was changed after it was written; restore it from a copy")
        if entry.previous != (entries[-1].hash if entries else BEGINNING):
            raise DamagedError(f"{path}, line {number}: does not follow the line before; lines were removed or added")
        if entry.key is not None and not _signed(entry):
            raise DamagedError(f"{path}, line {number}: its signature is not of the key it names; it was forged")
        entries.append(entry)
    return entries


def _require_kinds(entry: Entry) -> None:
    """ValueError where an entry lacks what its event says, or has something else there; the hash covers any of it."""
    expected = _BODIES.get(entry.event, ()) if isinstance(entry.event, str) else ()
    texts = {"previous": entry.previous, "event": entry.event, "at": entry.at}
    if not isinstance(entry.body, dict):
        raise ValueError(f"its body is a {type(entry.body).__name__}")
    texts |= {name: value for name, value in (("key", entry.key), ("signature", entry.signature)) if value is not None}
    for name, value in {**texts, **{name: entry.body.get(name) for name in expected}}.items():
        if not isinstance(value, str):
            raise ValueError(f"its {name} is {value!r}, expected text")


def extended(
    entries: Sequence[Entry], events: Iterable[tuple[str, Mapping[str, Any]]], key: Ed25519PrivateKey | None
) -> list[Entry]:
    """The log with more events at its end, signed where there is a key."""
    log = list(entries)
    for event, body in events:
        previous = log[-1].hash if log else BEGINNING
        public = public_half(key)
        entry = Entry(previous, event, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), body, public)
        if key is not None:
            signature = key.sign(bytes.fromhex(entry.hash)).hex()
            entry = Entry(previous, event, entry.at, body, public, signature)
        log.append(entry)
    return log


def public_half(key: Ed25519PrivateKey | None) -> str | None:
    """The public key that goes with a private one, 64 hexadecimal digits as entries have it."""
    return None if key is None else key.public_key().public_bytes_raw().hex()


def log_until(entries: Sequence[Entry], head: str | None) -> list[Entry]:
    """The log as it was when the entry of the hash ``head`` was its last; empty where it has no such entry."""
    at = next((number for number, entry in enumerate(entries, start=1) if entry.hash == head), 0)
    return list(entries[:at])


def told_of(entries: Iterable[Entry]) -> dict[str, str]:
    """Digests by name of the sequences in the dataset after these entries."""
    told: dict[str, str] = {}
    for entry in entries:
        if entry.event == "sequence sealed":
            told[entry.body["sequence"]] = entry.body["digest"]
        elif entry.event == "sequence removed":
            told.pop(entry.body["sequence"], None)
    return told


def vouched_for(entries: Sequence[Entry], head: str | None, key: str) -> str | None:
    """What keeps the holder of the public ``key`` from vouching for a dataset sealed at ``head``; ``None`` if nothing.

    A signature covers the hash of its entry, and that the whole chain before: the last one is enough.  What comes
    after ``head`` (a writer may have been cut off between log and ``dataset.json``) must be signed as well.
    """
    sealed = log_until(entries, head)
    if not sealed:
        return "the dataset is not sealed, so nobody vouches for it"
    last = sealed[-1]
    if last.key is None:
        return "nobody signed what the dataset was sealed with"
    if last.key != key:
        return f"what the dataset was sealed with is signed with the key {last.key[:16]}, expected {key[:16]}"
    if entries[-1].key != key:
        return f"entries follow what the dataset was sealed with that are not signed with the key {key[:16]}"
    return None


def load_key(path: Path) -> Ed25519PrivateKey:
    """An Ed25519 private key from a PEM file without password, as ``openssl genpkey -algorithm ed25519`` makes one."""
    private: type[Ed25519PrivateKey] = _keys().Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  # see _keys

    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: no private key in PEM without a password ({error})") from error
    if not isinstance(key, private):
        raise InputError(f"{path}: found a {type(key).__name__}, expected an Ed25519 key")
    return key


def load_public_key(path: Path) -> str:
    """A public key as entries have it, from a PEM file as ``openssl pkey -pubout`` makes one of a private key."""
    public = _keys().Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415  # see _keys

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: no public key in PEM ({error}); openssl pkey -in PRIVATE.pem -pubout makes one of a private key"
        ) from error
    if not isinstance(key, public):
        raise InputError(f"{path}: found a {type(key).__name__}, expected an Ed25519 key")
    return str(key.public_bytes_raw().hex())


def _signed(entry: Entry) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # see _keys

    try:
        key = _keys().Ed25519PublicKey.from_public_bytes(bytes.fromhex(entry.key or ""))
        key.verify(bytes.fromhex(entry.signature or ""), bytes.fromhex(entry.hash))
    except (InvalidSignature, ValueError):
        return False
    return True


def _keys() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415  # an extra: few datasets are signed
    except ImportError as error:
        raise EnvironmentFault("signed logs need the package cryptography: pip install 'scanyard[sign]'") from error
    return ed25519
