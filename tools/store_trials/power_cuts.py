"""Power cuts: everything a disk may hold afterwards, for every moment of a commit.

The calls of one commit are noted and cut off after each of them in turn.  What was synced by then is there; of the
rest each name may be there or not, independently of the others, and each file's bytes may be whole, missing, torn in
the middle, or zeros.  That is harsher than any journal: only a rename happens whole or not at all.  Every such disk is
laid out in a folder, and readers must see each sequence whole or not at all, and those that were acknowledged whole.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from killed_writers import NAME, work
from small_recordings import half_written

from scanyard.store import open_dataset, sweep_staging, verify
from scanyard.store.dataset import DATASET_FILE
from scanyard.store.disk import Disk

EXHAUSTIVE = 6
"""With at most so many undecided names and files, every combination is tried; with more, a random choice."""


@dataclass(eq=False)
class Node:
    """A folder or a file."""

    data: bytes | None = None
    """``None`` for a folder."""
    synced: bool = False
    names: list[Change] = field(default_factory=list)
    """What happened to the names in a folder."""


@dataclass(eq=False)
class Change:
    """A name that appeared or went; a rename is one change of two folders."""

    links: tuple[Node, str, Node] | None
    """Folder, name and what it now names."""
    unlinks: tuple[Node, str] | None
    durable: bool = False


class NotedDisk(Disk):
    """Does everything, and keeps what a cut would need to know."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self.root = Node()
        self._live: dict[Path, Node] = {top: self.root}
        self.calls: list[tuple[str, Any]] = []
        """Undone and redone by ``after``: changes, synced files and folders, in their order."""

    def make_folder(self, folder: Path) -> None:
        super().make_folder(folder)
        self._link(folder, Node())

    def write(self, path: Path, parts: Sequence[bytes]) -> None:
        super().write(path, parts)
        node = Node(b"".join(parts))
        self._link(path, node)
        self.calls.append(("bytes last", node))

    def sync(self, folder: Path) -> None:
        super().sync(folder)
        if folder in self._live:  # what the dataset's parent lies in was there before, and lasts
            self.calls.append(("names last", self._live[folder]))

    def rename(self, old: Path, new: Path) -> None:
        super().rename(old, new)
        node = self._live[old]
        change = Change((self._live[new.parent], new.name, node), (self._live[old.parent], old.name))
        self.calls.append(("change", change))
        self._live = {
            (new / path.relative_to(old) if path.is_relative_to(old) else path): found
            for path, found in self._live.items()
            if path != new
        }

    def remove(self, path: Path) -> None:
        super().remove(path)
        self.calls.append(("change", Change(None, (self._live[path.parent], path.name))))
        del self._live[path]

    def _link(self, path: Path, node: Node) -> None:
        self._live[path] = node
        self.calls.append(("change", Change((self._live[path.parent], path.name, node), None)))


def changes_after(calls: list[tuple[str, Any]], count: int) -> list[Change]:
    """The changes of names among the first calls, marked durable or not, and the files marked synced or not."""
    changes: list[Change] = []
    for kind, what in calls:
        if kind == "bytes last":
            what.synced = False
        elif kind == "change":
            what.durable = False
    for kind, what in calls[:count]:
        if kind == "bytes last":
            what.synced = True
        elif kind == "change":
            changes.append(what)
        else:  # the names of this folder last; a rename lasts with the folder it went to
            for change in changes:
                folder = change.links[0] if change.links else change.unlinks[0] if change.unlinks else None
                change.durable |= folder is what
    return changes


