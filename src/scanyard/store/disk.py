"""What a commit asks of the file system, call by call: ``Disk``.

Everything the store writes goes through here, so that a test can stop it at any call, or note the calls and work out
what a power cut would have left.  What a stranger gets wrong: a file's bytes and its name are two things to the
system.  ``write`` makes the bytes last; the name lasts once its folder is synced as well.

Who replaces the log and then ``dataset.json`` holds the lock of the dataset's folder (``locked``) from before reading
them, or two who seal at once would leave the file of one with the log of the other.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class Disk:
    """The file system as it is."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder in one that is there; FileExistsError if it is there itself."""
        folder.mkdir()

    def write(self, path: Path, parts: Sequence[bytes]) -> None:
        """Make a new file of these bytes and have them outlast a power cut; FileExistsError if it is there."""
        with path.open("xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())

    def sync(self, folder: Path) -> None:
        """Have the names in a folder outlast a power cut."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Rename in one step: a file takes another's place, a folder none but an empty one's (OSError otherwise)."""
        old.rename(new)

    def remove(self, path: Path) -> None:
        """Remove a file, or a folder that is empty."""
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def make_folders(self, folder: Path) -> list[Path]:
        """Make a folder and those it lies in where they are missing; return the ones made, outermost first."""
        made: list[Path] = []
        while not folder.is_dir():
            place = folder
            while not place.parent.is_dir():
                place = place.parent
            try:
                self.make_folder(place)
            except FileExistsError:
                if not place.is_dir():  # else somebody made it just now, which is as good
                    raise
            except FileNotFoundError:  # somebody removed the folder it lies in just now, as tidy writers do
                continue
            else:
                made.append(place)
        return made

    def remove_tree(self, folder: Path) -> None:
        """Remove a folder with all that is in it."""
        for parent, folders, files in os.walk(folder, topdown=False):
            for name in (*files, *folders):
                self.remove(Path(parent, name))
        self.remove(folder)

    def replace_durably(self, path: Path, data: bytes) -> None:
        """Put a file in place whole or not at all, and keep it through a power cut."""
        partial = path.with_name(f"{PARTIAL}{path.name}.{os.urandom(8).hex()}")
        try:
            self.write(partial, [data])
            self.rename(partial, path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        self.sync(path.parent)


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a folder's lock, and say whether: not if somebody else does, unless we ``wait`` until they let go.

    The system lets go of it when a process dies, so nobody waits for the dead.  Over NFS it holds on one machine only:
    a sweep from another may take an attempt away, which is then made again; two machines must not seal at once.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


PARTIAL = ".partial-"
"""Begins the name of a file that is not in its place yet; nobody reads it, ``sweep_staging`` removes it."""
DISK = Disk()
