"""Writers that die at a named point of the commit: before, after and in the middle of every call to the disk.

A dataset is made, a sequence is written and the dataset is sealed in a child process, which kills itself with SIGKILL
at the point.  Then readers must see the sequence whole or not at all, and the same work done again must complete it.
"""

from __future__ import annotations

import os
import shutil
import signal
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from small_recordings import half_written, info_of, recording

from scanyard.store import create_dataset, open_dataset, seal_dataset, sweep_staging, verify, write_sequence
from scanyard.store.dataset import DATASET_FILE
from scanyard.store.disk import Disk

NAME = "walk"


class WatchedDisk(Disk):
    """Calls ``reached`` with the name of every point on the way."""

    def __init__(self, root: Path, reached: Callable[[str], None]) -> None:
        self._root, self._reached = root, reached

    def make_folder(self, folder: Path) -> None:
        self._reached(f"before make {self._named(folder)}")
        super().make_folder(folder)
        self._reached(f"after make {self._named(folder)}")

    def write(self, path: Path, parts: Sequence[bytes]) -> None:
        name = self._named(path)
        self._reached(f"before write {name}")
        whole = b"".join(parts)
        if self._stops_at(f"inside write {name}"):
            path.write_bytes(whole[: len(whole) // 2])
        self._reached(f"inside write {name}")
        super().write(path, parts)
        self._reached(f"after write {name}")

    def sync(self, folder: Path) -> None:
        self._reached(f"before sync {self._named(folder)}")
        super().sync(folder)
        self._reached(f"after sync {self._named(folder)}")

    def rename(self, old: Path, new: Path) -> None:
        self._reached(f"before rename to {self._named(new)}")
        super().rename(old, new)
        self._reached(f"after rename to {self._named(new)}")

    def remove(self, path: Path) -> None:
        self._reached(f"before remove {self._named(path)}")
        super().remove(path)
        self._reached(f"after remove {self._named(path)}")

    def _stops_at(self, _point: str) -> bool:
        return False

    def _named(self, path: Path) -> str:
        """Path inside the dataset, with what is random in it left out."""
        parts = path.relative_to(self._root.parent).parts
        shown = [
            "ATTEMPT" if len(part) == 32 else ".partial" if part.startswith(".partial") else part for part in parts
        ]
        return "/".join(shown)


class DeadlyDisk(WatchedDisk):
    """Kills its own process at one point."""

    def __init__(self, root: Path, point: str) -> None:
        super().__init__(root, self._die_at)
        self._point = point

    def _die_at(self, point: str) -> None:
        if point == self._point:
            os.kill(os.getpid(), signal.SIGKILL)

    def _stops_at(self, _point: str) -> bool:
        return _point == self._point


def work(root: Path, disk: Disk, *, full: bool) -> str:
    """All that a campaign does to a dataset; returns the sequence's digest."""
    create_dataset(root, name="trial", licence="CC0-1.0", disk=disk)
    seal = write_sequence(root, info_of(NAME, camera=full), recording(1, full=full), disk=disk)
    seal_dataset(root, disk=disk)
    return seal.digest


def points(folder: Path, *, full: bool) -> tuple[list[str], str]:
    """Every point in the order of the work, and the digest that the work must end with."""
    reached: list[str] = []
    root = folder / "dataset"
    digest = work(root, WatchedDisk(root, reached.append), full=full)
    shutil.rmtree(root)
    return list(dict.fromkeys(reached)), digest


def kill_at(point: str, folder: Path, digest: str, *, full: bool) -> str | None:
    """Kill a writer there, look at what is left, and go on; says what went wrong, if anything did."""
    root = folder / str(os.getpid()) / "dataset"  # each process that tries has its own
    shutil.rmtree(root.parent, ignore_errors=True)
    root.parent.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside the threads of numeric libraries
        child = os.fork()
    if child == 0:
        try:
            work(root, DeadlyDisk(root, point), full=full)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        return f"{point}: the writer was to be killed there and ended with {os.waitstatus_to_exitcode(status)}"
    if (root / DATASET_FILE).exists() and (wrong := half_written(root, {NAME: digest})):
        return f"{point}: {wrong}"
    try:
        again = work(root, Disk(), full=full)
        sweep_staging(root)
        left = [*(root / "staging").iterdir()]
        findings = verify(root)
    except Exception as error:  # noqa: BLE001  # whatever stops a resumed run is a failure of the trial
        return f"{point}: going on failed: {error!r}"
    if again != digest or open_dataset(root).sequences[NAME].seal.digest != digest or findings or left:
        return f"{point}: after going on: digest {again[:12]} for {digest[:12]}, {findings}, left in staging: {left}"
    return None
