"""Damage to every kind of file of a dataset: flipped bits, cut, deleted, swapped and stale files.

``verify`` must find each, and name sequence and array where the file belongs to one; a reader may refuse, or give out
what was recorded (the damage is where it does not look), but never anything else.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from side_by_side import side_by_side
from small_recordings import info_of, recording

from scanyard.errors import StoreError
from scanyard.frame import Frame
from scanyard.store import create_dataset, open_dataset, seal_dataset, verify, write_sequence
from scanyard.store.dataset import DATASET_FILE

NAMES = ("walk-1", "walk-2")
KINDS = ("truncate to nothing", "truncate by half", "truncate by a byte", "delete", "swap", "stale copy")


@dataclass
class Tally:
    """What became of the trials."""

    flips: int = 0
    others: int = 0
    refused: int = 0
    """Of those, by the reader; in the rest it gave out what was recorded."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Trials by what was damaged."""
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Sum up."""
        self.flips += other.flips
        self.others += other.others
        self.refused += other.refused
        self.kinds += other.kinds
        self.wrong += other.wrong


@dataclass(frozen=True)
class Original:
    """The dataset before anything was damaged, and an older version of it."""

    root: Path
    data: dict[Path, bytes]
    stale: dict[Path, bytes]
    """Of the same paths, from a dataset with other recordings of the same names."""
    recorded: dict[str, bytes]
    """All values of a sequence's frames, by name."""


def damage(
    folder: Path, *, flips: int, others: int, seed: int, advance: Callable[[int, int], None] = lambda *_: None
) -> Tally:
    """So many flipped bits and so many other kinds of damage, over all files in turn."""
    trials = [(folder, seed, number, number < flips) for number in range(flips + others)]
    tally = Tally()
    for one in side_by_side(_try, trials, advance):
        tally.add(one)
    return tally


def _try(trial: tuple[Path, int, int, bool]) -> Tally:
    folder, seed, number, flips = trial
    original = _own(folder)
    files = sorted(original.data)
    random.Random(seed).shuffle(files)
    turn, place = divmod(number, len(files))
    pick = random.Random(f"{seed} {number}")
    tally = Tally()
    if flips:
        tally.flips = 1
        _judge(original, {files[place]: _flipped(original.data[files[place]], pick)}, "flip", tally)
        return tally
    kind = KINDS[(place + turn) % len(KINDS)]  # another with every turn
    changes = (_changes(original, path, kind, pick) for path in files[place:] + files[:place])
    tally.others = 1
    _judge(original, next(found for found in changes if found), kind, tally)
    return tally


@cache
def _own(folder: Path) -> Original:
    """The dataset that this process damages."""
    own = folder / str(os.getpid())
    own.mkdir()
    return _made(own)


def _made(folder: Path) -> Original:
    versions = []
    for version in (1, 0):
        root = folder / f"version-{version}"
        create_dataset(root, name="damage", licence="CC0-1.0")
        for number, name in enumerate(NAMES):
            write_sequence(root, info_of(name), recording(10 * version + number))
        seal_dataset(root)
        versions.append({path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()})
    root = folder / "version-1"
    data, stale = ({root / path: data for path, data in version.items()} for version in versions)
    return Original(root, data, stale, dict(_read(root)))


def _changes(original: Original, path: Path, kind: str, pick: random.Random) -> dict[Path, bytes | None]:
    """What this kind of damage makes of the files; nothing where it would change nothing."""
    data = original.data[path]
    if kind == "swap":
        alike = [other for other in original.data if other.name == path.name and original.data[other] != data]
        if not alike:
            return {}
        other = pick.choice(alike)
        return {path: original.data[other], other: data}
    if kind == "stale copy":
        stale = original.stale.get(path, data)
        return {path: stale} if stale != data else {}
    lengths = {"truncate to nothing": 0, "truncate by half": len(data) // 2, "truncate by a byte": len(data) - 1}
    return {path: data[: lengths[kind]] if kind in lengths else None}


def _flipped(data: bytes, pick: random.Random) -> bytes:
    changed = bytearray(data)
    changed[pick.randrange(len(changed))] ^= 1 << pick.randrange(8)
    return bytes(changed)


def _judge(original: Original, changes: dict[Path, bytes | None], kind: str, tally: Tally) -> None:
    tally.kinds[kind] += 1
    for path, data in changes.items():
        path.unlink() if data is None else path.write_bytes(data)
    try:
        tally.wrong += [f"{kind}: {text}" for text in _unnoticed(original, changes)]
        try:
            read = dict(_read(original.root))
        except StoreError:
            tally.refused += 1
        else:
            if read != original.recorded:
                tally.wrong.append(f"{kind} of {sorted(changes)[0]}: the reader gave out other values")
    finally:
        for path in changes:
            path.write_bytes(original.data[path])


def _unnoticed(original: Original, changes: dict[Path, bytes | None]) -> Iterator[str]:
    findings = verify(original.root)
    for path in changes:
        parts = path.relative_to(original.root).parts
        sequence = parts[1] if len(parts) > 1 else None
        array = "/".join(parts[2:-1]) if _is_of_an_array(original, path) else None
        named = [finding for finding in findings if finding.path == path and finding.sequence == sequence]
        if (
            path.name == DATASET_FILE
        ):  # an old list of sequences is sound in itself: the sequences are named that differ
            named = named or [finding for finding in findings if finding.sequence in NAMES]
        if not named:
            yield f"{path} went unnoticed: {[str(finding) for finding in findings]}"
        elif array and not any(finding.array == array for finding in named):
            yield f"{path} was found, without naming its array {array}"


def _is_of_an_array(original: Original, path: Path) -> bool:
    return b'"node_type": "array"' in original.data.get(path.parent / "zarr.json", b"")


def _read(root: Path) -> Iterator[tuple[str, bytes]]:
    for name, sequence in open_dataset(root).sequences.items():
        yield name, b"".join(_values(frame) for frame in sequence)


def _values(frame: Frame) -> bytes:
    """Every stored value of a frame."""
    parts: list[object] = [frame.timestamp_ns, frame.world_from_ego.matrix, frame.name, frame.dont_care]
    for one in (*frame.sweeps.values(), *frame.images.values(), frame.boxes):
        parts += vars(one).values()
    return b"|".join(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode() for part in parts)
