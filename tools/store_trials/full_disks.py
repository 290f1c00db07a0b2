"""A disk that fills up in the middle of a recording: a small tmpfs, filled beforehand to a random fraction.

Sequences are written until one does not fit, which is noticed in staging.  It must end in one clear StoreError, those
acknowledged must be there and whole, staging must be empty, and with the filling gone the same sequence must go in, in
the same process.  Then the disk is filled to the brim and the dataset sealed: the same is asked of its own file.
Needs the right to mount; ``may_mount`` says whether there is one.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from side_by_side import side_by_side
from small_recordings import half_written, info_of, recording

from scanyard.errors import StoreError
from scanyard.store import create_dataset, open_dataset, seal_dataset, write_sequence

SIZE_KIB = 4096
POINTS = 3000
"""Of a frame: sequences of some 200 kB."""


def may_mount() -> bool:
    """Whether this process may mount a tmpfs in a namespace of its own."""
    done = subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True)
    return done.returncode == 0


def fill(fraction: float, seed: int) -> str | None:
    """Try it in a process with a small disk of its own; says what was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        mount = f'mount -t tmpfs -o size={SIZE_KIB}k none {folder} && exec "$@"'
        command = [
            "unshare",
            "-rm",
            "sh",
            "-c",
            mount,
            "sh",
            sys.executable,
            __file__,
            folder,
            str(fraction),
            str(seed),
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.stdout.strip() == "survived":
        return None
    return f"filled to {fraction:.2f}: {done.stdout}{done.stderr[-600:]}"


def fill_often(times: int, seed: int, advance: Callable[[int, int], None]) -> list[str]:
    """Fill a disk to so many random fractions."""
    pick = random.Random(seed)
    trials = [(pick.uniform(0.0, 0.95), pick.randrange(1000)) for _ in range(times)]
    return [text for text in side_by_side(_fill, trials, advance) if text]


def _fill(trial: tuple[float, int]) -> str | None:
    return fill(*trial)


def _play(disk: Path, fraction: float, seed: int) -> None:
    filling = disk / "filling"
    filling.write_bytes(os.urandom(int(SIZE_KIB * 1024 * fraction)))
    root = disk / "dataset"
    acknowledged: dict[str, str] = {}
    try:
        create_dataset(root, name="full", licence="CC0-1.0")
        for number in range(100):
            name = f"walk-{number}"
            seal = write_sequence(root, info_of(name), recording(seed + number, points=POINTS))
            acknowledged[name] = seal.digest
    except StoreError as error:
        message = str(error)
        assert "disk is full" in message or "cannot be made here" in message, message
        assert "\n" not in message
    else:
        raise SystemExit("a hundred sequences went into four megabytes")
    if acknowledged or (root / "dataset.json").exists():
        assert sorted(open_dataset(root).sequences) == sorted(acknowledged)
        assert (problem := half_written(root, acknowledged)) is None, problem
        assert not list((root / "staging").iterdir()), "something is left in staging"
    filling.unlink()
    if fraction < 0.3:  # what fills the disk is then the dataset itself, which loses nothing
        (root / "sequences").rename(disk / "elsewhere")
        subprocess.run(["rm", "-r", str(disk / "elsewhere")], check=True)
        (root / "sequences").mkdir()
        acknowledged.clear()
    create_dataset(root, name="full", licence="CC0-1.0")
    seal = write_sequence(root, info_of("after"), recording(seed, points=POINTS))
    acknowledged["after"] = seal.digest
    assert half_written(root, acknowledged) is None
    _seal_without_room(root, filling, acknowledged)
    print("survived")


def _seal_without_room(root: Path, filling: Path, acknowledged: dict[str, str]) -> None:
    """What fills up in staging costs one attempt; here it is the dataset's own file that finds no room."""
    with suppress(OSError), filling.open("wb", buffering=0) as file:  # it is full: that was the aim
        while file.write(bytes(1024)):
            pass
    try:
        seal_dataset(root)
    except StoreError as error:
        assert "cannot be sealed" in str(error), str(error)
        assert "\n" not in str(error)
    else:
        raise SystemExit("a dataset was sealed where there was no room")
    assert half_written(root, acknowledged) is None
    filling.unlink()
    seal_dataset(root)
    assert half_written(root, acknowledged) is None


if __name__ == "__main__":
    _play(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