def disks_after(
    calls: list[tuple[str, Any]], count: int, root: Node, pick: random.Random, samples: int
) -> Iterator[dict[str, bytes | None]]:
    """What the disk may hold after so many calls: bytes by path, ``None`` for a folder."""
    changes = changes_after(calls, count)
    undecided = [change for change in changes if not change.durable]
    files = [change.links[2] for change in changes if change.links and change.links[2].data is not None]
    torn = [node for node in dict.fromkeys(files) if not node.synced]
    if len(undecided) + len(torn) <= EXHAUSTIVE:
        outcomes = itertools.product(*[(True, False)] * len(undecided), *[range(4)] * len(torn))
    else:
        whole = (True,) * len(undecided)
        corners = [(*whole, *[how] * len(torn)) for how in range(4)] + [(False,) * len(undecided) + (0,) * len(torn)]
        ones = [(*whole[:at], False, *whole[at + 1 :], *[0] * len(torn)) for at in range(len(undecided))]
        drawn = (
            tuple(pick.random() < 0.7 for _ in undecided) + tuple(pick.randrange(4) for _ in torn)
            for _ in range(samples)
        )
        outcomes = itertools.chain(corners, pick.sample(ones, min(samples, len(ones))), drawn)
    for outcome in outcomes:
        kept = {change for change, there in zip(undecided, outcome, strict=False) if there}
        damage = dict(zip(torn, outcome[len(undecided) :], strict=True))
        yield _laid_out(root, [change for change in changes if change.durable or change in kept], damage)


def _laid_out(root: Node, changes: list[Change], damage: dict[Node, Any]) -> dict[str, bytes | None]:
    names: dict[Node, dict[str, Node]] = {}
    for change in changes:
        if change.unlinks:
            names.get(change.unlinks[0], {}).pop(change.unlinks[1], None)
        if change.links:
            names.setdefault(change.links[0], {})[change.links[1]] = change.links[2]
    found: dict[str, bytes | None] = {}

    def walk(node: Node, path: str) -> None:
        for name, child in names.get(node, {}).items():
            here = f"{path}/{name}" if path else name
            found[here] = None if child.data is None else _damaged(child.data, damage.get(child, 0))
            walk(child, here)

    walk(root, "")
    return found


def _damaged(data: bytes, how: int) -> bytes:
    half = len(data) // 2
    return (data, b"", data[:half] + bytes(len(data) - half), bytes(len(data)))[how]


def cut_everywhere(folder: Path, *, full: bool, samples: int, seed: int) -> tuple[int, int, list[str]]:
    """Cut the power after every call; returns disks looked at, of those different ones, and what was wrong."""
    top, scratch = folder / "traced", folder / "after"
    top.mkdir()
    disk = NotedDisk(top)
    digest = work(top / "dataset", disk, full=full)
    sequences = next(n for n, (kind, what) in enumerate(disk.calls) if _commits(kind, what)) + 2
    pick = random.Random(seed)
    looked, wrong, seen = 0, [], set()
    for count in range(len(disk.calls) + 1):
        for held in disks_after(disk.calls, count, disk.root, pick, samples):
            looked += 1
            acknowledged = count >= sequences
            visible = {path: data for path, data in held.items() if "/staging/" not in path}
            key = (acknowledged, hashlib.sha256(repr(sorted(visible.items())).encode()).digest())
            if key in seen:
                continue
            seen.add(key)
            problem = _after_the_cut(scratch, held, digest, acknowledged=acknowledged, full=full, resume=len(seen) < 40)
            if problem:
                wrong.append(f"after {count} of {len(disk.calls)} calls: {problem}")
    return looked, len(seen), wrong


def _commits(kind: str, what: Any) -> bool:
    return kind == "change" and what.links is not None and what.unlinks is not None and what.links[1] == NAME


def _after_the_cut(
    scratch: Path, held: dict[str, bytes | None], digest: str, *, acknowledged: bool, full: bool, resume: bool
) -> str | None:
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for path, data in held.items():
        if data is None:
            (scratch / path).mkdir()
        else:
            (scratch / path).write_bytes(data)
    root = scratch / "dataset"
    if (root / DATASET_FILE).exists() and (problem := half_written(root, {NAME: digest})):
        return problem
    if acknowledged and ((root / DATASET_FILE).exists() is False or NAME not in open_dataset(root).sequences):
        return "the sequence was acknowledged and is gone"
    if resume:
        try:
            again = work(root, Disk(), full=full)
            sweep_staging(root)
            findings = verify(root)
        except Exception as error:  # noqa: BLE001  # whatever stops a resumed run is a failure of the trial
            return f"going on failed: {error!r}"
        if again != digest or findings:
            return f"after going on: digest {again[:12]} for {digest[:12]}, {findings}"
    return None
