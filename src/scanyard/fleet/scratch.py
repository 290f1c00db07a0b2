"""A user's own place in the system's folder for temporary files: leases of ports and cards, and logs.

Its name can be guessed and everybody may write beside it, so somebody else may have made it before us: links would be
followed into files of ours, and a lease could name any of our processes as one to be ended.  It is used only where
nobody but us can write.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from scanyard.errors import EnvironmentFault

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def scratch_folder() -> Path:
    """This user's folder on this machine, made where it is not there; EnvironmentFault where it is not ours alone."""
    return own_folder(Path(tempfile.gettempdir()) / f"scanyard-{os.getuid()}")


def own_folder(folder: Path) -> Path:
    """``folder``, made where it is not there; EnvironmentFault where anybody else may write in it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise EnvironmentFault(f"{folder}: is no folder; {_remedy(folder)}") from None
        if found.st_uid != os.getuid():
            raise EnvironmentFault(
                f"{folder}: belongs to user {found.st_uid}, expected {os.getuid()}; {_remedy(folder)}"
            ) from None
        if found.st_mode & WRITABLE_BY_OTHERS:
            raise EnvironmentFault(
                f"{folder}: others may write in it (mode {stat.S_IMODE(found.st_mode):o}), so what lies in it is not "
                f"trusted; {_remedy(folder)}"
            ) from None
    return folder


def _remedy(folder: Path) -> str:
    return f"remove {folder}, or set TMPDIR to a folder of your own"
