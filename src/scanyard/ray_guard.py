"""Ends what belongs to a Ray of ours when the program that started it is gone, however that went.

    python -m scanyard.ray_guard FD PARENT FOLDER

``FD`` is the reading end of a pipe that the program ``PARENT`` closes when it is done.  Ray leaves this to chance: its
servers die with the program, but the agents below them then try for a minute to tell the dead servers so, and where
that fails some try for ever.  What belongs to a Ray is known by a mark in its environment, the name of its folder,
which is drawn at random: never by what it is called, and never by a number alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import psutil

logger = logging.getLogger(__name__)

GUARD = "scanyard.ray_guard"
MARK = "SCANYARD_RAY"
"""Names Ray's folder in the environment of every process that belongs to it."""
PATIENCE_S = 8.0
"""From SIGTERM to SIGKILL: what ends a CARLA server has five seconds of its own for that."""
KILL_S = 5.0
GRACE_S = 5.0
"""More than any of the times above, for a machine that is at work."""
LOCK_S = 5.0
"""A program that is killed closes its pipe at once, and lets go of its lock a little later: with the last of its
threads, and of the children that it was just about to start."""
QUIET_S = 1.0
"""Nobody may have come up for so long after a program was killed: a process may have been starting another."""


def start_guard(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a guard of this program's Ray in ``folder``; returns it and the pipe to close when Ray is over."""
    theirs, ours = os.pipe()
    command = [sys.executable, "-m", GUARD, str(theirs), str(os.getpid()), str(folder)]
    try:
        # A session of its own: what ends us from the terminal, or our whole group, must not end it.
        guard = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs], start_new_session=True
        )
    except OSError:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return guard, ours


def end_guard(guard: subprocess.Popen[bytes], lifeline: int) -> None:
    """Say that Ray is over, and wait until the guard has gone; one that is stuck is killed."""
    os.close(lifeline)
    try:
        guard.wait(LOCK_S + PATIENCE_S + KILL_S + GRACE_S)
    except subprocess.TimeoutExpired:
        logger.warning("the guard of Ray, process %d, does not leave", guard.pid)
        guard.kill()
        guard.wait()


def lock_of(folder: Path) -> Path:
    """The file beside a folder that its owner keeps locked."""
    return folder.with_suffix(".lock")


def sweep(folder: Path, *, wait_s: float = 0.0) -> None:
    """End and remove what is left of a Ray whose owner is gone; nothing where it lives, or somebody else sweeps.

    The lock says whether the owner lives: it falls with the process, however that ends.  It is waited for as long as
    asked.  Another user's is that user's to sweep.
    """
    path = lock_of(folder)
    try:
        if path.lstat().st_uid != os.getuid():
            return
        lock = path.open("r+")
    except (FileNotFoundError, PermissionError):
        return  # its owner has cleared it away, or another has put it where we may not look
    deadline_s = time.monotonic() + wait_s
    with lock:
        while not _locked(lock):
            if time.monotonic() >= deadline_s:
                return
            time.sleep(0.05)
        clear(folder, quiet_s=QUIET_S)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def clear(folder: Path, *, quiet_s: float = 0.0) -> None:
    """End all that belongs to the Ray in ``folder``, and remove the folder and its lock."""
    end_belonging(folder, quiet_s=quiet_s)
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():  # else the next start tries again
        lock_of(folder).unlink(missing_ok=True)


def end_belonging(folder: Path, *, patience_s: float = PATIENCE_S, quiet_s: float = 0.0) -> None:
    """TERM, wait, KILL all that belongs to the Ray in ``folder``, until nobody has come up for ``quiet_s``."""
    began_s = quiet_since_s = time.monotonic()
    asked: set[psutil.Process] = set()
    while (left := _belonging(folder)) or time.monotonic() - quiet_since_s < quiet_s:
        now_s = time.monotonic()
        if left:
            quiet_since_s = now_s
        if now_s - began_s > patience_s + KILL_S:
            logger.error("processes %s of %s outlived SIGKILL", sorted(one.pid for one in left), folder)
            return
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                if now_s - began_s > patience_s:
                    process.kill()
                elif process not in asked:
                    asked.add(process)
                    process.terminate()
        time.sleep(0.05)
    if asked:
        logger.info("%d processes left by a program that is gone were ended", len(asked))


def _belonging(folder: Path) -> list[psutil.Process]:
    mark = f"{MARK}={folder}".encode()
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and (has_in_environment(process.pid, mark) or writes_below(process.pid, folder))
    ]


def has_in_environment(pid: int, entry: bytes) -> bool:
    """Whether a process was started with ``NAME=value`` in its environment, as far as that can still be read."""
    with contextlib.suppress(OSError):
        return entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


def writes_below(pid: int, folder: Path) -> bool:
    """Whether a process has a file below ``folder`` open for writing; who only reads one may be anybody."""
    place = Path(f"/proc/{pid}")
    with contextlib.suppress(OSError):  # it has just ended, or is another user's
        for entry in (place / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed in the meantime
                if str(entry.readlink()).startswith(f"{folder}/"):
                    lines = (place / "fdinfo" / entry.name).read_text(encoding="ascii").splitlines()
                    flags = next(line.split()[1] for line in lines if line.startswith("flags:"))
                    if int(flags, 8) & os.O_ACCMODE != os.O_RDONLY:
                        return True
    return False


def main(arguments: Sequence[str]) -> None:
    """Wait until the program has closed its pipe or is gone, and sweep what it has not cleared away itself."""
    lifeline, parent, folder = int(arguments[0]), int(arguments[1]), Path(arguments[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # they are meant for the program, which says its end
        signal.signal(number, signal.SIG_IGN)
    # Its death is watched besides: what it forked may hold the pipe for longer than it lives.
    ended = None
    with contextlib.suppress(ProcessLookupError):
        found = os.pidfd_open(parent)
        if os.getppid() == parent:
            ended = found
            select.select([lifeline, ended], [], [])
    sweep(folder, wait_s=LOCK_S)
    is_gone = ended is None or bool(select.select([ended], [], [], 0)[0])
    if is_gone and lock_of(folder).exists():  # what it forked has the lock from it as well
        clear(folder, quiet_s=QUIET_S)


if __name__ == "__main__":
    main(sys.argv[1:])
