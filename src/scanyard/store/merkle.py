"""A Merkle tree over the sequences of a dataset: one hash for all, and a short proof that a sequence is among them.

Leaves and nodes are hashed with different first bytes, after RFC 6962, or a node could be shown as a leaf; the root
is that RFC's for the leaves in order of their names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from scanyard.store.layout import canonical_json


def merkle_root(digests: Mapping[str, str]) -> str:
    """Root over (name, digest) pairs in order of their names."""
    return _root([_leaf(name, digest) for name, digest in sorted(digests.items())]).hex()


def proof(digests: Mapping[str, str], name: str) -> list[tuple[str, str]]:
    """What proves that ``name`` is in: from the leaf up, the side of each neighbour and its hash."""
    names = sorted(digests)
    return _path([_leaf(one, digests[one]) for one in names], names.index(name))


def proves(steps: Sequence[tuple[str, str]], name: str, digest: str, root: str) -> bool:
    """Whether a proof leads from this sequence to this root."""
    found = _leaf(name, digest)
    for side, neighbour in steps:
        other = bytes.fromhex(neighbour)
        found = _node(other, found) if side == "left" else _node(found, other)
    return found.hex() == root


def _leaf(name: str, digest: str) -> bytes:
    return hashlib.sha256(b"\x00" + canonical_json([name, digest])).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    at = _split(len(leaves))
    return _node(_root(leaves[:at]), _root(leaves[at:]))


def _path(leaves: Sequence[bytes], index: int) -> list[tuple[str, str]]:
    if len(leaves) < 2:
        return []
    at = _split(len(leaves))
    if index < at:
        return [*_path(leaves[:at], index), ("right", _root(leaves[at:]).hex())]
    return [*_path(leaves[at:], index - at), ("left", _root(leaves[:at]).hex())]
